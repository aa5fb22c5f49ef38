// SPDX-License-Identifier: Apache-2.0

package lead

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
)

// typeSchema has one field of each type, named after it, behind the canonical ones.
func typeSchema(t testing.TB) *Schema {
	t.Helper()
	low, high := int64(-5), int64(1000)
	var own []Field
	for _, name := range TypeNames() {
		typ, err := ParseType(name)
		if err != nil {
			t.Fatal(err)
		}
		f := Field{Name: "a_" + name, Type: typ}
		if typ == TypeEnum {
			f.Values = []string{"Geico", "State Farm", "ÉTÉ", "none"}
			f.Synonyms = map[string]string{"GEICO Insurance": "Geico", "statefarm": "State Farm"}
		}
		if typ == TypeList {
			f.Of = TypePhone
		}
		own = append(own, f)
	}
	own = append(own, Field{Name: "a_bounded", Type: TypeInteger, Min: &low, Max: &high},
		Field{Name: "a_list_of_enum", Type: TypeList, Of: TypeEnum, Values: []string{"Roof", "Windows"}})
	s, errs := NewSchema("types", own)
	if errs != nil {
		t.Fatal(errs)
	}
	return s
}

// unquote lets a line hold any bytes as a Go string.
func unquote(line string) []byte {
	if s, err := strconv.Unquote(line); err == nil {
		return []byte(s)
	}
	return []byte(line)
}

// testNow is the time of the leads of these tests.
var testNow = time.Date(2026, 2, 28, 12, 0, 0, 0, time.UTC)

// partsLine lists the parts that a value has, but for sums.
func partsLine(l *Lead, pos int) string {
	var b []byte
	for _, p := range l.Schema().Fields[pos].Type.Parts() {
		if p == PartMD5 || p == PartSHA1 || p == PartSHA256 {
			continue
		}
		if v, ok := l.AppendPart(nil, pos, p); ok {
			b = append(append(append(append(b, ' '), p.String()...), '='), v...)
		}
	}
	return string(b)
}

func TestValues(t *testing.T) {
	s := typeSchema(t)
	foreign, errs := NewSchemaWith("types", append([]Field(nil), s.Fields[len(Canonical()):]...),
		Options{Region: "GB", DayFirst: true})
	if errs != nil {
		t.Fatal(errs)
	}
	var l Lead
	datadriven.RunTest(t, "testdata/values", func(t *testing.T, d *datadriven.TestData) string {
		pos, ok := s.Position("a_" + d.Cmd)
		if !ok {
			t.Fatalf("no type %q", d.Cmd)
		}
		schema := s
		if d.HasArg("region") {
			schema = foreign
		}
		var b strings.Builder
		for _, line := range strings.Split(d.Input, "\n") {
			l.Reset(schema)
			l.SetNow(testNow)
			l.Set(pos, unquote(line))
			switch slot := l.Slot(pos); slot.State {
			case Missing:
				fmt.Fprintf(&b, "%s: missing\n", line)
			case Valid:
				fmt.Fprintf(&b, "%s: %q %d%s\n", line, l.Normal(pos), slot.Num, partsLine(&l, pos))
			default:
				p := l.Problems(0)
				fmt.Fprintf(&b, "%s: bad %q, expected %s\n", line, p[0].Value, p[0].Expected)
			}
		}
		return b.String()
	})
}

func TestLongValues(t *testing.T) {
	s := typeSchema(t)
	var l Lead
	l.Reset(s)
	text, _ := s.Position("a_text")
	l.Set(text, []byte(strings.Repeat("é", ValueBytesMax/2)))
	if l.Slot(text).State != Valid {
		t.Fatal("a value at the limit is bad")
	}
	l.Set(text, []byte("x"+strings.Repeat("é", ValueBytesMax/2)))
	if p := l.Problems(0); len(p) != 1 || p[0].Expected != "at most 2048 bytes" || p[0].Value[0] != 'x' {
		t.Fatalf("problems %+v", p)
	}
}

