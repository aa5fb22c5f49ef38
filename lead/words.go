// SPDX-License-Identifier: Apache-2.0

package lead

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/tidwall/gjson"
)

func (l *Lead) boolean(s *Slot, raw []byte) Why {
	switch i := wordOrBare(booleans, raw); i {
	case 0, 1:
		s.Num = int64(i)
		s.normal = l.putString(booleanNormals[i])
		return WhyNone
	}
	return WhyType
}

// words are accepted spellings, in lower case, of one value.
type words []string

var booleanNormals = [...]string{"false", "true"}

var booleans = []words{
	{"false", "0", "no", "n", "off", "f", "unchecked"},
	{"true", "1", "yes", "y", "on", "checked", "t", "selected"},
}

// genders are the normal texts by Slot.Num.
var genders = [...]string{"female", "male", "other"}

var genderWords = []words{
	{"female", "f", "woman", "w", "girl", "fem", "ms", "mrs"},
	{"male", "m", "man", "boy", "mr"},
	{"other", "x", "o", "nonbinary", "non-binary", "non binary", "nb", "enby", "diverse", "d", "genderqueer",
		"unspecified"},
}

const genderCodes = "FMX"

// Genders are the normal texts of type gender by Slot.Num.
func Genders() []string { return genders[:] }

// wordOrBare is wordIndex for a word that may have marks around it.
func wordOrBare(lists []words, raw []byte) int {
	if i := wordIndex(lists, raw); i >= 0 {
		return i
	}
	return wordIndex(lists, bareWord(raw))
}

// bareWord takes marks off both ends of a word: "yes!", [no]. A question mark stays, since it doubts.
func bareWord(b []byte) []byte {
	if len(b) > 64 {
		return b
	}
	return trimSpace(bytes.Trim(b, " \"'`!.,;:()[]*"))
}

// wordIndex finds the list that has the word, without regard to case; -1 if none has.
func wordIndex(lists []words, raw []byte) int {
	var b [16]byte
	if len(raw) > len(b) {
		return -1
	}
	for i, c := range raw {
		b[i] = lower(c)
	}
	w := b[:len(raw)]
	for i, list := range lists {
		for _, v := range list {
			if string(w) == v {
				return i
			}
		}
	}
	return -1
}

func (l *Lead) gender(s *Slot, raw []byte) Why {
	i := wordOrBare(genderWords, raw)
	if i < 0 {
		return WhyType
	}
	s.Num = int64(i)
	s.normal = l.putString(genders[i])
	return WhyNone
}

func (l *Lead) enum(f *Field, values map[string]int, s *Slot, raw []byte) Why {
	var b [EnumValueMax]byte
	if len(raw) > len(b) {
		return WhyType
	}
	for i, c := range raw {
		b[i] = lower(c)
	}
	i, ok := values[string(b[:len(raw)])]
	if !ok {
		return WhyType
	}
	s.Num = int64(i)
	s.normal = l.putString(f.Values[i])
	return WhyNone
}

// ssn takes nine digits, plain or as 3-2-4; normal has the hyphens. Num stays zero, so that nothing but the delivery
// holds the number.
func (l *Lead) ssn(s *Slot, raw []byte) Why {
	var d [9]byte
	n := 0
	for i, c := range raw {
		switch {
		case isDigit(c) && n < len(d):
			d[n] = c
			n++
		case isDigit(c):
			return WhyTooManyDigits
		case (c == '-' || c == ' ') && (i == 3 || i == 6):
		default:
			return WhyType
		}
	}
	if n < len(d) {
		return WhyTooFewDigits
	}
	if len(raw) != 9 && (len(raw) != 11 || raw[3] != raw[6]) {
		return WhyType
	}
	area, group, serial := number(d[:3]), number(d[3:5]), number(d[5:])
	switch {
	case area == 0 || area == 666 || area >= 900:
		return WhySSNArea
	case group == 0 || serial == 0:
		return WhySSNZero
	case string(d[:]) == "078051120" || string(d[:]) == "219099999" || string(d[:]) == "123456789" || allSame(d[:]):
		return WhySSNKnown
	}
	var b [11]byte
	s.normal = l.put(append(append(append(append(append(b[:0], d[:3]...), '-'), d[3:5]...), '-'), d[5:]...))
	return WhyNone
}

func allSame(b []byte) bool { return bytes.Count(b, b[:1]) == len(b) }

// hash takes the hexadecimal text of an MD5, SHA-1 or SHA-256 sum; normal is in lower case.
func (l *Lead) hash(s *Slot, raw []byte) Why {
	if hashName(len(raw)) == "" {
		return WhyHashLength
	}
	for _, c := range raw {
		if unhex(c) > 15 {
			return WhyType
		}
	}
	s.normal = l.putLower(raw)
	return WhyNone
}

func hashName(hexDigits int) string {
	switch hexDigits {
	case 2 * md5.Size:
		return "md5"
	case 2 * sha1.Size:
		return "sha1"
	case 2 * sha256.Size:
		return "sha256"
	}
	return ""
}

// appendHash writes the sum of a text in hexadecimal, in lower case.
func appendHash(dst []byte, p Part, text []byte) []byte {
	switch p {
	case PartMD5:
		sum := md5.Sum(text)
		return hex.AppendEncode(dst, sum[:])
	case PartSHA1:
		sum := sha1.Sum(text)
		return hex.AppendEncode(dst, sum[:])
	}
	sum := sha256.Sum256(text)
	return hex.AppendEncode(dst, sum[:])
}

