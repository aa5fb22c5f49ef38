// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"clearpost/batch"
	"clearpost/buyers"
	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/ledger"
)

// What stands under a file's name, is as long and may not be read is the file only where that was about to be stored.
func TestAnUnreadableNamesakeIsNoSale(t *testing.T) {
	d := newDesk(t)
	exchangetest.Run(t, inFiles(d, batch.SendSpec{Rows: 1, WaitMin: 60}), func(x *rig) {
		alike := func(batch.Standing) batch.Standing { return batch.Alike }
		d.set(func() { d.look = alike })
		id := sendRow(x, 1)
		x.Sleep(time.Minute)
		b := x.Exchange.Batches()[0]
		if len(b.Files) != 1 || b.Files[0].State != "formed" || !strings.Contains(b.Why, "another file stands") {
			t.Fatalf("%+v", b)
		}
		d.set(func() {
			d.look = nil
			d.store = func() error { return errors.Join(batch.ErrUnclear, errDead) } // and it is done all the same
		})
		x.Sleep(10 * time.Minute)
		if b := x.Exchange.Batches()[0]; b.Files[0].State != ledger.FileStoring {
			t.Fatalf("%+v", b)
		}
		d.set(func() { d.look, d.store = alike, nil })
		x.Sleep(time.Hour)
		wantSoldOnce(x, id)
	})
}

// A server that never comes to an end has its time, and then the file is tried again.
func TestTriesToStoreAFileEnd(t *testing.T) {
	d := newDesk(t)
	exchangetest.Run(t, inFiles(d, batch.SendSpec{Rows: 1, WaitMin: 60}), func(x *rig) {
		d.set(func() { d.hangs = true })
		id := sendRow(x, 1)
		x.Sleep(90 * time.Minute)
		if b := x.Exchange.Batches()[0]; b.Tries != 1 || d.times("stage") != 2 {
			t.Errorf("staged %d times: %+v", d.times("stage"), b)
		}
		d.set(func() { d.hangs = false })
		x.Sleep(2 * time.Hour)
		wantSoldOnce(x, id)
		wantRows(x, d, id)
	})
}

// Whatever a server says, no more than a line of it is kept.
func TestWhatServersSayIsCut(t *testing.T) {
	d := newDesk(t)
	exchangetest.Run(t, inFiles(d, batch.SendSpec{Rows: 1, WaitMin: 60}), func(x *rig) {
		d.set(func() { d.store = func() error { return errors.New(strings.Repeat("\xffno", 100_000)) } })
		id := sendRow(x, 1)
		x.Sleep(time.Minute)
		why := exchangetest.Last[*ledger.Adjusted](x, id).Why
		if b := x.Exchange.Batches()[0]; len(b.Why) > 600 || len(why) > 600 || !strings.HasPrefix(why, "\ufffdno") {
			t.Errorf("%d and %d bytes: %.60q", len(b.Why), len(why), why)
		}
		d.set(func() { d.store = nil })
		x.Sleep(time.Hour)
		wantSoldOnce(x, id)
	})
}

// A row that comes to wait for a file costs the same however many wait already.
func TestRowsThatWaitCostTheSame(t *testing.T) {
	d := newDesk(t)
	s := inFiles(d, batch.SendSpec{WaitMin: 600}, func(b *batch.Spec) { b.RowsMax = 1000 })
	s.Campaigns[0].Spec = both(s.Campaigns[0].Spec, func(c *buyers.CampaignSpec) { c.Caps = nil })
	exchangetest.Run(t, s, func(x *rig) {
		n := 0
		bytes := func(rows int) uint64 {
			from := allocated()
			for range rows {
				n++
				sendRow(x, n)
				x.Sleep(time.Millisecond)
			}
			return (allocated() - from) / uint64(rows)
		}
		bytes(100)
		few := bytes(100)
		bytes(1200)
		// what the ledger does beside it falls into one of them, not into all
		if many := min(bytes(40), bytes(40), bytes(40)); many > few+8<<10 {
			t.Errorf("one of 200 rows took %d bytes, one of 1500 took %d", few, many)
		}
		x.Sleep(11 * time.Hour)
		if b := x.Exchange.Batches()[0]; b.Waiting != 0 || len(d.files(t)) != 2 {
			t.Errorf("%d files, %+v", len(d.files(t)), b)
		}
	})
}

// allocated is how many bytes were allocated so far.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// Placing a row by hand costs the same however many rows of responses came to nothing.
func TestPlacingManyRowsIsLinear(t *testing.T) {
	perRow := func(rows int) (bytes uint64) {
		d := newDesk(t)
		exchangetest.Run(t, inFiles(d, batch.SendSpec{Rows: 1, WaitMin: 60}, withResponses(d)), func(x *rig) {
			id := sendRow(x, 1)
			x.Sleep(time.Minute)
			var lines []string
			for range rows {
				lines = append(lines, "x,ok,,,")
			}
			d.respond(t, "result-1.csv", lines...)
			x.Sleep(time.Hour)
			list, err := x.Exchange.Unplaced("a")
			if err != nil || len(list) != rows {
				t.Fatalf("%d rows, %v", len(list), err)
			}
			drop := func(of exchange.UnplacedRow) {
				if changed, err := x.Exchange.DropRow(of.Row, "totals", "ann"); err != nil || !changed {
					t.Fatal(changed, err)
				}
			}
			drop(list[0]) // it is found out once which there are
			from := allocated()
			for _, of := range list[2:] {
				drop(of)
			}
			bytes = (allocated() - from) / uint64(rows-2)
			p := exchange.Placement{Row: list[1].Row, Name: id.String(), Why: "theirs", By: "ann"}
			if changed, err := x.Exchange.PlaceRow(p, time.Second); err != nil || !changed {
				t.Error(changed, err)
			}
			d.respond(t, "result-2.csv", "y,ok,,,")
			x.Sleep(time.Hour)
			if list, err = x.Exchange.Unplaced("a"); err != nil || len(list) != 1 {
				t.Fatalf("%+v, %v", list, err)
			}
			drop(list[0])
			if _, err := x.Exchange.DropRow(lead.ID{9}, "", "ann"); !errors.Is(err, exchange.ErrNoRow) {
				t.Error(err)
			}
		})
		return bytes
	}
	if few, many := perRow(20), perRow(400); many > 2*few {
		t.Errorf("a row of 20 takes %d bytes, one of 400 takes %d", few, many)
	}
}