func TestMask(t *testing.T) {
	plain, personal := &Field{}, &Field{Personal: true}
	for _, c := range []struct {
		field     *Field
		raw, want string
	}{
		{plain, "Geico", "Geico"}, {plain, "été", "été"}, {plain, "a\x00b\xff", "a?b?"}, {plain, "a\nb", "a?b"},
		{plain, strings.Repeat("é", 32), strings.Repeat("é", 32)}, {plain, strings.Repeat("x", 65),
			strings.Repeat("x", 61) + "..."}, {personal, "jane@example.com", "****om"}, {personal, "abcd", "****"},
		{personal, "", "****"}, {personal, "12345é", "****??"},
	} {
		if got := Mask(c.field, []byte(c.raw)); got != c.want {
			t.Errorf("Mask(%q) = %q, want %q", c.raw, got, c.want)
		}
	}
}

func TestProblemsByStage(t *testing.T) {
	s, errs := NewSchema("v", []Field{
		{Name: "state", Required: AtPing}, {Name: "phone", Required: AtPost}, {Name: "age", Type: TypeInteger,
			Required: AtPing | AtPost}})
	if errs != nil {
		t.Fatal(errs)
	}
	var l Lead
	l.Reset(s)
	phone, _ := s.Position("Primary_Phone")
	l.Set(phone, []byte("555-0123"))
	for _, c := range []struct {
		stage Stage
		want  string
	}{{AtPing, "phone state age"}, {AtPost, "phone age"}, {AtPing | AtPost, "phone state age"}, {0, "phone"}} {
		var names []string
		for _, p := range l.Problems(c.stage) {
			names = append(names, p.Field)
		}
		if got := strings.Join(names, " "); got != c.want {
			t.Errorf("stage %d: problems of %q, want %q", c.stage, got, c.want)
		}
		if l.OK(c.stage) {
			t.Errorf("stage %d is OK with problems", c.stage)
		}
	}
	if p := l.Problems(0)[0]; p.Value != "****23" {
		t.Errorf("a personal value is shown as %q", p.Value)
	}
	for name, value := range map[string]string{"phone": "2125550123", "state": "ny", "age": "30"} {
		pos, _ := s.Position(name)
		l.Set(pos, []byte(value))
	}
	if !l.OK(AtPing|AtPost) || l.Problems(AtPing|AtPost) != nil {
		t.Errorf("a complete lead has problems %+v", l.Problems(AtPing|AtPost))
	}
}

func TestCopyFrom(t *testing.T) {
	s := typeSchema(t)
	phone, _ := s.Position("phone")
	state, _ := s.Position("state")
	zip, _ := s.Position("zip")
	city, _ := s.Position("city")
	var ping, post Lead
	ping.Reset(s)
	post.Reset(s)
	ping.Set(state, []byte("ny"))
	ping.Set(zip, []byte("10001"))
	ping.Set(city, []byte("New York"))
	post.Set(state, []byte("New York"))
	post.Set(zip, []byte("10002"))
	post.Set(phone, []byte("(212) 555-0123"))
	if clash := post.CopyFrom(&ping, nil); len(clash) != 1 || clash[0] != zip {
		t.Fatalf("clash at %v, want %d", clash, zip)
	}
	ping.Reset(s) // what was copied must not lean on it
	ping.Set(zip, []byte("XXXXXXXXXXXXXXXXXXXXX"))
	for pos, want := range map[int]string{phone: "+12125550123", state: "NY", zip: "10002", city: "New York"} {
		if got := string(post.Normal(pos)); got != want {
			t.Errorf("%s is %q, want %q", s.Fields[pos].Name, got, want)
		}
	}
}

