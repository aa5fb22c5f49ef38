// SPDX-License-Identifier: Apache-2.0

package answer

import (
	"strconv"
	"strings"

	"clearpost/lead"
)

// outcomeRule is a compiled RuleSpec.
type outcomeRule struct {
	name    string
	outcome ruleOutcome
	when    condition
	refusal lead.Refusal // where the spec names one
}

// ruleOutcome is what a rule says of an answer.
type ruleOutcome uint8

const (
	ruleAccepted ruleOutcome = iota
	ruleRejected
	ruleDuplicate
	ruleInvalid
	ruleQueued
	ruleError
	ruleOutcomes // how many there are
)

var ruleOutcomeNames = [ruleOutcomes]string{"accepted", "rejected", "duplicate", "invalid", "queued", "error"}

// matches tells whether the rule decides. One that accepts needs a status 2xx, or a condition of it that holds and
// names the status.
func (o *outcomeRule) matches(f *found, status int, post bool) bool {
	v := o.when.holds(f, status, post)
	return v.holds && (o.outcome != ruleAccepted || v.named || status >= 200 && status <= 299)
}

// firstRule is the number of the first rule that decides, or -1.
func (a *Answer) firstRule(f *found, status int) int {
	for i := range a.rules {
		if a.rules[i].matches(f, status, a.post) {
			return i
		}
	}
	return -1
}

// apply makes the receipt of a rule that decided.
func (a *Answer) apply(r *Receipt, f *found, o *outcomeRule) {
	if o.outcome == ruleAccepted {
		a.accept(r, f, o.name)
		return
	}
	r.refuse(a.refusalOf(f, o), o.name)
}

// refusalOf is the refusal of a rule that does not accept: the one that it names, one that the reasons find and that
// has its outcome, or the outcome's own.
func (a *Answer) refusalOf(f *found, o *outcomeRule) lead.Refusal {
	if o.refusal != lead.NoRefusal {
		return o.refusal
	}
	switch o.outcome {
	case ruleDuplicate:
		return lead.BuyerDuplicate
	case ruleQueued:
		return lead.Queued
	case ruleError:
		return lead.ServerError
	case ruleInvalid:
		if m := a.matchReason(f); m != nil && m.refusal.Outcome() == lead.Invalid {
			return m.refusal
		}
		return lead.BuyerInvalid
	}
	if m := a.matchReason(f); m != nil {
		return m.refusal
	}
	if a.post {
		return lead.BuyerRejected
	}
	return lead.NoBid
}

// unmatched names the refusal of an answer that no rule knows.
func (a *Answer) unmatched(r *Receipt, f *found, status int) {
	m := a.matchReason(f)
	switch {
	case m != nil:
		r.refuse(m.refusal, m.rule)
	case status < 200 || status > 299:
		r.refuse(lead.ServerError, ruleStatus)
	default:
		r.refuse(lead.UnclearAnswer, ruleNone)
	}
}

// judgeError reads an answer with a 4xx, or of a post any other error or a redirect, that no condition names. Business
// refusals come with 4xx too, so the rules and the reasons are asked; it is never an acceptance.
func (a *Answer) judgeError(r *Receipt, f *found, status int) {
	no := lead.ServerError
	if status >= 300 && status < 400 {
		no = lead.RedirectAnswer
	}
	if f.twice {
		r.refuse(no, ruleStatus)
		return
	}
	if i := a.firstRule(f, status); i >= 0 {
		r.refuse(a.refusalOf(f, &a.rules[i]), a.rules[i].name)
		return
	}
	if m := a.matchReason(f); m != nil {
		r.refuse(m.refusal, m.rule)
		return
	}
	r.refuse(no, ruleStatus)
}

