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
	"clearpost/wire"
	"clearpost/wire/transport"
)

// plan is everything that one configuration decides. It never changes: a trip takes one at its beginning and ends on
// it, whatever is configured meanwhile. What must outlive it (counts, limits of calls in flight, pauses) hangs on ids
// and is shared by all plans.
type plan struct {
	cfg      Config
	lanes    []*Lane                   // by campaign index
	vertical map[string]*verticalIndex // by id
	source   map[string]*seller        // by id
}

type verticalIndex struct {
	*Vertical
	eligible *buyers.Index
}

type seller struct {
	*Source
	paused *atomic.Bool
}

// View is one configuration at work, as the doors see it: what they take from it belongs together. The zero View is
// none.
type View struct{ plan *plan }

// View is the configuration that new trips begin with.
func (e *Exchange) View() View { return View{e.plan.Load()} }

// Config is what the view's trips run on. It must not be changed.
func (v View) Config() *Config { return &v.plan.cfg }

// Vertical finds a vertical by id, nil if there is none.
func (v View) Vertical(id string) *Vertical { return v.plan.verticalOf(id) }

func (pl *plan) verticalOf(id string) *Vertical {
	if v := pl.vertical[id]; v != nil {
		return v.Vertical
	}
	return nil
}

// head begins an event that was decided by this plan.
func (pl *plan) head(k ledger.Kind, id lead.ID, source, vertical string, at time.Time) ledger.Head {
	return ledger.Head{Kind: k, EventID: newID(at), Node: pl.cfg.Node, At: at, Schema: ledger.SchemaVersion,
		Config: pl.cfg.Hash, Lead: id, Source: source, Vertical: vertical}
}

// Lane is a campaign of one plan with all that the trip needs at hand.
type Lane struct {
	*buyers.Campaign
	*Tally
	test     *Lane // what test leads go by; nobody reads its tally. nil: the campaign takes none
	pings    line
	posts    line
	statuses line              // where to ask about attempts whose outcome is not known
	backup   *transport.Target // of posts that got nowhere; nil: none
	counters []*capstore.Counter
	// bytes of the largest request of late, so that room for all of a ping's can be made at once
	asks        atomic.Int64
	gear        *gear
	off, offAll *atomic.Bool // it is paused; its buyer is
}

// line is the way to one endpoint: the zero line leads nowhere.
type line struct {
	target *transport.Target
	tokens *transport.Tokens // nil: its requests carry none
}

// bearer is the access token of the moment, nil if there is none or none is needed.
func (w *line) bearer() []byte {
	if w.tokens == nil {
		return nil
	}
	return w.tokens.Bearer()
}

// tokens keeps the access tokens that a request carries, nil if it carries none.
func (e *Exchange) tokens(c *buyers.Campaign, r *wire.Request) (*transport.Tokens, error) {
	o := r.OAuth2()
	if o == nil {
		return nil, nil
	}
	t := transport.TokenConfig{URL: o.TokenURL, ClientID: o.ClientID, ClientSecret: o.ClientSecret, Scopes: o.Scopes,
		InBody: o.InBody, AllowPrivate: c.Buyer.AllowPrivate}
	if o.Audience != "" {
		t.Params = url.Values{"audience": {o.Audience}}
	}
	return e.wire.Tokens(t)
}

