// SPDX-License-Identifier: Apache-2.0

package request

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// appendTitle writes each word with a capital first letter and the rest small. A letter behind the apostrophe of
// O'Brien begins too.
func appendTitle(dst, s []byte) []byte {
	word := 0 // letters of the word so far
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRune(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			dst = append(dst, s[i])
			word = 0
		case !unicode.IsLetter(r):
			dst = utf8.AppendRune(dst, r)
			if (r == '\'' || r == '’') && word > 1 || unicode.IsDigit(r) || unicode.IsMark(r) {
				word = 2
			} else {
				word = 0
			}
		case word == 0:
			dst = utf8.AppendRune(dst, unicode.ToTitle(r))
			word = 1
		default:
			dst = utf8.AppendRune(dst, unicode.ToLower(r))
			word++
		}
		i += n
	}
	return dst
}

// asciiFor has the letters and signs that do not come apart into an ASCII letter and marks.
var asciiFor = map[rune]string{
	'ß': "ss", 'ẞ': "SS", 'æ': "ae", 'Æ': "AE", 'œ': "oe", 'Œ': "OE", 'ø': "o", 'Ø': "O", 'đ': "d", 'Đ': "D", 'ð': "d",
	'Ð': "D", 'þ': "th", 'Þ': "Th", 'ł': "l", 'Ł': "L", 'ħ': "h", 'Ħ': "H", 'ŧ': "t", 'Ŧ': "T", 'ı': "i", 'ĸ': "k",
	'ŋ': "n", 'Ŋ': "N", 'ſ': "s", '‘': "'", '’': "'", '‚': "'", '‛': "'", 'ʻ': "'", 'ʼ': "'", '′': "'", '“': `"`,
	'”': `"`, '„': `"`, '«': `"`, '»': `"`, '″': `"`, '‐': "-", '‑': "-", '‒': "-", '–': "-", '—': "-", '―': "-",
	'−': "-", '•': "*", '·': ".", '€': "EUR", '£': "GBP", '¥': "JPY", '¢': "c", '©': "(c)", '®': "(r)", '×': "x",
	'÷': "/", '¡': "!", '¿': "?", '⁄': "/",
}

// appendASCII writes a text in ASCII: letters without their marks, some signs by what is usual, and nothing for all the
// rest.
func appendASCII(dst, s []byte) []byte {
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			dst = append(dst, c)
			i++
			continue
		}
		r, n := utf8.DecodeRune(s[i:])
		if with, ok := asciiFor[r]; ok {
			dst = append(dst, with...)
		} else {
			apart := norm.NFKD.Properties(s[i : i+n]).Decomposition()
			for len(apart) > 0 {
				r, size := utf8.DecodeRune(apart)
				if r < utf8.RuneSelf {
					dst = append(dst, byte(r))
				} else {
					dst = append(dst, asciiFor[r]...)
				}
				apart = apart[size:]
			}
		}
		i += n
	}
	return dst
}
