// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"clearpost/batch"
	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/ledger"
)

// placing is what a person says of a row of a response, and what has to come of it.
type placing struct {
	row     string // after what names the lead
	named   bool   // that is its id
	unclear bool   // nobody could tell whether the leads' file was stored
	say     func(*exchange.Placement)
	drop    bool

	revenue, payout lead.Money // of two sales at 25 and 20
	used            int64
	events          [3]int // resolved, corrected, answered
}

var placings = map[string]placing{
	"no sale": {row: "bad,,,", revenue: 25 * dollar, payout: 20 * dollar, used: 1, events: [3]int{0, 1, 0}},
	"another price": {row: "maybe,,H-9,24", named: true, say: func(p *exchange.Placement) {
		yes, price := true, 24*dollar
		p.Accepted, p.Price = &yes, &price
	}, revenue: 49 * dollar, payout: 39_200_000, used: 2, events: [3]int{0, 1, 0}},
	"as it stands":  {row: "ok,,,", revenue: 50 * dollar, payout: 40 * dollar, used: 2, events: [3]int{0, 0, 1}},
	"open, no sale": {row: "bad,,,", unclear: true, used: 1, events: [3]int{1, 0, 0}},
	"dropped":       {row: "bad,,,", drop: true, revenue: 50 * dollar, payout: 40 * dollar, used: 2},
}

// tell says it, of this lead; again tells that it was said before.
func (c *placing) tell(x *rig, row, id lead.ID) (again bool, err error) {
	changed := false
	if c.drop {
		changed, err = x.Exchange.DropRow(row, "a stray", "ann")
	} else {
		p := exchange.Placement{Row: row, Name: id.String(), Why: "their id", By: "ann"}
		if c.say != nil {
			c.say(&p)
		}
		changed, err = x.Exchange.PlaceRow(p, time.Second)
	}
	return !changed, err
}

// want tells whether the row is placed once, on this lead, and all sums are so.
func (c *placing) want(x *rig, id, other lead.ID) {
	x.T.Helper()
	var got [3]int
	for i, what := range []string{ledger.AdjustResolved, ledger.AdjustCorrected, ledger.AdjustAnswered} {
		for _, adj := range adjusted(x, id, what) {
			if adj.By == "ann" { // that the file is stored is none of hers
				got[i]++
			}
		}
	}
	if said := adjusted(x, lead.ID{}, ledger.AdjustPlaced); got != c.events || len(said) != 1 {
		x.T.Errorf("resolved, corrected, answered: %v, expected %v; said %d times", got, c.events, len(said))
	}
	if n := len(adjusted(x, other, ledger.AdjustCorrected)) + len(adjusted(x, other, ledger.AdjustAnswered)); n != 0 {
		x.T.Errorf("another lead has %d events of it", n)
	}
	if left, err := x.Exchange.Unplaced(""); err != nil || len(left) != 0 {
		x.T.Errorf("still unplaced: %+v, %v", left, err)
	}
	wantUsed(x, "a", c.used)
	if got := audited(x); got.Revenue != int64(c.revenue) || got.Payout != int64(c.payout) {
		x.T.Errorf("audit: %+v", got)
	}
}

// waitingRow has a row wait for a person, beside two sales in files.
func waitingRow(x *rig, d *desk, c *placing) (row, id, other lead.ID) {
	x.T.Helper()
	if c.unclear {
		d.set(func() {
			d.store = func() error {
				d.set(func() { d.store = nil })
				return errors.Join(batch.ErrUnclear, os.RemoveAll(d.dir), os.Mkdir(d.dir, 0o700))
			}
		})
	}
	id, other = sendRow(x, 1), sendRow(x, 2)
	x.Sleep(time.Minute)
	if !c.unclear {
		wantSoldOnce(x, id, other)
	}
	name := "Harbor-1"
	if c.named {
		name = id.String()
	}
	d.respond(x.T, "result-1.csv", name+","+c.row)
	x.Sleep(time.Hour)
	rows, err := x.Exchange.Unplaced("a")
	if err != nil || len(rows) != 1 {
		x.T.Fatalf("%+v, %v", rows, err)
	}
	return rows[0].Row, id, other
}

