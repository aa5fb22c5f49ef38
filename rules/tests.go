// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"bytes"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"

	"clearpost/lead"
)

// shownMax is how many values of a list an explanation shows.
const shownMax = 12

// severalValues refuses tests of the value itself of types that have more than one.
func (t *test) severalValues() []lead.Defect {
	if t.typ != lead.TypeRange && t.typ != lead.TypeList {
		return nil
	}
	return []lead.Defect{{Path: "field", Value: t.named, Expected: "one of its parts, which are " +
		t.typ.PartNames() + ": type " + t.typ.String() + " has more than one value"}}
}

// list makes a list of values.
func (t *test) list(kind Kind, key string, values []string) (Criterion, []lead.Defect) {
	if ds := t.severalValues(); ds != nil {
		return Criterion{}, ds
	}
	switch {
	case len(values) == 0:
		return Criterion{}, []lead.Defect{{Path: key, Expected: "at least one value"}}
	case len(values) > CriterionValuesMax:
		return Criterion{}, []lead.Defect{{Path: key, Value: fmt.Sprint(len(values), " values"),
			Expected: fmt.Sprintf("at most %d values", CriterionValuesMax)}}
	case t.About == OfTime:
		return Criterion{}, []lead.Defect{{Path: "field", Value: t.named, Expected: "a range (min and max)"}}
	}
	t.Kind = kind
	var ds []lead.Defect
	var nums []int64
	shown := make([]string, 0, min(len(values), shownMax))
	for i, v := range values {
		slot, expected := t.read(v)
		if slot.State != lead.Valid {
			ds = append(ds, lead.Defect{Path: fmt.Sprintf("%s[%d]", key, i), Value: v, Expected: expected})
			continue
		}
		if t.Values = append(t.Values, t.key()); t.typ.Numeric() {
			nums = append(nums, slot.Num)
		}
		if len(shown) < shownMax {
			shown = append(shown, string(t.scratch.Normal(t.pos)))
		}
	}
	slices.Sort(t.Values)
	t.Values = slices.Clip(slices.Compact(t.Values))
	if slices.Sort(nums); nums != nil {
		t.needs().nums = slices.Compact(nums)
	}
	for _, v := range t.Values {
		t.longest = max(t.longest, len(v))
	}
	t.expected = map[Kind]string{List: "one of ", NotList: "none of "}[kind] + strings.Join(shown, ", ")
	if len(values) > len(shown) {
		t.expected += fmt.Sprintf(" … (%d values)", len(t.Values))
	}
	return t.Criterion, ds
}

// key is the text of the value that was read last, as AppendKey or AppendPartKey writes that of a lead.
func (t *test) key() string {
	if t.Part.Type() == lead.TypeDecimal {
		return string(bytes.TrimSuffix(bytes.TrimSuffix(t.scratch.Normal(t.pos), []byte("0")), []byte(".0")))
	}
	if t.About == OfSource {
		return string(t.scratch.Normal(t.pos)) // ids are told apart by their case
	}
	key := AppendKey(nil, t.scratch, t.pos)
	switch t.Part {
	case lead.PartDomain, lead.PartHost, lead.PartTLD: // a lead's are as the domain name system has them
		if d, ok := lead.PlainDomain(key); ok {
			key = d
		}
	}
	return string(key)
}

// between makes a range of which both ends are included.
func (t *test) between(spec *CriterionSpec) (Criterion, []lead.Defect) {
	if ds := t.severalValues(); ds != nil {
		return Criterion{}, ds
	}
	if !t.typ.Numeric() {
		return Criterion{}, []lead.Defect{{Path: "field", Value: t.named,
			Expected: "a list (in or not_in): type " + t.typ.String() + " has no order"}}
	}
	low, high, ds := t.bounds("min", "max", spec.Min, spec.Max)
	if len(ds) > 0 {
		return Criterion{}, ds
	}
	switch {
	case t.Min > t.Max && t.About == OfTime:
		return Criterion{}, []lead.Defect{{Path: "min", Value: low, Expected: "at most max, which is " + high +
			": over midnight it is `any` of two criteria"}}
	case t.Min > t.Max:
		return Criterion{}, []lead.Defect{{Path: "min", Value: low, Expected: "at most max, which is " + high}}
	case spec.Min == nil:
		t.expected = "at most " + high
	case spec.Max == nil:
		t.expected = "at least " + low
	default:
		t.expected = "from " + low + " to " + high
	}
	return t.Criterion, t.beyond("min", "max", low, high)
}

