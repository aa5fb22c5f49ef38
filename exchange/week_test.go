// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
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
	"clearpost/wire"
)

// Days in virtual time, up to the first Monday after New York has set its clocks forward. Three buyers let leads wait,
// each for another reason; two sellers send, one three times as much as the other; machines are lost all the time.

var weekDays = flag.Int("days", 3, "how many days TestWeek takes, 3 to 7")

// weekCampaigns are the market. Each lead is wanted by one of them, by its postal code, or by the first two.
var weekCampaigns = map[string]weekTerms{
	"office": {price: 30 * dollar, zips: []string{"10001", "10004"}, daily: 60, waits: 72 * time.Hour,
		open: "mon-fri 09:00-17:00", when: []string{"closed", "cap_full", "not_sent"}},
	"shaky": {price: 20 * dollar, zips: []string{"10002", "10004"}, waits: 12 * time.Hour,
		when: []string{"not_sent", "throttled"}},
	"small": {price: 15 * dollar, zips: []string{"10003"}, daily: 20, waits: 30 * time.Hour, spread: time.Hour,
		when: []string{"cap_full", "not_sent"}},
}

type weekTerms struct {
	price  lead.Money
	zips   []string
	daily  int64         // accepted leads a day; 0: no cap
	waits  time.Duration // how old a lead may become
	spread time.Duration
	open   string // hours in New York; "" = always
	when   []string
}

func (c weekTerms) wants(zip string) bool { return slices.Contains(c.zips, zip) }

// week is all that is outside of the exchange.
type week struct {
	t    *testing.T
	zone *time.Location
	from time.Time // a midnight
	end  time.Time // Tuesday, midnight
	busy sync.WaitGroup

	mu       sync.Mutex // guards what follows
	rnd      *rand.Rand
	plan     *rand.Rand // of the course of the week; run alone draws from it
	down     time.Time  // until then, by the clock of the bubble, shaky is not reached, or is busy
	dead     bool
	epoch    int
	answers  []audit.Answer
	receipts []audit.Receipt
	truth    map[string]bool // whether a buyer has taken a lead, by buyer and lead
	deaths   int
	outages  int
}

// TestWeek: each lead ends once, none is sold older than its campaign takes, buyers are asked in their hours only on
// both sides of the change of clocks, caps are used to the last place, and a small seller is not kept waiting behind a
// big one. `go test ./exchange -run TestWeek -days 7 -v` prints the figures of a week.
func TestWeek(t *testing.T) {
	if testing.Short() {
		t.Skip("a week of thousands of leads")
	}
	seed := uint64(max(*simSeed, 1))
	w := &week{t: t, zone: mustZone(t, "America/New_York"), rnd: rand.New(rand.NewPCG(seed, 1)),
		plan: rand.New(rand.NewPCG(seed, 2)), truth: map[string]bool{}}
	w.end = time.Date(2000, 4, 4, 0, 0, 0, 0, w.zone)
	w.from = w.end.AddDate(0, 0, -min(max(*weekDays, 3), 7))
	exchangetest.Run(t, w.setup(), func(x *rig) {
		x.Exchange.Warm()
		w.run(x)
		w.judge(x)
	})
}

func (w *week) setup() setup {
	s := setup{Ships: true, Source: tells, Later: w.from.Sub(time.Date(1999, 12, 31, 19, 0, 0, 0, w.zone)),
		Sources: []*exchange.Source{exchangetest.NewSource("zeta", "solar")}}
	for _, id := range []string{"office", "shaky", "small"} {
		c := weekCampaigns[id]
		s.Campaigns = append(s.Campaigns, lists(id, c.price, func(spec *buyers.CampaignSpec) { c.spec(spec) }, w.take))
	}
	return s
}

func (c weekTerms) spec(out *buyers.CampaignSpec) {
	after, most, tries, age, spread := 60, 1800, 200, int(c.waits/time.Second), int(c.spread/time.Second)
	out.Defer = &buyers.DeferSpec{When: c.when, AfterS: &after, MostS: &most, Tries: &tries, ForS: &age,
		SpreadS: &spread, RetryOn: wire.Scalars{*wire.Text("server_busy"), number("503")}}
	out.Criteria = []rules.CriterionSpec{{Field: "zip", In: c.zips}}
	if c.open != "" {
		out.Schedule = &rules.ScheduleSpec{Open: []string{c.open}}
	}
	if c.daily > 0 {
		out.Caps = []rules.CapSpec{{Per: "day", Limit: c.daily}}
	}
}

