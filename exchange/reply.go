// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/rules"
)

// Reply is what the seller hears about a lead: a business answer, whether good or bad.
type Reply struct {
	Result       string // lead.ResultSuccess, lead.ResultFailure or lead.ResultPending
	LeadID       lead.ID
	SellerLeadID string
	Test         bool // a test lead: nothing is sold or owed
	Quote        bool // the answer to a ping: Price is offered until ExpiresAt
	Price        lead.Money
	Currency     string
	ExpiresAt    time.Time // quotes only
	Refusal      lead.Refusal
	Details      string // failure: in words
	Reference    string // success: the first buyer's reference; failure: that of the highest-ranked attempt
	Sales        []SaleReply
	// the unsold lead that is offered anew by this one, and the lead as which this one is; zero: there is none
	Resubmits, ResubmittedAs lead.ID
}

// SaleReply is one sale as its seller sees it.
type SaleReply struct {
	ID       string
	Price    lead.Money // the payout
	Redirect string     // where the buyer sends the consumer; empty if nowhere
}

// FaultKind says which kind of answer a Fault is.
type FaultKind uint8

// The kinds of fault. None of them consumes anything, but Gone and Conflict tell that something was consumed before.
const (
	FaultInvalid     FaultKind = iota + 1 // the lead as sent is not acceptable: Errors lists why
	FaultNotFound                         // no such lead of this source
	FaultConflict                         // it contradicts, or overlaps, an earlier request
	FaultGone                             // the quote has expired
	FaultUnavailable                      // we cannot take leads now: try again
)

// Why tells what keeps leads from being taken.
type Why uint8

// The reasons of FaultUnavailable.
const (
	WhyLog      Why = iota // the ledger takes no events, or could not be read
	WhyLogFull             // for want of disk
	WhyPaused              // the source is paused
	WhyClosed              // the source's schedule is closed
	WhyStopping            // the exchange is stopping
	WhyStore               // the store of counts does not answer
)

// Fault is an answer that is not about the lead's value: the request cannot be done as it is, or not now.
type Fault struct {
	Kind       FaultKind
	Code       string // stable, for machines
	Message    string
	Errors     []lead.Problem
	RetryAfter time.Duration
	Why        Why // of FaultUnavailable
	// nobody can tell yet whether the request was taken, or it may be the repeat of one that sold the lead: it must not
	// be told as a failure
	Unsure bool
}

// Error implements error.
func (f *Fault) Error() string { return f.Code + ": " + f.Message }

var (
	errStopping  = errors.New("the exchange is stopping")
	errStoreAway = errors.New("the store of counts does not answer")
)

func whyOf(err error) Why {
	switch {
	case errors.Is(err, errStopping), errors.Is(err, ledger.ErrClosed):
		return WhyStopping
	case errors.Is(err, errStoreAway):
		return WhyStore
	case errors.Is(err, ledger.ErrFull), errors.Is(err, syscall.ENOSPC):
		return WhyLogFull
	}
	return WhyLog
}

func unavailable(err error) *Fault {
	return &Fault{Why: whyOf(err), Kind: FaultUnavailable, Code: "unavailable", Message: "leads cannot be taken now: " +
		err.Error(), RetryAfter: 2 * time.Second}
}

// unread is the answer where a lead that may be sold cannot be read.
func unread() *Fault { return unavailable(errUnread).unsure() }

// unsure says that what was asked for may have been taken, or sold.
func (f *Fault) unsure() *Fault {
	f.Unsure = true
	f.Message += "; nobody can tell yet what became of this one: send it again as it is, or ask for its status, " +
		"before anybody else is offered it"
	return f
}

func inProgress() *Fault {
	return &Fault{Kind: FaultConflict, Code: "in_progress",
		Message: "the same request is under way: repeat it later to hear its answer"}
}

// personBusy is not inProgress: nothing of this lead is under way or stands in the ledger, and no form of the answer
// may call it pending.
func personBusy() *Fault {
	return &Fault{Kind: FaultConflict, Code: "person_in_progress",
		Message: "another lead of this person is under way: send this one again later"}
}

func keyReused() *Fault {
	return &Fault{Kind: FaultConflict, Code: "idempotency_key_reused",
		Message: "this Idempotency-Key came before with another call or body"}
}

func notFound(id lead.ID) *Fault {
	return &Fault{Kind: FaultNotFound, Code: "not_found", Message: fmt.Sprintf("no lead %s of this source", id)}
}

// sourcePaused is a fault and no failure: it consumes nothing, and a failure would have to stand in the ledger.
func sourcePaused() *Fault {
	return &Fault{Kind: FaultUnavailable, Why: WhyPaused, Code: "source_paused",
		Message: "this source is paused by the exchange's operator", RetryAfter: time.Minute}
}

// sourceClosed is a fault for the same reason as sourcePaused.
func sourceClosed(s *rules.Schedule, now time.Time) *Fault {
	f := &Fault{Kind: FaultUnavailable, Why: WhyClosed, Code: "source_closed", Message: "this source is " +
		s.Explain(now), RetryAfter: 24 * time.Hour}
	if at, ok := s.Next(now); ok {
		f.RetryAfter = at.Sub(now)
	}
	return f
}

// Fields are named texts in their order. They are the ledger's.
type (
	Fields     = ledger.Fields
	FieldValue = ledger.FieldValue
)

var errUnread = errors.New("the lead could not be read")
