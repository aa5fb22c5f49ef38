// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"clearpost/buyers"
	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/rules"
)

const day = 24 * time.Hour

// byPhone is a rule by the phone number.
func byPhone(days int) []rules.UniqueSpec {
	return []rules.UniqueSpec{{Fields: []string{"phone|phone_hash"}, Days: days}}
}

// remembering sells leads of any person as often as they come, but for duplicate rules; a, a2 and c belong to big.
func remembering(owner string, specs []rules.UniqueSpec) setup {
	once := func(who string) []rules.Unique {
		list, ds := rules.CompileUniques(who, specs)
		if ds != nil {
			panic(fmt.Sprint(ds))
		}
		return list
	}
	s := setup{Campaigns: []campaign{{ID: "a", Buyer: "sun", Price: 25 * dollar},
		{ID: "a2", Buyer: "sun", Price: 20 * dollar}, {ID: "c", Buyer: "moon", Price: 15 * dollar},
		{ID: "d", Buyer: "star", Price: 10 * dollar}},
		Sources: []*exchange.Source{exchangetest.NewSource("zeta", "solar")}}
	s.Buyer = func(b *buyers.BuyerSpec) {
		if b.ID != "star" {
			b.Parent = "big"
		}
		if owner == "buyer" && b.ID == "sun" {
			b.Duplicates = specs
		}
	}
	s.Vertical = func(v *exchange.Vertical) {
		v.Dedupe.Refuse = exchange.RefuseNone
		if owner == "vertical" {
			v.Uniques = once("vertical:solar")
		}
	}
	switch owner {
	case "campaign":
		s.Campaigns[0].Spec = func(c *buyers.CampaignSpec) { c.Duplicates = specs }
	case "parent":
		s.Parents = []exchange.Parent{{ID: "big", Uniques: once("parent:big")}}
	case "source":
		s.Source = func(src *exchange.Source) { src.Uniques = once("source:acme") }
	}
	return s
}

// buyerOf sells a lead of a person whose phone is known at the ping, or only at the post, and tells which campaign
// bought it: "" for none, and whether the ping was quoted.
func buyerOf(x *rig, early bool, p values) (campaign string, quoted bool) {
	x.T.Helper()
	at := values{"zip": "10001"}
	if early {
		at = p
	}
	r, f := x.Ping(at, nil)
	if f != nil {
		x.T.Fatal(f)
	}
	if r.Result != lead.ResultSuccess {
		return "", false
	}
	if r, f = x.Post(r.LeadID, p, nil); f != nil {
		x.T.Fatal(f)
	}
	if len(r.Sales) == 0 {
		return "", true
	}
	return exchangetest.Last[*ledger.Settled](x, r.LeadID).Sales[0].Campaign, true
}

// Each owner of a rule takes nobody twice: neither where the ping names the person, nor where the post does, and not
// after a restart; when the time is over it does.
func TestNobodyIsTakenTwice(t *testing.T) {
	for owner, next := range map[string]string{"campaign": "a2", "buyer": "c", "parent": "d", "source": "",
		"vertical": ""} {
		for _, early := range []bool{true, false} {
			t.Run(fmt.Sprint(owner, early), func(t *testing.T) {
				s := remembering(owner, byPhone(1))
				exchangetest.Run(t, s, func(x *rig) {
					jane := person(1)
					want := func(seller, campaign string) {
						t.Helper()
						x.Seller = seller
						got, quoted := buyerOf(x, early, jane)
						if got != campaign || quoted != (campaign != "" || !early) {
							t.Errorf("%q sold to %q, quoted %v, want %q", seller, got, quoted, campaign)
						}
					}
					want("", "a")
					// a lower bid does not cover the quote of a higher one: at the post alone nobody is left
					after := next
					if !early {
						after = ""
					}
					want("", after)
					x.Restart()
					switch {
					case owner == "source":
						want("zeta", "a")
					case owner == "vertical":
						want("zeta", "")
					case early && owner == "campaign":
						want("zeta", "a2")
					}
					if got, _ := buyerOf(x, early, person(2)); got != "a" {
						t.Errorf("another person: sold to %q", got)
					}
					if owner == "buyer" && early { // a day of virtual time costs a second
						x.Sleep(day)
						want("", "a")
					}
				})
			})
		}
	}
}

