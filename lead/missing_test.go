// SPDX-License-Identifier: Apache-2.0

package lead

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// A field that is derived is not reported beside the field that it comes from, and what is missing is called so.
func TestProblemsNameTheOriginOnly(t *testing.T) {
	for _, c := range []struct {
		name, dob string
		required  Stage // of dob
		want      string
	}{
		{"both missing", "", AtPing, "dob missing"},
		{"a bad origin", "soon", AtPing, "dob"},
		{"a bad origin that nobody requires", "soon", 0, "dob"},
		{"an origin that nobody requires is not there", "", 0, "age missing"},
		{"an origin that is required later", "", AtPost, "age missing"},
		{"all well", "1990-05-01", AtPing, ""},
	} {
		s, errs := NewSchema("x", []Field{{Name: "dob", Type: TypeDOB, Personal: true, Required: c.required},
			{Name: "age", Type: TypeInteger, Personal: true, Derive: "dob.age", Required: AtPing}})
		if errs != nil {
			t.Fatal(errs)
		}
		var l Lead
		l.Reset(s)
		l.SetNow(time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC))
		pos, _ := s.Position("dob")
		l.Set(pos, []byte(c.dob))
		l.Finish()
		var got []string
		for _, p := range l.Problems(AtPing) {
			text := p.Field
			if p.Missing {
				text += " missing"
			}
			got = append(got, text)
		}
		if all := strings.Join(got, ", "); all != c.want || l.OK(AtPing) != (c.want == "") {
			t.Errorf("%s: %s, expected %s; OK %v", c.name, fmt.Sprint(got), c.want, l.OK(AtPing))
		}
	}
}
