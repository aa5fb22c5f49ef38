// SPDX-License-Identifier: Apache-2.0

package request

import (
	"bytes"
	"sync"
	"unicode/utf8"

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
