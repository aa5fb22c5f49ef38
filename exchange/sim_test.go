// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/loadtest/audit"
)

var (
	simSeed  = flag.Int64("seed", -1, "simulate this seed only")
	simSeeds = flag.Int("seeds", 6, "how many seeds are simulated")
	simSteps = flag.Int("steps", 70, "steps of one simulation")
)

// TestSim simulates sellers, buyers, operators, a disk, a broker and a clock against the real exchange and its real
// ledger, in virtual time, and has the auditor judge what stands in the ledger, in the buyers' own books, in the
// sellers' answers and at the broker. The seed fixes what is done at each step: who sells, which write of the disk
// fails how, at which one the machine is lost, what the next configuration says. What buyers say hangs on the order of
// goroutines too, which stays free: a seed that fails may have to run several times. Of a run that fails the events are
// kept. `go test ./exchange -run Sim -seed 7`, `make sim`.
func TestSim(t *testing.T) {
	from, until := int64(0), int64(*simSeeds)
	if testing.Short() {
		until = min(until, 2)
	}
	if *simSeed >= 0 {
		from, until = *simSeed, *simSeed+1
	}
	total := map[string]int{}
	for seed := from; seed < until; seed++ {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			w := newWorld(t, uint64(seed))
			defer func() {
				if t.Failed() {
					t.Logf("to run it again: go test ./exchange -run TestSim -seed %d -steps %d", seed, *simSteps)
				}
			}()
			exchangetest.Run(t, w.market.setup(w), w.run)
			for what, n := range w.did {
				total[what] += n
			}
		})
	}
	kinds := map[string]int{}
	for _, what := range slices.Sorted(maps.Keys(total)) {
		t.Logf("%6d %s", total[what], what)
		kind, _, _ := strings.Cut(what, ":")
		kinds[kind] += total[what]
	}
	t.Logf("%6d faults in %d runs", kinds["disk"]+kinds["outage"]+kinds["clock"]+kinds["death"], until-from)
	if until-from < 4 {
		return
	}
	for _, kind := range []string{"disk", "outage", "broker", "clock", "death", "operator"} {
		if kinds[kind] == 0 {
			t.Errorf("nothing of %s has happened", kind)
		}
	}
	for _, what := range []string{"refusals as duplicates", "attempts of persons known to a rule",
		"attempts that count as their campaign says", "corrections", "full windows of caps",
		"returns that stand", "payments", "payouts", "balances",
		"standings of buyers", "bids refused as unpaid"} {
		if total["judged: "+what] == 0 {
			t.Errorf("nothing was judged of %s", what)
		}
	}
	if total["judged: sales"] < 10*int(until-from) {
		t.Error("hardly anything was sold")
	}
	if total["judged: leads that waited"] < int(until-from) {
		t.Error("hardly any lead has waited")
	}
}

// world is all that is outside of the exchange.
type world struct {
	t      *testing.T
	seed   uint64
	market simMarket
	told   map[string]*audit.Config // the configurations that were in force, by hash
	busy   sync.WaitGroup           // sellers and operators under way

	mu       sync.Mutex // guards what follows: buyers and sellers come at the same time
	rnd      *rand.Rand // of buyers and sellers, in the order in which they come
	plan     *rand.Rand // of the steps: run alone draws from it, and always as often
	did      map[string]int
	answers  []audit.Answer
	receipts []audit.Receipt
	bids     map[string]lead.Money // by campaign and lead
	book     map[string]verdict    // by buyer and lead: what the buyer has said
	pinged   []simLead             // that may be posted, once or more often
	shots    []shot
	persons  int
	calls    int
	epoch    int  // how often the exchange has died: whose answers nobody hears
	dead     bool // its machine is lost, and it was not started anew
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{t: t, seed: seed, rnd: rand.New(rand.NewPCG(seed, 99)), plan: rand.New(rand.NewPCG(seed, 7)),
		did: map[string]int{}, bids: map[string]lead.Money{}, book: map[string]verdict{},
		told: map[string]*audit.Config{}}
	w.market = newSimMarket(seed)
	return w
}

// draw is a number below n.
func (w *world) draw(n int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rnd.IntN(n)
}

func (w *world) note(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.did[what]++
}

// die is called where the machine is lost: from now on nobody hears what the exchange says.
func (w *world) die() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.epoch++
	w.dead = true
}

// isDead tells whether the exchange has to be started anew.
func (w *world) isDead() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.dead
}

// run drives the exchange, and judges it.
func (w *world) run(x *rig) {
	w.inForce(x)
	x.Exchange.Warm()
	for range *simSteps {
		w.step(x)
		w.revive(x)
	}
	x.Disk.DieAt(0, 0, nil)
	x.Sleep(time.Millisecond)
	w.revive(x)
	w.rest(x)
	w.emptied(x)
	w.judge(x)
}

