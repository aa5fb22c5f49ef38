// SPDX-License-Identifier: Apache-2.0

package lead

import (
	"bytes"
	"strings"
)

// postalCode takes US codes of 5 or 9 digits (normal: the first five), Canadian codes (normal: "K1A 0B1") and British
// ones (normal: "SW1A 1AA"). Spaces and hyphens may stand where the parts meet, or would.
func (l *Lead) postalCode(s *Slot, raw []byte) Why {
	var b [10]byte
	n, gap := 0, -1
	for i, c := range raw {
		switch {
		case c == ' ' || c == '-':
			if gap < 0 {
				gap = n
			} else if prev := raw[i-1]; gap != n || prev != ' ' && prev != '-' {
				return WhyType
			}
			continue
		case n == len(b):
			return WhyType
		case c >= 'a' && c <= 'z':
			c -= 'a' - 'A'
		}
		b[n] = c
		n++
	}
	switch {
	case n > 0 && digitsOnly(b[:n]):
		if n < 5 {
			return WhyTooFewDigits
		}
		if n != 5 && n != 9 {
			return WhyZIPLength
		}
		if gap >= 0 && gap != 5 {
			return WhyType
		}
		s.Num = int64(number(b[:5]))
		s.normal = l.put(b[:5])
		return WhyNone
	case n == 6 && (gap < 0 || gap == 3) && canadian(b[:6]), n >= 5 && n <= 7 && (gap < 0 || gap == n-3) &&
		british(b[:n]):
		s.Num = -1
		off := len(l.text)
		l.text = append(append(append(l.text, b[:n-3]...), ' '), b[n-3:n]...)
		s.normal = span{uint32(off), uint32(n + 1)}
		return WhyNone
	}
	return WhyType
}

func digitsOnly(b []byte) bool {
	for _, c := range b {
		if !isDigit(c) {
			return false
		}
	}
	return true
}

func isUpper(c byte) bool { return c >= 'A' && c <= 'Z' }

// canadian tells whether six signs have the shape A1A1A1 with letters that Canada Post uses.
func canadian(b []byte) bool {
	for i, c := range b {
		if i%2 == 1 && !isDigit(c) || i%2 == 0 && (!isUpper(c) || strings.IndexByte("DFIOQU", c) >= 0 || i == 0 &&
			(c == 'W' || c == 'Z')) {
			return false
		}
	}
	return true
}

// british tells whether the signs, without a gap, have one of the shapes of Royal Mail: an outward code of A9, A99,
// A9A, AA9, AA99 or AA9A, and an inward one of 9AA.
func british(b []byte) bool {
	in := b[len(b)-3:]
	if !isDigit(in[0]) || !inwardLetter(in[1]) || !inwardLetter(in[2]) {
		return false
	}
	out := b[:len(b)-3]
	if string(out) == "GIR" {
		return string(in) == "0AA"
	}
	if !isUpper(out[0]) || strings.IndexByte("QVX", out[0]) >= 0 {
		return false
	}
	rest := out[1:]
	if isUpper(rest[0]) {
		if strings.IndexByte("IJZ", rest[0]) >= 0 {
			return false
		}
		rest = rest[1:]
	}
	if len(rest) == 0 || len(rest) > 2 || !isDigit(rest[0]) {
		return false
	}
	return len(rest) == 1 || isDigit(rest[1]) || isUpper(rest[1])
}

func inwardLetter(c byte) bool { return isUpper(c) && strings.IndexByte("CIKMOV", c) < 0 }

// postalPart writes a part of a valid postal code.
func (l *Lead) postalPart(dst []byte, pos int, p Part) ([]byte, bool) {
	n := l.Normal(pos)
	us := isDigit(n[0])
	gap := bytes.IndexByte(n, ' ')
	switch p {
	case PartCountry:
		switch {
		case us:
			return append(dst, "US"...), true
		case len(n) == 7 && canadian(append([]byte(string(n[:3])), n[4:]...)):
			return append(dst, "CA"...), true
		}
		return append(dst, "GB"...), true
	case PartState:
		st, ok := l.stateOf(pos)
		if !ok {
			return dst, false
		}
		return append(dst, stateTable[st].code...), true
	case PartZIP:
		return append(dst, n...), us
	case PartPrefix:
		return append(dst, n[:3]...), us
	case PartPlus4:
		return l.plus4(dst, pos, us)
	case PartOutward:
		if us {
			return dst, false
		}
		return append(dst, n[:gap]...), true
	}
	if us {
		return dst, false
	}
	return append(dst, n[gap+1:]...), true
}

