// SPDX-License-Identifier: Apache-2.0

package history

import (
	"testing"
	"time"

	"clearpost/lead"
	"clearpost/ledger"
)

var t0 = time.Date(2026, 3, 2, 15, 0, 0, 0, time.UTC)

func id(n byte) (out lead.ID) { out[15] = n; return out }

// told folds events as the ledger gives them.
func told(events ...ledger.Event) *History {
	h := &History{ID: id(1)}
	for _, ev := range events {
		h.Add(ev)
	}
	return h
}

func quoted() *ledger.Pinged {
	return &ledger.Pinged{Head: ledger.Head{At: t0}, Mode: ledger.ModePing, Result: lead.ResultSuccess,
		ReceivedAt: t0, ExpiresAt: t0.Add(5 * time.Minute), SellerLeadID: "ping-1"}
}

func posting(n byte) *ledger.Posting {
	return &ledger.Posting{Attempt: id(n), Campaign: "c" + string('0'+rune(n)), Buyer: "b" + string('0'+rune(n)),
		Price: 20 * lead.Unit, Payout: 16 * lead.Unit, MaxSold: 1, SellLimit: 1}
}

func posted(n byte, o lead.Outcome, no lead.Refusal) *ledger.Posted {
	return &ledger.Posted{Attempt: id(n), Outcome: o, Refusal: no, Price: 20 * lead.Unit, Payout: 16 * lead.Unit,
		Reference: "R"}
}

func resolved(n byte, o lead.Outcome) *ledger.Adjusted {
	return &ledger.Adjusted{Adjustment: ledger.AdjustResolved, Attempt: id(n), Outcome: o, Price: 30 * lead.Unit,
		Payout: 24 * lead.Unit, Reference: "R2"}
}

// What a lead's attempts come to, whatever happened in between.
func TestWhatALeadHasComeTo(t *testing.T) {
	settled := &ledger.Settled{Result: lead.ResultFailure}
	pending := &ledger.Settled{Result: lead.ResultPending}
	for name, c := range map[string]struct {
		h                                                *History
		open, resumable, finished, standing, failed, bid bool
		revenue                                          lead.Money
	}{
		"a quote":                   {h: told(quoted()), bid: true},
		"an attempt without an end": {h: told(quoted(), posting(2)), open: true, standing: true},
		"a sale that nobody has answered": {h: told(quoted(), posting(2), posted(2, lead.Accepted, 0)), resumable: true,
			standing: true, revenue: 20 * lead.Unit},
		"a no": {h: told(quoted(), posting(2), posted(2, lead.Rejected, lead.BuyerRejected), settled), finished: true,
			failed: true},
		"unknown": {h: told(quoted(), posting(2), posted(2, lead.Unknown, lead.TimedOut), pending), open: true,
			standing: true},
		"unknown, then sold": {h: told(quoted(), posting(2), posted(2, lead.Unknown, lead.TimedOut), pending,
			resolved(2, lead.Accepted), &ledger.Settled{Result: lead.ResultSuccess}), finished: true, standing: true,
			revenue: 30 * lead.Unit},
		"unknown, then not sold": {h: told(quoted(), posting(2), posted(2, lead.Unknown, lead.TimedOut), pending,
			resolved(2, lead.Rejected), settled), finished: true, failed: true},
		// Its person may send another: this one has reached nobody.
		"written down and never sent": {h: told(quoted(), posting(2), posted(2, lead.NotSent, lead.NotBegun)),
			resumable: true},
		"not sent, the next sold": {h: told(quoted(), posting(2), posted(2, lead.NotSent, lead.NotBegun), posting(3),
			posted(3, lead.Accepted, 0)), resumable: true, standing: true, revenue: 20 * lead.Unit},
	} {
		h := c.h
		var revenue lead.Money
		for _, s := range h.Sales() {
			revenue += s.Price
		}
		got := [...]bool{h.Open(), h.Resumable(), h.Finished(), h.Standing(), h.Failed(),
			h.QuoteAt(t0.Add(time.Minute))}
		if got != [...]bool{c.open, c.resumable, c.finished, c.standing, c.failed, c.bid} || revenue != c.revenue {
			t.Errorf("%s: open, resumable, finished, standing, failed, quote: %v, revenue %v", name, got, revenue)
		}
	}
}

