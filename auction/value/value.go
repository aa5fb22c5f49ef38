// SPDX-License-Identifier: Apache-2.0

// Package value learns, purely, what a bid is worth beside its price: how likely its campaign accepts the lead at the
// post, how often it gives a lead back, and how often it pays. It is taught by lessons in the order of the ledger, and
// the same lessons give the same estimates, however they are grouped: all of it is integers, and old lessons fade by
// the times of the lessons, not by a clock.
//
// What is known of a campaign in a segment (such as a state) and a band of prices is pulled towards what is known of it
// in the band, that towards what is known of the campaign, that towards the whole vertical, and that towards a prior:
// at each step the wider estimate counts as much as Prior.Weight attempts. A few refusals so move an estimate little,
// and many all the way.
package value

import (
	"fmt"
	"time"

	"clearpost/auction"
	"clearpost/lead"
)

// One is a factor of 1, in parts per million.
const One = 1_000_000

// Limits.
const (
	BandsMax = 16 // of prices
	// of one book, each of a campaign, a segment and a band: some 30 MB in all. Later ones teach their band only
	CellsMax        = 100_000
	SegmentBytesMax = 64
	GradesMax       = 8
	HalfLifeMin     = time.Hour
	HalfLifeMax     = 3 * 365 * 24 * time.Hour
	WeightMax       = 10_000
)

// Mode says what becomes of the estimates.
type Mode uint8

// Modes.
const (
	Off     Mode = iota // nothing is learned
	Observe             // bids rank by price, and the event tells what values would have done
	On                  // bids rank by value
)

var modeNames = [...]string{"off", "observe", "on"}

// String is the mode's name in configurations and events.
func (m Mode) String() string { return modeNames[min(int(m), len(modeNames)-1)] }

// ParseMode finds a mode by its name.
func ParseMode(name string) (Mode, bool) {
	for i, n := range modeNames {
		if n == name {
			return Mode(i), true
		}
	}
	return Off, false
}

// Rules are how a vertical learns and what it does with it. They never change.
type Rules struct {
	Mode     Mode
	Bands    []lead.Money  // where bands of prices begin, rising, above 0; below the first is a band of its own
	HalfLife time.Duration // after it a lesson counts half
	Prior    Prior
	// what a refusal costs of a lead's worth, in ppm: all of it where the lead is then lost, nothing where the next bid
	// brings as much. Of a lead in one shot it costs nothing
	Refusal int64
	// the share of leads, in ppm, at which the bids of campaigns that are hardly known count by their price alone
	Explore int64
	Thin    int64 // a campaign with fewer attempts, as far as they still count, is hardly known
	// by how much more, in ppm, a bid counts at most whose campaign lags behind its caps; see Unused
	UnusedCap int64
	Grades    []Grade // by acceptance, falling From; none: acceptance counts by its factor only
}

// Prior is what is taken for granted before anything is known.
type Prior struct {
	Accept, Return, Paid int64 // ppm
	Weight               int64 // in attempts: how much it takes to outweigh a wider estimate
}

// Grade is how bids count whose campaigns accept at least so often.
type Grade struct {
	Name   string
	From   int64 // ppm of attempts accepted
	Counts int64 // ppm: a factor beside the others
	Last   bool  // the bid stands behind all others of its tier: a last resort
}

// Usual are the rules of a vertical that says no more than the mode.
func Usual(m Mode) Rules {
	return Rules{Mode: m, Bands: []lead.Money{5 * lead.Unit, 10 * lead.Unit, 20 * lead.Unit, 40 * lead.Unit,
		80 * lead.Unit, 160 * lead.Unit}, HalfLife: 30 * 24 * time.Hour,
		Prior: Prior{Accept: 800_000, Return: 50_000, Paid: 980_000, Weight: 20}, Refusal: 600_000,
		Explore: 20_000, Thin: 30}
}

// Band is the number of a price's band, from 0.
func (r *Rules) Band(price lead.Money) int {
	n := 0
	for n < len(r.Bands) && price >= r.Bands[n] {
		n++
	}
	return n
}

// BandName is what a band is called, such as "10.00–20.00".
func (r *Rules) BandName(band int) string {
	from, to := "0.00", ""
	if band > 0 && band <= len(r.Bands) {
		from = r.Bands[band-1].String()
	}
	if band < len(r.Bands) {
		to = r.Bands[band].String()
	}
	return from + "–" + to
}

// Learns names what the rules make of lessons: books by rules that differ in it have to be learned anew.
func (r *Rules) Learns() string { return fmt.Sprint(r.HalfLife.Microseconds(), r.Bands) }

// grade finds the grade of an acceptance, nil if there is none.
func (r *Rules) grade(accept int64) *Grade {
	for i := range r.Grades {
		if accept >= r.Grades[i].From {
			return &r.Grades[i]
		}
	}
	return nil
}

// Explores tells whether a lead is one of those at which hardly known campaigns count by their price alone. It hangs on
// the id only, so that a replay agrees.
func (r *Rules) Explores(id lead.ID) bool {
	return r.Explore > 0 && int64(auction.Tie(id, "explore")%One) < r.Explore
}