// requests are all that a campaign may send.
func requests(c *buyers.Campaign) []*wire.Request {
	out := []*wire.Request{c.Post.Request}
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

// lines are all ways that a lane's calls go.
func (l *Lane) lines() []*line {
	out := []*line{&l.pings, &l.posts, &l.statuses}
	if l.test != nil {
		out = append(out, l.test.lines()...)
	}
	return out
}

// keepTokens keeps the access tokens of a plan fresh from now on, and no others. A trip on an older plan goes on with
// those it has.
func (e *Exchange) keepTokens(pl *plan) {
	var keep []*transport.Tokens
	for _, l := range pl.lanes {
		for _, w := range l.lines() {
			if w.tokens != nil {
				keep = append(keep, w.tokens)
				w.tokens.Start()
			}
		}
	}
	e.wire.KeepTokens(keep)
}

// TokenProblem says why the campaign has no access token at this moment; empty if it has, or needs none.
func (l *Lane) TokenProblem() string {
	for _, w := range l.lines() {
		if w.tokens != nil && w.bearer() == nil {
			if why := w.tokens.Problem(); why != "" {
				return why
			}
			return "it has not been fetched yet"
		}
	}
	return ""
}

func (l *Lane) paused() bool { return l.off.Load() || l.offAll.Load() }

// Tally is what a campaign has counted since the start, under whatever configuration. All of it are atomics, for
// metrics and summaries.
type Tally struct {
	Asked, Bids, Won, Posted    atomic.Int64 // pings sent, bids got, quotes that counted on it, attempts
	Accepted, Rejected, Unknown atomic.Int64 // how attempts ended; Rejected has all that is known not to be a sale
	Late, Errors                atomic.Int64 // pings without an answer in time; pings that failed otherwise
	CapSkips, PauseSkips        atomic.Int64 // pings that it was not asked for
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

// lasting is what lives on from plan to plan, by the ids of campaigns and buyers.
type lasting struct {
	tallies map[string]*Tally
	gates   map[string]*transport.Gate
	gears   map[string]*gear
}

// newPlan makes the plan of a configuration. The caller makes one at a time.
func (e *Exchange) newPlan(cfg Config) (*plan, error) {
	pl := &plan{cfg: cfg, vertical: map[string]*verticalIndex{}, source: map[string]*seller{}}
	for _, v := range cfg.Verticals {
		pl.vertical[v.ID] = &verticalIndex{v, cfg.Book.Index(v.ID)}
		e.quotes.keep.Store(max(e.quotes.keep.Load(), int64(v.PingTTL)))
	}
	for _, s := range cfg.Sources {
		pl.source[s.ID] = &seller{s, e.paused.of("source:" + s.ID)}
		e.Stats.source(s.ID)
	}
	for _, c := range cfg.Book.Campaigns {
		l, err := e.newLane(c)
		if err != nil {
			return nil, fmt.Errorf("campaign %s: %w", c.ID, err)
		}
		pl.lanes = append(pl.lanes, l)
	}
	return pl, nil
}

func (e *Exchange) newLane(c *buyers.Campaign) (*Lane, error) {
	key := c.ID
	if c.Tests {
		key += " test" // no id has a space: what tests count and break is none of the campaign's
	}
	l := &Lane{Campaign: c, Tally: e.lasting.tallies[key], off: e.paused.of("campaign:" + c.ID),
		offAll: e.paused.of("buyer:" + c.Buyer.ID)}
	if l.Tally == nil {
		l.Tally = &Tally{}
		e.lasting.tallies[key] = l.Tally
	}
	gate := e.lasting.gates[c.Buyer.ID]
	if gate == nil {
		gate = transport.NewGate(c.Buyer.InFlightMax)
		e.lasting.gates[c.Buyer.ID] = gate
	}
	gate.SetMax(c.Buyer.InFlightMax)
	l.gear = e.lasting.gears[key].renew(c, gate)
	e.lasting.gears[key] = l.gear
	for _, cp := range c.Caps {
		l.counters = append(l.counters, e.store.Counter(cp))
	}
	target := func(r *wire.Request) (*transport.Target, error) { return e.wire.Target(e.targetOf(c, r, gate)) }
	var err error
	place := func(at *line, r *wire.Request) {
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
	l.test, err = e.newLane(c.AsTest)
	return l, err
}

func (e *Exchange) targetOf(c *buyers.Campaign, r *wire.Request, gate *transport.Gate) transport.TargetConfig {
	addr, name, tls := r.Host()
	return transport.TargetConfig{Name: c.Buyer.ID, Addr: addr, ServerName: name, TLS: tls, BodyBytesMax: e.answerMax,
		ConnsMax: c.Buyer.InFlightMax, AllowPrivate: c.Buyer.AllowPrivate, Gate: gate}
}
