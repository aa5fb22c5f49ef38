// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/goccy/go-json"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/ledger"
)

// hooked gives acme a webhook.
func hooked(t *testing.T, s setup, events ...string) setup {
	t.Helper()
	if events == nil {
		events = exchange.HookEventsDefault
	}
	to, before := hookAt(t, "told", 48*time.Hour), s.Source
	s.Source = func(src *exchange.Source) {
		if before != nil {
			before(src)
		}
		src.Webhook = &exchange.Webhook{Endpoint: to, Events: events}
	}
	return s
}

// end is a message to a seller.
type end struct {
	id   string
	at   time.Time // when it came
	Type string    `json:"type"`
	At   time.Time `json:"timestamp"`
	Data struct {
		Result       string
		Test         bool
		LeadID       lead.ID `json:"lead_id"`
		SellerLeadID string  `json:"seller_lead_id"`
		ID           string
		Price        *float64
		Currency     string
		Reason       string
		StatusURL    string `json:"status_url"`
		Vertical     string
		Sales        []struct{ ID string }
		Was          *struct {
			Result string
			Price  *float64
			At     time.Time
		}
		Returned *struct {
			ID       string
			Price    float64
			Clawback float64
			Reason   string
			Revoked  bool
		}
	}
	body string
}

// String is the type of the message, its price, and what was before.
func (e *end) String() string {
	s := strings.TrimPrefix(e.Type, "lead.")
	if e.Data.Price != nil {
		s += fmt.Sprint(" at ", *e.Data.Price)
	}
	if w := e.Data.Was; w != nil {
		if s += " was " + w.Result; w.Price != nil {
			s += fmt.Sprint(" at ", *w.Price)
		}
	}
	return s
}

// endsOf are the messages that acme was sent, whose signatures the public library verifies.
func endsOf(x *rig) (out []end) {
	x.T.Helper()
	hook, err := standardwebhooks.NewWebhook(hookSecret)
	if err != nil {
		x.T.Fatal(err)
	}
	for _, r := range x.Buyers.Calls("hook", "told") {
		if err := hook.VerifyIgnoringTimestamp([]byte(r.Body), r.Header); err != nil {
			x.T.Errorf("signature: %v", err)
		}
		m := end{id: r.Header.Get(standardwebhooks.HeaderWebhookID), at: r.At, body: r.Body}
		if err := json.Unmarshal([]byte(r.Body), &m); err != nil {
			x.T.Fatal(err)
		}
		if sent := r.Header.Get(standardwebhooks.HeaderWebhookTimestamp); sent != fmt.Sprint(r.At.Unix()) {
			x.T.Errorf("sent at %s, and says %s", r.At, sent)
		}
		out = append(out, m)
	}
	return out
}

// wantEnds expects what acme was told of a lead, each once.
func wantEnds(x *rig, id lead.ID, want ...string) {
	x.T.Helper()
	var got []string
	for _, m := range endsOf(x) {
		if m.Data.LeadID == id {
			got = append(got, m.String())
		}
	}
	if !slices.Equal(got, want) {
		x.T.Errorf("told of %s: %q, want %q", id, got, want)
	}
}

func takesEnds(x *rig) {
	x.Buyers.Set("hook", "told", exchangetest.Always(exchangetest.Answer{Status: 204}))
}

