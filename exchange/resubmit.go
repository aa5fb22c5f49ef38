// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"errors"
	"fmt"
	"slices"

	"clearpost/exchange/history"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/rules"
)

// A lead that nobody has bought may be offered anew, with other values or in another vertical. That is a lead of its
// own, whole and in one shot, of the same source and as old as the first one. The two know of each other by two events
// that are stored as one group with the first of the new trip: a crash leaves both or neither, and a lead that has gone
// on once does not do so again.

// Resubmission says how an unsold lead is offered anew.
type Resubmission struct {
	Lead     lead.ID
	Set      map[string]string // values by field, as sellers write them; "" takes a value away
	Vertical string            // to offer it in; "": its own
	// where a field of the vertical gets its value from, by its name: another field of the old lead. Fields that are
	// not named get that of the same name
	Map     map[string]string
	Ref     string // what its maker knows it by
	Why, By string
	DryRun  bool // tell only
	HopsMax int  // how often the lead may have been resubmitted then, this time included; 0: ResubmitHopsMost
}

// Resubmitted is what became of that.
type Resubmitted struct {
	Lead     lead.ID  `json:"lead_id"`
	As       string   `json:"resubmitted_as,omitempty"` // the new lead's id; "" of a dry run
	Known    bool     `json:"known,omitempty"`          // it had been before: nothing was done
	Vertical string   `json:"vertical"`
	Hop      int      `json:"hop"`
	Changed  []string `json:"changed,omitempty"`
	Dropped  []string `json:"dropped,omitempty"`
	// dry run: the campaigns whose criteria it meets, and that take leads as old as it is
	Wanted []string `json:"wanted_by,omitempty"`
	Answer *Answer  `json:"answer,omitempty"` // what its seller hears of the new lead
}

// ResubmitHopsMost is how often a lead may be resubmitted, each time as the lead that it was then.
const ResubmitHopsMost = 10

// Errors of Resubmit. A *Fault is one that any lead may meet.
var (
	ErrNoLead      = errors.New("there is no such lead")
	ErrNotUnsold   = errors.New("the lead cannot be resubmitted")
	ErrResubmitted = errors.New("the lead was resubmitted before")
	ErrResubmitTo  = errors.New("the lead cannot be offered like this")
)

// Resubmit offers an unsold lead anew. When it returns nil that is in the ledger. A lead that was resubmitted is not
// once more: what it became may be.
func (e *Exchange) Resubmit(r Resubmission) (out Resubmitted, err error) {
	t, held := &underWay{done: make(chan struct{})}, e.claims.In()
	defer held.Release()
	if _, ok := held.Take(leadName(r.Lead), t); !ok {
		return out, ErrUnderWay
	}
	h, err := e.history(r.Lead)
	if err != nil {
		return out, err
	}
	if h.Resubmitted != nil {
		return e.wentOn(h, &r)
	}
	if err := e.mayGoOn(h, &r); err != nil {
		return out, err
	}
	p, link, err := e.anew(h, &r)
	if err != nil {
		return out, err
	}
	defer e.Release(p)
	out = Resubmitted{Lead: h.ID, Vertical: p.Vertical.ID, Hop: link.Hop, Changed: link.Changed, Dropped: link.Dropped}
	if f := e.admit(p, lead.AtPing|lead.AtPost); f != nil {
		return out, f
	}
	if r.DryRun {
		out.Wanted = e.wantedBy(p, link)
		return out, nil
	}
	reply, f := e.leadAgain(p, h, link, held, t)
	if f != nil {
		return out, f
	}
	a := reply.Answer()
	out.As, out.Answer = reply.LeadID.String(), &a
	return out, nil
}

// mayGoOn tells why a lead may not be offered anew: it is sold or may be, is on its way, or has come this way too
// often.
func (e *Exchange) mayGoOn(h *history.History, r *Resubmission) error {
	no := func(why string) error { return fmt.Errorf("%w: %s", ErrNotUnsold, why) }
	switch {
	case h.Pinged == nil:
		return ErrNoLead
	case h.Pinged.Test:
		return no("it is a test")
	case e.inherits(h):
		return no("it came to the exchange whose ledger was taken over")
	case slices.ContainsFunc(h.Attempts, func(a history.Attempt) bool {
		return a.Outcome() == lead.Unknown && a.Posting.Batch
	}):
		return no("it waits in a file, or is on its way in one")
	case h.Open():
		return no("the outcome of an attempt is not known yet: resolve it first")
	case h.Waiting != nil:
		return no("it waits in the queue: queue move offers it to somebody else, queue drop takes it off")
	case slices.ContainsFunc(h.Attempts, func(a history.Attempt) bool { return a.Returned() }):
		return no("it was sold and given back")
	case h.Standing():
		return no("it is sold")
	case h.Settled == nil && h.Post == nil && h.Pinged.Mode == ledger.ModePing:
		return no("only its ping came: nobody has the whole lead")
	case !h.Failed():
		return no("its seller has no answer yet")
	}
	most := ResubmitHopsMost
	if r.HopsMax > 0 {
		most = min(most, r.HopsMax)
	}
	if p := h.Pinged.Resubmits; p != nil && p.Hop >= most {
		return no(fmt.Sprintf("it was resubmitted %d times, and %d are allowed", p.Hop, most))
	}
	return nil
}

