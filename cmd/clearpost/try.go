// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"clearpost/config"
	"clearpost/exchange"
	"clearpost/exchange/intake"
	"clearpost/lead"
	"clearpost/ledger"
)

type tryCmd struct {
	Field tryFieldCmd `cmd:"" help:"Read values as a type of field."`
	Lead  tryLeadCmd  `cmd:"" help:"Read a lead in any dialect as a vertical would."`

	Route tryRouteCmd `cmd:"" help:"Tell who would get a lead, or a file of leads, and why the others would not."`

	Request  tryRequestCmd  `cmd:"" help:"Print the exact request that a lead becomes for a campaign, as bytes or as curl."`
	Response tryResponseCmd `cmd:"" help:"Read a buyer's answer as a campaign does, and tell which rule decides."`
}

// Help implements kong.HelpProvider.
func (tryCmd) Help() string {
	return `Examples:
  clearpost try field phone '(212) 555-0123'
  clearpost try lead --vertical auto -d ./conf lead.json
  clearpost try route lead.json --source bluekite --vertical auto -d ./conf
  clearpost try request harborline-standard --ping -d ./conf
  clearpost try response harborline-standard --ping -d ./conf --status 200 answer.json`
}

// tryLineMax bounds a line of standard input; a value may have far fewer bytes.
const tryLineMax = 1 << 20

// tryLeadMax bounds a lead or an answer that is tried.
const tryLeadMax = 4 << 20

type tryFieldCmd struct {
	Type     string   `arg:"" help:"Type of the field, such as phone, dob or money."`
	Value    []string `arg:"" help:"Values; - reads one a line from standard input."`
	JSON     bool     `help:"Print one JSON object a value, in order."`
	At       string   `help:"The time that is now, such as 2026-01-31T15:04:05Z." placeholder:"TIME"`
	Region   string   `help:"Country whose phone numbers need no calling code." default:"US"`
	DayFirst bool     `help:"3/4/2026 is 3 April."`
	Values   []string `help:"For enum: the allowed values, with commas between them." placeholder:"VALUE"`
	Of       string   `help:"For list: the type of its elements." default:"text"`
}

// withNegatives puts the arguments of `try field` behind its flags where a value begins with a minus sign, such as -5,
// so that it is not taken for one.
func withNegatives(args []string) []string {
	if len(args) < 3 || args[0] != "try" || args[1] != "field" || slices.Contains(args, "--") {
		return args
	}
	flags, values, negative := slices.Clone(args[:2]), []string{"--"}, false
	for rest := args[2:]; len(rest) > 0; {
		a := rest[0]
		n := 1
		switch {
		case len(a) > 1 && a[0] == '-' && strings.ContainsRune("0123456789. $", rune(a[1])):
			values, negative = append(values, a), true
		case len(a) > 1 && a[0] == '-':
			if slices.Contains([]string{"--at", "--region", "--values", "--of"}, a) {
				n = min(2, len(rest))
			}
			flags = append(flags, rest[:n]...)
		default:
			values = append(values, a)
		}
		rest = rest[n:]
	}
	if !negative {
		return args
	}
	return append(flags, values...)
}

// Help implements kong.HelpProvider.
func (tryFieldCmd) Help() string {
	return `For each value: its normal form and its parts, or what is wrong. Social security numbers are masked.

Examples:
  clearpost try field phone '(212) 555-0123' +442079460958
  clearpost try field dob 2/29/04 --at 2026-02-28
  clearpost try field money -- '-$5' '(100)'          # -- before values that begin with a hyphen
  clearpost try field money - --json < values.txt`
}

// Run tries.
func (c *tryFieldCmd) Run(e *env) error {
	now, err := tryTime(c.At)
	if err != nil {
		return err
	}
	typ, err := lead.ParseType(c.Type)
	if err != nil {
		return err
	}
	f := lead.Field{Name: "tried", Type: typ}
	if typ == lead.TypeList {
		if f.Of, err = lead.ParseType(c.Of); err != nil {
			return err
		}
	}
	if f.Values = c.Values; len(c.Values) == 0 && (typ == lead.TypeEnum || f.Of == lead.TypeEnum) {
		return fmt.Errorf("an enum needs --values")
	}
	s, errs := lead.NewSchemaWith("", []lead.Field{f}, lead.Options{Region: strings.ToUpper(c.Region),
		DayFirst: c.DayFirst})
	if errs != nil {
		return errs[0]
	}
	t := &trial{schema: s, now: now, json: c.JSON}
	t.pos, _ = s.Position("tried")
	w := bufio.NewWriter(e.out)
	for _, v := range c.Value {
		if v != "-" {
			t.try(w, v)
			continue
		}
		in := bufio.NewScanner(e.in)
		in.Buffer(nil, tryLineMax)
		for in.Scan() {
			t.try(w, in.Text())
		}
		if err := in.Err(); err != nil {
			return fmt.Errorf("standard input: %w", err)
		}
	}
	return w.Flush()
}

