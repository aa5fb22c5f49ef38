// SPDX-License-Identifier: Apache-2.0

package lead

import (
	"fmt"
	"strings"
	"testing"
)

// madeSchema has derived fields, defaults and rules.
func madeSchema(t testing.TB) *Schema {
	t.Helper()
	s, errs := NewSchemaWith("auto", []Field{
		{Name: "dob", Type: TypeDOB, Personal: true},
		{Name: "age", Type: TypeInteger, Derive: "dob.age", Required: AtPing},
		{Name: "state", Derive: "zip.state"},
		{Name: "lead_age", Type: TypeInteger, Derive: "timestamp.age_minutes"},
		{Name: "email_hash", Type: TypeHash, Derive: "email.sha256", Personal: true},
		{Name: "phone_hash", Type: TypeHash, Derive: "phone.md5", Personal: true},
		{Name: "language", Type: TypeEnum, Values: []string{"en", "es"}, Default: "EN"},
		{Name: "insured", Type: TypeBoolean},
		{Name: "insurer", Type: TypeText},
		{Name: "starts", Type: TypeDate},
		{Name: "ends", Type: TypeDate},
	}, Options{Rules: []Rule{
		{Together: []string{"zip", "state"}},
		{Any: []string{"phone", "email", "phone_hash"}, Stage: AtPing},
		{Order: []string{"starts", "ends"}},
		{Require: []string{"insurer"}, When: "insured", Values: []string{"yes"}},
	}})
	if errs != nil {
		t.Fatal(errs)
	}
	return s
}

func TestFinish(t *testing.T) {
	s := madeSchema(t)
	for _, c := range []struct{ sent, want string }{
		{"dob=2000-02-29; zip=90210; phone=2125550123",
			"age=25* state=CA* phone_hash=502531dd875ca77561734e9e8052549f* language=en*"},
		{"dob=2000-02-29; age=30; state=nv; zip=89101; language=es; phone=2125550123",
			"age=30 state=NV language=es phone_hash=502531dd875ca77561734e9e8052549f*"},
		{"zip=90210; state=NV; age=30; phone=2125550123", "state=NV"},
		{"zip=02861; state=MA; age=30; phone=2125550123", "state=MA"},
		{"zip=90210; state=NY; age=30; phone=2125550123", "post: state: the postal code lies in another state"},
		{"zip=42223; state=TN; age=30; phone=2125550123", "state=TN"},
		{"zip=K1A 0B1; age=30; phone=2125550123", "state=ON*"},
		{"zip=SW1A 1AA; state=NY; age=30; phone=2125550123", "state=NY"},
		{"zip=00000; age=30; phone=2125550123", "language=en*"},
		{"age=30", "ping: phone: a value of one at least of phone, email, phone_hash"},
		{"email=Jane@Example.com; age=30",
			"email_hash=8c87b489ce35cf2e2f39f80e282cb2e804932a56a213983eeeb428407d43b52d*"},
		{"phone=2125550123", "ping: age: a value: a whole number"},
		{"phone=2125550123; age=30; insured=y", "post: insurer: a value, since insured has the one it has: text"},
		{"phone=2125550123; age=30; insured=n", "insured=false"},
		{"phone=2125550123; age=30; starts=2026-02-02; ends=2026-02-01",
			"post: starts: a date such as 1984-03-22 (it is above a field that it may not exceed)"},
		{"phone=2125550123; age=30; timestamp=2026-02-28T11:00:00Z", "lead_age=60*"},
		{"phone=2125550123; age=30; dob=soon", "ping: dob: a date of birth such as 1984-03-22"},
	} {
		got := finished(t, s, c.sent)
		for _, part := range strings.Fields(c.want) {
			if !strings.Contains(got, c.want) && !(strings.Contains(part, "=") && strings.Contains(got, part)) {
				t.Errorf("%s\n got %s\nwant %s", c.sent, got, c.want)
				break
			}
		}
	}
}

// finished tells what a lead has after Finish; what was not sent has a star.
func finished(t *testing.T, s *Schema, sent string) string {
	var l Lead
	l.Reset(s)
	l.SetNow(testNow)
	for _, kv := range strings.Split(sent, "; ") {
		name, value, _ := strings.Cut(kv, "=")
		pos, ok := s.Position(name)
		if !ok {
			t.Fatalf("no field %q", name)
		}
		l.Set(pos, []byte(value))
	}
	l.Finish()
	l.Finish() // what is made is made once
	var b strings.Builder
	for pos := range l.Len() {
		if l.Slot(pos).State != Valid {
			continue
		}
		fmt.Fprintf(&b, "%s=%s", s.Fields[pos].Name, l.Normal(pos))
		if l.Slot(pos).Made {
			b.WriteByte('*')
		}
		b.WriteByte(' ')
	}
	for _, p := range l.Problems(AtPing) {
		fmt.Fprintf(&b, "ping: %s: %s ", p.Field, p.Expected)
	}
	for _, p := range l.Problems(AtPing | AtPost) {
		text := p.Expected
		if i := strings.LastIndexByte(text, '('); i >= 0 && p.Field == "state" {
			text = strings.TrimSuffix(text[i+1:], ")")
		}
		fmt.Fprintf(&b, "post: %s: %s ", p.Field, text)
	}
	if ok := len(l.Problems(AtPing|AtPost)) == 0; ok != l.OK(AtPing|AtPost) {
		t.Errorf("%s: OK is %v with problems %v", sent, !ok, l.Problems(AtPing|AtPost))
	}
	return b.String()
}

