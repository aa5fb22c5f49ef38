// SPDX-License-Identifier: Apache-2.0

package answer

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"clearpost/wire"
)

// condition is a compiled ConditionSpec.
type condition struct {
	rule     string // where it stands in the spec
	statuses []statusRange
	test     testKind
	paths    []int // none: the whole text
	whole    bool  // the whole text is what it tests, where the format has one
	exact    bool
	strict   bool // to hold speaks for a sale: words of refusal speak against it
	part     bool // words may be parts of words
	all      bool // of several values each must be what is looked for
	cost     int  // of a byte of the text
	label    bool // text: the value is what follows a label
	values   []string
	phrases  [][]string
	regex    *regexp.Regexp
	number   int64 // millionths
	kids     []condition
}

type testKind uint8

const (
	testNone testKind = iota // only the status
	testEquals
	testPresent
	testAbsent
	testEmpty
	testWords
	testRegex
	testGreater
	testLess
	testAny
	testAll
	testNot
)

// ofValue tells whether the test compares a value with something.
func (t testKind) ofValue() bool { return t == testEquals || t >= testWords && t <= testLess }

// statusRange is a status, or a class of them, both ends included.
type statusRange struct{ from, to int }

func hasStatus(list []statusRange, status int) bool {
	for _, s := range list {
		if s.from <= status && status <= s.to {
			return true
		}
	}
	return false
}

// polarity tells what it means that a condition holds.
type polarity struct {
	accepting bool // the rule is for a sale
	negated   bool // within an odd number of nots
}

// condition compiles a condition and those within it.
func (c *compiler) condition(at string, s *ConditionSpec, pol polarity, depth int) condition {
	k := condition{rule: at, exact: s.CaseSensitive, part: s.PartOfWord, strict: pol.accepting != pol.negated,
		statuses: c.statuses(at, s.Status)}
	groups := c.groups(&k, at, s, pol, depth)
	tests := c.tests(&k, at, s)
	paths := s.Path != "" || len(s.Paths) > 0
	switch {
	case tests+groups > 1:
		c.bad(at, "", "one of %s; two tests are two conditions", conditionTests)
	case tests+groups == 0 && len(s.Status) == 0:
		c.bad(at, "", "one of %s, or a list of statuses", conditionTests)
	case tests == 0 && paths:
		c.bad(at, s.Path,
			"a test of what stands at the path: equals, in, contains, matches, regex, exists, empty, greater or less")
	case tests == 0:
	case !paths && (c.out.format == formatText || c.out.format == formatHTML || c.auto):
		k.whole = c.out.format == formatText || c.out.format == formatHTML || !k.strict
	default:
		absent := k.test == testAbsent || k.test == testEmpty || pol.accepting && pol.negated
		for _, p := range c.candidates(at, s.Path, s.Paths, weightDecisive) {
			if p >= 0 {
				c.out.paths[p].tested = true
			}
			k.paths = append(k.paths, p)
			k.label = k.label || p >= 0 && c.out.format == formatText && c.out.paths[p].part < 0 &&
				c.out.paths[p].regex == nil
			if absent && p >= 0 {
				c.out.paths[p].absent = true
				c.markAbsent(p)
			}
		}
	}
	switch {
	case k.test == testRegex:
		k.cost = instructions(k.regex)
	case k.part:
		for _, v := range k.values {
			k.cost += len(v)
		}
	default:
		k.cost = len(k.phrases)
	}
	c.each(&k, at, s.Each)
	if s.PartOfWord && k.test != testWords {
		c.bad(at+".part_of_word", "true", "part_of_word with contains only")
	}
	return k
}

// each compiles how many elements of a list must be what the condition looks for.
func (c *compiler) each(k *condition, at, each string) {
	switch {
	case each == "":
	case each != "any" && each != "all":
		c.bad(at+".each", each, "any or all")
	case !k.test.ofValue() || (c.out.format == formatForm || c.out.format == formatText || k.whole) && !c.auto:
		c.bad(at+".each", each,
			"each with a test of a value in JSON, XML or HTML: equals, in, contains, matches, regex, greater or less")
	}
	k.all = each == "all"
}

const conditionTests = "equals, in, contains, matches, regex, exists, empty, greater, less, any, all, not"

func (c *compiler) groups(k *condition, at string, s *ConditionSpec, pol polarity, depth int) (n int) {
	if depth >= ConditionDepthMax && (s.Any != nil || s.All != nil || s.Not != nil) {
		c.bad(at, "", "any, all and not at most %d deep", ConditionDepthMax)
		return 1
	}
	group := func(test testKind, name string, list []ConditionSpec) {
		if list == nil {
			return
		}
		n++
		k.test = test
		if len(list) == 0 || len(list) > ConditionsMax {
			c.bad(at+"."+name, strconv.Itoa(len(list))+" conditions", "1 to %d conditions", ConditionsMax)
			return
		}
		for i := range list {
			k.kids = append(k.kids, c.condition(fmt.Sprintf("%s.%s[%d]", at, name, i), &list[i], pol, depth+1))
		}
	}
	group(testAny, "any", s.Any)
	group(testAll, "all", s.All)
	if s.Not != nil {
		n++
		k.test = testNot
		pol.negated = !pol.negated
		k.kids = []condition{c.condition(at+".not", s.Not, pol, depth+1)}
	}
	return n
}

