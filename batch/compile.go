// SPDX-License-Identifier: Apache-2.0

package batch

import (
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strconv"
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
	c.send()
	c.limits()
	c.to()
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
	case "csv", "jsonl":
	default:
		c.bad("format", c.spec.Format, "csv or jsonl")
	}
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
	format := "form"
	if c.out.Format == "jsonl" {
		format = "json"
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
	c.out.Row, ds = request.Compile(&request.Spec{URL: "http://file.invalid/", Format: format, Fields: c.spec.Fields},
		s, true, request.Options{Captures: c.opt.Captures})
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

func (c *compiler) to() {
	t, out := &c.spec.To, &c.out.To
	out.AllowPrivate = c.opt.AllowPrivate
	if (t.Folder != nil) == (t.SFTP != nil) {
		c.bad("to", "", "one of folder, sftp")
		return
	}
	if f := t.Folder; f != nil {
		if !filepath.IsAbs(f.Path) || filepath.Clean(f.Path) != f.Path {
			c.bad("to.folder.path", f.Path, "an absolute path without `..` and `//`")
		}
		out.Folder = &Folder{f.Path}
		return
	}
	c.sftp(t.SFTP)
}

func (c *compiler) sftp(s *SFTPSpec) {
	out := &SFTP{User: s.User, Folder: s.Folder, Timeout: c.timeout("to.sftp", s.TimeoutMS)}
	out.Address = c.address("to.sftp.address", s.Address, "22")
	if s.User == "" {
		c.bad("to.sftp.user", "", "who logs in")
	}
	out.Password = c.secret("to.sftp.password", s.Password)
	out.Key = c.secret("to.sftp.key", s.Key)
	if s.Password == "" && s.Key == "" {
		c.bad("to.sftp", "", "a `password`, a `key`, or both")
	}
	if len(s.HostKeys) == 0 {
		c.bad("to.sftp.host_keys", "", "the server's keys, as `ssh-keyscan` tells and the buyer confirms them: a "+
			"server that cannot prove who it is gets no lead")
	}
	for i, k := range s.HostKeys {
		if key := HostKey(k); key == "" {
			c.bad(fmt.Sprintf("to.sftp.host_keys[%d]", i), k, "a public key, such as `ssh-ed25519 AAAA...`")
		} else {
			out.HostKeys = append(out.HostKeys, key)
		}
	}
	c.out.To.SFTP = out
}

// HostKey is the type and the text of a public key as known_hosts or a .pub file has it, "" if it is none.
func HostKey(line string) string {
	words := strings.Fields(line)
	for i, w := range words {
		if i+1 < len(words) && i < 2 && (strings.HasPrefix(w, "ssh-") || strings.HasPrefix(w, "ecdsa-")) &&
			strings.HasPrefix(words[i+1], "AAAA") {
			return w + " " + words[i+1]
		}
	}
	return ""
}

const (
	timeoutDefault = 30 * time.Second
	timeoutMSMost  = 600_000
)

func (c *compiler) timeout(at string, ms int) time.Duration {
	if ms < 0 || ms > timeoutMSMost {
		c.bad(at+".timeout_ms", fmt.Sprint(ms), fmt.Sprintf("1 to %d ms", timeoutMSMost))
	}
	if ms > 0 {
		return time.Duration(ms) * time.Millisecond
	}
	return timeoutDefault
}

// address completes an address with its usual port.
func (c *compiler) address(at, text, port string) string {
	host, p, err := net.SplitHostPort(text)
	if err != nil {
		host, p = strings.Trim(text, "[]"), port
	}
	if _, err := strconv.ParseUint(p, 10, 16); err != nil || host == "" || strings.ContainsAny(host, "/@ ") {
		c.bad(at, text, "a host, or host:port")
	}
	return net.JoinHostPort(host, p)
}

// secret resolves a text that may be a placeholder.
func (c *compiler) secret(at, text string) string {
	if !strings.HasPrefix(text, "${") {
		return text
	}
	if c.opt.Secrets != nil {
		if v, ok := c.opt.Secrets(text); ok {
			return v
		}
	}
	c.bad(at, text, "a placeholder ${env:NAME} or ${file:PATH} of something that is there")
	return ""
}
