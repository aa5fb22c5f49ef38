// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"encoding/hex"
	"fmt"
	"strings"

	"clearpost/lead"
	"clearpost/rules/listfile"
)

// ListFile is a file of values as a criterion names it.
type ListFile struct {
	Name string       // as the criterion has it
	Sum  listfile.Sum // of its lines
	// Reading tells apart how values are read: files of one name, sum and reading have the same values.
	Reading string
	// Normal appends the key of a value as it stands in a plain file, or says what was expected.
	Normal func(dst, value []byte) (key []byte, expected string)
}

// Lists finds the values of a file. It says what was expected where there is no such file; the mistakes in a file are
// not its criterion's, and it is nil then, with nothing said.
type Lists func(f ListFile) (values *listfile.Set, expected string)

// inFile makes a test by a file of values.
func (t *test) inFile(kind Kind, key, name, hashed string, lists Lists) (Criterion, []lead.Defect) {
	if ds := t.severalValues(); ds != nil {
		return Criterion{}, ds
	}
	switch {
	case t.About != OfLead:
		return Criterion{}, []lead.Defect{{Path: "field", Value: t.named, Expected: "a field of the lead"}}
	case t.typ == lead.TypeBoolean:
		return Criterion{}, []lead.Defect{{Path: "field", Value: t.named,
			Expected: "a field with more than two values"}}
	}
	sum, err := listfile.ParseSum(hashed)
	if err != nil {
		return Criterion{}, []lead.Defect{{Path: "hashed", Value: hashed, Expected: err.Error()}}
	}
	f := ListFile{Name: strings.TrimSpace(name), Sum: sum, Reading: t.reading(), Normal: t.normal}
	if lists == nil {
		return Criterion{}, []lead.Defect{{Path: key, Value: name, Expected: "no file: none can be read here"}}
	}
	set, expected := lists(f)
	if expected != "" {
		return Criterion{}, []lead.Defect{{Path: key, Value: name, Expected: expected}}
	}
	t.Kind, t.needs().file = kind, File{f.Name, set, sum}
	if set != nil {
		t.Values = set.Values() // a small file is looked up as a list is
	}
	t.expected = map[Kind]string{InFile: "a value in ", NotInFile: "a value that is not in "}[kind] + f.Name
	if set != nil && set.Len() != 1 {
		t.expected += fmt.Sprintf(" (%d values)", set.Len())
	}
	return t.Criterion, nil
}

// reading names how values are read. Fields of one type read alike in all verticals of a configuration, but for the
// values of an enum, and what a vertical says about numbers of phones and dates.
func (t *test) reading() string {
	switch {
	case t.Part != lead.PartNone:
		return t.Part.String()
	case t.typ == lead.TypeEnum:
		return t.of.Vertical + " " + t.field.Name
	}
	return fmt.Sprintf("%s %s %v %d", t.typ, t.of.Region(), t.of.DayFirst(), t.field.MaxBytes)
}

// normal is the Normal of a ListFile.
func (t *test) normal(dst, value []byte) ([]byte, string) {
	t.scratch.Reset(t.of)
	t.scratch.Set(t.pos, value)
	if slot := t.scratch.Slot(t.pos); slot.State != lead.Valid && slot.Why != lead.WhyRange {
		_, expected := t.read(string(value))
		return dst, expected
	}
	return append(dst, t.key()...), ""
}

// File is a file of values as a criterion looks in it. Two of them are the same if they are equal.
type File struct {
	Name   string
	values *listfile.Set // nil: the file has mistakes
	sum    listfile.Sum
}

// HasKey tells whether a value, given by its key, is in the file; false where it has the sums of values that are
// written in another way, as those of phone numbers are.
func (f *File) HasKey(key string) bool { return f.values != nil && f.values.Has([]byte(key)) }

// Has looks for the lead's value of a field, or for a part of it. ok is false where there is none to look for; the
// value must be valid.
func (f *File) Has(l *lead.Lead, pos int, part lead.Part) (in, ok bool) {
	if f.values == nil {
		return false, false
	}
	var b [256]byte
	k := b[:0]
	switch typ := l.Schema().Fields[pos].Type; {
	case part != lead.PartNone:
		if k, ok = AppendPartKey(k, l, pos, part); !ok {
			return false, false
		}
	case f.sum != listfile.Plain && (typ == lead.TypePhone || typ == lead.TypeEmail):
		return f.hasSum(l, pos)
	default:
		k = AppendKey(k, l, pos)
	}
	return f.values.Has(k), true
}

var sumParts = [...]lead.Part{listfile.MD5: lead.PartMD5, listfile.SHA1: lead.PartSHA1,
	listfile.SHA256: lead.PartSHA256}

// hasSum looks for the sum of a phone number or an e-mail address as the trade makes it.
func (f *File) hasSum(l *lead.Lead, pos int) (in, ok bool) {
	var b [64]byte
	var sum [32]byte
	text, ok := l.AppendPart(b[:0], pos, sumParts[f.sum])
	n, err := hex.Decode(sum[:], text)
	if !ok || err != nil {
		return false, false
	}
	return f.values.HasSum(sum[:n]), true
}

// File is the file that a criterion looks in; ok is false of others.
func (c *Criterion) File() (f File, ok bool) {
	if c.Kind != InFile && c.Kind != NotInFile {
		return File{}, false
	}
	return c.more.file, true
}

// filed looks for a valid value in the file.
func (c *Criterion) filed(l *lead.Lead) outcome {
	in, ok := c.more.file.Has(l, c.Pos, c.Part)
	if !ok {
		return untold
	}
	return outcomeOf(in == (c.Kind == InFile))
}
