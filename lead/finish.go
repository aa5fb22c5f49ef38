// SPDX-License-Identifier: Apache-2.0

package lead

import (
	"fmt"
	"strings"
)

// Rule is one rule between fields. It has one of: Together, a postal code and a state that must belong together; Any,
// fields of which one at least must have a value; Order, two fields of one type with an order, the first of which may
// not exceed the second; or Require, fields that must have a value where the field When has one of Values (any value,
// if Values is empty).
type Rule struct {
	Together []string
	Any      []string
	Order    []string
	Require  []string
	When     string
	Values   []string
	Stage    Stage // for Any and Require: from which stage on; AtPost if zero
}

// RuleError is one mistake in a vertical's rules.
type RuleError struct {
	Rule    int // position in Options.Rules
	Problem string
}

// Error implements error.
func (e *RuleError) Error() string { return e.Problem }

type ruleKind uint8

const (
	ruleTogether ruleKind = iota
	ruleAny
	ruleOrder
	ruleRequire
)

type compiledRule struct {
	kind   ruleKind
	fields []int
	when   int
	values []string // normal texts
	stage  Stage
}

// derivation says from which part of which field a field is made.
type derivation struct {
	pos, from int
	part      Part
}

// addMade compiles a field's default and derivation. All names must be known.
func (s *Schema) addMade(i int) (problems []string) {
	f := &s.Fields[i]
	if f.Derive != "" {
		from, part, ok := s.Resolve(f.Derive)
		switch {
		case !ok || part == PartNone:
			problems = append(problems, fmt.Sprintf(
				"field %q: derive %q: expected FIELD.PART of another field, such as dob.age", f.Name, f.Derive))
		case from == i || s.Fields[from].Derive != "":
			problems = append(problems,
				fmt.Sprintf("field %q: derive %q: expected a field that is sent, not derived itself", f.Name, f.Derive))
		case s.Fields[from].Sensitive(part) && !f.Personal:
			problems = append(problems, fmt.Sprintf("field %q: derive %q: a personal field, since its origin is one",
				f.Name, f.Derive))
		default:
			s.derived = append(s.derived, derivation{i, from, part})
		}
	}
	if f.Default != "" {
		var l Lead
		l.Reset(s)
		if l.Set(i, []byte(f.Default)); l.slots[i].State != Valid {
			problems = append(problems, fmt.Sprintf("field %q: default %q: expected %s", f.Name, f.Default,
				f.expectation(l.slots[i].Why)))
		} else {
			s.defaults = append(s.defaults, i)
		}
	}
	return problems
}

func (s *Schema) addRule(r *Rule) error {
	kinds := 0
	var names []string
	out := compiledRule{when: -1, stage: r.Stage}
	for kind, list := range [][]string{ruleTogether: r.Together, ruleAny: r.Any, ruleOrder: r.Order,
		ruleRequire: r.Require} {
		if len(list) > 0 {
			kinds++
			names, out.kind = list, ruleKind(kind)
		}
	}
	if kinds != 1 || (r.When != "") != (out.kind == ruleRequire) || len(r.Values) > 0 && r.When == "" {
		return fmt.Errorf("expected one of together, any, order, or require with when")
	}
	if out.stage == 0 {
		out.stage = AtPost
	}
	for _, n := range names {
		pos, ok := s.Position(n)
		if !ok {
			return fmt.Errorf("%q: expected a field of this vertical", n)
		}
		out.fields = append(out.fields, pos)
	}
	typ := func(i int) Type { return s.Fields[out.fields[i]].Type }
	switch {
	case out.kind == ruleTogether && (len(names) != 2 || typ(0) != TypePostalCode || typ(1) != TypeState):
		return fmt.Errorf("together: expected a postal_code and a state, in this order")
	case out.kind == ruleOrder && (len(names) != 2 || typ(0) != typ(1) || !typ(0).Numeric()):
		return fmt.Errorf("order: expected two fields of one type with an order")
	case out.kind == ruleRequire:
		if err := s.addWhen(&out, r); err != nil {
			return err
		}
	}
	s.rules = append(s.rules, out)
	return nil
}

