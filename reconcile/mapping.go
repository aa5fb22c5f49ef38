// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"clearpost/config/tree"
	"clearpost/rules"
)

// Mapping is a file of the folder statements, by the name of its buyer: what stands where in that buyer's statements.
// What is absent is found out from the file. `clearpost reconcile --save` writes one.
type Mapping struct {
	Format    string      `yaml:"format,omitempty"`         // csv (with any separator, TSV too), xlsx, json, jsonl (one object a line) or xml
	Encoding  string      `yaml:"encoding,omitempty"`       // of text, such as utf-8, windows-1252 or utf-16le; a mark of order in the file comes first
	Separator string      `yaml:"separator,omitempty"`      // between the columns of CSV: one sign, or tab
	Sheet     string      `yaml:"sheet,omitempty"`          // of a workbook, by its name
	Row       string      `yaml:"row,omitempty"`            // of XML: the element of a row; absent: each one right below the first
	Header    *int        `yaml:"header,omitempty"`         // the line with the names of the columns; 0: there is none, and columns are called #1, #2 and so on
	Columns   ColumnsSpec `yaml:"columns,omitempty"`        // which columns mean what
	Dates     string      `yaml:"dates,omitempty"`          // the order in dates of numbers: MDY, DMY or YMD
	Decimals  string      `yaml:"decimals,omitempty"`       // the sign before the cents: . or ,
	Zone      string      `yaml:"zone,omitempty"`           // of times that do not tell theirs, and of the month, such as America/New_York (UTC)
	Region    string      `yaml:"region,omitempty"`         // country whose phone numbers need no calling code (US)
	Currency  string      `yaml:"currency,omitempty"`       // of amounts that do not tell theirs; rows of another one are left out
	Returned  string      `yaml:"returned,omitempty"`       // what an amount above zero means in a row that says returned: not_owed, or credit, which is taken off (not_owed)
	Words     WordsSpec   `yaml:"words,omitempty"`          // words of the status column, beside those that are known
	Reason    string      `yaml:"return_reason,omitempty"`  // reason by which what they gave back is booked, one of the buyer's page (statement, which is taken where the page lists none)
	WindowMin int         `yaml:"window_minutes,omitempty"` // how far a time of theirs may be from ours where rows are matched by time and price (15)
}

// ColumnsSpec names the columns: by their names in the header, without regard to case, or as #3. Several columns are
// tried from left to right, the first that is not empty counts; those of time are put together.
type ColumnsSpec struct {
	ID        rules.Texts `yaml:"id,omitempty"`        // our id: of the lead or the attempt, as the request sent it
	Reference rules.Texts `yaml:"reference,omitempty"` // theirs, as their answer gave it
	Phone     rules.Texts `yaml:"phone,omitempty"`     // phone number, in any form
	Email     rules.Texts `yaml:"email,omitempty"`     // e-mail address
	Time      rules.Texts `yaml:"time,omitempty"`      // when they got the lead; a date and a time of day may stand in two columns
	Price     rules.Texts `yaml:"price,omitempty"`     // what they owe for it; below zero, or in brackets, it is a credit
	Credit    rules.Texts `yaml:"credit,omitempty"`    // what is taken off, with any sign
	Currency  rules.Texts `yaml:"currency,omitempty"`  // code of the currency
	Status    rules.Texts `yaml:"status,omitempty"`    // what became of it, in words
}

// WordsSpec are words of the status column, without regard to case.
type WordsSpec struct {
	Owed      rules.Texts `yaml:"owed,omitempty"`      // they took it and owe its price
	Returned  rules.Texts `yaml:"returned,omitempty"`  // they gave it back
	Refused   rules.Texts `yaml:"refused,omitempty"`   // they never took it
	Test      rules.Texts `yaml:"test,omitempty"`      // it was a test
	Duplicate rules.Texts `yaml:"duplicate,omitempty"` // they had it before and do not pay
}