// plus4 reads the last four of nine digits from the text as sent: the normal form has no place for them.
func (l *Lead) plus4(dst []byte, pos int, us bool) ([]byte, bool) {
	raw := l.Raw(pos)
	if HasWide(raw) {
		raw = AppendSeen(nil, raw)
	}
	var d [9]byte
	n := 0
	for _, c := range raw {
		if isDigit(c) && n < len(d) {
			d[n] = c
			n++
		}
	}
	if !us || n < len(d) {
		return dst, false
	}
	return append(dst, d[5:]...), true
}

// zipTable tells the state of US ZIP codes by their first three digits, zipSingles of single codes that lie elsewhere
// than their prefix.
const zipTable = `005 NY|006-007 PR|008 VI|009 PR|010-027 MA|028-029 RI|030-038 NH|039-049 ME|050-054 VT|055 MA|056-059 VT|060-069 CT|070-089 NJ|090-098 AE|100-149 NY|150-196 PA|197-199 DE|200 DC|201 VA|202-205 DC|206-212 MD|214-219 MD|220-246 VA|247-268 WV|270-289 NC|290-299 SC|300-319 GA|320-339 FL|340 AA|341-342 FL|344 FL|346-347 FL|349 FL|350-352 AL|354-369 AL|370-385 TN|386-397 MS|398-399 GA|400-427 KY|430-459 OH|460-479 IN|480-499 MI|500-516 IA|520-528 IA|530-532 WI|534-535 WI|537-549 WI|550-551 MN|553-567 MN|569 DC|570-577 SD|580-588 ND|590-599 MT|600-620 IL|622-629 IL|630-631 MO|633-641 MO|644-658 MO|660-662 KS|664-679 KS|680-681 NE|683-693 NE|700-701 LA|703-708 LA|710-714 LA|716-729 AR|730-731 OK|733 TX|734-741 OK|743-749 OK|750-799 TX|800-816 CO|820-831 WY|832-838 ID|840-847 UT|850-853 AZ|855-857 AZ|859-860 AZ|863-865 AZ|870-871 NM|873-875 NM|877-884 NM|885 TX|889-891 NV|893-895 NV|897-898 NV|900-908 CA|910-928 CA|930-961 CA|962-966 AP|967-968 HI|969 GU|970-979 OR|980-986 WA|988-994 WA|995-999 AK`
const zipSingles = `06390 NY|83414 WY|96799 AS|96939 PW|96940 PW|96941 FM|96942 FM|96943 FM|96944 FM|96950 MP|96951 MP|96952 MP|96960 MH|96970 MH`

// provinces tells the province by the first letter of a Canadian code; of X see stateOf.
const provinces = "A NL|B NS|C PE|E NB|G QC|H QC|J QC|K ON|L ON|M ON|N ON|P ON|R MB|S SK|T AB|V BC|X NT|Y YT"

var (
	zipStates      [1000]uint8 // by prefix: index in stateTable + 1
	zipSingle      = map[int64]int{}
	provinceLetter [26]uint8
)

// makeZips fills the tables; states must be named before.
func makeZips() {
	each := func(table string, fn func(key string, state int)) {
		for _, e := range strings.Split(table, "|") {
			key, code, _ := strings.Cut(e, " ")
			i, _ := stateIndex([]byte(code))
			fn(key, i)
		}
	}
	each(zipTable, func(key string, state int) {
		for p, last := number([]byte(key[:3])), number([]byte(key[len(key)-3:])); p <= last; p++ {
			zipStates[p] = uint8(state + 1)
		}
	})
	each(zipSingles, func(key string, state int) { zipSingle[int64(number([]byte(key)))] = state })
	each(provinces, func(key string, state int) { provinceLetter[key[0]-'A'] = uint8(state + 1) })
}

// stateOf finds the state or province in which a valid postal code lies; false where the table does not know it.
func (l *Lead) stateOf(pos int) (int, bool) {
	if zip := l.slots[pos].Num; zip >= 0 {
		if st, ok := zipSingle[zip]; ok {
			return st, true
		}
		st := int(zipStates[zip/100])
		return st - 1, st > 0
	}
	n := l.Normal(pos)
	if len(n) != 7 || !isDigit(n[6]) {
		return 0, false // British
	}
	if n[0] == 'X' && n[1] == '0' && n[2] <= 'C' {
		return stateIndex([]byte("NU"))
	}
	st := int(provinceLetter[n[0]-'A'])
	return st - 1, st > 0
}
