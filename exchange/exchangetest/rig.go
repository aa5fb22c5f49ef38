// SPDX-License-Identifier: Apache-2.0

package exchangetest

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"clearpost/capstore/memory"
	"clearpost/exchange"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/wire/transport"
)

// Rig is a running exchange with what stands around it. Its fields are changed by Restart and Crash only, but Seller.
type Rig struct {
	T         testing.TB
	Exchange  *exchange.Exchange
	Ledger    *ledger.Ledger
	Store     *memory.Store
	Transport *transport.Client
	Buyers    *Buyers
	Disk      *Disk
	Broker    *Broker // what Setup.Ships ships to
	Seller    string  // whose pings and posts are made; "" is acme

	setup   Setup
	dir     string
	crashes int
	reloads int
	kept    map[string]exchange.Config // that were in force, by hash
	stopped bool
	virtual bool         // time is
	later   atomic.Int64 // how much later than that of the bubble its wall clock is, in nanoseconds
	begun   time.Time
	struck  *tally               // faults
	crashed []*exchange.Exchange // whose trips may still be under way
}

// Values are a lead as sent, by field. What stands there replaces what a lead has by itself; an empty value is not
// sent.
type Values map[string]string

// Run starts the exchange of a setup in a bubble of testing/synctest, has f drive it, and stops it: time is virtual,
// and goes by only while everybody waits. What f starts must have ended when it returns.
func Run(t *testing.T, s Setup, f func(x *Rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		x := begin(t, s, true)
		defer x.Stop() // also where f ends early
		f(x)
	})
}

// Start starts the exchange of a setup. It is stopped at the end of the test at the latest.
func Start(t testing.TB, s Setup) *Rig {
	t.Helper()
	return begin(t, s, false)
}

func begin(t testing.TB, s Setup, virtual bool) *Rig {
	t.Helper()
	x := &Rig{T: t, virtual: virtual, begun: time.Now(), setup: s, dir: filepath.Join(tempDir(t), "ledger"),
		kept: map[string]exchange.Config{}, struck: &tally{n: map[string]int{}}}
	x.later.Store(int64(s.Later))
	x.Broker, x.Buyers = &Broker{struck: x.struck}, &Buyers{buyers: map[string]Buyer{}, now: x.wall}
	x.start()
	t.Cleanup(x.Stop)
	return x
}