// A quote stands up to its end and no longer, and not at all if it comes from a clock that was ahead.
func TestQuotesEnd(t *testing.T) {
	end := quoted().ExpiresAt
	for at, over := range map[time.Time]bool{t0: false, end: false, end.Add(1): true,
		t0.Add(-ledger.ClockAhead): false, t0.Add(-ledger.ClockAhead - 1): true} {
		if got := told(quoted()).Over(at); got != over {
			t.Errorf("at %v: over %v", at.Sub(t0), got)
		}
	}
	if h := told(quoted()); !h.QuoteAt(end.Add(-1)) || h.QuoteAt(end) {
		t.Error("a quote is given to others at its very end, or no more before it")
	}
}

// A bid has had its attempt once it was sent; a leg is a bid of its own.
func TestBidsThatHadTheirAttempt(t *testing.T) {
	h := told(quoted(), posting(2), posted(2, lead.NotSent, lead.NotBegun), posting(3), posted(3, lead.Rejected, 1),
		posting(4))
	for bid, want := range map[*ledger.Bid]bool{{Campaign: "c2"}: false, {Campaign: "c3"}: true,
		{Campaign: "c3", Leg: 1}: false, {Campaign: "c4"}: true, {Campaign: "c5"}: false} {
		if got := h.TriedBefore(bid); got != want {
			t.Errorf("%s leg %d: %v", bid.Campaign, bid.Leg, got)
		}
	}
}

// A resend belongs to the attempt that it repeats: it is no attempt, and its end only tells more of the first.
func TestResendsBelongToTheirAttempt(t *testing.T) {
	again, first := posting(3), id(2)
	again.Again, again.Of = ledger.AgainResend, &first
	h := told(quoted(), posting(2), again, &ledger.Posted{Attempt: id(3), Outcome: lead.Unknown, Refusal: lead.Queued,
		Private: ledger.Private{Redirect: "https://buyer.example/next"}})
	if a := h.Attempt(first); len(h.Attempts) != 1 || len(a.Resends) != 1 || !a.Queued || a.Posted != nil ||
		h.RedirectOf(first) != "https://buyer.example/next" || h.RedirectOf(id(3)) != "" {
		t.Errorf("%+v", h.Attempts)
	}
}

func TestPayoutOfAPriceThatIsKnownLater(t *testing.T) {
	terms := &ledger.Terms{MarginPPM: 250_000, MarginFixed: lead.Unit}
	follows := &ledger.Terms{MarginPPM: 250_000, MarginFixed: lead.Unit, PayoutFollows: true}
	banded := &ledger.Terms{MarginPPM: 250_000, MarginMinimum: 6 * lead.Unit, PayoutFollows: true,
		MarginBands: []ledger.MarginBand{{From: 40 * lead.Unit, PPM: 100_000}}}
	for _, c := range []struct {
		mode          string
		terms         *ledger.Terms
		price, payout lead.Money
	}{
		{ledger.ModePing, terms, 30 * lead.Unit, 16 * lead.Unit},  // what was quoted
		{ledger.ModeLead, follows, 30 * lead.Unit, 21_500_000},    // 75 %, less one
		{ledger.ModePing, follows, 30 * lead.Unit, 21_500_000},    // sold below what was quoted
		{ledger.ModeLead, banded, 20 * lead.Unit, 14 * lead.Unit}, // the minimum
		{ledger.ModeLead, banded, 40 * lead.Unit, 36 * lead.Unit}, // the band
		{ledger.ModeLead, nil, 20 * lead.Unit, 16 * lead.Unit},    // the posting's own
		{ledger.ModeLead, nil, 10 * lead.Unit, 8 * lead.Unit},     // its share
		{ledger.ModeLead, nil, 10_010_000, 8_000_000},             // rounded down to cents
		{ledger.ModeLead, nil, 0, 0},
	} {
		ping, p := quoted(), posting(2)
		ping.Mode, p.Terms = c.mode, c.terms
		if got := told(ping, p).PayoutOf(p, c.price); got != c.payout {
			t.Errorf("%s, %v of %v: %v, want %v", c.mode, c.terms, c.price, got, c.payout)
		}
	}
}

