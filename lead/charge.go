// SPDX-License-Identifier: Apache-2.0

package lead

// Charge is what one hold took from one window of one cap, or what else has changed its count.
type Charge struct {
	Cap    string `json:"cap"`    // the cap's key, e.g. "campaign:sun-shared:day"
	Window string `json:"window"` // the window's name, which identifies it for good, e.g. "2026-11-23" or "total"
	N      int64  `json:"n"`      // of what is counted; micros where that is spend
	Of     string `json:"of,omitempty"`
}

// What caps count, as it stands in Charge.Of.
const (
	OfAccepted = ""         // attempts that are sales, or may be
	OfAttempts = "attempts" // posts that went out, whatever came of them
	OfPings    = "pings"    // bid requests that went out; of sources and verticals, leads that came in
	OfSpend    = "spend"    // money, in micros: the bid while it is held, what is booked for it then
	OfTally    = "tally"    // what no cap looks at: a buyer's sales and returns, by which these are limited; statements
)

// AtEnd is what the end of an attempt adds to the counts that its charges are in: booked is what it costs if it is a
// sale. Nothing changes while nobody knows its end, but a resolution may tell it later.
func AtEnd(charges []Charge, o Outcome, booked Money) (out []Charge) {
	for _, c := range charges {
		switch {
		case o == Accepted && c.Of == OfSpend:
			c.N = int64(booked) - c.N
		case o.Standing(), o == OutcomeNone, c.Of == OfAttempts && o != NotSent:
			continue
		default:
			c.N = -c.N
		}
		if c.N != 0 {
			out = append(out, c)
		}
	}
	return out
}

// Corrected is what a correction changes of the counts: charges are those of its event, was and is how the attempt had
// ended and how it ends now. With a sale that stays one, charges tell the difference itself.
func Corrected(charges []Charge, was, is Outcome) (out []Charge) {
	for _, c := range charges {
		if was.Standing() && !is.Standing() {
			c.N = -c.N
		}
		out = append(out, c)
	}
	return out
}