func (s *Schema) addWhen(out *compiledRule, r *Rule) error {
	pos, ok := s.Position(r.When)
	if !ok {
		return fmt.Errorf("when %q: expected a field of this vertical", r.When)
	}
	out.when = pos
	var l Lead
	l.Reset(s)
	for _, v := range r.Values {
		if l.Set(pos, []byte(v)); l.slots[pos].State != Valid {
			return fmt.Errorf("when %s is %q: expected %s", r.When, v, s.Fields[pos].expectation(l.slots[pos].Why))
		}
		out.values = append(out.values, string(l.Normal(pos)))
	}
	return nil
}

// Finish takes out what does not fit a field that is not required, where the vertical has it so. Then it makes what was
// not sent: derived fields first, then defaults. Then it marks as Bad what rules between two present fields forbid. It
// must be called when all values that a seller sends together are set, and may be called again when more have come.
func (l *Lead) Finish() {
	l.spare()
	l.Complete()
}

// Complete is Finish for a lead that has been taken already: a value that stood in it and fits no more, since the
// schema has changed, is not left out.
func (l *Lead) Complete() {
	for i := range l.schema.derived {
		l.derive(&l.schema.derived[i])
	}
	for _, pos := range l.schema.defaults {
		if l.slots[pos].State == Missing {
			l.Set(pos, []byte(l.schema.Fields[pos].Default))
			l.slots[pos].Made = true
		}
	}
	for i := range l.schema.rules {
		r := &l.schema.rules[i]
		if r.kind > ruleOrder || r.kind == ruleAny || l.slots[r.fields[0]].State != Valid ||
			l.slots[r.fields[1]].State != Valid {
			continue
		}
		if r.kind == ruleTogether && l.apart(r.fields[0], r.fields[1]) {
			l.spoil(r.fields[1], WhyApart)
		}
		if r.kind == ruleOrder && l.slots[r.fields[0]].Num > l.slots[r.fields[1]].Num {
			l.spoil(r.fields[0], WhyAboveOther)
		}
	}
}

func (l *Lead) spoil(pos int, why Why) {
	s := &l.slots[pos]
	s.State, s.Why, s.Num, s.normal = Bad, why, 0, span{}
}

func (l *Lead) derive(d *derivation) {
	if l.slots[d.pos].State != Missing {
		return
	}
	var b [128]byte
	v, ok := l.AppendPart(b[:0], d.from, d.part)
	if !ok {
		return
	}
	l.Set(d.pos, v)
	if s := &l.slots[d.pos]; s.State == Valid {
		s.Made = true
	} else {
		*s = Slot{} // what cannot be used was not sent by anybody
	}
}

// wanting appends the problems that rules on missing fields find at a stage. A lead that it has nothing to say of costs
// no allocation.
func (l *Lead) wanting(st Stage, out []Problem) []Problem {
	for i := range l.schema.rules {
		r := &l.schema.rules[i]
		if r.stage&st == 0 {
			continue
		}
		switch r.kind {
		case ruleAny:
			any := false
			for _, pos := range r.fields {
				any = any || l.slots[pos].State != Missing
			}
			if !any {
				out = append(out, Problem{Field: l.schema.Fields[r.fields[0]].Name,
					Expected: "a value of one at least of " + l.schema.names(r.fields), Missing: true})
			}
		case ruleRequire:
			if !l.holds(r) {
				continue
			}
			for _, pos := range r.fields {
				if f := &l.schema.Fields[pos]; l.slots[pos].State == Missing && f.Required&st == 0 {
					out = append(out, Problem{Field: f.Name, Expected: "a value, since " +
						l.schema.Fields[r.when].Name + " has the one it has: " + f.form(), Missing: true})
				}
			}
		}
	}
	return out
}

// holds tells whether the condition of a rule is met.
func (l *Lead) holds(r *compiledRule) bool {
	if l.slots[r.when].State != Valid {
		return false
	}
	n := l.Normal(r.when)
	for _, v := range r.values {
		if v == string(n) {
			return true
		}
	}
	return len(r.values) == 0
}

func (s *Schema) names(fields []int) string {
	var names []string
	for _, pos := range fields {
		names = append(names, s.Fields[pos].Name)
	}
	return strings.Join(names, ", ")
}
