// SPDX-License-Identifier: Apache-2.0

package lead

import (
	"encoding/binary"
	"unicode"
	"unicode/utf8"
)

// visibility tells what a character is to people who read a value.
type visibility uint8

const (
	signSeen  visibility = iota
	signSpace            // a gap of some width, such as U+00A0
	signNone             // nothing at all, such as U+200B
)

// signOf tells the signs that nobody sees, or takes for a plain space, from the others. ASCII has none of them here.
func signOf(r rune) visibility {
	switch {
	case r < 0x80:
		return signSeen
	case r == 0xa0, r >= 0x2000 && r <= 0x200a, r == 0x202f, r == 0x205f, r == 0x3000, // the spaces of people who write
		r == 0x85, r == 0x1680, r == 0x2028, r == 0x2029, r == 0x2800: // ends of lines, and blanks of two scripts
		return signSpace
	// joiners, directions
	case r >= 0x200b && r <= 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x2060 && r <= 0x206f, r == 0xfeff, r == 0xad,
		r == 0x61c, r == 0x180e, r == 0x34f, r == 0x115f, r == 0x1160, r == 0x3164, r == 0xffa0: // and fillers
		return signNone
	}
	return signSeen
}

// TrimUnseen takes spaces, control characters and signs that nobody sees off both ends of a value: U+00A0, U+2000–200A,
// U+202F, U+205F and U+3000 are space, U+200B–200F, U+202A–202E, U+2060–206F, U+FEFF and U+00AD are nothing, and so are
// their like. What is left is a part of b. Nothing is left of a value that is made of nothing else.
func TrimUnseen(b []byte) []byte {
	for len(b) > 0 {
		if b[0] <= ' ' {
			b = b[1:]
			continue
		}
		if b[0] < 0x80 {
			break
		}
		r, n := utf8.DecodeRune(b)
		if signOf(r) == signSeen {
			break
		}
		b = b[n:]
	}
	for len(b) > 0 {
		c := b[len(b)-1]
		if c <= ' ' {
			b = b[:len(b)-1]
			continue
		}
		if c < 0x80 {
			break
		}
		r, n := utf8.DecodeLastRune(b)
		if signOf(r) == signSeen {
			break
		}
		b = b[:len(b)-n]
	}
	return b
}

// AppendSeen appends a value as it is read where it is a number, a date, a code or the like: signs that nobody sees are
// left out, other spaces become U+0020, and wide forms (U+FF01–FF5E), other hyphens and minus signs, and quotation
// marks become those of ASCII. All else is copied as it stands. Where HasWide is false that is the value itself.
func AppendSeen(dst, b []byte) []byte { return appendSeen(dst, b, readPlain) }

// AppendVisible appends a text without the signs that nobody sees, and with U+0020 in place of every other space. All
// else is copied as it stands. Where HasWide is false that is the text itself.
func AppendVisible(dst, b []byte) []byte { return appendSeen(dst, b, readVisible) }

// HasWide tells whether a value has bytes beyond ASCII, without which there is nothing that AppendSeen would change.
func HasWide(b []byte) bool {
	for ; len(b) >= 8; b = b[8:] {
		if binary.LittleEndian.Uint64(b)&0x8080808080808080 != 0 {
			return true
		}
	}
	for _, c := range b {
		if c >= 0x80 {
			return true
		}
	}
	return false
}

// reading is how much of a value's signs is changed before it is read.
type reading uint8

const (
	readAsIs    reading = iota // only its ends are trimmed
	readText                   // words of people: joiners stay, since some scripts need them; spaces become plain
	readVisible                // as AppendVisible says
	readMail                   // an address: nothing unseen stays, wide forms become plain
	readPlain                  // as AppendSeen says
)

// readingOf tells how values of a type are read.
func readingOf(t Type) reading {
	switch t {
	case TypeText, TypeList: // a list's elements are read each by itself
		return readAsIs
	case TypeName, TypeStreet, TypeCity, TypeURL, TypeEnum:
		return readText
	case TypeEmail:
		return readMail
	}
	return readPlain
}

func appendSeen(dst, b []byte, how reading) []byte {
	for i := 0; i < len(b); {
		if b[i] < 0x80 {
			dst = append(dst, b[i])
			i++
			continue
		}
		r, n := utf8.DecodeRune(b[i:])
		switch k := signOf(r); {
		case r == utf8.RuneError && n == 1:
			dst = append(dst, b[i])
		case k == signSpace:
			dst = append(dst, ' ')
		case k == signNone && !(how == readText && (r == 0x200c || r == 0x200d || r == 0x34f)):
		case how >= readMail && r >= 0xff01 && r <= 0xff5e:
			dst = append(dst, byte(r-0xff01+'!'))
		case how == readPlain && (r >= 0x2010 && r <= 0x2015 || r == 0x2212 || r == 0xfe63 || r == 0xfe58):
			dst = append(dst, '-')
		case how == readPlain && (r == 0x2018 || r == 0x2019 || r == 0x201b):
			dst = append(dst, '\'')
		case how == readPlain && (r == 0x201c || r == 0x201d || r == 0x201e || r == 0xab || r == 0xbb):
			dst = append(dst, '"')
		default:
			dst = append(dst, b[i:i+n]...)
		}
		i += n
	}
	return dst
}

// hidden tells whether a text has a character that does not show: one that an address could differ by without anybody's
// seeing it.
func hidden(b []byte) bool {
	for i := 0; i < len(b); {
		if b[i] < 0x80 {
			i++
			continue
		}
		r, n := utf8.DecodeRune(b[i:])
		if signOf(r) != signSeen || !unicode.IsGraphic(r) || unicode.IsSpace(r) ||
			unicode.Is(unicode.Variation_Selector, r) {
			return true
		}
		i += n
	}
	return false
}
