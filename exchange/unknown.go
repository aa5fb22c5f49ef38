// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"errors"
	"fmt"
	"time"

	"clearpost/exchange/history"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/wire/answer"
	"clearpost/wire/transport"
)

// What becomes of an attempt whose outcome is not known is the campaign's policy: it waits for a person (the default),
// the buyer is asked at a status URL, or the same request is sent again under the idempotency key of the first. All of
// it happens after the seller's trip. Whatever is found out resolves the attempt as a person would; what is not found
// out stays open, for a person, or counts as something after hours that the campaign says.

// busyAfter is how soon to come back to a lead that somebody is at, or for which the time is not right.
const busyAfter = time.Second

// lookAgain is how long an attempt is left alone at most that is to count as something some day: a reload may have
// changed what, and when.
const lookAgain = time.Hour

// Pursued is how many attempts without a known outcome are pursued at this moment.
func (e *Exchange) Pursued() int { return e.chases.open() }

// pursue takes the next step for an open attempt. It returns when to come back, 0 for never.
func (e *Exchange) pursue(x chase) (after time.Duration) {
	defer func() {
		if r := recover(); r != nil {
			e.Panicked("pursuing an open attempt panicked: it waits for a person", r, "attempt", x.attempt.String())
			after = 0
		}
	}()
	if x.attempt == noLead { // a reload may have changed who is pursued
		e.pursueAll()
		return 0
	}
	h, err := e.history(x.lead)
	if err != nil {
		e.log.Error("read lead", "err", err)
		return busyAfter
	}
	a := h.Attempt(x.attempt)
	if a == nil || a.Outcome() != lead.Unknown {
		return 0
	}
	snap := e.inForce.Load()
	l := e.campaignOf(snap, a.Posting)
	if l == nil || l.IfUnknown == nil || snap.Vertical(a.Posting.Vertical) == nil {
		return 0
	}
	u, left := l.IfUnknown, e.untilItCounts(l, a)
	counts := u.CountsAs != lead.OutcomeNone
	switch tried := counts && e.now().Sub(a.Posting.At) > u.For; {
	case counts && left <= 0:
		return e.countAs(l, h, a)
	case tried, counts && u.Times > 0 && len(a.Resends) >= u.Times: // what can be found out is
	case u.Status != nil:
		after = e.askStatus(snap, l, h, a)
	case u.Times > 0:
		after = e.resend(snap, l, x)
	}
	if !counts {
		return after
	}
	if left = min(left, lookAgain); after > 0 {
		left = min(left, after)
	}
	return left
}

// firstStep is when an open attempt is looked at first.
func (e *Exchange) firstStep(l *LiveCampaign, a *history.Attempt) time.Duration {
	if u := l.IfUnknown; u.Status != nil || u.Times > 0 {
		return u.After
	}
	return min(max(e.untilItCounts(l, a), busyAfter), lookAgain)
}

// untilItCounts is how long it is until an open attempt counts as something.
func (e *Exchange) untilItCounts(l *LiveCampaign, a *history.Attempt) time.Duration {
	return l.IfUnknown.CountsAfter - e.now().Sub(a.Posting.At)
}

// countAs ends the wait for an outcome that nobody has found out.
func (e *Exchange) countAs(l *LiveCampaign, h *history.History, a *history.Attempt) time.Duration {
	u := l.IfUnknown
	r := Resolution{Attempt: a.Posting.Attempt, Accepted: u.CountsAs == lead.Accepted, By: byClearpost,
		Why: fmt.Sprintf("nobody has found out within %.0f hours: the campaign has it count as %s",
			u.CountsAfter.Hours(), u.CountsAs)}
	if r.Accepted && a.Posted != nil {
		r.Reference = a.Posted.Reference
	}
	return e.clear(l, &r, nil, h.ID, busyAfter)
}

