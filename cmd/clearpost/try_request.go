// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/base64"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"clearpost/buyers"
	"clearpost/config"
	"clearpost/exchange/intake"
	"clearpost/lead"
	"clearpost/wire/request"
)

type tryRequestCmd struct {
	Campaign string `arg:"" optional:"" help:"Id of the campaign."`
	Lead     string `arg:"" optional:"" help:"File with a lead in any dialect; - is standard input. Absent: the campaign's first example, else a made-up lead."`
	tryRules
	Type    string  `help:"Content-Type of the lead; without it its beginning tells." placeholder:"TYPE"`
	Curl    bool    `help:"Print a curl command."`
	Example bool    `help:"Print an example for the campaign's YAML."`
	Secrets bool    `help:"Print secrets, not their placeholders."`
	Token   *string `help:"The token of the ping's answer." placeholder:"TOKEN"`
	Price   *string `help:"The bid." placeholder:"AMOUNT"`
	Source  string  `help:"Id of the source."`
	At      string  `help:"The time that is now, such as 2026-01-31T15:04:05Z; absent: that of examples, but for schedules the clock's." placeholder:"TIME"`
}

// Help implements kong.HelpProvider.
func (tryRequestCmd) Help() string {
	return `The request stands on standard output, byte for byte; what the lead lacks is said on standard error. Nothing is sent.

Examples:
  clearpost try request harborline-standard --ping -d ./conf
  clearpost try request harborline-standard lead.json --post -d ./conf --token HB-1 --price 31.50
  clearpost try request harborline-standard --post -d ./conf --curl --secrets | sh
  clearpost try request --ping --rules buyer.yaml
  clearpost try request harborline-standard --ping -d ./conf --example >> examples.txt     # to paste below examples:`
}

// Run tries.
func (c *tryRequestCmd) Run(e *env) error {
	if c.Rules != "" && c.Lead == "" && c.Campaign == "-" {
		c.Campaign, c.Lead = "", "-"
	}
	r, err := c.load(e, c.Campaign, !c.Secrets)
	if err != nil {
		return err
	}
	if r.Request == nil {
		return fmt.Errorf("%s has no request", r.Campaign)
	}
	in := r.Inputs
	if err := c.inputs(&in); err != nil {
		return err
	}
	var problems []lead.Problem
	if c.Lead != "" {
		body, err := readInput(e, c.Lead)
		if err != nil {
			return err
		}
		in.Lead = new(lead.Lead)
		in.Lead.Reset(r.Schema)
		read, err := intake.Read(body, c.Type, nil, in.Lead, in.Now, tryLeadMax)
		if err != nil {
			return err
		}
		problems = read.Problems
		for _, name := range read.Unknown {
			problems = append(problems, lead.Problem{Field: name, Expected: "a field of the vertical"})
		}
	}
	stage := lead.AtPing
	if c.Post {
		stage |= lead.AtPost
	}
	problems = append(problems, in.Lead.Problems(stage)...)
	render := r.Request.AppendRedacted
	if c.Secrets {
		render = r.Request.AppendHTTP
	}
	b, err := render(nil, &in)
	if err != nil {
		return err
	}
	at := in.Now
	if c.At == "" {
		at = time.Now() // the time of examples says nothing of hours
	}
	return c.print(e, r, &in, b, shortcomings{buyers.Unset(r.Request, in.Lead), problems, r.Unmet(&in, stage),
		r.Request.Gaps(&in), r.Closed(at, stage)})
}

// shortcomings is what a lead does not have, or has and should not.
type shortcomings struct {
	missing  []string         // fields that the request may carry
	problems []lead.Problem   // values that cannot be used
	unmet    []string         // criteria for which the campaign would not be asked
	gaps     []request.MapGap // values that value maps do not have
	closed   []buyers.Closed  // schedules for which the campaign would not be asked
}

// inputs takes what the flags say.
func (c *tryRequestCmd) inputs(in *request.Inputs) error {
	if c.Token != nil {
		in.Token = []byte(*c.Token)
	}
	if c.Price != nil {
		m, err := lead.ParseMoney([]byte(*c.Price))
		if err != nil {
			return fmt.Errorf("--price: %w", err)
		}
		in.Price = m
	}
	if c.Source != "" {
		in.Source = c.Source
	}
	if c.At != "" {
		now, err := tryTime(c.At)
		if err != nil {
			return err
		}
		in.Now = now
	}
	return nil
}

func (c *tryRequestCmd) print(e *env, r *config.Rules, in *request.Inputs, b []byte, short shortcomings) error {
	p := buyers.ParseRequest(r.Request, b)
	if c.JSON {
		return printTried(e, r, c.call(), &p, b, &short)
	}
	if len(short.missing) > 0 {
		fmt.Fprintf(e.err, "the lead has no value for: %s\n", strings.Join(short.missing, ", "))
	}
	for i := range short.gaps {
		fmt.Fprintln(e.err, &short.gaps[i])
	}
	for _, why := range short.unmet {
		fmt.Fprintf(e.err, "the campaign does not want such a lead and would not be asked: %s\n", why)
	}
	for _, x := range short.closed {
		fmt.Fprintf(e.err, "the campaign would not be asked: %s (%s)\n", x.Why, x.Place)
	}
	for _, p := range short.problems {
		fmt.Fprintf(e.err, "%s: expected %s\n", p.Field, p.Expected)
	}
	switch {
	case c.Curl:
		fmt.Fprintln(e.out, curlOf(&p))
	case c.Example:
		fmt.Fprint(e.out, exampleOf(c.call(), &p, in.Lead))
	default:
		if _, err := e.out.Write(b); err != nil {
			return err
		}
		if p.Body != "" && !strings.HasSuffix(p.Body, "\n") {
			fmt.Fprintln(e.err) // so that a prompt does not follow the body's last line
		}
	}
	return nil
}