// tryTime reads --at; without it the clock counts.
func tryTime(at string) (time.Time, error) {
	if at == "" {
		return time.Now(), nil
	}
	for _, layout := range []string{time.RFC3339, time.DateTime, time.DateOnly} {
		if t, err := time.Parse(layout, at); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("--at %q: expected a time such as 2026-01-31T15:04:05Z", at)
}

// trial reads values as one field.
type trial struct {
	schema *lead.Schema
	pos    int
	now    time.Time
	json   bool
	lead   lead.Lead
}

func (t *trial) try(w *bufio.Writer, v string) {
	t.lead.Reset(t.schema)
	t.lead.SetNow(t.now)
	t.lead.Set(t.pos, []byte(v))
	if t.json {
		b := append(appendTried([]byte{'{'}, "input", &t.lead, t.pos, v), '}', '\n')
		w.Write(b)
		return
	}
	fmt.Fprintf(w, "%q → %s\n", shownInput(&t.lead, t.pos, v), told(&t.lead, t.pos))
}

// shownInput is a value as it may be shown: a social security number is masked.
func shownInput(l *lead.Lead, pos int, v string) string {
	if f := &l.Schema().Fields[pos]; v != "" && (f.Type == lead.TypeSSN || f.Of == lead.TypeSSN) {
		return string(lead.MaskSSN(f, l.Normal(pos)))
	}
	return v
}

// told is a value's normal form and parts, or what is wrong, for people.
func told(l *lead.Lead, pos int) string {
	switch l.Slot(pos).State {
	case lead.Missing:
		return "missing"
	case lead.Bad:
		return "not valid: " + l.Reason(pos)
	}
	normal, _ := l.Recorded(pos)
	b := fmt.Appendf(nil, "%q", normal)
	for _, p := range l.Schema().Fields[pos].Type.Parts() {
		if v, ok := l.AppendPart(nil, pos, p); ok {
			b = fmt.Appendf(b, "  %s=%s", p, v)
		}
	}
	return string(b)
}

// appendTried writes the members of a value's JSON object, the first under the given name.
func appendTried(dst []byte, first string, l *lead.Lead, pos int, input string) []byte {
	state := l.Slot(pos).State
	dst = ledger.AppendString(append(ledger.AppendString(dst, first), ':'), shownInput(l, pos, input))
	var normal []byte
	if state == lead.Valid {
		normal, _ = l.Recorded(pos)
	}
	dst = ledger.AppendString(append(dst, `,"normal":`...), normal)
	reason := l.Reason(pos)
	if state == lead.Missing {
		reason = "missing" // which is not invalid
	}
	dst = fmt.Appendf(dst, `,"valid":%t,"reason":`, state != lead.Bad)
	dst = append(ledger.AppendString(dst, reason), `,"parts":{`...)
	n := 0
	for _, p := range l.Schema().Fields[pos].Type.Parts() {
		v, ok := l.AppendPart(nil, pos, p)
		if !ok {
			continue
		}
		if n++; n > 1 {
			dst = append(dst, ',')
		}
		dst = append(ledger.AppendString(dst, p.String()), ':')
		if p.Type() == lead.TypeText {
			dst = ledger.AppendString(dst, v)
		} else {
			dst = append(dst, v...)
		}
	}
	return append(dst, '}')
}

type tryLeadCmd struct {
	File     string `arg:"" optional:"" default:"-" help:"File with a request's body; - is standard input."`
	Dir      string `short:"d" default:"." env:"CLEARPOST_DIR" help:"Configuration directory." type:"existingdir"`
	Vertical string `required:"" help:"Id of the vertical."`
	Source   string `help:"Id of the source that would send it: its names, values and profile count."`
	Type     string `help:"Content-Type of the body; without it the body's beginning tells." placeholder:"TYPE"`
	At       string `help:"The time that is now, such as 2026-01-31T15:04:05Z." placeholder:"TIME"`
	JSON     bool   `help:"Print one JSON object."`
}

// Help implements kong.HelpProvider.
func (tryLeadCmd) Help() string {
	return `For each field: what was sent, its normal form and parts, or what is wrong; derived fields and defaults are marked. Then what is still
missing at the ping and at the post. Nothing is sent or kept. The lead may be JSON, a form, multipart, XML, or one of these in gzip.

Examples:
  clearpost try lead --vertical auto --source bluekite -d ./conf lead.json
  echo 'zip=90210&dob=3/22/84' | clearpost try lead --vertical auto -d ./conf
  clearpost try lead --vertical auto -d ./conf --type 'text/xml; charset=windows-1252' lead.xml`
}

// Run tries.
func (c *tryLeadCmd) Run(e *env) error {
	now, err := tryTime(c.At)
	if err != nil {
		return err
	}
	cfg, err := configToRead(e.err, c.Dir)
	if err != nil {
		return err
	}
	s, src, err := c.schema(cfg)
	if err != nil {
		return err
	}
	body, err := readInput(e, c.File)
	if err != nil {
		return err
	}
	var l lead.Lead
	l.Reset(s)
	r, err := intake.Read(body, c.Type, src, &l, now, tryLeadMax)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(e.out)
	if c.JSON {
		w.Write(c.object(&l, &r))
	} else {
		tellLead(w, &l, &r)
	}
	return w.Flush()
}

// readInput reads a file, or standard input for "-".
func readInput(e *env, file string) ([]byte, error) {
	in := e.in
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	body, err := io.ReadAll(io.LimitReader(in, tryLeadMax+1))
	if err == nil && len(body) > tryLeadMax {
		err = fmt.Errorf("%s is larger than %d bytes", file, tryLeadMax)
	}
	return body, err
}

// schema finds the vertical's schema, and the source if one is named: it must be one that may send such leads.
func (c *tryLeadCmd) schema(cfg *config.Config) (*lead.Schema, *exchange.Source, error) {
	var src *exchange.Source
	for _, s := range cfg.Exchange.Sources {
		if s.ID == c.Source {
			src = s
		}
	}
	switch {
	case c.Source != "" && src == nil:
		return nil, nil, fmt.Errorf("no source %q", c.Source)
	case src != nil && !slices.Contains(src.Verticals, c.Vertical):
		return nil, nil, fmt.Errorf("source %q may not send leads of %q", c.Source, c.Vertical)
	}
	for _, v := range cfg.Exchange.Verticals {
		if v.ID == c.Vertical {
			return v.Schema, src, nil
		}
	}
	return nil, nil, fmt.Errorf("no vertical %q", c.Vertical)
}

func tellLead(w io.Writer, l *lead.Lead, r *intake.Reading) {
	fmt.Fprintf(w, "read as %s\n", r.ContentType)
	for pos := range l.Len() {
		slot := l.Slot(pos)
		if slot.State == lead.Missing {
			continue
		}
		made := ""
		if slot.Made {
			made = "  (not sent)"
		}
		fmt.Fprintf(w, "%s: %q → %s%s\n", l.Schema().Fields[pos].Name, shownInput(l, pos, string(l.Raw(pos))),
			told(l, pos), made)
	}
	for _, u := range l.Unfit() {
		fmt.Fprintf(w, "%s: %q → left out: %s\n", l.Schema().Fields[u.Pos].Name,
			shownInput(l, u.Pos, string(l.UnfitRaw(u))), l.UnfitReason(u))
	}
	for _, name := range r.Unknown {
		fmt.Fprintf(w, "%q: the vertical has no such field\n", name)
	}
	for _, p := range r.Problems {
		fmt.Fprintf(w, "%s: expected %s\n", p.Field, p.Expected)
	}
	for _, s := range tryStages {
		if l.OK(s.stage) {
			fmt.Fprintf(w, "%s: ok\n", s.name)
			continue
		}
		for _, p := range l.Problems(s.stage) {
			fmt.Fprintf(w, "%s: %s: expected %s\n", s.name, p.Field, p.Expected)
		}
	}
}

var tryStages = []struct {
	name  string
	stage lead.Stage
}{{"ping", lead.AtPing}, {"post", lead.AtPing | lead.AtPost}}

func (c *tryLeadCmd) object(l *lead.Lead, r *intake.Reading) []byte {
	dst := ledger.AppendString([]byte(`{"vertical":`), c.Vertical)
	dst = ledger.AppendString(append(dst, `,"content_type":`...), r.ContentType)
	dst = append(dst, `,"fields":[`...)
	n := 0
	for pos := range l.Len() {
		if l.Slot(pos).State == lead.Missing {
			continue
		}
		if n++; n > 1 {
			dst = append(dst, ',')
		}
		dst = ledger.AppendString(append(dst, `{"field":`...), l.Schema().Fields[pos].Name)
		dst = appendTried(append(dst, ','), "raw", l, pos, string(l.Raw(pos)))
		dst = fmt.Appendf(dst, `,"made":%t}`, l.Slot(pos).Made)
	}
	dst = append(dst, `],"unknown":[`...)
	for i, name := range r.Unknown {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = ledger.AppendString(dst, name)
	}
	dst = append(dst, ']')
	for _, s := range tryStages {
		dst = fmt.Appendf(dst, `,"%s_problems":[`, s.name)
		for i, p := range append(slices.Clone(r.Problems), l.Problems(s.stage)...) {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = ledger.AppendString(append(dst, `{"field":`...), p.Field)
			dst = append(ledger.AppendString(append(dst, `,"expected":`...), p.Expected), '}')
		}
		dst = append(dst, ']')
	}
	return append(dst, '}', '\n')
}
