// SPDX-License-Identifier: Apache-2.0

package lead

import (
	"strconv"
	"unicode/utf8"

	"github.com/nyaruka/phonenumbers"
)

// phoneBytesMax bounds what is given to the library: no number with its extension and a word before it is longer.
const phoneBytesMax = 64

// phone reads a number by the schema's region; normal is E.164. Plain numbers of North America never reach the library,
// which takes some 80 allocations for one. They need no table either: whatever has the form of one is taken, since new
// area codes and exchanges come into service every year.
func (l *Lead) phone(s *Slot, raw []byte) Why {
	var d [11]byte
	n, plain := plainDigits(raw, &d)
	if plain && (raw[0] == '+' || nanpRegions[l.schema.region]) {
		p := d[:n]
		if n == 11 && p[0] == '1' {
			p = p[1:]
		}
		if len(p) == 10 && p[0] >= '2' && (raw[0] != '+' || n == 11) {
			switch {
			case !areaPossible(p[:3]) && l.schema.areas[number(p[:3])].country == "":
				return WhyAreaCode
			case p[3] < '2': // in use in hardly any place
				if why := l.oddPhone(s, raw); why != WhyNotInUse {
					return why
				}
				return WhyExchange
			}
			l.putPhone(s, '1', p)
			return WhyNone
		}
	}
	return l.oddPhone(s, raw)
}

// plainDigits reads at most eleven digits between the usual separators.
func plainDigits(raw []byte, d *[11]byte) (n int, ok bool) {
	for i, c := range raw {
		switch {
		case isDigit(c):
			if n == len(d) {
				return 0, false
			}
			d[n] = c
			n++
		case c == ' ' || c == '-' || c == '.' || c == '(' || c == ')' || c == '/' || c == '+' && i == 0:
		default:
			return 0, false
		}
	}
	return n, true
}

// number reads digits, which may be few enough to fit.
func number(digits []byte) (n int) {
	for _, c := range digits {
		n = n*10 + int(c-'0')
	}
	return n
}

func (l *Lead) putPhone(s *Slot, first byte, rest []byte) {
	off := len(l.text)
	l.text = append(append(l.text, '+', first), rest...)
	s.normal = span{uint32(off), uint32(len(l.text) - off)}
	s.Num, _ = strconv.ParseInt(asString(l.text[off+1:]), 10, 64)
}

// oddPhone asks the library: letters, extensions, other scripts' digits, other countries.
func (l *Lead) oddPhone(s *Slot, raw []byte) Why {
	if len(raw) > phoneBytesMax || !utf8.Valid(raw) || !plainText(raw) {
		return WhyType
	}
	digits := 0
	for _, c := range raw {
		switch {
		case isDigit(c):
			digits++
		case c == '@' || c == '<' || c == '>' || c == '"':
			return WhyType
		}
	}
	num, err := phonenumbers.Parse(string(raw), l.schema.region)
	if err == nil && num.GetCountryCode() == 1 && !phonenumbers.IsValidNumber(num) {
		if ten := phonenumbers.GetNationalSignificantNumber(num); l.wellFormed(ten) {
			l.putPhone(s, '1', []byte(ten))
			return WhyNone
		}
	}
	if err != nil || !phonenumbers.IsValidNumber(num) {
		switch possible := phonenumbers.IsPossibleNumberWithReason(num); {
		case err != nil && digits == 0:
			return WhyType
		case err == nil && possible == phonenumbers.TOO_SHORT, err == nil &&
			possible == phonenumbers.IS_POSSIBLE_LOCAL_ONLY, err != nil && digits < 7:
			return WhyTooFewDigits
		case err == nil && possible == phonenumbers.TOO_LONG:
			return WhyTooManyDigits
		case err != nil:
			return WhyType
		}
		return WhyNotInUse
	}
	e := phonenumbers.Format(num, phonenumbers.E164)
	l.putPhone(s, e[1], []byte(e[2:]))
	return WhyNone
}

// wellFormed tells whether ten national digits have the form of a number of North America.
func (l *Lead) wellFormed(ten string) bool {
	return len(ten) == 10 && digitsOnly([]byte(ten)) && ten[3] >= '2' && (areaPossible([]byte(ten[:3])) ||
		l.schema.areas[number([]byte(ten[:3]))].country != "")
}

