// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"fmt"
	"strings"

	"clearpost/lead"
)

// Explain tells in a sentence how ReadWhole reads the answer, and by which rule, for people. It may allocate.
func (a *Answer) Explain(status int, contentType, body []byte) string {
	r := a.ReadWhole(status, contentType, body)
	var b strings.Builder
	if r.Outcome == lead.Accepted {
		b.WriteString("accepted: every success condition holds")
		if r.HasPrice {
			fmt.Fprintf(&b, ", price %s", r.Price)
		}
		return b.String()
	}
	fmt.Fprintf(&b, "not sold: %s (%s)", r.Refusal, r.Refusal.Info().Meaning)
	var f found
	switch r.Rule {
	case ruleSize:
		fmt.Fprintf(&b, "; the body has %d bytes, at most %d are read", len(body), AnswerBytesMax)
	case ruleStatus:
		fmt.Fprintf(&b, "; the status is %d", status)
	case ruleContentType:
		fmt.Fprintf(&b, "; the content type is %q, expected one of %s", contentType, strings.Join(a.types, ", "))
	case ruleForm:
		fmt.Fprintf(&b, "; the body is no %s", [...]string{"valid JSON document", "form of name=value pairs", "UTF-8 text"}[a.format])
	case ruleTwice:
		b.WriteString("; a name that decides is there twice, or in another case")
	default:
		a.find(&f, body)
		b.WriteString(a.explainRule(r.Rule, &f, status))
	}
	return b.String()
}

func (a *Answer) explainRule(rule string, f *found, status int) string {
	switch rule {
	case rulePrice:
		return "; every success condition holds, but price is " + f.show(f.first(a.price))
	case ruleToken:
		return "; every success condition holds, but token is " + f.show(f.first(a.token))
	}
	var b strings.Builder
	for i := range a.reasons {
		if a.reasons[i].rule == rule {
			fmt.Fprintf(&b, "; %s finds %q", rule, a.reasons[i].match)
		}
	}
	for i := range a.conditions {
		if c := &a.conditions[i]; b.Len() == 0 || c.rule == rule {
			if holds, _ := c.holds(f, status, a.post); !holds {
				fmt.Fprintf(&b, "; %s does not hold: %s", c.rule, a.explainCondition(c, f, status))
			}
		}
	}
	return b.String()
}

func (a *Answer) explainCondition(c *condition, f *found, status int) string {
	if len(c.status) > 0 && !hasStatus(c.status, status) {
		return fmt.Sprintf("the status is %d, expected one of %v", status, c.status)
	}
	what, p := "the body", f.whole()
	if c.path >= 0 {
		what, p = a.paths[c.path].text, f.at[c.path]
	}
	expected := ""
	switch c.test {
	case testPresent:
		expected = "something"
	case testAbsent:
		expected = "nothing"
	case testWords:
		expected = fmt.Sprintf("the words %q and none that speaks against a success", strings.Join(c.words, " "))
	default:
		expected = "one of " + strings.Join(c.values, ", ")
	}
	return fmt.Sprintf("%s is %s, expected %s", what, f.show(p), expected)
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