type triedHeader struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

func printTried(e *env, r *config.Rules, call string, p *buyers.RequestParts, b []byte, short *shortcomings) error {
	out := struct {
		Campaign string        `json:"campaign"`
		Call     string        `json:"call"`
		Method   string        `json:"method"`
		URL      string        `json:"url"`
		Headers  []triedHeader `json:"headers"`
		Body     string        `json:"body"`
		Base64   string        `json:"body_base64,omitempty"` // where the body is no text
		Bytes    int           `json:"bytes"`
		Curl     string        `json:"curl"`
		Missing  []string      `json:"missing"`
		Problems []string      `json:"problems"`
		Unmet    []string      `json:"unmet"`    // criteria for which the campaign would not be asked
		Unmapped []string      `json:"unmapped"` // values that value maps do not have, and what becomes of them
		Closed   []string      `json:"closed"`   // schedules for which the campaign would not be asked
	}{Campaign: r.Campaign, Call: call, Method: p.Method, URL: p.URL, Body: p.Body, Bytes: len(b), Curl: curlOf(p),
		Missing: append([]string{}, short.missing...), Problems: []string{}, Unmet: append([]string{}, short.unmet...),
		Unmapped: []string{}, Closed: []string{}}
	for _, x := range short.closed {
		out.Closed = append(out.Closed, x.Why+" ("+x.Place+")")
	}
	for i := range short.gaps {
		out.Unmapped = append(out.Unmapped, short.gaps[i].String())
	}
	for _, h := range p.Headers {
		out.Headers = append(out.Headers, triedHeader{h[0], h[1]})
	}
	if !utf8.ValidString(p.Body) {
		out.Body, out.Base64 = "", base64.StdEncoding.EncodeToString([]byte(p.Body))
	}
	for _, q := range short.problems {
		out.Problems = append(out.Problems, q.Field+": expected "+q.Expected)
	}
	return printJSON(e.out, out)
}

// ownOfCurl are headers that curl writes itself.
var ownOfCurl = map[string]bool{"host": true, "content-length": true, "connection": true}

// curlOf writes the request as a command for a POSIX shell. A body that no argument can hold goes through a pipe.
func curlOf(p *buyers.RequestParts) string {
	var b strings.Builder
	pipe := strings.ContainsRune(p.Body, 0) || !utf8.ValidString(p.Body)
	if pipe {
		b.WriteString("printf '" + printfOf(p.Body) + "' | ")
	}
	b.WriteString("curl -sS --http1.1 -i -X " + p.Method + " " + shellQuote(p.URL))
	for _, h := range p.Headers {
		if ownOfCurl[strings.ToLower(h[0])] {
			continue
		}
		line := h[0] + ": " + h[1]
		if h[1] == "" {
			line = h[0] + ";" // an empty header, for curl
		}
		b.WriteString(" \\\n  -H " + shellQuote(line))
	}
	switch {
	case pipe:
		b.WriteString(" \\\n  --data-binary @-")
	case p.Body != "":
		b.WriteString(" \\\n  --data-raw " + shellQuote(p.Body))
	}
	return b.String()
}

// shellQuote makes one word of a POSIX shell.
func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// printfOf writes bytes as a format of printf within single quotes.
func printfOf(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '%':
			b.WriteString("%%")
		case c < ' ' || c > '~' || c == '\'' || c == '\\':
			fmt.Fprintf(&b, `\%03o`, c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// exampleOf writes the request as an example for a campaign's YAML.
func exampleOf(call string, p *buyers.RequestParts, l *lead.Lead) string {
	var b strings.Builder
	b.WriteString("      - name: a lead\n        lead:\n")
	for pos := range l.Len() {
		if s := l.Slot(pos); s.State != lead.Missing && !s.Made {
			fmt.Fprintf(&b, "          %s: %s\n", l.Schema().Fields[pos].Name, yamlQuote(string(l.Raw(pos))))
		}
	}
	fmt.Fprintf(&b, "        %s:\n          request:\n            method: %s\n            url: %s\n", call, p.Method,
		yamlQuote(p.URL))
	block := func(key, text string) {
		fmt.Fprintf(&b, "            %s: |-\n", key)
		for line := range strings.Lines(text) {
			b.WriteString("              " + line)
		}
		b.WriteString("\n")
	}
	pretty := buyers.Pretty(p.Body)
	switch {
	case p.Body == "":
	case pretty != p.Body && strings.HasPrefix(p.Body, "{"):
		block("json", pretty)
	case pretty != p.Body && joins(pretty, p.Body):
		block("joined", pretty)
	default:
		fmt.Fprintf(&b, "            body: %s\n", yamlQuote(p.Body))
	}
	return b.String()
}

// joins tells whether the lines of a text, joined, are the body.
func joins(pretty, body string) bool {
	var b strings.Builder
	for line := range strings.Lines(pretty) {
		b.WriteString(strings.TrimSpace(line))
	}
	return b.String() == body
}

// yamlQuote writes a double-quoted YAML string.
func yamlQuote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
