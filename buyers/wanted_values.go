// SPDX-License-Identifier: Apache-2.0

package buyers

import (
	"fmt"
	"regexp/syntax"
	"strings"
	"time"

	"clearpost/lead"
	"clearpost/rules"
)

// zipOf is a postal code of each state, for leads that a campaign wants from there.
var zipOf = map[string]string{
	"AL": "35203", "AK": "99501", "AZ": "85004", "AR": "72201", "CA": "94110", "CO": "80202", "CT": "06103",
	"DE": "19801", "DC": "20001", "FL": "33130", "GA": "30303", "HI": "96813", "ID": "83702", "IL": "60601",
	"IN": "46204", "IA": "50309", "KS": "67202", "KY": "40202", "LA": "70112", "ME": "04101", "MD": "21201",
	"MA": "02108", "MI": "48226", "MN": "55401", "MS": "39201", "MO": "63101", "MT": "59101", "NE": "68102",
	"NV": "89101", "NH": "03101", "NJ": "07102", "NM": "87102", "NY": "10001", "NC": "27601", "ND": "58102",
	"OH": "43215", "OK": "73102", "OR": "97201", "PA": "19103", "RI": "02903", "SC": "29201", "SD": "57104",
	"TN": "37203", "TX": "78701", "UT": "84101", "VT": "05401", "VA": "23219", "WA": "98101", "WV": "25301",
	"WI": "53202", "WY": "82001",
}

// values are texts of a field by which a test of it, or its opposite, may come to be met.
func (w *wanted) values(c *rules.Criterion, f *lead.Field, opposite bool) (out []string) {
	some := c.Values[:min(len(c.Values), wantedTries)]
	switch c.Kind {
	case rules.List:
		for _, v := range some {
			out = append(out, listedText(f, c.Part, v)...)
		}
	case rules.Prefix, rules.Suffix, rules.Contains:
		for _, v := range some {
			out = append(out, textWith(c, f, v)...)
		}
	case rules.Pattern:
		if text, ok := matching(c.Regexp()); ok {
			out = append(out, text)
			out = append(out, listedText(f, c.Part, text)...)
		}
	case rules.Range:
		out = append(out, w.between(c, f, opposite)...)
	case rules.Within, rules.Older:
		layout := time.DateOnly
		if f.Type == lead.TypeDateTime {
			layout = time.RFC3339
		}
		since := c.Since(w.now)
		for _, t := range []time.Time{w.now, w.now.AddDate(0, 0, -1), since.AddDate(0, 0, -2),
			since.Add(-time.Minute)} {
			out = append(out, t.UTC().Format(layout))
		}
	}
	if c.Kind == rules.Absent != opposite {
		out = append(out, "") // it is not sent
	}
	out = append(out, f.Values[:min(len(f.Values), wantedTries)]...)
	return append(out, sampleOf(f)...)
}

// between are the ends of a range, or what lies just beyond them.
func (w *wanted) between(c *rules.Criterion, f *lead.Field, opposite bool) (out []string) {
	low, high := c.Min, c.Max
	if opposite {
		low, high = low-1, high+1
	}
	if c.Min != rules.BoundNone[0] {
		out = append(out, rangeText(f, c.Part, low))
	}
	if c.Max != rules.BoundNone[1] {
		out = append(out, rangeText(f, c.Part, high))
	}
	return out
}

func rangeText(f *lead.Field, p lead.Part, n int64) string {
	switch {
	case p == lead.PartNone:
		return f.BoundText(n)
	case f.Type == lead.TypeRange:
		m := lead.Money(n).String()
		return m + "-" + m
	}
	return fmt.Sprint(n)
}

// listedText are texts whose value, or whose part, is one that a list has.
func listedText(f *lead.Field, p lead.Part, v string) []string {
	switch p {
	case lead.PartNone, lead.PartCode, lead.PartName, lead.PartState, lead.PartZIP:
		return []string{v}
	case lead.PartArea:
		return []string{"(" + v + ") 555-0123"}
	case lead.PartDomain:
		if f.Type == lead.TypeURL {
			return []string{"https://" + v + "/"}
		}
		return []string{"jane@" + v}
	case lead.PartHost:
		return []string{"https://" + v + "/"}
	case lead.PartUser:
		return []string{v + "@example.com"}
	case lead.PartTLD:
		return []string{"jane@example." + v}
	case lead.PartPrefix:
		return []string{v + "01", v + "10", v}
	case lead.PartMin, lead.PartMax, lead.PartMid, lead.PartAverage:
		return []string{v + "-" + v}
	}
	return nil
}

// textWith are texts that begin or end with a text, or have it in them.
func textWith(c *rules.Criterion, f *lead.Field, v string) (out []string) {
	switch f.Type {
	case lead.TypePostalCode:
		if c.Kind == rules.Prefix && len(v) < 5 {
			return []string{v + "00000"[len(v):], v + "00001"[len(v):], v + "10101"[len(v):]}
		}
	case lead.TypePhone:
		digits := strings.TrimPrefix(strings.TrimPrefix(v, "+"), "1")
		if n := len(digits); c.Kind == rules.Prefix && n <= 10 {
			return []string{digits + "2125550123"[n:], digits + "6025550188"[n:]}
		}
	case lead.TypeEmail:
		return []string{v + "@example.com", "jane@" + v, "jane@" + v + ".com", "jane@example" + v, "jane@example." + v}
	case lead.TypeURL:
		return []string{"https://" + v, "https://" + v + ".com/", "https://example" + v + "/", v + "example.com/",
			"https://example.com/" + v}
	}
	return []string{v, v + " sample", "sample " + v}
}

// matching makes a text in which a regular expression is found. ok is false where that takes more than the simplest way
// through it.
func matching(pattern string) (text string, ok bool) {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return "", false
	}
	var b strings.Builder
	appendMatch(&b, re.Simplify())
	return b.String(), b.Len() > 0
}

func appendMatch(b *strings.Builder, re *syntax.Regexp) {
	switch re.Op {
	case syntax.OpLiteral:
		for _, r := range re.Rune {
			b.WriteRune(r)
		}
	case syntax.OpCharClass:
		if len(re.Rune) > 0 {
			b.WriteRune(fromClass(re.Rune))
		}
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteByte('a')
	case syntax.OpCapture, syntax.OpPlus:
		appendMatch(b, re.Sub[0])
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			appendMatch(b, sub)
		}
	case syntax.OpAlternate:
		appendMatch(b, re.Sub[0])
	case syntax.OpRepeat:
		for range re.Min {
			appendMatch(b, re.Sub[0])
		}
	}
}

// fromClass takes a character that people write, where a class has one.
func fromClass(ranges []rune) rune {
	for _, wish := range "a1A" {
		for i := 0; i+1 < len(ranges); i += 2 {
			if ranges[i] <= wish && wish <= ranges[i+1] {
				return wish
			}
		}
	}
	return ranges[0]
}
