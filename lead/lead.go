// SPDX-License-Identifier: Apache-2.0

package lead

import (
	"bytes"
	"strings"
	"time"
)

// SlotState tells what a slot holds.
type SlotState uint8

// The states of a slot. Blank text is Missing, not Bad.
const (
	Missing SlotState = iota
	Valid
	Bad
)

// Slot is one value of a lead. Its text stands in the lead's arena, so that a slot has no pointers.
type Slot struct {
	// Num is the value as a number where the type has one: integer as is; decimal and money in millionths; boolean 0 or
	// 1; date and dob in days and datetime in microseconds since 1970-01-01 UTC; time in seconds of the day; enum,
	// state and gender the index in their tables; phone the digits of E.164; postal_code of five digits its number,
	// else -1. It is zero where the value is bad, but for WhyRange.
	Num    int64
	raw    span
	normal span
	State  SlotState
	Why    Why  // for Bad: what is wrong
	Made   bool // derived from another field, or the field's default: not sent
}

type span struct{ off, len uint32 }

// Lead is the canonical typed record: one slot a field, by schema position. The zero value must be Reset before use.
// It is not safe for concurrent writers; after it has been filled any number may read it.
type Lead struct {
	schema *Schema
	slots  []Slot
	text   []byte
	unfit  []Unfit
	now    time.Time

	dayFirst bool           // 3/4/2026 is 3 April; the schema's, unless ReadAs says otherwise
	zone     *time.Location // of times without one; nil is UTC
}

// Reset empties the lead and makes it one of the schema, keeping its memory.
func (l *Lead) Reset(s *Schema) {
	l.schema = s
	l.text, l.unfit = l.text[:0], l.unfit[:0]
	l.now, l.dayFirst, l.zone = time.Time{}, s != nil && s.dayFirst, nil
	if cap(l.slots) < len(s.Fields) {
		l.slots = make([]Slot, len(s.Fields))
		return
	}
	l.slots = l.slots[:len(s.Fields)]
	clear(l.slots)
}

// Trim lets go of the lead's memory if its texts have taken more than so many bytes. Reset comes before its next use.
func (l *Lead) Trim(most int) {
	if cap(l.text) > most {
		l.text = nil
	}
}

// Clear empties the lead as Reset does and keeps its schema, its time and how it reads.
func (l *Lead) Clear() {
	now, dayFirst, zone := l.now, l.dayFirst, l.zone
	l.Reset(l.schema)
	l.now, l.dayFirst, l.zone = now, dayFirst, zone
}

// ReadAs has dates and times that are set from now on read as one sender writes them, until the next Reset: with the
// day first or the month, and with times without a zone in that zone; nil is UTC.
func (l *Lead) ReadAs(dayFirst bool, zone *time.Location) { l.dayFirst, l.zone = dayFirst, zone }

// SetNow tells the time at which the lead was received, before its values are set: ages are of that time, and no
// birthday lies behind it. Without it two-digit years are refused and there are no ages.
func (l *Lead) SetNow(now time.Time) { l.now = now.UTC() }

// Schema is the schema of the last Reset.
func (l *Lead) Schema() *Schema { return l.schema }

// Len is the number of slots.
func (l *Lead) Len() int { return len(l.slots) }

// Slot returns the slot at a position.
func (l *Lead) Slot(pos int) *Slot { return &l.slots[pos] }

// Normal is the normal text of the slot at a position, empty if missing or bad. It lives until the next Reset.
func (l *Lead) Normal(pos int) []byte { return l.at(l.slots[pos].normal) }

// Raw is the text as sent, empty if missing. It lives until the next Reset.
func (l *Lead) Raw(pos int) []byte { return l.at(l.slots[pos].raw) }

// Value is the normal text where the value is valid, else what was sent.
func (l *Lead) Value(pos int) []byte {
	if l.slots[pos].State == Valid {
		return l.Normal(pos)
	}
	return l.Raw(pos)
}

func (l *Lead) at(s span) []byte { return l.text[s.off : s.off+s.len : s.off+s.len] }

func (l *Lead) put(b []byte) span {
	off := len(l.text)
	l.text = append(l.text, b...)
	return span{uint32(off), uint32(len(b))}
}

// Set copies a value as sent into the slot and normalises it by the field's type. Blank text, and words that stand for
// no value, leave the slot missing. A value that does not fit its type leaves the slot Bad with the reason. Set may be
// called again: the last value stands.
func (l *Lead) Set(pos int, raw []byte) {
	s, f := &l.slots[pos], &l.schema.Fields[pos]
	*s = Slot{}
	if n := len(raw); n > 0 && (raw[0] <= ' ' || raw[0] >= 0x80 || raw[n-1] <= ' ' || raw[n-1] >= 0x80) {
		raw = TrimUnseen(raw)
	}
	if len(raw) == 0 || l.schema.absent(pos, f, raw) {
		return
	}
	if len(raw) > f.bytesMax() {
		most := 64
		if f.spares() {
			most = LongValueMax
		}
		s.raw = l.put(raw[:min(len(raw), most)])
		s.State, s.Why = Bad, WhyTooLong
		return
	}
	s.raw = l.put(raw)
	l.normalise(pos, f, s)
}