// nanp gives the ten national digits of a phone number of calling code 1, nil of another.
func (l *Lead) nanp(pos int) []byte {
	if n := l.Normal(pos); len(n) == 12 && n[1] == '1' {
		return n[2:]
	}
	return nil
}

// phonePart writes a part of a valid phone number. Only what the area code does not tell costs a call of the library.
func (l *Lead) phonePart(dst []byte, pos int, p Part) ([]byte, bool) {
	if p == PartExtension {
		return l.extension(dst, pos)
	}
	ten := l.nanp(pos)
	if ten == nil || p == PartTimeZone {
		return l.foreignPart(dst, pos, p)
	}
	area := &l.schema.areas[number(ten[:3])]
	switch p {
	case PartCountry:
		return append(dst, area.country...), area.country != ""
	case PartCallingCode:
		dst = append(dst, '1')
	case PartNational:
		dst = append(dst, ten...)
	case PartArea:
		dst = append(dst, ten[:3]...)
	case PartExchange:
		dst = append(dst, ten[3:6]...)
	case PartLine:
		dst = append(dst, ten[6:]...)
	case PartKind:
		if area.kind == "" {
			return append(dst, "unknown"...), true
		}
		dst = append(dst, area.kind...)
	case PartTollFree:
		dst = strconv.AppendBool(dst, area.kind == "toll_free")
	case PartMD5, PartSHA1, PartSHA256:
		return appendHash(dst, p, ten), true
	}
	return dst, true
}

var phoneKinds = map[phonenumbers.PhoneNumberType]string{
	phonenumbers.FIXED_LINE: "fixed", phonenumbers.MOBILE: "mobile",
	phonenumbers.FIXED_LINE_OR_MOBILE: "fixed_or_mobile", phonenumbers.TOLL_FREE: "toll_free",
	phonenumbers.PREMIUM_RATE: "premium", phonenumbers.SHARED_COST: "shared_cost", phonenumbers.VOIP: "voip",
	phonenumbers.PERSONAL_NUMBER: "personal", phonenumbers.PAGER: "pager", phonenumbers.UAN: "company",
	phonenumbers.VOICEMAIL: "voicemail",
}

func (l *Lead) foreignPart(dst []byte, pos int, p Part) ([]byte, bool) {
	normal := l.Normal(pos)
	switch p {
	case PartMD5, PartSHA1, PartSHA256:
		return appendHash(dst, p, normal[1:]), true
	case PartArea, PartExchange, PartLine:
		return dst, false
	}
	num, err := phonenumbers.Parse(string(normal), "")
	if err != nil {
		return dst, false
	}
	switch p {
	case PartCountry:
		region := phonenumbers.GetRegionCodeForNumber(num)
		if len(region) != 2 {
			return dst, false // a number of no country, such as of a satellite network
		}
		dst = append(dst, region...)
	case PartCallingCode:
		dst = strconv.AppendInt(dst, int64(num.GetCountryCode()), 10)
	case PartNational:
		dst = append(dst, phonenumbers.GetNationalSignificantNumber(num)...)
	case PartKind:
		kind, ok := phoneKinds[phonenumbers.GetNumberType(num)]
		if !ok {
			return dst, false
		}
		dst = append(dst, kind...)
	case PartTollFree:
		dst = strconv.AppendBool(dst, phonenumbers.GetNumberType(num) == phonenumbers.TOLL_FREE)
	case PartTimeZone:
		zones, err := phonenumbers.GetTimezonesForNumber(num)
		if err != nil || len(zones) != 1 || zones[0] == phonenumbers.UNKNOWN_TIMEZONE {
			return dst, false // none, or several: which one is not known
		}
		dst = append(dst, zones[0]...)
	}
	return dst, true
}

// extension reads it from the text as sent: E.164 has no place for it.
func (l *Lead) extension(dst []byte, pos int) ([]byte, bool) {
	raw := l.Raw(pos)
	if HasWide(raw) {
		raw = AppendSeen(nil, raw)
	}
	var d [11]byte
	if _, plain := plainDigits(raw, &d); plain {
		return dst, false
	}
	num, err := phonenumbers.Parse(string(raw), l.schema.region)
	if err != nil || num.GetExtension() == "" {
		return dst, false
	}
	return append(dst, num.GetExtension()...), true
}