func TestASellerIsToldEachEnd(t *testing.T) {
	s := hooked(t, sellTo(1, campaign{ID: "a", Price: 20 * dollar, Post: exchangetest.Script(
		exchangetest.Accept("R-1"), exchangetest.Decline("no"), exchangetest.Silence(), exchangetest.Silence())}))
	exchangetest.Run(t, s, func(x *rig) {
		takesEnds(x)
		sold, f := x.Post(x.Quote(16*dollar, nil), nil, func(in *exchange.PostIn) { in.SellerLeadID = "S-1" })
		wantSold(t, sold, f, 16*dollar)
		refused, _ := x.LeadNow(values{"phone": "2127365001"}, nil)
		first, _ := x.LeadNow(values{"phone": "2127365002"}, nil)
		second, _ := x.LeadNow(values{"phone": "2127365003"}, nil)
		repeat, _ := x.LeadNow(values{"phone": "2127365002", "zip": "10003"}, nil)
		x.Quote(16*dollar, values{"zip": "10002"}) // a quote is no end
		x.Sleep(time.Minute)
		wantEnds(x, sold.LeadID, "sold at 16")
		wantEnds(x, refused.LeadID, "unsold")
		wantEnds(x, first.LeadID)
		all := endsOf(x)
		if m := all[0].Data; m.Result != lead.ResultSuccess || m.SellerLeadID != "S-1" || m.ID != "R-1" ||
			m.Vertical != "solar" || m.Currency != "USD" || m.Test || strings.Contains(all[0].body, "a-co") {
			t.Errorf("sold: %s", all[0].body)
		}
		if m := all[1].Data; m.Result != lead.ResultFailure || m.Reason != "rejected" || m.Price != nil {
			t.Errorf("unsold: %s", all[1].body)
		}
		for i, o := range x.Open() {
			x.Sleep(time.Hour)
			if _, err := x.Exchange.Resolve(exchange.Resolution{Attempt: o.Attempt, Accepted: i == 0, Reference: "R-2",
				Why: "asked", By: "op"}); err != nil {
				t.Fatal(err)
			}
		}
		x.Sleep(time.Minute)
		wantEnds(x, first.LeadID, "sold at 16 was pending")
		wantEnds(x, second.LeadID, "unsold was pending")
		wantEnds(x, repeat.LeadID, "unsold")
		// what is changed afterwards
		corrects(t, x, exchange.Correction{Name: sold.LeadID.String()})
		corrects(t, x, exchange.Correction{Name: sold.LeadID.String(), Accepted: true, Reference: "R-3"})
		other, same := 11*dollar, 30*dollar
		for _, r := range []exchange.Rebooking{{Price: &same}, {Payout: &other}} {
			r.Name, r.Why, r.By = sold.LeadID.String(), "agreed", "op"
			if _, _, err := x.Exchange.Rebook(r, forNames); err != nil {
				t.Fatal(err)
			}
		}
		for _, fate := range []string{ledger.FatePaid, ledger.FateReturned} {
			if _, err := x.Exchange.Report(exchange.Report{Name: sold.LeadID.String(), Fate: fate, Why: "their mail"},
				forNames); err != nil {
				t.Fatal(err)
			}
		}
		x.Sleep(time.Minute)
		wantEnds(x, sold.LeadID, "sold at 16", "corrected was success at 16", "corrected at 16 was failure",
			"corrected at 11 was success at 16", "returned at 11")
		all = endsOf(x)
		if m := all[len(all)-1]; m.Data.Returned == nil || m.Data.Returned.ID != "R-3" || m.Data.Returned.Price != 11 ||
			strings.Contains(m.body, "their mail") {
			t.Errorf("returned: %s", m.body)
		}
		ids := map[string]bool{}
		for _, m := range all {
			if ids[m.id] {
				t.Errorf("%s came twice", m.id)
			}
			ids[m.id] = true
		}
	})
}

// A seller is told of what it asks to be told, of test leads as of others, and of no other's.
func TestWhatASellerIsToldOf(t *testing.T) {
	s := hooked(t, sellTo(1, campaign{ID: "a", Price: 20 * dollar, Post: exchangetest.Script(exchangetest.Accept("R-1"),
		exchangetest.Silence(), exchangetest.Accept("R-2"))}), "pending", "sold")
	before := s.Source
	s.Source = func(src *exchange.Source) { before(src); src.Tests = true }
	s.Sources = []*exchange.Source{exchangetest.NewSource("other", "solar")}
	exchangetest.Run(t, s, func(x *rig) {
		takesEnds(x)
		test, _ := x.LeadNow(nil, func(p *exchange.Ping) { p.Test.On = true })
		sold, _ := x.LeadNow(values{"phone": "2127365001"}, nil)
		pending, _ := x.LeadNow(values{"phone": "2127365002"}, nil)
		corrects(t, x, exchange.Correction{Name: sold.LeadID.String()})
		x.Seller = "other"
		theirs, f := x.LeadNow(values{"phone": "2127365003"}, nil)
		wantSold(t, theirs, f, 16*dollar)
		x.Sleep(time.Minute)
		wantEnds(x, sold.LeadID, "sold at 16")
		wantEnds(x, pending.LeadID, "pending")
		wantEnds(x, theirs.LeadID)
		all := endsOf(x)
		if len(all) != 3 || !all[0].Data.Test || all[0].Data.LeadID != test.LeadID || all[1].Data.Test ||
			all[2].Data.StatusURL != "/v1/leads/"+pending.LeadID.String() {
			t.Errorf("told: %+v", all)
		}
	})
}

