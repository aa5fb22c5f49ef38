// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"math"
	"runtime"
	"sync/atomic"
	"time"

	"clearpost/exchange/door"
)

// Reasons for which a request is sent away that may come again. They consume nothing.
type ShedReason uint8

// The reasons.
const (
	ShedOverloaded  ShedReason = iota // all places are taken, or as many as the processors keep up with
	ShedSourceShare                   // most places are taken, and the source has its share of them
	ShedMemory                        // the node is near its limit of memory
	ShedWaited                        // it came long ago, and nobody had time to read it
	ShedRate                          // the source sends more than its rate
	ShedUnknownKeys                   // too many unknown keys from one address
	ShedLogFull                       // the disk is full, or nearly
	ShedLog                           // the ledger takes no events for another reason
	ShedPaused                        // the source is paused
	ShedClosed                        // the source's schedule is closed
	ShedStopping                      // the exchange is stopping
	ShedStore                         // the store of counts does not answer
	ShedConnections                   // a connection too many: closed before anything was asked on it
	shedReasons
)

// shedWords are the reasons' names, and what they mean in words.
var shedWords = [shedReasons]struct{ name, why string }{
	ShedOverloaded:  {"overloaded", "as many requests at once as memory or the processors bear"},
	ShedSourceShare: {"source_share", "most places are taken, and the source has its share of them"},
	ShedMemory:      {"memory", "what is alive comes near limits.memory_mb"},
	ShedWaited:      {"waited", "much of the time for buyers had gone by before it was read"},
	ShedRate:        {"rate", "the source sends more than its rate"},
	ShedUnknownKeys: {"unknown_keys", "too many unknown keys from one address"},
	ShedLogFull:     {"log_full", "the disk is full, or less is free than limits.free_mb_min"},
	ShedLog:         {"log", "the ledger takes no events; the log says why"},
	ShedPaused:      {"paused", "the source is paused"},
	ShedClosed:      {"closed", "the source's schedule is closed"},
	ShedStopping:    {"stopping", "the exchange is stopping"},
	ShedStore:       {"store", "the store of counts does not answer: a post could not hold what it needs"},
	ShedConnections: {"connections", "more connections than limits.connections_max, or open files, allow"},
}

func (r ShedReason) String() string { return shedWords[r].name }

// Shed is how often requests were sent away for one reason since the start.
type Shed struct {
	Reason string
	Why    string // the reason in words
	Count  int64
	Last   time.Time
}

// shedCounts counts one reason.
type shedCounts struct{ count, last atomic.Int64 }

// Load is what the door carries and what it sends away.
type Load struct {
	InFlight    int64 // requests that are being answered
	InFlightMax int64
	PingsMost   int64 // a second that are let in, where the processors do not keep up; 0: as many as come
	MemoryFull  bool  // requests are sent away to keep within the memory limit
	Conns       int64 // connections of sellers
	ConnsMax    int64
	Sheds       []Shed
}

// places bounds the requests that are being answered at once.
//
// Two things bound them: max, which the configuration sets or which follows from the memory that a waiting request
// takes, and the processors. A request that waits for buyers costs memory only; one that waits for a processor makes
// all others later. So where goroutines wait for a processor, fewer pings are let in (fair), until they do not.
type places struct {
	max     int64
	flying  atomic.Int64
	read    atomic.Int64 // requests since the last look
	slow    atomic.Int64 // those of them that had waited longer than waitedMost before they were read
	slowFor atomic.Int64 // for how long, in nanoseconds
	sources atomic.Int64 // that have a request in flight
	let     atomic.Int64 // pings that were let in since the last look
	done    atomic.Int64 // such pings that were answered since the last look
	pings   atomic.Int64 // such pings that are under way
	kept    atomic.Int64 // pings that were sent away since the last look because as many were let in as may be
	short   func() int64
	shorts  int64 // at the last look
	sensor  sensor
	fair    fair
	seats   func() map[string]*seat // of all sources
	sheds   [shedReasons]shedCounts
}

func newPlaces(max int64, memory Memory) *places {
	p := &places{max: max}
	p.fair.most.Store(unbounded)
	p.fair.modest.Store(unbounded)
	p.sensor.memory = memory
	return p
}

// crowdedQuarters: from this many quarters of the places on, a source may have no more than its share.
const crowdedQuarters = 3