// columnsOf lists the kinds of columns in order, each with its names.
func (c *ColumnsSpec) columnsOf() []struct {
	kind  string
	names *rules.Texts
} {
	return []struct {
		kind  string
		names *rules.Texts
	}{{"id", &c.ID}, {"reference", &c.Reference}, {"phone", &c.Phone}, {"email", &c.Email}, {"time", &c.Time},
		{"price", &c.Price}, {"credit", &c.Credit}, {"currency", &c.Currency}, {"status", &c.Status}}
}

func (c *ColumnsSpec) none() bool {
	for _, k := range c.columnsOf() {
		if len(*k.names) > 0 {
			return false
		}
	}
	return true
}

// Says is what a row of a statement says of its lead.
type Says uint8

const (
	SaysNothing Says = iota // it stands there, so it is owed
	SaysOwed
	SaysReturned
	SaysRefused
	SaysTest
	SaysDuplicate
)

// saysNames are the keys of words, by what they mean.
var saysNames = []string{"", "owed", "returned", "refused", "test", "duplicate"}

// String is the key of words.
func (s Says) String() string { return saysNames[s] }

// known are the words that need no mapping.
var known = map[Says]string{
	SaysOwed: "accepted|accept|sold|sale|valid|ok|approved|billable|billed|paid|success|successful|good|" +
		"delivered|purchased|bought|matched|yes|charged|invoiced|taken|owed|new",
	SaysReturned: "returned|return|rtn|refunded|refund|credited|credit|reversed|reversal|chargeback|charge back|" +
		"cancelled|canceled|scrubbed|void|voided|return approved|approved return",
	SaysRefused: "rejected|reject|declined|refused|failed|failure|error|denied|unsold|no sale|not accepted|no|" +
		"invalid|unmatched|not matched",
	SaysTest:      "test|testing|test lead|sandbox",
	SaysDuplicate: "duplicate|dup|dupe|duplicated|duplicate lead|dup lead",
}

var knownWords = func() map[string]Says {
	out := map[string]Says{}
	for says, list := range known {
		for w := range strings.SplitSeq(list, "|") {
			out[w] = says
		}
	}
	return out
}()

// word is a status as words are compared.
func word(s string) string { return strings.Join(strings.Fields(strings.ToLower(s)), " ") }

// table of words: those of the mapping stand before those that are known.
func (w *WordsSpec) table() (map[string]Says, error) {
	out := map[string]Says{}
	for says, list := range [][]string{SaysOwed: w.Owed, SaysReturned: w.Returned, SaysRefused: w.Refused,
		SaysTest: w.Test, SaysDuplicate: w.Duplicate} {
		for _, s := range list {
			if was, twice := out[word(s)]; twice {
				return nil, fmt.Errorf("words: %q means %s and %s", s, was, Says(says))
			}
			out[word(s)] = Says(says)
		}
	}
	for w, says := range knownWords {
		if _, ok := out[w]; !ok {
			out[w] = says
		}
	}
	return out, nil
}

// ParseMapping reads the text of a mapping's file. The error has every mistake with its line and column.
func ParseMapping(name string, text []byte) (*Mapping, error) {
	f, ps, m := tree.NewFile(name, text), &tree.Problems{}, &Mapping{}
	if f.Parse(ps); f.Root != nil {
		f.Decode(ps, m)
		m.check(func(path, value, expected string) { f.Report(ps, path, value, "expected "+expected, false) })
	}
	if err := ps.Err(); err != nil {
		return nil, err
	}
	return m, nil
}

