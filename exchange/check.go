// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"fmt"
	"time"

	"clearpost/exchange/history"
	"clearpost/lead"
	"clearpost/ledger"
)

// CheckLead computes again what was decided of a lead, from its recorded inputs and the configurations that decided,
// and compares it with the record. ok is false if there is no such lead.
func (e *Exchange) CheckLead(id lead.ID) (c Check, ok bool, err error) {
	h, err := e.history(id)
	if err != nil || h.Pinged == nil {
		return c, false, err
	}
	r := e.recheck(h, &c)
	r.release()
	return c, true, nil
}

// rechecked is what a lead was computed again with.
type rechecked struct {
	ping, post *Snapshot // that decided, as it was kept; else the one in force
	by         *Paper
	auction    *Ping // nil: it could not be held again
}

func (r *rechecked) release() {
	if r.auction != nil {
		r.by.e.Release(r.auction)
	}
}

// recheck computes a lead's decisions again. What it gives must be released.
func (e *Exchange) recheck(h *history.History, c *Check) (r rechecked) {
	c.Defects = []Defect{}
	r.ping, r.post = e.inForce.Load(), e.inForce.Load()
	if p, err := e.onPaper(h.Pinged.Config); err != nil {
		c.unchecked("the ping: %v", err)
	} else {
		r.ping, r.by = p.snap, p
		p.alone(c, func() { r.auction = p.recheckPing(h, c) })
	}
	trips := h.Trips()
	for i := range trips {
		e.recheckTrip(h, &trips[i], c, &r)
	}
	if h.Pinged.Logic == Logic && len(trips) > 0 {
		(&finder{check: c}).answer(h)
	}
	return r
}

// recheckTrip computes one walk down a lead's bids again.
func (e *Exchange) recheckTrip(h *history.History, trip *history.Trip, c *Check, r *rechecked) {
	config, one := postConfig(trip.Events)
	switch {
	case !one:
		c.unchecked("the posts: they were made under several configurations")
	case config == "":
	default:
		p, err := e.onPaper(config)
		if err != nil {
			c.unchecked("the posts: %v", err)
			return
		}
		if r.post = p.snap; h.Pinged.Logic == Logic {
			p.alone(c, func() { p.recheckPosts(h, trip, c) })
		}
	}
}

// alone runs a part of a check while nobody else uses the paper. Where that panics, it is a defect, of the lead's
// record or of ours, and no end of the process.
func (p *Paper) alone(c *Check, do func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer func() {
		if r := recover(); r != nil {
			c.Defects = append(c.Defects, Defect{What: "computing it again", Recorded: "a decision",
				Computed: fmt.Sprintf("a panic: %v", r)})
		}
	}()
	do()
}

// postConfig is the configuration under which a lead was posted in a trip, empty if it was not; one is false where
// there are several.
func postConfig(events []ledger.Event) (config string, one bool) {
	for _, ev := range events {
		p, ok := ev.(*ledger.Posting)
		if !ok || p.Again == ledger.AgainResend {
			continue
		}
		if config != "" && p.Config != config {
			return config, false
		}
		config = p.Config
	}
	if config != "" {
		return config, true
	}
	for _, ev := range events {
		switch ev := ev.(type) {
		case *ledger.Settled:
			return ev.Config, true
		case *ledger.Deferred:
			return ev.Config, true
		}
	}
	return "", true
}

// CheckedLead is a lead that was computed again.
type CheckedLead struct {
	Lead     lead.ID   `json:"lead_id"`
	PingedAt time.Time `json:"pinged_at"`
	Seq      uint64    `json:"seq"` // of its ping's event
	Check
}

// CheckTotals are what computing many leads again has come to.
type CheckTotals struct {
	Leads     int64 `json:"leads"`
	Same      int64 `json:"same"`      // all of it was computed again, and is as recorded
	Differ    int64 `json:"differ"`    // leads with a defect
	Defects   int64 `json:"defects"`   // of all of them
	Unchecked int64 `json:"unchecked"` // leads of which something could not be computed again
	// how many leads by why, at most WhysMax reasons; the rest are under ""
	Why map[string]int64 `json:"unchecked_why"`
}

// WhysMax bounds the reasons that CheckTotals tells apart.
const WhysMax = 100

// CheckEvery computes all leads of the ledger again whose pings stand at a seq or after it (0: all), in the order of
// their pings, and hands each to a function. It ends with the first error of that, and of the ledger. Leads that are
// under way are computed as far as they have come.
func (e *Exchange) CheckEvery(from uint64, each func(*CheckedLead) error) (sum CheckTotals, err error) {
	sum.Why = map[string]int64{}
	err = e.led.Scan(from, func(r ledger.Record) error {
		if r.Kind != ledger.KindPinged {
			return nil
		}
		c, ok, err := e.CheckLead(r.Lead)
		if err != nil {
			return err
		}
		if !ok {
			return nil // dropped with age meanwhile
		}
		sum.add(&c)
		return each(&CheckedLead{r.Lead, time.UnixMicro(r.At).UTC(), r.Seq, c})
	})
	return sum, err
}

func (t *CheckTotals) add(c *Check) {
	t.Leads++
	t.Defects += int64(len(c.Defects))
	if len(c.Defects) > 0 {
		t.Differ++
	}
	if len(c.Unchecked) > 0 {
		t.Unchecked++
	}
	if len(c.Defects)+len(c.Unchecked) == 0 {
		t.Same++
	}
	for _, why := range c.Unchecked {
		if _, known := t.Why[why]; !known && len(t.Why) >= WhysMax {
			why = ""
		}
		t.Why[why]++
	}
}