// enter takes a place, or says why there is none, whoever asks for it: who that is, is not known yet.
func (p *places) enter(post bool, waited time.Duration) (no ShedReason, ok bool) {
	p.read.Add(1)
	if waited > waitedMost {
		p.slow.Add(1)
		p.slowFor.Add(int64(waited))
	}
	if l, due := p.sensor.sample(p.lagging); due {
		p.weigh(l)
	}
	switch n := p.flying.Add(1); {
	case n > p.max:
		no = ShedOverloaded
	case p.sensor.full.Load() && !post && n > placesLeast():
		no = ShedMemory
	default:
		return 0, true
	}
	p.flying.Add(-1)
	return no, false
}

// lagging tells for how long most requests since the last look had waited before they were read: 0, no longer than
// requests may; and without end where buyers' connections were too few.
func (p *places) lagging() time.Duration {
	const least = 20
	read, slow, slowFor := p.read.Swap(0), p.slow.Swap(0), p.slowFor.Swap(0)
	p.fair.reads.Store(smooth(p.fair.reads.Load(), read, paceParts))
	if p.short != nil {
		n := p.short()
		short := n > p.shorts
		if p.shorts = n; short {
			return math.MaxInt64
		}
	}
	if read < least || slow <= read/2 {
		return 0
	}
	return time.Duration(slowFor / slow)
}

func (p *places) leave() { p.flying.Add(-1) }

// seat is what one source has of the places. It lives on from configuration to configuration.
type seat struct {
	n      atomic.Int64 // requests in flight
	came   atomic.Int64 // pings within the source's rate since the last look
	pace   atomic.Int64 // such pings a look, smoothed
	holder door.Holder  // of its connections
}

// share takes a place of the source's share for a request that has so much time for buyers, or says why there is none.
// Posts carry leads that are as good as sold: they are let in until the last place is taken. So are the pings of modest
// sources (see weigh), and as many others as the processors keep up with. Where most places are taken a source has as
// many as if all that send now, and one more, had the same: whoever fills the exchange leaves room for who comes next.
// others tells that there are other sources.
func (p *places) share(s *seat, post, others bool, deadline time.Duration) (no ShedReason, modest, ok bool) {
	n := s.n.Add(1)
	if n == 1 {
		p.sources.Add(1)
	}
	if post {
		return 0, false, true
	}
	s.came.Add(1)
	modest = s.pace.Load() <= p.fair.modest.Load()
	switch {
	case !modest && p.let.Load()*paceUnit >= p.fair.most.Load() && p.held(deadline):
		no = ShedOverloaded
		p.kept.Add(1)
	case others && p.flying.Load() > p.max*crowdedQuarters/4 && n > max(1, p.max/(p.sources.Load()+1)):
		no = ShedSourceShare
	default:
		return 0, modest, true
	}
	p.unshare(s)
	return no, modest, false
}

func (p *places) unshare(s *seat) {
	if s.n.Add(-1) == 0 {
		p.sources.Add(-1)
	}
}

// note counts a request that is sent away.
func (p *places) note(why ShedReason, at time.Time) {
	p.sheds[why].count.Add(1)
	p.sheds[why].last.Store(at.UnixNano())
}

func (p *places) load() Load {
	out := Load{InFlight: p.flying.Load(), InFlightMax: p.max, PingsMost: p.pacePerSecond(),
		MemoryFull: p.sensor.full.Load()}
	for i := range p.sheds {
		if n := p.sheds[i].count.Load(); n > 0 {
			last := time.Unix(0, p.sheds[i].last.Load())
			out.Sheds = append(out.Sheds, Shed{shedWords[i].name, shedWords[i].why, n, last})
		}
	}
	return out
}

// placesLeast is how many requests may always be in flight: what the processors work off in some ten milliseconds.
func placesLeast() int64 { return 128 * int64(runtime.GOMAXPROCS(0)) }

// A ping that has waited for longer than this part of its vertical's time for buyers is sent away; sooner where there
// is a queue that stays.
const (
	waitedPart    = 2
	waitedPartHot = 16
)

// patience is how long a ping may have waited that has so much time. held tells that there is a queue that stays, and
// that it has a part in that.
func patience(deadline time.Duration, held bool) time.Duration {
	if held {
		return deadline / waitedPartHot
	}
	return deadline / waitedPart
}

// A look is hot where a tenth of the goroutines, or half of the requests before they were read, waited longer than
// waitedMost for a processor; or where buyers' connections were too few. Fewer pings are let in once hot looks outweigh
// the others by hotLooks, a cool one counting twice.
const (
	waitedMost = 20 * time.Millisecond
	hotLooks   = 2
	hotMost    = 20
)

// nextHeat counts one more look.
func nextHeat(heat int64, hot bool) int64 {
	if hot {
		return min(heat+1, hotMost)
	}
	return max(heat-2, 0)
}