// SetBad marks a slot as holding something that is no single value, such as a list where one value is expected.
func (l *Lead) SetBad(pos int, raw []byte, why Why) {
	if len(raw) > 64 {
		raw = raw[:64]
	}
	l.slots[pos] = Slot{State: Bad, Why: why, raw: l.put(raw)}
}

// CopyFrom fills the slots of l that are missing, or bad where the other's is valid, with those of another lead of the
// same schema. It tells which positions stood in both with different values, appended to clash: l keeps its own.
func (l *Lead) CopyFrom(o *Lead, clash []int) []int {
	for i := range o.slots {
		if o.slots[i].State == Missing {
			continue
		}
		if l.slots[i].State == Missing || l.slots[i].State == Bad && o.slots[i].State == Valid {
			s := o.slots[i]
			s.raw, s.normal = l.put(o.at(s.raw)), l.put(o.at(s.normal))
			l.slots[i] = s
			continue
		}
		if !o.slots[i].Made && string(l.Value(i)) != string(o.Value(i)) {
			clash = append(clash, i)
		}
	}
	return clash
}

// Problem is one thing that is wrong with a lead as sent. Value is shortened, and masked where the field is personal.
type Problem struct {
	Field    string `json:"field"`
	Value    string `json:"value,omitempty"`
	Expected string `json:"expected"`
	Missing  bool   `json:"missing,omitempty"` // nothing was sent
}

// Problems lists the bad values, and the fields that the stages require and that are missing, in schema order; then
// what rules between fields miss.
func (l *Lead) Problems(st Stage) []Problem {
	var out []Problem
	for i := range l.slots {
		f := &l.schema.Fields[i]
		switch s := &l.slots[i]; {
		case s.State == Bad:
			out = append(out, Problem{Field: f.Name, Value: Mask(f, l.Raw(i)), Expected: f.expectation(s.Why)})
		case s.State == Missing && f.Required&st != 0 && !l.toldByOrigin(f, st):
			out = append(out, Problem{Field: f.Name, Expected: "a value: " + f.expectation(WhyType), Missing: true})
		}
	}
	return l.wanting(st, out)
}

// toldByOrigin tells whether a field that is derived is missing because of a field that is reported itself.
func (l *Lead) toldByOrigin(f *Field, st Stage) bool {
	if f.Derive == "" {
		return false
	}
	from, _, ok := l.schema.Resolve(f.Derive)
	if !ok {
		return false
	}
	s := &l.slots[from]
	return s.State == Bad || s.State == Missing && l.schema.Fields[from].Required&st != 0
}

// OK tells whether Problems would be empty, without making the list.
func (l *Lead) OK(st Stage) bool {
	for i := range l.slots {
		s := &l.slots[i]
		if s.State == Bad || s.State == Missing && l.schema.Fields[i].Required&st != 0 {
			return false
		}
	}
	return len(l.schema.rules) == 0 || len(l.wanting(st, nil)) == 0
}

// Recorded is the value at a position, and what was sent, as they may be kept outside the delivery to a buyer: a social
// security number is masked there, whatever was sent for it.
func (l *Lead) Recorded(pos int) (value, raw []byte) {
	if f := &l.schema.Fields[pos]; f.Type == TypeSSN || f.Of == TypeSSN {
		m := MaskSSN(f, l.Normal(pos))
		return m, m
	}
	return l.Value(pos), l.Raw(pos)
}

// ssnMask stands for the digits of a social security number that are not shown.
const ssnMask = "***-**-"

// MaskSSN shows the last four digits of a social security number in its normal form, and nothing of anything else.
func MaskSSN(f *Field, normal []byte) []byte {
	if f.Type != TypeSSN || len(normal) != len(ssnMask)+4 {
		return []byte(ssnMask + "****")
	}
	return append([]byte(ssnMask), normal[len(ssnMask):]...)
}

// SSNMasked tells whether a text is a masked social security number, which is none.
func SSNMasked(text string) bool { return strings.HasPrefix(text, ssnMask) }

// Mask makes a value fit for messages: it is cut at 64 bytes, and what is not plain text of one line is replaced. Of a
// personal value only the last two characters are shown.
func Mask(f *Field, raw []byte) string {
	if f.Personal {
		if len(raw) <= 4 {
			return "****"
		}
		return "****" + string(asciiOnly(raw[len(raw)-2:]))
	}
	if len(raw) > 64 {
		return string(asciiOnly(raw[:61])) + "..."
	}
	if !plainText(raw) || bytes.ContainsAny(raw, "\n\r\t") {
		return string(asciiOnly(raw))
	}
	return string(raw)
}

func asciiOnly(b []byte) []byte {
	out := make([]byte, len(b))
	for i, c := range b {
		if c < 0x20 || c > 0x7e {
			c = '?'
		}
		out[i] = c
	}
	return out
}

func trimSpace(b []byte) []byte {
	for len(b) > 0 && b[0] <= ' ' {
		b = b[1:]
	}
	for len(b) > 0 && b[len(b)-1] <= ' ' {
		b = b[:len(b)-1]
	}
	return b
}
