// SPDX-License-Identifier: Apache-2.0

package lead

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// name takes plain text of one line; normal has single spaces between words. The case stays: whoever writes "MacDonald"
// or "van der Berg" knows best.
func (l *Lead) name(s *Slot, raw []byte) Why {
	if !plainText(raw) {
		return WhyText
	}
	if bytes.Contains(raw, []byte("  ")) || bytes.ContainsAny(raw, "\t\r\n") {
		off := len(l.text)
		for i, w := range bytes.FieldsFunc(raw, func(r rune) bool { return r <= ' ' }) {
			if i > 0 {
				l.text = append(l.text, ' ')
			}
			l.text = append(l.text, w...)
		}
		s.normal = span{uint32(off), uint32(len(l.text) - off)}
		return WhyNone
	}
	s.normal = s.raw
	return WhyNone
}

const (
	salutations = " mr mrs ms miss mx dr prof professor rev reverend fr sir madam hon capt captain sgt lt col maj " +
		"gen mr. "
	suffixes  = " jr sr ii iii iv v vi junior senior md phd dds dmd dvm do esq cpa rn jd mba pe ret "
	particles = " van von der den de da di del della dela la le lo du dos das do af av bin ibn al el st ste san " +
		"santa ter ten te zu zur vom y "
)

// nameWord tells whether a word, without its points and a comma, is one of the list.
func nameWord(list string, w []byte) bool {
	var b [16]byte
	k := append(b[:0], ' ')
	for _, c := range w {
		if c == '.' || c == ',' {
			continue
		}
		if len(k) == len(b)-1 {
			return false
		}
		k = append(k, lower(c))
	}
	return len(k) > 1 && strings.Contains(list, asString(append(k, ' ')))
}

// nameWordsMax is how many words of a name are told apart; those beyond stay with the last one.
const nameWordsMax = 16

// nameParts is a name told apart: runs of words.
type nameParts struct{ salutation, first, middle, last, suffix []byte }

// splitName tells a full name apart: "Dr. Jan Willem van der Berg Jr." and "van der Berg, Jan Willem".
func splitName(n []byte) (out nameParts) {
	var buf [nameWordsMax][]byte
	w := buf[:0]
	for rest := n; len(rest) > 0 && len(w) < cap(w); {
		var word []byte
		if word, rest, _ = bytes.Cut(rest, []byte{' '}); len(w) == cap(w)-1 && len(rest) > 0 {
			word = n[len(n)-len(rest)-len(word)-1:]
			rest = nil
		}
		if len(word) > 0 {
			w = append(w, word)
		}
	}
	from, to := 0, len(w)
	for from < to-1 && (nameWord(salutations, w[from]) || from > 0 &&
		(string(w[from]) == "&" || nameWord(" and ", w[from]))) {
		from++
	}
	out.salutation = run(n, w[:from])
	w = w[from:]
	for to = len(w); to > 1 && nameWord(suffixes, w[to-1]); {
		to--
	}
	out.suffix = run(n, w[to:])
	w = w[:to]
	for i, word := range w {
		if word[len(word)-1] != ',' || i == len(w)-1 {
			continue
		}
		last := w[:i+1] // the comma form; a suffix may stand before the comma too
		end := len(last)
		for end > 1 && nameWord(suffixes, last[end-1]) {
			end--
		}
		if end < len(last) {
			out.suffix = run(n, last[end:])
		}
		out.last = run(n, last[:end])
		given := w[i+1:]
		if len(out.salutation) == 0 && len(given) > 1 && nameWord(salutations, given[0]) {
			out.salutation, given = run(n, given[:1]), given[1:]
		}
		out.first, out.middle = run(n, given[:1]), run(n, given[1:])
		return out
	}
	if len(w) == 0 {
		return out
	}
	begin := max(len(w)-1, 1)
	if len(out.salutation) > 0 && len(w) == 1 { // "Mrs. Smith"
		out.last = run(n, w)
		return out
	}
	for i := 1; i < len(w)-1; i++ {
		if nameWord(particles, w[i]) {
			begin = i
			break
		}
	}
	out.first, out.middle, out.last = run(n, w[:1]), run(n, w[1:begin]), run(n, w[begin:])
	return out
}

// run is the text from the first to the last of some words that stand next to each other in it, without a comma at its
// end.
func run(text []byte, words [][]byte) []byte {
	if len(words) == 0 {
		return nil
	}
	first, last := words[0], words[len(words)-1]
	from, to := cap(text)-cap(first), cap(text)-cap(last)+len(last)
	return bytes.TrimRight(text[from:to], ",")
}

// namePart writes a part of a valid name.
func (l *Lead) namePart(dst []byte, pos int, p Part) ([]byte, bool) {
	parts := splitName(l.Normal(pos))
	var v []byte
	switch p {
	case PartSalutation:
		v = parts.salutation
	case PartFirst:
		v = parts.first
	case PartMiddle:
		v = parts.middle
	case PartLast:
		v = parts.last
	case PartSuffix:
		v = parts.suffix
	case PartInitial:
		_, n := utf8.DecodeRune(parts.first)
		v = parts.first[:n]
	}
	return append(dst, v...), len(v) > 0
}
