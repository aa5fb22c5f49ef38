// SPDX-License-Identifier: Apache-2.0

package exchange

import (
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
		p.mu.Lock()
		r.ping, r.by, r.auction = p.snap, p, p.recheckPing(h, c)
		p.mu.Unlock()
	}
	config, one := postConfig(h)
	switch {
	case !one:
		c.unchecked("the posts: they were made under several configurations")
	case config == "":
	default:
		p, err := e.onPaper(config)
		if err != nil {
			c.unchecked("the posts: %v", err)
			break
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if r.post = p.snap; h.Pinged.Logic == Logic {
			p.recheckPosts(h, c)
		}
	}
	return r
}

// postConfig is the configuration under which a lead was posted, empty if it was not; one is false where there are
// several.
func postConfig(h *history.History) (config string, one bool) {
	for i := range h.Attempts {
		own := h.Attempts[i].Posting.Config
		if config != "" && own != config {
			return config, false
		}
		config = own
	}
	if config != "" {
		return config, true
	}
	for _, ev := range h.Events {
		if s, ok := ev.(*ledger.Settled); ok {
			return s.Config, true
		}
	}
	return "", true
}