func TestTestLeadsHaveSlotsToo(t *testing.T) {
	shared := func(n byte, most int) *ledger.Posting {
		p := posting(n)
		p.Test, p.SellLimit, p.MaxSold = true, 2, most
		return p
	}
	taken := posted(2, lead.TestAccepted, 0)
	for name, c := range map[string]struct {
		h    *History
		next *ledger.Posting
		want lead.Refusal
	}{
		"first":                      {told(quoted()), shared(3, 2), lead.NoRefusal},
		"second":                     {told(quoted(), shared(2, 2), taken), shared(3, 2), lead.NoRefusal},
		"after an exclusive one":     {told(quoted(), shared(2, 1), taken), shared(3, 2), lead.NoSlot},
		"exclusive after a shared":   {told(quoted(), shared(2, 2), taken), shared(3, 1), lead.NoSlot},
		"the same buyer once more":   {told(quoted(), shared(2, 2), taken), shared(2, 2), lead.BuyerSoldAlready},
		"one that was refused":       {told(quoted(), shared(2, 2), posted(2, lead.Rejected, 2)), shared(2, 2), 0},
		"one without an end is a no": {told(quoted(), shared(2, 1)), shared(3, 2), lead.NoRefusal},
	} {
		if got := c.h.RoomForTest(c.next, nil); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if h := told(quoted(), shared(2, 2), taken); h.Sold() != 1 || len(h.Sales()) != 0 || len(h.TestSales()) != 1 {
		t.Error("a test's sale counts as one, or is none")
	}
}

func TestNamesOfAPerson(t *testing.T) {
	who := Identity{Person: "a", Also: []string{"b", "c"}}
	if (&Identity{Also: []string{"b"}}).Names() != 0 || who.Names() != 3 || who.Name(0) != "a" || who.Name(2) != "c" {
		t.Error(who)
	}
	post := posting(2)
	post.Post, post.Private.Person = &ledger.Post{SellerLeadID: "post-1", ReceivedAt: t0.Add(time.Second)}, "a"
	h := told(quoted(), post)
	if h.Who.Person != "a" || h.Seller() != "post-1" || !h.Received().Equal(t0.Add(time.Second)) {
		t.Errorf("%+v %s", h.Who, h.Seller())
	}
	if h := told(quoted()); h.Seller() != "ping-1" || !h.Received().Equal(t0) {
		t.Error(h.Seller())
	}
}

// The lead is what ping and post have sent; of a social security number only the post itself can tell.
func TestLeadIsMadeAgain(t *testing.T) {
	s, errs := lead.NewSchema("v", []lead.Field{{Name: "ssn", Type: lead.TypeSSN},
		{Name: "age", Type: lead.TypeInteger}})
	if errs != nil {
		t.Fatal(errs)
	}
	ping, post := quoted(), posting(2)
	ping.Fields, ping.Raw = ledger.Fields{{Name: "age", Value: "41"}, {Name: "gone", Value: "x"}},
		ledger.Fields{{Name: "age", Value: " 41 "}}
	ping.Private.Fields = ledger.Fields{{Name: "ssn", Value: "***-**-1234"}}
	post.Post = &ledger.Post{}
	post.Private.Fields = ledger.Fields{{Name: "phone", Value: "2125550123"}}
	h := told(ping, post)
	l := h.Lead(s)
	value := func(name string) string {
		pos, _ := s.Position(name)
		return string(l.Normal(pos))
	}
	if value("age") != "41" || value("phone") != "+12125550123" || value("ssn") != "" {
		t.Errorf("age %q, phone %q, ssn %q", value("age"), value("phone"), value("ssn"))
	}
	ssn, _ := s.Position("ssn")
	other := new(lead.Lead)
	other.Reset(s)
	for number, differs := range map[string]int{"536-22-1234": 0, "536-22-9999": 1} {
		other.Set(ssn, []byte(number))
		if got := h.OtherSSNs(other, nil); len(got) != differs {
			t.Errorf("%s differs in %v", number, got)
		}
	}
	if got := string(h.PingValue(l, ssn)); got != "***-**-1234" {
		t.Error(got)
	}
}

// A seller who writes the day first has said what day it was when its lead came: reading its text again by the
// vertical's order must not make another day of it.
func TestLeadIsAsItWasReadThen(t *testing.T) {
	schema, errs := lead.NewSchema("v", []lead.Field{{Name: "moved", Type: lead.TypeDate},
		{Name: "zip", Type: lead.TypePostalCode}})
	if errs != nil {
		t.Fatal(errs)
	}
	ping := quoted()
	ping.Fields = ledger.Fields{{Name: "moved", Value: "2026-02-01"}, {Name: "zip", Value: "10001"}}
	ping.Raw = ledger.Fields{{Name: "moved", Value: "1/2/2026"}, {Name: "zip", Value: "10001-0000"}}
	l := told(ping).Lead(schema)
	for name, want := range map[string]string{"moved": "2026-02-01", "zip": "10001"} {
		pos, _ := schema.Position(name)
		if got := string(l.Normal(pos)); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}
