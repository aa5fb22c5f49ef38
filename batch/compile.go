// SPDX-License-Identifier: Apache-2.0

package batch

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"clearpost/lead"
	"clearpost/wire/request"
)

// Options is what compiling takes from outside.
type Options struct {
	Secrets      func(placeholder string) (value string, ok bool) // as for requests
	Zone         *time.Location                                   // where the spec names none; nil: UTC
	Captures     []string                                         // of the ping's answer
	AllowPrivate bool
}

type compiler struct {
	spec    *Spec
	opt     Options
	out     *Batch
	defects []lead.Defect
}

func (c *compiler) bad(path, value, expected string) {
	c.defects = append(c.defects, lead.Defect{Path: path, Value: value, Expected: expected})
}

// Compile compiles how a campaign's leads of a schema are gathered. All mistakes are returned at once, with paths
// relative to the spec; the Batch is nil if there is any.
func Compile(spec *Spec, s *lead.Schema, opt Options) (*Batch, []lead.Defect) {
	c := &compiler{spec: spec, opt: opt, out: &Batch{RowsMax: RowsDefault, AgeMax: ageDefault * time.Hour}}
	c.format()
	c.row(s)
	if c.out.Name = spec.Name; spec.Name == "" {
		c.bad("name", "", "what files are called, such as leads-{date}-{time}.csv")
	} else if expected := checkName(spec.Name); expected != "" {
		c.bad("name", spec.Name, expected)
	}
	c.encrypt()
	c.send()
	c.limits()
	c.to()
	c.response()
	if len(c.defects) > 0 {
		return nil, c.defects
	}
	return c.out, nil
}

func (c *compiler) limits() {
	if n := c.spec.RowsMax; n < 0 || n > RowsMost {
		c.bad("rows_max", fmt.Sprint(n), fmt.Sprintf("1 to %d rows", RowsMost))
	} else if n > 0 {
		c.out.RowsMax = n
	}
	if h := c.spec.LeadAgeMaxH; h < 0 || h > AgeHoursMost {
		c.bad("lead_age_max_h", fmt.Sprint(h), fmt.Sprintf("1 to %d hours", AgeHoursMost))
	} else if h > 0 {
		c.out.AgeMax = time.Duration(h) * time.Hour
	}
}

func (c *compiler) format() {
	switch c.out.Format = c.spec.Format; c.out.Format {
	case "":
		c.out.Format = "csv"
	case "csv", "jsonl", "xlsx", "xml":
	default:
		c.bad("format", c.spec.Format, "csv, jsonl, xlsx or xml")
	}
	c.xml()
	s, out := &c.spec.CSV, &c.out.CSV
	if c.out.Format != "csv" && *s != (CSVSpec{}) {
		c.bad("csv", "", "nothing here: the format is not csv")
	}
	*out = CSV{Separator: ',', Header: s.Header == nil || *s.Header, Encoding: s.Encoding, LineEnd: "\r\n", Guard: true}
	switch sep := s.Separator; {
	case sep == "":
	case sep == "tab":
		out.Separator = '\t'
	case utf8.RuneCountInString(sep) == 1 && !strings.ContainsAny(sep, "\"\r\n") && sep != " ":
		out.Separator, _ = utf8.DecodeRuneInString(sep)
	default:
		c.bad("csv.separator", sep, "one sign, such as `,` or `;`, or tab")
	}
	choose := func(path, value string, of ...string) {
		if value != "" && !slices.Contains(of, value) {
			c.bad("csv."+path, value, "one of "+strings.Join(of, ", "))
		}
	}
	choose("quotes", s.Quotes, "needed", "all")
	choose("encoding", s.Encoding, "utf-8", "utf-8-bom", "utf-16le", "iso-8859-1", "windows-1252")
	choose("line_end", s.LineEnd, "crlf", "lf")
	choose("formulas", s.Formulas, "guard", "keep")
	if out.All = s.Quotes == "all"; s.LineEnd == "lf" {
		out.LineEnd = "\n"
	}
	out.Guard = s.Formulas != "keep"
}

// row compiles the row as the body of a request that nobody sends. Constants have no secrets: rows stand in the ledger.
func (c *compiler) row(s *lead.Schema) {
	if len(c.spec.Fields) == 0 {
		c.bad("fields", "", "the fields of a row")
		return
	}
	format, doc := "form", (*request.XMLSpec)(nil)
	switch c.out.Format {
	case "jsonl":
		format = "json"
	case "xml":
		no := false
		format, doc = "xml", &request.XMLSpec{Root: c.out.XML.Row, Declaration: &no}
	}
	for i := range c.spec.Fields {
		f := &c.spec.Fields[i]
		if f.In != "" {
			c.bad(fmt.Sprintf("fields[%d].in", i), f.In, "nothing here: a row has no other place")
		}
		if slices.Contains(c.out.Columns, f.To) {
			c.bad(fmt.Sprintf("fields[%d].to", i), f.To, "a name that no other column has")
		}
		c.out.Columns = append(c.out.Columns, f.To)
	}
	if s == nil {
		return
	}
	var ds []lead.Defect
	c.out.Row, ds = request.Compile(&request.Spec{URL: "http://file.invalid/", Format: format, XML: doc,
		Fields: c.spec.Fields}, s, true, request.Options{Captures: c.opt.Captures})
	c.defects = append(c.defects, ds...)
	if c.out.Row == nil {
		return
	}
	for i := range s.Fields {
		if f := &s.Fields[i]; (f.Type == lead.TypeSSN || f.Of == lead.TypeSSN) && c.out.Row.Uses().Has(i) {
			c.bad("fields", f.Name, "no social security number: a row waits in the ledger, which keeps none of them")
		}
	}
}

func (c *compiler) send() {
	s, out := &c.spec.Send, &c.out.Send
	if s.Rows < 0 || s.Rows > RowsMost {
		c.bad("send.rows", fmt.Sprint(s.Rows), fmt.Sprintf("1 to %d rows", RowsMost))
	}
	if s.WaitMin < 0 || s.WaitMin > waitMost {
		c.bad("send.wait_min", fmt.Sprint(s.WaitMin), fmt.Sprintf("1 to %d minutes", waitMost))
	}
	if out.Rows, out.Wait = s.Rows, time.Duration(s.WaitMin)*time.Minute; out.Wait == 0 && len(s.At) == 0 {
		c.bad("send", "", "`wait_min` or `at`: with `rows` alone a lead might wait for ever")
	}
	if len(s.At) > timesMost {
		c.bad("send.at", fmt.Sprint(len(s.At), " times"), fmt.Sprintf("at most %d", timesMost))
	}
	for i, text := range s.At {
		t, err := time.Parse("15:04", text)
		if err != nil {
			c.bad(fmt.Sprintf("send.at[%d]", i), text, `a time of day, such as "07:30"`)
			continue
		}
		out.At = append(out.At, t.Hour()*60+t.Minute())
	}
	slices.Sort(out.At)
	out.At = slices.Compact(out.At)
	if out.Zone = c.opt.Zone; out.Zone == nil {
		out.Zone = time.UTC
	}
	if s.Timezone != "" {
		zone, err := lead.LoadZone(s.Timezone)
		if err != nil {
			c.bad("send.timezone", s.Timezone, err.Error())
			return
		}
		out.Zone = zone
	}
}
