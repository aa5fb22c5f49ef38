// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"clearpost/batch"
	"clearpost/batch/carrier"
	"clearpost/buyers"
	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/wire"
	"clearpost/wire/request"
)

// desk is where the files of a test go, and what is in their way.
type desk struct {
	*carrier.Files
	dir, kept, in string

	mu sync.Mutex // guards what follows
	// each tells what happens instead of a step, nil: nothing
	open, stage, store func() error
	look               func(batch.Standing) batch.Standing
	hangs              bool         // it stages without coming to an end
	away               func() error // before a response file is removed or moved
	fetched            func(n int)  // before one is read, for the nth time
	aside              func() error // before one is put aside
	n                  map[string]int
	dead               bool // the machine is: no step is taken any more
}

var errDead = errors.New("the machine is lost")

func newDesk(t *testing.T) *desk {
	d := &desk{dir: t.TempDir(), kept: t.TempDir(), in: t.TempDir(), n: map[string]int{}}
	var err error
	if d.Files, err = carrier.New(d.kept); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *desk) do(step string, in *func() error) error {
	d.mu.Lock()
	d.n[step]++
	f, dead := *in, d.dead
	d.mu.Unlock()
	switch {
	case dead:
		return errDead
	case f == nil:
		return nil
	}
	return f()
}

// set changes what is in the way.
func (d *desk) set(change func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change()
}

// times tells how often a step was taken.
func (d *desk) times(step string) (n int) {
	d.set(func() { n = d.n[step] })
	return n
}

// was tells whether the machine is lost, and has it back.
func (d *desk) was() (lost bool) {
	d.set(func() { lost, d.dead = d.dead, false })
	return lost
}

func (d *desk) Open(ctx context.Context, to *batch.To) (batch.Place, error) {
	if err := d.do("open", &d.open); err != nil {
		return nil, err
	}
	p, err := d.Files.Open(ctx, to)
	return &deskPlace{p, d}, err
}

type deskPlace struct {
	batch.Place
	d *desk
}

func (p *deskPlace) Look(ctx context.Context, f *batch.File) (batch.Standing, error) {
	at, err := p.Place.Look(ctx, f)
	p.d.set(func() {
		if p.d.look != nil {
			at = p.d.look(at)
		}
	})
	return at, err
}

func (p *deskPlace) Stage(ctx context.Context, f *batch.File) error {
	if err := p.d.do("stage", &p.d.stage); err != nil {
		return err
	}
	hangs := false
	if p.d.set(func() { hangs = p.d.hangs }); hangs {
		<-ctx.Done()
		return ctx.Err()
	}
	return p.Place.Stage(ctx, f)
}

func (p *deskPlace) Store(ctx context.Context, f *batch.File) error {
	if err := p.d.do("store", &p.d.store); err != nil {
		return err
	}
	return p.Place.Store(ctx, f)
}

func (d *desk) Inbox(ctx context.Context, r *batch.Response) (batch.Inbox, error) {
	b, err := d.Files.Inbox(ctx, r)
	return &deskInbox{b, d}, err
}

type deskInbox struct {
	batch.Inbox
	d *desk
}

func (b *deskInbox) Fetch(ctx context.Context, name string) ([]byte, error) {
	var f func(int)
	n := 0
	b.d.set(func() { b.d.n["fetch"]++; f, n = b.d.fetched, b.d.n["fetch"] })
	if f != nil {
		f(n)
	}
	return b.Inbox.Fetch(ctx, name)
}

func (b *deskInbox) Aside(ctx context.Context, name, as string) error {
	if err := b.d.do("aside", &b.d.aside); err != nil {
		return err
	}
	return b.Inbox.Aside(ctx, name, as)
}

func (b *deskInbox) Remove(ctx context.Context, name string) error {
	if err := b.d.do("away", &b.d.away); err != nil {
		return err
	}
	return b.Inbox.Remove(ctx, name)
}

