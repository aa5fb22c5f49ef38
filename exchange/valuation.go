// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"sync"
	"sync/atomic"
	"time"

	"clearpost/auction/value"
	"clearpost/exchange/learning"
)

// Valuation is how a vertical learns what bids are worth beside their prices, and what it does with it. It never
// changes after loading.
type Valuation struct {
	value.Rules
	Segment []SegmentPart // what leads are told apart by; none: they are not
}

// SegmentPart is a part of a segment: a field of the lead, or its source.
type SegmentPart struct {
	Source bool
	Field  int // position, where it is not the source
}

// learned is what the exchange has learned from its ledger.
type learned struct {
	tables atomic.Pointer[map[string]*value.Tables] // by vertical; what pings read

	mu      sync.Mutex
	learner *learning.Learner // guarded by mu; nil: no vertical learns
	taken   uint64            // guarded by mu: the seq that tables go up to
	step    int64             // guarded by mu: events that were taken since the learner was kept
	kept    time.Time         // guarded by mu: when it was
	durable uint64            // guarded by mu: the first seq that what is kept lacks
	running bool              // guarded by mu: it follows the ledger
}

// How often what was learned is looked after.
const (
	learnEvery = time.Second // new events are taken
	// how long events are kept for the learner alone that the ledger would drop
	learnWait = time.Hour
	keepEvery = time.Minute // it is stored, so that a start need not read the ledger from its beginning
)

// foldName is under which name the ledger keeps it.
const foldName = "learned.json"

// valuations are the rules of the verticals that learn.
func (c *Config) valuations() map[string]*value.Rules {
	out := map[string]*value.Rules{}
	for _, v := range c.Verticals {
		if v.Learned != nil && v.Learned.Mode != value.Off {
			out[v.ID] = &v.Learned.Rules
		}
	}
	return out
}