// The addresses of TrustedForm, as they begin. Nothing else is taken: whoever redeems a certificate sends credentials
// there.
const (
	trustedFormCert = "https://cert.trustedform.com/"
	trustedFormPing = "https://ping.trustedform.com/"
)

// certificate takes the URL of a TrustedForm certificate, its ping URL, or a Jornaya LeadiD.
func (l *Lead) certificate(s *Slot, raw []byte) Why {
	if id, ok := cutFold(raw, trustedFormCert); ok {
		if len(id) != 40 {
			return WhyCertificateID
		}
		for _, c := range id {
			if unhex(c) > 15 {
				return WhyCertificateID
			}
		}
		off := len(l.text)
		l.text = append(l.text, trustedFormCert...)
		l.putLower(id)
		s.normal = span{uint32(off), uint32(len(l.text) - off)}
		return WhyNone
	}
	if id, ok := cutFold(raw, trustedFormPing); ok {
		if len(id) < 8 || len(id) > 256 {
			return WhyCertificateID
		}
		for _, c := range id {
			if x := lower(c); !(x >= 'a' && x <= 'z' || isDigit(c) || strings.IndexByte("._-", c) >= 0) {
				return WhyCertificateID
			}
		}
		off := len(l.text)
		l.text = append(append(l.text, trustedFormPing...), id...)
		s.normal = span{uint32(off), uint32(len(l.text) - off)}
		return WhyNone
	}
	if _, err := ParseID(asString(raw)); err == nil {
		off := len(l.text)
		for _, c := range raw {
			if c >= 'a' && c <= 'f' {
				c -= 'a' - 'A'
			}
			l.text = append(l.text, c)
		}
		s.normal = span{uint32(off), uint32(len(raw))}
		return WhyNone
	}
	if bytes.Contains(raw, []byte("://")) {
		return WhyCertificateHost
	}
	return WhyType
}

// certificatePart writes a part of a valid certificate.
func (l *Lead) certificatePart(dst []byte, pos int, p Part) ([]byte, bool) {
	kind, id := "jornaya", l.Normal(pos)
	if rest, ok := bytes.CutPrefix(id, []byte(trustedFormCert)); ok {
		kind, id = "trustedform", rest
	} else if rest, ok := bytes.CutPrefix(id, []byte(trustedFormPing)); ok {
		kind, id = "trustedform_ping", rest
	}
	if p == PartKind {
		return append(dst, kind...), true
	}
	return append(dst, id...), true
}

// list reads a JSON list of single values, or text with one value a line or values between semicolons, bars or commas.
// Normal is a JSON list of the normal texts.
func (l *Lead) list(pos int, f *Field, s *Slot, raw []byte) Why {
	of := *f
	of.Type, of.Of, of.Min, of.Max = f.Of, TypeNone, nil, nil
	var out []byte
	n := 0
	add := func(v []byte) Why {
		if v = TrimUnseen(v); len(v) == 0 || l.schema.absent(pos, &of, v) {
			return WhyNone
		}
		if n++; n > ListElementsMax {
			return WhyManyElements
		}
		var e Slot
		e.raw = l.put(v)
		if l.normalise(pos, &of, &e); e.State != Valid {
			return WhyElement
		}
		if n > 1 {
			out = append(out, ',')
		}
		out = gjson.AppendJSONString(out, string(l.at(e.normal)))
		return WhyNone
	}
	out = append(out, '[')
	why := WhyNone
	if raw[0] == '[' && gjson.ValidBytes(raw) {
		gjson.ParseBytes(raw).ForEach(func(_, v gjson.Result) bool {
			switch {
			case v.IsArray() || v.IsObject():
				why = WhyElement
			case v.Type == gjson.Number:
				why = add(AppendPlainNumber(nil, []byte(v.Raw)))
			case v.Type != gjson.Null:
				why = add([]byte(v.String()))
			}
			return why == WhyNone
		})
	} else {
		sep := ","
		for _, c := range []string{"|", ";", "\n"} {
			if bytes.Contains(raw, []byte(c)) {
				sep = c
			}
		}
		for v := range bytes.SplitSeq(raw, []byte(sep)) {
			if why = add(v); why != WhyNone {
				break
			}
		}
	}
	switch out = append(out, ']'); {
	case why != WhyNone:
		return why
	case n == 0:
		*s = Slot{}
		return WhyNone
	case len(out) > ValueBytesMax:
		return WhyTooLong
	}
	s.normal = l.put(out)
	return WhyNone
}

// Elements gives each element of a valid list in turn, until more is false.
func (l *Lead) Elements(pos int, fn func(text string) (more bool)) {
	gjson.ParseBytes(l.Normal(pos)).ForEach(func(_, v gjson.Result) bool { return fn(v.Str) })
}

// listPart writes the first or the last element of a valid list.
func (l *Lead) listPart(dst []byte, pos int, p Part) ([]byte, bool) {
	var found string
	l.Elements(pos, func(text string) bool {
		found = text
		return p == PartLast
	})
	return append(dst, found...), true
}

func (l *Lead) listCount(pos int) (n int64) {
	l.Elements(pos, func(string) bool { n++; return true })
	return n
}
