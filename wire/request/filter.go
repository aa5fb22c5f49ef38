// SPDX-License-Identifier: Apache-2.0

package request

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"clearpost/lead"
)

// filterOp is what a filter does with a text.
type filterOp uint8

const (
	opUpper filterOp = iota
	opLower
	opTitle
	opTrim
	opSubstring
	opReplace
	opDigits
	opPhone
	opState
	opNumber
	opHash
	opMAC
	opBase64
	opURL
	opJSON
	opXML
	opASCII
	opDefault
	opMap
)

// filter is a compiled filter of a template.
type filter struct {
	op       filterOp
	n, m     int      // substring: first and count, or -1
	old, new constant // replace; default and map: new is what stands in
	has      bool     // map: there is something for every other value; substring: there is a count
	format   format   // phone, number; state: formatStateName or none
	algo     algorithm
	digest   digest
	macs     *sync.Pool // of hash.Hash, with the key
	mapping  map[string]*constant
	other    *source // default: another value
}

// algorithm is a hash function.
type algorithm uint8

const (
	algoMD5 algorithm = iota
	algoSHA1
	algoSHA256
	algoSHA512
)

var algorithmNames = []string{algoMD5: "md5", algoSHA1: "sha1", algoSHA256: "sha256", algoSHA512: "sha512"}

func (a algorithm) new() hash.Hash {
	return [...]func() hash.Hash{md5.New, sha1.New, sha256.New, sha512.New}[a]()
}

func (a algorithm) size() int {
	return [...]int{md5.Size, sha1.Size, sha256.Size, sha512.Size}[a]
}

// digest is how the bytes of a hash are written.
type digest uint8

const (
	digestHex digest = iota
	digestBase64
	digestBase64URL // without padding
)

func (s digest) append(dst, b []byte) []byte {
	switch s {
	case digestBase64:
		return base64.StdEncoding.AppendEncode(dst, b)
	case digestBase64URL:
		return base64.RawURLEncoding.AppendEncode(dst, b)
	}
	return hex.AppendEncode(dst, b)
}

// length is how many bytes a hash of so many bytes is written in.
func (s digest) length(size int) int {
	switch s {
	case digestBase64:
		return base64.StdEncoding.EncodedLen(size)
	case digestBase64URL:
		return base64.RawURLEncoding.EncodedLen(size)
	}
	return hex.EncodedLen(size)
}

// append writes what becomes of a text that is not empty. s may be the end of dst.
func (f *filter) append(dst, s []byte, p *pass) ([]byte, bool) {
	switch f.op {
	case opUpper, opLower:
		kind := formatUpper
		if f.op == opLower {
			kind = formatLower
		}
		return (&format{kind: kind}).appendCase(dst, s), true
	case opTitle:
		return appendTitle(dst, s), true
	case opTrim:
		return append(dst, bytes.TrimSpace(s)...), true
	case opSubstring:
		return append(dst, f.substring(s)...), true
	case opReplace:
		return f.replace(dst, s, p)
	case opDigits:
		for _, c := range s {
			if isDigit(c) {
				dst = append(dst, c)
			}
		}
		return dst, true
	case opHash:
		return f.hash(dst, s), true
	case opMAC:
		return appendMAC(dst, s, f.macs, f.digest), true
	case opBase64:
		return f.digest.append(dst, s), true
	case opURL:
		return appendPercent(dst, asString(s)), true
	case opJSON:
		return append(appendJSON(append(dst, '"'), s), '"'), true
	case opXML:
		return appendXML(dst, s), true
	case opASCII:
		return appendASCII(dst, s), true
	case opMap:
		if c := f.mapping[string(s)]; c != nil {
			return c.append(dst, p.redact), true
		}
		return f.new.append(dst, p.redact), f.has
	}
	return f.typed(dst, s)
}

// typed reads the text as a value of a type and writes it by a format; a text that is none is missing.
func (f *filter) typed(dst, s []byte) ([]byte, bool) {
	switch f.op {
	case opPhone:
		var d [10]byte
		if !tenDigits(s, &d) {
			return dst, false
		}
		return f.format.appendPhone(dst, &d), true
	case opState:
		i, ok := lead.StateByText(asString(s))
		switch {
		case !ok:
			return dst, false
		case f.format.kind == formatStateName:
			return append(dst, lead.StateName(i)...), true
		}
		return append(dst, lead.StateCode(i)...), true
	default:
		m, err := lead.ParseMoney(bytes.TrimSpace(s))
		return f.format.appendMoney(dst, m), err == nil
	}
}

// stand writes what stands in for a missing value.
func (f *filter) stand(dst []byte, p *pass) ([]byte, bool) {
	if f.other != nil {
		return f.other.append(dst, p)
	}
	return f.new.append(dst, p.redact), true
}

// substring counts in signs, not bytes, from 0; a negative beginning counts from the end.
func (f *filter) substring(s []byte) []byte {
	n := f.n
	if n < 0 {
		n = max(0, utf8.RuneCount(s)+n)
	}
	s = s[runesLen(s, n):]
	if f.has {
		s = s[:runesLen(s, f.m)]
	}
	return s
}

// runesLen is how many bytes the first n signs have.
func runesLen(s []byte, n int) int {
	at := 0
	for ; n > 0 && at < len(s); n-- {
		_, size := utf8.DecodeRune(s[at:])
		at += size
	}
	return at
}

func (f *filter) replace(dst, s []byte, p *pass) ([]byte, bool) {
	old, with := f.old.text(p.redact), f.new.text(p.redact)
	most := len(dst) + ExpressionBytesMax
	for {
		i := bytes.Index(s, old)
		if i < 0 || len(dst) > most { // one more byte than is allowed is enough to be refused
			return append(dst, s...), true
		}
		dst = append(append(dst, s[:i]...), with...)
		s = s[i+len(old):]
	}
}

func (f *filter) hash(dst, s []byte) []byte {
	switch f.algo {
	case algoMD5:
		h := md5.Sum(s)
		return f.digest.append(dst, h[:])
	case algoSHA1:
		h := sha1.Sum(s)
		return f.digest.append(dst, h[:])
	case algoSHA512:
		h := sha512.Sum512(s)
		return f.digest.append(dst, h[:])
	}
	h := sha256.Sum256(s)
	return f.digest.append(dst, h[:])
}

// appendMAC writes a keyed hash; the pool holds hashes with the key.
func appendMAC(dst, s []byte, macs *sync.Pool, as digest) []byte {
	h := macs.Get().(hash.Hash)
	h.Reset()
	h.Write(s)
	mark := len(dst)
	dst = h.Sum(dst)
	end := len(dst)
	dst = as.append(dst, dst[mark:end])
	macs.Put(h)
	n := copy(dst[mark:], dst[end:])
	return dst[:mark+n]
}

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