// tests compiles the test of a value, and counts how many there are.
func (c *compiler) tests(k *condition, at string, s *ConditionSpec) (n int) {
	if s.Equals != nil {
		n++
		k.test, k.values = testEquals, []string{c.text(at+".equals", *s.Equals)}
	}
	if s.In != nil {
		n++
		k.test = testEquals
		if len(s.In) == 0 || len(s.In) > AlternativesMax {
			c.bad(at+".in", strconv.Itoa(len(s.In))+" values", "1 to %d values", AlternativesMax)
		}
		for j, v := range s.In {
			k.values = append(k.values, c.text(fmt.Sprintf("%s.in[%d]", at, j), v))
		}
	}
	flag := func(b *bool, yes, no testKind) {
		if b != nil {
			n++
			if k.test = no; *b {
				k.test = yes
			}
		}
	}
	flag(s.Exists, testPresent, testAbsent)
	flag(s.Empty, testEmpty, testPresent)
	if s.Contains != nil {
		n++
		k.test = testWords
		if len(s.Contains) == 0 || len(s.Contains) > AlternativesMax {
			c.bad(at+".contains", strconv.Itoa(len(s.Contains))+" texts", "one text or a list of 1 to %d",
				AlternativesMax)
		}
		for _, v := range s.Contains {
			c.phrase(k, at+".contains", v.Text, v.Kind != wire.ScalarNone)
		}
	}
	if s.Matches != "" {
		n++
		k.test = testWords
		c.phrase(k, at+".matches", s.Matches, true)
	}
	if s.Regex != "" {
		n++
		k.test, k.regex = testRegex, c.regex(at+".regex", s.Regex, !s.CaseSensitive)
	}
	number := func(v *wire.Scalar, name string, test testKind) {
		if v == nil {
			return
		}
		n++
		var ok bool
		if k.number, ok = parseNumber([]byte(v.Text)); !ok || v.Kind == wire.ScalarNone {
			c.bad(at+"."+name, v.Text, "a number such as 0 or 12.50")
		}
		k.test = test
	}
	number(s.Greater, "greater", testGreater)
	number(s.Less, "less", testLess)
	return n
}

// phrase adds a text that a condition looks for, word by word.
func (c *compiler) phrase(k *condition, at, text string, single bool) {
	words := splitWords(text, k.exact)
	if len(words) == 0 || len(text) > wire.PathBytesMax || !single {
		c.bad(at, text, "one or more words, at most %d bytes", wire.PathBytesMax)
	}
	text = strings.Trim(text, " \t\r\n")
	if !k.exact {
		text = foldASCII(text)
	}
	k.phrases, k.values = append(k.phrases, words), append(k.values, text)
}

// regex compiles a regular expression; nothing is found by one that has a defect.
func (c *compiler) regex(at, s string, fold bool) *regexp.Regexp {
	if len(s) > RegexBytesMax {
		c.bad(at, s, "a regular expression of at most %d bytes", RegexBytesMax)
		return noRegex
	}
	if _, err := regexp.Compile(s); err != nil {
		c.bad(at, s, "a regular expression (RE2): %v", err)
		return noRegex
	}
	if fold {
		s = "(?i:" + s + ")"
	}
	return regexp.MustCompile(s)
}

var noRegex = regexp.MustCompile(`[^\s\S]`)

func (c *compiler) statuses(at string, list wire.Scalars) []statusRange {
	return c.statusList(at+".status", list)
}

func (c *compiler) statusList(key string, list wire.Scalars) []statusRange {
	if len(list) > StatusesMax {
		c.bad(key, strconv.Itoa(len(list))+" statuses", "at most %d statuses", StatusesMax)
		return nil
	}
	var out []statusRange
	for j, v := range list {
		n, err := strconv.Atoi(v.Text)
		if t := strings.ToLower(v.Text); len(t) == 3 && t[1:] == "xx" && t[0] >= '2' && t[0] <= '5' {
			n = int(t[0]-'0') * 100
			out = append(out, statusRange{n, n + 99})
			continue
		}
		if err != nil || n < 200 || n > 599 || v.Kind == wire.ScalarNone {
			c.bad(fmt.Sprintf("%s[%d]", key, j), v.Text, "an HTTP status from 200 to 599, or a class such as 2xx")
		}
		out = append(out, statusRange{n, n})
	}
	return out
}

// text is a value to compare with: its text without the space around it.
func (c *compiler) text(path string, v wire.Scalar) string {
	t := strings.Trim(v.Text, " \t\r\n")
	if v.Kind == wire.ScalarNone || t == "" || len(t) > wire.PathBytesMax {
		c.bad(path, v.Text, "a single value of 1 to %d bytes (for nothing there, exists: false)", wire.PathBytesMax)
	}
	return t
}