// What refused a lead stands in its events: the rule, and the lead that was before.
func TestARefusedDuplicateNamesTheFirst(t *testing.T) {
	exchangetest.Run(t, remembering("buyer", byPhone(1)), func(x *rig) {
		first, f := x.LeadNow(person(1), nil)
		wantSold(t, first, f, 20*dollar)
		id := x.Quote(12*dollar, person(1))
		for _, b := range exchangetest.Last[*ledger.Pinged](x, id).Bids[:2] {
			if b.Refusal != lead.DuplicateRule || b.Rule != "buyer:sun:phone" || b.First != first.LeadID.String() {
				t.Errorf("bid: %+v", b)
			}
		}
		late := x.Quote(20*dollar, nil)
		r, f := x.Post(late, person(1), nil)
		wantUnsold(t, r, f, lead.QuoteLost) // others would have taken it for less
		tried := exchangetest.Last[*ledger.Settled](x, late).Tried
		if len(tried) == 0 || tried[0].Refusal != lead.DuplicateRule || tried[0].Rule != "buyer:sun:phone" ||
			tried[0].First != first.LeadID.String() {
			t.Errorf("tried: %+v", tried)
		}
		story, ok, err := x.Exchange.Explain(id)
		if err != nil || !ok {
			t.Fatal(err)
		}
		n := 0
		for _, c := range story.Campaigns {
			if c.Verdict == "duplicate_rule" && len(c.Why) == 1 {
				n++
			}
		}
		if n != 2 {
			t.Errorf("%d campaigns are explained by the rule: %+v", n, story.Campaigns)
		}
	})
}

// A person whose lead was refused, or never arrived, is free again, unless what was posted counts; one whose lead may
// be sold is not, and follows what is found out.
func TestMarksFollowWhatBecomesOfALead(t *testing.T) {
	for name, c := range map[string]struct {
		first  exchangetest.Buyer
		posted bool
		then   string // who buys the second lead
	}{
		"refused":                 {declines, false, "a"},
		"refused, and it counts":  {declines, true, "a2"},
		"not sent":                {unreachable, true, "a"},
		"unknown":                 {silent, false, "a2"},
		"unknown where all count": {silent, true, "a2"},
	} {
		t.Run(name, func(t *testing.T) {
			specs := byPhone(1)
			if c.posted {
				specs[0].Counts = "posted"
			}
			s := remembering("campaign", specs)
			s.Campaigns[0].Post = c.first
			exchangetest.Run(t, s, func(x *rig) {
				buyerOf(x, true, person(1))
				x.Buyers.Set("a", exchangetest.Post, exchangetest.Always(exchangetest.Accept("R")))
				if got, _ := buyerOf(x, true, person(1)); got != c.then {
					t.Errorf("the second lead is sold to %q, want %q", got, c.then)
				}
				for _, o := range x.Open() {
					r := exchange.Resolution{Attempt: o.Attempt, Why: "mail", By: "anna"}
					if _, err := x.Exchange.Resolve(r); err != nil {
						t.Fatal(err)
					}
				}
				if name == "unknown" {
					if got, _ := buyerOf(x, true, person(1)); got != "a" {
						t.Errorf("when it is known to be none, sold to %q", got)
					}
				}
			})
		})
	}
}

// An attempt without a known end bars its person for its rule's time, as a sale does, and no longer: also after a
// start.
func TestAnOpenAttemptBarsForItsRulesTime(t *testing.T) {
	s := remembering("campaign", byPhone(1))
	asked := 0
	s.Campaigns[0].Post = func(*exchangetest.Request) exchangetest.Answer {
		if asked++; asked == 1 {
			return exchangetest.Silence()
		}
		return exchangetest.Accept("R")
	}
	s.Compiled = func(cfg *exchange.Config) { cfg.Book.Campaign("a").Uniques[0].Window = time.Hour }
	exchangetest.Run(t, s, func(x *rig) {
		buyerOf(x, true, person(1))
		for n, want := range []string{"a2", "a"} {
			x.Restart()
			if got, _ := buyerOf(x, n == 0, person(1)); got != want {
				t.Errorf("lead %d: sold to %q, want %q", n+2, got, want)
			}
			x.Sleep(time.Hour)
		}
	})
}

