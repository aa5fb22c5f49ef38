// SPDX-License-Identifier: Apache-2.0

package lead

import (
	"bytes"
	_ "embed"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
)

// email takes one address: a user part of 1–64 bytes without quotes, a domain of labels with a last one of letters. A
// display name before <…>, comments in brackets and mailto: are passed over.
func (l *Lead) email(s *Slot, raw []byte) Why {
	raw, why := bareAddress(raw)
	if why != WhyNone {
		return why
	}
	if raw = l.joinAddress(raw); len(raw) > 254 || !utf8.Valid(raw) {
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
	wide := HasWide(raw)
	if wide && hidden(raw) {
		return WhyAddressSign
	}
	domain, ok := PlainDomain(raw[at+1:])
	if !ok {
		return WhyDomain
	}
	if why := domainFault(domain); why != WhyNone {
		return why
	}
	user := raw[:at]
	if wide {
		user = norm.NFC.Bytes(user) // é as one sign or as two: one address
	}
	from := l.putLower(user)
	l.text = append(l.text, '@')
	end := l.putLower(domain)
	s.normal = span{from.off, end.off + end.len - from.off}
	return WhyNone
}

// joinAddress takes away the spaces that people leave beside the @ and the points of a domain, and a point, comma or
// semicolon behind it.
func (l *Lead) joinAddress(b []byte) []byte {
	for n := len(b); n > 0 && (b[n-1] == '.' || b[n-1] == ',' || b[n-1] == ';' || b[n-1] == ' '); n-- {
		b = b[:n-1]
	}
	at := bytes.IndexByte(b, '@')
	if at < 0 || bytes.IndexByte(b, ' ') < 0 {
		return b
	}
	off := len(l.text)
	for i, c := range b {
		if c == ' ' && (spaceBeside(b, i, '@') || i > at && spaceBeside(b, i, '.')) {
			continue
		}
		l.text = append(l.text, c)
	}
	return l.text[off:len(l.text):len(l.text)]
}

// spaceBeside tells whether the run of spaces in which the one at i lies stands beside a sign.
func spaceBeside(b []byte, i int, sign byte) bool {
	from, to := i, i
	for from > 0 && b[from-1] == ' ' {
		from--
	}
	for to < len(b)-1 && b[to+1] == ' ' {
		to++
	}
	return from > 0 && b[from-1] == sign || to < len(b)-1 && b[to+1] == sign
}

// PlainDomain is a domain as the domain name system has it: in Unicode or coded (xn--), it is one. It fails where a
// domain has signs that none can have.
func PlainDomain(d []byte) ([]byte, bool) {
	if !HasWide(d) && !coded(d) {
		return d, true
	}
	ascii, err := idna.Lookup.ToASCII(string(d))
	return []byte(ascii), err == nil
}

// coded tells whether a label of a domain begins with xn--.
func coded(d []byte) bool {
	if bytes.IndexByte(d, '-') < 0 {
		return false
	}
	for i := 0; i+4 <= len(d); i++ {
		if lower(d[i]) == 'x' && d[i+3] == '-' && d[i+2] == '-' && lower(d[i+1]) == 'n' && (i == 0 || d[i-1] == '.') {
			return true
		}
	}
	return false
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

// ParseDomains reads a list of domain names, one a line; blank lines and what follows a # are passed over. It tells the
// first line, counted from 1, that is no domain name, 0 if there is none.
func ParseDomains(text string) (Domains, int) {
	out := Domains{}
	for i, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		line = lowerString(string(TrimUnseen([]byte(line))))
		if line == "" {
			continue
		}
		domain, ok := PlainDomain([]byte(line))
		if !ok || domainFault(domain) != WhyNone {
			return nil, i + 1
		}
		out[string(domain)] = struct{}{}
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
