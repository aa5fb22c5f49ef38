// SPDX-License-Identifier: Apache-2.0

package auction

import (
	"fmt"

	"clearpost/lead"
)

// Plan is how the leads of a vertical, or of a source, are sold. It is never changed by an auction.
type Plan struct {
	Walk  Walk
	Tiers []Tier // at most TiersMax
}

// Walk says which tier of a plan takes a lead.
type Walk uint8

// Walks.
const (
	InOrder   Walk = iota // the first that can sell; later ones stand by in their order
	BestTotal             // the one whose winners are worth most, the first of equals; the others stand by likewise
)

// Tier is one step of a plan. Which campaigns are in it stands in their bids (Seat).
type Tier struct {
	Name      string
	Mode      Mode
	SellLimit int        // sales of a lead in all: exclusive 1, semi-exclusive 2 or 3; 0 = as the terms have it
	Floor     lead.Money // the least price here, besides that of the terms
	// a bid at a higher price is not for this tier (it is never lowered: who bids more pays more elsewhere); 0 = none
	Ceiling lead.Money
}

// Mode says how a tier finds its winners and in which order it tries its bids.
type Mode uint8

// Modes. The winners of all but Auction and Simultaneous are the first in the tier's order that can be sold together
// and pay the seller its minimum.
const (
	Auction          Mode = iota // the set that is worth most; by value
	Waterfall                    // in the order of positions
	WaterfallByValue             // in the order of values: each takes what those before it leave
	RoundRobin                   // by positions, each in its turn the first
	Weighted                     // drawn by weight, without putting back
	Simultaneous                 // as Auction; its winners are all asked at the same time
)

var modeNames = [...]string{"auction", "waterfall", "waterfall_by_value", "round_robin", "weighted", "simultaneous"}

// String is the mode's name in configurations and events.
func (m Mode) String() string {
	if int(m) < len(modeNames) {
		return modeNames[m]
	}
	return fmt.Sprintf("mode %d", uint8(m))
}

// ParseMode finds a mode by its name.
func ParseMode(name string) (Mode, error) {
	for i, n := range modeNames {
		if n == name {
			return Mode(i), nil
		}
	}
	return 0, fmt.Errorf("%q is no mode of a tier: expected one of %v", name, modeNames)
}

// optimal: the winners are the best set of all, not the first.
func (m Mode) optimal() bool { return m == Auction || m == Simultaneous }

// byValue: bids are tried in the order of rank.
func (m Mode) byValue() bool { return m.optimal() || m == WaterfallByValue }

// Seat is a campaign's place in a tier.
type Seat struct {
	Tier int // index in the plan
	// the campaign's place in the list of a tier whose mode has one. Each position has its turn in a rotation and its
	// one weight in a draw: the legs of a campaign have the same, different campaigns usually not
	Position int
	Weight   int // of the position, at most WeightMax; 0 or less: drawn after all others
}

// WeightMax is the greatest weight of a seat.
const WeightMax = 1_000_000

// everywhere is the seat of a bid that names none.
var everywhere = Seat{Weight: 1}

// seat is the bid's place in a tier, nil if it is not in it.
func (b *Bid) seat(tier int) *Seat {
	if len(b.Seats) == 0 {
		return &everywhere
	}
	for i := range b.Seats {
		if b.Seats[i].Tier == tier {
			return &b.Seats[i]
		}
	}
	return nil
}

// Check tells what is wrong with a plan, nil if nothing is.
func (p *Plan) Check() error {
	switch {
	case len(p.Tiers) == 0:
		return fmt.Errorf("a plan needs at least one tier")
	case len(p.Tiers) > TiersMax:
		return fmt.Errorf("%d tiers: at most %d", len(p.Tiers), TiersMax)
	case p.Walk > BestTotal:
		return fmt.Errorf("walk %d: expected in order (%d) or best total (%d)", p.Walk, InOrder, BestTotal)
	}
	for i := range p.Tiers {
		t := &p.Tiers[i]
		where := fmt.Sprintf("tier %d (%s)", i+1, t.Name)
		switch {
		case int(t.Mode) >= len(modeNames):
			return fmt.Errorf("%s: %s is unknown", where, t.Mode)
		case t.SellLimit < 0:
			return fmt.Errorf("%s: a sell limit of %d: expected 1 or more, or 0 for that of the plan", where,
				t.SellLimit)
		case t.Floor < 0:
			return fmt.Errorf("%s: a floor of %s: expected 0 or more", where, t.Floor)
		case t.Ceiling < 0:
			return fmt.Errorf("%s: a ceiling of %s: expected more than 0, or 0 for none", where, t.Ceiling)
		case t.Ceiling > 0 && t.Ceiling < t.Floor:
			return fmt.Errorf("%s: its ceiling of %s is below its floor of %s: nobody can buy in it", where, t.Ceiling,
				t.Floor)
		}
	}
	return nil
}
