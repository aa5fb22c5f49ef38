// SPDX-License-Identifier: Apache-2.0

// Package capstore is what nodes must agree on: the counts of caps in their windows, the slots of leads, and who has
// had whom before. One hold
// takes all that an attempt needs or nothing; it ends as commit or release, and no hold ends by time. Nothing outside a
// store looks at its counters.
//
// Store is what any store must do; captest proves it. Package memory is the store of one node.
package capstore

import (
	"context"
	"errors"
	"time"

	"clearpost/lead"
	"clearpost/rules"
)

// ErrCommitted is returned where a committed hold is to be released.
var ErrCommitted = errors.New("capstore: the hold is committed and cannot be released")

// ErrNotHeld is returned where a token is to be committed that holds nothing: it never did, it was released, or its
// lead was forgotten.
var ErrNotHeld = errors.New("capstore: the token holds nothing")

// ErrAway is why a store that lies outside of the process has not answered. What was asked of it may have been done: a
// hold is released by its token then, which a later arrival of the same hold does not undo; an end and a change are
// told again, as they were, and before anything else of the same attempt.
var ErrAway = errors.New("capstore: the store does not answer")

// Store keeps counts and slots. All methods may be called at any time by anyone. An error of Hold, End and Change is
// one of the store as a whole (ErrAway, or that of the context); of what becomes of one request its reply tells.
type Store interface {
	// Hold takes for each request all of a slot of the lead, its marks, and what it needs of each cap, or nothing, and
	// tells why:
	//   - NotReached: the token was released before, or belongs to another lead;
	//   - BuyerSoldAlready: the buyer has the lead, or may have it;
	//   - NoSlot: the lower of the sell limit and all promises, this one's included, is used up by what stands and is
	//     in flight;
	//   - DuplicateRule: another lead has one of its marks, or may have it;
	//   - CapReached, BudgetSpent, Paced: a cap is full in its window, has not so much money left, or is ahead of its
	//     pace.
	//
	// Requests of one call are taken in their order, in one round trip. A token that holds already gets the same
	// charges again, whatever else the request says. The replies are in the order of the requests.
	Hold(ctx context.Context, rs ...*HoldRequest) ([]HoldReply, error)

	// End commits or releases holds, in one round trip, and is the same when it is told again. The errors are those of
	// each end: ErrNotHeld of a commit, ErrCommitted of a release. A release of a token that never held makes the store
	// refuse it from now on: it beats the hold that comes after it.
	End(ctx context.Context, ends ...End) ([]error, error)

	// Change makes a change of what has ended, whatever room there is, and once by its token: it is the same when it is
	// told again, however late and whatever has changed since.
	Change(ctx context.Context, c Change) error

	// Forget drops what is kept of a lead that will not be posted again; its counts stay. While a hold of it is open it
	// is kept: it is dropped when the last one ends.
	Forget(id lead.ID)

	// Counter binds a cap: it finds the counts of the cap's key, or makes them, and puts the cap's limits and window
	// into force. Counts are kept, so that a reload may call it again; counts of hours of another zone stay under their
	// names. Counters of the same key and days that were made before count on, up to their own limit or the new one,
	// whichever is lower.
	Counter(c rules.Cap) Counter

	// Kept are those of the charges that still count: what lies further back than windows are kept does not, nor what
	// is of a cap that nobody knows any more.
	Kept(charges []lead.Charge) []lead.Charge

	// Use tells how much of a cap is taken at the instant, in its window or in the days that count together: of all its
	// values that have a count, by key, where it tells values apart. Nothing is where no such cap is bound.
	Use(c *rules.Cap, now time.Time) []Use
}

// Rebuilt is a store that is empty at the start of its node and made again from the ledger.
type Rebuilt interface {
	// SetCount sets, at start, what stands in a window. The cap need not be bound yet.
	SetCount(key, window string, n int64)
	// Fill is SetCount for a window that is not kept, at any time: nothing that has not ended is held in it.
	Fill(key, window string, n int64)
	// Restore puts a hold back: the lead's slot and, unless it is committed, its right to be committed or released. It
	// changes no count. A token that is known already, be it as released, is left as it is.
	Restore(r Restored)
	// Before has the store ask, of each mark of a hold, for another lead that the ledger knows by it, besides those
	// that have open holds: of holds that have ended the ledger knows more than memory should keep. look is called
	// while no lock is held, and must know of an end when End tells it.
	Before(look func(m *Mark, of lead.ID, now time.Time) (first lead.ID, known bool, err error))
}

