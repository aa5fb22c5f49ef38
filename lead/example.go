// SPDX-License-Identifier: Apache-2.0

package lead

import (
	"strconv"
	"strings"
	"time"

	"github.com/nyaruka/phonenumbers"
)

// Form tells sellers in words what a value of the field looks like, such as "an amount such as 12.50 or $1,234.50".
func (f *Field) Form() string { return f.form() }

// BoundText writes a Min or Max in the field's own notation.
func (f *Field) BoundText(n int64) string { return f.numText(n) }

// Region is the ISO code of the country whose phone numbers need no calling code.
func (s *Schema) Region() string { return s.region }

// DayFirst tells whether 3/4/2026 is 3 April.
func (s *Schema) DayFirst() bool { return s.dayFirst }

// Rules are the rules between fields as they were given.
func (s *Schema) Rules() []Rule { return s.given }

// Example makes a plausible lead that the schema takes at a stage: by position the text that a seller would send, empty
// for fields that are left out. It has what the stage requires, what rules then require, and up to optional further
// fields that no stage requires and that are not personal. The person is nobody. now is the time at which it would be
// received.
func (s *Schema) Example(st Stage, optional int, now time.Time) []string {
	text := make([]string, len(s.Fields))
	in := make([]bool, len(s.Fields))
	for i := range s.Fields {
		text[i] = s.sample(i, now)
		in[i] = s.Fields[i].Required&st != 0
	}
	s.inOrder(text, now)
	for i := range s.Fields {
		if f := &s.Fields[i]; optional > 0 && f.Required == 0 && !f.Personal && f.Derive == "" && text[i] != "" &&
			i >= len(Canonical()) {
			in[i] = true
			optional--
		}
	}
	for range len(s.Fields) + 1 {
		if !s.mend(text, in, st, now) {
			break
		}
	}
	for i := range text {
		if !in[i] {
			text[i] = ""
		}
	}
	return text
}

// mend leaves out what is not taken and takes in what is missing. It returns false when there was nothing to do, or
// nothing that helps.
func (s *Schema) mend(text []string, in []bool, st Stage, now time.Time) bool {
	var l Lead
	l.Reset(s)
	l.SetNow(now)
	for i := range text {
		if in[i] {
			l.Set(i, []byte(text[i]))
		}
	}
	l.Finish()
	changed := false
	for _, p := range l.Problems(st) {
		pos, _ := s.Position(p.Field)
		switch bad := l.Slot(pos).State == Bad; {
		case bad && in[pos] && s.Fields[pos].Required&st == 0:
			in[pos], text[pos], changed = false, "", true
		case !bad && !in[pos] && text[pos] != "":
			in[pos], changed = true, true
		}
	}
	return changed
}

// inOrder makes the two fields of each rule of order agree.
func (s *Schema) inOrder(text []string, now time.Time) {
	for i := range s.rules {
		r := &s.rules[i]
		if r.kind != ruleOrder {
			continue
		}
		low, high := r.fields[0], r.fields[1]
		if s.takes(low, text[high], now) {
			text[low] = text[high]
		} else if s.takes(high, text[low], now) {
			text[high] = text[low]
		}
	}
}

func (s *Schema) takes(pos int, text string, now time.Time) bool {
	var l Lead
	l.Reset(s)
	l.SetNow(now)
	l.Set(pos, []byte(text))
	return l.Slot(pos).State == Valid
}

// sample is a plausible text for one field; empty if none is found that it takes.
func (s *Schema) sample(pos int, now time.Time) string {
	f := &s.Fields[pos]
	for _, t := range append(s.samplesOf(f, f.Type), f.Default) {
		if t != "" && s.takes(pos, t, now) {
			return t
		}
	}
	return ""
}

// plain are samples of the types for which one text does for every field.
var plain = map[Type][]string{
	TypeName:        {"Jane Roe"},
	TypeStreet:      {"1 Main Street"},
	TypeCity:        {"San Francisco"},
	TypeEmail:       {"jane.roe@example.com"},
	TypeBoolean:     {"true"},
	TypeDate:        {"2026-01-31"},
	TypeDOB:         {"1984-03-22"},
	TypeDateTime:    {"2026-01-31T15:04:05Z"},
	TypeTime:        {"15:04"},
	TypeGender:      {"female"},
	TypeIP:          {"203.0.113.24"},
	TypeURL:         {"https://www.example.com/quote"},
	TypeRange:       {"25-64"},
	TypeSSN:         {"536-22-1234"},
	TypeCertificate: {"https://cert.trustedform.com/0123456789abcdef0123456789abcdef01234567"},
	TypeHash:        {"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
}

// named are samples for the fields whose name, or an alias of theirs, has a word; numbers only count where the field is
// one.
var named = []struct{ word, text string }{
	{"first", "Jane"}, {"last", "Roe"}, {"make", "Toyota"}, {"model", "Camry"}, {"occupation", "Teacher"},
	{"utility", "Pacific Power"}, {"insurer", "Geico"},
	{"trustedform", "https://cert.trustedform.com/0123456789abcdef0123456789abcdef01234567"}, {"language", "en"},
	{"licensed", "12"}, {"year", "2019"}, {"age", "41"}, {"bill", "180"}, {"miles", "12000"}, {"months", "24"},
	{"count", "1"}, {"amount", "250000"}, {"value", "400000"}, {"price", "400000"}, {"income", "80000"},
	{"debt", "15000"}, {"balance", "15000"}, {"score", "720"},
}

func (s *Schema) samplesOf(f *Field, t Type) (out []string) {
	switch t {
	case TypeEnum:
		return []string{f.Values[0]}
	case TypeList:
		if f.Of == TypeEnum && len(f.Values) > 1 {
			return []string{f.Values[0] + ", " + f.Values[1]}
		}
		return s.samplesOf(f, f.Of)
	case TypePhone:
		return []string{map[string]string{"US": "(415) 555-0123", "CA": "(613) 555-0123",
			"GB": "020 7946 0958"}[s.region], s.phoneSample(), "+14155550123"}
	case TypePostalCode:
		return []string{map[string]string{"CA": "K1A 0B1", "GB": "SW1A 1AA"}[s.region], "94110"}
	case TypeState:
		return []string{map[string]string{"CA": "ON"}[s.region], "CA"}
	}
	for _, n := range named {
		if strings.Contains(f.Name, n.word) {
			out = append(out, n.text)
		}
	}
	out = append(out, plain[t]...)
	if t.Numeric() {
		out = append(out, numbersOf(f, t)...)
	}
	if t == TypeText {
		out = append(out, "Example")
	}
	return out
}

// numbersOf are values within a field's bounds.
func numbersOf(f *Field, t Type) []string {
	unit := int64(1)
	if t == TypeDecimal || t == TypeMoney {
		unit = int64(Unit)
	}
	try := []int64{10 * unit, unit, 0}
	switch {
	case f.Min != nil && f.Max != nil:
		n := *f.Min + (*f.Max-*f.Min)/4
		try = []int64{n - n%unit, *f.Min}
	case f.Min != nil:
		try = []int64{*f.Min}
	case f.Max != nil:
		try = append(try, *f.Max)
	}
	var out []string
	for _, n := range try {
		out = append(out, f.numText(n))
	}
	return out
}

// phoneSample is the number that the library gives as an example of the region.
func (s *Schema) phoneSample() string {
	n := phonenumbers.GetExampleNumber(s.region)
	if n == nil {
		return ""
	}
	return "+" + strconv.Itoa(int(n.GetCountryCode())) + strconv.FormatUint(n.GetNationalNumber(), 10)
}
