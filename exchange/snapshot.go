// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"fmt"
	"net/url"
	"sync/atomic"
	"time"

	"clearpost/buyers"
	"clearpost/capstore"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/wire/request"
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
}

type seller struct {
	*Source
	paused *atomic.Bool
	hours  *hours // nil: always
}

// Snapshot is the configuration that new trips begin with.
func (e *Exchange) Snapshot() *Snapshot { return e.inForce.Load() }

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
	counters []*capstore.Counter
	// bytes of the largest request of late, so that room for all of a ping's can be made at once
	asks        atomic.Int64
	limits      *callLimits
	off, offAll *atomic.Bool // it is paused; its buyer is
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

// tokens keeps the access tokens that a request carries, nil if it carries none.
func (e *Exchange) tokens(c *buyers.Campaign, r *request.Request) (*transport.Tokens, error) {
	o := r.OAuth2()
	if o == nil {
		return nil, nil
	}
	t := transport.TokenConfig{URL: o.TokenURL, ClientID: o.ClientID, ClientSecret: o.ClientSecret, Scopes: o.Scopes,
		InBody: o.InBody, AllowPrivate: c.Buyer.AllowPrivate}
	if o.Audience != "" {
		t.Params = url.Values{"audience": {o.Audience}}
	}
	return e.transport.Tokens(t)
}

// requests are all that a campaign may send.
func requests(c *buyers.Campaign) []*request.Request {
	out := []*request.Request{c.Post.Request}
	if c.Ping != nil {
		out = append(out, c.Ping.Request)
	}
	if c.Post.Backup != nil {
		out = append(out, c.Post.Backup)
	}
	if c.IfUnknown != nil && c.IfUnknown.Status != nil {
		out = append(out, c.IfUnknown.Status.Request)
	}
	return out
}

// endpoints are all ways that a campaign's calls go.
func (l *LiveCampaign) endpoints() []*endpoint {
	out := []*endpoint{&l.pings, &l.posts, &l.statuses}
	if l.test != nil {
		out = append(out, l.test.endpoints()...)
	}
	return out
}

// keepTokens keeps the access tokens of a snapshot fresh from now on, and no others. A trip on an older snapshot goes
// on with those it has.
func (e *Exchange) keepTokens(snap *Snapshot) {
	var keep []*transport.Tokens
	for _, l := range snap.campaigns {
		for _, w := range l.endpoints() {
			if w.tokens != nil {
				keep = append(keep, w.tokens)
				w.tokens.Start()
			}
		}
	}
	e.transport.KeepTokens(keep)
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

func (l *LiveCampaign) paused() bool { return l.off.Load() || l.offAll.Load() }

// Tally is what a campaign has counted since the start, under whatever configuration. All of it are atomics, for
// metrics and summaries.
type Tally struct {
	Asked, Bids, Won, Posted    atomic.Int64 // pings sent, bids got, quotes that counted on it, attempts
	Accepted, Rejected, Unknown atomic.Int64 // how attempts ended; Rejected has all that is known not to be a sale
	Late, Errors                atomic.Int64 // pings without an answer in time; pings that failed otherwise
	CapSkips, PauseSkips        atomic.Int64 // pings that it was not asked for
	ClosedSkips                 atomic.Int64 // the same, by its schedule or its buyer's
	AuthSkips                   atomic.Int64 // the same, for want of an access token
	// the same, posts included; and those that a breaker that only simulates would have refused
	ThrottleSkips, BreakerSkips atomic.Int64
	RevenueMicros, PayoutMicros atomic.Int64 // booked
	Backups                     atomic.Int64 // attempts that went to the backup URL
	StatusCalls, Resends        atomic.Int64 // what was done about attempts without a known outcome
	ClearedUp                   atomic.Int64 // of them resolved by it
	Latency                     Latency      // of answers to pings
	pingsWell, postsWell        wellness
}

// carried is what lives on from snapshot to snapshot, by the ids of campaigns and buyers.
type carried struct {
	tallies map[string]*Tally
	gates   map[string]*transport.Gate
	gears   map[string]*callLimits
}

// newSnapshot makes the snapshot of a configuration. The caller makes one at a time.
func (e *Exchange) newSnapshot(cfg Config) (*Snapshot, error) {
	snap := &Snapshot{cfg: cfg, vertical: map[string]*verticalIndex{}, source: map[string]*seller{}}
	for _, v := range cfg.Verticals {
		snap.vertical[v.ID] = &verticalIndex{v, cfg.Book.Index(v.ID)}
		e.quotes.keep.Store(max(e.quotes.keep.Load(), int64(v.PingTTL)))
	}
	for _, s := range cfg.Sources {
		snap.source[s.ID] = &seller{s, e.paused.of("source:" + s.ID), newHours(s.Schedule)}
		e.Stats.source(s.ID)
	}
	for _, c := range cfg.Book.Campaigns {
		l, err := e.newCampaign(c)
		if err != nil {
			return nil, fmt.Errorf("campaign %s: %w", c.ID, err)
		}
		snap.campaigns = append(snap.campaigns, l)
	}
	return snap, nil
}

func (e *Exchange) newCampaign(c *buyers.Campaign) (*LiveCampaign, error) {
	key := c.ID
	if c.Tests {
		key += " test" // no id has a space: what tests count and break is none of the campaign's
	}
	l := &LiveCampaign{Campaign: c, Tally: e.carried.tallies[key], off: e.paused.of("campaign:" + c.ID),
		offAll: e.paused.of("buyer:" + c.Buyer.ID)}
	if l.Tally == nil {
		l.Tally = &Tally{}
		e.carried.tallies[key] = l.Tally
	}
	gate := e.carried.gates[c.Buyer.ID]
	if gate == nil {
		gate = transport.NewGate(c.Buyer.InFlightMax)
		e.carried.gates[c.Buyer.ID] = gate
	}
	gate.SetMax(c.Buyer.InFlightMax)
	l.limits = e.carried.gears[key].renew(c, gate)
	e.carried.gears[key] = l.limits
	for _, h := range c.Hours {
		l.hours = l.hours.and(h.Schedule)
	}
	for _, cp := range c.Caps {
		l.counters = append(l.counters, e.store.Counter(cp))
	}
	target := func(r *request.Request) (*transport.Target, error) { return e.transport.Target(e.targetOf(c, r, gate)) }
	var err error
	place := func(at *endpoint, r *request.Request) {
		if r == nil || err != nil {
			return
		}
		if at.target, err = target(r); err == nil {
			at.tokens, err = e.tokens(c, r)
		}
	}
	if c.Ping != nil {
		place(&l.pings, c.Ping.Request)
	}
	place(&l.posts, c.Post.Request)
	if c.IfUnknown != nil && c.IfUnknown.Status != nil {
		place(&l.statuses, c.IfUnknown.Status.Request)
	}
	if c.Post.Backup != nil && err == nil {
		l.backup, err = target(c.Post.Backup)
	}
	if err != nil || c.AsTest == nil {
		return l, err
	}
	l.test, err = e.newCampaign(c.AsTest)
	return l, err
}

func (e *Exchange) targetOf(c *buyers.Campaign, r *request.Request, gate *transport.Gate) transport.TargetConfig {
	addr, name, tls := r.Host()
	return transport.TargetConfig{Name: c.Buyer.ID, Addr: addr, ServerName: name, TLS: tls, BodyBytesMax: e.answerMax,
		ConnsMax: c.Buyer.InFlightMax, AllowPrivate: c.Buyer.AllowPrivate, Gate: gate}
}
