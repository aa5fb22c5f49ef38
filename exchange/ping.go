// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"errors"
	"time"
	"unsafe"

	"clearpost/auction"
	"clearpost/exchange/history"
	"clearpost/exchange/limits"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/rules"
	"clearpost/wire/answer"
	"clearpost/wire/request"
	"clearpost/wire/transport"
)

// Ping is one inbound ping, or a one-shot lead, with all the memory that its auction needs. Get one from NewPing, fill
// the first group, call Ping or LeadNow, and give it back with Release. Nothing of it may be kept after that.
type Ping struct {
	Source         *Source
	Vertical       *Vertical
	Lead           lead.Lead
	SellerLeadID   string
	IdempotencyKey string
	BodyHash       string // of the request's body, when there is an IdempotencyKey
	MinPrice       lead.Money
	ReceivedAt     time.Time
	Waited         time.Duration // since ReceivedAt, when the trip begins: it is part of the time that buyers have
	MaxWait        time.Duration // one-shot: how long the answer may take, 0 = the vertical's time for posts
	Test           TestAsk
	Extra          Fields // what the schema does not know, as sent, where the vertical keeps it

	reply    Reply
	on       *Snapshot
	id       lead.ID
	rule     *Dedupe
	who      history.Identity
	what     content // what was sent, and the same in hexadecimal; empty where no repeat is looked for
	whatText string
	whatHex  [2 * len(content{})]byte
	flight   *flight      // guarded by the quote table's shard: who waits for this ping
	no       lead.Refusal // why there is no bid, if there is none
	details  string       // more of that, for the seller
	facts    rules.Facts  // by which criteria are judged
	eligible []int32
	bids     []ledger.Bid     // one per campaign that was asked, or not asked for a reason that hangs on state
	bidders  []*LiveCampaign  // by bid
	calls    []transport.Call // one per bid that has a call; reused
	live     []*transport.Call
	asked    []asked // by live call
	requests []byte
	entries  []auction.Bid
	result   auction.Result
	event    ledger.Pinged
	scratch  []byte
	inputs   request.Inputs
	waited   time.Duration // for buyers and for the ledger: not our own time
}

// NewPing hands out an empty Ping: its trip runs on the view, to which the source and the vertical belong.
func (e *Exchange) NewPing(on *Snapshot, s *Source, v *Vertical) *Ping {
	p := e.pings.Get().(*Ping)
	p.on, p.Source, p.Vertical = on, s, v
	p.Lead.Reset(v.Schema)
	return p
}

// What a Ping keeps for its next trip: one that was larger must not stay large for ever.
const (
	requestsKept = 64 << 10 // bytes of rendered requests, and of scratch
	callsKept    = 256
	answerTaken  = 4 << 10 // bytes of one answer
)

// trim lets go of what only an unusual trip needs.
func (p *Ping) trim() {
	if cap(p.requests) > requestsKept {
		p.requests = nil
	}
	if cap(p.scratch) > requestsKept {
		p.scratch = nil
	}
	if cap(p.calls) > callsKept {
		p.calls, p.live, p.asked, p.bids, p.bidders, p.eligible, p.entries, p.result = nil, nil, nil, nil, nil, nil,
			nil, auction.Result{}
	}
	for i := range p.calls {
		if c := &p.calls[i]; cap(c.Body) > answerTaken {
			c.Body = nil
		}
	}
	p.Lead.Trim(requestsKept)
}

// Release takes a Ping back.
func (e *Exchange) Release(p *Ping) {
	p.trim()
	*p = Ping{Lead: p.Lead, eligible: p.eligible[:0], bids: p.bids[:0], bidders: p.bidders[:0], calls: p.calls,
		live: p.live[:0], asked: p.asked[:0], requests: p.requests[:0], entries: p.entries[:0], result: p.result,
		scratch: p.scratch}
	e.pings.Put(p)
}

