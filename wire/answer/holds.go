// SPDX-License-Identifier: Apache-2.0

package answer

import (
	"bytes"
)

// verdict is what a condition says of an answer.
type verdict struct {
	holds bool
	no    bool // it does not hold, and the answer is a clear "no" and not merely something else
	named bool // it holds and names the status
}

// names tells whether the condition, or one in it, names the status.
func (c *condition) names(status int) bool {
	if hasStatus(c.statuses, status) {
		return true
	}
	for i := range c.kids {
		if c.kids[i].names(status) {
			return true
		}
	}
	return false
}

// onStatus tells whether the condition holds by the status alone, whatever the body is.
func (c *condition) onStatus(status int) bool {
	if len(c.statuses) > 0 && !hasStatus(c.statuses, status) {
		return false
	}
	switch c.test {
	case testNone:
		return true
	case testAny:
		for i := range c.kids {
			if c.kids[i].onStatus(status) {
				return true
			}
		}
	case testAll:
		for i := range c.kids {
			if !c.kids[i].onStatus(status) {
				return false
			}
		}
		return true
	}
	return false
}

// holds tells whether the condition holds, of an answer to a post or to a ping.
func (c *condition) holds(f *found, status int, post bool) verdict {
	v := verdict{named: len(c.statuses) > 0}
	if v.named && !hasStatus(c.statuses, status) {
		return verdict{}
	}
	switch c.test {
	case testNone:
		v.holds = true
	case testAny, testAll, testNot:
		return c.combine(v, f, status, post)
	case testPresent:
		v.holds, v.no = c.present(f, post), !post
	case testAbsent:
		v.holds, v.no = !f.firstOf(c).filled(), true
	case testEmpty:
		p := f.any(c)
		v.holds, v.no = p.kind != foundNothing && !p.filled(), true
	default:
		v.holds, v.no = c.tests(f)
	}
	if v.holds {
		v.no = false
	} else {
		v.named = false
	}
	return v
}

// tests holds the value's text against the condition; where several stand there, those of all of them.
func (c *condition) tests(f *found) (holds, no bool) {
	p := f.firstOf(c)
	one, all, against := false, true, false
	several := f.several(c, p, func(e place) {
		h, n := c.testsAt(f, e)
		one, all, no = one || h, all && h, no || n
		against = against || !h && e.single() && isNo(trim(f.value(nil, e)))
	})
	switch {
	case !several:
		return c.testsAt(f, p)
	case c.all:
		return all, no && !one
	case c.strict && one && against: // it says two things at once
		return false, false
	}
	return one, no && !one
}

// isList tells whether a list of JSON that has something in it stands at a place.
func (f *found) isList(p place) bool { return p.kind == foundContainer && f.body[p.from] == '[' }

// testsAt holds one value's text against the condition.
func (c *condition) testsAt(f *found, p place) (holds, no bool) {
	if !p.single() {
		return false, false
	}
	if c.strict && c.label && againstBehind(f.body, int(p.to)) {
		return false, true
	}
	if c.test == testRegex { // apart: its text cannot lie on the stack
		text := trim(f.value(nil, p))
		return f.afford(len(text)*c.cost) && c.finds(text), len(text) > 0
	}
	var buf [256]byte
	text := trim(f.value(buf[:0], p))
	switch c.test {
	case testWords:
		if !f.afford(len(text) * c.cost) {
			return false, false
		}
		return c.says(text)
	case testGreater, testLess:
		n, ok := parseNumber(text)
		return ok && (c.test == testGreater && n > c.number || c.test == testLess && n < c.number), ok
	}
	for _, v := range c.values {
		if c.exact && string(text) == v || !c.exact && equalFold(text, v) {
			return true, false
		}
	}
	return false, len(text) > 0
}

// says tells whether a text says one of the phrases; where that speaks for a sale, no word may speak against it.
func (c *condition) says(text []byte) (holds, no bool) {
	said := false
	for i, phrase := range c.phrases {
		switch {
		case c.part && (c.exact && bytes.Contains(text, []byte(c.values[i])) || !c.exact &&
			containsFold(text, c.values[i])):
			phrase = nil
		case c.part || !hasPhrase(text, phrase, c.exact):
			continue
		}
		if !c.strict {
			return true, false
		}
		if _, against := findWords(text, phrase, c.exact); !against {
			return true, false
		}
		said = true
	}
	if said {
		return false, false
	}
	_, against := findWords(text, nil, false)
	return false, against
}

