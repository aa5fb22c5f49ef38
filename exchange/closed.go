// SPDX-License-Identifier: Apache-2.0

package exchange

import "time"

// keepOpen leaves out the campaigns that are closed. They do not stand in the event: what keeps them closed does not
// hang on state, and is told again when somebody asks. A test is asked at any time.
func (p *Ping) keepOpen(now time.Time) {
	if p.Test.On {
		return
	}
	n, at := 0, now.Unix()
	p.shut = p.shut[:0]
	for _, ci := range p.eligible {
		l := p.on.campaigns[ci]
		if !l.hours.open(at) {
			l.ClosedSkips.Add(1)
			if l.standsBy() && l.Defer.Closed {
				p.shut = append(p.shut, ci)
			}
			continue
		}
		p.eligible[n] = ci
		n++
	}
	p.eligible = p.eligible[:n]
}

// closed says no to a lead that comes outside its source's hours. Like a pause it takes nothing; but the repeat of what
// was taken before is answered as ever, and so is the post of a quote.
func (e *Exchange) closed(p *Ping) *Fault {
	now := e.now()
	if p.Test.On || p.on.source[p.Source.ID].hours.open(now.Unix()) {
		return nil
	}
	return sourceClosed(p.Source.Schedule, now)
}

// Hours tells why the campaign is closed and when it opens; empty while it is open.
func (l *LiveCampaign) Hours(now time.Time) (text string) {
	if l.hours.open(now.Unix()) {
		return ""
	}
	for _, x := range l.Closed(now) {
		if text != "" {
			text += "; "
		}
		text += x.Why
	}
	return text
}

// SourceHours tells why a source is closed and when it opens; empty while it is open, and of one that there is not.
func (e *Exchange) SourceHours(id string, now time.Time) string {
	s := e.inForce.Load().source[id]
	if s == nil || s.hours.open(now.Unix()) {
		return ""
	}
	return s.Schedule.Explain(now)
}
