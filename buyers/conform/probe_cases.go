// SPDX-License-Identifier: Apache-2.0

package conform

import (
	"bytes"
	"fmt"
	"time"

	"clearpost/buyers"
	"clearpost/lead"
	"clearpost/wire/request"
)

// cases are run in this order.
var cases = []struct {
	name string
	run  func(*probe) (Verdict, string)
}{
	{"valid", (*probe).valid},
	{"price kept", (*probe).priceKept},
	{"missing field", (*probe).missingField},
	{"malformed", (*probe).malformed},
	{"duplicate", (*probe).duplicate},
	{"double post", (*probe).doublePost},
	{"wrong token", (*probe).wrongToken},
	{"latency", (*probe).latency},
	{"keep-alive", (*probe).keepAlive},
}

// sale carries one new lead through ping and post.
func (p *probe) sale(in request.Inputs) (bid, post *result, verdict Verdict, note string) {
	if bid, verdict, note = p.bid(&in); verdict != "" {
		return nil, nil, verdict, note
	}
	post, err := p.deliver(in, bid)
	switch {
	case err != nil:
		return nil, nil, Fail, "the post cannot be rendered: " + err.Error()
	case post.sold():
		return bid, post, "", ""
	case post.no():
		return nil, nil, Unclear, "the test lead is refused: " + post.why()
	case post.open() && (post.receipt.Refusal == lead.UnclearAnswer || post.receipt.Refusal == lead.Queued):
		return nil, nil, Unclear, leftUnknown("the test lead", post)
	}
	return nil, nil, Fail, "the post: " + post.why()
}

// valid: a lead that the buyer may want is bid on and bought; the post carries the ping's token.
func (p *probe) valid() (Verdict, string) {
	bid, post, verdict, note := p.sale(p.inputs(p.next()))
	if verdict != "" {
		return verdict, note
	}
	note = "post " + post.why()
	if bid != nil {
		note = "ping " + bid.why() + ", " + note
	}
	if p.cfg.Campaign.Post.Request.NeedsToken() {
		note += ", the token carried"
	}
	return Pass, note
}

// priceKept: what the post pays is what the ping bid.
func (p *probe) priceKept() (Verdict, string) {
	if p.ping == nil {
		return Skipped, "the campaign has no ping"
	}
	bid, post, verdict, note := p.sale(p.inputs(p.next()))
	switch {
	case verdict != "":
		return verdict, note
	case !bid.receipt.HasPrice || !post.receipt.HasPrice:
		return Skipped, "ping and post do not both name a price"
	case post.receipt.Price < bid.receipt.Price && p.cfg.Campaign.PayPostPrice:
		return Unclear, fmt.Sprintf("bid %s, paid %s: `pay: post_price` books what is paid", bid.receipt.Price,
			post.receipt.Price)
	case post.receipt.Price < bid.receipt.Price:
		return Fail, fmt.Sprintf("bid %s, paid %s", bid.receipt.Price, post.receipt.Price)
	}
	return Pass, fmt.Sprintf("bid %s, paid %s", bid.receipt.Price, post.receipt.Price)
}

// missingField: a post without a field that the vertical requires is refused, in words that the campaign understands.
func (p *probe) missingField() (Verdict, string) {
	s := p.cfg.Lead.Schema()
	for pos := range s.Fields {
		uses := p.cfg.Campaign.Post.Request.Uses().Has(pos) &&
			(p.ping == nil || !p.cfg.Campaign.Ping.Request.Uses().Has(pos))
		if s.Fields[pos].Required == 0 || !uses || p.cfg.Lead.Slot(pos).State == lead.Missing {
			continue
		}
		in := p.inputs(p.next(pos))
		bid, verdict, note := p.bid(&in)
		if verdict != "" {
			return verdict, note
		}
		post, err := p.deliver(in, bid)
		if err != nil {
			return Fail, err.Error()
		}
		return refused(post, "a lead without "+s.Fields[pos].Name)
	}
	return Skipped, "the post has no required field of its own"
}

// leftUnknown tells of an answer to a post that proves nothing: a rule or a reason of the campaign should say what it
// means.
func leftUnknown(what string, r *result) string {
	return what + " has an answer that leaves the outcome unknown (" + r.receipt.Doubt +
		"); a rule, a reason or not_taken can say what it means: " + r.why()
}