// askStatus asks the buyer what became of an attempt. Only what the answer says in so many words resolves it: a rule
// that accepts, or one that refuses. Silence, an answer that no rule knows, and one that speaks of a duplicate leave it
// open.
func (e *Exchange) askStatus(snap *Snapshot, l *LiveCampaign, h *history.History, a *history.Attempt) time.Duration {
	u, p := l.IfUnknown, a.Posting
	if e.now().Sub(p.At) > u.For {
		e.log.Warn("the buyer's status URL did not tell the outcome in time: the attempt waits for a person", "attempt",
			p.Attempt.String(), "campaign", p.Campaign)
		return 0
	}
	in := snap.inputs(h, snap.whole(h), p, 0)
	if a.Posted != nil {
		in.Reference = []byte(a.Posted.Reference)
	}
	if in.Bearer = l.statuses.bearer(); in.Bearer == nil && l.statuses.tokens != nil {
		return u.Every
	}
	req, err := u.Status.Request.AppendHTTP(nil, &in)
	if err != nil {
		e.log.Warn("the status request cannot be made", "attempt", p.Attempt.String(), "err", err)
		return 0
	}
	l.StatusCalls.Add(1)
	call := &transport.Call{Target: l.statuses.target, Request: req, Timeout: u.Status.Timeout, Gate: l.limits.gate}
	e.calls.PostOnce(call, e.wall().Add(u.Status.Timeout))
	if call.Refusal != lead.NoRefusal {
		return u.Every
	}
	r := read(u.Status.Answer, call)
	if r.Outcome != lead.Accepted && !saidNo(&r) {
		return u.Every
	}
	out := Resolution{Attempt: p.Attempt, Accepted: r.Outcome == lead.Accepted, Reference: string(r.Reference),
		By: byClearpost, Why: "the buyer's status URL: " + r.Outcome.String()}
	if out.Accepted && r.HasPrice && booksAnswer(p, l) {
		price := r.Price
		out.Price = &price
	}
	return e.clear(l, &out, nil, h.ID, u.Every)
}

// saidNo tells whether a receipt is a refusal in words that a rule knows. A duplicate proves nothing, here as with a
// resend: it may be the attempt itself that the buyer has.
func saidNo(r *answer.Receipt) bool { return r.Said && !r.Repeat && r.Refusal.ByBuyer() }

// clear resolves an attempt by what the exchange has found out itself.
func (e *Exchange) clear(l *LiveCampaign, r *Resolution, ends []ledger.Event, id lead.ID,
	every time.Duration) time.Duration {
	held := e.claims.In()
	defer held.Release()
	if _, ok := held.Take(leadName(id), &underWay{}); !ok {
		return busyAfter
	}
	h, err := e.history(id)
	if err == nil {
		_, err = e.resolve(h, r, ends, held)
	}
	switch {
	case errors.Is(err, ErrNotUnresolved):
		return 0
	case err != nil:
		e.log.Error("an outcome that was found out could not be written", "attempt", r.Attempt.String(), "err", err)
		return every
	}
	l.ClearedUp.Add(1)
	return 0
}

// resend sends the very same request again: the same bytes but for an access token, and so the same idempotency key. It
// is a posting of its own in the ledger, before the wire, and holds nothing: the first attempt's hold is that of all of
// them.
func (e *Exchange) resend(snap *Snapshot, l *LiveCampaign, x chase) time.Duration {
	u, held := l.IfUnknown, e.claims.In()
	defer held.Release()
	if _, ok := held.Take(leadName(x.lead), &underWay{}); !ok {
		return busyAfter
	}
	h, err := e.history(x.lead) // again, now that nobody else is at it
	if err != nil {
		return busyAfter
	}
	a := h.Attempt(x.attempt)
	switch {
	case a == nil || a.Outcome() != lead.Unknown:
		return 0
	case a.Queued: // the buyer has it: the same again could be a second lead to it
		return 0
	case len(a.Resends) >= u.Times, e.now().Sub(a.Posting.At) > u.For:
		e.log.Warn("no resend told the outcome in time: the attempt waits for a person", "attempt", x.attempt.String(),
			"campaign", a.Posting.Campaign)
		return 0
	case l.paused() || !l.limits.posts.Allow(e.wall()):
		return max(u.Every, busyAfter)
	}
	s, err := snap.sameAgain(h, l, a)
	if errors.Is(err, errNoToken) {
		return max(u.Every, busyAfter)
	}
	if err != nil {
		e.log.Warn("the attempt is not sent again and waits for a person", "attempt", x.attempt.String(), "campaign",
			a.Posting.Campaign, "why", err)
		return 0
	}
	now := e.now()
	p := *a.Posting
	p.Head, p.Attempt = snap.head(ledger.KindPosting, x.lead, p.Source, p.Vertical, now), ledger.NewID(now)
	p.Again, p.Of, p.Post, p.Charges, p.Private = ledger.AgainResend, &a.Posting.Attempt, nil, nil,
		ledger.Private{Request: s.recorded}
	if err := e.led.Append(&p); err != nil {
		return u.Every
	}
	l.Resends.Add(1)
	return e.heardAgain(snap, l, h, a, &p, s, held)
}

