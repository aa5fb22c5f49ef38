// SPDX-License-Identifier: Apache-2.0

package answer

import (
	"fmt"
	"strings"

	"clearpost/lead"
)

// Fallback is the price of a post whose accepting answer has no positive price; 0 where the rules have none.
func (a *Answer) Fallback() lead.Money {
	if a.price == nil {
		return 0
	}
	return a.price.fallback
}

// Explain tells in a sentence how ReadWhole reads the answer, and by which rule, for people. It may allocate.
func (a *Answer) Explain(status int, contentType, body []byte) string {
	r := a.ReadWhole(status, contentType, body)
	var b strings.Builder
	if r.Outcome == lead.Accepted {
		b.WriteString("accepted: every success condition holds")
		if r.Rule != ruleSuccess {
			b.Reset()
			fmt.Fprintf(&b, "accepted: %s holds", r.Rule)
		}
		switch {
		case r.Fallback:
			fmt.Fprintf(&b, ", price %s: the fallback, for the answer has no positive price", r.Price)
		case r.HasPrice:
			fmt.Fprintf(&b, ", price %s", r.Price)
		}
		switch n := len(r.Legs); {
		case n == 1:
			b.WriteString(", 1 leg")
		case n > 1:
			fmt.Fprintf(&b, ", %d legs", n)
		}
	}
	if len(body) <= BytesMax && a.auto != nil {
		a, contentType, body = a.choose(contentType, body)
	}
	if r.Outcome == lead.Accepted {
		var f found
		a.find(&f, contentType, body)
		return b.String() + a.explainEarlier(r.Rule, &f, status)
	}
	if r.Outcome == lead.Unknown && r.Doubt != "" {
		fmt.Fprintf(&b, "unknown, for %s: %s (%s)", r.Doubt, r.Refusal, r.Refusal.Info().Meaning)
	} else {
		fmt.Fprintf(&b, "not sold: %s (%s)", r.Refusal, r.Refusal.Info().Meaning)
	}
	switch r.Rule {
	case ruleSize:
		fmt.Fprintf(&b, "; the body has %d bytes, at most %d are read", len(body), BytesMax)
	case ruleStatus:
		fmt.Fprintf(&b, "; the status is %d", status)
	case ruleContentType:
		fmt.Fprintf(&b, "; the content type is %q, expected one of %s", contentType, strings.Join(a.types, ", "))
	case ruleForm:
		fmt.Fprintf(&b, "; the body is no %s", formatMeanings[a.format])
	case ruleTwice:
		b.WriteString("; a name that decides is there twice, or in another case")
	default:
		var f found
		a.find(&f, contentType, body)
		b.WriteString(a.explainRule(r.Rule, &f, status))
	}
	return b.String()
}

var formatMeanings = [formats]string{"valid JSON document", "form of name=value pairs", "UTF-8 text",
	"XML document with one root and without entities of its own", "HTML page"}

func (a *Answer) explainRule(rule string, f *found, status int) string {
	switch rule {
	case rulePrice:
		return "; every success condition holds, but price is " + f.show(f.first(a.price))
	case ruleToken:
		return "; every success condition holds, but token is " + f.show(f.first(a.token))
	case ruleLegs:
		return "; the answer is accepted, but its list of legs has none with a price"
	}
	if c := a.captureOf(rule); c != nil {
		return "; every success condition holds, but " + rule + " is " + f.show(f.first(c.value))
	}
	var b strings.Builder
	for i := range a.reasons {
		if r := &a.reasons[i]; r.rule == rule {
			what := fmt.Sprintf("%q", r.match+r.equals)
			if r.regex != nil {
				what = r.regex.String()
			}
			fmt.Fprintf(&b, "; %s finds %s", rule, what)
		}
	}
	for i := range a.rules {
		if a.rules[i].name == rule {
			fmt.Fprintf(&b, "; %s holds: %s", rule, ruleOutcomeNames[a.rules[i].outcome])
		}
	}
	if rule == ruleNone {
		b.WriteString("; none of the rules holds")
	}
	b.WriteString(a.explainEarlier(rule, f, status))
	for i := range a.conditions {
		if c := &a.conditions[i]; b.Len() == 0 || c.rule == rule {
			if !c.holds(f, status, a.post).holds {
				fmt.Fprintf(&b, "; %s does not hold: %s", c.rule, a.why(c, f, status))
			}
		}
	}
	return b.String()
}

// explainEarlier tells why the outcome rules before the one that decided do not hold.
func (a *Answer) explainEarlier(rule string, f *found, status int) string {
	var b strings.Builder
	for i := range a.rules {
		o := &a.rules[i]
		if o.name == rule {
			break
		}
		fmt.Fprintf(&b, "; %s (%s) does not hold: %s", o.name, ruleOutcomeNames[o.outcome], a.whyNot(o, f, status))
	}
	return b.String()
}

// RuleTrace is what one step of the reading made of an answer.
type RuleTrace struct {
	Rule    string `json:"rule"`    // a rule of the spec, a condition of its short form, or a check such as well-formed
	Outcome string `json:"outcome"` // what the rule stands for: accepted, rejected…, or empty for a check
	Matched bool   `json:"matched"` // it holds, or it is what decided
	Why     string `json:"why"`
}

