// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"clearpost/batch"
	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/ledger"
)

// withResponses has the buyer of inFiles say in files what became of its rows.
func withResponses(d *desk) func(*batch.Spec) {
	return func(b *batch.Spec) {
		b.Response = &batch.ResponseSpec{Folder: d.in, Name: "result-*.csv", EveryMin: 10,
			Columns: batch.ResponseColumnsSpec{Lead: "Lead", Result: "Result", Reason: "Reason", Reference: "Ref",
				Price: "Price"}, Accepted: []string{"ok"}, Refused: []string{"bad"}}
	}
}

// respond has a response file stand there, with rows such as "ID,bad,no such street,,".
func (d *desk) respond(t testing.TB, name string, rows ...string) {
	t.Helper()
	text := "Lead,Result,Reason,Ref,Price\n" + strings.Join(rows, "\n") + "\n"
	if err := os.WriteFile(filepath.Join(d.in, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// adjusted are the adjustments of a lead of one kind; of no lead where the id is zero.
func adjusted(x *rig, id lead.ID, what string) (out []*ledger.Adjusted) {
	x.T.Helper()
	err := x.Ledger.Scan(1, func(r ledger.Record) error {
		if r.Kind != ledger.KindAdjusted || r.Lead != id {
			return nil
		}
		ev, err := ledger.Decode(r.Bytes)
		if a, ok := ev.(*ledger.Adjusted); ok && a.Adjustment == what {
			out = append(out, a)
		}
		return err
	})
	if err != nil {
		x.T.Fatal(err)
	}
	return out
}

func TestResponsesCorrectTheSalesOfAFile(t *testing.T) {
	d := newDesk(t)
	exchangetest.Run(t, inFiles(d, batch.SendSpec{Rows: 4, WaitMin: 60}, withResponses(d)), func(x *rig) {
		bad, good, priced, other := sendRow(x, 1), sendRow(x, 2), sendRow(x, 3), sendRow(x, 4)
		x.Sleep(time.Minute)
		wantSoldOnce(x, bad, good, priced, other)
		wantUsed(x, "a", 4)
		stranger := ledger.NewID(time.Now()).String()
		d.respond(t, "result-1.csv", bad.String()+",BAD,no such street,,", good.String()+",ok,,,",
			priced.String()+",ok,,H-17,$24.00", stranger+",ok,,H-18,", "Total,3,,,", other.String()+",maybe,,,")
		x.Sleep(time.Hour)
		wantUnsold(t, x.Status(bad), nil, lead.BuyerRejected)
		wantUsed(x, "a", 3)
		c := adjusted(x, bad, ledger.AdjustCorrected)
		if len(c) != 1 || c[0].Told == nil || c[0].Told.Line != 2 || c[0].Told.Reason != "no such street" ||
			c[0].Why != "response result-1.csv:2: BAD: no such street" {
			t.Errorf("refused: %+v", c)
		}
		for id, payout := range map[lead.ID]lead.Money{good: 20 * dollar, priced: 19_200_000, other: 20 * dollar} {
			wantSold(t, x.Status(id), nil, payout)
		}
		if a := adjusted(x, good, ledger.AdjustAnswered); len(a) != 1 || a[0].Told.Line != 3 {
			t.Errorf("accepted as it stands: %+v", a)
		}
		c = adjusted(x, priced, ledger.AdjustCorrected)
		if len(c) != 1 || c[0].Price != 24*dollar || c[0].Reference != "H-17" || c[0].Was.Price != 25*dollar {
			t.Errorf("another price: %+v", c)
		}
		wantUnplaced(x, "result-1.csv:5 "+stranger, "result-1.csv:6 ", "result-1.csv:7 "+other.String())
		s := x.Exchange.Batches()[0].Response
		if s.Since != (exchange.ReplySums{Files: 1, Accepted: 2, Refused: 1, Unplaced: 3}) || len(s.Files) != 0 ||
			len(s.Problems) != 3 || s.Problems[0].Line != 5 {
			t.Errorf("%+v", s)
		}
	})
}

// wantUnplaced tells whether these rows and no others came to nothing, each by one event.
func wantUnplaced(x *rig, want ...string) {
	x.T.Helper()
	var got []string
	for _, a := range adjusted(x, lead.ID{}, ledger.AdjustUnplaced) {
		got = append(got, fmt.Sprintf("%s:%d %s", a.Told.File, a.Told.Line, a.Told.Lead))
		if a.Subject != "campaign:a" || a.Why == "" {
			x.T.Errorf("%+v", a)
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		x.T.Errorf("unplaced: %q, expected %q", got, want)
	}
}

// Wherever the machine is lost, each row of a response counts once.
func TestLossOfTheMachineTakesNoRowOfAResponseTwice(t *testing.T) {
	if testing.Short() {
		t.Skip("the exchange is made anew by the dozen")
	}
	for _, how := range []exchangetest.Death{exchangetest.DiesBefore, exchangetest.DiesWithin, exchangetest.DiesAfter} {
		for n, struck := 1, true; struck; n++ {
			t.Run(fmt.Sprint(how, " at ", n), func(t *testing.T) {
				d := newDesk(t)
				s := inFiles(d, batch.SendSpec{Rows: 3, WaitMin: 60}, withResponses(d))
				exchangetest.Run(t, s, func(x *rig) {
					bad, good, priced := sendRow(x, 1), sendRow(x, 2), sendRow(x, 3)
					x.Sleep(time.Minute)
					d.respond(t, "result-1.csv", bad.String()+",bad,,,", good.String()+",ok,,,",
						priced.String()+",ok,,H-17,24", "x,ok,,,")
					x.Disk.DieAt(n, how, func() { d.set(func() { d.dead = true }) })
					x.Sleep(time.Hour)
					if struck = d.was(); struck {
						x.Crash()
						x.Sleep(time.Hour)
					}
					x.Disk.DieAt(0, 0, nil)
					x.Restart() // and what is done stays so
					x.Sleep(time.Hour)
					wantUnsold(t, x.Status(bad), nil, lead.BuyerRejected)
					wantUsed(x, "a", 2)
					for id, want := range map[lead.ID][2]int{bad: {1, 0}, good: {0, 1}, priced: {1, 0}} {
						got := [2]int{len(adjusted(x, id, ledger.AdjustCorrected)),
							len(adjusted(x, id, ledger.AdjustAnswered))}
						if got != want {
							t.Errorf("corrected and answered: %v, expected %v", got, want)
						}
					}
					wantUnplaced(x, "result-1.csv:5 ")
					if n := len(adjusted(x, lead.ID{}, ledger.AdjustResponse)); n != 1 {
						t.Errorf("it was read to its end %d times", n)
					}
				})
			})
			if n > 30 {
				t.Fatal("there is no end of writes")
			}
		}
	}
}

// A row of which nothing could be made waits until a person says what it is about, once.
func TestUnplacedRowsArePlacedByHand(t *testing.T) {
	d := newDesk(t)
	exchangetest.Run(t, inFiles(d, batch.SendSpec{Rows: 3, WaitMin: 60}, withResponses(d)), func(x *rig) {
		bad, priced, good := sendRow(x, 1), sendRow(x, 2), sendRow(x, 3)
		x.Sleep(time.Minute)
		d.respond(t, "result-1.csv", "Harbor-1,bad,no such street,,", priced.String()+",maybe,,H-9,24",
			good.String()+",fine,,,", "Total,3,,,")
		x.Sleep(time.Hour)
		rows, err := x.Exchange.Unplaced("a")
		if err != nil || len(rows) != 4 || rows[0].Line != 2 || rows[1].Lead != priced.String() ||
			rows[1].Reference != "H-9" {
			t.Fatalf("%+v, %v", rows, err)
		}
		yes, price := true, 24*dollar
		for n, wrong := range []struct {
			p    exchange.Placement
			want error
		}{
			{exchange.Placement{Row: bad, Name: bad.String()}, exchange.ErrNoRow},
			{exchange.Placement{Row: rows[0].Row, Name: rows[0].Row.String()}, exchange.ErrNoAttempt},
			{exchange.Placement{Row: rows[1].Row, Name: priced.String()}, exchange.ErrNotToSay},
			{exchange.Placement{Row: rows[1].Row, Name: priced.String(), Accepted: &yes}, exchange.ErrNotToSay},
			{exchange.Placement{Row: rows[0].Row, Name: bad.String(), Price: &price}, exchange.ErrNotToSay},
		} {
			if _, err := x.Exchange.PlaceRow(wrong.p, time.Second); !errors.Is(err, wrong.want) {
				t.Errorf("%d: %v, expected %v", n, err, wrong.want)
			}
		}
		for n := range 3 { // said again, and again after a crash, it is no second time
			if n == 2 {
				x.Crash()
			}
			for _, p := range []exchange.Placement{
				{Row: rows[0].Row, Name: bad.String(), Why: "their id", By: "ann"},
				{Row: rows[1].Row, Name: priced.String(), Accepted: &yes, Price: &price, Why: "they say so", By: "ann"},
				{Row: rows[2].Row, Name: good.String(), Accepted: &yes, Why: "a new word", By: "ann"},
			} {
				if changed, err := x.Exchange.PlaceRow(p, time.Second); err != nil || changed != (n == 0) {
					t.Errorf("%d: %v, %v", n, changed, err)
				}
			}
			if changed, err := x.Exchange.DropRow(rows[3].Row, "totals", "ann"); err != nil || changed != (n == 0) {
				t.Errorf("%d: %v, %v", n, changed, err)
			}
		}
		if left, err := x.Exchange.Unplaced(""); err != nil || len(left) != 0 {
			t.Errorf("%+v, %v", left, err)
		}
		wantUnsold(t, x.Status(bad), nil, lead.BuyerRejected)
		wantSold(t, x.Status(priced), nil, 19_200_000)
		wantSold(t, x.Status(good), nil, 20*dollar)
		wantUsed(x, "a", 2)
		c := adjusted(x, priced, ledger.AdjustCorrected)
		if len(c) != 1 || c[0].Price != price || c[0].Reference != "H-9" || c[0].By != "ann" || c[0].Told.Line != 3 {
			t.Errorf("%+v", c)
		}
		if n := len(adjusted(x, bad, ledger.AdjustCorrected)) + len(adjusted(x, good, ledger.AdjustAnswered)); n != 2 {
			t.Errorf("corrected and answered %d times", n)
		}
		if n := len(adjusted(x, lead.ID{}, ledger.AdjustPlaced)); n != 4 {
			t.Errorf("placed and dropped %d times", n)
		}
		other := exchange.Placement{Row: rows[0].Row, Name: good.String(), Why: "no, that one"}
		if _, err := x.Exchange.PlaceRow(other, time.Second); !errors.Is(err, exchange.ErrPlaced) {
			t.Errorf("placed elsewhere: %v", err)
		}
		if _, err := x.Exchange.DropRow(rows[0].Row, "no", "ann"); !errors.Is(err, exchange.ErrPlaced) {
			t.Errorf("dropped: %v", err)
		}
	})
}

// A response file that was read is away, whatever happens meanwhile, and its rows count once.
func TestResponsesThatWereReadAreAway(t *testing.T) {
	for _, done := range []string{batch.DoneDelete, batch.DoneMove} {
		t.Run(done, func(t *testing.T) {
			d, read := newDesk(t), t.TempDir()
			names := func(dir string) (out []string) {
				list, err := filepath.Glob(filepath.Join(dir, "*"))
				if err != nil {
					t.Fatal(err)
				}
				for _, path := range list {
					out = append(out, filepath.Base(path))
				}
				return out
			}
			s := inFiles(d, batch.SendSpec{Rows: 2, WaitMin: 60}, withResponses(d), func(b *batch.Spec) {
				if b.Response.Done = done; done == batch.DoneMove {
					b.Response.DoneFolder = read
				}
			})
			exchangetest.Run(t, s, func(x *rig) {
				one, two := sendRow(x, 1), sendRow(x, 2)
				x.Sleep(time.Minute)
				put := func() { d.respond(t, "result-1.csv", one.String()+",bad,,,", "x,ok,,,") }
				put()
				d.set(func() { // it is lost before the file is away
					d.away = func() error { d.set(func() { d.dead = true }); return errDead }
				})
				x.Sleep(time.Hour)
				if got := names(d.in); !d.was() || len(got) != 1 {
					t.Fatalf("never tried to be away: %v", got)
				}
				d.set(func() { // after which nobody can tell, and the file is there again
					d.away = func() error {
						d.set(func() { d.away = nil })
						put()
						return errors.New("the connection is lost")
					}
				})
				x.Crash()
				x.Sleep(time.Hour)
				if got := names(d.in); len(got) != 0 || d.times("away") < 3 {
					t.Errorf("%v stands there after %d tries", got, d.times("away"))
				}
				put() // sent again by the buyer
				d.respond(t, "result-2.csv", two.String()+",bad,,,")
				x.Sleep(time.Hour)
				if got := names(d.in); len(got) != 0 {
					t.Errorf("%v stands there", got)
				}
				d.respond(t, "result-2.csv", two.String()+",ok,,,") // another one of the same name
				x.Sleep(time.Hour)
				wantSold(t, x.Status(two), nil, 20*dollar)
				wantUnsold(t, x.Status(one), nil, lead.BuyerRejected)
				none := lead.ID{}
				got := [4]int{len(adjusted(x, one, ledger.AdjustCorrected)),
					len(adjusted(x, two, ledger.AdjustCorrected)), len(adjusted(x, none, ledger.AdjustUnplaced)),
					len(adjusted(x, none, ledger.AdjustResponse))}
				if got != [4]int{1, 2, 1, 3} {
					t.Errorf("corrected, corrected, unplaced, read: %v", got)
				}
				want := map[string]int{batch.DoneMove: 3, batch.DoneDelete: 0}[done]
				if got := names(read); len(got) != want {
					t.Errorf("moved: %v", got)
				}
			})
		})
	}
}

// One that is written over after it was read is another one: it is read before it goes.
func TestResponsesWrittenOverAreReadAnew(t *testing.T) {
	d := newDesk(t)
	s := inFiles(d, batch.SendSpec{Rows: 1, WaitMin: 60}, withResponses(d), func(b *batch.Spec) {
		b.Response.Done = batch.DoneDelete
	})
	exchangetest.Run(t, s, func(x *rig) {
		one := sendRow(x, 1)
		x.Sleep(time.Minute)
		d.respond(t, "result-1.csv", one.String()+",bad,,,")
		d.set(func() {
			d.fetched = func(n int) {
				if n == 2 { // between reading and removing
					d.respond(t, "result-1.csv", one.String()+",ok,found,,")
				}
			}
		})
		x.Sleep(time.Hour)
		wantSold(t, x.Status(one), nil, 20*dollar)
		if n := len(adjusted(x, one, ledger.AdjustCorrected)); n != 2 {
			t.Errorf("corrected %d times", n)
		}
		if list, err := os.ReadDir(d.in); err != nil || len(list) != 0 {
			t.Errorf("%v, %v", list, err)
		}
	})
}

// What a buyer writes over a file that was read, at whatever moment of its going away, is read: what came first first.
func TestResponsesWrittenOverAsTheyGoAreRead(t *testing.T) {
	for _, done := range []string{batch.DoneDelete, batch.DoneMove} {
		for _, die := range []bool{false, true} {
			t.Run(fmt.Sprint(done, " ", die), func(t *testing.T) { writtenOver(t, done, die) })
		}
	}
}

func writtenOver(t *testing.T, done string, die bool) {
	d, read := newDesk(t), t.TempDir()
	s := inFiles(d, batch.SendSpec{Rows: 1, WaitMin: 60}, withResponses(d), func(b *batch.Spec) {
		if b.Response.Done = done; done == batch.DoneMove {
			b.Response.DoneFolder = read
		}
	})
	exchangetest.Run(t, s, func(x *rig) {
		one := sendRow(x, 1)
		x.Sleep(time.Minute)
		say := func(row string) { d.respond(t, "result-1.csv", one.String()+row) }
		say(",bad,,,")
		d.set(func() {
			d.aside = func() error { // it was looked at, and is about to go
				d.set(func() { d.aside = nil })
				say(",ok,found,,")
				return nil
			}
			d.fetched = func(n int) {
				if n == 3 { // what was put aside is looked at, and another one stands there
					d.set(func() { d.fetched = nil })
					say(",bad,lost again,,24")
				}
			}
			d.away = func() error { // and another one, as the last of them goes
				if d.times("away") == 2 {
					d.set(func() { d.away, d.dead = nil, die })
					say(",ok,found again,,24")
				}
				return nil
			}
		})
		x.Sleep(time.Hour)
		if d.was() {
			x.Crash()
			x.Sleep(time.Hour)
		}
		wantSold(t, x.Status(one), nil, 19_200_000)
		var got []string
		for _, adj := range adjusted(x, one, ledger.AdjustCorrected) {
			got = append(got, adj.Told.Reason)
		}
		if fmt.Sprintf("%q", got) != `["" "found" "lost again" "found again"]` {
			t.Errorf("corrected: %q", got)
		}
		if n := len(adjusted(x, lead.ID{}, ledger.AdjustResponse)); n != 4 {
			t.Errorf("%d were read to their end", n)
		}
		if list, err := os.ReadDir(d.in); err != nil || len(list) != 0 {
			t.Errorf("%v, %v", list, err)
		}
		want := map[string]int{batch.DoneMove: 3, batch.DoneDelete: 0}[done] // the first was written over
		if list, err := os.ReadDir(read); err != nil || len(list) != want {
			t.Errorf("moved: %v, %v", list, err)
		}
	})
}

// Where files cannot be put aside they go from where they stand; and nobody who asks for a look has one be read that
// has not stood for a minute.
func TestResponsesThatCannotStandAside(t *testing.T) {
	d := newDesk(t)
	s := inFiles(d, batch.SendSpec{Rows: 1, WaitMin: 60}, withResponses(d), func(b *batch.Spec) {
		b.Response.Done = batch.DoneDelete
	})
	exchangetest.Run(t, s, func(x *rig) {
		d.set(func() { d.aside = func() error { return errors.ErrUnsupported } })
		one := sendRow(x, 1)
		x.Sleep(time.Minute)
		d.respond(t, "result-1.csv", one.String()+",bad,,,")
		for range 50 {
			if _, err := x.Exchange.SendNow("a"); err != nil {
				t.Fatal(err)
			}
			x.Sleep(time.Second)
		}
		wantSold(t, x.Status(one), nil, 20*dollar)
		x.Sleep(time.Hour)
		wantUnsold(t, x.Status(one), nil, lead.BuyerRejected)
		if list, err := os.ReadDir(d.in); err != nil || len(list) != 0 || d.times("aside") != 1 {
			t.Errorf("%v, %v", list, err)
		}
	})
}

// A file that is still written is not read; one that cannot be read changes nothing, and is read when it can be.
func TestResponsesAreReadWhenTheyAreWhole(t *testing.T) {
	d := newDesk(t)
	exchangetest.Run(t, inFiles(d, batch.SendSpec{Rows: 2, WaitMin: 60}, withResponses(d)), func(x *rig) {
		one, two := sendRow(x, 1), sendRow(x, 2)
		x.Sleep(time.Minute)
		wantSoldOnce(x, one, two)
		row, grown := one.String()+",bad,,,", []string{}
		for range 8 { // it grows each minute
			grown = append(grown, row)
			d.respond(t, "result-1.csv", grown...)
			x.Sleep(time.Minute)
		}
		wantSold(t, x.Status(one), nil, 20*dollar)
		torn := "Lead;Result\n" + row
		if err := os.WriteFile(filepath.Join(d.in, "result-2.csv"), []byte(torn), 0o600); err != nil {
			t.Fatal(err)
		}
		x.Sleep(30 * time.Minute)
		wantUnsold(t, x.Status(one), nil, lead.BuyerRejected)
		s := x.Exchange.Batches()[0].Response
		if len(s.Files) != 1 || s.Files[0].Name != "result-2.csv" || !strings.Contains(s.Files[0].Why, `"Reason"`) ||
			s.Since.Files != 1 {
			t.Errorf("%+v", s)
		}
		if n := len(adjusted(x, one, ledger.AdjustCorrected)); n != 1 { // the same row eight times
			t.Errorf("corrected %d times", n)
		}
		d.respond(t, "result-2.csv", two.String()+",bad,,,")
		d.respond(t, "result-1.csv", one.String()+",ok,they have found it,,") // another one of the same name
		x.Sleep(30 * time.Minute)
		wantUnsold(t, x.Status(two), nil, lead.BuyerRejected)
		wantSold(t, x.Status(one), nil, 20*dollar)
		wantUsed(x, "a", 1)
	})
}

// A response tells of a file of which nobody could tell whether it was stored; what waits for its file is nothing yet.
func TestResponsesSettleWhatIsUnclear(t *testing.T) {
	d := newDesk(t)
	exchangetest.Run(t, inFiles(d, batch.SendSpec{WaitMin: 60}, withResponses(d)), func(x *rig) {
		d.set(func() {
			d.store = func() error { // the buyer takes it, and the answer is lost
				d.set(func() { d.store = nil })
				return errors.Join(batch.ErrUnclear, os.RemoveAll(d.dir), os.Mkdir(d.dir, 0o700))
			}
		})
		one, two := sendRow(x, 1), sendRow(x, 2)
		x.Sleep(2 * time.Hour)
		late := sendRow(x, 3)
		wantPending(t, x.Status(one), nil)
		d.respond(t, "result-1.csv", one.String()+",ok,,H-1,", "harbor-2,bad,,,", late.String()+",ok,,,")
		x.Sleep(20 * time.Minute)
		wantSold(t, x.Status(one), nil, 20*dollar)
		wantPending(t, x.Status(two), nil)
		rows, err := x.Exchange.Unplaced("")
		if err != nil || len(rows) != 2 {
			t.Fatalf("%+v, %v", rows, err)
		}
		place := exchange.Placement{Row: rows[0].Row, Name: two.String(), Why: "their id", By: "ann"}
		if changed, err := x.Exchange.PlaceRow(place, time.Second); !changed || err != nil {
			t.Errorf("%v, %v", changed, err)
		}
		if r := adjusted(x, two, ledger.AdjustResolved); len(r) != 1 || r[0].Told == nil || r[0].By != "ann" {
			t.Errorf("%+v", r)
		}
		wantUnsold(t, x.Status(two), nil, lead.BuyerRejected)
		wantPending(t, x.Status(late), nil)
		wantUnplaced(x, "result-1.csv:3 ", "result-1.csv:4 "+late.String())
		if r := adjusted(x, one, ledger.AdjustResolved); len(r) != 1 || r[0].Told == nil || r[0].Reference != "H-1" {
			t.Errorf("%+v", r)
		}
	})
}

// One response may be for all campaigns of a buyer, and for several of its files.
func TestAResponseIsForAllCampaignsOfItsBuyer(t *testing.T) {
	d := newDesk(t)
	s := inFiles(d, batch.SendSpec{Rows: 1, WaitMin: 60}, withResponses(d))
	other := inFiles(d, batch.SendSpec{Rows: 1, WaitMin: 60}).Campaigns[0]
	s.Campaigns[0].Buyer, other.Buyer, other.ID = "harbor", "harbor", "b"
	other.Price = 24 * dollar
	stranger := other
	stranger.ID, stranger.Buyer, stranger.Price = "c", "mole", 20*dollar
	s.Campaigns = append(s.Campaigns, other, stranger)
	exchangetest.Run(t, s, func(x *rig) {
		var ids []lead.ID
		for i, off := range []string{"", "campaign:a", "campaign:b"} { // one lead to each campaign
			if off != "" {
				if _, _, err := x.Exchange.Pause(off, true, "full", "me"); err != nil {
					t.Fatal(err)
				}
			}
			ids = append(ids, sendRow(x, i))
			x.Sleep(time.Minute)
		}
		var rows []string
		for _, id := range ids {
			rows = append(rows, id.String()+",bad,,,")
		}
		d.respond(t, "result-1.csv", rows...)
		x.Sleep(time.Hour)
		wantUnsold(t, x.Status(ids[0]), nil, lead.BuyerRejected)
		wantUnsold(t, x.Status(ids[1]), nil, lead.BuyerRejected)
		wantSold(t, x.Status(ids[2]), nil, 16*dollar)
		wantUnplaced(x, "result-1.csv:4 "+ids[2].String())
	})
}

// A sale that is given back is no matter of a response any more, and a lead that is sold again since is not oversold.
func TestResponsesChangeNothingThatAPersonHasDecided(t *testing.T) {
	d := newDesk(t)
	s := inFiles(d, batch.SendSpec{Rows: 2, WaitMin: 60}, withResponses(d))
	s.Campaigns = append(s.Campaigns, campaign{ID: "b", Price: 21 * dollar, Fixed: true})
	exchangetest.Run(t, s, func(x *rig) {
		back, twice := sendRow(x, 1), sendRow(x, 2)
		x.Sleep(time.Minute)
		wantSoldOnce(x, back, twice)
		ask := exchange.ReturnAsk{Name: back.String(), Reason: "x", Grant: true}
		if _, _, err := x.Exchange.Return(ask); err != nil {
			t.Fatal(err)
		}
		d.respond(t, "result-1.csv", back.String()+",bad,,,", twice.String()+",ok,,,-3")
		x.Sleep(30 * time.Minute)
		wantUnplaced(x, "result-1.csv:2 "+back.String(), "result-1.csv:3 "+twice.String())
		wantSold(t, x.Status(twice), nil, 20*dollar)
		if len(adjusted(x, back, ledger.AdjustCorrected)) != 0 {
			t.Error("a return was corrected")
		}
	})
}