// dates makes a range of which no end is included.
func (t *test) dates(spec *CriterionSpec) (Criterion, []lead.Defect) {
	if t.typ != lead.TypeDate && t.typ != lead.TypeDateTime && t.typ != lead.TypeDOB && t.typ != lead.TypeTime {
		return Criterion{}, []lead.Defect{{Path: "field", Value: t.named,
			Expected: "min and max, a list or a text: before and after are for dates and times, type is " +
				t.typ.String()}}
	}
	low, high, ds := t.bounds("after", "before", spec.After, spec.Before)
	if len(ds) > 0 {
		return Criterion{}, ds
	}
	if spec.After != nil {
		t.Min++
	}
	if spec.Before != nil {
		t.Max--
	}
	switch {
	case t.Min > t.Max:
		return Criterion{}, []lead.Defect{{Path: "after", Value: low, Expected: "something that leaves room before " +
			high}}
	case spec.After == nil:
		t.expected = "before " + high
	case spec.Before == nil:
		t.expected = "after " + low
	default:
		t.expected = "after " + low + " and before " + high
	}
	return t.Criterion, t.beyond("after", "before", low, high)
}

// bounds reads the ends of a range, and gives them as explanations show them.
func (t *test) bounds(lowKey, highKey string, least, most *string) (low, high string, ds []lead.Defect) {
	t.Kind = Range
	bound := func(key string, v *string, to *int64) (text string) {
		if v == nil {
			return ""
		}
		slot, expected := t.read(*v)
		// A bound outside the field's own limits is fine: only the other end of the range then says something.
		if slot.State != lead.Valid && slot.Why != lead.WhyRange {
			ds = append(ds, lead.Defect{Path: key, Value: *v, Expected: expected})
			return ""
		}
		if *to = slot.Num; slot.State == lead.Valid {
			return string(t.scratch.Normal(t.pos))
		}
		return strings.TrimSpace(*v)
	}
	low = bound(lowKey, least, &t.Min)
	high = bound(highKey, most, &t.Max)
	return low, high, ds
}

// beyond finds a range that lies outside the field's own limits.
func (t *test) beyond(lowKey, highKey, low, high string) []lead.Defect {
	f := &t.of.Fields[t.pos]
	switch {
	case f.Max != nil && t.Min > *f.Max:
		return []lead.Defect{{Path: lowKey, Value: low,
			Expected: "a value that the field may have: its own max is lower"}}
	case f.Min != nil && t.Max < *f.Min:
		return []lead.Defect{{Path: highKey, Value: high,
			Expected: "a value that the field may have: its own min is higher"}}
	}
	return nil
}

// stretch makes a test by how long ago a date or time is.
func (t *test) stretch(kind Kind, key, text string) (Criterion, []lead.Defect) {
	dated := t.typ == lead.TypeDate || t.typ == lead.TypeDOB
	if !dated && t.typ != lead.TypeDateTime {
		return Criterion{}, []lead.Defect{{Path: "field", Value: t.named,
			Expected: "a field of type date, dob or datetime: " + key + " is for those"}}
	}
	a, err := parseAgo(text)
	switch {
	case err != nil:
		return Criterion{}, []lead.Defect{{Path: key, Value: text, Expected: err.Error()}}
	case dated && a.unit < agoDays:
		return Criterion{}, []lead.Defect{{Path: key, Value: text,
			Expected: "days, weeks, months or years: type " + t.typ.String() + " has no time of day"}}
	}
	t.Kind, t.needs().zone, t.more.ago = kind, t.zone, a
	t.expected = map[Kind]string{Within: "within the last ", Older: "longer ago than "}[kind] + a.String()
	return t.Criterion, nil
}

// hasText tells whether values of a type are looked at as text.
func hasText(typ lead.Type) bool {
	return !typ.Numeric() && typ != lead.TypeBoolean && typ != lead.TypeRange && typ != lead.TypeList
}

func (t *test) noText(key string) []lead.Defect {
	if hasText(t.typ) && t.About != OfWeekday {
		return nil
	}
	return []lead.Defect{{Path: "field", Value: t.named, Expected: "a field with text: " + key + " is not for type " +
		t.typ.String()}}
}