// refused judges an answer that should be a no.
func refused(r *result, what string) (Verdict, string) {
	switch {
	case r.sold():
		return Fail, what + " is bought"
	case r.no():
		return Pass, what + " is refused: " + r.why()
	case r.open() && r.call.Status < 500:
		return Unclear, leftUnknown(what, r)
	case r.call.Refusal == lead.NoRefusal && r.call.Status < 500:
		return Unclear, what + " has an answer that no rule knows: " + r.why()
	}
	return Fail, what + ": " + r.why()
}

// malformed: a body cut in its middle is refused and does no harm.
func (p *probe) malformed() (Verdict, string) {
	in := p.inputs(p.next())
	in.Attempt, in.Token, in.Close = p.id(), []byte("none"), true
	e := p.cfg.Campaign.Post
	req, err := e.Request.AppendHTTP(nil, &in)
	if err != nil {
		return Fail, err.Error()
	}
	head, body, _ := bytes.Cut(req, []byte("\r\n\r\n"))
	if len(body) < 2 {
		return Skipped, "the request has no body"
	}
	cut := func(b []byte) []byte {
		head, body, _ := bytes.Cut(b, []byte("\r\n\r\n"))
		length := fmt.Appendf(nil, "Content-Length: %d", len(body))
		body = body[:len(body)/2]
		head = bytes.Replace(head, length, fmt.Appendf(nil, "Content-Length: %d", len(body)), 1)
		return append(append(bytes.Clone(head), "\r\n\r\n"...), body...)
	}
	shown, err := e.Request.AppendRedacted(nil, &in)
	if err != nil || len(head) == 0 {
		return Fail, "the request cannot be shown"
	}
	r := p.raw("post", e, cut(req), string(cut(shown)), p.once)
	if !r.sold() && r.call.Refusal == lead.NoRefusal && r.call.Status >= 500 {
		return Unclear, fmt.Sprintf("a body cut in its middle gives status %d; better a 4xx", r.call.Status)
	}
	return refused(r, "a body cut in its middle")
}

// duplicate: the same person a second time is refused as a duplicate.
func (p *probe) duplicate() (Verdict, string) {
	l := p.next()
	if _, _, verdict, note := p.sale(p.inputs(l)); verdict != "" {
		return verdict, note
	}
	in := p.inputs(l)
	var bid *result
	if p.ping != nil {
		again, err := p.offer(&in)
		if err != nil {
			return Fail, err.Error()
		}
		if again.no() {
			return Pass, "no bid on it a second time: " + again.why()
		}
		if !again.sold() {
			return Fail, "the second ping: " + again.why()
		}
		bid = again
	}
	post, err := p.deliver(in, bid)
	switch {
	case err != nil:
		return Fail, err.Error()
	case post.sold():
		return Fail, "the same person is bought twice"
	case post.receipt.Outcome == lead.Duplicate:
		return Pass, "refused as a duplicate"
	case post.no():
		return Unclear, "refused, but not as a duplicate: " + post.why()
	case post.open() && post.call.Status < 500:
		return Unclear, leftUnknown("the second post", post)
	}
	return Fail, "the second post: " + post.why()
}