// again is a request that has been sent before.
type again struct {
	target   *transport.Target
	request  []byte
	recorded *ledger.Body
	backup   bool
}

var (
	errOtherRequest = errors.New(
		"the request would not be the same: the configuration has changed, or a value is not kept")
	errNoToken  = errors.New("there is no access token")
	errWhichURL = errors.New("the ledger does not tell which of two URLs the first went to")
)

// sameAgain makes an attempt's request once more, if that is possible.
func (snap *Snapshot) sameAgain(h *history.History, l *LiveCampaign, a *history.Attempt) (*again, error) {
	out := &again{target: l.posts.target, recorded: a.Posting.Private.Request}
	r := l.Campaign.Post.Request
	switch {
	case a.Posted == nil && l.backup != nil:
		return nil, errWhichURL
	case a.Posted != nil && a.Posted.Backup:
		if l.backup == nil {
			return nil, errOtherRequest
		}
		out.target, out.recorded, out.backup, r = l.backup, a.Posted.Private.Request, true, l.Campaign.Post.Backup
	}
	in := snap.inputs(h, snap.whole(h), a.Posting, 0)
	red, err := r.AppendRedacted(nil, &in)
	if err != nil || out.recorded == nil || newBody(red).SHA256 != out.recorded.SHA256 {
		return nil, errOtherRequest
	}
	if in.Bearer = l.posts.bearer(); in.Bearer == nil && l.posts.tokens != nil {
		return nil, errNoToken
	}
	if out.request, err = r.AppendHTTP(nil, &in); err != nil {
		return nil, errOtherRequest
	}
	return out, nil
}

// whole is the lead as it was posted, as far as it is kept.
func (snap *Snapshot) whole(h *history.History) *lead.Lead {
	l := h.Lead(snap.Vertical(h.Pinged.Vertical).Schema)
	l.Complete()
	return l
}

// heardAgain makes the call of a resend and writes down its end, together with what it tells of the first. An
// acceptance is the first one's: the buyer has seen the key before, or sees it for the first time. A refusal in its own
// words says that it has not bought; that the lead is a duplicate, or was there already, says nothing, for that may be
// the first attempt.
func (e *Exchange) heardAgain(snap *Snapshot, l *LiveCampaign, h *history.History, a *history.Attempt,
	p *ledger.Posting, s *again, held *heldClaims) time.Duration {
	u := l.IfUnknown
	call := &transport.Call{Target: s.target, Request: s.request, Timeout: l.Campaign.Post.Timeout, Gate: l.limits.gate}
	e.calls.PostOnce(call, e.wall().Add(l.Campaign.Post.Timeout))
	out := &ledger.Posted{Head: snap.head(ledger.KindPosted, h.ID, p.Source, p.Vertical, e.now()), Attempt: p.Attempt,
		Campaign: p.Campaign, Buyer: p.Buyer, Again: ledger.AgainResend, Backup: s.backup, PingPrice: p.Price,
		Status: call.Status, TookUS: call.Took.Microseconds()}
	r := readReceipt(l, p, out, call)
	booked := out.Price
	out.Price, out.Payout = 0, 0 // the resolution books it
	no := (out.Outcome == lead.Rejected || out.Outcome == lead.Invalid) && out.Refusal.ByBuyer() && !r.Repeat
	if out.Outcome != lead.Accepted && !no {
		if err := e.led.Store(e.end, out); err != nil {
			e.log.Error("the end of a resend could not be written", "attempt", p.Attempt.String(), "err", err)
		}
		return u.Every
	}
	res := &Resolution{Attempt: a.Posting.Attempt, Accepted: out.Outcome == lead.Accepted, Reference: out.Reference,
		By: byClearpost, Why: "the buyer's answer to the same request again: " + out.Outcome.String(), from: &p.Attempt}
	if res.Accepted {
		res.Price = &booked
	}
	if _, err := e.resolve(h, res, []ledger.Event{out}, held); err != nil {
		e.log.Error("the end of a resend could not be written: it is sent again", "attempt", p.Attempt.String(), "err",
			err)
		return u.Every
	}
	l.ClearedUp.Add(1)
	return 0
}