// promise is what the auditor is told.
func (w *week) promise() *audit.Config {
	c := &audit.Config{Campaigns: map[string]audit.Terms{}, Caps: map[string]int64{}}
	for id, k := range weekCampaigns {
		t := audit.Terms{Vertical: "solar", Price: int64(k.price), MaxSold: 1,
			Wants: func(field func(string) string) bool { return k.wants(field("zip")) }}
		if k.open != "" {
			t.Open = w.inOffice
		}
		if c.Campaigns[id] = t; k.daily > 0 {
			c.Caps["campaign:"+id+":day"] = k.daily
		}
	}
	return c
}

// inOffice tells whether the office is open, said another way than the engine has it.
func (w *week) inOffice(at time.Time) bool {
	at = at.In(w.zone)
	return at.Weekday() >= time.Monday && at.Weekday() <= time.Friday && at.Hour() >= 9 && at.Hour() < 17
}

func (w *week) draw(n int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rnd.IntN(n)
}

// take is a buyer's answer to a post.
func (w *week) take(r *exchangetest.Request) exchangetest.Answer {
	after := time.Duration(50+w.draw(1500)) * time.Millisecond
	kind, chance := w.draw(3), w.draw(100)
	w.mu.Lock()
	defer w.mu.Unlock()
	got := audit.Receipt{Buyer: r.Campaign + "-co", Lead: r.Field("ref"), At: r.At}
	if r.Campaign == "shaky" && r.At.Before(w.down) {
		if kind == 0 {
			return exchangetest.Unreachable()
		}
		w.receipts = append(w.receipts, got)
		if kind == 1 {
			return exchangetest.Answer{Status: 503, After: after}
		}
		return exchangetest.Decline("Server busy").In(after)
	}
	if got.Accepted = chance > 4; got.Accepted {
		got.Price, got.Reference = int64(weekCampaigns[r.Campaign].price), "r-"+got.Lead
	}
	w.receipts = append(w.receipts, got)
	w.truth[got.Buyer+" "+got.Lead] = got.Accepted
	switch {
	case chance == 5 || chance == 4:
		return exchangetest.Silence()
	case got.Accepted:
		return exchangetest.Accept(got.Reference).In(after)
	}
	return exchangetest.Decline("no").In(after)
}

// run is the week, and as long after it as leads may wait.
func (w *week) run(x *rig) {
	for x.Exchange.Now().Before(w.end) {
		w.sell(x)
		switch n := w.plan.IntN(200); {
		case n == 0:
			w.outage()
		case n < 3:
			w.mu.Lock()
			w.deaths++
			w.mu.Unlock()
			x.Disk.DieAt(1+w.plan.IntN(8), exchangetest.Death(w.plan.IntN(3)), w.die)
		}
		x.Sleep(time.Duration(w.plan.ExpFloat64() * float64(6*time.Minute)))
		w.revive(x)
	}
	x.Disk.DieAt(0, 0, nil)
	w.mu.Lock()
	w.down = time.Time{}
	w.mu.Unlock()
	w.busy.Wait()
	w.revive(x)
	x.Sleep(73 * time.Hour)
	for _, o := range x.Open() {
		took := w.truth[o.Buyer+" "+o.Lead.String()]
		r := exchange.Resolution{Attempt: o.Attempt, Accepted: took, Why: "asked"}
		if took {
			r.Reference = "r-" + o.Lead.String()
		}
		if _, err := x.Exchange.Resolve(r); err != nil {
			w.t.Error(err)
		}
	}
	x.Sleep(time.Minute)
}

// outage has shaky be away for some hours.
func (w *week) outage() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.outages++
	w.down = time.Now().Add(time.Duration(30+w.plan.IntN(300)) * time.Minute)
}

func (w *week) die() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dead = true
	w.epoch++
}

func (w *week) revive(x *rig) {
	w.mu.Lock()
	dead := w.dead
	w.mu.Unlock()
	if !dead {
		return
	}
	x.Crash()
	x.Exchange.Warm()
	w.mu.Lock()
	w.dead = false
	w.mu.Unlock()
}