// Ping asks all buyers that may want the lead at once and answers with a quote or a failure. Without a Fault the answer
// is durable. A Fault consumed nothing.
func (e *Exchange) Ping(p *Ping) (Reply, *Fault) {
	begin := e.begin(p)
	if f := e.admit(p, lead.AtPing); f != nil {
		return Reply{}, f
	}
	if p.IdempotencyKey != "" {
		held := e.claims.In()
		defer held.Release()
		use := keyUse{p.Source, p.Vertical, ledger.ModePing, p.IdempotencyKey, p.BodyHash}
		if reply, f := e.claimKey(held, use, &underWay{}); f != nil {
			return Reply{}, f
		} else if reply != nil {
			return *reply, nil
		}
	}
	p.identify()
	f := e.recognise(p)
	switch {
	case f != nil:
	case p.shares():
		f = e.share(p, begin)
	default:
		f = e.ask(p, begin)
	}
	if f != nil {
		return Reply{}, f
	}
	e.rememberUnnamed(p)
	return p.reply, nil
}

// ask holds the auction of a ping and makes its answer durable.
func (e *Exchange) ask(p *Ping, begin time.Time) *Fault {
	if f := e.closed(p); f != nil {
		return f
	}
	now := e.open(p, ledger.ModePing)
	e.bid(p, now, begin)
	if f := e.record(p); f != nil {
		return f
	}
	e.Stats.pinged(p, e.wall().Sub(begin))
	return nil
}

// begin is when the ping came, by the wall clock.
func (e *Exchange) begin(p *Ping) time.Time { return e.wall().Add(-p.Waited) }

// bid finds what the lead is worth: nothing if it is a repeat, else what the auction says.
func (e *Exchange) bid(p *Ping, now, begin time.Time) {
	if p.no != lead.LeadRepeated {
		e.solicit(p, now, begin)
	}
	e.judge(p, p.MinPrice)
	p.quote()
}

// admit says no to what cannot be taken at all.
func (e *Exchange) admit(p *Ping, stage lead.Stage) *Fault {
	if err := e.Available(); err != nil {
		return unavailable(err)
	}
	if p.on.source[p.Source.ID].paused.Load() {
		return sourcePaused()
	}
	if !p.Lead.OK(stage) {
		return &Fault{Kind: FaultInvalid, Code: "invalid_lead", Message: "the lead has values that cannot be used",
			Errors: p.Lead.Problems(stage)}
	}
	return nil
}

// open gives the lead its id and begins its event.
func (e *Exchange) open(p *Ping, mode string) time.Time {
	now := e.now()
	p.id = ledger.NewID(now)
	p.event = ledger.Pinged{Head: p.on.head(ledger.KindPinged, p.id, p.Source.ID, p.Vertical.ID, now), Mode: mode,
		Currency: p.Vertical.Currency, ReceivedAt: p.ReceivedAt, SellerLeadID: p.SellerLeadID,
		IdempotencyKey: p.IdempotencyKey, BodyHash: p.BodyHash, From: &p.Lead}
	p.event.Private.Person, p.event.Private.Content = p.who.Person, p.whatText
	p.event.Private.Unknown, p.event.Test = p.Extra, p.Test.On
	return now
}

// solicit finds the campaigns that want the lead and asks those that bid by ping, all at once. Their time counts from
// when the lead came: begin, by the wall clock.
func (e *Exchange) solicit(p *Ping, now, begin time.Time) {
	p.no = lead.NoBids
	if p.Test.Want != lead.TestAny {
		return // the answer is known: nobody is asked
	}
	p.facts = rules.Facts{Lead: &p.Lead, Stage: lead.AtPing, Now: now, Source: p.Source.ID,
		Errors: &e.Stats.ExpressionErrors}
	p.eligible = p.on.vertical[p.Vertical.ID].eligible.Eligible(p.eligible[:0], &p.facts)
	if len(p.eligible) == 0 {
		p.no = lead.NoEligible
		return
	}
	if p.keepOpen(now); len(p.eligible) == 0 {
		p.no = lead.NoneOpen
		return
	}
	if cap(p.calls) < len(p.eligible) {
		p.calls = make([]transport.Call, len(p.eligible))
	}
	p.calls = p.calls[:cap(p.calls)]
	p.inputs = request.Inputs{Lead: &p.Lead, LeadID: p.id, Source: p.Source.ID, SourceName: p.Source.Name,
		Vertical: p.Vertical.ID, Left: p.Vertical.Plan.SellLimit, Test: p.Test.On, Now: now}
	p.makeRoom()
	start := e.wall()
	if p.Test.On {
		e.inviteTest(p, &p.inputs, start)
	} else {
		for _, ci := range p.eligible {
			e.invite(p, p.on.campaigns[ci], &p.inputs, start)
		}
	}
	if len(p.live) == 0 {
		return
	}
	start = e.wall()
	e.calls.Scatter(p.live, begin.Add(p.Vertical.PingDeadline))
	end := e.wall()
	p.waited += end.Sub(start)
	for i, c := range p.live {
		a := &p.asked[i]
		no := e.hear(p, &p.bids[a.bid], p.bidders[a.bid], c, a.bearer)
		l, v := p.bidders[a.bid], limits.VerdictOf(no)
		l.limits.breaker.End(a.pass, end, v)
		switch {
		case v == limits.CallBad:
			l.pingsWell.note(e, l, "pings", no, end)
		case v == limits.CallGood:
			l.pingsWell.note(e, l, "pings", lead.NoRefusal, end)
			l.Latency.add(c.Took)
		}
	}
	e.tellBids(p)
}

