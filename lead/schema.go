// SPDX-License-Identifier: Apache-2.0

package lead

import (
	"fmt"
	"maps"
	"slices"

	"github.com/nyaruka/phonenumbers"
)

// Limits of a schema and of the values in a lead.
const (
	FieldsMax        = 128       // fields of a vertical, the canonical ones included
	AliasesMax       = 16        // other names of one field
	EnumValuesMax    = 512       // allowed values of one field
	EnumValueMax     = 256       // bytes of an allowed value
	FieldNameMax     = 64        // bytes of a field's name or alias
	ValueBytesMax    = 2048      // bytes of one value as sent
	LongValueMax     = 16 << 10  // bytes that a field of text or url may allow
	LongValuesMax    = 128 << 10 // bytes of all values of fields that allow more than ValueBytesMax
	PersonKeyPartMax = 4         // fields that name a person together
	SynonymsMax      = 512       // other spellings of an enum's values
	ListElementsMax  = 64        // elements of one list
	RulesMax         = 64        // cross-field rules of a vertical
)

// bytesMax is how many bytes a value of the field may have.
func (f *Field) bytesMax() int {
	if f.MaxBytes > 0 {
		return f.MaxBytes
	}
	return ValueBytesMax
}

// Stage is a point of the trip at which a field may be required.
type Stage uint8

// The stages. A one-shot lead must have what either requires.
const (
	AtPing Stage = 1 << iota
	AtPost
)

// Field is one field of a vertical's schema.
type Field struct {
	Name     string
	Type     Type
	Required Stage    // bits
	Aliases  []string // other names under which sellers may send it
	Values   []string // for enum: the allowed values, in their canonical spelling
	Personal bool     // kept in the private part of events
	Min, Max *int64   // for numbers: both ends included, in the unit of Slot.Num

	Of       Type              // for list: the type of its elements
	Invalid  OnInvalid         // what becomes of a value that does not fit, where the field is not required
	MaxBytes int               // of a value as sent and of its normal form, for text and url; 0 is ValueBytesMax
	Synonyms map[string]string // for enum: other spellings and the value that each stands for
	Default  string            // the value where none is sent nor derived
	Derive   string            // FIELD.PART from which the value is made where none is sent, such as dob.age
}

// Options say how a vertical's sellers write.
type Options struct {
	Region           string  // ISO country whose phone numbers need no calling code; empty is US
	DayFirst         bool    // 3/4/2026 is 3 April
	Rules            []Rule  // between fields
	Free, Disposable Domains // domains of e-mail providers; nil means the embedded lists

	Invalid OnInvalid     // of fields that do not say it themselves
	Missing *MissingWords // words that stand for no value; nil means the embedded list
	Areas   *AreaCodes    // of North America; nil means the embedded table
	// postal codes that reach over the line of a state; nil: every code may belong to a neighbour of its state
	Across *AcrossStates
}

// Schema is a vertical's fields with a fixed position each. It never changes after NewSchema and may be shared.
type Schema struct {
	Vertical string
	Fields   []Field

	region           string
	dayFirst         bool
	free, disposable Domains
	missing          *MissingWords
	areas            *AreaCodes
	across           *AcrossStates
	derived          []derivation
	defaults         []int
	rules            []compiledRule
	given            []Rule

	byName map[string]int
	enums  []map[string]int // per field: lower-case value → index in Values
}