// wentOn answers for a lead that was resubmitted before.
func (e *Exchange) wentOn(h *history.History, r *Resubmission) (out Resubmitted, err error) {
	was := h.Resubmitted
	link := was.Resubmission
	if was.Ref != r.Ref && r.Ref != "" {
		return out, fmt.Errorf("%w, as lead %s, under ref %q: resubmit that one", ErrResubmitted, link.Lead, was.Ref)
	}
	out = Resubmitted{Lead: h.ID, As: link.Lead.String(), Known: true, Vertical: h.Settled.Vertical, Hop: link.Hop,
		Changed: link.Changed, Dropped: link.Dropped}
	if link.Vertical != "" {
		out.Vertical = link.Vertical
	}
	next, err := e.history(link.Lead)
	if err != nil || next.Pinged == nil {
		return out, err
	}
	reply, f := e.statusOf(next)
	if f != nil {
		return out, f
	}
	a := reply.Answer()
	out.Answer = &a
	return out, nil
}

// anew makes the whole lead that another one is offered as, and the link between the two as the new one has it. It must
// be given back with Release.
func (e *Exchange) anew(h *history.History, r *Resubmission) (*Ping, *ledger.Resubmission, error) {
	on, now := e.inForce.Load(), micros(e.now())
	no := func(why string, args ...any) (*Ping, *ledger.Resubmission, error) {
		return nil, nil, fmt.Errorf("%w: %s", ErrResubmitTo, fmt.Sprintf(why, args...))
	}
	id := h.Pinged.Vertical
	if r.Vertical != "" {
		id = r.Vertical
	}
	v, s := on.Vertical(id), on.source[h.Pinged.Source]
	switch {
	case s == nil:
		return no("its source %q is not configured any more", h.Pinged.Source)
	case v == nil:
		return no("there is no vertical %q", id)
	case !slices.Contains(s.Verticals, id):
		return no("its source %s may not send leads of %s: add it to the source's `verticals`", s.ID, id)
	}
	link := &ledger.Resubmission{Lead: h.ID, First: h.ID, ReceivedAt: micros(h.Received()), Hop: 1, Ref: r.Ref,
		Why: r.Why, By: r.By}
	if before := h.Pinged.Resubmits; before != nil {
		link.First, link.Hop = before.First, before.Hop+1
	}
	if id != h.Pinged.Vertical {
		link.Vertical = h.Pinged.Vertical
	}
	p := e.NewPing(on, s.Source, v)
	p.SellerLeadID, p.ReceivedAt = h.Seller(), now
	if v.Currency == h.Pinged.Currency {
		p.MinPrice = h.Pinged.MinPrice
	}
	if v.KeepUnknown {
		p.Extra = slices.Concat(h.Pinged.Private.Unknown, h.Private.Unknown)
	}
	p.Lead.SetNow(now)
	c := carrier{of: recordedOf(h), to: &p.Lead, how: r}
	if err := c.carry(link); err != nil {
		e.Release(p)
		return nil, nil, fmt.Errorf("%w: %w", ErrResubmitTo, err)
	}
	return p, link, nil
}

// soldAnew tells in words of a lead of the same chain of resubmissions that is sold, or may be; "" if there is none.
func (e *Exchange) soldAnew(h *history.History) (string, error) {
	look := func(id lead.ID) (*history.History, string, error) {
		o, err := e.history(id)
		if err != nil || o.Pinged == nil || !o.Standing() {
			return o, "", err
		}
		return o, fmt.Sprintf("it was resubmitted, and as lead %s it is sold, or may be", id), nil
	}
	at := h
	for at.Pinged != nil && at.Resubmitted != nil {
		o, why, err := look(at.Resubmitted.Resubmission.Lead)
		if why != "" || err != nil {
			return why, err
		}
		at = o
	}
	at = h
	for at.Pinged != nil && at.Pinged.Resubmits != nil {
		o, why, err := look(at.Pinged.Resubmits.Lead)
		if why != "" || err != nil {
			return why, err
		}
		at = o
	}
	return "", nil
}

