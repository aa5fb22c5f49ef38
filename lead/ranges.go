// SPDX-License-Identifier: Apache-2.0

package lead

import (
	"bytes"
	"strconv"
	"strings"
)

// bounds are the ends of a range in micros; an open end is not there.
type bounds struct {
	min, max       Money
	hasMin, hasMax bool
	word           string // how the normal text says an open end
}

// rangeWords are what stands before (or behind, with after) the one number of a range with an open end. The normal
// words come first.
var rangeWords = []struct {
	words []string
	after []string
	max   bool
	word  string
}{
	{[]string{"at least", "minimum", "min", ">=", "≥", "from"}, []string{"+", "or more", "and up", "and above",
		"or above", "or over", "and over", "or higher", "plus", "or greater"}, false, "+"},
	{[]string{"over", "more than", "greater than", "above", ">"}, nil, false, "over "},
	{[]string{"up to", "at most", "maximum", "max", "<=", "≤"}, []string{"or less", "or below", "or under", "and below",
		"and under", "or fewer", "or lower"}, true, "up to "},
	{[]string{"under", "less than", "fewer than", "below", "<"}, nil, true, "under "},
}

// between are what may stand between the two numbers of a range, behind a space or not.
var between = []string{" - ", " to ", "-", "–", "—", "‒", "−", " and ", " through ", ".."}

// readRange reads a range of numbers, and where it is none finds the one that stands in a text: "Good (680-719)", "10+
// years".
func readRange(raw []byte) (r bounds, why Why) {
	if len(raw) > 64 {
		return r, WhyType
	}
	var buf [64]byte
	b := buf[:0]
	for _, c := range raw {
		b = append(b, lower(c))
	}
	switch r, why = readBareRange(b); why {
	case WhyType, WhyTwoNumbers, WhyNumberWord, WhyNegative, WhyTwoUnits:
	default:
		return r, why
	}
	for _, bare := range [][]byte{besideBrackets(b), behindLabel(b), beforeUnit(b)} {
		if len(bare) == 0 || len(bare) == len(b) {
			continue
		}
		if found, other := readBareRange(bare); other == WhyNone {
			return found, WhyNone
		}
		if unit := beforeUnit(bare); len(unit) > 0 {
			if found, other := readBareRange(unit); other == WhyNone {
				return found, WhyNone
			}
		}
	}
	return bounds{}, why
}

// besideBrackets is what stands in brackets or outside them, whichever has the digits; nothing where both have some.
func besideBrackets(b []byte) []byte {
	open, end := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
	if open < 0 || end < open {
		return nil
	}
	inside, front, back := trimSpace(b[open+1:end]), trimSpace(b[:open]), trimSpace(b[end+1:])
	has := func(b []byte) bool { return bytes.ContainsAny(b, "0123456789") }
	switch {
	case has(inside) && !has(front) && !has(back) && len(front)+len(back) > 0 && bytes.IndexFunc(front, notLabel) < 0 &&
		bytes.IndexFunc(back, notLabel) < 0:
		return inside
	case has(front) && !has(inside) && !has(back) && len(back) == 0 && bytes.IndexFunc(inside, notLabel) < 0:
		return front
	}
	return nil
}

// notLabel tells the signs that no label has: they may belong to a number.
func notLabel(r rune) bool { return strings.ContainsRune("-+<>=%$", r) }

// behindLabel is what stands behind words, such as "excellent: " and "age "; nothing where one of them may say which
// end is open.
func behindLabel(b []byte) []byte {
	n := bytes.IndexAny(b, "0123456789$")
	if n < 1 {
		return nil
	}
	label := bytes.TrimRight(b[:n], " :-")
	if bytes.IndexFunc(label, notLabel) >= 0 || len(label) == 0 {
		return nil
	}
	for w, rest := nextWord(label); len(w) > 0; w, rest = nextWord(rest) {
		if w = bytes.Trim(w, ",:."); len(w) > 0 &&
			(changes(w) || strings.Contains(" over above more greater at least up from between minimum min about ", " "+
				string(w)+" ")) {
			return nil
		}
	}
	if sep := b[len(label):n]; bytes.IndexByte(sep, '-') >= 0 && !bytes.HasPrefix(bytes.TrimLeft(sep, ":"),
		[]byte(" - ")) {
		return nil // it may be a minus sign
	}
	return b[n:]
}

// nextWord cuts the first word off a text.
func nextWord(b []byte) (word, rest []byte) {
	b = trimSpace(b)
	if n := bytes.IndexByte(b, ' '); n >= 0 {
		return b[:n], b[n:]
	}
	return b, nil
}

// beforeUnit is what stands before the words at the end of a text, such as " years".
func beforeUnit(b []byte) []byte {
	n := len(b)
	for n > 0 && (wordByte(b[n-1]) || b[n-1] == ' ' || b[n-1] == '/' || b[n-1] == '.') {
		n--
	}
	for w, rest := nextWord(b[n:]); len(w) > 0; w, rest = nextWord(rest) {
		if w = bytes.Trim(w, "./"); changes(w) || multipleOf(w) > 1 {
			return nil
		}
	}
	return b[:n]
}