// Canonical is the set of fields that every vertical starts with.
func Canonical() []Field {
	return []Field{
		{Name: "first_name", Type: TypeName, Personal: true, Aliases: []string{"firstname", "fname"}},
		{Name: "last_name", Type: TypeName, Personal: true, Aliases: []string{"lastname", "lname"}},
		{Name: "email", Type: TypeEmail, Personal: true, Aliases: []string{"email_address"}},
		{Name: "phone", Type: TypePhone, Personal: true, Aliases: []string{"phone_number", "primary_phone", "phone1"}},
		{Name: "address", Type: TypeStreet, Personal: true, Aliases: []string{"address1", "street"}},
		{Name: "city", Type: TypeCity},
		{Name: "state", Type: TypeState, Aliases: []string{"state_code"}},
		{Name: "zip", Type: TypePostalCode, Aliases: []string{"zip_code", "zipcode", "postal_code"}},
		{Name: "ip_address", Type: TypeIP, Personal: true, Aliases: []string{"ip"}},
		{Name: "timestamp", Type: TypeDateTime, Aliases: []string{"submitted_at"}},
		{Name: "source_url", Type: TypeURL, Aliases: []string{"landing_page", "page_url"}},
		{Name: "opt_in", Type: TypeBoolean, Aliases: []string{"optin", "consent"}},
		{Name: "sub_id", Type: TypeText, Aliases: []string{"subid", "sub_id1", "sub1"}},
		{Name: "sub_id2", Type: TypeText, Aliases: []string{"subid2", "sub2"}},
		{Name: "sub_id3", Type: TypeText, Aliases: []string{"subid3", "sub3"}},
	}
}

// FieldError is one mistake in a vertical's own fields.
type FieldError struct {
	Own     int // position in the fields given to NewSchema; -1 where none of them is at fault
	Problem string
}

// Error implements error.
func (e *FieldError) Error() string { return e.Problem }

// NewSchema puts a vertical's own fields behind the canonical ones. An own field with a canonical name replaces its
// requiredness, personal mark and aliases (added), but may not change its type. All problems are returned at once; each
// is a *FieldError.
func NewSchema(vertical string, own []Field) (*Schema, []error) {
	return NewSchemaWith(vertical, own, Options{})
}

// NewSchemaWith is NewSchema with options.
func NewSchemaWith(vertical string, own []Field, opt Options) (*Schema, []error) {
	s := &Schema{Vertical: vertical, Fields: Canonical(), byName: map[string]int{}}
	var errs []error
	bad := func(own int, f string, a ...any) { errs = append(errs, &FieldError{own, fmt.Sprintf(f, a...)}) }
	if err := s.take(&opt); err != nil {
		bad(-1, "%s", err)
	}
	canon := len(s.Fields)
	from := make([]int, canon, canon+len(own)) // per field the own one that it comes from
	for i := range from {
		from[i] = -1
	}
	seen := map[string]bool{}
	for k, f := range own {
		if seen[f.Name] {
			bad(k, "field %q: defined twice", f.Name)
			continue
		}
		seen[f.Name] = true
		at := slices.IndexFunc(s.Fields[:canon], func(c Field) bool { return c.Name == f.Name })
		if at < 0 {
			s.Fields = append(s.Fields, f)
			from = append(from, k)
			continue
		}
		from[at] = k
		c := &s.Fields[at]
		if f.Type != TypeNone && f.Type != c.Type {
			bad(k, "field %q: type %s: the built-in field has type %s", f.Name, f.Type, c.Type)
		}
		c.Required, c.Personal = f.Required, c.Personal || f.Personal
		c.Aliases = append(c.Aliases, f.Aliases...)
		c.Values, c.Min, c.Max = f.Values, f.Min, f.Max
		c.Of, c.Synonyms, c.Default, c.Derive, c.MaxBytes, c.Invalid = f.Of, f.Synonyms, f.Default, f.Derive,
			f.MaxBytes, f.Invalid
	}
	if s.defaultInvalid(opt.Invalid); len(s.Fields) > FieldsMax {
		bad(-1, "%d fields: expected at most %d", len(s.Fields), FieldsMax)
	}
	if long := s.longBytes(); long > LongValuesMax {
		bad(-1, "max_bytes: %d of all fields above %d together: expected at most %d", long, ValueBytesMax,
			LongValuesMax)
	}
	s.enums = make([]map[string]int, len(s.Fields))
	for i := range s.Fields {
		for _, problem := range s.addField(i) {
			bad(from[i], "%s", problem)
		}
	}
	if len(errs) == 0 {
		for i := range s.Fields {
			for _, problem := range s.addMade(i) {
				bad(from[i], "%s", problem)
			}
		}
		for i := range opt.Rules {
			if err := s.addRule(&opt.Rules[i]); err != nil {
				errs = append(errs, &RuleError{i, err.Error()})
			}
		}
	}
	if len(errs) > 0 {
		return nil, errs
	}
	return s, nil
}