// unreadable is the receipt of an answer whose body is not well-formed. Rules on the status alone are asked of a 4xx,
// which says no by itself, and of a post whatever but 2xx; and a queued lead stays with the buyer either way. Nothing
// else is read into such an answer.
func (a *Answer) unreadable(status int, judged bool) Receipt {
	error4, error := status >= 400 && status <= 499, a.post && status > 299
	for i := range a.rules {
		o := &a.rules[i]
		if o.outcome == ruleAccepted || o.outcome != ruleQueued && !error4 && !error || !o.when.onStatus(status) {
			continue
		}
		var nothing found
		return refuse(a.refusalOf(&nothing, o), o.name)
	}
	switch {
	case judged:
	case status >= 300 && status < 400:
		return refuse(lead.RedirectAnswer, ruleStatus)
	default:
		return refuse(lead.ServerError, ruleStatus)
	}
	return refuse(lead.MalformedAnswer, ruleForm)
}

// compileRules compiles the outcome rules and the short form, and holds them to what an acceptance needs.
func (c *compiler) compileRules() {
	if len(c.spec.Rules) > RulesMax {
		c.bad("rules", strconv.Itoa(len(c.spec.Rules))+" rules", "at most %d rules", RulesMax)
		return
	}
	accepting := false
	for i := range c.spec.Rules {
		o := c.outcomeRule(i)
		accepting = accepting || o.outcome == ruleAccepted || o.outcome == ruleQueued
		c.out.rules = append(c.out.rules, o)
	}
	switch {
	case len(c.spec.Success) > 0:
		c.compileSuccess()
	case len(c.spec.Rules) == 0:
		c.bad("success", "0 conditions", "1 to %d conditions that all hold for a success", ConditionsMax)
	case !accepting && len(c.defects) == 0:
		c.bad("rules", "", "a rule with the outcome accepted, or conditions under success")
	}
}

func (c *compiler) outcomeRule(i int) outcomeRule {
	s := &c.spec.Rules[i]
	o := outcomeRule{name: "rules[" + strconv.Itoa(i) + "]"}
	known := false
	for n, name := range ruleOutcomeNames {
		if name == s.Outcome {
			o.outcome, known = ruleOutcome(n), true
		}
	}
	if !known {
		c.bad(o.name+".outcome", s.Outcome, "one of %s", strings.Join(ruleOutcomeNames[:], ", "))
	}
	if o.outcome == ruleQueued && !c.out.post {
		c.bad(o.name+".outcome", s.Outcome, "an outcome of a ping: only a post can leave a lead queued")
	}
	before := len(c.defects)
	o.when = c.condition(o.name+".when", &s.When, polarity{accepting: known && o.outcome == ruleAccepted}, 0)
	if o.outcome == ruleAccepted && known && len(c.defects) == before && !o.when.proves() {
		c.bad(o.name+".when", "", "for an acceptance a condition on what the body holds: a status, a missing value "+
			"or a negation is no receipt")
	}
	if s.Refusal == "" {
		return o
	}
	var ok bool
	o.refusal, ok = lead.RefusalByName(s.Refusal)
	switch {
	case o.outcome != ruleRejected && o.outcome != ruleInvalid:
		c.bad(o.name+".refusal", s.Refusal, "a refusal with the outcomes rejected and invalid only")
	case !ok || !o.refusal.ByBuyer() || o.outcome == ruleInvalid && o.refusal.Outcome() != lead.Invalid:
		c.bad(o.name+".refusal", s.Refusal, "one of %s", buyerRefusals(o.outcome == ruleInvalid))
	}
	return o
}

func (c *compiler) compileSuccess() {
	if len(c.spec.Success) > ConditionsMax {
		c.bad("success", strconv.Itoa(len(c.spec.Success))+" conditions",
			"1 to %d conditions that all hold for a success", ConditionsMax)
		return
	}
	positive, status := false, false
	before := len(c.defects)
	for i := range c.spec.Success {
		k := c.condition("success["+strconv.Itoa(i)+"]", &c.spec.Success[i], polarity{accepting: true}, 0)
		c.out.conditions = append(c.out.conditions, k)
		status = status || len(k.statuses) > 0
		positive = positive || len(c.defects) == before && k.proves()
	}
	c.out.bare = !positive
	if positive || c.out.format == formatText && !c.auto && status || len(c.defects) > 0 {
		return
	}
	c.bad("success", "", "a condition on what the body holds: a status, or a missing value, is no receipt (format "+
		"text may do with a status)")
}