// Mark is by what a lead is known to somebody who takes nobody twice. All of a lead's holds may have the same: it is no
// duplicate of itself. An open hold has its marks for as long as Window from its hold on, as one that is committed, and
// one that is released for nobody, unless Posted holds and it was sent.
type Mark struct {
	Rule   string   // of duplicates, as rules.Unique has it
	Names  []string // of the lead under the rule: one in common is enough
	Window time.Duration
	Posted bool // another lead counts for as long as Window from its hold on, be it sold or refused; else sold
}

// Counter is one cap as one configuration has it, told apart by value where the cap does so; else value is empty.
type Counter interface {
	Cap() *rules.Cap

	// Room tells why the cap has no room for n more at the instant: NoRefusal, CapReached, BudgetSpent or Paced. It is
	// a cheap look for the ping path: it takes no lock that all pings share, allocates nothing, and what it says may be
	// over before a Hold; of a store outside of the process it is as old as that store says.
	Room(value []byte, n int64, now time.Time) lead.Refusal

	// Left tells what is counted at an instant, and how much may be, the pace aside. As Room, it is a look.
	Left(value []byte, now time.Time) (used, limit int64)

	// Take counts n at once, without a hold and for good, or tells why there is no room: for what is told when it has
	// happened, as pings are. One at a time takes the last place.
	Take(value []byte, n int64, now time.Time) (lead.Charge, lead.Refusal)

	// LooksFurther tells that, when it was made, it counted more days together than any counter before it of its key:
	// of those that were not kept till then the counts are for Rebuilt.Fill to give.
	LooksFurther() bool
}

// Need is what an attempt needs of one cap.
type Need struct {
	Counter Counter // of this store
	Value   string  // of the lead, as the cap tells values apart; else ""
	N       int64   // of what the cap counts
}

// HoldRequest is all that an attempt needs before it may go on the wire.
type HoldRequest struct {
	Token     lead.ID // of the attempt: a hold is idempotent by it
	Lead      lead.ID
	Buyer     string // a lead is sold to a buyer once
	SellLimit int    // of the vertical's plan
	MaxSold   int    // of the bid: 1 = exclusive, and less counts as 1
	Needs     []Need
	Marks     []Mark
	Now       time.Time // decides the windows that are charged, and which leads were before

	// Instead is an open hold of the same lead whose attempt is known not to be a sale, and which is released when its
	// end is durable, together with this attempt: what it holds counts as free for this hold, and for no other while
	// this one stands. Zero if there is none.
	Instead lead.ID
	// open holds of the same lead, Instead perhaps among them, whose attempts are known not to be sales, and which are
	// released together with it: their slots count as free, their places under caps do not
	Ended []lead.ID
}

// HoldReply is what became of a request.
type HoldReply struct {
	Charges []lead.Charge // must not be changed
	Refusal lead.Refusal  // NoRefusal: it is held
	Cap     string        // that refused it, by the key of its count; "" if none did

	Rule  string  // DuplicateRule: of the mark that refused it
	First lead.ID // DuplicateRule: the lead that has the mark
}

// End is how an attempt ended. An Accepted one is committed: its slot and counts stand for good. Any other gives back
// what it took in the windows that it charged, whatever the time is now: see lead.AtEnd.
type End struct {
	Token   lead.ID
	Outcome lead.Outcome // Accepted, or what is no sale; NotSent where it never went out
	Booked  lead.Money   // of an Accepted one
}

// Change is a change of what has ended.
type Change struct {
	Token   lead.ID       // of the change: the id of the event that tells it, or would
	Charges []lead.Charge // what is added to the counts of windows that are kept
	Undo    *lead.ID      // a sale that never was one: its slot is free
	Redo    *Restored     // what was none, or was taken back, is a sale: its slot is taken
}

// Restored is a hold as the ledger knows it.
type Restored struct {
	Token     lead.ID
	Lead      lead.ID
	Buyer     string
	SellLimit int // of the plan at that time, 0 = not known
	MaxSold   int
	Charges   []lead.Charge
	Marks     []Mark
	// of the hold, from which times of marks count; zero: not known, they bar for as long as it is open
	At        time.Time
	Committed bool
}

// Use is how much of a cap is taken at an instant.
type Use struct {
	Key     string // of the count: that of the cap, or of one value of it
	Value   string
	Used    int64 // what stands and what is open
	Open    int64 // holds that have not ended, in flight or of an unknown outcome
	Limit   int64 // in force then
	Limited bool  // false: any number of this value is allowed
	Allowed int64 // of the limit, by the cap's pace; the limit where it has none
}
