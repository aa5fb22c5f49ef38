// SPDX-License-Identifier: Apache-2.0

package lead

import (
	"bytes"
	_ "embed"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// email takes one address: a user part of 1–64 bytes without quotes, a domain of labels with a last one of letters. A display name before
// <…>, comments in brackets and mailto: are passed over.
func (l *Lead) email(s *Slot, raw []byte) Why {
	raw, why := bareAddress(raw)
	if why != WhyNone {
		return why
	}
	if len(raw) > 254 || !utf8.Valid(raw) {
		return WhyType
	}
	at := -1
	for i, c := range raw {
		switch {
		case c == '@':
			if at >= 0 {
				return WhyTwoAddresses
			}
			at = i
		case c == ',' || c == ';':
			return WhyTwoAddresses
		case c <= ' ' || c == 0x7f || strings.IndexByte(`:<>()[]"\`, c) >= 0:
			return WhyAddressSign
		}
	}
	switch {
	case at < 0:
		return WhyNoAt
	case at == 0 || at > 64 || raw[0] == '.' || raw[at-1] == '.' || bytes.Contains(raw[:at], []byte("..")):
		return WhyAddressUser
	}
	if why := domainFault(raw[at+1:]); why != WhyNone {
		return why
	}
	s.normal = l.putLower(raw)
	return WhyNone
}

// bareAddress takes off what may stand around an address.
func bareAddress(b []byte) ([]byte, Why) {
	if rest, ok := cutFold(b, "mailto:"); ok {
		b = trimSpace(rest)
	}
	if open := bytes.LastIndexByte(b, '<'); open >= 0 && !bytes.Contains(b[:open], []byte("<")) {
		inside, after, closed := bytes.Cut(b[open+1:], []byte(">"))
		name := b[:open]
		quoted := bytes.IndexByte(name, '"')
		switch {
		case !closed || len(trimSpace(dropComments(after))) > 0:
			return nil, WhyAddressSign
		case quoted < 0 && bytes.IndexByte(name, '@') >= 0, bytes.IndexByte(name, '>') >= 0:
			return nil, WhyTwoAddresses
		}
		b = inside
	}
	return trimSpace(dropComments(b)), WhyNone
}

// dropComments takes comments (in round brackets) off both ends.
func dropComments(b []byte) []byte {
	b = trimSpace(b)
	if len(b) > 0 && b[0] == '(' {
		if end := bytes.IndexByte(b, ')'); end > 0 {
			b = trimSpace(b[end+1:])
		}
	}
	if n := len(b); n > 0 && b[n-1] == ')' {
		if open := bytes.LastIndexByte(b, '('); open >= 0 {
			b = trimSpace(b[:open])
		}
	}
	return b
}

func (l *Lead) putLower(raw []byte) span {
	off := len(l.text)
	for _, c := range raw {
		l.text = append(l.text, lower(c))
	}
	return span{uint32(off), uint32(len(raw))}
}

// domainFault tells what is wrong with a domain name of at least two labels.
func domainFault(d []byte) Why {
	dots, label := 0, 0
	letters, coded := true, false
	for i, c := range d {
		if c == '.' {
			if label == 0 || d[i-1] == '-' {
				return WhyDomain
			}
			dots++
			label, letters, coded = 0, true, false
			continue
		}
		if c == '-' && label == 0 || label == 63 {
			return WhyDomain
		}
		c = lower(c)
		if !(c >= 'a' && c <= 'z' || isDigit(c) || c == '-' || c >= 0x80) {
			return WhyDomain
		}
		letters = letters && !isDigit(c) && c != '-'
		label++
		coded = coded || label == 4 && lowerString(string(d[i-3:i+1])) == "xn--"
	}
	switch {
	case len(d) == 0 || label == 0 || d[len(d)-1] == '-':
		return WhyDomain
	case dots == 0 || label < 2 || !letters && !coded:
		return WhyTLD
	}
	return WhyNone
}

// Domains is a set of domain names in lower case.
type Domains map[string]struct{}

// ParseDomains reads a list of domain names, one a line; blank lines and what follows a # are passed over. It tells the first line, counted
// from 1, that is no domain name, 0 if there is none.
func ParseDomains(text string) (Domains, int) {
	out := Domains{}
	for i, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		line = lowerString(strings.TrimSpace(line))
		if line == "" {
			continue
		}
		if domainFault([]byte(line)) != WhyNone {
			return nil, i + 1
		}
		out[line] = struct{}{}
	}
	return out, 0
}

//go:embed lists/free_domains.txt
var freeText string

//go:embed lists/disposable_domains.txt
var disposableText string

func embedded(text string) func() Domains {
	return sync.OnceValue(func() Domains {
		d, line := ParseDomains(text)
		if line != 0 {
			panic("lead: line " + strconv.Itoa(line) + " of an embedded list is no domain name")
		}
		return d
	})
}

var (
	freeDomains       = embedded(freeText)
	disposableDomains = embedded(disposableText)
)

// holds tells whether a domain, or one above it, is in the set.
func (d Domains) holds(domain []byte) bool {
	for {
		if _, ok := d[string(domain)]; ok {
			return true
		}
		dot := bytes.IndexByte(domain, '.')
		if dot < 0 {
			return false
		}
		domain = domain[dot+1:]
	}
}

// emailPart writes a part of a valid address.
func (l *Lead) emailPart(dst []byte, pos int, p Part) ([]byte, bool) {
	n := l.Normal(pos)
	at := bytes.IndexByte(n, '@')
	switch p {
	case PartUser:
		return append(dst, n[:at]...), true
	case PartDomain:
		return append(dst, n[at+1:]...), true
	case PartTLD:
		return append(dst, n[bytes.LastIndexByte(n, '.')+1:]...), true
	case PartFree:
		return strconv.AppendBool(dst, l.schema.free.holds(n[at+1:])), true
	case PartDisposable:
		return strconv.AppendBool(dst, l.schema.disposable.holds(n[at+1:])), true
	}
	return appendHash(dst, p, n), true
}