// A sale bars its person for its rule's time, to its last minute, and no longer: also after a start.
func TestASaleBarsForItsRulesTime(t *testing.T) {
	s := remembering("campaign", byPhone(1))
	s.Compiled = func(cfg *exchange.Config) { cfg.Book.Campaign("a").Uniques[0].Window = time.Hour }
	exchangetest.Run(t, s, func(x *rig) {
		for _, next := range []struct {
			after time.Duration
			want  string
		}{{0, "a"}, {time.Minute, "a2"}, {35 * time.Minute, "a2"}, {23 * time.Minute, "a2"}, {time.Minute, "a"},
			{59 * time.Minute, "a2"}, {time.Minute, "a"}} {
			x.Sleep(next.after)
			x.Restart()
			if got, _ := buyerOf(x, true, person(1)); got != next.want {
				t.Errorf("after %v more: sold to %q, want %q", next.after, got, next.want)
			}
		}
	})
}

// A correction frees a person, and takes it again.
func TestMarksFollowCorrections(t *testing.T) {
	exchangetest.Run(t, remembering("campaign", byPhone(1)), func(x *rig) {
		r, f := x.LeadNow(person(1), nil)
		wantSold(t, r, f, 20*dollar)
		corrects(t, x, exchange.Correction{Name: r.LeadID.String()})
		again := x.Quote(20*dollar, person(1))
		corrects(t, x, exchange.Correction{Name: attemptOf(t, x, r.LeadID, "a").String(), Accepted: true})
		x.Restart()
		if _, f := x.Post(again, person(1), nil); f != nil {
			t.Fatal(f)
		}
		for _, ev := range exchangetest.All[*ledger.Posting](x, again) {
			if ev.Campaign == "a" {
				t.Error("it went to the campaign that has the person again")
			}
		}
	})
}

// A lead that is sold several times is no duplicate of itself.
func TestALeadIsNoDuplicateOfItself(t *testing.T) {
	s := remembering("vertical", byPhone(1))
	s = vertical(s, func(v *exchange.Vertical) { v.Plan.SellLimit = 2 })
	for i := range s.Campaigns {
		s.Campaigns[i].MaxSold = 2
	}
	exchangetest.Run(t, s, func(x *rig) {
		r, f := x.LeadNow(person(1), nil)
		if f != nil || len(r.Sales) != 2 {
			t.Errorf("%d sales, %v", len(r.Sales), f)
		}
	})
}

// Of leads of one person that are posted at the same moment by several sellers one is sold.
func TestTwoSellersAtTheSameMoment(t *testing.T) {
	s := remembering("vertical", byPhone(1))
	names := []string{"", "zeta"}
	for n := range 6 {
		names = append(names, fmt.Sprint("s", n))
		s.Sources = append(s.Sources, exchangetest.NewSource(fmt.Sprint("s", n), "solar"))
	}
	for i := range s.Campaigns {
		s.Campaigns[i].Post = exchangetest.Always(exchangetest.Accept("R").In(50 * time.Millisecond))
	}
	exchangetest.Run(t, s, func(x *rig) {
		var ids []lead.ID
		var posts []*exchange.PostIn
		for _, name := range names {
			x.Seller = name
			id := x.Quote(20*dollar, nil)
			ids, posts = append(ids, id), append(posts, x.NewPost(id, person(1)))
		}
		var wg sync.WaitGroup
		for _, in := range posts {
			wg.Go(func() { x.Exchange.Post(in) })
		}
		wg.Wait()
		x.Sleep(5 * time.Second)
		sales := 0
		for i, id := range ids {
			x.Seller = names[i]
			if r := x.Status(id); r.Result == lead.ResultSuccess && len(r.Sales) > 0 {
				sales++
			}
		}
		if sales != 1 || len(x.Buyers.Posted()) != 1 {
			t.Errorf("%d sales of one person, %d posts", sales, len(x.Buyers.Posted()))
		}
	})
}

