// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"sync"
	"sync/atomic"
	"time"

	"clearpost/buyers"
	"clearpost/exchange/limits"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/wire/transport"
)

// Snapshot is one configuration at work: everything that it decides, compiled. It never changes: a trip takes the one
// in force at its beginning and ends on it, whatever is configured meanwhile. What must outlive it (counts, limits of
// calls in flight, pauses) hangs on ids and is shared by all snapshots.
type Snapshot struct {
	cfg       Config
	campaigns []*LiveCampaign           // by campaign index
	vertical  map[string]*verticalIndex // by id
	source    map[string]*seller        // by id
}

type verticalIndex struct {
	*Vertical
	eligible *buyers.Index
	rights   bool              // a campaign has a territory
	route    *route            // nil: there are no tiers
	own      map[string]*route // of sources with a plan of their own, by id

	counters counters            // of its own caps
	sellers  map[string]counters // of sources' caps, by id
}

// routeOf is the plan by which a source's leads are sold, nil if there is none.
func (v *verticalIndex) routeOf(s *Source) *route {
	if r := v.own[s.ID]; r != nil {
		return r
	}
	return v.route
}

type seller struct {
	*Source
	paused *atomic.Bool
	hours  *hours // nil: always
}

// Config is what the snapshot was made of. It must not be changed.
func (snap *Snapshot) Config() *Config { return &snap.cfg }

// Vertical finds a vertical by id, nil if there is none.
func (snap *Snapshot) Vertical(id string) *Vertical {
	if v := snap.vertical[id]; v != nil {
		return v.Vertical
	}
	return nil
}

// head begins an event that was decided by this snapshot.
func (snap *Snapshot) head(k ledger.Kind, id lead.ID, source, vertical string, at time.Time) ledger.Head {
	return ledger.Head{Kind: k, EventID: ledger.NewID(at), Node: snap.cfg.Node, At: at, Schema: ledger.SchemaVersion,
		Config: snap.cfg.Hash, Lead: id, Source: source, Vertical: vertical}
}

// LiveCampaign is a campaign of one snapshot with all that the trip needs at hand.
type LiveCampaign struct {
	*buyers.Campaign
	*Tally
	test     *LiveCampaign // what test leads go by; nobody reads its tally. nil: the campaign takes none
	pings    endpoint
	posts    endpoint
	statuses endpoint          // where to ask about attempts whose outcome is not known
	backup   *transport.Target // of posts that got nowhere; nil: none
	counters counters          // of its own caps, its buyer's, and its buyer's parents'
	// bytes of the largest request of late, so that room for all of a ping's can be made at once
	asks        atomic.Int64
	limits      *callLimits
	off, offAll *atomic.Bool // it is paused; its buyer is
	pays        *paying      // how its buyer pays by the rule of its page; nil: there is none
	hours       *hours       // nil: always
}

// endpoint is the way to one endpoint: the zero endpoint leads nowhere.
type endpoint struct {
	target *transport.Target
	tokens *transport.Tokens // nil: its requests carry none
}

// bearer is the access token of the moment, nil if there is none or none is needed.
func (w *endpoint) bearer() []byte {
	if w.tokens == nil {
		return nil
	}
	return w.tokens.Bearer()
}

// endpoints are all ways that a campaign's calls go.
func (l *LiveCampaign) endpoints() []*endpoint {
	out := []*endpoint{&l.pings, &l.posts, &l.statuses}
	if l.test != nil {
		out = append(out, l.test.endpoints()...)
	}
	return out
}

// TokenProblem says why the campaign has no access token at this moment; empty if it has, or needs none.
func (l *LiveCampaign) TokenProblem() string {
	for _, w := range l.endpoints() {
		if w.tokens != nil && w.bearer() == nil {
			if why := w.tokens.Problem(); why != "" {
				return why
			}
			return "it has not been fetched yet"
		}
	}
	return ""
}

func (l *LiveCampaign) paused() bool { return l.off.Load() || l.offAll.Load() || l.Buyer.PaysNever }

// leftAlone tells why nothing new is asked of the campaign, or sent to it.
func (l *LiveCampaign) leftAlone() lead.Refusal {
	switch {
	case l.paused():
		return lead.Paused
	case l.unpaid():
		return lead.Unpaid
	}
	return lead.NoRefusal
}

// unpaid tells whether the campaign's buyer is stopped until it has paid.
func (l *LiveCampaign) unpaid() bool { return l.pays != nil && l.pays.stopped.Load() }

// carried is what lives on from snapshot to snapshot, by the ids of campaigns and buyers.
type carried struct {
	tallies map[string]*Tally
	gates   map[string]*transport.Gate
	gears   map[string]*callLimits
	turns   map[string]*atomic.Uint64 // of tiers that rotate or draw

	lookBack bool // a cap looks back over more days than any did: the ledger has their counts
}

// mayPing tells why the campaign is not asked at this moment, or gives the pass of the call. Without a refusal the pass
// must be ended.
func (l *LiveCampaign) mayPing(now time.Time) (limits.Pass, lead.Refusal) {
	p, refused, simulated := l.limits.breaker.Let(now)
	if simulated {
		l.BreakerSkips.Add(1)
	}
	if refused {
		return p, lead.BreakerOpen
	}
	if !l.limits.pings.Allow(now) {
		l.limits.breaker.End(p, now, limits.CallUntold)
		l.ThrottleSkips.Add(1)
		return p, lead.Throttled
	}
	return p, lead.NoRefusal
}

// Breaker is the state of the campaign's breaker, and whether it only simulates; ok is false where it has none.
func (l *LiveCampaign) Breaker() (state int32, simulates, ok bool) {
	b := l.limits.breaker
	if b == nil {
		return limits.BreakerClosed, false, false
	}
	state, simulates = b.State()
	return state, simulates, true
}

// switches say who is paused, by "buyer:ID", "campaign:ID" and "source:ID". Plans hold the switches of whom they know:
// a pause is in force for every trip at once, whichever snapshot it is on, and without a lock.
type switches struct {
	changing turn       // one change at a time
	mu       sync.Mutex // guards by and payers
	by       map[string]*atomic.Bool
	payers   map[string]*paying // by id of the buyer
}

// of is the switch of a subject: on means paused.
func (s *switches) of(subject string) *atomic.Bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.by[subject]
	if b == nil {
		b = &atomic.Bool{}
		s.by[subject] = b
	}
	return b
}
