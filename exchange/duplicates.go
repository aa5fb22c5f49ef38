// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"slices"
	"time"

	"clearpost/buyers"
	"clearpost/capstore"
	"clearpost/exchange/history"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/rules"
)

// A duplicate rule is looked at twice: by the ping, which asks nobody in vain, and by the hold of each attempt, which
// alone decides. The marks of leads stand in their postings; what became of those the leads' histories tell, so that a
// resolution, a correction or a crash needs nothing of its own here.

// UniquesOf lists the duplicate rules of a configuration.
func UniquesOf(c *Config) (out []rules.Unique) {
	for _, v := range c.Verticals {
		out = append(out, v.Uniques...)
	}
	for _, s := range c.Sources {
		out = append(out, s.Uniques...)
	}
	for i := range c.Parents {
		out = append(out, c.Parents[i].Uniques...)
	}
	if c.Book != nil {
		for _, b := range c.Book.Buyers {
			out = append(out, b.Uniques...)
		}
		for _, p := range c.Book.Campaigns {
			out = append(out, p.Uniques[:len(p.Uniques)-len(p.Buyer.Uniques)]...)
		}
	}
	return out
}

// withRules adds duplicate rules, which find leads of a schema.
func (c counters) withRules(list []rules.Unique, s *lead.Schema) counters {
	for _, u := range list {
		if s != nil {
			u, _ = u.In(s) // what is wrong was told when the configuration was read
		}
		c.once = append(c.once, u)
	}
	return c
}

// before finds another lead that has a mark, and counts by it: the store asks it for those whose holds have ended. Who
// was posted so often that not all of it can be looked at counts as one who was had, whatever became of that.
func (e *Exchange) before(m *capstore.Mark, of lead.ID, now time.Time) (first lead.ID, known bool, err error) {
	for _, name := range m.Names {
		all := e.led.Marked(m.Rule, name, now.Add(-m.Window))
		for _, o := range all {
			switch {
			case o.Lead.IsZero():
				return noLead, true, nil
			case o.Lead == of:
				continue
			}
			h, err := e.history(o.Lead)
			if err != nil {
				return noLead, false, err
			}
			if hasMark(h, m, name, now) {
				return o.Lead, true, nil
			}
		}
		if len(all) == ledger.MarkedMax {
			return all[0].Lead, true, nil
		}
	}
	return noLead, false, nil
}

// hasMark tells whether a lead counts by a mark: it was posted under it within the time, and is sold, or may be, or
// that it was posted is enough.
func hasMark(h *history.History, m *capstore.Mark, name string, now time.Time) bool {
	for i := range h.Attempts {
		a := &h.Attempts[i]
		if now.Sub(a.Posting.At) >= m.Window || !slices.ContainsFunc(a.Posting.Private.Marks, func(k ledger.Mark) bool {
			return k.Rule == m.Rule && slices.Contains(k.Names, name)
		}) {
			continue
		}
		if o := a.Outcome(); o.Standing() || m.Posted && o != lead.NotSent {
			return true
		}
	}
	return false
}

// knownAs is by what a ping's lead is known under a key.
type knownAs struct {
	key   rules.PersonKey
	names []string
}

// namesOf are the names of the lead under a key, found once a ping.
func (p *Ping) namesOf(key rules.PersonKey) []string {
	for i := range p.known {
		if slices.Equal(p.known[i].key, key) {
			return p.known[i].names
		}
	}
	k := knownAs{key: key}
	if slices.Equal(p.rule.Key, key) && p.who.Person != "" {
		k.names = append(append(k.names, p.who.Person), p.who.Also...)
	} else if person, also := key.Identify(&p.Lead); person != "" {
		k.names = append(append(k.names, person), also...)
	}
	p.known = append(p.known, k)
	return k.names
}

// had finds the rule of some by which the lead is a duplicate, as far as the ping tells who it is about.
func (e *Exchange) had(p *Ping, list []rules.Unique) (u *rules.Unique, first lead.ID, err error) {
	now := e.now()
	for i := range list {
		u := &list[i]
		names := p.namesOf(u.Key)
		if len(names) == 0 {
			continue
		}
		m := markOf(u, names)
		first, known, err := e.before(&m, noLead, now)
		if err != nil || known {
			return u, first, err
		}
	}
	return nil, noLead, nil
}

