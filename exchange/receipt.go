// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"clearpost/exchange/history"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/wire/answer"
	"clearpost/wire/request"
	"clearpost/wire/transport"
)

// heard is how a call has ended: for each of its attempts, in their order.
type heard struct {
	*outbound
	outs     []*ledger.Posted
	panicked any // nothing can be said of the call
}

// call makes the one call and reads its receipt. Whatever comes, there is no second call of these attempts, but to the
// backup URL where no byte went to the first. It changes nothing of the delivery: calls of a round run at once.
func (d *delivery) call(o *outbound) heard {
	e, live := d.e, o.live
	live.Posted.Add(1)
	if live.Batch != nil {
		return d.setAside(o)
	}
	call := &transport.Call{Target: live.posts.target, Request: o.req, Timeout: live.Campaign.Post.Timeout,
		Gate: live.limits.gate}
	e.calls.PostOnce(call, d.until)
	took := call.Took
	again, backup := e.toBackup(live, call, &o.in, d.until)
	if backup != nil {
		call, took = again, took+again.Took
	}
	h, r := heard{outbound: o}, answer.Receipt{}
	for i, p := range o.of {
		out := &ledger.Posted{Head: d.head(ledger.KindPosted, e.now()), Attempt: p.Attempt, Campaign: p.Campaign,
			Buyer: p.Buyer, PingPrice: p.Price, Status: call.Status, TookUS: took.Microseconds(), Charges: p.Charges}
		if backup != nil {
			out.Backup, out.Private.Request = true, backup
		}
		out.RetryAfterS = retryAfter(call.Status, call.RetryAfter, out.At)
		if i == 0 {
			r = readCall(live, out, call)
		}
		if call.Refusal != lead.NoRefusal {
			unanswered(out, call)
		} else {
			receive(live, p, out, o.receiptOf(i, r))
		}
		d.policy().end(out)
		h.outs = append(h.outs, out)
	}
	if why := h.outs[0].Refusal; h.outs[0].Outcome == lead.Unknown && why != lead.Queued ||
		h.outs[0].Outcome == lead.NotSent {
		live.postsWell.note(e, live, "posts", why, e.wall())
	} else {
		live.postsWell.note(e, live, "posts", lead.NoRefusal, e.wall())
	}
	return h
}

// receiptOf is what an answer says of one of the attempts of its request: what it says of its leg, where it tells that,
// and else what it says of all. Of a leg that it passes over, beside others, nothing is known. A price for all of them
// is none of theirs.
func (o *outbound) receiptOf(i int, r answer.Receipt) answer.Receipt {
	byLeg := o.live.Campaign.Post.Answer.GivesEnds() && o.bids[i].Leg > 0 && (len(o.of) > 1 || len(r.Ends) > 0)
	if !byLeg || r.Outcome != lead.Accepted {
		if len(o.of) > 1 {
			r.Price, r.HasPrice, r.PriceSaid = 0, false, nil
		}
		return r
	}
	end := r.End([]byte(o.bids[i].Token))
	r.Outcome, r.Price, r.HasPrice, r.Fallback, r.PriceSaid = end.Outcome, end.Price, end.HasPrice, false, nil
	switch end.Outcome {
	case lead.Accepted:
	case lead.Rejected:
		r.Refusal = lead.BuyerRejected
	default:
		r.Refusal = lead.UnclearAnswer
	}
	if len(end.Reference) > 0 {
		r.Reference = end.Reference
	}
	if len(end.Reason) > 0 {
		r.Reason = end.Reason
	}
	return r
}

// take notes how attempts have ended: the next append makes it durable, and ends their holds with that.
func (d *delivery) take(h heard) {
	for i, out := range h.outs {
		d.takeEnd(h.live, h.bids[i], h.of[i], out)
	}
}

func (d *delivery) takeEnd(live *LiveCampaign, b *ledger.Bid, p *ledger.Posting, out *ledger.Posted) {
	a := d.history.Attempt(p.Attempt)
	a.Posted, a.Redirect = out, out.Private.Redirect
	d.carry = append(d.carry, out)
	if out.Refusal == lead.AwaitsFile { // nothing has gone wrong: it is not counted as unknown
		d.unknown = true
		return
	}
	switch out.Outcome {
	case lead.Accepted:
		d.fill(p)
		d.commit = append(d.commit, p.Attempt)
		live.Accepted.Add(1)
		live.RevenueMicros.Add(int64(out.Price))
		live.PayoutMicros.Add(int64(out.Payout))
	case lead.TestAccepted:
		d.fill(p)
	case lead.Unknown:
		d.unknown = true
		live.Unknown.Add(1)
	default:
		if d.policy().holds {
			d.refused = append(d.refused, p.Attempt)
		}
		live.Rejected.Add(1)
		if d.no == nil || p.Rank < d.noRank {
			d.no, d.noRank = out, p.Rank
		}
		d.wait(b, lead.NoRefusal, out)
	}
}

