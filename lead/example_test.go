// SPDX-License-Identifier: Apache-2.0

package lead

import (
	"fmt"
	"testing"
	"time"
)

// An example lead of any schema is one that the schema takes at its stage.
func TestExamplesAreTaken(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	num := func(n int64) *int64 { return &n }
	var everyType []Field
	for i, name := range TypeNames() {
		typ, err := ParseType(name)
		if err != nil {
			t.Fatal(err)
		}
		f := Field{Name: "f_" + name, Type: typ, Required: AtPing}
		if i%2 == 0 {
			f.Required = AtPost
		}
		switch typ {
		case TypeEnum:
			f.Values = []string{"red", "green"}
		case TypeList:
			f.Of, f.Values = TypeEnum, []string{"red", "green"}
		}
		everyType = append(everyType, f)
	}
	for _, c := range []struct {
		name  string
		own   []Field
		opt   Options
		stage Stage
		want  map[string]string
	}{
		{name: "every type", own: everyType, stage: AtPing | AtPost, want: map[string]string{"f_list": "red, green",
			"f_phone": "(415) 555-0123"}},
		{name: "no more than the stage needs", own: []Field{{Name: "zip", Required: AtPing},
			{Name: "email", Required: AtPost}}, stage: AtPing, want: map[string]string{"zip": "94110", "email": ""}},
		{name: "bounds", own: []Field{{Name: "n", Type: TypeInteger, Required: AtPing, Min: num(300), Max: num(340)},
			{Name: "m", Type: TypeMoney, Required: AtPing, Max: num(500_000)},
			{Name: "old_date", Type: TypeDate, Required: AtPing, Max: num(0)}}, stage: AtPing,
			want: map[string]string{"n": "310", "m": "0.00"}},
		{name: "rules", own: []Field{{Name: "low", Type: TypeInteger, Required: AtPing, Min: num(5)},
			{Name: "high", Type: TypeInteger, Required: AtPing, Max: num(4000)}, {Name: "owner", Type: TypeBoolean,
				Required: AtPing}, {Name: "roof", Type: TypeText}, {Name: "zip", Required: AtPing},
			{Name: "state", Required: AtPing}}, opt: Options{Rules: []Rule{{Order: []string{"low", "high"}},
			{Any: []string{"email", "phone"}, Stage: AtPing}, {Require: []string{"roof"}, When: "owner",
				Values: []string{"yes"}, Stage: AtPing}, {Together: []string{"zip", "state"}}}}, stage: AtPing,
			want: map[string]string{"roof": "Example",
				"email": "jane.roe@example.com", "phone": ""}},
		{name: "Canada", own: []Field{{Name: "zip", Required: AtPing}, {Name: "phone", Required: AtPing},
			{Name: "state", Required: AtPing}},
			opt: Options{Region: "CA", Rules: []Rule{{Together: []string{"zip", "state"}}}}, stage: AtPing,
			want: map[string]string{"zip": "K1A 0B1", "state": "ON"}},
		{name: "Germany", own: []Field{{Name: "phone", Required: AtPing}}, opt: Options{Region: "DE"}, stage: AtPing},
	} {
		s, errs := NewSchemaWith("v", c.own, c.opt)
		if errs != nil {
			t.Fatal(c.name, errs)
		}
		var l Lead
		l.Reset(s)
		l.SetNow(now)
		before := fmt.Sprint(s.Fields)
		example := s.Example(c.stage, 3, now)
		if after := fmt.Sprint(s.Fields); after != before {
			t.Errorf("%s: the schema was changed:\n%s\n%s", c.name, before, after)
		}
		for pos, text := range example {
			l.Set(pos, []byte(text))
			if want, ok := c.want[s.Fields[pos].Name]; ok && text != want {
				t.Errorf("%s: %s: got %q, want %q", c.name, s.Fields[pos].Name, text, want)
			}
		}
		l.Finish()
		if p := l.Problems(c.stage); p != nil {
			t.Errorf("%s: %+v", c.name, p)
		}
	}
}