func markOf(u *rules.Unique, names []string) capstore.Mark {
	return capstore.Mark{Rule: u.Rule, Names: names, Window: u.Window, Posted: u.Posted}
}

// duplicate tells why a campaign is not asked about a lead that it, its buyer or that one's parents have had.
func (e *Exchange) duplicate(p *Ping, l *LiveCampaign, b *ledger.Bid) lead.Refusal {
	if len(l.counters.once) == 0 || p.Test.On || p.assumed != nil {
		return lead.NoRefusal
	}
	u, first, err := e.had(p, l.counters.once)
	switch {
	case err != nil:
		e.log.Error("look for duplicates", "err", err)
		return lead.StoreAway
	case u == nil:
		return lead.NoRefusal
	}
	b.Repeats = repeats(u.Rule, first)
	return lead.DuplicateRule
}

func repeats(rule string, first lead.ID) (out ledger.Repeats) {
	if out.Rule = rule; !first.IsZero() {
		out.First = first.String()
	}
	return out
}

// duplicateHere tells what the seller hears of a lead that its source or vertical has sold before, "" if there is none.
func (e *Exchange) duplicateHere(p *Ping) (details string, f *Fault) {
	if p.Test.On {
		return "", nil
	}
	for _, c := range [...]counters{p.index.sellers[p.Source.ID], p.index.counters} {
		u, _, err := e.had(p, c.once)
		switch {
		case err != nil:
			e.log.Error("look for duplicates", "err", err)
			return "", unavailable(errUnread)
		case u != nil:
			return "Lead previously sold (" + u.Rule + ")", nil
		}
	}
	return "", nil
}

// marks are by what an attempt of a campaign is known to those that take nobody twice: by the rules of its own
// configuration, and by those in force.
func (d *delivery) marks(l *LiveCampaign) (out []capstore.Mark) {
	d.eachCounters(l, func(c *counters, as *lead.Lead) {
		for i := range c.once {
			u := &c.once[i]
			var names []string
			u.Each(as, func(name string) { names = append(names, name) })
			if len(names) > 0 {
				out = append(out, markOf(u, names))
			}
		}
	})
	return out
}

// recorded are marks as a posting has them, each rule once, with all names that it knows the lead by: two
// configurations may differ in whether hashes stand for its fields.
func recorded(marks []capstore.Mark) (out []ledger.Mark) {
next:
	for _, m := range marks {
		for i := range out {
			if out[i].Rule != m.Rule {
				continue
			}
			for _, name := range m.Names {
				if !slices.Contains(out[i].Names, name) {
					out[i].Names = append(slices.Clip(out[i].Names), name)
				}
			}
			continue next
		}
		out = append(out, ledger.Mark{Rule: m.Rule, Names: m.Names})
	}
	return out
}

// heldMarks are the marks of a posting as its hold has them.
func heldMarks(p *ledger.Posting) (out []capstore.Mark) {
	for _, m := range p.Private.Marks {
		out = append(out, capstore.Mark{Rule: m.Rule, Names: m.Names})
	}
	return out
}

// repeated tells in words what a lead repeats.
func repeated(r *ledger.Repeats) string {
	first := "a lead of another system"
	if r.First != "" {
		first = "lead " + r.First
	}
	return "the duplicate rule " + r.Rule + ": " + first + " was before it"
}

// ruled tells whether a campaign, its buyer or that one's parents have a duplicate rule.
func (snap *Snapshot) ruled(c *buyers.Campaign, rule string) bool {
	is := func(u rules.Unique) bool { return u.Rule == rule }
	return slices.ContainsFunc(c.Uniques, is) || slices.ContainsFunc(ParentsOf(&snap.cfg)(c.Buyer),
		func(p *Parent) bool { return slices.ContainsFunc(p.Uniques, is) })
}
