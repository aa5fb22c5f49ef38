// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"fmt"
	"net/url"
	"sync/atomic"

	"clearpost/buyers"
	"clearpost/wire/request"
	"clearpost/wire/transport"
)

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
	var out []*request.Request
	if c.Batch == nil {
		out = append(out, c.Post.Request)
	}
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

// newSnapshot makes the snapshot of a configuration. The caller makes one at a time.
func (e *Exchange) newSnapshot(cfg Config) (*Snapshot, error) {
	snap, err := e.snapshotOf(cfg, e.newCampaign)
	if err != nil {
		return nil, err
	}
	e.countStanding(snap)
	return snap, nil
}

// snapshotOf is newSnapshot with campaigns of the caller's make.
func (e *Exchange) snapshotOf(cfg Config, campaign func(*buyers.Campaign) (*LiveCampaign, error)) (*Snapshot, error) {
	snap := &Snapshot{cfg: cfg, vertical: map[string]*verticalIndex{}, source: map[string]*seller{}}
	for _, v := range cfg.Verticals {
		snap.vertical[v.ID] = &verticalIndex{Vertical: v, eligible: cfg.Book.Index(v.ID)}
		e.quotes.keep.Store(max(e.quotes.keep.Load(), int64(v.PingTTL)))
	}
	for _, s := range cfg.Sources {
		snap.source[s.ID] = &seller{s, e.paused.of("source:" + s.ID), newHours(s.Schedule)}
		e.Stats.source(s.ID)
	}
	if err := e.placeRoutes(snap); err != nil {
		return nil, err
	}
	for _, c := range cfg.Book.Campaigns {
		l, err := campaign(c)
		if err != nil {
			return nil, fmt.Errorf("campaign %s: %w", c.ID, err)
		}
		snap.campaigns = append(snap.campaigns, l)
		if v := snap.vertical[c.Vertical]; v != nil {
			v.rights = v.rights || c.Territory != nil
		}
	}
	return snap, nil
}

// placeRoutes makes the plans of a snapshot.
func (e *Exchange) placeRoutes(snap *Snapshot) (err error) {
	for _, v := range snap.vertical {
		if r := v.Plan.Routing; r != nil {
			if v.route, err = newRoute(r, v.Schema, snap.cfg.Book, e.turnsOf(v.ID)); err != nil {
				return fmt.Errorf("plan of vertical %s: %w", v.ID, err)
			}
		}
	}
	for _, s := range snap.cfg.Sources {
		for i, r := range s.Plans {
			v := snap.vertical[s.Verticals[i]]
			if r == nil || v == nil {
				continue
			}
			own, err := newRoute(r, v.Schema, snap.cfg.Book, e.turnsOf(v.ID+" "+s.ID))
			if err != nil {
				return fmt.Errorf("plan of source %s for vertical %s: %w", s.ID, v.ID, err)
			}
			if v.own == nil {
				v.own = map[string]*route{}
			}
			v.own[s.ID] = own
		}
	}
	return nil
}

// turnsOf has the counts of a plan's tiers, which go on by its name and theirs: none has a space.
func (e *Exchange) turnsOf(plan string) func(tier string) *atomic.Uint64 {
	return func(tier string) *atomic.Uint64 {
		key := plan + " " + tier
		if e.carried.turns[key] == nil {
			e.carried.turns[key] = &atomic.Uint64{}
		}
		return e.carried.turns[key]
	}
}

func (e *Exchange) newCampaign(c *buyers.Campaign) (*LiveCampaign, error) {
	key := c.ID
	if c.Tests {
		key += " test" // no id has a space: what tests count and break is none of the campaign's
	}
	l := &LiveCampaign{Campaign: c, Tally: e.carried.tallies[key], off: e.paused.of("campaign:" + c.ID),
		offAll: e.paused.of("buyer:" + c.Buyer.ID)}
	if c.Buyer.PayRule != nil && !c.Tests {
		l.pays = e.paused.payer(c.Buyer.ID)
	}
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
	l.hours = hoursOf(c)
	l.counters = e.counted(counters{}, c.Caps, nil).withRules(c.Uniques, nil)
	target := func(r *request.Request) (*transport.Target, error) {
		cfg := e.targetOf(c, r, gate)
		if r == c.Post.Request && c.Post.Mail != nil {
			cfg = mailTarget(c, cfg)
		}
		return e.transport.Target(cfg)
	}
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
	if c.Batch == nil {
		place(&l.posts, c.Post.Request)
	}
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

// mailTarget is where the e-mails of a campaign go, which has a server's connection of its own for each.
func mailTarget(c *buyers.Campaign, cfg transport.TargetConfig) transport.TargetConfig {
	m := c.Post.Mail
	cfg.Name, cfg.Addr, cfg.ServerName, cfg.TLS = cfg.Name+" e-mail "+c.ID, m.Address, "", false
	if c.Tests {
		cfg.Name += " test"
	}
	cfg.Mail = &transport.Mail{User: m.User, Password: m.Password, TLS: m.TLS, CA: m.CA, From: m.From, To: m.To}
	return cfg
}

func (e *Exchange) targetOf(c *buyers.Campaign, r *request.Request, gate *transport.Gate) transport.TargetConfig {
	addr, name, tls := r.Host()
	return transport.TargetConfig{Name: c.Buyer.ID, Addr: addr, ServerName: name, TLS: tls, BodyBytesMax: e.answerMax,
		ConnsMax: c.Buyer.InFlightMax, AllowPrivate: c.Buyer.AllowPrivate, Gate: gate}
}