// rest lets all that is under way come to its end, with a disk and a broker that work.
func (w *world) rest(x *rig) {
	x.Disk.Repair()
	x.Broker.Fail(exchangetest.Answers, 0)
	w.busy.Wait()
	x.Sleep(10 * time.Minute)
}

// revive starts an exchange anew whose machine is lost.
func (w *world) revive(x *rig) {
	if w.isDead() {
		w.crash(x)
	}
}

func (w *world) crash(x *rig) {
	x.Crash()
	x.Exchange.Warm()
	w.mu.Lock()
	w.dead = false
	w.mu.Unlock()
	x.Sleep(time.Millisecond)
	w.counts(x)
	w.shipped(x)
}

// shipped holds the broker to the ledger: whatever has happened, it has what counts as shipped, and nothing that the
// ledger has not.
func (w *world) shipped(x *rig) {
	if wrong := x.Broker.Check(x.Ledger); wrong != nil {
		w.t.Errorf("seed %d, broker: %d mistakes, the first: %s", w.seed, len(wrong), wrong[0])
	}
}

// step is one thing that somebody does.
func (w *world) step(x *rig) {
	switch n := w.plan.IntN(32); {
	case n < 14:
		for range 1 + w.plan.IntN(5) {
			w.sell(x)
		}
	case n < 19:
		w.operate(x)
	case n == 19:
		w.stop(x)
	case n == 20:
		w.note("death: between writes")
		w.die()
		w.crash(x)
	case n < 23:
		w.sentence(x)
	case n < 26:
		w.breakDisk(x)
	case n < 28:
		w.breakBroker(x)
	case n == 28:
		w.setClock(x)
	default:
		w.backOffice(x)
	}
	x.Sleep(time.Duration(w.plan.IntN(1500)) * time.Millisecond)
	w.revive(x)
	if w.plan.IntN(10) == 0 {
		x.Sleep(time.Duration(w.plan.IntN(100)) * time.Minute)
	}
}

// stop stops the exchange and starts it, if it lives until then.
func (w *world) stop(x *rig) {
	w.note("the exchange is stopped and started")
	x.Disk.DieAt(0, 0, nil)
	if x.Sleep(time.Millisecond); w.isDead() {
		return // and its sellers would wait for ever
	}
	w.busy.Wait()
	x.Sleep(time.Minute) // for the log to be open again
	w.counts(x)          // as they came about, not as a start makes them
	x.Restart()
	x.Exchange.Warm()
	w.counts(x)
}

// sentence has the machine be lost at one of the next writes.
func (w *world) sentence(x *rig) {
	x.Disk.DieAt(1+w.plan.IntN(8), exchangetest.Death(w.plan.IntN(3)), w.die)
	for range 1 + w.plan.IntN(5) {
		w.sell(x)
	}
}

// breakDisk has a write of the log fail, and mends the disk some time later.
func (w *world) breakDisk(x *rig) {
	kinds := []ledger.Kind{"", ledger.KindPinged, ledger.KindPosting, ledger.KindPosting, ledger.KindPosted,
		ledger.KindSettled, ledger.KindDeferred, ledger.KindAdjusted}
	faults := []exchangetest.Fault{exchangetest.Refused, exchangetest.Stalled, exchangetest.Lost, exchangetest.Kept}
	f, kind := faults[w.plan.IntN(len(faults))], kinds[w.plan.IntN(len(kinds))]
	if w.plan.IntN(3) == 0 {
		x.Disk.FailAll(kind, f)
	} else {
		x.Disk.Fail(kind, f)
	}
	if kind == ledger.KindAdjusted {
		for range 3 {
			w.change(x)
		}
		w.backOffice(x)
	}
	for range 1 + w.plan.IntN(3) {
		w.sell(x)
	}
	x.Sleep(time.Duration(w.plan.IntN(5000)) * time.Millisecond)
	x.Disk.Repair()
}

// breakBroker has the broker fail for longer than a step, or answer again.
func (w *world) breakBroker(x *rig) {
	calls := 1 + w.plan.IntN(6)
	faults := []exchangetest.BrokerFault{exchangetest.Answers, exchangetest.Away, exchangetest.Hangs,
		exchangetest.Unheard, exchangetest.Partly}
	f := faults[w.plan.IntN(len(faults))]
	if f == exchangetest.Away || f == exchangetest.Hangs {
		calls = -1
	}
	if x.Broker.Fail(f, calls); f != exchangetest.Answers {
		w.note("outage: of the broker")
	}
}

// setClock sets the wall clock: by seconds, as a time server does, by minutes or by hours, as a mistake.
func (w *world) setClock(x *rig) {
	most := []time.Duration{time.Minute, 10 * time.Minute, 3 * time.Hour}[w.plan.IntN(3)]
	x.SetClock(time.Duration(w.plan.Int64N(int64(2*most))) - most)
}
