// SPDX-License-Identifier: Apache-2.0

package request

import (
	"encoding/binary"
	"unicode/utf8"
)

// encoding is how a place in a request spells the texts that stand there.
type encoding uint8

const (
	encodeJSON    encoding = iota // the inside of a JSON string
	encodeForm                    // a form or a query
	encodePercent                 // a path, or a query that the URL itself has
	encodeXML                     // the text of an element
	encodeAttr                    // an attribute between "
	encodeCDATA                   // a whole CDATA section
	encodeHeader                  // the value of a header
	encodeNone                    // text and parts of multipart bodies
)

// plainIn says which bytes stand for themselves; nil where a text never does.
var plainIn = [...]*[256]bool{encodeJSON: &jsonPlain, encodeForm: &formPlain, encodePercent: &formPlain,
	encodeXML: &xmlPlain, encodeAttr: &xmlPlain, encodeCDATA: nil, encodeHeader: &headerPlain, encodeNone: nil}

var xmlPlain, headerPlain [256]bool

func init() {
	for c := 0x20; c < 0x7f; c++ {
		xmlPlain[c] = c != '"' && c != '\'' && c != '<' && c != '>' && c != '&'
		headerPlain[c] = true
	}
	for c := 0x80; c < 0x100; c++ {
		headerPlain[c] = true
	}
}

// appendEncoded appends a text as a place spells it.
func appendEncoded[T text](dst []byte, s T, enc encoding) []byte {
	switch enc {
	case encodeJSON:
		return appendJSON(dst, s)
	case encodeForm:
		return appendForm(dst, s)
	case encodePercent:
		return appendPercent(dst, asString(s))
	case encodeXML, encodeAttr:
		return appendXML(dst, s)
	case encodeCDATA:
		return appendCDATA(dst, s)
	case encodeHeader:
		return appendHeader(dst, s)
	}
	return append(dst, s...)
}

// escapeOf is appendEncoded for constants.
func escapeOf(enc encoding) escape {
	return func(dst []byte, s string) []byte { return appendEncoded(dst, s, enc) }
}

// holderOf is how the placeholder of a secret is shown: as it stands in the file where that keeps the text well-formed.
func holderOf(enc encoding) escape {
	switch enc {
	case encodeJSON, encodeXML, encodeAttr, encodeCDATA:
		return escapeOf(enc)
	}
	return asIs
}

// encodeTail encodes what stands behind the mark, in place.
func encodeTail(dst []byte, mark int, enc encoding) []byte {
	if enc == encodeNone {
		return dst
	}
	if plain := plainIn[enc]; enc == encodeJSON && allJSONPlain(dst[mark:]) || enc != encodeJSON && plain != nil &&
		allPlain(dst[mark:], plain) {
		return dst
	}
	end := len(dst)
	dst = appendEncoded(dst, dst[mark:end], enc)
	n := copy(dst[mark:], dst[end:])
	return dst[:mark+n]
}

// allJSONPlain is allPlain for JSON, eight bytes at a time.
func allJSONPlain(b []byte) bool {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	for len(b) >= 8 {
		x := binary.LittleEndian.Uint64(b)
		quote, slash, del := x^(ones*'"'), x^(ones*'\\'), x^(ones*0x7f)
		// The high bit of a byte is set where it is at least 0x80, less than a space, or one of the three.
		if (x|(x-ones*0x20)&^x|(quote-ones)&^quote|(slash-ones)&^slash|(del-ones)&^del)&high != 0 {
			return false
		}
		b = b[8:]
	}
	return allPlain(b, &jsonPlain)
}

func allPlain(b []byte, plain *[256]bool) bool {
	for _, c := range b {
		if !plain[c] {
			return false
		}
	}
	return true
}

// appendXML appends text for an element or an attribute. What XML 1.0 cannot hold — control characters but tab, line
// feed and carriage return, U+FFFE, U+FFFF, and bytes that are not valid UTF-8 — becomes U+FFFD.
func appendXML[T text](dst []byte, s T) []byte {
	for i := 0; i < len(s); {
		j := i
		for j < len(s) && xmlPlain[s[j]] {
			j++
		}
		dst = append(dst, s[i:j]...)
		if i = j; i == len(s) {
			break
		}
		c := s[i]
		if c < utf8.RuneSelf {
			i++
		}
		switch {
		case c == '&':
			dst = append(dst, "&amp;"...)
		case c == '<':
			dst = append(dst, "&lt;"...)
		case c == '>':
			dst = append(dst, "&gt;"...)
		case c == '"':
			dst = append(dst, "&#34;"...)
		case c == '\'':
			dst = append(dst, "&#39;"...)
		case c == '\t':
			dst = append(dst, "&#9;"...)
		case c == '\n':
			dst = append(dst, "&#10;"...)
		case c == '\r':
			dst = append(dst, "&#13;"...)
		case c == 0x7f:
			dst = append(dst, c)
		case c < utf8.RuneSelf:
			dst = utf8.AppendRune(dst, utf8.RuneError)
		default:
			r, n := decodeRune(s[i:])
			dst = utf8.AppendRune(dst, xmlRune(r))
			i += n
		}
	}
	return dst
}

func xmlRune(r rune) rune {
	if r == 0xfffe || r == 0xffff {
		return utf8.RuneError
	}
	return r
}

// appendCDATA appends a CDATA section. It is closed and opened again around ]]> and carriage returns, which it cannot
// hold as they are.
func appendCDATA[T text](dst []byte, s T) []byte {
	dst = append(dst, "<![CDATA["...)
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '>' && i >= 2 && s[i-1] == ']' && s[i-2] == ']':
			dst = append(dst, "]]><![CDATA[>"...)
		case c == '\r':
			dst = append(dst, "]]>&#13;<![CDATA["...)
		case c < 0x20 && c != '\t' && c != '\n':
			dst = utf8.AppendRune(dst, utf8.RuneError)
		case c < utf8.RuneSelf:
			dst = append(dst, c)
		default:
			r, n := decodeRune(s[i:])
			dst = utf8.AppendRune(dst, xmlRune(r))
			i += n
			continue
		}
		i++
	}
	return append(dst, "]]>"...)
}

// appendHeader appends the value of a header: control characters, line ends before all, become spaces.
func appendHeader[T text](dst []byte, s T) []byte {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !headerPlain[c] {
			c = ' '
		}
		dst = append(dst, c)
	}
	return dst
}
