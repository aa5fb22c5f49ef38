// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"testing"
	"testing/synctest"
	"time"

	"clearpost/exchange/claims"
	"clearpost/exchange/history"
	"clearpost/lead"
)

func TestQuotesAreKeptWhileTheyLiveAndNoLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var q quoteTable
		q.init()
		q.keep.Store(int64(time.Minute))
		ping := func(c byte) *Ping { return &Ping{what: content{c}} }
		quoted := func(c byte) lead.ID {
			p := ping(c)
			other, id := q.enter(p, time.Now())
			if other != nil {
				t.Fatal("somebody else is under way")
			}
			q.leave(p, time.Now(), inProgress()) // a fault leaves nothing behind
			return id
		}
		take := func(c byte) {
			p := ping(c)
			q.enter(p, time.Now())
			p.reply = Reply{Result: lead.ResultSuccess, LeadID: lead.ID{c}, ExpiresAt: time.Now().Add(time.Minute)}
			q.leave(p, time.Now(), nil)
		}
		take(1)
		time.Sleep(40 * time.Second)
		take(2)
		time.Sleep(19 * time.Second)
		take(3)
		if quoted(1) != (lead.ID{1}) || quoted(2) != (lead.ID{2}) || quoted(3) != (lead.ID{3}) || quoted(4) != noLead {
			t.Error("a live quote is not known")
		}
		time.Sleep(2 * time.Second)
		take(4)
		if quoted(1) != noLead || quoted(2) != (lead.ID{2}) || quoted(3) != (lead.ID{3}) {
			t.Error("after 61 seconds the first quote should be over, and no other")
		}
		time.Sleep(61 * time.Second)
		take(5)
		time.Sleep(61 * time.Second)
		take(6)
		for i := range q.shards {
			if s := &q.shards[i]; len(s.flights) != 0 || len(s.young)+len(s.old) > 3 {
				t.Errorf("shard %d keeps %d flights and %d quotes", i, len(s.flights), len(s.young)+len(s.old))
			}
		}
	})
}

func TestFollowersHearTheFirstPingOrGiveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &Exchange{}
		e.quotes.init()
		one := func() *Ping {
			return &Ping{Source: &Source{ID: "s"}, Vertical: &Vertical{PingDeadline: time.Second}, what: content{7}}
		}
		first := one()
		e.quotes.enter(first, time.Now())
		heard := make(chan Reply, 3)
		faults := make(chan *Fault, 3)
		follow := func() {
			p := one()
			other, _ := e.quotes.enter(p, time.Now())
			if other == nil {
				t.Error("two pings are the first")
				return
			}
			if f := e.await(p, other); f != nil {
				faults <- f
			} else {
				heard <- p.reply
			}
		}
		go follow()
		time.Sleep(900 * time.Millisecond)
		go follow()
		time.Sleep(500 * time.Millisecond) // the first follower has waited 1.4 s
		if f := <-faults; f.Code != "in_progress" {
			t.Errorf("who has waited too long hears %v", f)
		}
		first.reply = Reply{Result: lead.ResultSuccess, LeadID: lead.ID{1}, ExpiresAt: time.Now().Add(time.Minute)}
		e.quotes.leave(first, time.Now(), nil)
		if r := <-heard; r.LeadID != (lead.ID{1}) || e.Stats.source("s").Suppressed.Load() != 1 {
			t.Errorf("heard %+v", r)
		}
		second := one()
		if _, id := e.quotes.enter(second, time.Now()); id != (lead.ID{1}) {
			t.Errorf("the quote is not known: %v", id)
		}
		go follow()
		synctest.Wait()
		e.quotes.leave(second, time.Now(), unavailable(errUnread))
		if f := <-faults; f.Kind != FaultUnavailable {
			t.Errorf("heard %v", f)
		}
	})
}

// A trip whose lead is compared with all sources' leads and one that is compared with its own source's only are not
// under way at once.
func TestScopesExcludeEachOther(t *testing.T) {
	v := &Vertical{ID: "v", Dedupe: Dedupe{Window: time.Hour, Scope: ScopeVertical}}
	own := v.Dedupe
	own.Scope = ScopeSource
	all, one := &Source{ID: "all", Verticals: []string{"v"}}, &Source{ID: "one", Verticals: []string{"v"},
		Dedupe: []*Dedupe{&own}}
	e := &Exchange{claims: claims.NewTable[underWay]()}
	who := history.Identity{Person: "jane"}
	for _, order := range [][2]*Source{{all, one}, {one, all}} {
		first, second := e.claims.In(), e.claims.In()
		if f := e.claimPerson(first, order[0], v, &who); f != nil {
			t.Fatal(f)
		}
		if f := e.claimPerson(second, order[1], v, &who); f == nil {
			t.Errorf("%s and %s at once", order[0].ID, order[1].ID)
		}
		first.Release()
		if f := e.claimPerson(second, order[1], v, &who); f != nil {
			t.Errorf("after its end: %v", f)
		}
		second.Release()
	}
}

// A ping that waits for the answer of another gives up when its seller does, and what it has waited before it was read
// is part of that.
func TestFollowersWaitNoLongerThanTheirSellers(t *testing.T) {
	for _, c := range []struct{ most, waited, want time.Duration }{{0, 0, 1250 * time.Millisecond},
		{0, 400 * time.Millisecond, 850 * time.Millisecond}, {300 * time.Millisecond, 0, 300 * time.Millisecond},
		{300 * time.Millisecond, 200 * time.Millisecond, 100 * time.Millisecond},
		{300 * time.Millisecond, time.Second, 0}, {5 * time.Second, 0, 1250 * time.Millisecond}} {
		synctest.Test(t, func(t *testing.T) {
			e := &Exchange{}
			e.quotes.init()
			one := func() *Ping {
				return &Ping{Source: &Source{ID: "s"}, Vertical: &Vertical{PingDeadline: time.Second}, what: content{7}}
			}
			e.quotes.enter(one(), time.Now())
			p := one()
			p.MaxWait, p.Waited = c.most, c.waited
			other, _ := e.quotes.enter(p, time.Now())
			begin := time.Now()
			f := e.await(p, other)
			if took := time.Since(begin); f == nil || f.Code != "in_progress" || took != c.want {
				t.Errorf("of %v, after %v: %v after %v, want %v", c.most, c.waited, f, took, c.want)
			}
		})
	}
}
