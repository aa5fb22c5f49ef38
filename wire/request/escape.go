// SPDX-License-Identifier: Apache-2.0

package request

import (
	"unicode/utf8"
	"unsafe"
)

const hexDigits = "0123456789ABCDEF"

var jsonPlain, formPlain [256]bool

func init() {
	for c := 0x20; c < 0x7f; c++ {
		jsonPlain[c] = c != '"' && c != '\\'
	}
	for c := byte('0'); c <= 'z'; c++ {
		formPlain[c] = c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a'
	}
	for _, c := range "-_.~" {
		formPlain[c] = true
	}
}

// appendJSON appends the inside of a JSON string. Bytes that are not valid UTF-8 become U+FFFD.
func appendJSON[T text](dst []byte, s T) []byte {
	for i := 0; i < len(s); {
		j := i
		for j < len(s) && jsonPlain[s[j]] {
			j++
		}
		dst = append(dst, s[i:j]...)
		if i = j; i == len(s) {
			break
		}
		switch c := s[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
			i++
		case c == '\n':
			dst = append(dst, '\\', 'n')
			i++
		case c == '\r':
			dst = append(dst, '\\', 'r')
			i++
		case c == '\t':
			dst = append(dst, '\\', 't')
			i++
		case c < utf8.RuneSelf:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			i++
		default:
			r, n := decodeRune(s[i:])
			dst = utf8.AppendRune(dst, r)
			i += n
		}
	}
	return dst
}

// appendForm percent-encodes for a query or a form body: space is +, and only letters, digits and -_.~ stand for
// themselves.
func appendForm[T text](dst []byte, s T) []byte {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case formPlain[c]:
			dst = append(dst, c)
		case c == ' ':
			dst = append(dst, '+')
		default:
			dst = append(dst, '%', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return dst
}

// appendPercent is appendForm for any part of a URL: space is %20.
func appendPercent(dst []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if c := s[i]; formPlain[c] {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return dst
}

func decodeRune[T text](s T) (rune, int) {
	return utf8.DecodeRuneInString(asString(s))
}

// asString views the text as a string for a call that does not keep it.
func asString[T text](s T) string {
	b := *(*string)(unsafe.Pointer(&s)) // a slice begins with the two words of a string
	return b
}

// validNumber tells whether the text is a number as JSON writes them.
func validNumber[T text](s T) bool {
	i := 0
	if i < len(s) && s[i] == '-' {
		i++
	}
	start := i
	for i < len(s) && isDigit(s[i]) {
		i++
	}
	if i == start || s[start] == '0' && i > start+1 {
		return false
	}
	if i < len(s) && s[i] == '.' {
		i++
		for start = i; i < len(s) && isDigit(s[i]); {
			i++
		}
		if i == start {
			return false
		}
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		i++
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		for start = i; i < len(s) && isDigit(s[i]); {
			i++
		}
		if i == start {
			return false
		}
	}
	return i == len(s)
}
