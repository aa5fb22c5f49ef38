// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"clearpost/buyers"
	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/wire"
	"clearpost/wire/answer"
	"clearpost/wire/request"
)

// offer is a leg of a buyer's answer.
type offer struct {
	brand string
	price lead.Money // in dollars
	most  int
}

// network is a campaign whose legs are companies of their own; ends has its post's answer tell of each.
func network(id string, ends bool, post exchangetest.Buyer, offers ...offer) campaign {
	var legs []string
	for i, o := range offers {
		legs = append(legs, fmt.Sprintf(`{"id":"L%d","company":%q,"price":%d,"limit":%d}`, i+1, o.brand, o.price,
			o.most))
	}
	at := func(path string) *answer.ValueSpec { return &answer.ValueSpec{Path: path} }
	is := func(text string) *answer.ConditionSpec {
		return &answer.ConditionSpec{Path: "status", Equals: wire.Text(text)}
	}
	return campaign{ID: id, Post: post, Ping: exchangetest.Always(exchangetest.Answer{Body: `{"status":"accepted","legs":[` +
		strings.Join(legs, ",") + `]}`}), Spec: func(c *buyers.CampaignSpec) {
		capped(99)(c)
		c.Ping.Answer.Price, c.Ping.Answer.Token, c.Ping.Answer.Expires = nil, nil, nil
		c.Ping.Answer.Legs = &answer.LegsSpec{List: "legs", Price: at("price"), MaxSold: at("limit"),
			Brand: at("company"), Token: at("id"), Several: true}
		c.Post.Request.Fields = slices.DeleteFunc(c.Post.Request.Fields, func(f request.FieldSpec) bool {
			return f.From == "token"
		})
		c.Post.Request.Fields = append(c.Post.Request.Fields, request.FieldSpec{To: "legs[*].id", From: "leg.token"},
			request.FieldSpec{To: "total", From: "price"})
		c.Post.Answer.Price = nil
		if ends {
			c.Post.Answer.Legs = &answer.LegsSpec{List: "legs", Token: at("id"), Accepted: is("sold"),
				Rejected: is("no"), Price: at("price"), Reference: at("ref"), Reason: at("why")}
		}
	}}
}

// says answers a post leg by leg: "L1 sold, L3 no".
func says(text string) exchangetest.Buyer {
	var legs []string
	for _, leg := range strings.Split(text, ", ") {
		id, status, _ := strings.Cut(leg, " ")
		legs = append(legs, fmt.Sprintf(`{"id":%q,"status":%q,"ref":"ref-%s"}`, id, status, id))
	}
	return exchangetest.Always(exchangetest.Answer{Body: `{"status":"accepted","legs":[` + strings.Join(legs, ",") +
		`]}`})
}

// attempted are the attempts of a lead: campaign, brand and outcome.
func attempted(x *rig, id lead.ID) (out []string) {
	for _, p := range exchangetest.All[*ledger.Posting](x, id) {
		end := "open"
		for _, q := range exchangetest.All[*ledger.Posted](x, id) {
			if q.Attempt == p.Attempt {
				end = q.Outcome.String()
			}
		}
		out = append(out, strings.TrimSpace(p.Campaign+" "+p.Brand)+": "+end)
	}
	return out
}