// leadAgain is the trip of a lead that is offered anew: that of a whole lead in one shot.
func (e *Exchange) leadAgain(p *Ping, h *history.History, link *ledger.Resubmission, held *heldClaims, t *underWay) (
	Reply, *Fault) {
	begin := e.begin(p)
	p.identify()
	if f := e.claimPerson(held, p.Source, p.Vertical, &p.who); f != nil {
		return Reply{}, f
	}
	if f := e.recognise(p, h.ID); f != nil {
		return Reply{}, f
	}
	if f := e.closed(p); f != nil {
		return Reply{}, f
	}
	now := e.open(p, ledger.ModeLead)
	p.event.Resubmits = link
	e.bid(p, now, begin)
	d := e.oneShot(p)
	back := *link
	back.Lead, back.Vertical, back.Ref, back.Why, back.By = p.id, "", "", "", ""
	if link.Vertical != "" {
		back.Vertical = p.Vertical.ID
	}
	d.before = append([]ledger.Event{&ledger.Adjusted{Head: p.on.head(ledger.KindAdjusted, h.ID, h.Pinged.Source,
		h.Pinged.Vertical, now), Adjustment: ledger.AdjustResubmitted, Ref: link.Ref, Why: link.Why, By: link.By,
		Resubmission: &back}}, d.before...)
	e.Stats.pinged(p, e.wall().Sub(begin))
	held.Take(leadName(p.id), t) // as with any lead that comes in one shot
	return e.run(t, d, begin, p.MaxWait, held.HandOver())
}

// wantedBy are the campaigns whose criteria a lead meets, and that take leads as old as it is.
func (e *Exchange) wantedBy(p *Ping, link *ledger.Resubmission) (out []string) {
	facts := rules.Facts{Lead: &p.Lead, Stage: lead.AtPing, Now: p.ReceivedAt, Source: p.Source.ID,
		Errors: &e.Stats.ExpressionErrors}
	p.event.Resubmits, p.event.At = link, p.ReceivedAt
	for _, ci := range p.index.eligible.Eligible(nil, &facts) {
		if l := p.on.campaigns[ci]; !p.tooOld(l) {
			out = append(out, l.ID)
		}
	}
	return out
}

// tooOld tells whether a lead that is offered anew is older than a campaign takes.
func (p *Ping) tooOld(l *LiveCampaign) bool {
	r := p.event.Resubmits
	return r != nil && micros(p.event.At).Sub(r.ReceivedAt) >= l.AgeMost(p.Vertical.PingTTL)
}

// recordedOf are the values of a lead as the ledger has them: in normal form, and as they were sent where that differs.
func recordedOf(h *history.History) [2]ledger.Fields {
	p := h.Pinged
	out := [2]ledger.Fields{slices.Concat(p.Fields, p.Private.Fields), slices.Concat(p.Raw, p.Private.Raw)}
	if h.Post != nil {
		out[0] = slices.Concat(out[0], h.Post.Fields, h.Private.Fields)
		out[1] = slices.Concat(out[1], h.Post.Raw, h.Private.Raw)
	}
	return out
}

// carrier brings the values of one lead to another.
type carrier struct {
	of  [2]ledger.Fields
	to  *lead.Lead
	how *Resubmission
}

// carry fills the new lead, and notes in the link what of it is otherwise.
func (c *carrier) carry(link *ledger.Resubmission) error {
	s := c.to.Schema()
	for _, names := range []map[string]string{c.how.Set, c.how.Map} {
		for name := range names {
			if _, ok := s.Position(name); !ok {
				return fmt.Errorf("%q: expected a field of vertical %s", name, s.Vertical)
			}
		}
	}
	for i := range s.Fields {
		c.field(i)
	}
	c.to.Finish()
	for i := range s.Fields {
		if c.to.Slot(i).State == lead.Missing || c.to.Slot(i).Made {
			continue
		}
		now, _ := c.to.Recorded(i)
		if was, ok := c.of[0].Get(s.Fields[i].Name); !ok || was != string(now) || lead.SSNMasked(was) {
			link.Changed = append(link.Changed, s.Fields[i].Name)
		}
	}
	for _, f := range c.of[0] {
		if pos, ok := s.Position(f.Name); !ok || c.to.Slot(pos).State == lead.Missing {
			link.Dropped = append(link.Dropped, f.Name)
		}
	}
	return nil
}

// field gives a field of the new lead its value. One that is derived from another is derived anew: an age is that of
// now.
func (c *carrier) field(i int) {
	f := &c.to.Schema().Fields[i]
	if text, ok := c.how.Set[f.Name]; ok {
		if text != "" {
			c.to.Set(i, []byte(text))
		}
		return
	}
	from, mapped := c.how.Map[f.Name]
	if !mapped {
		from = f.Name
	}
	if f.Derive != "" && !mapped {
		if origin, _, ok := c.to.Schema().Resolve(f.Derive); ok && c.has(c.to.Schema().Fields[origin].Name) {
			return
		}
	}
	if v, ok := c.of[0].Get(from); ok {
		raw := ledger.Fields{}
		if sent, ok := c.of[1].Get(from); ok {
			raw = ledger.Fields{{Name: f.Name, Value: sent}}
		}
		history.Fill(c.to, ledger.Fields{{Name: f.Name, Value: v}}, raw)
	}
}

// has tells whether a field of the new lead gets a value from what is given.
func (c *carrier) has(name string) bool {
	if text, ok := c.how.Set[name]; ok {
		return text != ""
	}
	if from, ok := c.how.Map[name]; ok {
		name = from
	}
	_, ok := c.of[0].Get(name)
	return ok
}
