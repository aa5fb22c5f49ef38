// SPDX-License-Identifier: Apache-2.0

package lead

import (
	"strconv"
	"strings"
)

// Part is a part of a value, such as the area code of a phone number. It is addressed as FIELD.PART wherever a field
// is, and computed from the slot when it is asked for: a ping pays for no part that nobody wants.
type Part uint8

// The parts. PartNone is the value itself.
const (
	PartNone Part = iota
	PartCountry
	PartCallingCode
	PartNational
	PartArea
	PartExchange
	PartLine
	PartExtension
	PartKind // phone, certificate: named type
	PartTollFree
	PartTimeZone
	PartUser
	PartDomain
	PartTLD
	PartFree
	PartDisposable
	PartCode
	PartName
	PartState
	PartZIP
	PartPlus4
	PartPrefix
	PartOutward
	PartInward
	PartMin
	PartMax
	PartMid
	PartAverage
	PartYear
	PartMonth
	PartDay
	PartHour
	PartMinute
	PartAge
	PartAgeDays
	PartAgeMinutes
	PartSalutation
	PartFirst
	PartMiddle
	PartLast
	PartSuffix
	PartInitial
	PartScheme
	PartHost
	PartPort
	PartPath
	PartQuery
	PartVersion
	PartPrivate
	PartLoopback
	PartReserved
	PartLast4
	PartID
	PartAlgorithm
	PartCount
	PartMD5
	PartSHA1
	PartSHA256
)

var partNames = [...]string{"", "country", "calling_code", "national", "area", "exchange", "line", "extension", "type",
	"toll_free", "time_zone", "user", "domain", "tld", "free", "disposable", "code", "name", "state", "zip", "plus4",
	"prefix", "outward", "inward", "min", "max", "mid", "average", "year", "month", "day", "hour", "minute", "age",
	"age_days", "age_minutes", "salutation", "first", "middle", "last", "suffix", "initial", "scheme", "host", "port",
	"path", "query", "version", "private", "loopback", "reserved", "last4", "id", "algorithm", "count", "md5", "sha1",
	"sha256"}

// String is the part's name.
func (p Part) String() string { return partNames[p] }

// Type is the type of the part's values: text, integer, decimal or boolean.
func (p Part) Type() Type {
	switch p {
	case PartTollFree, PartFree, PartDisposable, PartPrivate, PartLoopback, PartReserved:
		return TypeBoolean
	case PartMin, PartMax, PartMid, PartAverage:
		return TypeDecimal
	case PartYear, PartMonth, PartDay, PartHour, PartMinute, PartAge, PartAgeDays, PartAgeMinutes, PartCount:
		return TypeInteger
	}
	return TypeText
}

var partsOf = map[Type][]Part{
	TypePhone: {PartCountry, PartCallingCode, PartNational, PartArea, PartExchange, PartLine, PartExtension, PartKind,
		PartTollFree, PartTimeZone, PartMD5, PartSHA1, PartSHA256},
	TypeEmail:       {PartUser, PartDomain, PartTLD, PartFree, PartDisposable, PartMD5, PartSHA1, PartSHA256},
	TypeState:       {PartCode, PartName, PartCountry},
	TypePostalCode:  {PartCountry, PartState, PartZIP, PartPlus4, PartPrefix, PartOutward, PartInward},
	TypeRange:       {PartMin, PartMax, PartMid, PartAverage},
	TypeDate:        {PartYear, PartMonth, PartDay, PartAgeDays},
	TypeDateTime:    {PartYear, PartMonth, PartDay, PartHour, PartMinute, PartAgeDays, PartAgeMinutes},
	TypeDOB:         {PartAge, PartYear, PartMonth, PartDay},
	TypeTime:        {PartHour, PartMinute},
	TypeGender:      {PartCode},
	TypeName:        {PartSalutation, PartFirst, PartMiddle, PartLast, PartSuffix, PartInitial},
	TypeURL:         {PartScheme, PartHost, PartDomain, PartPort, PartPath, PartQuery},
	TypeIP:          {PartVersion, PartPrivate, PartLoopback, PartReserved},
	TypeSSN:         {PartLast4},
	TypeCertificate: {PartKind, PartID},
	TypeHash:        {PartAlgorithm},
	TypeList:        {PartCount, PartFirst, PartLast},
}

// Parts lists the parts that values of a type have, in a stable order; not every value has every one.
func (t Type) Parts() []Part { return partsOf[t] }

// PartNames lists the names of Parts, with commas between them.
func (t Type) PartNames() string {
	var names []string
	for _, p := range partsOf[t] {
		names = append(names, p.String())
	}
	return strings.Join(names, ", ")
}