// asked is what belongs to a call.
type asked struct {
	bid    int32
	pass   limits.Pass
	bearer []byte
}

// makeRoom makes room for the requests to all eligible campaigns. A list that grew by doubling would hold them two or
// three times over: those that are rendered already stay where they are.
func (p *Ping) makeRoom() {
	need := 0
	for _, ci := range p.eligible {
		need += int(p.on.campaigns[ci].asks.Load())
	}
	if need += need / 16; cap(p.requests) < need {
		p.requests = make([]byte, 0, need)
	}
}

// invite adds a campaign's bid: the list price, a call to make, or why it is not asked.
func (e *Exchange) invite(p *Ping, l *LiveCampaign, in *request.Inputs, wall time.Time) {
	p.bids = append(p.bids, ledger.Bid{Campaign: l.ID, Buyer: l.Buyer.ID, MaxSold: l.MaxSold})
	p.bidders = append(p.bidders, l)
	b := &p.bids[len(p.bids)-1]
	if l.paused() {
		b.Refusal = lead.Paused
		l.PauseSkips.Add(1)
		return
	}
	for _, c := range l.counters {
		if !c.Room(in.Now) {
			b.Refusal = lead.CapReached
			l.CapSkips.Add(1)
			return
		}
	}
	if l.Fixed {
		b.Price, b.Fixed = l.Price, l.Ping == nil
	}
	if l.Ping == nil {
		return
	}
	if in.Bearer = l.pings.bearer(); in.Bearer == nil && l.pings.tokens != nil {
		b.Price, b.Refusal = 0, lead.AuthFailed
		l.AuthSkips.Add(1)
		return
	}
	leave, no := l.mayPing(wall)
	if no != lead.NoRefusal {
		b.Price, b.Refusal = 0, no
		return
	}
	at := len(p.requests)
	req, err := l.Ping.Request.AppendHTTP(p.requests, in)
	if err != nil {
		b.Refusal = unrendered(err)
		l.limits.breaker.End(leave, wall, limits.CallUntold)
		return
	}
	p.requests = req
	if n := int64(len(req) - at); n > l.asks.Load() {
		l.asks.Store(n)
	}
	c := &p.calls[len(p.live)]
	c.Reset()
	c.Target, c.Request, c.Timeout, c.Gate = l.pings.target, req[at:len(req):len(req)], l.Ping.Timeout, l.limits.gate
	c.Cookies = l.Post.Request.TakesCookies()
	p.live = append(p.live, c)
	p.asked = append(p.asked, asked{int32(len(p.bids) - 1), leave, in.Bearer})
	l.Asked.Add(1)
}

// hear turns a call's end into bids or a named refusal, which it returns. used is the access token that it carried.
func (e *Exchange) hear(p *Ping, b *ledger.Bid, l *LiveCampaign, c *transport.Call, used []byte) lead.Refusal {
	b.TookUS = c.Took.Microseconds()
	if c.Refusal != lead.NoRefusal {
		b.Price = 0
		b.Refusal = c.Refusal
		if c.Refusal == lead.TimedOut {
			l.Late.Add(1)
		} else {
			l.Errors.Add(1)
		}
		return b.Refusal
	}
	r := read(l.Ping.Answer, c)
	b.Reason = view(r.Reason)
	if l.pings.tokens != nil && unauthorized(c.Status) && r.Outcome != lead.Accepted {
		l.pings.tokens.Reject(used)
	}
	if r.Outcome != lead.Accepted {
		b.Price, b.Refusal = 0, r.Refusal
		if r.Refusal == lead.MalformedAnswer || r.Refusal == lead.UnclearAnswer {
			b.Answer = view(c.Body[:min(len(c.Body), answerKept)])
		}
		return b.Refusal
	}
	return e.takeBid(p, b, l, c, &r)
}

