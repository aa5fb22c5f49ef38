// SPDX-License-Identifier: Apache-2.0

package lead

import "bytes"

// readZone reads what stands behind a time of day: an offset with or without GMT or UTC before it, or the name of a
// zone. Behind an offset the zone's name may stand once more, in brackets, as browsers and mail programs write it. east
// is in minutes.
func readZone(b []byte) (east int, why Why) {
	if n := len(b); n > 2 && (b[n-1] == ')' || b[n-1] == ']') {
		open := bytes.IndexByte(b, map[byte]byte{')': '(', ']': '['}[b[n-1]])
		if open < 1 || bytes.ContainsAny(b[open+1:n-1], "()[]") {
			return 0, WhyZone
		}
		b = trimSpace(b[:open])
	}
	for _, name := range []string{"gmt", "utc"} {
		if rest, ok := cutFold(b, name); ok && len(rest) > 1 {
			b = trimSpace(rest)
			break
		}
	}
	if b[0] != '+' && b[0] != '-' {
		var name [4]byte
		if len(b) > len(name) {
			return 0, WhyZone
		}
		for i, c := range b {
			name[i] = lower(c)
		}
		east, ok := zones[string(name[:len(b)])]
		if !ok {
			return 0, WhyZone
		}
		return east, WhyNone
	}
	var d []byte
	var buf [4]byte
	for i, c := range b[1:] {
		switch {
		case isDigit(c) && len(d) < 4:
			d = append(buf[:len(d)], c)
		case c == ':' && (i == 2 || i == 1):
			if i == 1 { // +5:30
				d = append(buf[:0], '0', d[0])
			}
		default:
			return 0, WhyZone
		}
	}
	switch len(d) {
	case 1, 2:
		east = number(d) * 60
	case 4:
		east = number(d[:2])*60 + number(d[2:])
	default:
		return 0, WhyZone
	}
	if east > 18*60 || len(d) == 4 && number(d[2:]) > 59 {
		return 0, WhyZone
	}
	if b[0] == '-' {
		east = -east
	}
	return east, WhyNone
}

// clockLast puts the time of day behind the year where it stands before it, as in "Mon Nov 23 18:05:00 EST 2026"; any
// other text is returned as it is.
func (l *Lead) clockLast(b []byte) []byte {
	if len(b) == 0 || isDigit(b[0]) || len(b) > 64 {
		return b
	}
	var w [7][]byte
	n := 0
	for rest := b; len(rest) > 0; {
		var word []byte
		if word, rest, _ = bytes.Cut(rest, []byte{' '}); len(word) == 0 {
			continue
		}
		if n == len(w) {
			return b
		}
		w[n] = word
		n++
	}
	words := w[:n]
	if n > 0 && nameIndex(weekdayNames, bytes.TrimRight(words[0], ",")) >= 0 {
		words = words[1:]
	}
	if n = len(words); n < 4 || n > 5 || nameIndex(monthNames, words[0]) < 0 || !digitsOnly(words[1]) ||
		bytes.IndexByte(words[2], ':') < 0 {
		return b
	}
	year := words[n-1]
	if len(year) != 4 || !digitsOnly(year) {
		return b
	}
	off := len(l.text)
	for _, word := range [][]byte{words[0], words[1], year, words[2]} {
		l.text = append(append(l.text, word...), ' ')
	}
	if n == 5 {
		l.text = append(l.text, words[3]...)
	}
	return trimSpace(l.text[off:len(l.text):len(l.text)])
}
