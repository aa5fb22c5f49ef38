// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"clearpost/buyers"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/wire/request"
)

// issuer is a token endpoint outside the bubble; it issues secret-token-1, secret-token-2 and so on.
type issuer struct {
	url    string
	issued atomic.Int64
	broken atomic.Bool
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	i := &issuer{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if i.broken.Load() {
			w.WriteHeader(500)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"access_token":"secret-token-%d","token_type":"Bearer","expires_in":3600}`, i.issued.Add(1))
	}))
	t.Cleanup(srv.Close)
	i.url = srv.URL
	return i
}

// authorized is a campaign whose calls carry its tokens.
func (i *issuer) authorized(id string, price lead.Money, post exchangetest.Buyer) campaign {
	return campaign{ID: id, Price: price, Post: post, Spec: func(c *buyers.CampaignSpec) {
		auth := &request.AuthSpec{OAuth2: &request.OAuth2Spec{TokenURL: i.url, ClientID: "us",
			ClientSecret: "hush-hush", Audience: "leads"}}
		c.Ping.Request.Auth, c.Post.Request.Auth = auth, auth
		capped(9)(c)
	}}
}

func private(b *buyers.BuyerSpec) { b.AllowPrivate = true }

func TestCampaignWithoutATokenIsNotAsked(t *testing.T) {
	tokens := newIssuer(t)
	s := sellTo(1, tokens.authorized("a", 10*dollar, nil))
	s.Buyer = private
	exchangetest.Run(t, s, func(x *rig) {
		l := x.Exchange.Campaigns()[0]
		r, f := x.Ping(nil, nil)
		wantUnsold(t, r, f, lead.NoBids)
		if b := bids(x, r.LeadID)["a"]; b.Refusal != lead.AuthFailed || b.Price != 0 || l.AuthSkips.Load() != 1 {
			t.Errorf("bid: %+v", b)
		}
		if why := l.TokenProblem(); why != "it has not been fetched yet" {
			t.Errorf("problem: %q", why)
		}
		tokens.broken.Store(true)
		x.Exchange.Warm()
		x.Sleep(100 * time.Millisecond)
		if why := l.TokenProblem(); !strings.Contains(why, "answered 500") {
			t.Errorf("problem: %q", why)
		}
		tokens.broken.Store(false)
		x.Sleep(time.Minute)
		if why := l.TokenProblem(); why != "" {
			t.Errorf("problem: %q", why)
		}
		id := x.Quote(8*dollar, nil)
		sold, f := x.Post(id, nil, nil)
		wantSold(t, sold, f, 8*dollar)
		for _, call := range []string{exchangetest.Ping, exchangetest.Post} {
			if sent := x.Buyers.Calls("a", call); sent[0].Header.Get("Authorization") != "Bearer secret-token-1" {
				t.Errorf("%s: %+v", call, sent)
			}
		}
	})
}

// A buyer that refuses the token of a post has not looked at the lead: it gets the same once more with another one.
func TestPostWhoseTokenIsRefusedIsMadeOnceMore(t *testing.T) {
	refuses := exchangetest.Answer{Status: 401, Body: `{"error":"expired"}`}
	for name, c := range map[string]struct {
		post   exchangetest.Buyer
		posted []string
		sold   lead.Money
	}{
		"then it sells": {exchangetest.Script(refuses, exchangetest.Accept("r")), []string{"a", "a"},
			8 * dollar},
		"and once only": {exchangetest.Always(refuses), []string{"a", "a", "b"}, 8 * dollar},
		"then it declines": {exchangetest.Script(refuses, exchangetest.Decline("no")), []string{"a", "a", "b"},
			8 * dollar},
		"but not a word of no": {exchangetest.Always(exchangetest.Answer{Status: 401, Body: `{"status":"rejected"}`}),
			[]string{"a", "b"}, 8 * dollar},
		"but not a yes": {exchangetest.Always(exchangetest.Answer{Status: 403, Body: `{"status":"accepted"}`}),
			[]string{"a"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			tokens := newIssuer(t)
			s := sellTo(1, tokens.authorized("a", 10*dollar, c.post), campaign{ID: "b", Price: 9 * dollar})
			s.Buyer = private
			exchangetest.Run(t, s, func(x *rig) {
				x.Exchange.Warm()
				x.Sleep(time.Second)
				id := x.Quote(8*dollar, nil)
				r, f := x.Post(id, nil, nil)
				wantPosted(x, c.posted...)
				if c.sold == 0 {
					wantPending(t, r, f)
					wantUsed(x, "a", 1)
					return
				}
				wantSold(t, r, f, c.sold)
				wantUsed(x, "a", map[bool]int64{true: 1, false: 0}[len(c.posted) == 2 && c.posted[1] == "a"])
				if c.posted[1] != "a" {
					return
				}
				all := exchangetest.All[*ledger.Posting](x, id)
				if all[1].Again != ledger.AgainAuth || *all[1].Of != all[0].Attempt || len(all[1].Charges) != 1 {
					t.Errorf("postings: %+v", all)
				}
				sent := x.Buyers.Calls("a", exchangetest.Post)
				if sent[0].Header.Get("Authorization") != "Bearer secret-token-1" ||
					sent[1].Header.Get("Authorization") != "Bearer secret-token-2" {
					t.Errorf("sent: %+v", sent)
				}
				for _, ev := range x.Events(id) {
					if b := string(ev.AppendJSON(nil)); containsAny(b, "secret-token", "hush-hush") {
						t.Errorf("a secret stands in the ledger: %s", b)
					}
				}
			})
		})
	}
}

// A token that a ping's buyer refuses is not used again.
func TestTokenThatAPingsBuyerRefusesIsRenewed(t *testing.T) {
	tokens := newIssuer(t)
	a := tokens.authorized("a", 10*dollar, nil)
	a.Ping = exchangetest.Script(exchangetest.Answer{Status: 401}, exchangetest.Bid(10*dollar))
	s := sellTo(1, a)
	s.Buyer = private
	exchangetest.Run(t, s, func(x *rig) {
		x.Exchange.Warm()
		x.Sleep(time.Second)
		r, f := x.Ping(nil, nil)
		wantUnsold(t, r, f, lead.NoBids)
		x.Sleep(2 * time.Second)
		x.Quote(8*dollar, nil)
		if sent := x.Buyers.Calls("a",
			exchangetest.Ping); sent[1].Header.Get("Authorization") != "Bearer secret-token-2" {
			t.Errorf("sent: %+v", sent)
		}
	})
}

// A reload keeps the tokens that are still needed and ends the others.
func TestReloadKeepsTokens(t *testing.T) {
	tokens := newIssuer(t)
	s := sellTo(1, tokens.authorized("a", 10*dollar, nil))
	s.Buyer = private
	exchangetest.Run(t, s, func(x *rig) {
		x.Exchange.Warm()
		x.Sleep(time.Second)
		x.Reload(s)
		x.Quote(8*dollar, nil)
		if n := tokens.issued.Load(); n != 1 {
			t.Errorf("%d tokens were issued", n)
		}
		x.Reload(one())
		x.Sleep(2 * time.Hour)
		if n := tokens.issued.Load(); n != 1 {
			t.Errorf("%d tokens were issued, nobody needs them", n)
		}
	})
}

// Where the same once more is refused too, the seller hears why, and not of the token.
func TestFailureAfterAnotherTokenIsThatOfThePost(t *testing.T) {
	tokens := newIssuer(t)
	s := sellTo(1, tokens.authorized("a", 10*dollar, exchangetest.Script(exchangetest.Answer{Status: 401,
		Body: `{"error":"expired"}`}, exchangetest.Decline("too old"))))
	s.Buyer = private
	exchangetest.Run(t, s, func(x *rig) {
		x.Exchange.Warm()
		x.Sleep(time.Second)
		r, f := x.Post(x.Quote(8*dollar, nil), nil, nil)
		wantUnsold(t, r, f, lead.BuyerRejected)
		wantPosted(x, "a", "a")
		if r.Details != "too old" {
			t.Errorf("the seller hears %q", r.Details)
		}
	})
}
