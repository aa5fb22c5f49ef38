// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"clearpost/buyers"
	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/rules"
)

// inheriting is a setup whose exchange takes over the leads up to an event.
func inheriting(s setup, seq *uint64) setup {
	s.Deps = func(d *exchange.Deps) { d.Inherited = *seq }
	return s
}

// The leads of a node whose directory was copied are answered for, and nothing is done about them.
func TestInheritedLeadsAreAnsweredForAndLeftAlone(t *testing.T) {
	var seq uint64
	s := unnamed(sellTo(1, campaign{ID: "a", Price: 10 * dollar, Spec: resends(3), Post: exchangetest.Script(
		exchangetest.Silence(), exchangetest.Accept("r"))}))
	exchangetest.Run(t, inheriting(s, &seq), func(x *rig) {
		open, f := x.Post(x.Quote(8*dollar, nil), nil, nil)
		wantPending(t, open, f)
		sold, f := x.Post(x.Quote(8*dollar, nil), values{"phone": "2127365001"}, nil)
		wantSold(t, sold, f, 8*dollar)
		quoted := pinged(t, x, values{"phone": "2127365002"}, nil)
		seq = x.Ledger.LastSeq()
		x.Restart()
		x.Exchange.Warm()
		x.Sleep(time.Minute)
		if n := len(x.Buyers.Posted()); n != 2 || x.Exchange.Pursued() != 0 {
			t.Errorf("%d posts: an inherited attempt is pursued", n)
		}
		wantUsed(x, "a", 2)
		wantPending(t, x.Status(open.LeadID), nil)
		wantSold(t, x.Status(sold.LeadID), nil, 8*dollar)
		r, f := x.Post(quoted.LeadID, values{"phone": ""}, nil)
		wantFault(t, r, f, "ping_expired") // the other node may have sold by it
		if own := pinged(t, x, values{"phone": "2127365002"}, nil); own.LeadID == quoted.LeadID {
			t.Error("an inherited quote is given away")
		}
		own := x.Quote(8*dollar, nil)
		r, f = x.Post(own, values{"phone": "2127365003"}, nil)
		wantSold(t, r, f, 8*dollar)
		if _, err := x.Exchange.Resolve(exchange.Resolution{Attempt: x.Open()[0].Attempt}); err != nil {
			t.Fatal(err)
		}
		wantUsed(x, "a", 2)
	})
}

// An open attempt whose lead's events cannot be found keeps its hold and its place in the list.
func TestOpenAttemptOfALeadThatIsNotThereKeepsItsHold(t *testing.T) {
	exchangetest.Run(t, cappedOne(), func(x *rig) {
		id := x.Quote(8*dollar, nil)
		r, f := x.Post(id, nil, nil)
		wantSold(t, r, f, 8*dollar)
		p := *exchangetest.Last[*ledger.Posting](x, id)
		p.Head.EventID, p.Head.Lead, p.Attempt, p.Post = lead.ID{}, lead.ID{9}, lead.ID{8}, nil
		if err := x.Ledger.Append(&p); err != nil {
			t.Fatal(err)
		}
		x.Restart()
		wantUsed(x, "a", 2)
		if open := x.Open(); len(open) != 1 || open[0].Lead != (lead.ID{9}) || open[0].Campaign != "a" {
			t.Errorf("open: %+v", open)
		}
	})
}

// Stopping does not wait for ever, and says that something was left.
func TestStoppingEndsWithItsTime(t *testing.T) {
	s := one()
	s.Campaigns[0].Post = exchangetest.Always(exchangetest.Accept("r").In(2 * time.Second))
	exchangetest.Run(t, s, func(x *rig) {
		id := x.Quote(8*dollar, nil)
		heard := post(x, id)
		x.Sleep(time.Second)
		ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
		defer cancel()
		begin := time.Now()
		if err := x.Exchange.Stop(ctx); err == nil {
			t.Error("a post under way is not told of")
		}
		if took := time.Since(begin); took != 500*time.Millisecond {
			t.Errorf("it took %v", took)
		}
		a := <-heard
		wantSold(t, a.reply, a.fault, 8*dollar) // the ledger was there still
	})
}

func TestTimeIsNeverBeforeTheLastEvent(t *testing.T) {
	ahead := time.Duration(0)
	s := one()
	s.Deps = func(d *exchange.Deps) { d.Now = func() time.Time { return time.Now().Add(ahead) } }
	exchangetest.Run(t, s, func(x *rig) {
		ahead = 30 * time.Second // as NTP may set a clock
		id := x.Quote(8*dollar, nil)
		at := exchangetest.Last[*ledger.Pinged](x, id).At
		ahead = 0
		x.Sleep(time.Second)
		if now := x.Exchange.Now(); now.Before(at) {
			t.Errorf("it is %s, and an event is of %s", now, at)
		}
	})
}

// A clock that was two days ahead has dated a sale and a quote. When it is right again, the sale stays what it is, the
// quote does not last for two days more, and today's caps are those of today.
func TestQuoteOfAClockThatWasAheadIsOver(t *testing.T) {
	ahead := 48 * time.Hour
	s := sellTo(1, campaign{ID: "a", Price: 10 * dollar, Spec: func(c *buyers.CampaignSpec) {
		c.Caps = []rules.CapSpec{{Per: "day", Limit: 1, Zone: "Etc/UTC"}}
	}})
	s.Deps = func(d *exchange.Deps) { d.Now = func() time.Time { return time.Now().Add(ahead) } }
	exchangetest.Run(t, s, func(x *rig) {
		first, second := x.Quote(8*dollar, nil), x.Quote(8*dollar, nil)
		sold, f := x.Post(first, nil, nil)
		wantSold(t, sold, f, 8*dollar)
		ahead = 0
		x.Restart()
		r, f := x.Post(second, values{"phone": "2127365001"}, nil)
		wantFault(t, r, f, "ping_expired") // it is of the day after tomorrow
		again, f := x.Post(first, nil, nil)
		if f != nil || fmt.Sprint(again) != fmt.Sprint(sold) {
			t.Errorf("again: %+v, %v, first %+v", again, f, sold)
		}
		r, f = x.Post(x.Quote(8*dollar, nil), values{"phone": "2127365002"}, nil)
		wantSold(t, r, f, 8*dollar)
		r, f = x.Ping(nil, nil)
		wantUnsold(t, r, f, lead.NoBids) // today's cap is full
		if n := x.Ledger.Stats().ClockJumps; n == 0 {
			t.Error("nobody was told of the event ahead")
		}
	})
}