func (b *deskInbox) Move(ctx context.Context, name, folder, as string) error {
	if err := b.d.do("away", &b.d.away); err != nil {
		return err
	}
	return b.Inbox.Move(ctx, name, folder, as)
}

// files are those that stand there, by name, without what is not whole.
func (d *desk) files(t testing.TB) map[string]string {
	t.Helper()
	out := map[string]string{}
	list, err := os.ReadDir(d.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range list {
		b, err := os.ReadFile(filepath.Join(d.dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(f.Name(), batch.PartialSuffix) {
			out[f.Name()] = string(b)
		}
	}
	return out
}

// inFiles is a setup with one campaign that takes its leads in files.
func inFiles(d *desk, send batch.SendSpec, more ...func(*batch.Spec)) setup {
	s := sellTo(1, campaign{ID: "a", Price: 25 * dollar, Fixed: true, Spec: func(c *buyers.CampaignSpec) {
		capped(50)(c)
		c.Post = nil
		c.Batch = &batch.Spec{Name: "{campaign}-{date}-{time}.csv", Send: send,
			Fields: []request.FieldSpec{{To: "Lead", From: "lead_id"}, {To: "Phone", From: "phone"},
				{To: "Age", From: "age"}, {To: "Zip", From: "zip"}},
			To: batch.ToSpec{Folder: &batch.FolderSpec{Path: d.dir}}}
		for _, f := range more {
			f(c.Batch)
		}
	}})
	s.Deps = func(deps *exchange.Deps) { deps.Files = d }
	return s
}

// sendRow sells a lead, which has to wait for its file.
func sendRow(x *rig, n int) lead.ID {
	x.T.Helper()
	r, f := x.LeadNow(exchangetest.Values{"phone": fmt.Sprintf("212555%04d", 1000+n)}, nil)
	wantPending(x.T.(*testing.T), r, f)
	return r.LeadID
}

// wantRows tells whether each lead stands in just one of the files, once, and nothing else does.
func wantRows(x *rig, d *desk, ids ...lead.ID) {
	x.T.Helper()
	files, rows := d.files(x.T), 0
	for name, text := range files {
		lines := strings.Split(strings.TrimSuffix(text, "\r\n"), "\r\n")
		if lines[0] != "Lead,Phone,Age,Zip" {
			x.T.Errorf("%s begins with %q", name, lines[0])
		}
		rows += len(lines) - 1
	}
	for _, id := range ids {
		n := 0
		for _, text := range files {
			n += strings.Count(text, id.String())
		}
		if n != 1 {
			x.T.Errorf("lead %s stands in the files %d times", id, n)
		}
	}
	if rows != len(ids) {
		x.T.Errorf("%d rows in %d files, expected %d", rows, len(files), len(ids))
	}
}

func TestLeadsGoIntoAFileAndAreSoldWhenItIsStored(t *testing.T) {
	d := newDesk(t)
	exchangetest.Run(t, inFiles(d, batch.SendSpec{Rows: 3, WaitMin: 60}), func(x *rig) {
		ids := []lead.ID{sendRow(x, 1), sendRow(x, 2)}
		x.Sleep(time.Minute)
		wantRows(x, d)
		if open := x.Open(); len(open) != 2 || open[0].Why != "awaits_file" {
			t.Errorf("open: %+v", open)
		}
		ids = append(ids, sendRow(x, 3))
		x.Sleep(time.Minute)
		wantRows(x, d, ids...)
		for name := range d.files(t) {
			if !strings.HasPrefix(name, "a-19991231-190") {
				t.Errorf("it is called %s", name)
			}
		}
		for _, id := range ids {
			wantSold(t, x.Status(id), nil, 20*dollar)
		}
		ids = append(ids, sendRow(x, 4)) // goes when it has waited long enough
		x.Sleep(58 * time.Minute)
		wantPending(t, x.Status(ids[3]), nil)
		x.Sleep(3 * time.Minute)
		wantSold(t, x.Status(ids[3]), nil, 20*dollar)
		wantRows(x, d, ids...)
		if kept, _ := os.ReadDir(d.kept); len(kept) != 0 {
			t.Errorf("bytes are kept of files that are stored: %v", kept)
		}
	})
}

// Wherever the machine is lost, no lead stands in two files, none in none, and each is a sale once.
func TestLossOfTheMachineNeitherLosesNorDoublesARow(t *testing.T) {
	if testing.Short() {
		t.Skip("the exchange is made anew by the dozen")
	}
	for _, how := range []exchangetest.Death{exchangetest.DiesBefore, exchangetest.DiesWithin, exchangetest.DiesAfter} {
		for n, struck := 1, true; struck; n++ {
			t.Run(fmt.Sprint(how, " at ", n), func(t *testing.T) {
				d := newDesk(t)
				exchangetest.Run(t, inFiles(d, batch.SendSpec{WaitMin: 60}), func(x *rig) {
					ids := []lead.ID{sendRow(x, 1), sendRow(x, 2), sendRow(x, 3)}
					x.Disk.DieAt(n, how, func() { d.set(func() { d.dead = true }) })
					x.Sleep(2 * time.Hour)
					if struck = d.was(); struck {
						x.Crash()
						x.Sleep(3 * time.Hour)
					}
					x.Disk.DieAt(0, 0, nil)
					wantRows(x, d, ids...)
					wantSoldOnce(x, ids...)
				})
			})
			if n > 30 {
				t.Fatal("there is no end of writes")
			}
		}
	}
}

// wantSoldOnce tells whether each lead is sold, by one resolution.
func wantSoldOnce(x *rig, ids ...lead.ID) {
	x.T.Helper()
	for _, id := range ids {
		wantSold(x.T.(*testing.T), x.Status(id), nil, 20*dollar)
		n := 0
		for _, a := range exchangetest.All[*ledger.Adjusted](x, id) {
			if a.Adjustment == ledger.AdjustResolved {
				n++
			}
		}
		if n != 1 {
			x.T.Errorf("lead %s is resolved %d times", id, n)
		}
	}
}

// A file that was about to be stored and is gone is sent to nobody again before a person has said what has become of
// it.
func TestUnclearFileWaitsForAPerson(t *testing.T) {
	if testing.Short() {
		t.Skip("the exchange is made anew by the dozen")
	}
	for verdict, sold := range map[string]bool{exchange.FileIsThere: true, exchange.FileAgain: true,
		exchange.FileGivenUp: false} {
		t.Run(verdict, func(t *testing.T) {
			d := newDesk(t)
			exchangetest.Run(t, inFiles(d, batch.SendSpec{WaitMin: 60}), func(x *rig) {
				taken := 0
				lost := func() error { // the buyer takes it, and the answer is lost
					d.set(func() { d.store = nil })
					taken++
					list, err := filepath.Glob(d.dir + "/*")
					if err != nil || len(list) != 1 {
						t.Errorf("%v, %v", list, err)
					}
					return errors.Join(batch.ErrUnclear, os.Remove(list[0]))
				}
				d.set(func() { d.store = lost })
				id, other := sendRow(x, 1), sendRow(x, 2)
				x.Sleep(61 * time.Minute)
				for _, restart := range []bool{false, true} {
					if restart {
						x.Restart()
					}
					x.Sleep(24 * time.Hour)
					b := x.Exchange.Batches()
					if len(b) != 1 || len(b[0].Files) != 1 || b[0].Files[0].State != "unclear" || b[0].Waiting != 0 ||
						d.times("store") != 1 || len(d.files(t)) != 0 {
						t.Fatalf("restarted %v: %+v, stored %d times", restart, b, d.times("store"))
					}
				}
				if verdict == exchange.FileGivenUp { // one row is known to be there
					if _, err := x.Exchange.Resolve(exchange.Resolution{Attempt: exchangetest.Last[*ledger.Posted](x,
						other).Attempt, Accepted: true, Why: "they called it", By: "me"}); err != nil {
						t.Fatal(err)
					}
				}
				f := x.Exchange.Batches()[0].Files[0].File
				err := x.Exchange.SettleFile(lead.ID{1}, verdict, "asked", "me")
				if !errors.Is(err, exchange.ErrNoFile) {
					t.Errorf("another file: %v", err)
				}
				if err := x.Exchange.SettleFile(f, verdict, "asked them", "me"); err != nil {
					t.Fatal(err)
				}
				x.Sleep(time.Minute)
				if verdict == exchange.FileAgain {
					wantRows(x, d, id, other)
				}
				if sold {
					wantSoldOnce(x, id, other)
					return
				}
				wantUnsold(t, x.Status(id), nil, lead.BuyerRejected)
				wantSoldOnce(x, other)
			})
		})
	}
}

// What cannot be stored is tried again until it can, by the same name; its rows are for nobody else to settle.
func TestFileIsTriedUntilItIsStored(t *testing.T) {
	d := newDesk(t)
	exchangetest.Run(t, inFiles(d, batch.SendSpec{Rows: 2, WaitMin: 60}), func(x *rig) {
		away := errors.New("no route to host")
		d.set(func() { d.open = func() error { return away } })
		ids := []lead.ID{sendRow(x, 1), sendRow(x, 2)}
		x.Sleep(time.Second) // for their file to be formed
		ids = append(ids, sendRow(x, 3))
		x.Sleep(30 * time.Minute)
		b := x.Exchange.Batches()[0]
		if b.Tries < 5 || b.Tries > 10 || !strings.Contains(b.Why, "no route to host") || b.Waiting != 1 ||
			b.Files[0].State != "formed" || b.Files[0].Open != 2 {
			t.Errorf("%+v", b)
		}
		_, err := x.Exchange.Resolve(exchange.Resolution{Attempt: exchangetest.Last[*ledger.Posted](x, ids[0]).Attempt,
			Accepted: true, Why: "impatient"})
		if !errors.Is(err, exchange.ErrInFile) {
			t.Errorf("a row of a file under way: %v", err)
		}
		d.set(func() { d.open = nil })
		x.Sleep(10 * time.Minute)
		wantSoldOnce(x, ids[:2]...)
		if n, err := x.Exchange.SendNow("a"); n != 1 || err != nil {
			t.Errorf("sent now: %d, %v", n, err)
		}
		x.Sleep(time.Minute)
		wantSoldOnce(x, ids...)
		wantRows(x, d, ids...)
	})
}

// Bytes that are lost before they were about to be stored cost nothing: the rows go into another file.
func TestLostBytesAreMadeUpForByAnotherFile(t *testing.T) {
	d := newDesk(t)
	exchangetest.Run(t, inFiles(d, batch.SendSpec{Rows: 2, WaitMin: 60}), func(x *rig) {
		d.set(func() { d.open = func() error { return errDead } })
		ids := []lead.ID{sendRow(x, 1), sendRow(x, 2)}
		x.Sleep(time.Minute)
		kept, err := filepath.Glob(d.kept + "/*")
		if err != nil || len(kept) != 1 {
			t.Fatalf("%v, %v", kept, err)
		}
		if err := os.Remove(kept[0]); err != nil {
			t.Fatal(err)
		}
		d.set(func() { d.open = nil })
		x.Restart()
		x.Sleep(3 * time.Hour)
		x.Restart()
		wantRows(x, d, ids...)
		wantSoldOnce(x, ids...)
	})
}

// A lead that is too old when its file is formed goes to nobody, and a campaign that is paused forms none.
func TestOldLeadsLeaveByRule(t *testing.T) {
	d := newDesk(t)
	s := inFiles(d, batch.SendSpec{WaitMin: 60}, func(b *batch.Spec) { b.LeadAgeMaxH = 2 })
	exchangetest.Run(t, s, func(x *rig) {
		old := sendRow(x, 1)
		if _, _, err := x.Exchange.Pause("campaign:a", true, "holiday", "me"); err != nil {
			t.Fatal(err)
		}
		x.Sleep(3 * time.Hour)
		wantPending(t, x.Status(old), nil)
		if _, _, err := x.Exchange.Pause("campaign:a", false, "over", "me"); err != nil {
			t.Fatal(err)
		}
		young := sendRow(x, 2)
		x.Sleep(2 * time.Hour)
		wantUnsold(t, x.Status(old), nil, lead.BuyerRejected)
		wantSoldOnce(x, young)
		wantRows(x, d, young)
		wantUsed(x, "a", 1)
	})
}

// What waited for a campaign that is gone is sent when it is back; a campaign that now posts sends no waiting row.
func TestRowsWaitForTheirCampaign(t *testing.T) {
	d := newDesk(t)
	with := inFiles(d, batch.SendSpec{WaitMin: 60})
	posts := sellTo(1, campaign{ID: "a", Price: 25 * dollar, Fixed: true})
	exchangetest.Run(t, with, func(x *rig) {
		id := sendRow(x, 1)
		for _, other := range []setup{sellTo(1, campaign{ID: "b", Price: dollar}), posts} {
			other.Deps = with.Deps
			x.Reload(other)
			x.Sleep(3 * time.Hour)
			x.Restart()
			x.Sleep(3 * time.Hour)
			wantPending(t, x.Status(id), nil)
			wantRows(x, d)
		}
		if calls := x.Buyers.Calls("a", exchangetest.Post); len(calls) != 0 {
			t.Errorf("it was posted: %v", calls)
		}
		x.Reload(with)
		x.Sleep(time.Hour)
		wantRows(x, d, id)
		wantSoldOnce(x, id)
	})
}

// A test lead is a file of its own, elsewhere and at once; it waits for no other, counts nowhere, and one that cannot
// be stored is refused.
func TestTestLeadIsAFileOfItsOwn(t *testing.T) {
	d := newDesk(t)
	s := inFiles(d, batch.SendSpec{Rows: 2, WaitMin: 60})
	with := s.Campaigns[0].Spec
	s.Campaigns[0].Spec = func(c *buyers.CampaignSpec) {
		with(c)
		c.Test = &buyers.TestSpec{Folder: d.in, Fields: []request.FieldSpec{{To: "Test", Value: wire.Text("yes")}}}
	}
	exchangetest.Run(t, s, func(x *rig) {
		id := sendRow(x, 1)
		r, f := x.LeadNow(exchangetest.Values{"phone": "2125559999"}, tested(lead.TestAny))
		if f != nil || r.Result != lead.ResultSuccess || !r.Test {
			t.Fatalf("%+v, %v", r, f)
		}
		list, err := filepath.Glob(d.in + "/*")
		if err != nil || len(list) != 1 {
			t.Fatalf("%v, %v", list, err)
		}
		text, err := os.ReadFile(list[0])
		want := "Lead,Phone,Age,Zip,Test\r\n" + r.LeadID.String() + ",+12125559999,"
		if err != nil || !strings.HasPrefix(string(text), want) || !strings.HasSuffix(string(text), ",yes\r\n") {
			t.Errorf("%v: %q, expected %q", err, text, want)
		}
		if b := x.Exchange.Batches()[0]; b.Waiting != 1 || len(b.Files) != 0 {
			t.Errorf("%+v", b)
		}
		wantUsed(x, "a", 1)
		x.Sleep(2 * time.Second)
		d.set(func() { d.stage = func() error { return errDead } })
		if r, f = x.LeadNow(exchangetest.Values{"phone": "2125559998"}, tested(lead.TestAny)); f != nil ||
			r.Result != lead.ResultFailure {
			t.Errorf("%+v, %v", r, f)
		}
		d.set(func() { d.stage = nil })
		x.Sleep(2 * time.Hour)
		wantRows(x, d, id)
		wantSoldOnce(x, id)
	})
}