// readBareRange reads a range in lower case that has words for its ends only.
func readBareRange(b []byte) (r bounds, why Why) {
	for i := range rangeWords {
		w := &rangeWords[i]
		if rest, ok := cutWord(b, w.words, w.after); ok {
			m, _, why := rangeEnd(rest, false)
			r.word = w.word
			if r.max, r.hasMax = m, true; !w.max {
				r = bounds{min: m, hasMin: true, word: w.word}
			}
			return r, why
		}
	}
	b, _ = bytes.CutPrefix(b, []byte("between "))
	b, _ = bytes.CutPrefix(b, []byte("from "))
	for _, sep := range between {
		low, high, ok := cutBetween(b, sep)
		if !ok {
			continue
		}
		spaced := sep[0] == ' '
		low, high = trimSpace(low), trimSpace(high)
		_, by := cutMultiple(cutCurrency(low))
		_, byHigh := cutMultiple(cutCurrency(high))
		r.hasMin, r.hasMax = true, true
		var unit, unitHigh []byte
		if r.min, unit, why = rangeEnd(low, spaced); why == WhyNone {
			r.max, unitHigh, why = rangeEnd(high, spaced)
		}
		switch {
		case why != WhyNone:
		case by == 1 && byHigh > 1 && r.min > 0 && r.min < 1000*Unit:
			why = WhyRangeUnit
		case len(unit) > 0 && !bytes.Equal(unit, unitHigh):
			why = WhyTwoUnits
		case r.min > r.max:
			why = WhyBackwards
		}
		return r, why
	}
	m, _, why := rangeEnd(b, false)
	return bounds{min: m, max: m, hasMin: true, hasMax: true}, why
}

// cutBetween cuts at what stands between two numbers, which is not the first sign.
func cutBetween(b []byte, sep string) (low, high []byte, ok bool) {
	if len(b) < 2 {
		return nil, nil, false
	}
	i := bytes.Index(b[1:], []byte(sep))
	if i < 0 {
		return nil, nil, false
	}
	return b[:i+1], b[i+1+len(sep):], true
}

// cutWord takes one of the words off the front, or one of the other words off the end.
func cutWord(b []byte, front, end []string) ([]byte, bool) {
	for _, w := range front {
		if rest, ok := bytes.CutPrefix(b, []byte(w)); ok && len(rest) > 0 && (rest[0] <= ' ' || rest[0] == '$' ||
			isDigit(rest[0])) {
			if bytes.Contains(rest, []byte(" to ")) || bytes.IndexByte(rest, '-') >= 0 {
				continue // "from 10 to 20"
			}
			return trimSpace(rest), true
		}
	}
	for _, w := range end {
		if rest, ok := bytes.CutSuffix(b, []byte(w)); ok && len(trimSpace(rest)) > 0 {
			return trimSpace(rest), true
		}
	}
	return nil, false
}

// rangeEnd reads one end of a range and the unit behind it. A negative one is taken only where what stands between the
// two ends is no hyphen of theirs.
func rangeEnd(b []byte, spaced bool) (Money, []byte, Why) {
	if len(b) > 0 && (b[0] == '-' && !spaced || b[0] == '+' || b[0] == '(') {
		return 0, nil, WhyType
	}
	m, why := amount(b, true)
	var unit []byte
	if why == WhyType {
		if m, unit, why = soleNumber(b, TypeMoney); why == WhyNone && bytes.IndexByte(b, '+') >= 0 {
			why = WhyType
		}
	}
	if m < 0 && !spaced {
		why = WhyType
	}
	return m, unit, why
}

// rangeOf writes a range's normal text: "25-64", "720+", "under 10", "up to 10", "over 500", or one number.
func (l *Lead) rangeOf(s *Slot, raw []byte) Why {
	r, why := readRange(raw)
	if why != WhyNone {
		return why
	}
	var buf [64]byte
	b := buf[:0]
	if r.word != "+" {
		b = append(b, r.word...)
	}
	if r.hasMin {
		b = appendShort(b, int64(r.min))
	}
	switch {
	case !r.hasMin || !r.hasMax || r.min == r.max && r.min >= 0:
	case r.min < 0:
		b = append(b, " to "...)
	default:
		b = append(b, '-')
	}
	if r.hasMax && (!r.hasMin || r.min != r.max || r.min < 0) {
		b = appendShort(b, int64(r.max))
	}
	if r.word == "+" {
		b = append(b, '+')
	}
	s.normal = l.put(b)
	return WhyNone
}

// appendShort writes micros with no more decimals than they need.
func appendShort(dst []byte, n int64) []byte {
	if n%int64(Unit) == 0 {
		return strconv.AppendInt(dst, n/int64(Unit), 10)
	}
	dst = Money(n).Append(dst)
	return bytes.TrimSuffix(dst, []byte{'0'})
}

// rangeNum is a part of a valid range in micros. A range with an open end has neither middle nor average.
func (l *Lead) rangeNum(pos int, p Part) (int64, bool) {
	r, why := readRange(l.Normal(pos))
	switch {
	case why != WhyNone:
		return 0, false
	case p == PartMin:
		return int64(r.min), r.hasMin
	case p == PartMax:
		return int64(r.max), r.hasMax
	case !r.hasMin || !r.hasMax:
		return 0, false
	}
	half := int64(r.min) + int64(r.max-r.min)/2
	if p == PartMid {
		half -= half % int64(Unit) // the whole number below
	}
	return half, true
}
