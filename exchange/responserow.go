// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"clearpost/batch"
	"clearpost/exchange/history"
	"clearpost/lead"
	"clearpost/ledger"
)

// responseRef is how the refs of responses and their rows begin.
const responseRef = "response "

// replyRow is a row of a response and what it says.
type replyRow struct {
	campaign string
	id       lead.ID
	accepted bool
	price    *lead.Money
	currency string
	said     batch.ResponseRow
	told     ledger.ToldRow
	ref      string // by what it says: where it stands again it is no other
	why      string
	bad      string // why nothing can be made of it, whatever the ledger has
	by       string

	// by hand: about which attempt it is, of this buyer, and what becomes durable together with it
	attempt lead.ID
	buyer   string
	with    []ledger.Event
}

// notNow says why a row has to wait.
type notNow string

// Error implements error.
func (n notNow) Error() string { return string(n) }

// noPlace says why nothing can be made of a row.
type noPlace string

// Error implements error.
func (n noPlace) Error() string { return string(n) }

// replyRowOf reads a row of the response that told tells of.
func replyRowOf(r *batch.Response, campaign string, told ledger.ToldRow, said *batch.ResponseRow) *replyRow {
	x := &replyRow{campaign: campaign, price: said.Price, currency: said.Currency, said: *said, bad: said.Bad,
		by: byClearpost,
		told: ledger.ToldRow{File: told.File, SHA256: told.SHA256, Line: said.Line, Result: said.Result,
			Reason: said.Reason}}
	price := ""
	if x.price != nil {
		price = x.price.String()
	}
	h := sha256.New()
	for _, s := range []string{told.File, said.Lead, said.Result, said.Reference, price, said.Bad} {
		_, _ = h.Write(strconv.AppendQuote(nil, s))
	}
	x.ref = responseRef + hex.EncodeToString(h.Sum(nil)[:12])
	x.why = fmt.Sprintf("response %s:%d: %s", told.File, said.Line, said.Result)
	if said.Reason != "" {
		x.why += ": " + said.Reason
	}
	known := false
	x.accepted, known = r.Says(said.Result)
	id, err := lead.ParseID(said.Lead)
	x.id = id
	switch {
	case x.bad != "":
	case err != nil:
		x.bad = "the lead: expected its id, as the file had it"
	case !known:
		x.bad = "the result: expected one of " + r.Results()
	case x.accepted && x.price != nil && *x.price <= 0:
		x.bad = "the price: expected one above 0"
	}
	if !x.accepted {
		x.price = nil
	}
	return x
}

// takeRow has a row be an event, if it is none yet, and tells what became of it.
func (q *replies) takeRow(ln *replyLine, x *replyRow) (fate, error) {
	err := error(noPlace(x.bad))
	if x.bad == "" {
		err = q.e.takeRow(x)
	}
	var no noPlace
	switch {
	case errors.As(err, &no):
		return unplaced, q.cannotPlace(ln, x, string(no))
	case err != nil:
		return untaken, err
	case x.accepted:
		q.Accepted.Add(1)
		return accepted, nil
	}
	q.Refused.Add(1)
	return refused, nil
}

// cannotPlace writes down that nothing could be made of a row, once.
func (q *replies) cannotPlace(ln *replyLine, x *replyRow, why string) error {
	told, ref := x.told, fmt.Sprintf("%s line %d", x.ref, x.said.Line)
	if told.Reference = x.said.Reference; !x.id.IsZero() { // else it may be anything of a person: file and line tell
		told.Lead = x.id.String()
	}
	if x.said.Price != nil {
		told.Price = *x.said.Price
	}
	ev := q.e.toldOf(x.campaign, ledger.AdjustUnplaced, why, ref, told)
	if !q.e.led.ByRef(ev.Subject, ref) {
		if err := q.e.led.Store(q.e.end, ev); err != nil {
			return err
		}
		if seq, ok, err := q.e.led.SeqByRef(ev.Subject, ref); err != nil || !ok {
			q.known.failed()
		} else {
			q.known.note(ev.EventID, seq)
		}
	}
	q.Unplaced.Add(1)
	q.e.log.Error("nothing can be made of a row of a response", "campaign", x.campaign, "file", told.File,
		"line", told.Line, "why", why)
	q.mu.Lock()
	defer q.mu.Unlock()
	ln.problems = append(ln.problems, Problem{At: ev.At, File: told.File, Line: told.Line, Lead: told.Lead, Why: why})
	if n := len(ln.problems) - problemsKept; n > 0 {
		ln.problems = slices.Delete(ln.problems, 0, n)
	}
	return nil
}

// toldOf is an event about a response that is of no lead.
func (e *Exchange) toldOf(campaign, what, why, ref string, told ledger.ToldRow) *ledger.Adjusted {
	ev := &ledger.Adjusted{Head: e.inForce.Load().head(ledger.KindAdjusted, noLead, "", "", e.now()),
		Adjustment: what, Subject: "campaign:" + campaign, Why: why, By: byClearpost, Ref: ref, Campaign: campaign,
		Told: &told}
	if c := e.inForce.Load().cfg.Book.Campaign(campaign); c != nil {
		ev.Buyer = c.Buyer.ID
	}
	return ev
}

