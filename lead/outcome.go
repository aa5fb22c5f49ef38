// SPDX-License-Identifier: Apache-2.0

package lead

import "fmt"

// Outcome is what became of an attempt. The zero value is none: nothing is known to have been tried.
type Outcome uint8

// The outcomes of an attempt. Only Accepted is a sale; Unknown may be one and keeps its hold.
const (
	OutcomeNone Outcome = iota
	Accepted
	Rejected
	Duplicate
	Invalid
	NotSent
	Unknown
	TestAccepted // a test lead was taken as one: no sale
)

var outcomeNames = [...]string{"none", "accepted", "rejected", "duplicate", "invalid", "not_sent", "unknown", "test"}

// String is the outcome's name as it stands in events.
func (o Outcome) String() string {
	if int(o) < len(outcomeNames) {
		return outcomeNames[o]
	}
	return fmt.Sprintf("outcome_%d", uint8(o))
}

// ParseOutcome reads an outcome's name.
func ParseOutcome(s string) (Outcome, error) {
	for i, n := range outcomeNames {
		if n == s {
			return Outcome(i), nil
		}
	}
	return OutcomeNone, fmt.Errorf("outcome %q: expected one of %v", s, outcomeNames[1:])
}

// MarshalText writes the name.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText reads the name.
func (o *Outcome) UnmarshalText(b []byte) error {
	v, err := ParseOutcome(string(b))
	*o = v
	return err
}

// Standing tells whether the attempt counts as a sale for slots and caps: accepted, or it may have been.
func (o Outcome) Standing() bool { return o == Accepted || o == Unknown }

// Results that a seller can hear of a call, in answers and in events.
const (
	ResultSuccess = "success"
	ResultFailure = "failure"
	ResultPending = "pending" // what became of the lead is not known yet
	ResultQueued  = "queued"  // nobody has bought the lead yet, and it is offered again later
)
