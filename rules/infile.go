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
	var expected string
	if t.needs().file, expected = lists(f); expected != "" {
		return Criterion{}, []lead.Defect{{Path: key, Value: name, Expected: expected}}
	}
	t.Kind, t.more.sum = kind, sum
	t.expected = map[Kind]string{InFile: "a value in ", NotInFile: "a value that is not in "}[kind] + f.Name
	if t.more.file != nil && t.more.file.Len() != 1 {
		t.expected += fmt.Sprintf(" (%d values)", t.more.file.Len())
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

// filed looks for a valid value in the file.
func (c *Criterion) filed(l *lead.Lead) outcome {
	if c.more.file == nil {
		return untold
	}
	var b [256]byte
	k := b[:0]
	if c.Part != lead.PartNone {
		var ok bool
		if k, ok = AppendPartKey(k, l, c.Pos, c.Part); !ok {
			return untold
		}
	} else if c.more.sum != listfile.Plain && (c.field.Type == lead.TypePhone || c.field.Type == lead.TypeEmail) {
		return c.hashed(l)
	} else {
		k = AppendKey(k, l, c.Pos)
	}
	return outcomeOf(c.more.file.Has(k) == (c.Kind == InFile))
}

var sumParts = [...]lead.Part{listfile.MD5: lead.PartMD5, listfile.SHA1: lead.PartSHA1,
	listfile.SHA256: lead.PartSHA256}

// hashed looks for the sum of a phone number or an e-mail address as the trade makes it.
func (c *Criterion) hashed(l *lead.Lead) outcome {
	var b [64]byte
	var sum [32]byte
	text, ok := l.AppendPart(b[:0], c.Pos, sumParts[c.more.sum])
	n, err := hex.Decode(sum[:], text)
	if !ok || err != nil {
		return untold
	}
	return outcomeOf(c.more.file.HasSum(sum[:n]) == (c.Kind == InFile))
}
