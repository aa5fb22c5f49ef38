// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"net/http"
	"net/url"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/goccy/go-json"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/queue"
)

const hookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// remedies sends the unsold leads of the vertical to a hook, and keeps sending for so long.
func remedies(t *testing.T, s setup, again time.Duration, fields ...string) setup {
	t.Helper()
	to := hookAt(t, "unsold", again)
	return vertical(s, func(v *exchange.Vertical) {
		v.Remediation = &exchange.Remediation{Endpoint: to, Fields: fields}
	})
}

// hookAt is an endpoint that calls of this name go to.
func hookAt(t *testing.T, call string, again time.Duration) queue.Endpoint {
	t.Helper()
	u, err := url.Parse(exchangetest.URL("hook", call))
	if err != nil {
		t.Fatal(err)
	}
	secret, err := queue.ParseSecret(hookSecret)
	if err != nil {
		t.Fatal(err)
	}
	return queue.Endpoint{URL: u, Secrets: []queue.Secret{secret}, Timeout: time.Second, For: again, AllowPrivate: true}
}

// told is what a message of an unsold lead says.
type toldUnsold struct {
	ID   string
	Type string `json:"type"`
	Data struct {
		Lead   exchange.Unsold   `json:"lead"`
		Fields map[string]string `json:"fields"`
	} `json:"data"`
}

// received are the messages that the hook was sent, whose signatures the public library verifies.
func received(x *rig) (out []toldUnsold) {
	x.T.Helper()
	hook, err := standardwebhooks.NewWebhook(hookSecret)
	if err != nil {
		x.T.Fatal(err)
	}
	for _, r := range x.Buyers.Calls("hook", "unsold") {
		if err := hook.VerifyIgnoringTimestamp([]byte(r.Body), r.Header); err != nil {
			x.T.Errorf("signature: %v", err)
		}
		m := toldUnsold{ID: r.Header.Get(standardwebhooks.HeaderWebhookID)}
		if err := json.Unmarshal([]byte(r.Body), &m); err != nil {
			x.T.Fatal(err)
		}
		out = append(out, m)
	}
	return out
}

// unsoldOf are the leads in the list of those that nobody has bought.
func unsoldOf(x *rig) (out []lead.ID) {
	x.T.Helper()
	if err := x.Exchange.UnsoldLeads(exchange.UnsoldBy{}, func(u *exchange.Unsold) error {
		out = append(out, u.Lead)
		return nil
	}); err != nil {
		x.T.Fatal(err)
	}
	return out
}

func TestUnsoldLeadsAreListedAndGoToRemediation(t *testing.T) {
	s := remedies(t, sellTo(1, campaign{ID: "a", Price: 20 * dollar, Post: exchangetest.Script(
		exchangetest.Decline("no budget"), exchangetest.Accept("ref"), exchangetest.Silence())}), time.Hour)
	exchangetest.Run(t, s, func(x *rig) {
		x.Buyers.Set("hook", "unsold", exchangetest.Always(exchangetest.Answer{Status: 204}))
		refused, f := x.Post(x.Quote(16*dollar, nil), nil, nil)
		wantUnsold(t, refused, f, lead.BuyerRejected)
		sold, _ := x.LeadNow(values{"phone": "2127365001"}, nil)
		pending, _ := x.LeadNow(values{"phone": "2127365002"}, nil)
		wantPending(t, pending, nil)
		x.Sleep(time.Minute)
		if got := unsoldOf(x); !slices.Equal(got, []lead.ID{refused.LeadID}) {
			t.Errorf("unsold: %v, want %v and not %v", got, refused.LeadID, sold.LeadID)
		}
		// what turns out not to be sold is unsold then
		if _, err := x.Exchange.Resolve(exchange.Resolution{Attempt: x.Open()[0].Attempt, Why: "asked",
			By: "op"}); err != nil {
			t.Fatal(err)
		}
		x.Sleep(time.Minute)
		if got := unsoldOf(x); !slices.Equal(got, []lead.ID{refused.LeadID, pending.LeadID}) {
			t.Errorf("unsold: %v", got)
		}
		m := received(x)
		if len(m) != 2 || m[0].Data.Lead.Lead != refused.LeadID || m[1].Data.Lead.Lead != pending.LeadID {
			t.Fatalf("messages: %+v", m)
		}
		if d := m[0].Data; m[0].Type != "lead.unsold" || d.Lead.Refusal != "rejected" || d.Lead.Attempts != 1 ||
			d.Lead.Source != "acme" || d.Fields["phone"] != "+12127365000" || d.Fields["zip"] != "10001" {
			t.Errorf("message: %+v", m[0])
		}
	})
}