// defaultInvalid says what becomes of values of fields that do not say it themselves.
func (s *Schema) defaultInvalid(v OnInvalid) {
	for i := range s.Fields {
		if s.Fields[i].Invalid == InvalidUnset {
			s.Fields[i].Invalid = v
		}
	}
}

// longBytes is how many bytes the fields that allow long values allow together.
func (s *Schema) longBytes() (n int) {
	for i := range s.Fields {
		if most := s.Fields[i].MaxBytes; most > ValueBytesMax {
			n += most
		}
	}
	return n
}

func (s *Schema) take(opt *Options) error {
	if s.region = opt.Region; s.region == "" {
		s.region = "US"
	}
	if !nanpRegions[s.region] && phonenumbers.GetCountryCodeForRegion(s.region) == 0 {
		return fmt.Errorf("region %q: expected the ISO code of a country such as US, CA or GB", s.region)
	}
	if len(opt.Rules) > RulesMax {
		return fmt.Errorf("%d rules: expected at most %d", len(opt.Rules), RulesMax)
	}
	s.dayFirst, s.free, s.disposable, s.given = opt.DayFirst, opt.Free, opt.Disposable, opt.Rules
	if s.missing, s.areas, s.across = opt.Missing, opt.Areas, opt.Across; s.missing == nil {
		s.missing = missingWords()
	}
	if s.areas == nil {
		s.areas = &areaCodes
	}
	if s.free == nil {
		s.free = freeDomains()
	}
	if s.disposable == nil {
		s.disposable = disposableDomains()
	}
	return nil
}

func (s *Schema) addField(i int) (problems []string) {
	f := &s.Fields[i]
	bad := func(format string, a ...any) { problems = append(problems, fmt.Sprintf(format, a...)) }
	if f.Type == TypeNone {
		bad("field %q: no type", f.Name)
	}
	if len(f.Aliases) > AliasesMax {
		bad("field %q: %d aliases: expected at most %d", f.Name, len(f.Aliases), AliasesMax)
	}
	for _, n := range append([]string{f.Name}, f.Aliases...) {
		if !validFieldName(n) {
			bad("field %q: name %q: expected 1 to %d of a–z, 0–9, _ . -, beginning with a letter", f.Name, n,
				FieldNameMax)
			continue
		}
		if ReservedName(n) {
			bad("field %q: the name %q is reserved by the seller API", f.Name, n)
			continue
		}
		if j, dup := s.byName[n]; dup && j != i {
			bad("field %q: the name %q belongs to field %q already", f.Name, n, s.Fields[j].Name)
			continue
		}
		s.byName[n] = i
	}
	switch {
	case f.Type == TypeEnum || f.Type == TypeList && f.Of == TypeEnum:
		problems = append(problems, s.addEnum(i)...)
	case len(f.Values) > 0 || len(f.Synonyms) > 0:
		bad("field %q: values are for type enum only", f.Name)
	}
	if f.MaxBytes != 0 && (f.Type != TypeText && f.Type != TypeURL || f.MaxBytes < 1 || f.MaxBytes > LongValueMax) {
		bad("field %q: max_bytes %d: expected 1 to %d, of a field of type text or url", f.Name, f.MaxBytes,
			LongValueMax)
	}
	if f.Type == TypeList && (f.Of == TypeNone || f.Of == TypeList) {
		bad("field %q: a list needs the type of its elements", f.Name)
	}
	if f.Type != TypeList && f.Of != TypeNone {
		bad("field %q: only a list has a type of elements", f.Name)
	}
	f.Personal = f.Personal || f.Type == TypeSSN || f.Of == TypeSSN
	if (f.Min != nil || f.Max != nil) && !f.Type.Numeric() {
		bad("field %q: min and max are for numbers, dates and times only", f.Name)
	}
	if f.Min != nil && f.Max != nil && *f.Min > *f.Max {
		bad("field %q: min is above max", f.Name)
	}
	return problems
}