// regexFindsMax is how many finds of a condition's expression are looked at.
const regexFindsMax = 16

// finds tells whether the expression finds something. Where that speaks for a sale, it is no part of a longer word, as
// in "unaccepted", and no word in the same clause speaks against it.
func (c *condition) finds(text []byte) bool {
	if !c.strict {
		return c.regex.Match(text)
	}
	for _, m := range c.regex.FindAllIndex(text, regexFindsMax) {
		from, to := m[0], m[1]
		if from > 0 && from < to && isLetter(text[from]) && isLetter(text[from-1]) {
			continue
		}
		begin := bytes.LastIndexAny(text[:from], clauseEnds) + 1
		end := len(text)
		if i := bytes.IndexAny(text[to:], clauseEnds); i >= 0 {
			end = to + i
		}
		_, before := findWords(text[begin:from], nil, false)
		if _, behind := findWords(text[to:end], nil, false); !before && !behind {
			return true
		}
	}
	return false
}

// present tells whether something stands there. Where that speaks for a sale, a value that says that there is nothing,
// or says no, is none, and so is a list or an object with nothing else in it.
func (c *condition) present(f *found, post bool) bool {
	p := f.firstOf(c)
	if !p.filled() || !c.strict {
		return p.filled()
	}
	if p.kind == foundContainer {
		some := false
		eachJSONPair(f.body[p.from:p.to], func(_, value []byte) bool {
			some = !isNothing(trim(visibleSigns(value)))
			return !some
		})
		return some
	}
	var buf [64]byte
	text := trim(f.value(buf[:0], p))
	// A ping's price of 0 is a matter of the price's own rules.
	if n, number := parseNumber(text); number {
		return !post || n != 0
	}
	return !isNothing(text)
}

// combine asks the conditions within an any, all or not.
func (c *condition) combine(v verdict, f *found, status int, post bool) verdict {
	v.holds = c.test != testAny
	v.no = c.test == testAny
	for i := range c.kids {
		k := c.kids[i].holds(f, status, post)
		switch c.test {
		case testAny:
			if k.holds {
				return verdict{holds: true, named: v.named || k.named}
			}
			v.no = v.no && k.no
		case testAll:
			v.holds = v.holds && k.holds
			v.no = v.no || k.no
			v.named = v.named || k.named
		default:
			v.holds, v.no = !k.holds, k.holds
		}
	}
	if v.holds {
		v.no = false
	} else {
		v.named = false
	}
	return v
}

// proves tells whether the condition can hold only if something stands in the body. A status proves nothing, nor does
// what is not there.
func (c *condition) proves() bool {
	switch c.test {
	case testNone, testAbsent, testEmpty, testNot:
		return false
	case testRegex:
		return !c.regex.MatchString("")
	case testAny:
		for i := range c.kids {
			if !c.kids[i].proves() {
				return false
			}
		}
		return len(c.kids) > 0
	case testAll:
		for i := range c.kids {
			if c.kids[i].proves() {
				return true
			}
		}
		return false
	}
	return true
}

// parseNumber reads a decimal number in millionths, never through a float. Further decimals are cut. It refuses
// exponents, and more than twelve digits before the point.
func parseNumber(b []byte) (int64, bool) {
	negative := len(b) > 0 && b[0] == '-'
	if negative {
		b = b[1:]
	}
	whole, decimals := b, []byte(nil)
	if i := bytes.IndexByte(b, '.'); i >= 0 {
		whole, decimals = b[:i], b[i+1:]
		if len(decimals) == 0 || len(decimals) > priceBytesMax || !allDigits(decimals) {
			return 0, false
		}
	}
	if len(whole) == 0 || len(whole) > 12 || !allDigits(whole) {
		return 0, false
	}
	var n int64
	for _, c := range whole {
		n = n*10 + int64(c-'0')
	}
	for i := range 6 {
		n = n*10 + digitAt(decimals, i)
	}
	if negative {
		n = -n
	}
	return n, true
}
