// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"testing"

	"clearpost/lead"
)

// A list of criteria means what a person who reads it sees, whatever signs nobody sees stand in it, and in whichever
// way a domain is written.
func TestListsMeanWhatOneSees(t *testing.T) {
	s, errs := lead.NewSchema("v", nil)
	if errs != nil {
		t.Fatal(errs)
	}
	for _, c := range []struct{ field, listed, sent string }{
		{"state", "CA\u00a0", "ca"}, {"zip", "\ufeff02134", "02134\u200b"}, {"city", "New\u00a0York", "new york"},
		{"phone", "212\u2011555\u20110123", "2125550123"}, {"email.domain", "exämple.com", "jane@xn--exmple-cua.com"},
		{"email.domain", "xn--exmple-cua.com", "jane@exämple.com"}, {"source_url.host", "Exämple.com",
			"https://exämple.com/a"}, {"email", "jane@gmail.com\u200b",
			"Jane@gmail.com"},
	} {
		spec := CriterionSpec{Field: c.field, In: []string{c.listed}}
		set, defects := Compile([]CriterionSpec{spec}, s, Options{})
		if len(defects) > 0 {
			t.Errorf("%s in %q: %v", c.field, c.listed, defects)
			continue
		}
		var l lead.Lead
		l.Reset(s)
		pos := set[0].Pos
		if l.Set(pos, []byte(c.sent)); set[0].Test(&Facts{Lead: &l}) != Met {
			t.Errorf("%s in %q: %s", c.field, c.listed, set[0].Explain(&Facts{Lead: &l}))
		}
	}
}