// texts makes a test of a beginning, an end or something between.
func (t *test) texts(kind Kind, key string, texts []string) (Criterion, []lead.Defect) {
	if ds := t.noText(key); ds != nil {
		return Criterion{}, ds
	}
	switch {
	case len(texts) == 0:
		return Criterion{}, []lead.Defect{{Path: key, Expected: "at least one text"}}
	case len(texts) > CriterionTextsMax:
		return Criterion{}, []lead.Defect{{Path: key, Value: fmt.Sprint(len(texts), " texts"),
			Expected: fmt.Sprintf("at most %d texts", CriterionTextsMax)}}
	}
	t.Kind = kind
	var ds []lead.Defect
	shown := make([]string, 0, min(len(texts), shownMax))
	for i, v := range texts {
		seen := lead.TrimUnseen(lead.AppendSeen(nil, []byte(v)))
		if len(seen) == 0 || len(seen) > TextBytesMax {
			at := key
			if len(texts) > 1 {
				at = fmt.Sprintf("%s[%d]", key, i)
			}
			ds = append(ds, lead.Defect{Path: at, Value: v, Expected: fmt.Sprintf("a text of 1 to %d bytes",
				TextBytesMax)})
			continue
		}
		if len(shown) < shownMax {
			shown = append(shown, string(seen))
		}
		for k := range seen {
			seen[k] = lower(seen[k])
		}
		t.Values = append(t.Values, string(seen))
	}
	t.expected = map[Kind]string{Prefix: "text that begins with ", Suffix: "text that ends with ",
		Contains: "text that contains "}[kind] + strings.Join(shown, " or ")
	if len(texts) > len(shown) {
		t.expected += fmt.Sprintf(" … (%d texts)", len(texts))
	}
	return t.Criterion, ds
}

// regular makes a test by a regular expression.
func (t *test) regular(text string) (Criterion, []lead.Defect) {
	if ds := t.noText("pattern"); ds != nil {
		return Criterion{}, ds
	}
	if t.field.MaxBytes > PatternValueMax {
		return Criterion{}, []lead.Defect{{Path: "field", Value: t.named, Expected: fmt.Sprintf(
			"a field of at most %d bytes: a pattern takes too long over more", PatternValueMax)}}
	}
	if text == "" || len(text) > PatternBytesMax {
		return Criterion{}, []lead.Defect{{Path: "pattern", Value: text, Expected: fmt.Sprintf(
			"a regular expression of 1 to %d bytes", PatternBytesMax)}}
	}
	re, err := regexp.Compile(text)
	if err != nil {
		return Criterion{}, []lead.Defect{{Path: "pattern", Value: text,
			Expected: "a regular expression of RE2: " + strings.TrimPrefix(err.Error(), "error parsing regexp: ")}}
	}
	if n := patternSteps(text); n > PatternStepsMax {
		return Criterion{}, []lead.Defect{{Path: "pattern", Value: text, Expected: fmt.Sprintf(
			"a simpler regular expression: this one has %d steps, at most %d are allowed", n, PatternStepsMax)}}
	}
	t.Kind, t.needs().pattern, t.expected = Pattern, re, "text that matches "+text
	return t.Criterion, nil
}

// patternSteps is how large a regular expression is when it is compiled: a match costs as many steps a byte at most.
func patternSteps(text string) int {
	re, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return 0
	}
	prog, err := syntax.Compile(re.Simplify())
	if err != nil {
		return 0
	}
	return len(prog.Inst)
}

// whether makes a test of presence or validity.
func (t *test) whether(want bool, yes, no Kind) (Criterion, []lead.Defect) {
	switch {
	case t.About != OfLead:
		return Criterion{}, []lead.Defect{{Path: "field", Value: t.named, Expected: "a field of the lead: `" + t.named +
			"` is always there"}}
	case yes == Valid && t.Part != lead.PartNone:
		return Criterion{}, []lead.Defect{{Path: "field", Value: t.named,
			Expected: "the field itself: its parts are neither valid nor not, but `present` or not"}}
	}
	if t.Kind = yes; !want {
		t.Kind = no
	}
	t.expected = map[Kind]string{Present: "a value", Absent: "no value", Valid: "a valid value",
		Invalid: "a value that is not valid"}[t.Kind]
	return t.Criterion, nil
}

// read normalises a value of a file as if a seller had sent it, and tells what is expected where it is bad.
func (t *test) read(v string) (lead.Slot, string) {
	t.scratch.Reset(t.of)
	t.scratch.Set(t.pos, []byte(v))
	slot := *t.scratch.Slot(t.pos)
	if slot.State == lead.Missing {
		return slot, "a value, not empty text or a word that stands for none"
	}
	if p := t.scratch.Problems(0); len(p) > 0 {
		return slot, p[0].Expected
	}
	return slot, ""
}
