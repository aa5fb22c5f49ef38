// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"fmt"
	"strings"

	"clearpost/ledger"
)

// ErrSubject is returned for a pause of something that is not configured.
type ErrSubject struct {
	Name  string
	Found []string // all that the name could mean
}

// Error implements error.
func (e *ErrSubject) Error() string {
	if len(e.Found) > 1 {
		return fmt.Sprintf("%q names more than one thing: say which of %s", e.Name, strings.Join(e.Found, ", "))
	}
	return fmt.Sprintf("%q: expected the id of a buyer, campaign or source of the configuration, or buyer:ID, "+
		"campaign:ID, source:ID", e.Name)
}

// Subject finds what a name means: "buyer:ID", "campaign:ID", "source:ID", or a bare id that only one of them has.
func (e *Exchange) Subject(name string) (string, error) { return e.inForce.Load().subject(name) }

func (snap *Snapshot) subject(name string) (string, error) {
	var found []string
	match := func(kind, id string) {
		if name == id || name == kind+":"+id {
			found = append(found, kind+":"+id)
		}
	}
	for _, b := range snap.cfg.Book.Buyers {
		match("buyer", b.ID)
	}
	for _, c := range snap.cfg.Book.Campaigns {
		match("campaign", c.ID)
	}
	for _, s := range snap.cfg.Sources {
		match("source", s.ID)
	}
	if len(found) != 1 {
		return "", &ErrSubject{name, found}
	}
	return found[0], nil
}

// Pause stops (or resumes) a buyer, campaign or source at once and durably: when it returns nil the change is in the
// ledger and in force. Attempts on the wire are not touched. It tells the subject, and whether anything changed.
func (e *Exchange) Pause(name string, on bool, why, by string) (subject string, changed bool, err error) {
	snap := e.inForce.Load()
	if subject, err = snap.subject(name); err != nil {
		return "", false, err
	}
	e.paused.changing.Lock()
	defer e.paused.changing.Unlock()
	is := e.paused.of(subject)
	if is.Load() == on {
		return subject, false, nil
	}
	ev := &ledger.Adjusted{Head: snap.head(ledger.KindAdjusted, noLead, "", "", e.now()),
		Adjustment: ledger.AdjustResumed, Subject: subject, Why: why, By: by}
	if on {
		ev.Adjustment = ledger.AdjustPaused
	}
	if err := e.led.Append(ev); err != nil {
		e.learn(err, nil, func() { e.pauseAsStored(subject) })
		return subject, false, fmt.Errorf("not changed: %w", err)
	}
	is.Store(on)
	return subject, true, nil
}

// pauseAsStored makes a subject's switch what the ledger says.
func (e *Exchange) pauseAsStored(subject string) {
	e.paused.changing.Lock()
	defer e.paused.changing.Unlock()
	_, on := e.led.Pauses()[subject]
	e.paused.of(subject).Store(on)
}
