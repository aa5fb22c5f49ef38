// SPDX-License-Identifier: Apache-2.0

package answer

import "unicode/utf8"

// plainSigns takes the signs that nobody sees out of a text, and puts a space in the place of each kind of space that
// is none of ASCII. A text of ASCII is returned as it is; another is appended to buf.
func plainSigns(buf, b []byte) []byte {
	at := 0
	for at < len(b) && b[at] < utf8.RuneSelf {
		at++
	}
	if at == len(b) {
		return b
	}
	buf = append(buf, b[:at]...)
	for at < len(b) {
		r, n := utf8.DecodeRune(b[at:])
		switch {
		case spaceSign(r):
			buf = append(buf, ' ')
		case !hiddenSign(r):
			buf = append(buf, b[at:at+n]...)
		}
		at += n
	}
	return buf
}

// spaceSign tells whether a sign beyond ASCII is a space: no-break spaces, and those of typesetting.
func spaceSign(r rune) bool {
	return r == 0xa0 || r >= 0x2000 && r <= 0x200a || r == 0x202f || r == 0x205f || r == 0x3000
}

// hiddenSign tells whether a sign has no width: zero-width signs, marks of direction, byte order marks and soft
// hyphens.
func hiddenSign(r rune) bool {
	return r == 0xad || r >= 0x200b && r <= 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x2060 && r <= 0x2064 ||
		r >= 0x2066 && r <= 0x2069 || r == 0xfeff
}