// Several legs of one answer buy in one post, each a sale of its own.
func TestLegsOfOneBuyerInOnePost(t *testing.T) {
	legs := []offer{{"Alpha", 20, 3}, {"Beta", 15, 3}, {"alpha", 14, 3}, {"Gamma", 6, 3}}
	for name, c := range map[string]struct {
		post   exchangetest.Buyer // nil: one receipt for all
		sent   string
		sold   []string   // brands
		payout lead.Money // 0: nobody can tell yet
		want   []string
	}{
		"one receipt for all": {nil, `"legs":[{"id":"L1"},{"id":"L2"}],"total":35.00`, []string{"Alpha", "Beta"},
			38_400_000, []string{"net Alpha: accepted", "net Beta: accepted", "solo: accepted"}},
		"a receipt each": {says("L1 sold, L2 sold"), "", []string{"Alpha", "Beta"}, 38_400_000,
			[]string{"net Alpha: accepted", "net Beta: accepted", "solo: accepted"}},
		"one declines, and another has its place": {says("L1 no, L2 sold, L4 sold"), "", []string{"Beta", "Gamma"},
			27_200_000, []string{"net Alpha: rejected", "net Beta: accepted", "solo: accepted", "net Gamma: accepted"}},
		"one is not spoken of": {says("L2 sold"), "", []string{"Beta"}, 0,
			[]string{"net Alpha: unknown", "net Beta: accepted"}},
		"one is neither": {says("L1 sold, L2 review"), "", []string{"Alpha"}, 0,
			[]string{"net Alpha: accepted", "net Beta: unknown"}},
		"none buys": {declines, "", nil, 10_400_000, []string{"net Alpha: rejected", "net Beta: rejected",
			"solo: accepted", "net Gamma: rejected"}},
		"silence": {silent, "", nil, 0, []string{"net Alpha: unknown", "net Beta: unknown"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := sellTo(3, network("net", c.post != nil, c.post, legs...),
				campaign{ID: "solo", Price: 13 * dollar, MaxSold: 3})
			exchangetest.Run(t, s, func(x *rig) {
				p, f := x.Ping(nil, nil)
				if f != nil || p.Price != 38_400_000 {
					t.Fatalf("quote %+v, %v", p, f)
				}
				r, f := x.LeadNow(values{"phone": "2127365001"}, nil)
				id := r.LeadID
				if got := attempted(x, id); !slices.Equal(got, c.want) {
					t.Errorf("attempts: %q, want %q", got, c.want)
				}
				if c.payout != 0 {
					wantSold(t, r, f, c.payout)
				} else {
					wantPending(t, r, f)
				}
				body := x.Buyers.Calls("net", exchangetest.Post)[0].Body
				if c.sent != "" && !strings.Contains(body, c.sent) {
					t.Errorf("the post was %s, want %s", body, c.sent)
				}
				var sold []string
				for _, p := range exchangetest.All[*ledger.Posting](x, id) {
					for _, s := range exchangetest.Last[*ledger.Settled](x, id).Sales {
						if s.Attempt == p.Attempt && p.Brand != "" {
							sold = append(sold, p.Brand)
						}
					}
				}
				if !slices.Equal(sold, c.sold) {
					t.Errorf("sold to %q, want %q", sold, c.sold)
				}
			})
		})
	}
}

// An answer that speaks of no leg is about the one that was sent, or about none where there were several.
func TestAnswerThatSpeaksOfNoLeg(t *testing.T) {
	whole := exchangetest.Always(exchangetest.Accept("whole"))
	exchangetest.Run(t, sellTo(3, network("net", true, whole, offer{"Alpha", 20, 3})), func(x *rig) {
		r, f := x.LeadNow(nil, nil)
		wantSold(t, r, f, 16*dollar)
	})
	two := sellTo(3, network("net", true, whole, offer{"Alpha", 20, 3}, offer{"Beta", 15, 3}))
	exchangetest.Run(t, two, func(x *rig) {
		r, f := x.LeadNow(nil, nil)
		wantPending(t, r, f)
	})
}

// Each leg is charged; what became of one is found out for itself, also after a restart.
func TestLegsAreChargedAndResolvedEach(t *testing.T) {
	s := sellTo(3, network("net", true, says("L1 sold"), offer{"Alpha", 20, 3}, offer{"Beta", 15, 3},
		offer{"Gamma", 10, 3}))
	exchangetest.Run(t, s, func(x *rig) {
		id := x.Quote(36*dollar, nil)
		r, f := x.Post(id, nil, nil)
		wantPending(t, r, f)
		wantUsed(x, "net", 3)
		x.Restart()
		wantUsed(x, "net", 3)
		for i, o := range x.Open() {
			if _, err := x.Exchange.Resolve(exchange.Resolution{Attempt: o.Attempt, Accepted: i == 0, Why: "asked",
				By: "op"}); err != nil {
				t.Fatal(err)
			}
		}
		wantUsed(x, "net", 2)
		r, f = x.Post(id, nil, nil)
		if f != nil || len(r.Sales) != 2 {
			t.Errorf("%+v, %v", r, f)
		}
		if n := len(x.Buyers.Calls("net", exchangetest.Post)); n != 1 {
			t.Errorf("%d posts", n)
		}
	})
}