// doublePost: the very same post twice, as after a lost answer, sells once.
func (p *probe) doublePost() (Verdict, string) {
	in := p.inputs(p.next())
	bid, verdict, note := p.bid(&in)
	if verdict != "" {
		return verdict, note
	}
	in.Attempt, in.Close = p.id(), true
	if bid != nil {
		in.Token, in.Price = bid.receipt.Token, bid.receipt.Price
		if p.cfg.Campaign.Fixed {
			in.Price = p.cfg.Campaign.Price
		}
	}
	s, err := shapeOf(p.cfg.Campaign.Post, in, lead.AtPost)
	if err != nil {
		return Fail, "the post cannot be rendered: " + err.Error()
	}
	hasKey := len(s.key) > 0
	first, err := p.send(&in)
	if err != nil {
		return Fail, err.Error()
	}
	if !first.sold() {
		if first.no() {
			return Unclear, "the test lead is refused: " + first.why()
		}
		return Fail, "the first post: " + first.why()
	}
	second, err := p.send(&in)
	if err != nil {
		return Fail, err.Error()
	}
	same := bytes.Equal(first.receipt.Reference, second.receipt.Reference) && len(first.receipt.Reference) > 0
	switch {
	case second.sold() && same:
		return Pass, "the same answer twice, reference " + fmt.Sprintf("%q", second.receipt.Reference)
	case second.sold() && len(second.receipt.Reference) > 0:
		return Fail, fmt.Sprintf("bought twice: references %q and %q", first.receipt.Reference,
			second.receipt.Reference)
	case second.sold():
		return Unclear, "accepted twice, and no reference tells whether it is one sale"
	case second.receipt.Outcome == lead.Duplicate && !hasKey:
		return Pass, "the post carries no key of its own; the second one is refused as a duplicate"
	case second.no():
		return Unclear, "the second one is refused: " + second.why() +
			"; so a lost answer cannot be found out by sending again"
	case second.open() && second.call.Status < 500:
		return Unclear, leftUnknown("the second post", second)
	}
	return Fail, "the second post: " + second.why()
}

// wrongToken: a token that no ping was given is refused.
func (p *probe) wrongToken() (Verdict, string) {
	if !p.cfg.Campaign.Post.Request.NeedsToken() {
		return Skipped, "the post carries no token"
	}
	in := p.inputs(p.next())
	in.Attempt, in.Token, in.Close, in.Price = p.id(), []byte("no-such-token-"+p.id().String()[24:]), true,
		buyers.ExamplePrice
	post, err := p.send(&in)
	if err != nil {
		return Fail, err.Error()
	}
	return refused(post, "a token that was never given")
}

// latency: answers come well within the campaign's own limit.
func (p *probe) latency() (Verdict, string) {
	e, n := p.cfg.Campaign.Ping, p.cfg.Pings
	if p.ping == nil {
		e, n = p.cfg.Campaign.Post, min(n, 5) // each may be a sale
	}
	var took []time.Duration
	late, slow := 0, 0
	for range n {
		if p.ctx.Err() != nil {
			break
		}
		in := p.inputs(p.next())
		var r *result
		var err error
		if p.ping != nil {
			r, err = p.offer(&in)
		} else {
			r, err = p.deliver(in, nil)
		}
		switch {
		case err != nil:
			return Fail, err.Error()
		case r.call.Refusal == lead.TimedOut:
			late++
			continue
		case r.call.Refusal != lead.NoRefusal:
			return Fail, r.why()
		case r.call.Took > e.Timeout*8/10:
			slow++
		}
		took = append(took, r.call.Took)
	}
	if len(took) == 0 {
		return Fail, fmt.Sprintf("no answer within %s", e.Timeout)
	}
	note := fmt.Sprintf("%s; the limit is %s", latencies(took), e.Timeout)
	switch {
	case late > 0:
		return Fail, fmt.Sprintf("%d of %d timed out; %s", late, n, note)
	case slow > 0:
		return Unclear, fmt.Sprintf("%d of %d needed more than 80 %% of the limit; %s", slow, n, note)
	}
	return Pass, note
}

// keepAlive: connections are kept between pings. What the pings before have left is counted from here on.
func (p *probe) keepAlive() (Verdict, string) {
	if p.ping == nil {
		return Skipped, "posts go over connections of their own"
	}
	before := p.ping.Stats()
	const n = 5
	for range n {
		in := p.inputs(p.next())
		r, err := p.offer(&in)
		if err != nil {
			return Fail, err.Error()
		}
		if r.call.Refusal != lead.NoRefusal {
			return Fail, r.why()
		}
	}
	after := p.ping.Stats()
	dials, again := after.Dials-before.Dials, after.Retries-before.Retries
	switch {
	case again > 0:
		return Unclear, fmt.Sprintf("%d of %d pings met a connection that was being closed and were sent again", again,
			n)
	case dials > 1:
		return Unclear, fmt.Sprintf(
			"%d connections for %d pings: the server closes them, and each ping pays for a new one", dials, n)
	}
	return Pass, fmt.Sprintf("%d pings over a connection that is kept", n)
}
