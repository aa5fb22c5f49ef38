// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"time"

	"clearpost/exchange/history"
	"clearpost/lead"
)

// identify finds the rule for the ping's leads, and who it is about.
func (p *Ping) identify() {
	p.rule = p.Source.DedupeOf(p.Vertical)
	if !p.Test.On { // a test names nobody
		p.who = p.rule.identify(&p.Lead)
	}
}

// recognise says of a ping, or a one-shot lead, whether it is a repeat of another lead than self.
func (e *Exchange) recognise(p *Ping, self lead.ID) (f *Fault) {
	p.details, f = e.repeated(p.Source, p.Vertical, &p.who, self)
	if p.details == "" && f == nil {
		p.details, f = e.duplicateHere(p)
	}
	if p.details != "" {
		p.no = lead.LeadRepeated
		e.Stats.source(p.Source.ID).Repeated.Add(1)
	}
	return f
}

// repeated tells what the seller hears if a lead of the person is a repeat of an earlier one than self, "" if it is
// none. Of another source's lead nothing is told but that there was one.
func (e *Exchange) repeated(s *Source, v *Vertical, who *history.Identity, self lead.ID) (details string, f *Fault) {
	d := s.DedupeOf(v)
	if !d.refuses() {
		return "", nil
	}
	scope := d.scope(s)
	for i := range who.Names() {
		id, ok := e.led.ByPerson(scope, v.ID, who.Name(i))
		if !ok {
			continue
		}
		last, f := e.counts(d, id, self)
		if f != nil {
			return "", f
		}
		if last == nil && d.Refuse == RefuseSold {
			if last, f = e.lastSold(d, scope, v, who.Name(i), self); f != nil {
				return "", f
			}
		}
		switch {
		case last == nil:
		case last.Pinged.Source == s.ID:
			return "Lead previously received " + last.Received().UTC().Format(time.DateOnly), nil
		default:
			return "Lead previously received", nil
		}
	}
	return "", nil
}

// lastSold reads the person's last lead that is sold, or may be: also one that came before others that are not.
func (e *Exchange) lastSold(d *Dedupe, scope string, v *Vertical, person string, self lead.ID) (*history.History,
	*Fault) {
	for _, id := range e.led.SoldByPerson(scope, v.ID, person, e.now().Add(-d.Window)) {
		if last, f := e.counts(d, id, self); last != nil || f != nil {
			return last, f
		}
	}
	return nil, nil
}

func (d *Dedupe) scope(s *Source) string {
	if d.Scope == ScopeVertical {
		return ""
	}
	return s.ID
}

// counts reads an earlier lead; it is nil if a later one is no repeat of it. A lead whose events were dropped with age
// is forgotten.
func (e *Exchange) counts(d *Dedupe, id, self lead.ID) (*history.History, *Fault) {
	if id == self {
		return nil, nil
	}
	h, err := e.history(id)
	if err != nil {
		e.log.Error("read lead", "err", err)
		return nil, unavailable(errUnread)
	}
	if h.Pinged == nil || e.now().Sub(h.Received()) >= d.Window || d.Refuse == RefuseSold && !h.Standing() {
		return nil, nil
	}
	return h, nil
}