// read reads a complete HTTP answer. Where nothing but the connection's end ended the body, it may be only the
// beginning of one.
func read(a *answer.Answer, c *transport.Call) answer.Receipt {
	if c.Whole {
		return a.ReadWhole(c.Status, c.Type, c.Body)
	}
	return a.Read(c.Status, c.Type, c.Body)
}

// answerKept is how much of an answer that could not be read stands in the event.
const answerKept = 200

// judge runs the auction over the bids and puts their ranks, payouts and refusals into the event's list.
func (e *Exchange) judge(p *Ping, minPayout lead.Money) {
	book := p.on.cfg.Book
	for i := range p.bids {
		b, l := &p.bids[i], p.bidders[i]
		if b.Refusal == lead.NoRefusal {
			p.entries = append(p.entries, auction.Bid{Ref: int32(i), Buyer: l.Buyer.Index,
				Company: book.Company(l.Buyer), Groups: book.Groups(l.Buyer), Price: b.Price,
				MaxSold: b.MaxSold, Acceptance: l.acceptance(), Tie: auction.Tie(p.id, l.ID)})
		}
	}
	auction.Run(p.entries, auction.Terms{SellLimit: p.Vertical.Plan.SellLimit, Floor: p.Vertical.Plan.Floor,
		Margin: p.Source.Margin, MinPayout: minPayout}, &p.result)
	for rank, o := range p.result.Order {
		i := p.entries[o.Bid].Ref
		b := &p.bids[i]
		b.Rank, b.Winner, b.Payout = rank+1, o.Winner, o.Payout
		if o.Winner && !p.Test.On {
			p.bidders[i].Won.Add(1)
		}
	}
	for _, lost := range p.result.Lost {
		p.bids[p.entries[lost.Bid].Ref].Refusal = lost.Refusal
	}
}

// acceptance is the share of this campaign's attempts that ended in a sale, in ppm, pulled towards one half while they
// are few. It decides ties only.
func (l *LiveCampaign) acceptance() int64 {
	a, n := l.Accepted.Load(), l.Posted.Load()
	return (a + 5) * 1_000_000 / (n + 10)
}

// quote sets the event's and the seller's answer from the auction.
func (p *Ping) quote() {
	ev := &p.event
	ev.Bids = p.bids
	p.reply = Reply{LeadID: p.id, SellerLeadID: p.SellerLeadID, Quote: true, Currency: p.Vertical.Currency,
		Test: p.Test.On}
	price, sells := p.result.Payout, len(p.result.Order) > 0
	if p.Test.Want != lead.TestAny {
		price, sells = p.wanted()
	}
	if sells {
		ev.Result, ev.Price = ledger.ResultSuccess, price
		ev.ExpiresAt = p.quoteEnd(ev.At.Add(p.Vertical.PingTTL).Truncate(time.Microsecond))
		p.reply.Result, p.reply.Price, p.reply.ExpiresAt = ev.Result, ev.Price, ev.ExpiresAt
		return
	}
	r := p.no
	ev.Result, ev.Refusal, ev.Reason, ev.Details = ledger.ResultFailure, r, r.Info().Published, p.details
	if ev.Details == "" {
		ev.Details = r.Info().Meaning
	}
	p.reply.Result, p.reply.Refusal, p.reply.Details = ev.Result, r, ev.Details
}

// record makes the ping durable together with what comes with it.
func (e *Exchange) record(p *Ping) *Fault {
	start := e.wall()
	err := e.led.Append(&p.event)
	p.waited += e.wall().Sub(start)
	if err != nil {
		return e.lost(err)
	}
	return nil
}

// lost is the answer when an append failed before anything was sent.
func (e *Exchange) lost(err error) *Fault {
	if !errors.Is(err, ledger.ErrUncertain) {
		e.log.Error("append failed", "err", err)
	}
	f := unavailable(errors.New("the ledger could not take it"))
	f.Why = whyOf(err)
	return f
}

// view reads bytes as a string for as long as the ping's memory lasts.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