// tempDir is a directory for the test, in memory where the system has such a place: most of a test's time would go into
// syncs of a disk that nobody reads again.
func tempDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "exchangetest")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func (x *Rig) start() {
	x.T.Helper()
	cfg := x.config() // nothing runs yet, should it be wrong
	log := slog.New(slog.NewTextHandler(x.T.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	x.Disk, x.stopped = newDisk(x.struck), false
	c := ledger.Config{Dir: x.dir, Node: "n1", SegmentBytes: 1 << 20, SyncEvery: -1, FreeBytesMin: 1, Logger: log,
		Disk: x.Disk, Now: x.wall, Virtual: x.virtual}
	if x.setup.Ships {
		c.Kafka, c.Sink = &ledger.KafkaConfig{Brokers: []string{"none"}}, x.Broker
	}
	var err error
	if x.Ledger, err = ledger.Open(c); err != nil {
		x.T.Fatal(err)
	}
	if x.Transport, err = transport.New(transport.Config{}); err != nil {
		x.T.Fatal(err)
	}
	x.Store = memory.New()
	d := exchange.Deps{Ledger: x.Ledger, Store: x.Store, Transport: x.Transport, Calls: x.Buyers, Now: x.wall,
		Log: log, Kept: x.keptAs}
	if x.setup.Deps != nil {
		x.setup.Deps(&d)
	}
	if x.Exchange, err = exchange.New(cfg, d); err != nil {
		x.T.Fatal(err)
	}
	if err := x.Exchange.Start(); err != nil {
		x.T.Fatal(err)
	}
}

// config makes the configuration of the setup.
func (x *Rig) config() exchange.Config {
	x.T.Helper()
	x.setup.answer(x.Buyers)
	cfg := x.setup.config(x.T, x.reloads+1)
	x.kept[cfg.Hash] = cfg
	return cfg
}

// Stop ends the exchange as one that is stopped. Again is the same as once.
func (x *Rig) Stop() {
	x.T.Helper()
	x.stop(time.Minute)
	for _, e := range x.crashed {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		if err := e.Stop(ctx); err != nil {
			x.T.Errorf("after a crash: %v", err)
		}
		cancel()
	}
	x.crashed = nil
}

func (x *Rig) stop(within time.Duration) {
	x.T.Helper()
	if x.stopped {
		return
	}
	x.stopped = true
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	if err := x.Exchange.Stop(ctx); err != nil && within > 0 {
		x.T.Error(err)
	} else if within > 0 {
		x.recheck()
	}
	if err := x.Transport.Close(ctx); err != nil && within > 0 {
		x.T.Error(err)
	}
	if err := x.Ledger.Close(); err != nil && within > 0 {
		x.T.Error(err)
	}
}

// Sleep lets virtual time go by.
func (x *Rig) Sleep(d time.Duration) {
	x.T.Helper()
	if !x.virtual {
		x.T.Fatal("Sleep is for tests within Run: this one would really wait")
	}
	time.Sleep(d)
	synctest.Wait()
}

// Restart stops the exchange and starts it anew on the same ledger.
func (x *Rig) Restart() {
	x.T.Helper()
	x.Stop()
	x.start()
}

// Faults are how often which fault of the disk, the broker and the clock has struck.
func (x *Rig) Faults() map[string]int { return x.struck.all() }

// Crash ends the exchange as the loss of its machine does: from this moment on nothing becomes durable, whatever its
// trips still do. Then it starts anew on what the disk has: nothing of what the end of the old one writes down, such as
// views and cursors, is there. The trips that were under way end in their own time.
func (x *Rig) Crash() {
	x.T.Helper()
	x.Disk.die()
	if x.virtual {
		synctest.Wait() // for nobody to be writing
	}
	was := x.dir
	x.crashes++
	x.dir = filepath.Join(filepath.Dir(was), fmt.Sprint("ledger", x.crashes))
	if err := os.CopyFS(x.dir, os.DirFS(was)); err != nil {
		x.T.Fatal(err)
	}
	x.stop(0)
	if err := os.RemoveAll(was); err != nil {
		x.T.Error(err)
	}
	x.crashed = append(x.crashed, x.Exchange)
	x.start()
}

// Reload puts another setup into force. Buyers that are not in it answer as before.
func (x *Rig) Reload(s Setup) {
	x.T.Helper()
	x.setup = s
	x.reloads++
	if _, err := x.Exchange.Reload(x.config()); err != nil {
		x.T.Fatal(err)
	}
}

// Vertical is a vertical of the configuration in force, and Source a source.
func (x *Rig) Vertical(id string) *exchange.Vertical { return x.Exchange.Snapshot().Vertical(id) }

// Source is a source of the configuration in force.
func (x *Rig) Source(id string) *exchange.Source {
	x.T.Helper()
	return x.sourceOf(x.Exchange.Snapshot(), id)
}

func (x *Rig) sourceOf(on *exchange.Snapshot, id string) *exchange.Source {
	x.T.Helper()
	for _, s := range on.Config().Sources {
		if s.ID == id {
			return s
		}
	}
	x.T.Fatalf("no source %q", id)
	return nil
}

// now is what a request of a seller begins on: the configuration in force, and of that one the seller and the vertical.
func (x *Rig) now(seller string) (*exchange.Snapshot, *exchange.Source, *exchange.Vertical) {
	x.T.Helper()
	on := x.Exchange.Snapshot()
	return on, x.sourceOf(on, cmp.Or(seller, "acme")), on.Vertical("solar")
}

// fill sets the values of a lead that came now.
func (x *Rig) fill(l *lead.Lead, standard, own Values) {
	x.T.Helper()
	all := Values{}
	maps.Copy(all, standard)
	maps.Copy(all, own)
	l.SetNow(x.Exchange.Now())
	for name, v := range all {
		pos, ok := l.Schema().Position(name)
		if !ok {
			x.T.Fatalf("no field %q", name)
		}
		if v != "" {
			l.Set(pos, []byte(v))
		}
	}
	l.Finish()
}

// The standard lead: what a ping brings, and what a post adds.
var (
	pinged = Values{"zip": "10001"}
	posted = Values{"phone": "2127365000"}
)

// NewPing makes a ping of these values beside the standard ones. It must be given back with Release.
func (x *Rig) NewPing(v Values) *exchange.Ping {
	x.T.Helper()
	return x.NewPingOf(x.Seller, v)
}

// NewPingOf is NewPing of a seller, whoever Seller is.
func (x *Rig) NewPingOf(seller string, v Values) *exchange.Ping {
	x.T.Helper()
	p := x.Exchange.NewPing(x.now(seller))
	x.fill(&p.Lead, pinged, v)
	p.ReceivedAt = x.Exchange.Now()
	return p
}

// Ping pings with these values, after edit (nil: nothing) has changed the rest.
func (x *Rig) Ping(v Values, edit func(*exchange.Ping)) (exchange.Reply, *exchange.Fault) {
	x.T.Helper()
	p := x.NewPing(v)
	defer x.Exchange.Release(p)
	if edit != nil {
		edit(p)
	}
	return x.Exchange.Ping(p)
}

// Quote pings and expects a quote at this price. It gives the lead's id.
func (x *Rig) Quote(want lead.Money, v Values) lead.ID {
	x.T.Helper()
	r, f := x.Ping(v, nil)
	if f != nil || r.Result != lead.ResultSuccess || r.Price != want {
		x.T.Fatalf("ping: got %s at %s (%s) and fault %v, want a quote at %s", r.Result, r.Price, r.Refusal, f, want)
	}
	return r.LeadID
}

// NewPost makes a post of a pinged lead with these values beside the standard ones.
func (x *Rig) NewPost(id lead.ID, v Values) *exchange.PostIn {
	x.T.Helper()
	return x.NewPostOf(x.Seller, id, v)
}

// NewPostOf is NewPost of a seller, whoever Seller is.
func (x *Rig) NewPostOf(seller string, id lead.ID, v Values) *exchange.PostIn {
	x.T.Helper()
	in := &exchange.PostIn{PingID: id, Lead: &lead.Lead{}, ReceivedAt: x.Exchange.Now()}
	in.On, in.Source, in.Vertical = x.now(seller)
	in.Lead.Reset(in.Vertical.Schema)
	x.fill(in.Lead, posted, v)
	return in
}

// Post posts a pinged lead with these values, after edit (nil: nothing) has changed the rest.
func (x *Rig) Post(id lead.ID, v Values, edit func(*exchange.PostIn)) (exchange.Reply, *exchange.Fault) {
	x.T.Helper()
	in := x.NewPost(id, v)
	if edit != nil {
		edit(in)
	}
	return x.Exchange.Post(in)
}

// LeadNow sends a whole lead in one shot, after edit (nil: nothing) has changed what is no value.
func (x *Rig) LeadNow(v Values, edit func(*exchange.Ping)) (exchange.Reply, *exchange.Fault) {
	x.T.Helper()
	all := maps.Clone(posted)
	maps.Copy(all, v)
	p := x.NewPing(all)
	defer x.Exchange.Release(p)
	if edit != nil {
		edit(p)
	}
	return x.Exchange.LeadNow(p)
}

// Status is what the seller hears of its lead now.
func (x *Rig) Status(id lead.ID) exchange.Reply {
	x.T.Helper()
	_, seller, _ := x.now(x.Seller)
	r, f := x.Exchange.Status(seller, id)
	if f != nil {
		x.T.Fatal(f)
	}
	return r
}

// Events are the ledger's events of a lead, oldest first.
func (x *Rig) Events(id lead.ID) (out []ledger.Event) {
	x.T.Helper()
	recs, err := x.Ledger.Lead(id)
	if err != nil {
		x.T.Fatal(err)
	}
	for _, r := range recs {
		ev, err := ledger.Decode(r.Bytes)
		if err != nil {
			x.T.Fatalf("%s: %v", r.Bytes, err)
		}
		out = append(out, ev)
	}
	return out
}

// All are a lead's events of one type, oldest first.
func All[T ledger.Event](x *Rig, id lead.ID) (out []T) {
	x.T.Helper()
	for _, ev := range x.Events(id) {
		if e, ok := ev.(T); ok {
			out = append(out, e)
		}
	}
	return out
}

// Last is the newest event of a type of a lead; there must be one.
func Last[T ledger.Event](x *Rig, id lead.ID) T {
	x.T.Helper()
	all := All[T](x, id)
	if len(all) == 0 {
		var none T
		x.T.Fatalf("lead %s has no %T", id, none)
	}
	return all[len(all)-1]
}

// Open are the attempts without a known outcome whose trips are over.
func (x *Rig) Open() []exchange.OpenAttempt {
	x.T.Helper()
	open, err := x.Exchange.Unresolved()
	if err != nil {
		x.T.Fatal(err)
	}
	return open
}

// CapUse is how much of the first cap of a campaign is taken in its window of now.
func (x *Rig) CapUse(campaign string) int64 {
	x.T.Helper()
	c := x.Exchange.Snapshot().Config().Book.Campaign(campaign)
	if c == nil || len(c.Caps) == 0 {
		x.T.Fatalf("campaign %q has no cap", campaign)
	}
	u := x.Exchange.CapState(&c.Caps[0])
	return u.Used()
}

// LeadOf makes a lead of a vertical that came now, with these values and no others.
func (x *Rig) LeadOf(v *exchange.Vertical, values Values) *lead.Lead {
	x.T.Helper()
	l := &lead.Lead{}
	l.Reset(v.Schema)
	x.fill(l, nil, values)
	return l
}