func TestMadeAndRuleMistakes(t *testing.T) {
	for _, c := range []struct {
		own   []Field
		rules []Rule
		want  string
	}{
		{[]Field{{Name: "age", Type: TypeInteger, Derive: "birthday.age"}}, nil, "expected FIELD.PART"},
		{[]Field{{Name: "age", Type: TypeInteger, Derive: "zip"}}, nil, "expected FIELD.PART"},
		{[]Field{{Name: "a", Type: TypeDOB, Derive: "b.age"}, {Name: "b", Type: TypeDOB, Derive: "a.age"}}, nil,
			"not derived itself"},
		{[]Field{{Name: "hash", Type: TypeHash, Derive: "phone.md5"}}, nil, "a personal field"},
		{[]Field{{Name: "n", Type: TypeInteger, Default: "many"}}, nil, "default"},
		{[]Field{{Name: "l", Type: TypeList}}, nil, "type of its elements"},
		{[]Field{{Name: "l", Type: TypeText, Of: TypeText}}, nil, "only a list"},
		{[]Field{{Name: "e", Type: TypeEnum, Values: []string{"a"}, Synonyms: map[string]string{"x": "b"}}}, nil,
			"none of the values"},
		{[]Field{{Name: "e", Type: TypeEnum, Values: []string{"a"}, Synonyms: map[string]string{"A": "a"}}}, nil,
			"listed twice"},
		{nil, []Rule{{}}, "expected one of"},
		{nil, []Rule{{Any: []string{"colour"}}}, "a field of this vertical"},
		{nil, []Rule{{Together: []string{"state", "zip"}}}, "in this order"},
		{nil, []Rule{{Order: []string{"zip", "state"}}}, "an order"},
		{nil, []Rule{{Require: []string{"zip"}}}, "with when"},
		{nil, []Rule{{Require: []string{"zip"}, When: "opt_in", Values: []string{"perhaps"}}}, "true or false"},
		{nil, []Rule{{Any: []string{"zip"}, When: "opt_in"}}, "expected one of"},
	} {
		_, errs := NewSchemaWith("v", c.own, Options{Rules: c.rules})
		if !strings.Contains(fmt.Sprint(errs), c.want) {
			t.Errorf("%+v %+v: %v, want %q", c.own, c.rules, errs, c.want)
		}
	}
	if _, errs := NewSchemaWith("v", nil, Options{Region: "XX"}); errs == nil {
		t.Error("a region that is none was taken")
	}
}

// A value that was made does not clash with one that was sent.
func TestCopyFromPassesOverWhatWasMade(t *testing.T) {
	s := madeSchema(t)
	age, _ := s.Position("age")
	dob, _ := s.Position("dob")
	var ping, post Lead
	ping.Reset(s)
	ping.Set(age, []byte("30"))
	post.Reset(s)
	post.SetNow(testNow)
	post.Set(dob, []byte("2000-02-29"))
	post.Finish()
	if clash := ping.CopyFrom(&post, nil); len(clash) != 0 || string(ping.Normal(age)) != "30" {
		t.Errorf("clash %v, age %s", clash, ping.Normal(age))
	}
}

func TestRecordedMasksSocialSecurityNumbers(t *testing.T) {
	s := typeSchema(t)
	pos, _ := s.Position("a_ssn")
	var l Lead
	l.Reset(s)
	for raw, want := range map[string]string{"536-22-1234": "***-**-1234", "000-22-1234": "***-**-****"} {
		l.Set(pos, []byte(raw))
		v, sent := l.Recorded(pos)
		if string(v) != want || string(sent) != want || !SSNMasked(string(v)) || !s.Fields[pos].Personal {
			t.Errorf("%s is recorded as %q and %q", raw, v, sent)
		}
	}
}

func TestParseDomains(t *testing.T) {
	d, line := ParseDomains("# free\n\nGmail.com # Google\n example.org ")
	if line != 0 || !d.holds([]byte("gmail.com")) || !d.holds([]byte("mail.example.org")) ||
		d.holds([]byte("notgmail.com")) || d.holds([]byte("com")) {
		t.Errorf("%v, line %d", d, line)
	}
	if _, line := ParseDomains("gmail.com\ngmail"); line != 2 {
		t.Errorf("line %d, want 2", line)
	}
}

// Each list is read, and every state of the ZIP table is one.
func TestEmbeddedTables(t *testing.T) {
	if len(freeDomains()) < 50 || len(disposableDomains()) < 80 {
		t.Errorf("%d free, %d disposable domains", len(freeDomains()), len(disposableDomains()))
	}
	seen := map[string]bool{}
	for _, st := range zipStates {
		if st > 0 {
			seen[StateCode(int64(st-1))] = true
		}
	}
	for i := range stateTable {
		e := &stateTable[i]
		single := false
		for _, st := range zipSingle {
			single = single || st == i
		}
		if e.country == "US" && !seen[string(e.code)] && !single {
			t.Errorf("no ZIP code lies in %s", e.name)
		}
	}
}
