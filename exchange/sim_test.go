// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"clearpost/buyers"
	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/loadtest/audit"
	"clearpost/rules"
)

var (
	simSeed  = flag.Int64("seed", -1, "simulate this seed only")
	simSeeds = flag.Int("seeds", 6, "how many seeds are simulated")
	simSteps = flag.Int("steps", 70, "steps of one simulation")
)

// TestSim simulates sellers, buyers, operators and a disk against the real exchange and its real ledger, in virtual
// time, and has the auditor judge what stands in the ledger, in the buyers' own books and in the sellers' answers. The
// seed fixes what is done at each step: who sells, which write of the disk fails how, when the exchange dies. What
// buyers say hangs on the order of goroutines too, which stays free: a seed that fails may have to run several times.
// Of a run that fails the events are kept. `go test ./exchange -run Sim -seed 7`, `make sim`.
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
			exchangetest.Run(t, w.setup(), w.run)
			for what, n := range w.did {
				total[what] += n
			}
		})
	}
	for _, what := range slices.Sorted(maps.Keys(total)) {
		t.Logf("%6d %s", total[what], what)
	}
}

// world is all that is outside of the exchange.
type world struct {
	t    *testing.T
	seed uint64

	mu       sync.Mutex // guards what follows: buyers and sellers come at the same time
	rnd      *rand.Rand // of buyers and sellers, in the order in which they come
	plan     *rand.Rand // of the steps: run alone draws from it, and always as often
	did      map[string]int
	answers  []audit.Answer
	receipts []audit.Receipt
	bids     map[string]lead.Money    // by campaign and lead
	sold     map[string]audit.Receipt // by buyer and lead: what the buyer has accepted
	pinged   []simLead                // that may be posted, once or more often
	persons  int
	epoch    int // how often the exchange has died: whose answers nobody hears
	sellers  sync.WaitGroup
}

type simLead struct {
	id     lead.ID
	values exchangetest.Values
}

