// SPDX-License-Identifier: Apache-2.0

package lead

import (
	"bytes"
	"unicode/utf8"
	"unsafe"
)

// normalise fills Num, normal, State and Why of a slot whose raw text is set, as a value of the field, which is the one
// at the position or stands for the elements of its list. It must not call for more than one pass.
func (l *Lead) normalise(pos int, f *Field, s *Slot) {
	s.State = Valid
	if why := l.readSeen(pos, f, s); why != WhyNone {
		s.State, s.Why, s.Num, s.normal = Bad, why, 0, span{}
		return
	}
	if f.Type.Numeric() && (f.Min != nil && s.Num < *f.Min || f.Max != nil && s.Num > *f.Max) {
		s.State, s.Why, s.normal = Bad, WhyRange, span{}
	}
}

// readSeen reads a value without what nobody sees of it, and without quotation marks around the whole of it where it is
// none with them. What was sent stays as it was.
func (l *Lead) readSeen(pos int, f *Field, s *Slot) Why {
	sent := s.raw
	if how := readingOf(f.Type); how != readAsIs && HasWide(l.at(sent)) {
		off := len(l.text)
		l.text = appendSeen(l.text, l.at(sent), how)
		s.raw = span{uint32(off), uint32(len(l.text) - off)}
	}
	raw := l.at(s.raw)
	why := l.read(pos, f, s, raw)
	if n := len(raw); why != WhyNone && n > 2 && (raw[0] == '"' || raw[0] == '\'') && raw[n-1] == raw[0] &&
		f.Type != TypeList {
		inside := trimSpace(raw[1 : n-1])
		if len(inside) > 0 && bytes.IndexByte(inside, raw[0]) < 0 {
			s.raw = l.put(inside)
			if l.read(pos, f, s, l.at(s.raw)) == WhyNone {
				why = WhyNone
			}
		}
	}
	s.raw = sent
	return why
}

func (l *Lead) read(pos int, f *Field, s *Slot, raw []byte) Why {
	switch f.Type {
	case TypeText, TypeStreet, TypeCity:
		if !plainText(raw) {
			return WhyText
		}
		s.normal = s.raw
		return WhyNone
	case TypeName:
		return l.name(s, raw)
	case TypeEmail:
		return l.email(s, raw)
	case TypePhone:
		return l.phone(s, raw)
	case TypeState:
		i, ok := stateIndex(raw)
		if !ok {
			return WhyType
		}
		s.Num = int64(i)
		s.normal = l.put(stateTable[i].code)
		return WhyNone
	case TypePostalCode:
		return l.postalCode(s, raw)
	case TypeBoolean:
		return l.boolean(s, raw)
	case TypeInteger:
		return l.integer(s, raw)
	case TypeDecimal:
		return l.decimal(s, raw)
	case TypeMoney:
		return l.money(s, raw)
	case TypeEnum:
		return l.enum(f, l.schema.enums[pos], s, raw)
	}
	return l.readRarer(pos, f, s, raw)
}

func (l *Lead) readRarer(pos int, f *Field, s *Slot, raw []byte) Why {
	switch f.Type {
	case TypeDate:
		return l.date(s, raw, false)
	case TypeDOB:
		return l.date(s, raw, true)
	case TypeDateTime:
		return l.datetime(s, raw)
	case TypeTime:
		return l.timeOfDay(s, raw)
	case TypeIP:
		return l.ip(s, raw)
	case TypeURL:
		return l.url(f, s, raw)
	case TypeRange:
		return l.rangeOf(s, raw)
	case TypeGender:
		return l.gender(s, raw)
	case TypeSSN:
		return l.ssn(s, raw)
	case TypeCertificate:
		return l.certificate(s, raw)
	case TypeHash:
		return l.hash(s, raw)
	case TypeList:
		return l.list(pos, f, s, raw)
	}
	return WhyType
}

func (l *Lead) putString(v string) span {
	off := len(l.text)
	l.text = append(l.text, v...)
	return span{uint32(off), uint32(len(v))}
}

func plainText(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 {
			return utf8.Valid(b) && noControl(b)
		}
		if c < 0x20 && c != '\n' && c != '\t' && c != '\r' || c == 0x7f {
			return false
		}
	}
	return true
}

func noControl(b []byte) bool {
	for _, c := range b {
		if c < 0x20 && c != '\n' && c != '\t' && c != '\r' || c == 0x7f {
			return false
		}
	}
	return true
}

// asString views bytes as a string for a call that does not keep it.
func asString(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