// toBackup sends the request to the campaign's other URL where the first call got nowhere: not a byte of it was given
// to a connection. It is the same attempt: one hold, one posting in the ledger, one buyer. It returns that call and its
// request for the event, or nils if there was none.
func (e *Exchange) toBackup(live *LiveCampaign, first *transport.Call, in *request.Inputs,
	until time.Time) (*transport.Call, *ledger.Body) {
	if live.backup == nil || first.Sent {
		return nil, nil
	}
	switch first.Refusal {
	case lead.Unreachable, lead.TLSFailed, lead.BlockedAddress, lead.NoConnection:
	default:
		return nil, nil // a limit of ours, or no time: the other URL would change nothing
	}
	r := live.Campaign.Post.Backup
	req, err := r.AppendHTTP(nil, in)
	if err != nil {
		return nil, nil
	}
	red, err := r.AppendRedacted(nil, in)
	if err != nil {
		return nil, nil
	}
	live.Backups.Add(1)
	call := &transport.Call{Target: live.backup, Request: req, Timeout: live.Campaign.Post.Timeout,
		Gate: live.limits.gate}
	e.calls.PostOnce(call, until)
	return call, newBody(red)
}

// readReceipt says what the call's end means, and gives the receipt of a whole answer. What is neither a sale nor a
// clear no is unknown (see answer.Receipt); without a complete answer it is "not sent" only if no byte was given to the
// connection. Where nothing is promised, the payout follows the price.
func readReceipt(live *LiveCampaign, p *ledger.Posting, out *ledger.Posted,
	call *transport.Call) (r answer.Receipt) {
	r = readCall(live, out, call)
	if call.Refusal != lead.NoRefusal {
		unanswered(out, call)
	} else {
		receive(live, p, out, r)
	}
	return r
}

// readCall keeps what came for an answer, and reads it if it is whole.
func readCall(live *LiveCampaign, out *ledger.Posted, call *transport.Call) (r answer.Receipt) {
	if call.Refusal == lead.NoRefusal {
		out.Private.Answer = newBody(call.Body)
		return read(live.Campaign.Post.Answer, call)
	}
	if len(call.Body) > 0 {
		out.Private.Answer = newBody(call.Body)
	}
	return r
}

// unanswered is the end of an attempt whose call has no whole answer.
func unanswered(out *ledger.Posted, call *transport.Call) {
	out.Outcome, out.Refusal = lead.Unknown, call.Refusal
	if !call.Sent {
		out.Outcome = lead.NotSent
	}
}

// receive is the end of an attempt by its receipt.
func receive(live *LiveCampaign, p *ledger.Posting, out *ledger.Posted, r answer.Receipt) {
	out.Outcome, out.Refusal = r.Outcome, r.Refusal
	out.Reason, out.Reference = string(r.Reason), string(r.Reference)
	if r.HasPrice && !r.Fallback {
		out.AnswerPrice = r.Price
	}
	out.AnswerPriceText = string(r.PriceSaid)
	if r.Outcome != lead.Accepted {
		return
	}
	out.Price, out.Payout, out.Private.Redirect = p.Price, p.Payout, string(r.Redirect)
	if booksAnswer(p, live) && r.HasPrice {
		out.Price = r.Price
		if t := p.Terms; t != nil && t.PayoutFollows {
			out.Payout = history.MarginOf(t).Payout(r.Price)
		}
	}
}

// newBody keeps a message for the ledger: the beginning, and the length and hash of the whole.
func newBody(b []byte) *ledger.Body {
	sum := sha256.Sum256(b)
	out := &ledger.Body{Bytes: len(b), SHA256: hex.EncodeToString(sum[:])}
	if len(b) > ledger.BodyBytesMax {
		b, out.Cut = b[:ledger.BodyBytesMax], true
	}
	out.Text = strings.ToValidUTF8(string(b), "\ufffd")
	return out
}
