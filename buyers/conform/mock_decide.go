// SPDX-License-Identifier: Apache-2.0

package conform

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"clearpost/lead"
)

// decide finds the answer to a well-formed request.
func (m *Mock) decide(s *side, got pairs) *reply {
	if m.cfg.Reject {
		return s.refuse("it refuses everything", lead.BuyerRejected, lead.NoBid)
	}
	for _, a := range s.answers {
		if a.shape != nil && a.shape.same(got) && a.receipt.Outcome != lead.Accepted {
			return &reply{a, a.spec.Body, "the lead of example " + strconv.Quote(a.name)}
		}
	}
	if name := s.shape.wrongHeader(got); name != "" {
		return s.refuse("the header "+name+" is not that of the configuration", lead.BuyerRejected, lead.NoBid)
	}
	if missing := s.shape.missing(got); len(missing) > 0 {
		return s.refuse("without "+strings.Join(missing, ", "), invalid, lead.BuyerRejected, lead.NoBid)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.tokens) > rememberMax || len(m.bought) > rememberMax || len(m.given) > rememberMax {
		m.forget()
	}
	if s == m.ping {
		out := m.fresh(s, s.exact(got))
		r := s.e.Answer.ReadWhole(out.answer.spec.Status, []byte(out.answer.spec.Type), []byte(out.body))
		m.tokens[string(r.Token)] = true
		for _, leg := range r.Legs {
			m.tokens[string(leg.Token)] = true // these are the example's own: a list of them is answered as it is
		}
		return out
	}
	return m.sell(s, got)
}

// sell answers a post that has all that it needs. m.mu is held.
func (m *Mock) sell(s *side, got pairs) *reply {
	key := got.of(s.shape.key)
	if was := m.given[key]; key != "" && was != nil {
		return &reply{was.answer, was.body, "the same post again"}
	}
	out := m.judge(s, got)
	if key != "" {
		m.given[key] = out
	}
	return out
}

func (m *Mock) judge(s *side, got pairs) *reply {
	for name := range s.shape.token {
		if v := got[name]; !m.tokens[v] {
			return s.refuse("a token that no ping was given", lead.BuyerBadToken, lead.BuyerRejected)
		}
	}
	who := s.shape.person
	if got.of(who) == "" {
		who = s.shape.filled
	}
	person := got.of(who)
	if m.bought[person] {
		return s.refuse("it has this lead already", lead.BuyerDuplicate, lead.BuyerRejected)
	}
	m.bought[person] = true
	return m.fresh(s, s.exact(got))
}

// exact is the accepting answer of the example whose lead this is, else the first that accepts.
func (s *side) exact(got pairs) *example {
	for _, a := range s.answers {
		if a.shape != nil && a.receipt.Outcome == lead.Accepted && a.shape.same(got) {
			return a
		}
	}
	return s.accept
}

// fresh gives an accepting answer with a token and a reference of its own. m.mu is held.
func (m *Mock) fresh(s *side, a *example) *reply {
	m.count++
	body := a.spec.Body
	for _, was := range []string{string(a.receipt.Token), string(a.receipt.Reference)} {
		if was == "" || !strings.Contains(body, was) {
			continue
		}
		to := numbering(was, m.count)
		next := strings.Replace(body, was, to, 1)
		r := s.e.Answer.ReadWhole(a.spec.Status, []byte(a.spec.Type), []byte(next))
		if r.Outcome == lead.Accepted && r.Price == a.receipt.Price &&
			(string(r.Token) == to || string(r.Reference) == to) {
			body = next
		}
	}
	return &reply{a, body, "as in example " + strconv.Quote(a.name)}
}

// numbering makes another text of the same kind.
func numbering(was string, n int) string {
	if v, err := strconv.ParseUint(was, 10, 60); err == nil && was[0] != '0' {
		return strconv.FormatUint(v+uint64(n), 10)
	}
	return was + "-" + strconv.Itoa(n)
}

// invalid stands for every refusal that finds fault with the lead's data.
const invalid = lead.BuyerInvalid

// refuse finds an example of one of some refusals, the best first, else of any refusal of a buyer's.
func (s *side) refuse(note string, wanted ...lead.Refusal) *reply {
	for _, no := range wanted {
		for _, a := range s.answers {
			if r := a.receipt; a.shape == nil && (r.Refusal == no || no == invalid && r.Outcome == lead.Invalid) {
				return &reply{a, a.spec.Body, note}
			}
		}
	}
	for _, a := range s.answers {
		if r := a.receipt; r.Refusal > 0 && r.Refusal < lead.Unreachable && r.Refusal != lead.BuyerDuplicate &&
			r.Refusal != lead.BuyerBadToken {
			return &reply{a, a.spec.Body, note}
		}
	}
	return &reply{note: fmt.Sprintf("%s; %v", note, errNoExample)}
}

// missing lists the values that a request must have and has not: those of fields that the vertical requires, and those
// that never change, such as a key.
func (s *shape) missing(got pairs) []string {
	var out []string
	for name, v := range s.pairs {
		if fixed := !s.filled[name] && !s.volatile[name]; v != "" && got[name] == "" && (s.required[name] || fixed) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// wrongHeader names a header that never changes and has another value than configured.
func (s *shape) wrongHeader(got pairs) string {
	for _, name := range slices.Sorted(maps.Keys(s.pairs)) {
		header, is := strings.CutPrefix(name, "header.")
		if is && !s.filled[name] && !s.volatile[name] && got[name] != s.pairs[name] {
			return header
		}
	}
	return ""
}
