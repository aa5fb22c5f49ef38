// SPDX-License-Identifier: Apache-2.0

package answer

import (
	"strings"
	"testing"

	"clearpost/lead"
)

// TestLeavesOpen: check warns of the campaigns that never say what a no is, and of no others.
func TestLeavesOpen(t *testing.T) {
	for _, c := range []struct{ spec, want string }{
		{"success: [{path: a, equals: x}]", "only where the place"},
		{"format: auto\nsuccess: [{path: a, equals: x}]", "only where the place"},
		{"format: text\nsuccess: [{contains: x}]", "no place would say yes"},
		{"success: [{path: a, exists: true}]", "no place would say yes"},
		{"rules: [{outcome: accepted, when: {path: a, equals: x}}, {outcome: error, when: {path: b, equals: x}}]",
			"only where the place"},
		{"success: [{path: a, equals: x}]\nunclear: rejected", ""},
		{"rules: [{outcome: rejected, when: {path: a, equals: y}}]\nsuccess: [{path: a, equals: x}]", ""},
		{"success: [{path: a, equals: x}]\nreason: {path: b}\nreasons: [{match: y, refusal: duplicate}]", ""},
	} {
		if got := compileAnswer(t, c.spec, true).LeavesOpen(); (got == "") != (c.want == "") ||
			!strings.Contains(got, c.want) {
			t.Errorf("%s: %q, expected %q", c.spec, got, c.want)
		}
		if got := compileAnswer(t, strings.ReplaceAll(c.spec, "\nunclear: rejected", ""),
			false).LeavesOpen(); got != "" {
			t.Errorf("%s at a ping: %q", c.spec, got)
		}
	}
}

// TestOnlyRulesAndReasonsSay: what may settle an attempt whose outcome is unknown is what a rule or a reason says, and
// no word of something earlier.
func TestOnlyRulesAndReasonsSay(t *testing.T) {
	a := compileAnswer(t, "rules: [{outcome: accepted, when: {path: state, equals: sold}}, {outcome: rejected, when: "+
		"{path: state, in: [refused, known]}}, "+
		"{outcome: duplicate, when: {path: state, equals: twin}}]", true)
	for _, c := range []struct {
		body         string
		outcome      lead.Outcome
		said, repeat bool
	}{
		{`{"state":"refused"}`, lead.Rejected, true, false},
		{`{"state":"known","why":"the lead exists already"}`, lead.Rejected, true, true},
		{`{"state":"twin"}`, lead.Duplicate, true, true},
		{`{"state":"other"}`, lead.Rejected, false, false},
		{`{"state":"pending"}`, lead.Unknown, false, false},
		{`{}`, lead.Unknown, false, false},
	} {
		r := a.ReadWhole(200, nil, []byte(c.body))
		if r.Outcome != c.outcome || r.Said != c.said || r.Repeat != c.repeat ||
			(r.Outcome == lead.Unknown) != (r.Doubt != "") {
			t.Errorf("%s: %+v", c.body, r)
		}
	}
}