// check finds what a mapping must not say.
func (m *Mapping) check(bad func(path, value, expected string)) {
	for _, x := range []struct {
		path, value string
		of          []string
	}{{"format", m.Format, Formats}, {"dates", m.Dates, Orders}, {"decimals", m.Decimals, []string{".", ","}},
		{"returned", m.Returned, []string{"not_owed", "credit"}}} {
		if x.value != "" && !slices.Contains(x.of, x.value) {
			bad(x.path, x.value, "one of "+strings.Join(x.of, " "))
		}
	}
	if m.Zone != "" {
		if _, err := time.LoadLocation(m.Zone); err != nil || m.Zone == "Local" {
			bad("zone", m.Zone, "a zone such as America/New_York")
		}
	}
	if m.Header != nil && (*m.Header < 0 || *m.Header > RowsMax) {
		bad("header", strconv.Itoa(*m.Header), "the number of a line, or 0")
	}
	if m.WindowMin < 0 || m.WindowMin > 7*24*60 {
		bad("window_minutes", strconv.Itoa(m.WindowMin), "0 to 10080")
	}
	if _, err := m.Words.table(); err != nil {
		bad("words", "", "each word under one key: "+err.Error())
	}
	for _, k := range m.Columns.columnsOf() {
		if slices.Contains(*k.names, "") {
			bad("columns."+k.kind, "", "the name of a column")
		}
	}
}

// ToKeep is the mapping without what each file tells of itself for sure, unless it was given: the next statement may
// have a longer letterhead, or another encoding.
func (m *Mapping) ToKeep(given *Mapping) *Mapping {
	keep := *m
	keep.Format, keep.Encoding, keep.Separator, keep.Sheet = given.Format, given.Encoding, given.Separator, given.Sheet
	if m.Header != nil && *m.Header > 0 {
		keep.Header = given.Header
	}
	return &keep
}

// YAML is the mapping as a file has it.
func (m *Mapping) YAML() []byte {
	var b strings.Builder
	pair := func(key, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s: %s\n", key, quoteYAML(value))
		}
	}
	pair("format", m.Format)
	pair("encoding", m.Encoding)
	if m.Separator == "\t" {
		pair("separator", "tab")
	} else {
		pair("separator", m.Separator)
	}
	pair("sheet", m.Sheet)
	if m.Header != nil {
		fmt.Fprintf(&b, "header: %d\n", *m.Header)
	}
	if !m.Columns.none() {
		b.WriteString("columns:\n")
		for _, k := range m.Columns.columnsOf() {
			texts(&b, k.kind, *k.names)
		}
	}
	pair("dates", m.Dates)
	pair("decimals", m.Decimals)
	pair("zone", m.Zone)
	pair("region", m.Region)
	pair("currency", m.Currency)
	pair("returned", m.Returned)
	w := &m.Words
	if lists := [][]string{w.Owed, w.Returned, w.Refused, w.Test, w.Duplicate}; len(slices.Concat(lists...)) > 0 {
		b.WriteString("words:\n")
		for i, list := range lists {
			texts(&b, saysNames[i+1], list)
		}
	}
	pair("return_reason", m.Reason)
	if m.WindowMin != 0 {
		fmt.Fprintf(&b, "window_minutes: %d\n", m.WindowMin)
	}
	return []byte(b.String())
}

// texts writes one text or several in brackets.
func texts(b *strings.Builder, key string, list []string) {
	switch len(list) {
	case 0:
	case 1:
		fmt.Fprintf(b, "  %s: %s\n", key, quoteYAML(list[0]))
	default:
		quoted := make([]string, len(list))
		for i, s := range list {
			quoted[i] = quoteYAML(s)
		}
		fmt.Fprintf(b, "  %s: [%s]\n", key, strings.Join(quoted, ", "))
	}
}

// quoteYAML leaves plain words as they are.
func quoteYAML(s string) string {
	plain := strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_/-") == ""
	switch strings.ToLower(s) {
	case "yes", "no", "on", "off", "true", "false", "null", "y", "n", "~":
		plain = false
	}
	if plain && s != "" && strings.IndexByte("-0123456789", s[0]) < 0 {
		return s
	}
	return strconv.Quote(s)
}