// A seller whose receiver is down for an hour gets everything when it is back, in order and once by id, also where the
// exchange crashes meanwhile, and each message says what it would have said at once.
func TestAReceiverThatIsDownForAnHourGetsEverythingOnce(t *testing.T) {
	s := hooked(t, sellTo(1, campaign{ID: "a", Price: 20 * dollar, Post: exchangetest.Script(
		exchangetest.Accept("R-1"), exchangetest.Decline("no"), exchangetest.Silence(), exchangetest.Accept("R-2"))}))
	exchangetest.Run(t, s, func(x *rig) {
		var up atomic.Bool
		x.Buyers.Set("hook", "told", func(*exchangetest.Request) exchangetest.Answer {
			if !up.Load() {
				return exchangetest.Unreachable()
			}
			return exchangetest.Answer{Status: http.StatusOK}
		})
		var want []string
		leads := func(n int, from int) (last exchange.Reply) {
			for i := range n {
				last, _ = x.LeadNow(values{"phone": fmt.Sprint(2127365000 + from + i)}, nil)
				if last.Result != lead.ResultPending {
					want = append(want, last.LeadID.String())
				}
				x.Sleep(20 * time.Second)
			}
			return last
		}
		leads(2, 0)
		pending := leads(1, 10)
		leads(30, 100)
		x.Crash()
		if _, err := x.Exchange.Resolve(exchange.Resolution{Attempt: x.Open()[0].Attempt, Why: "asked",
			By: "op"}); err != nil {
			t.Fatal(err)
		}
		want = append(want, pending.LeadID.String())
		corrects(t, x, exchange.Correction{Name: want[0]})
		want = append(want, want[0])
		leads(30, 200)
		x.Restart()
		x.Sleep(40 * time.Minute)
		tries := len(endsOf(x))
		up.Store(true)
		x.Sleep(2 * time.Hour)
		var got []string
		ids := map[string]string{}
		for i, m := range endsOf(x) {
			if was, ok := ids[m.id]; ok && was != m.body {
				t.Errorf("%s said %s, and says %s", m.id, was, m.body)
			}
			if ids[m.id] = m.body; i >= tries {
				got = append(got, m.Data.LeadID.String())
			}
		}
		if !slices.Equal(got, want) || len(ids) != len(want) || tries > 20 {
			t.Errorf("got %d of %d messages with %d ids, after %d tries:\n%v\n%v", len(got), len(want), len(ids), tries,
				got, want)
		}
		wantStatus := x.Exchange.Lines().Status()[0]
		if wantStatus.Sent != int64(len(want)) || wantStatus.Dead != 0 || wantStatus.Waiting != 0 {
			t.Errorf("line: %+v", wantStatus)
		}
	})
}

// Taking the webhook out and putting it back, or giving it another address, needs no restart; what ended in between is
// not told.
func TestAWebhookIsChangedByAReload(t *testing.T) {
	without := sellTo(1, campaign{ID: "a", Price: 20 * dollar})
	with := hooked(t, without)
	exchangetest.Run(t, with, func(x *rig) {
		takesEnds(x)
		told := func(phone string, want int) {
			t.Helper()
			x.LeadNow(values{"phone": phone}, nil)
			x.Sleep(time.Minute)
			if n := len(endsOf(x)); n != want {
				t.Errorf("%d messages, want %d", n, want)
			}
		}
		told("2127365001", 1)
		x.Reload(without)
		told("2127365002", 1)
		if l := x.Exchange.Lines().Status(); len(l) != 0 {
			t.Errorf("lines: %+v", l)
		}
		x.Reload(with)
		told("2127365003", 2)
		x.Restart()
		told("2127365004", 3)
	})
}

// Whoever stops the exchange does not wait for an endpoint that is silent, and what was on its way is sent again.
func TestASilentEndpointDoesNotHoldAStop(t *testing.T) {
	s := hooked(t, sellTo(1, campaign{ID: "a", Price: 20 * dollar}))
	before := s.Source
	s.Source = func(src *exchange.Source) { before(src); src.Webhook.Timeout = 50 * time.Second }
	exchangetest.Run(t, s, func(x *rig) {
		x.Buyers.Set("hook", "told", exchangetest.Always(exchangetest.Silence()))
		r, _ := x.LeadNow(nil, nil)
		x.Sleep(time.Second)
		begun := time.Now()
		x.Restart()
		if took := time.Since(begun); took > time.Second {
			t.Errorf("it stopped after %v", took)
		}
		takesEnds(x)
		x.Sleep(2 * time.Minute)
		all := endsOf(x)
		if n := len(all); n < 2 || all[0].id != all[n-1].id || all[n-1].Data.LeadID != r.LeadID {
			t.Errorf("%d messages: %+v", n, all)
		}
		if l := x.Exchange.Lines().Status()[0]; l.Sent != 1 || l.Waiting != 0 {
			t.Errorf("line: %+v", l)
		}
	})
}

// Whoever has taken over the copy of another node's directory tells nobody of that one's leads.
func TestNobodyIsToldOfInheritedLeads(t *testing.T) {
	s := remedies(t, hooked(t, sellTo(1, campaign{ID: "a", Price: 20 * dollar, Post: declines})), time.Hour)
	var inherited uint64
	exchangetest.Run(t, inheriting(s, &inherited), func(x *rig) {
		down := exchangetest.Always(exchangetest.Unreachable())
		x.Buyers.Set("hook", "told", down)
		x.Buyers.Set("hook", "unsold", down)
		x.LeadNow(nil, nil)
		x.Sleep(time.Second)
		inherited = x.Ledger.LastSeq()
		x.Restart()
		takesEnds(x)
		x.Buyers.Set("hook", "unsold", exchangetest.Always(exchangetest.Answer{Status: 204}))
		own, _ := x.LeadNow(values{"phone": "2127365002"}, nil)
		x.Sleep(time.Hour)
		for _, m := range endsOf(x)[1:] {
			if m.Data.LeadID != own.LeadID {
				t.Errorf("told of %s", m.Data.LeadID)
			}
		}
		if m := received(x); m[len(m)-1].Data.Lead.Lead != own.LeadID || len(m) != 2 {
			t.Errorf("unsold: %+v", m)
		}
	})
}
