// SPDX-License-Identifier: Apache-2.0

package exchange

import "clearpost/wire/transport"

// Network is what a buyer's targets have counted.
type Network = transport.Stats

// Connections tells of each buyer what its targets have counted since they were made, posts' included, and their
// connections now. It is for scrapes: it looks at every campaign.
func (e *Exchange) Connections(each func(buyer string, s Network)) {
	seen, sums := map[*transport.Target]bool{}, map[string]*Network{}
	var order []string
	for _, l := range e.Campaigns() {
		for _, t := range []*transport.Target{l.pings.target, l.posts.target, l.statuses.target, l.backup} {
			if t == nil || seen[t] {
				continue
			}
			seen[t] = true
			if sums[l.Buyer.ID] == nil {
				sums[l.Buyer.ID] = &Network{}
				order = append(order, l.Buyer.ID)
			}
			sums[l.Buyer.ID].Add(t.Stats())
		}
	}
	for _, buyer := range order {
		each(buyer, *sums[buyer])
	}
}

// Warm begins what runs beside the trips: a few connections to each buyer, so that the first pings need not wait for
// handshakes, and the pursuit of attempts whose outcome is not known. It waits for nothing and is called once, by an
// exchange that takes leads.
func (e *Exchange) Warm() {
	e.chases.run(&e.running)
	e.wakes.run(&e.running, e.kept, e.log.Error)
	e.keepTokens(e.inForce.Load())
	for _, l := range e.Campaigns() {
		if l.pings.target != nil {
			l.pings.target.Warm(warmConns)
		}
	}
}

const warmConns = 4