// addEnum makes the table of an enum's values and synonyms.
func (s *Schema) addEnum(i int) (problems []string) {
	f := &s.Fields[i]
	bad := func(format string, a ...any) { problems = append(problems, fmt.Sprintf(format, a...)) }
	if len(f.Values) == 0 || len(f.Values) > EnumValuesMax || len(f.Synonyms) > SynonymsMax {
		bad("field %q: an enum needs 1 to %d values and has at most %d synonyms", f.Name, EnumValuesMax, SynonymsMax)
	}
	m := make(map[string]int, len(f.Values)+len(f.Synonyms))
	add := func(v string, k int) {
		l := lowerString(string(appendSeen(nil, []byte(v), readText)))
		if _, dup := m[l]; dup || v == "" || len(v) > EnumValueMax {
			bad("field %q: value %q: empty, too long or listed twice", f.Name, v)
		}
		if string(TrimUnseen([]byte(v))) != v || !plainText([]byte(v)) {
			bad("field %q: value %q: expected plain text without space around it", f.Name, v)
		}
		m[l] = k
	}
	for k, v := range f.Values {
		add(v, k)
	}
	for _, v := range slices.Sorted(maps.Keys(f.Synonyms)) {
		k, ok := m[lowerString(string(appendSeen(nil, []byte(f.Synonyms[v]), readText)))]
		if !ok {
			bad("field %q: synonym %q: %q is none of the values", f.Name, v, f.Synonyms[v])
		}
		add(v, k)
	}
	s.enums[i] = m
	return problems
}

var reserved = map[string]bool{"key": true, "ping_id": true, "lead_id": true, "seller_lead_id": true,
	"max_wait_ms": true, "min_price": true, "format": true, "redirect_url": true, "test": true, "test_result": true,
	"debug": true}

// ReservedName tells whether the seller API uses the name itself.
func ReservedName(n string) bool { return reserved[n] }

func validFieldName(n string) bool {
	if n == "" || len(n) > FieldNameMax {
		return false
	}
	for i := 0; i < len(n); i++ {
		c := n[i]
		letter := c >= 'a' && c <= 'z'
		if !letter && (i == 0 || !isDigit(c) && c != '_' && c != '.' && c != '-') {
			return false
		}
	}
	return true
}

// Lookup finds a field's position by its name or an alias, without regard to the case of ASCII letters.
func (s *Schema) Lookup(name []byte) (int, bool) {
	if len(name) > FieldNameMax {
		return 0, false
	}
	if i, ok := s.byName[string(name)]; ok {
		return i, true
	}
	var b [FieldNameMax]byte
	for i, c := range name {
		b[i] = lower(c)
	}
	i, ok := s.byName[string(b[:len(name)])]
	return i, ok
}

// Names lists the fields' names in schema order, without aliases.
func (s *Schema) Names() []string {
	out := make([]string, len(s.Fields))
	for i := range s.Fields {
		out[i] = s.Fields[i].Name
	}
	return out
}

// Position is Lookup for a string.
func (s *Schema) Position(name string) (int, bool) { return s.Lookup([]byte(name)) }

// lowerString is how values are compared: only ASCII letters have a case.
func lowerString(s string) string {
	b := []byte(s)
	for i, c := range b {
		b[i] = lower(c)
	}
	return string(b)
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