// A receiver that is down gets everything when it is back, in order and each once by its id, also over a restart.
func TestRemediationThatIsDownGetsEverythingOnce(t *testing.T) {
	s := remedies(t, sellTo(1, campaign{ID: "a", Price: 20 * dollar, Post: declines}), 48*time.Hour, "zip")
	exchangetest.Run(t, s, func(x *rig) {
		var up atomic.Bool
		x.Buyers.Set("hook", "unsold", func(*exchangetest.Request) exchangetest.Answer {
			if !up.Load() {
				return exchangetest.Answer{Status: http.StatusServiceUnavailable}
			}
			return exchangetest.Answer{Status: http.StatusOK}
		})
		var want []lead.ID
		for _, phone := range []string{"2127365001", "2127365002", "2127365003"} {
			r, _ := x.LeadNow(values{"phone": phone}, nil)
			want = append(want, r.LeadID)
		}
		x.Sleep(30 * time.Minute)
		if l := x.Exchange.Lines().Status(); len(l) != 1 || l[0].Tries < 3 || l[0].Sent != 0 ||
			l[0].Why != "HTTP status 503" {
			t.Errorf("lines: %+v", l)
		}
		x.Restart()
		x.Sleep(30 * time.Minute)
		tries := len(received(x))
		up.Store(true)
		x.Sleep(2 * time.Hour)
		all := received(x)
		var got []lead.ID
		ids := map[string]lead.ID{}
		for i, m := range all {
			if was, ok := ids[m.ID]; ok && was != m.Data.Lead.Lead {
				t.Errorf("one id for two leads: %s", m.ID)
			}
			if ids[m.ID] = m.Data.Lead.Lead; i >= tries {
				got = append(got, m.Data.Lead.Lead)
			}
			if len(m.Data.Fields) != 1 || m.Data.Fields["zip"] != "10001" {
				t.Errorf("fields: %v", m.Data.Fields)
			}
		}
		if !slices.Equal(got, want) || len(ids) != 3 {
			t.Errorf("got %v, want %v; ids %v", got, want, ids)
		}
		if l := x.Exchange.Lines().Status(); l[0].Tries != 0 || l[0].Sent != 3 || l[0].Dead != 0 {
			t.Errorf("lines: %+v", l)
		}
	})
}

// deadOf are the dead messages of the remediation.
func deadOf(x *rig) []queue.Dead {
	x.T.Helper()
	dead, ok := x.Exchange.Lines().Dead("remediation-solar", 0, 100)
	if !ok {
		x.T.Fatal("there is no line")
	}
	return dead
}

// What is not taken in its time is dead: it is listed, stands in nobody's way, and is sent again when somebody says so.
func TestDeadMessagesAreReplayed(t *testing.T) {
	s := remedies(t, sellTo(1, campaign{ID: "a", Price: 20 * dollar, Post: declines}), time.Hour)
	exchangetest.Run(t, s, func(x *rig) {
		x.Buyers.Set("hook", "unsold", exchangetest.Always(exchangetest.Answer{Status: 410}))
		r, _ := x.LeadNow(nil, nil)
		x.Sleep(time.Second)
		dead := deadOf(x)
		if len(dead) != 1 || dead[0].Lead != r.LeadID || dead[0].Why != "HTTP status 410" {
			t.Fatalf("gone: %+v", dead)
		}
		x.Buyers.Set("hook", "unsold", exchangetest.Always(exchangetest.Answer{Status: 500}))
		other, _ := x.LeadNow(values{"phone": "2127365002"}, nil)
		x.Sleep(3 * time.Hour)
		if dead = deadOf(x); len(dead) != 2 || dead[1].Lead != other.LeadID || dead[1].Why != "HTTP status 500" {
			t.Errorf("dead: %+v", dead)
		}
		x.Buyers.Set("hook", "unsold", exchangetest.Always(exchangetest.Answer{Status: 200}))
		before := len(received(x))
		if n, ok, err := x.Exchange.Lines().Replay("remediation-solar", dead[0].ID); n != 1 || !ok || err != nil {
			t.Fatalf("%d, %v, %v", n, ok, err)
		}
		x.Sleep(time.Second)
		if m := received(x)[before:]; len(m) != 1 || m[0].ID != dead[0].ID {
			t.Errorf("replayed: %+v", m)
		}
		x.Restart()
		if l := x.Exchange.Lines().Status(); len(l) != 1 || l[0].Dead != 1 || l[0].Sent != 1 {
			t.Errorf("after a restart: %+v", l)
		}
	})
}

// A plan may have its unsold leads listed only.
func TestPlanThatListsItsUnsoldLeads(t *testing.T) {
	s := remedies(t, sellTo(1, campaign{ID: "a", Price: 20 * dollar, Post: declines}), time.Hour)
	s = vertical(s, func(v *exchange.Vertical) {
		v.Plan.Routing = routing(t, v.Schema, 0, tier{campaigns: "a"})
		v.Plan.Routing.UnsoldListed = true
	})
	exchangetest.Run(t, s, func(x *rig) {
		x.LeadNow(nil, nil)
		x.Sleep(time.Minute)
		if n := len(unsoldOf(x)); n != 1 || len(received(x)) != 0 {
			t.Errorf("%d unsold, %d messages", n, len(received(x)))
		}
	})
}