// A cap with room for one takes one leg along.
func TestLegsThatACapHasNoRoomForStayBehind(t *testing.T) {
	n := network("net", true, says("L1 sold, L2 sold"), offer{"Alpha", 20, 3}, offer{"Beta", 15, 3})
	spec := n.Spec
	n.Spec = func(c *buyers.CampaignSpec) { spec(c); capped(1)(c) }
	exchangetest.Run(t, sellTo(3, n), func(x *rig) {
		r, f := x.LeadNow(nil, nil)
		wantSold(t, r, f, 16*dollar)
		wantUsed(x, "net", 1)
		wantTried(x, r.LeadID, map[string]lead.Refusal{"net": lead.CapReached})
		if body := x.Buyers.Calls("net", exchangetest.Post)[0].Body; !strings.Contains(body, `"legs":[{"id":"L1"}]`) {
			t.Error(body)
		}
	})
}

// The same brand by way of two networks is one company.
func TestBrandOfTwoNetworksBuysOnce(t *testing.T) {
	s := sellTo(3, network("east", false, nil, offer{"Alpha", 20, 3}, offer{"Beta", 15, 3}),
		network("west", false, nil, offer{"ALPHA", 18, 3}, offer{"Gamma", 10, 3}))
	exchangetest.Run(t, s, func(x *rig) {
		x.Quote(36*dollar, nil)
	})
}

func TestRoundsWithLegs(t *testing.T) {
	seeds := uint64(80)
	if testing.Short() { // the detector costs several times the time
		seeds = 20
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { randomLegs(t, rand.New(rand.NewPCG(seed, 2))) })
	}
}

func randomLegs(t *testing.T, r *rand.Rand) {
	var cs []campaign
	for _, id := range []string{"a", "b", "c", "d"}[:2+r.IntN(3)] {
		after := time.Duration(r.IntN(300)) * time.Millisecond
		if r.IntN(2) == 0 {
			end := []exchangetest.Answer{exchangetest.Accept("ref-" + id), exchangetest.Decline("no"),
				exchangetest.Unreachable()}[r.IntN(3)]
			cs = append(cs, buys(id, lead.Money(5+r.IntN(20)), 1+r.IntN(4), exchangetest.Always(end.In(after))))
			continue
		}
		var offers []offer
		var said []string
		for n := range 1 + r.IntN(4) {
			offers = append(offers, offer{id + string(rune('A'+r.IntN(4))), lead.Money(3 + r.IntN(25)), 1 + r.IntN(4)})
			if r.IntN(8) > 0 {
				said = append(said, fmt.Sprintf("L%d %s", n+1, []string{"sold", "no", "no", "sold",
					"?"}[r.IntN(5-r.IntN(2))]))
			}
		}
		cs = append(cs, network(id, true, says(strings.Join(said, ", ")), offers...))
	}
	s := sellTo(1+r.IntN(4), cs...)
	if r.IntN(2) == 0 {
		s = atOnce(t, 2+r.IntN(3), cs...)
	}
	s.Source = func(s *exchange.Source) { s.Reprice = r.IntN(2) == 0 }
	exchangetest.Run(t, s, func(x *rig) {
		p, f := x.Ping(nil, nil)
		if f != nil {
			t.Fatal(f)
		}
		x.Post(p.LeadID, nil, nil)
		judgeRounds(x, p.LeadID, func(holder string) string { return holder })
		out, _ := x.LeadNow(values{"phone": "2127365001"}, nil)
		judgeRounds(x, out.LeadID, func(holder string) string { return holder })
	})
}
