// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/ledger"
)

// replaces has one sale stand in the place of another that was given back, told in a line.
func replaces(x *rig, id, with lead.ID) string {
	return inALine(x.Exchange.DecideReturn(exchange.ReturnDecision{Name: id.String(), What: exchange.ReturnReplace,
		With: with.String(), Why: "sent", By: "anna", Budget: forNames}))
}

// replacements are the leads that were replaced, by what the ledger has.
func replacements(x *rig) (out []lead.ID) {
	simEvents(x, func(ev ledger.Event) {
		if adj, ok := ev.(*ledger.Adjusted); ok && adj.Adjustment == ledger.AdjustReplaced {
			out = append(out, adj.Lead)
		}
	})
	return out
}

// Whatever becomes of the write by which a lead is replaced, then of the process and then of the same wish told again:
// the lead is replaced once, and no lead stands in the place of two.
func TestAReplacementIsWrittenOnce(t *testing.T) {
	type end struct {
		fault  exchangetest.Fault // 0: the machine is lost at the write
		death  exchangetest.Death
		stored bool
		crash  bool // before anybody can tell; otherwise the disk is mended first
	}
	for _, c := range []end{
		{fault: exchangetest.Refused}, {fault: exchangetest.Refused, crash: true},
		{fault: exchangetest.Lost}, {fault: exchangetest.Lost, crash: true},
		{fault: exchangetest.Kept, stored: true}, {fault: exchangetest.Kept, stored: true, crash: true},
		{death: exchangetest.DiesBefore, crash: true}, {death: exchangetest.DiesWithin, crash: true},
		{death: exchangetest.DiesAfter, stored: true, crash: true},
	} {
		t.Run(fmt.Sprintf("%+v", c), func(t *testing.T) {
			exchangetest.Run(t, returning(48), func(x *rig) {
				first, second := sell(x), sell(x)
				x.Sleep(time.Second)
				for _, id := range []lead.ID{first, second} {
					wantLine(t, giveBack(x, id, "another"), "returned, credit 0.00, clawback 10.00")
				}
				x.Sleep(time.Second)
				with := sell(x)
				was := counted(x)
				if c.fault != 0 {
					x.Disk.Fail(ledger.KindAdjusted, c.fault)
				} else {
					x.Disk.DieAt(1, c.death, func() {})
				}
				told := make(chan string, 1)
				go func() { told <- replaces(x, first, with) }()
				x.Sleep(5 * time.Second)
				select {
				case line := <-told:
					if !strings.HasPrefix(line, "refused: "+exchange.ErrNotBooked.Error()) {
						t.Errorf("without the ledger: %s", line)
					}
				default:
					if c.fault != 0 {
						t.Error("nobody is told anything")
					}
				}
				if line := replaces(x, second, with); c.fault > exchangetest.Stalled &&
					!strings.HasPrefix(line, "refused: "+exchange.ErrMaybeBooked.Error()) {
					t.Errorf("while nobody can tell, for another one: %s", line)
				}
				if x.Disk.Repair(); c.crash {
					x.Crash()
				}
				x.Disk.DieAt(0, 0, nil)
				x.Sleep(time.Minute)
				if now := counted(x); len(replacements(x)) == 0 && now != was {
					t.Errorf("nothing is stored: %s, was %s", now, was)
				}
				winner, loser := first, second
				if got := replacements(x); c.stored != (len(got) == 1) || c.stored && got[0] != first {
					if c.fault != exchangetest.Refused || len(got) != 1 || got[0] != second {
						t.Fatalf("replaced: %v", got)
					}
					winner, loser = second, first // the other one came in between
				}
				line := replaces(x, winner, with)
				if again := strings.HasSuffix(line, ", again"); !strings.HasPrefix(line,
					"replaced, credit 25.00, clawback 0.00") || again != (c.stored || winner == second) {
					t.Errorf("told again: %s", line)
				}
				wantLine(t, replaces(x, loser, with), "refused: "+exchange.ErrReplacement.Error()+
					": it stands in place of another one already")
				once := counted(x)
				for range 2 {
					x.Restart()
					if got := counted(x); got != once || len(replacements(x)) != 1 || replacements(x)[0] != winner {
						t.Errorf("after a restart: %s, was %s; replaced %v", got, once, replacements(x))
					}
					wantLine(t, replaces(x, winner, with), "replaced, credit 25.00, clawback 0.00, again")
				}
				if got := audited(x); got.Credits != int64(25*dollar) || got.Returns != 2 {
					t.Errorf("audit: %+v", got)
				}
			})
		})
	}
}

// A place is free again where its cap's window is open still, up to the last moment of it, and not one later; and
// whoever asks twice at the same time gives back once.
func TestAReturnAtTheEdgeOfACapsWindow(t *testing.T) {
	for _, c := range []struct {
		before time.Duration // the end of the day, which is 2000-01-01 05:00 in UTC
		want   string
	}{
		{time.Microsecond, "1999-12-31 0, week 0"},
		{0, "1999-12-31 1, week 0"},
	} {
		exchangetest.Run(t, returning(48), func(x *rig) {
			id := sell(x)
			x.Sleep(time.Date(2000, 1, 1, 5, 0, 0, 0, time.UTC).Add(-c.before).Sub(x.Exchange.Now()))
			told := make(chan string, 2)
			for range 2 {
				go func() { told <- giveBack(x, id, "wrong_number") }()
			}
			lines := []string{<-told, <-told}
			slices.Sort(lines)
			under := "refused: " + exchange.ErrUnderWay.Error()
			if lines[0] != "returned, credit 25.00, clawback 10.00" || lines[1] != lines[0]+", again" &&
				lines[1] != under {
				t.Errorf("%s before: %q", c.before, lines)
			}
			for range 2 {
				counts := map[string]int64{}
				x.Ledger.Counts(func(key, window string, n int64) { counts[key+" "+window] = n })
				got := fmt.Sprintf("1999-12-31 %d, week %d", counts["buyer:a-co:day 1999-12-31"],
					counts["buyer:a-co:week 1999-W52"])
				if got != c.want {
					t.Errorf("%s before: %s, want %s", c.before, got, c.want)
				}
				x.Restart()
			}
			audited(x)
		})
	}
}