func newWorld(t *testing.T, seed uint64) *world {
	return &world{t: t, seed: seed, rnd: rand.New(rand.NewPCG(seed, 99)),
		plan: rand.New(rand.NewPCG(seed, 7)), did: map[string]int{},
		bids: map[string]lead.Money{}, sold: map[string]audit.Receipt{}}
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

var simCampaigns = []string{"a", "b", "c", "d", "e"}

func (w *world) setup() setup {
	s := sellTo(1 + int(w.seed%3))
	for i, id := range simCampaigns {
		s.Campaigns = append(s.Campaigns, campaign{ID: id, MaxSold: 1 + (i+int(w.seed))%3, Ping: w.bid, Post: w.take,
			Price: 10 * dollar, Spec: func(c *buyers.CampaignSpec) {
				c.Caps = []rules.CapSpec{{Per: "hour", Limit: 4, Zone: "Etc/UTC"}, {Per: "total", Limit: 30}}
				if i%2 == 0 {
					c.Pay = "post_price"
				}
			}})
	}
	s.Buyer = func(b *buyers.BuyerSpec) {
		b.Caps = []rules.CapSpec{{Per: "day", Spend: amount(220 * dollar), Zone: "Etc/UTC"}}
	}
	return s
}

// bid is a buyer's answer to a ping.
func (w *world) bid(r *exchangetest.Request) exchangetest.Answer {
	after := time.Duration(w.draw(500)) * time.Millisecond // some come too late
	switch w.draw(12) {
	case 0:
		return exchangetest.Decline("no").In(after)
	case 1:
		return exchangetest.Silence()
	case 2:
		return exchangetest.Answer{Body: "<html>busy</html>", Status: 503}
	}
	price := lead.Money(500+w.draw(2000)) * lead.Cent
	w.mu.Lock()
	w.bids[r.Campaign+" "+r.Field("ref")] = price
	w.mu.Unlock()
	return exchangetest.Bid(price).In(after)
}

// take is a buyer's answer to a post: what it says, and what stands in its own book.
func (w *world) take(r *exchangetest.Request) exchangetest.Answer {
	buyer, ref, id := r.Campaign+"-co", fmt.Sprint("r", w.draw(1<<30)), r.Field("ref")
	after := time.Duration(w.draw(900)) * time.Millisecond
	w.mu.Lock()
	price := w.bids[r.Campaign+" "+id]
	w.mu.Unlock()
	book := func(yes bool, answer exchangetest.Answer, what string) exchangetest.Answer {
		w.note("buyer: " + what)
		w.mu.Lock()
		defer w.mu.Unlock()
		x := audit.Receipt{Buyer: buyer, Lead: id, Accepted: yes, At: r.At}
		if yes {
			x.Price, x.Reference = int64(price), ref
			w.sold[buyer+" "+id] = x
		}
		w.receipts = append(w.receipts, x)
		return answer
	}
	yes := exchangetest.Accept(ref)
	switch n := w.draw(20); {
	case n < 4:
		return book(false, exchangetest.Decline("no").In(after), "no")
	case n == 4:
		w.note("buyer: not reached")
		return exchangetest.Unreachable()
	case n == 5:
		return book(true, exchangetest.Silence(), "yes, unheard")
	case n == 6:
		return book(false, exchangetest.Silence(), "silence")
	case n == 7:
		return book(true, exchangetest.Torn(yes.Body[:len(yes.Body)/2]), "yes, torn")
	case n == 8:
		return book(w.draw(2) == 0, exchangetest.Answer{Body: "<p>Thank you</p>"}.In(after), "unclear")
	case n == 9:
		return book(true, yes.In(time.Hour), "yes, too late")
	case n < 13:
		price = max(price+lead.Money(w.draw(400)-200)*lead.Cent, lead.Cent)
		return book(true, exchangetest.Accept(ref, "price", price).In(after), "yes, at another price")
	}
	return book(true, yes.In(after), "yes")
}

// run drives the exchange, and judges it.
func (w *world) run(x *rig) {
	for range *simSteps {
		w.step(x)
	}
	x.Disk.Repair()
	w.sellers.Wait()
	x.Sleep(10 * time.Minute)
	x.Restart()
	w.judge(x)
}

// step is one thing that somebody does.
func (w *world) step(x *rig) {
	switch n := w.plan.IntN(24); {
	case n < 13:
		for range 1 + w.plan.IntN(5) {
			w.sell(x)
		}
	case n < 15:
		w.operate(x)
	case n == 15:
		w.note("the exchange is stopped and started")
		w.sellers.Wait()
		x.Sleep(time.Minute) // for the log to be open again
		x.Restart()
	case n == 16:
		w.note("the exchange dies")
		w.mu.Lock()
		w.epoch++
		w.mu.Unlock()
		x.Disk.Repair()
		x.Crash()
	case n < 19:
		w.breakDisk(x)
	}
	x.Sleep(time.Duration(w.plan.IntN(1500)) * time.Millisecond)
	if w.plan.IntN(10) == 0 {
		x.Sleep(time.Duration(w.plan.IntN(100)) * time.Minute)
	}
}

// breakDisk has a write of the log fail, and mends the disk some time later.
func (w *world) breakDisk(x *rig) {
	kinds := []ledger.Kind{"", ledger.KindPinged, ledger.KindPosting, ledger.KindPosted, ledger.KindSettled}
	faults := []exchangetest.Fault{exchangetest.Refused, exchangetest.Stalled, exchangetest.Lost, exchangetest.Kept}
	f := faults[w.plan.IntN(len(faults))]
	w.note("disk: " + []string{"refuses a write", "stalls", "loses a write", "keeps a write and says no"}[f-1])
	x.Disk.Fail(kinds[w.plan.IntN(len(kinds))], f)
	for range 1 + w.plan.IntN(3) {
		w.sell(x)
	}
	x.Sleep(time.Duration(w.plan.IntN(5000)) * time.Millisecond)
	x.Disk.Repair()
}

// sell has a seller do what sellers do, in a goroutine of its own.
func (w *world) sell(x *rig) {
	w.mu.Lock()
	w.persons++
	v := person(w.persons)
	w.mu.Unlock()
	e, kind, which := x.Exchange, w.plan.IntN(8), w.plan.Uint64()
	w.mu.Lock()
	epoch := w.epoch
	var again simLead
	if n := len(w.pinged); n > 0 {
		again = w.pinged[which%uint64(n)]
	}
	w.mu.Unlock()
	var ping *exchange.Ping
	var post *exchange.PostIn
	switch {
	case kind < 2 && !again.id.IsZero(): // a lead that was posted, perhaps, or is being
		post = x.NewPost(again.id, again.values)
	case kind == 2:
		whole := maps.Clone(v)
		ping = x.NewPing(whole)
	default:
		ping = x.NewPing(v)
	}
	w.sellers.Go(func() {
		hear := func(op string, r exchange.Reply, f *exchange.Fault) { w.hear(epoch, op, r, f) }
		switch {
		case post != nil:
			w.note("seller: posts again")
			r, f := e.Post(post)
			hear(audit.OpPost, r, f)
		case kind == 2:
			w.note("seller: one shot")
			r, f := e.LeadNow(ping)
			hear(audit.OpLead, r, f)
		default:
			w.note("seller: pings and posts")
			r, f := e.Ping(ping)
			hear(audit.OpPing, r, f)
			if f != nil || r.Result != lead.ResultSuccess {
				return
			}
			w.mu.Lock()
			w.pinged = append(w.pinged, simLead{r.LeadID, v})
			w.mu.Unlock()
			<-time.After(time.Duration(w.draw(2000)) * time.Millisecond)
			w.postOnce(x, epoch, simLead{r.LeadID, v}, hear)
		}
	})
}

// postOnce posts a lead to the exchange that runs now.
func (w *world) postOnce(x *rig, epoch int, l simLead, hear func(string, exchange.Reply, *exchange.Fault)) {
	w.mu.Lock()
	gone := epoch != w.epoch
	w.mu.Unlock()
	if gone {
		return // its exchange has died: it tries again as others do
	}
	e := x.Exchange
	in := x.NewPost(l.id, l.values)
	r, f := e.Post(in)
	hear(audit.OpPost, r, f)
}

// hear notes what a seller has heard, unless its exchange has died meanwhile.
func (w *world) hear(epoch int, op string, r exchange.Reply, f *exchange.Fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if epoch != w.epoch {
		return
	}
	if f != nil {
		w.did["answer: "+f.Code]++
		return
	}
	w.did["answer: "+op+" "+r.Result]++
	a := audit.Answer{Source: "acme", Vertical: "solar", Op: op, Status: 200, Result: r.Result, Lead: r.LeadID.String(),
		Price: int64(r.Price), Reference: r.Reference}
	if r.Refusal != lead.NoRefusal {
		a.Reason = r.Refusal.Info().Published
	}
	for _, s := range r.Sales {
		if len(r.Sales) > 1 {
			a.Sales = append(a.Sales, audit.SaleSeen{Reference: s.ID, Price: int64(s.Price)})
		}
	}
	w.answers = append(w.answers, a)
}

// operate is what an operator does: it finds out the truth of an attempt, corrects, pauses, or changes the
// configuration.
func (w *world) operate(x *rig) {
	switch w.plan.IntN(4) {
	case 0, 1:
		w.resolve(x)
	case 2:
		w.note("operator: pause or resume")
		x.Exchange.Pause(simCampaigns[w.plan.IntN(len(simCampaigns))], w.plan.IntN(2) == 0, "paid late", "ann")
	default:
		w.note("operator: another configuration")
		w.sellers.Wait()
		s := w.setup()
		percent := 100_000 + int64(w.plan.IntN(200_000))
		s.Source = func(c *exchange.Source) { c.Margin.PPM = percent }
		x.Reload(s)
	}
}

// resolve asks a buyer what became of an open attempt.
func (w *world) resolve(x *rig) {
	which := w.plan.Uint64()
	if x.Exchange.Available() != nil {
		return
	}
	open := x.Open()
	if len(open) == 0 {
		return
	}
	o := open[which%uint64(len(open))]
	p := exchangetest.All[*ledger.Posting](x, o.Lead)
	i := slices.IndexFunc(p, func(p *ledger.Posting) bool { return p.Attempt == o.Attempt })
	w.mu.Lock()
	truth, sold := w.sold[p[i].Buyer+" "+o.Lead.String()]
	w.mu.Unlock()
	r := exchange.Resolution{Attempt: o.Attempt, Accepted: sold, Why: "asked"}
	if sold {
		price := lead.Money(truth.Price)
		r.Price, r.Reference = &price, truth.Reference
	}
	if _, err := x.Exchange.Resolve(r); err == nil {
		w.note("operator: an attempt resolved")
	}
}

// judge has the auditor compare the ledger with the books and the answers.
func (w *world) judge(x *rig) {
	var events [][]byte
	if err := x.Ledger.Scan(1, func(r ledger.Record) error {
		events = append(events, bytes.Clone(r.Bytes))
		return nil
	}); err != nil {
		w.t.Fatal(err)
	}
	opt := audit.Options{Losses: true}
	for _, id := range simCampaigns {
		opt.Caps = append(opt.Caps, audit.Cap{Who: "campaign:" + id, Per: "hour", Max: 4},
			audit.Cap{Who: "campaign:" + id, Per: "total", Max: 30},
			audit.Cap{Who: "buyer:" + id + "-co", Key: "buyer:" + id + "-co:spend:day", Of: "spend", Per: "day",
				Max: int64(220 * dollar)})
	}
	rep, err := audit.Run(audit.Input{Events: each(events), Receipts: each(w.receipts), Answers: each(w.answers)}, opt)
	if err != nil || len(rep.Findings) > 0 {
		w.t.Errorf("seed %d, auditor: %v, %s\nevents are kept in %s", w.seed, err, rep.Verdict(), w.keep(events))
	}
	if rep != nil && (rep.Counts.FullCaps == 0 || len(events) < *simSteps) {
		w.t.Errorf("the run shows little: %+v", rep.Counts)
	}
}

// each is a list as the auditor reads it.
func each[T any](list []T) audit.Stream[T] {
	return func(do func(T) error) error {
		for _, x := range list {
			if err := do(x); err != nil {
				return err
			}
		}
		return nil
	}
}

// keep writes the events of a run down, and tells where.
func (w *world) keep(events [][]byte) string {
	path := filepath.Join(os.TempDir(), fmt.Sprintf("clearpost-sim-%d.jsonl", w.seed))
	if err := os.WriteFile(path, append(bytes.Join(events, []byte("\n")), '\n'), 0o600); err != nil {
		return err.Error()
	}
	return path
}