// PartByName finds a part of a type by its name.
func (t Type) PartByName(name string) (Part, bool) {
	for _, p := range partsOf[t] {
		if partNames[p] == name {
			return p, true
		}
	}
	return PartNone, false
}

// Sensitive tells whether a part of a field's values (PartNone: the value itself) tells who the person is, so that
// messages must mask it.
func (f *Field) Sensitive(p Part) bool { return f.Personal && sensitive(f.Type, p) }

func sensitive(t Type, p Part) bool {
	switch p {
	case PartNone, PartMD5, PartSHA1, PartSHA256, PartNational, PartExchange, PartLine, PartExtension, PartUser,
		PartPlus4, PartLast4, PartYear, PartMonth, PartDay, PartID, PartPath, PartQuery:
		return true
	}
	return t == TypeName || t == TypeList && p != PartCount
}

// Resolve finds what FIELD or FIELD.PART names: a position and a part, PartNone for the value itself. A field's name or
// alias may have points in it and goes first.
func (s *Schema) Resolve(name string) (pos int, p Part, ok bool) {
	if pos, ok = s.Position(name); ok {
		return pos, PartNone, true
	}
	dot := strings.LastIndexByte(name, '.')
	if dot < 0 {
		return 0, PartNone, false
	}
	if pos, ok = s.Position(name[:dot]); !ok {
		return 0, PartNone, false
	}
	p, ok = s.Fields[pos].Type.PartByName(lowerString(name[dot+1:]))
	return pos, p, ok
}

// AppendPart writes a part of the value at a position as text. It tells false, and writes nothing, where the value is
// not valid or has no such part.
func (l *Lead) AppendPart(dst []byte, pos int, p Part) ([]byte, bool) {
	if l.slots[pos].State != Valid {
		return dst, false
	}
	switch p.Type() {
	case TypeInteger:
		n, ok := l.partNum(pos, p)
		if !ok {
			return dst, false
		}
		return strconv.AppendInt(dst, n, 10), true
	case TypeDecimal:
		n, ok := l.partNum(pos, p)
		if !ok {
			return dst, false
		}
		return appendShort(dst, n), true
	}
	mark := len(dst)
	dst, ok := l.partText(dst, pos, p)
	if !ok {
		return dst[:mark], false
	}
	return dst, true
}

// PartNum is a part of the value at a position as a number: integers as they are, decimals in millionths, booleans 0 or
// 1. It tells false where the value is not valid or has no such part, and for parts that are text.
func (l *Lead) PartNum(pos int, p Part) (int64, bool) {
	if l.slots[pos].State != Valid {
		return 0, false
	}
	switch p.Type() {
	case TypeText:
		return 0, false
	case TypeBoolean:
		var b [8]byte
		text, ok := l.partText(b[:0], pos, p)
		if !ok || len(text) == 0 {
			return 0, false
		}
		if text[0] == 't' {
			return 1, true
		}
		return 0, true
	}
	return l.partNum(pos, p)
}

func (l *Lead) partNum(pos int, p Part) (int64, bool) {
	switch l.schema.Fields[pos].Type {
	case TypeRange:
		return l.rangeNum(pos, p)
	case TypeList:
		return l.listCount(pos), true
	}
	return l.dayNum(pos, p)
}

func (l *Lead) partText(dst []byte, pos int, p Part) ([]byte, bool) {
	n := l.slots[pos].Num
	switch l.schema.Fields[pos].Type {
	case TypePhone:
		return l.phonePart(dst, pos, p)
	case TypeEmail:
		return l.emailPart(dst, pos, p)
	case TypeState:
		switch p {
		case PartCode:
			return append(dst, stateTable[n].code...), true
		case PartName:
			return append(dst, stateTable[n].name...), true
		}
		return append(dst, stateTable[n].country...), true
	case TypePostalCode:
		return l.postalPart(dst, pos, p)
	case TypeGender:
		return append(dst, genderCodes[n]), true
	case TypeName:
		return l.namePart(dst, pos, p)
	case TypeURL:
		return l.urlPart(dst, pos, p)
	case TypeIP:
		return l.ipPart(dst, pos, p)
	case TypeSSN:
		return append(dst, l.Normal(pos)[7:]...), true
	case TypeCertificate:
		return l.certificatePart(dst, pos, p)
	case TypeHash:
		return append(dst, hashName(len(l.Normal(pos)))...), true
	case TypeList:
		return l.listPart(dst, pos, p)
	}
	return dst, false
}
