// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"context"
	"errors"
	"math"
	"time"

	"clearpost/auction/value"
	"clearpost/exchange/learning"
	"clearpost/ledger"
)

// learnBy has the verticals of a configuration learn, from now on by its rules: from what was kept or, where that was
// learned by other rules, anew from the events that the ledger still has. Until those are read, bids count by what was
// known before.
func (e *Exchange) learnBy(cfg *Config) {
	rules := cfg.valuations()
	k := &e.learned
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case len(rules) == 0:
		k.learner = nil
		k.tables.Store(nil)
		return
	case k.learner != nil && k.learner.Same(rules):
		k.learner.Use(rules)
	case k.learner == nil:
		k.learner = e.learnedBefore(rules)
	default:
		k.learner = learning.New(rules)
	}
	if old := k.tables.Load(); old == nil || k.learner.Next() > e.led.FirstSeq() {
		e.publishLearned()
	}
	if !k.running {
		k.running = true
		e.led.Keep(ledger.Follower{Name: "what is learned of campaigns", Wait: learnWait, Next: e.learnsFrom})
		e.running.Go(func() { e.kept("learning of campaigns panicked", e.keepLearning) })
	}
}

// learnedBefore is what the last run has learned and kept, as far as it goes.
func (e *Exchange) learnedBefore(rules map[string]*value.Rules) *learning.Learner {
	b, err := e.led.Fold(foldName)
	if err == nil && b == nil {
		return learning.New(rules)
	}
	var l *learning.Learner
	if err == nil {
		l, err = learning.Restore(b, rules)
	}
	switch {
	case err != nil:
		e.log.Warn("what was learned of campaigns is learned anew from the ledger", "why", err)
	case l.Next() > e.led.LastSeq()+1:
		e.log.Warn("what was learned of campaigns is learned anew from the ledger", "why", "it goes further than that")
	default:
		e.learned.durable = l.Next()
		return l
	}
	return learning.New(rules)
}

// learnsFrom is the first event that the learner would need if the process ended now.
func (e *Exchange) learnsFrom() uint64 {
	k := &e.learned
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.learner == nil {
		return math.MaxUint64
	}
	return min(k.durable, k.learner.Next())
}

// keepLearning follows the ledger until the exchange stops.
func (e *Exchange) keepLearning(ctx context.Context) {
	every := time.NewTicker(learnEvery)
	defer every.Stop()
	for {
		e.Learn()
		select {
		case <-every.C:
		case <-ctx.Done():
			return
		}
	}
}

// learnAtOnce is how many events are taken in one go: a change of the configuration waits no longer than that.
const learnAtOnce = 10_000

// Learn takes what the ledger has and has not taught yet. It is done each second by itself.
func (e *Exchange) Learn() {
	for e.learnSome() && e.stop.Err() == nil {
	}
}

// learnSome takes some events, and tells whether there are more.
func (e *Exchange) learnSome() bool {
	k := &e.learned
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.learner == nil {
		return false
	}
	from := k.learner.Next()
	n := 0
	err := e.led.Scan(from, func(r ledger.Record) error {
		if n++; n > learnAtOnce {
			return errEnough
		}
		k.learner.Take(r)
		return e.stop.Err()
	})
	k.step += int64(k.learner.Next() - from)
	switch {
	case errors.Is(err, errEnough):
		return true
	case err != nil && e.stop.Err() == nil:
		e.log.Error("the events that campaigns are judged by cannot be read", "err", err)
	case err == nil && k.learner.Next() > k.taken+1:
		e.publishLearned()
	}
	if now := e.wall(); k.step > 0 && now.Sub(k.kept) >= keepEvery {
		if !k.kept.IsZero() {
			e.keepLearned(now)
		}
		k.kept = now
	}
	return false
}

// publishLearned lets pings see it. The caller holds the lock.
func (e *Exchange) publishLearned() {
	t := e.learned.learner.Tables()
	e.learned.tables.Store(&t)
	e.learned.taken = e.learned.learner.Next() - 1
}

func (e *Exchange) keepLearned(now time.Time) {
	b, err := e.learned.learner.Save(now)
	if err == nil {
		err = e.led.KeepFold(foldName, b)
	}
	if err != nil {
		e.log.Error("what was learned of campaigns cannot be kept: the next start reads the ledger again", "err", err)
		return
	}
	e.learned.step, e.learned.durable = 0, e.learned.learner.Next()
}

// LearnedRow is what is known of a campaign's bids, of a band of prices among them, or of a segment in a band, with the
// counts behind it.
type LearnedRow struct {
	Vertical string `json:"vertical"`
	Mode     string `json:"mode"`
	Campaign string `json:"campaign"`
	Prices   string `json:"prices,omitempty"` // such as "10.00–20.00"; absent: all
	Segment  string `json:"segment,omitempty"`
	Accept   int64  `json:"accept_ppm"`
	Return   int64  `json:"return_ppm"`
	Paid     int64  `json:"paid_ppm"`
	// attempts and sales that count, as far as they have not faded
	Tried    float64 `json:"tried"`
	Accepted float64 `json:"accepted"`
	Returned float64 `json:"returned"`
	Billed   float64 `json:"billed"`
	Thin     bool    `json:"thin"` // the campaign is hardly known
}

// Learned lists what is known of a campaign, or of all, by vertical; and the seq that it goes up to.
func (e *Exchange) Learned(campaign string) (rows []LearnedRow, seq uint64) {
	e.Learn()
	cfg := &e.inForce.Load().cfg
	k := &e.learned
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.learner == nil {
		return nil, 0
	}
	for _, v := range cfg.Verticals {
		if v.Learned == nil {
			continue
		}
		for _, r := range k.learner.Rows(v.ID, campaign) {
			row := LearnedRow{Vertical: v.ID, Mode: v.Learned.Mode.String(), Campaign: r.Campaign, Segment: r.Segment,
				Accept: r.Accept, Return: r.Return, Paid: r.Paid, Tried: float64(r.Tries) / 1000,
				Accepted: float64(r.Sales) / 1000, Returned: float64(r.Returns) / 1000,
				Billed: float64(r.Bills) / 1000, Thin: r.Known < v.Learned.Thin}
			if r.Band >= 0 {
				row.Prices = v.Learned.BandName(r.Band)
			}
			rows = append(rows, row)
		}
	}
	return rows, k.taken
}

// Estimate is what is known of a campaign, whatever its bids and the leads; ok is false where its vertical does not
// learn. It takes no lock.
func (e *Exchange) Estimate(l *LiveCampaign) (est value.Estimate, ok bool) {
	tables := e.learned.tables.Load()
	if tables == nil {
		return est, false
	}
	t := (*tables)[l.Vertical]
	if t == nil {
		return est, false
	}
	return t.Whole(l.ID), true
}