// Trace tells for each rule, in the order in which ReadWhole asks them, whether it holds and why; the last one that is
// listed as matched decided. It is for people, and may allocate.
func (a *Answer) Trace(status int, contentType, body []byte) []RuleTrace {
	r := a.ReadWhole(status, contentType, body)
	var out []RuleTrace
	if len(body) <= BytesMax && a.auto != nil {
		a, contentType, body = a.choose(contentType, body)
		out = append(out, RuleTrace{Rule: "format", Matched: true, Why: "read as " + formatNames[a.format]})
	}
	last := RuleTrace{Rule: r.Rule, Outcome: r.Outcome.String(), Matched: true, Why: a.Explain(status, contentType,
		body)}
	var f found
	switch r.Rule {
	case ruleSize, ruleContentType, ruleForm, ruleTorn, ruleTwice:
		return append(out, last)
	}
	if !a.find(&f, contentType, body) {
		return append(out, last)
	}
	for i := range a.rules {
		o := &a.rules[i]
		t := RuleTrace{Rule: o.name, Outcome: ruleOutcomeNames[o.outcome], Matched: o.matches(&f, status, a.post),
			Why: a.whyNot(o, &f, status)}
		if out = append(out, t); t.Matched {
			break
		}
	}
	if n := len(out); n > 0 && out[n-1].Matched && out[n-1].Rule == r.Rule {
		return out
	}
	if n := len(out); n == 0 || !out[n-1].Matched || out[n-1].Rule == "format" {
		for i := range a.conditions {
			c := &a.conditions[i]
			out = append(out, RuleTrace{Rule: c.rule, Outcome: lead.Accepted.String(), Matched: c.holds(&f, status,
				a.post).holds, Why: a.why(c, &f, status)})
		}
	}
	return append(out, last)
}

// whyNot tells what a rule found, and where it holds and the status keeps it from deciding, that.
func (a *Answer) whyNot(o *outcomeRule, f *found, status int) string {
	if !o.matches(f, status, a.post) && o.when.holds(f, status, a.post).holds {
		return fmt.Sprintf("the status is %d, and an acceptance needs 2xx, or a condition that names it", status)
	}
	return a.why(&o.when, f, status)
}

// why tells what the condition found and what it looks for.
func (a *Answer) why(c *condition, f *found, status int) string {
	if len(c.statuses) > 0 && !hasStatus(c.statuses, status) {
		return fmt.Sprintf("the status is %d, expected one of %s", status, showStatuses(c.statuses))
	}
	switch c.test {
	case testNone:
		return fmt.Sprintf("the status is %d", status)
	case testAny, testAll, testNot:
		var parts []string
		for i := range c.kids {
			k := &c.kids[i]
			holds := "does not hold"
			if k.holds(f, status, a.post).holds {
				holds = "holds"
			}
			parts = append(parts, fmt.Sprintf("%s %s (%s)", strings.TrimPrefix(k.rule, c.rule+"."), holds,
				a.why(k, f, status)))
		}
		return strings.Join(parts, ", ")
	}
	what := "the body"
	if !c.whole {
		var names []string
		for _, p := range c.paths {
			names = append(names, a.paths[p].text)
		}
		what = strings.Join(names, " or ")
	}
	p := f.any(c)
	return fmt.Sprintf("%s is %s, expected %s", what, f.show(p), c.expects())
}

// expects tells what the condition looks for.
func (c *condition) expects() string {
	switch c.test {
	case testPresent:
		return "something"
	case testAbsent:
		return "nothing"
	case testEmpty:
		return "something empty"
	case testWords:
		words := make([]string, len(c.phrases))
		for i, p := range c.phrases {
			words[i] = fmt.Sprintf("%q", strings.Join(p, " "))
		}
		if c.strict {
			return "the words " + strings.Join(words, " or ") + " and none that speaks against a success"
		}
		return "the words " + strings.Join(words, " or ")
	case testRegex:
		return "text that matches " + c.regex.String()
	case testGreater:
		return "a number greater than " + lead.Money(c.number).String()
	case testLess:
		return "a number less than " + lead.Money(c.number).String()
	}
	return "one of " + strings.Join(c.values, ", ")
}

func showStatuses(list []statusRange) string {
	var out []string
	for _, s := range list {
		if s.from != s.to {
			out = append(out, fmt.Sprintf("%dxx", s.from/100))
		} else {
			out = append(out, fmt.Sprint(s.from))
		}
	}
	return "[" + strings.Join(out, " ") + "]"
}

// show is a place's text for people, shortened.
func (f *found) show(p place) string {
	switch p.kind {
	case foundNothing:
		return "not there"
	case foundNull:
		return "null"
	case foundEmpty:
		return "an empty list or object"
	case foundContainer:
		return "a list or an object"
	}
	return fmt.Sprintf("%q", shorten(f.decode(nil, p), 100))
}
