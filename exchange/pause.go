// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"clearpost/buyers"
	"clearpost/ledger"
)

// pauses is who is paused, replaced whole at every change so that the ping path reads it without a lock.
type pauses struct {
	book     *buyers.Book
	subjects map[string]bool
	campaign []bool // by campaign index: itself or its buyer
	source   map[string]bool
}

func newPauses(b *buyers.Book) *pauses {
	return &pauses{book: b, subjects: map[string]bool{}, campaign: make([]bool, len(b.Campaigns)), source: map[string]bool{}}
}

func (p *pauses) set(subject string, on bool) {
	if on {
		p.subjects[subject] = true
	} else {
		delete(p.subjects, subject)
	}
	for i, c := range p.book.Campaigns {
		p.campaign[i] = p.subjects["campaign:"+c.ID] || p.subjects["buyer:"+c.Buyer.ID]
	}
	clear(p.source)
	for s := range p.subjects {
		if id, ok := strings.CutPrefix(s, "source:"); ok {
			p.source[id] = true
		}
	}
}

func (p *pauses) clone() *pauses {
	return &pauses{p.book, maps.Clone(p.subjects), slices.Clone(p.campaign), maps.Clone(p.source)}
}

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
	return fmt.Sprintf("%q: expected the id of a buyer, campaign or source of the configuration, or buyer:ID, campaign:ID, source:ID", e.Name)
}

// Subject finds what a name means: "buyer:ID", "campaign:ID", "source:ID", or a bare id that only one of them has.
func (e *Exchange) Subject(name string) (string, error) {
	var found []string
	match := func(kind, id string) {
		if name == id || name == kind+":"+id {
			found = append(found, kind+":"+id)
		}
	}
	for _, b := range e.cfg.Book.Buyers {
		match("buyer", b.ID)
	}
	for _, c := range e.cfg.Book.Campaigns {
		match("campaign", c.ID)
	}
	for _, s := range e.cfg.Sources {
		match("source", s.ID)
	}
	if len(found) != 1 {
		return "", &ErrSubject{name, found}
	}
	return found[0], nil
}

// Pause stops (or resumes) a buyer, campaign or source at once and durably: when it returns nil the change is in the ledger and in
// force. Attempts on the wire are not touched. It tells the subject, and whether anything changed.
func (e *Exchange) Pause(name string, on bool, why, by string) (subject string, changed bool, err error) {
	if subject, err = e.Subject(name); err != nil {
		return "", false, err
	}
	e.pauseLock.Lock()
	defer e.pauseLock.Unlock()
	p := e.paused.Load()
	if p.subjects[subject] == on {
		return subject, false, nil
	}
	ev := &ledger.Adjusted{Head: e.head(ledger.KindAdjusted, noLead, "", "", e.now()), Adjustment: ledger.AdjustResumed, Subject: subject, Why: why, By: by}
	if on {
		ev.Adjustment = ledger.AdjustPaused
	}
	if err := e.led.Append(ev); err != nil {
		return subject, false, fmt.Errorf("not changed: %w", err)
	}
	p = p.clone()
	p.set(subject, on)
	e.paused.Store(p)
	return subject, true, nil
}