// The machine is lost at each write of placing or dropping a row, before, within or after it. Told again it is done
// once, and it stays so.
func TestLossOfTheMachinePlacesNoRowTwice(t *testing.T) {
	for name, c := range placings {
		for _, how := range []exchangetest.Death{exchangetest.DiesBefore, exchangetest.DiesWithin,
			exchangetest.DiesAfter} {
			for n, struck := 1, true; struck; n++ {
				t.Run(fmt.Sprint(name, " ", how, " at ", n), func(t *testing.T) { struck = placeAndDie(t, &c, n, how) })
				if n > 9 || n == 1 && !struck {
					t.Fatalf("%d writes", n)
				}
			}
		}
	}
}

func placeAndDie(t *testing.T, c *placing, n int, how exchangetest.Death) (struck bool) {
	d := newDesk(t)
	exchangetest.Run(t, inFiles(d, batch.SendSpec{Rows: 2, WaitMin: 60}, withResponses(d)), func(x *rig) {
		row, id, other := waitingRow(x, d, c)
		x.Disk.DieAt(n, how, func() { d.set(func() { d.dead = true }) })
		heard := make(chan error, 1)
		go func() {
			_, err := c.tell(x, row, id)
			heard <- err
		}()
		x.Sleep(time.Minute)
		if struck = d.was(); struck {
			x.Crash()
		}
		if err := <-heard; struck != (err != nil) {
			t.Errorf("struck: %v, and heard %v", struck, err)
		}
		x.Disk.DieAt(0, 0, nil)
		x.Sleep(time.Minute)
		left, err := x.Exchange.Unplaced("")
		if stored := !struck || how == exchangetest.DiesAfter; err != nil || stored != (len(left) == 0) {
			t.Errorf("after the crash: %+v, %v", left, err)
		}
		if again, err := c.tell(x, row, id); err != nil || again != (len(left) == 0) {
			t.Errorf("told again: %v, %v", again, err)
		}
		for range 2 {
			c.want(x, id, other)
			x.Restart()
			if again, err := c.tell(x, row, id); err != nil || !again {
				t.Errorf("after a restart: %v, %v", again, err)
			}
		}
	})
	return struck
}

// While nobody can tell whether the ledger has what was said of a row, nobody says otherwise of it; afterwards what is
// stored holds, and what is not is as if it had never been said.
func TestNoRowIsPlacedTwiceWhileNobodyCanTell(t *testing.T) {
	for name, c := range placings {
		for _, fault := range []exchangetest.Fault{exchangetest.Refused, exchangetest.Lost, exchangetest.Kept} {
			for _, crash := range []bool{false, true} {
				t.Run(fmt.Sprint(name, " ", fault, " ", crash), func(t *testing.T) { placeUnsure(t, &c, fault, crash) })
			}
		}
	}
}

func placeUnsure(t *testing.T, c *placing, fault exchangetest.Fault, crash bool) {
	d := newDesk(t)
	exchangetest.Run(t, inFiles(d, batch.SendSpec{Rows: 2, WaitMin: 60}, withResponses(d)), func(x *rig) {
		row, id, other := waitingRow(x, d, c)
		x.Disk.Fail(ledger.KindAdjusted, fault)
		heard := make(chan error, 1)
		go func() {
			_, err := c.tell(x, row, id)
			heard <- err
		}()
		x.Sleep(time.Minute)
		select {
		case err := <-heard:
			if err == nil || errors.Is(err, exchange.ErrMaybeBooked) != (fault != exchangetest.Refused) {
				t.Errorf("heard %v", err)
			}
		default:
			t.Fatal("nobody is told anything")
		}
		no := false
		elsewhere := exchange.Placement{Row: row, Name: other.String(), Accepted: &no, Why: "no, that one"}
		if fault != exchangetest.Refused {
			if _, err := x.Exchange.PlaceRow(elsewhere, time.Second); !errors.Is(err, exchange.ErrMaybeBooked) {
				t.Errorf("placed elsewhere meanwhile: %v", err)
			}
			if _, err := x.Exchange.DropRow(row, "no", "ann"); !errors.Is(err, exchange.ErrMaybeBooked) {
				t.Errorf("dropped meanwhile: %v", err)
			}
		}
		if x.Disk.Repair(); crash {
			x.Crash()
		}
		x.Sleep(time.Minute)
		if again, err := c.tell(x, row, id); err != nil || again != (fault == exchangetest.Kept) {
			t.Errorf("told again: %v, %v", again, err)
		}
		if _, err := x.Exchange.PlaceRow(elsewhere, time.Second); !errors.Is(err, exchange.ErrPlaced) {
			t.Errorf("placed elsewhere: %v", err)
		}
		for range 2 {
			c.want(x, id, other)
			x.Restart()
		}
	})
}
