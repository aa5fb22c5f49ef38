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

// heard is how a call has ended.
type heard struct {
	*outbound
	out      *ledger.Posted
	panicked any // nothing can be said of the call
}

// call makes the one call and reads its receipt. Whatever comes, there is no second call of this attempt, but to the
// backup URL where no byte went to the first. It changes nothing of the delivery: calls of a round run at once.
func (d *delivery) call(o *outbound) heard {
	e, live, p := d.e, o.live, o.p
	live.Posted.Add(1)
	call := &transport.Call{Target: live.posts.target, Request: o.req, Timeout: live.Campaign.Post.Timeout,
		Gate: live.limits.gate}
	e.calls.PostOnce(call, d.until)
	again, backup := e.toBackup(live, call, &o.in, d.until)
	out := &ledger.Posted{Head: d.head(ledger.KindPosted, e.now()), Attempt: p.Attempt, Campaign: p.Campaign,
		Buyer: p.Buyer, PingPrice: p.Price, Status: call.Status, TookUS: call.Took.Microseconds(), Charges: p.Charges}
	if backup != nil {
		call, out.Backup, out.Private.Request = again, true, backup
		out.Status, out.TookUS = call.Status, out.TookUS+call.Took.Microseconds()
	}
	readReceipt(live, p, out, call)
	d.policy().end(out)
	if why := out.Refusal; out.Outcome == lead.Unknown && why != lead.Queued || out.Outcome == lead.NotSent {
		live.postsWell.note(e, live, "posts", why, e.wall())
	} else {
		live.postsWell.note(e, live, "posts", lead.NoRefusal, e.wall())
	}
	return heard{outbound: o, out: out}
}

// take notes how an attempt has ended: the next append makes it durable, and ends its hold with that.
func (d *delivery) take(h heard) {
	live, p, out := h.live, h.p, h.out
	a := d.history.Attempt(p.Attempt)
	a.Posted, a.Redirect = out, out.Private.Redirect
	d.carry = append(d.carry, out)
	switch out.Outcome {
	case lead.Accepted:
		d.quote.Fill(p.Payout)
		d.commit = append(d.commit, p.Attempt)
		live.Accepted.Add(1)
		live.RevenueMicros.Add(int64(out.Price))
		live.PayoutMicros.Add(int64(out.Payout))
	case lead.TestAccepted:
		d.quote.Fill(p.Payout)
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
	if call.Refusal != lead.NoRefusal {
		out.Outcome, out.Refusal = lead.Unknown, call.Refusal
		if !call.Sent {
			out.Outcome = lead.NotSent
		}
		if len(call.Body) > 0 {
			out.Private.Answer = newBody(call.Body)
		}
		return r
	}
	out.Private.Answer = newBody(call.Body)
	r = read(live.Campaign.Post.Answer, call)
	out.Outcome, out.Refusal = r.Outcome, r.Refusal
	out.Reason, out.Reference = string(r.Reason), string(r.Reference)
	if r.HasPrice && !r.Fallback {
		out.AnswerPrice = r.Price
	}
	out.AnswerPriceText = string(r.PriceSaid)
	if r.Outcome != lead.Accepted {
		return r
	}
	out.Price, out.Payout, out.Private.Redirect = p.Price, p.Payout, string(r.Redirect)
	if booksAnswer(p, live) && r.HasPrice {
		out.Price = r.Price
		if t := p.Terms; t != nil && t.PayoutFollows {
			out.Payout = history.MarginOf(t).Payout(r.Price)
		}
	}
	return r
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