// sell sends one lead.
func (w *week) sell(x *rig) {
	w.mu.Lock()
	n, epoch := len(w.answers), w.epoch
	w.answers = append(w.answers, audit.Answer{})
	w.mu.Unlock()
	seller := []string{"acme", "acme", "acme", "zeta"}[w.plan.IntN(4)]
	p := x.NewPingOf(seller, values{"phone": fmt.Sprintf("212736%04d", n), "zip": fmt.Sprint(10001 + w.plan.IntN(4))})
	e := x.Exchange
	w.busy.Go(func() {
		r, f := e.LeadNow(p)
		a := audit.Answer{Source: seller, Vertical: "solar", Op: audit.OpLead}
		w.mu.Lock()
		defer w.mu.Unlock()
		switch {
		case epoch != w.epoch: // nobody hears what it says
		case f != nil && f.Kind == exchange.FaultUnavailable:
			a.Status, a.Unsure = 503, f.Unsure
		case f != nil:
			w.t.Errorf("lead %d: %v", n, f)
		default:
			a = toldAs(a, r)
		}
		w.answers[n] = a
	})
}

// course is what has become of a lead.
type course struct {
	source  string
	zip     string
	came    time.Time
	waited  int // events
	posts   int
	sold    string
	soldAt  time.Time
	settled int // answers that end it
	result  string
}

// judge holds the ledger to the promises.
func (w *week) judge(x *rig) {
	wantDepth(x, 0)
	var events [][]byte
	leads, tried := map[lead.ID]*course{}, map[lead.ID]*attempt{}
	if err := x.Ledger.Scan(1, func(r ledger.Record) error {
		events = append(events, bytes.Clone(r.Bytes))
		ev, err := ledger.Decode(r.Bytes)
		if err == nil {
			w.follow(leads, tried, ev)
		}
		return err
	}); err != nil {
		w.t.Fatal(err)
	}
	w.ends(leads)
	w.days(tried)
	w.monday(leads)
	var caps []audit.Cap
	for id, c := range weekCampaigns {
		if c.daily > 0 {
			caps = append(caps, audit.Cap{Who: "campaign:" + id, Per: "day", Zone: "America/New_York"})
		}
	}
	hash := x.Exchange.Snapshot().Config().Hash
	rep, err := audit.Run(audit.Input{Events: each(events), Receipts: each(w.receipts), Answers: each(w.answers),
		Shipped: x.Broker.Events}, audit.Options{EveryCall: true, Caps: caps,
		Configs: map[string]*audit.Config{hash: w.promise()}})
	if err != nil || len(rep.Findings) > 0 {
		w.t.Errorf("auditor: %v, %s", err, rep.Verdict())
		return
	}
	w.t.Logf("%d leads, %d sales, %d waited, %d outages, the machine was lost %d times", rep.Counts.Leads,
		rep.Counts.Sales, rep.Counts.Deferred, w.outages, w.deaths)
	if rep.Counts.Leads < 500 || rep.Counts.Deferred < 100 || w.outages < 2 || w.deaths < 3 {
		w.t.Error("hardly anything has happened")
	}
}

// attempt is a post.
type attempt struct {
	campaign string
	at       time.Time
	ended    bool // as no sale, at once
}

func (w *week) follow(leads map[lead.ID]*course, tried map[lead.ID]*attempt, ev ledger.Event) {
	switch ev := ev.(type) {
	case *ledger.Pinged:
		zip, _ := ev.Fields.Get("zip")
		leads[ev.Lead] = &course{source: ev.Source, zip: zip, came: ev.At}
	case *ledger.Deferred:
		leads[ev.Lead].waited++
	case *ledger.Posting:
		l, c := leads[ev.Lead], weekCampaigns[ev.Campaign]
		tried[ev.Attempt] = &attempt{campaign: ev.Campaign, at: ev.At}
		if l.posts++; ev.Campaign == "office" && !w.inOffice(ev.At) {
			w.t.Errorf("lead %s was posted to the office at %s", ev.Lead, ev.At.In(w.zone))
		}
		if age := ev.At.Sub(l.came); age > c.waits {
			w.t.Errorf("lead %s was posted to %s %v after it came", ev.Lead, ev.Campaign, age)
		}
	case *ledger.Posted:
		switch ev.Outcome {
		case lead.Accepted:
			leads[ev.Lead].sold, leads[ev.Lead].soldAt = ev.Campaign, ev.At
		case lead.Rejected, lead.NotSent:
			tried[ev.Attempt].ended = true
		}
	case *ledger.Settled:
		l := leads[ev.Lead]
		if l.result = ev.Result; ev.Result != lead.ResultPending {
			l.settled++
		}
	}
}