func TestSetAllocatesNothing(t *testing.T) {
	s := typeSchema(t)
	values := map[string]string{"text": "x", "name": "Jane", "street": "1 Main St", "city": "Reno",
		"email": "Jane@Example.com", "phone": "(212) 555-0123", "state": "new york", "postal_code": "10001-1234",
		"boolean": "Yes", "integer": "0030", "decimal": "1.50", "money": "450000", "date": "3/22/1984",
		"datetime": "2026-01-31T15:04:05Z", "ip": "203.0.113.9", "url": "https://example.com/a?b=c", "enum": "geico",
		"range": "25-64", "dob": "1984-03-22", "time": "3:04 PM", "gender": "F", "ssn": "536-22-1234",
		"certificate": "https://cert.trustedform.com/0123456789abcdef0123456789abcdef01234567",
		"hash":        strings.Repeat("0aF1", 8)}
	var l Lead
	l.Reset(s)
	l.SetNow(testNow)
	for _, name := range TypeNames() {
		if name == "list" {
			continue // a list costs what it holds
		}
		pos, _ := s.Position("a_" + name)
		raw := []byte(values[name])
		if n := testing.AllocsPerRun(20, func() {
			l.text = l.text[:0]
			l.Set(pos, raw)
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
		if l.Slot(pos).State != Valid {
			t.Errorf("%s: %q is not valid", name, raw)
		}
	}
}

func TestSchemaMistakes(t *testing.T) {
	one, two := int64(1), int64(2)
	many := make([]Field, FieldsMax)
	for i := range many {
		many[i] = Field{Name: fmt.Sprintf("f%d", i), Type: TypeText}
	}
	for _, c := range []struct {
		name string
		own  []Field
		want string
	}{
		{"twice", []Field{{Name: "a", Type: TypeText}, {Name: "a", Type: TypeText}}, "defined twice"},
		{"no type", []Field{{Name: "a"}}, "no type"},
		{"other type", []Field{{Name: "phone", Type: TypeText}}, "built-in field has type phone"},
		{"bad name", []Field{{Name: "1a", Type: TypeText}}, "beginning with a letter"},
		{"reserved", []Field{{Name: "a", Type: TypeText, Aliases: []string{"ping_id"}}}, "reserved"},
		{"taken alias", []Field{{Name: "a", Type: TypeText, Aliases: []string{"zip_code"}}}, `belongs to field "zip"`},
		{"aliases", []Field{{Name: "a", Type: TypeText, Aliases: make([]string, AliasesMax+1)}}, "at most 16"},
		{"fields", many, "at most 128"},
		{"no values", []Field{{Name: "a", Type: TypeEnum}}, "needs 1 to 512 values"},
		{"value twice", []Field{{Name: "a", Type: TypeEnum, Values: []string{"x", "X"}}}, "listed twice"},
		{"long value", []Field{{Name: "a", Type: TypeEnum, Values: []string{strings.Repeat("x", EnumValueMax+1)}}},
			"too long"},
		{"space", []Field{{Name: "a", Type: TypeEnum, Values: []string{" x"}}}, "without space"},
		{"values of text", []Field{{Name: "a", Type: TypeText, Values: []string{"x"}}}, "for type enum only"},
		{"values of phone", []Field{{Name: "phone", Values: []string{"x"}}}, "for type enum only"},
		{"min above max", []Field{{Name: "a", Type: TypeInteger, Min: &two, Max: &one}}, "min is above max"},
		{"min of text", []Field{{Name: "a", Type: TypeText, Min: &one}}, "for numbers"},
		{"max of state", []Field{{Name: "state", Max: &one}}, "for numbers"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, errs := NewSchema("v", c.own)
			if s != nil || len(errs) == 0 {
				t.Fatal("the schema was taken")
			}
			if !strings.Contains(fmt.Sprint(errs), c.want) {
				t.Fatalf("%v: expected it to say %q", errs, c.want)
			}
		})
	}
}

// A value of an enum that is as long as may be, or not in ASCII, is found again.
func TestEnumValuesAreFound(t *testing.T) {
	values := []string{strings.Repeat("X", EnumValueMax), "École", "Ωmega"}
	s, errs := NewSchema("v", []Field{{Name: "a", Type: TypeEnum, Values: values}})
	if errs != nil {
		t.Fatal(errs)
	}
	pos, _ := s.Position("a")
	var l Lead
	l.Reset(s)
	for i, v := range values {
		l.Set(pos, []byte(v))
		if slot := l.Slot(pos); slot.State != Valid || slot.Num != int64(i) || string(l.Normal(pos)) != v {
			t.Errorf("%q reads as %v %d %q", v, slot.State, slot.Num, l.Normal(pos))
		}
	}
}