// takeRow has what a row says stand in the ledger: an open row of a file that nobody could tell of is resolved, a sale
// that is none after all is corrected, and so is its price or reference. What stands already is told by an event that
// books nothing.
func (e *Exchange) takeRow(x *replyRow) error {
	e.settling.Lock()
	defer e.settling.Unlock()
	held := e.claims.In()
	defer held.Release()
	if _, ok := held.Take(leadName(x.id), &underWay{}); !ok {
		return notNow("somebody is at the lead")
	}
	h, err := e.history(x.id)
	if err != nil {
		return err
	}
	a := e.attemptOfRow(h, x)
	switch {
	case a == nil && !x.attempt.IsZero():
		return noPlace("nothing of this attempt was ever sent to the buyer, or it is a test")
	case a == nil:
		return noPlace("no lead with this id was sent to the buyer in a file")
	case x.isEvent(h):
		return nil
	case x.currency != "" && x.price != nil && x.currency != h.Pinged.Currency:
		return noPlace(fmt.Sprintf("the price: it is in %s, expected %s", x.currency, h.Pinged.Currency))
	case a.Outcome() == lead.Unknown && e.files.carries(h, a.Posting.Attempt):
		return notNow("its file is not settled yet")
	case a.Outcome() == lead.Unknown:
		_, err := e.resolve(h, &Resolution{Attempt: a.Posting.Attempt, Accepted: x.accepted, Price: x.price,
			Reference: x.said.Reference, Why: x.why, By: x.by, told: &x.told, ref: x.ref}, x.with, held)
		return err
	case h.Settled == nil:
		return notNow("the lead has no answer yet")
	}
	return e.correctBy(x, h, a, held)
}

// correctBy takes a row of an attempt whose outcome is known.
func (e *Exchange) correctBy(x *replyRow, h *history.History, a *history.Attempt, held *heldClaims) error {
	c := Correction{Accepted: x.accepted, Price: x.price, Ref: x.ref, Why: x.why, By: x.by}
	if x.accepted {
		c.Reference = x.said.Reference
	}
	adj, err := e.correction(h, a, &c)
	if errors.Is(err, ErrOversold) {
		return noPlace(err.Error())
	}
	if err != nil {
		return err
	}
	was := a.Booked()
	adj.Was, adj.Told = &was, &x.told
	switch {
	case bookedBy(adj) == was:
		p := a.Posting
		return e.append(x.by == byClearpost, append(x.with, &ledger.Adjusted{Head: e.inForce.Load().head(
			ledger.KindAdjusted, h.ID, p.Source, p.Vertical, e.now()), Adjustment: ledger.AdjustAnswered, Why: x.why,
			By: x.by, Attempt: p.Attempt, Campaign: p.Campaign, Buyer: p.Buyer, Ref: x.ref, Told: &x.told}))
	case a.Returned():
		return noPlace("the sale is given back: a correction would have to revoke the return first")
	}
	return e.rebook(h, a, adj, held, x.with...)
}

// isEvent tells whether the row was taken before.
func (x *replyRow) isEvent(h *history.History) bool {
	return slices.ContainsFunc(h.Events, func(ev ledger.Event) bool {
		adj, ok := ev.(*ledger.Adjusted)
		return ok && adj.Told != nil && adj.Ref == x.ref
	})
}

// attemptOfRow is the attempt that a row is about, nil if there is none that it can be about.
func (e *Exchange) attemptOfRow(h *history.History, x *replyRow) *history.Attempt {
	if x.attempt.IsZero() {
		return e.fileAttempt(h, x.campaign)
	}
	a := h.Attempt(x.attempt)
	if a == nil || h.Pinged == nil || h.Pinged.Test || a.Posting.Test || a.Posting.Buyer != x.buyer ||
		a.Outcome() == lead.NotSent {
		return nil
	}
	return a
}

// fileAttempt is the attempt that a row is about: of those of the campaign's buyer that went into a file the last one,
// and one that stands before others. nil: there is none. A buyer may answer for all its campaigns in one file.
func (e *Exchange) fileAttempt(h *history.History, campaign string) (out *history.Attempt) {
	if h.Pinged == nil {
		return nil
	}
	buyer := ""
	if c := e.inForce.Load().cfg.Book.Campaign(campaign); c != nil {
		buyer = c.Buyer.ID
	}
	for i := range h.Attempts {
		a := &h.Attempts[i]
		if p := a.Posting; a.File == nil || p.Campaign != campaign && p.Buyer != buyer {
			continue
		}
		if out == nil || !out.Outcome().Standing() || a.Outcome().Standing() {
			out = a
		}
	}
	return out
}