// ends: each lead has ended, once, and how long it took those that waited.
func (w *week) ends(leads map[lead.ID]*course) {
	took := map[string][]time.Duration{}
	posts := 0
	for id, l := range leads {
		if l.settled != 1 || l.result == lead.ResultPending || l.result == lead.ResultQueued {
			w.t.Errorf("lead %s has ended %d times, at last as %s: %+v", id, l.settled, l.result, *l)
		}
		posts += l.posts
		if l.waited > 0 && l.sold != "" {
			took[l.sold] = append(took[l.sold], l.soldAt.Sub(l.came))
		}
	}
	w.t.Logf("%.2f posts a lead", float64(posts)/float64(len(leads)))
	for id, list := range took {
		slices.Sort(list)
		w.t.Logf("%s: %d leads that had waited were sold; half within %v, all within %v", id, len(list),
			list[len(list)/2].Round(time.Second), list[len(list)-1].Round(time.Second))
	}
}

// days: caps are used to the last place on each day, by sales and by what may be one.
func (w *week) days(tried map[lead.ID]*attempt) {
	held := map[string]map[string]int64{"office": {}, "small": {}, "shaky": {}}
	for _, a := range tried {
		if !a.ended {
			held[a.campaign][a.at.In(w.zone).Format("Mon 2 Jan")]++
		}
	}
	for at := w.from; at.Before(w.end); at = at.AddDate(0, 0, 1) {
		name := at.Format("Mon 2 Jan")
		w.t.Logf("%s: office %d of 60, small %d of 20, shaky %d", name, held["office"][name], held["small"][name],
			held["shaky"][name])
		if held["small"][name] != 20 || at.Weekday() == time.Monday && held["office"][name] != 60 {
			w.t.Errorf("%s: a cap is not full", name)
		}
	}
}

// monday: when the office opens after the weekend, on summer time, the two sellers take turns, and of each seller's the
// leads that came first go first, but for those that several workers have in hand at once.
func (w *week) monday(leads map[lead.ID]*course) {
	opens := time.Date(2000, 4, 3, 9, 0, 0, 0, w.zone)
	first, sold := opens.Add(time.Hour), map[string][]*course{}
	left := map[string][]*course{}
	for _, l := range leads {
		switch monday := l.soldAt.Sub(opens); {
		case l.zip != "10001" || l.came.After(opens) || l.came.Before(opens.Add(-63*time.Hour)):
		case l.sold != "" && monday >= 0 && monday < time.Hour:
			sold[l.source] = append(sold[l.source], l)
			if l.soldAt.Before(first) {
				first = l.soldAt
			}
		case l.sold == "" || monday > 0:
			left[l.source] = append(left[l.source], l)
		}
	}
	w.t.Logf("on Monday, from %s on: %d of %d of acme's, %d of %d of zeta's", first.In(w.zone).Format("15:04:05 MST"),
		len(sold["acme"]), len(sold["acme"])+len(left["acme"]), len(sold["zeta"]),
		len(sold["zeta"])+len(left["zeta"]))
	if first.Sub(opens) > time.Minute {
		w.t.Errorf("the first lead was sold at %s", first.In(w.zone))
	}
	const inHand = 16
	if d := len(sold["acme"]) - len(sold["zeta"]); d < -inHand || d > inHand {
		w.t.Error("one seller's leads have waited behind the other's")
	}
	for source, list := range sold {
		before := 0
		for _, late := range left[source] {
			if slices.ContainsFunc(list, func(l *course) bool { return l.came.After(late.came) }) {
				before++
			}
		}
		w.t.Logf("%s: %d leads that came earlier were passed by", source, before)
		if before > inHand {
			w.t.Errorf("%s: %d leads were passed by", source, before)
		}
	}
}