// A person who comes as a hash is known by the values of an earlier lead.
func TestHashesMeetValues(t *testing.T) {
	exchangetest.Run(t, remembering("campaign", byPhone(1)), func(x *rig) {
		r, f := x.LeadNow(values{"phone": "2127365000"}, nil)
		wantSold(t, r, f, 20*dollar)
		// sha256 of 2127365000, as buyers and sellers of this trade hash phone numbers
		sum := "e2a86e97f0a8a2fe2345348eba82c39be3cd01cc4d4c5bff686a1db069e44715"
		id := x.Quote(16*dollar, values{"phone_hash": sum})
		if b := exchangetest.Last[*ledger.Pinged](x, id).Bids[0]; b.Refusal != lead.DuplicateRule {
			t.Errorf("bid: %+v", b)
		}
	})
}

// What another system has sold counts as if it had been sold here, once a row, and after a restart too.
func TestWhatAnotherSystemHasSold(t *testing.T) {
	exchangetest.Run(t, remembering("buyer", byPhone(7)), func(x *rig) {
		now := x.Exchange.Now()
		row := func(phone string, ago time.Duration, ref string) exchange.SoldBefore {
			return exchange.SoldBefore{Rule: "buyer:sun:phone", At: now.Add(-ago),
				Values: map[string]string{"phone": phone}, Ref: ref}
		}
		list := []exchange.SoldBefore{row("212-736-5001", 6*day, "r1"), row("212-736-5002", 8*day, "r2"),
			row("212-736-5003", 0, "r3"), row("212-736-5003", 0, "r3")}
		for n, want := range [][3]int{{2, 1, 1}, {2, 1, 1}, {0, 1, 3}} {
			out, err := x.Exchange.ImportSold(list, n == 0, "moved", "anna")
			if err != nil {
				t.Fatal(err)
			}
			var got [3]int // new, over, known
			for _, r := range out {
				switch {
				case r.Known:
					got[2]++
				case r.Over:
					got[1]++
				default:
					got[0]++
				}
			}
			if got != want {
				t.Errorf("import %d: %v, want %v", n, got, want)
			}
		}
		for range 2 {
			for phone, want := range map[string]string{"2127365001": "c", "2127365003": "c", "2127365004": "a"} {
				id := x.Quote(map[string]lead.Money{"a": 20 * dollar, "c": 12 * dollar}[want], values{"phone": phone})
				for _, b := range exchangetest.Last[*ledger.Pinged](x, id).Bids {
					no := b.Refusal == lead.DuplicateRule
					if no != (want == "c" && b.Buyer == "sun") || no && b.First != "" {
						t.Errorf("%s: %+v", phone, b)
					}
				}
			}
			x.Restart()
		}
		for what, bad := range map[string]exchange.SoldBefore{
			`rule "buyer:sun:email": expected one of buyer:sun:phone`: {Rule: "buyer:sun:email", At: now},
			`"fone": expected a field of vertical solar`: {Rule: "buyer:sun:phone", At: now,
				Values: map[string]string{"fone": "1"}},
			"phone: what stands there is no phone": {Rule: "buyer:sun:phone", At: now,
				Values: map[string]string{"phone": "12"}},
			"expected values of phone|phone_hash": {Rule: "buyer:sun:phone", At: now},
			"expected a time that is over": {Rule: "buyer:sun:phone", At: now.Add(time.Hour),
				Values: map[string]string{"phone": "2127365001"}},
		} {
			seq := x.Ledger.LastSeq()
			list := []exchange.SoldBefore{row("2127365009", 0, "x"), bad}
			_, err := x.Exchange.ImportSold(list, false, "moved", "anna")
			if err == nil || !strings.Contains(err.Error(), what) || x.Ledger.LastSeq() != seq {
				t.Errorf("%v, want %q, and nothing written", err, what)
			}
		}
	})
}

// Somebody whose leads come and are refused again and again costs a bounded look, and is left alone in the end.
func TestWhoIsPostedAgainAndAgain(t *testing.T) {
	s := remembering("campaign", byPhone(1))
	s.Campaigns = s.Campaigns[:1]
	s.Campaigns[0].Post = declines
	exchangetest.Run(t, s, func(x *rig) {
		n := 0
		for ; n < 2*ledger.MarkedMax; n++ {
			if _, quoted := buyerOf(x, true, person(1)); !quoted {
				break
			}
		}
		if n != ledger.MarkedMax {
			t.Errorf("the buyer was asked %d times, want %d", n, ledger.MarkedMax)
		}
	})
}
