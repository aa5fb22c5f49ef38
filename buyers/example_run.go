// SPDX-License-Identifier: Apache-2.0

package buyers

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"clearpost/lead"
	"clearpost/wire"
	"clearpost/wire/answer"
	"clearpost/wire/request"
)

// ExampleFailure is an example that does not hold. Its texts have placeholders in place of secrets.
type ExampleFailure struct {
	Path     string `json:"path"` // where the expectation stands in the specs of Compile
	Campaign string `json:"campaign"`
	Example  string `json:"example"`
	Call     string `json:"call"` // ping or post
	Part     string `json:"part"` // such as request.body or receipt
	Message  string `json:"message"`
	Expected string `json:"expected"`
	Actual   string `json:"actual"`
	Diff     string `json:"diff"` // for people: lines with - are expected, those with + are what comes of it
}

// RunExamples runs all examples of the book, in its order, and returns how many there are and what does not hold.
func (b *Book) RunExamples() (ran int, failures []ExampleFailure) {
	for _, c := range b.Campaigns {
		n, bad := c.RunExamples()
		ran += n
		failures = append(failures, bad...)
	}
	return ran, failures
}

// RunExamples runs the campaign's examples, in their order, and returns how many there are and what does not hold.
func (c *Campaign) RunExamples() (ran int, failures []ExampleFailure) {
	for _, x := range c.Examples {
		failures = append(failures, x.Run(c)...)
	}
	return len(c.Examples), failures
}

// Run runs one example of the campaign.
func (x *Example) Run(c *Campaign) []ExampleFailure {
	r := exampleRun{x: x, c: c}
	if x.Ping != nil && c.Ping != nil {
		r.call("ping", x.Ping, c.Ping)
	}
	if x.Post != nil {
		r.call("post", x.Post, c.Post)
	}
	return r.failures
}

type exampleRun struct {
	x        *Example
	c        *Campaign
	name     string // of the call
	failures []ExampleFailure
}

func (r *exampleRun) call(name string, k *ExampleCall, e *Endpoint) {
	r.name = name
	if k.Request != nil {
		in := r.x.Inputs(r.c, name == "post")
		got, err := e.Request.AppendRedacted(nil, &in)
		if err != nil {
			r.fail("request", "the request cannot be rendered: "+err.Error(), "", "")
		} else {
			r.request(k, r.parts(e.Request, got))
		}
	}
	if k.Answer != nil {
		r.receipt(k, e.Answer)
	}
}

// parts are what is compared: of a campaign that takes its leads in files, a row as its file has it.
func (r *exampleRun) parts(of *request.Request, got []byte) RequestParts {
	p := ParseRequest(of, got)
	if r.c.Batch == nil || r.name != "post" {
		return p
	}
	row, err := r.c.Batch.RowText(p.Body)
	if err != nil {
		row = err.Error()
	}
	return RequestParts{Body: row}
}

// fail notes a difference; where there are texts to compare, the diff shows them.
func (r *exampleRun) fail(part, message, want, got string) {
	f := ExampleFailure{Path: r.x.path + "." + r.name + "." + part, Campaign: r.c.ID, Example: r.x.Name, Call: r.name,
		Part: part, Message: message, Expected: want, Actual: got}
	if want != got {
		f.Diff = Diff(want, got)
	}
	r.failures = append(r.failures, f)
}

func (r *exampleRun) request(k *ExampleCall, got RequestParts) {
	want := k.Request
	if want.Text != "" {
		head, body, _ := strings.Cut(strings.ReplaceAll(want.Text, "\r\n", "\n"), "\n\n")
		r.same("request.text", "the head of the request", strings.TrimRight(head, "\n"), got.Head)
		r.body("request.text", body, got.Body)
		return
	}
	if want.Method != "" {
		r.same("request.method", "the method", want.Method, got.Method)
	}
	if want.URL != "" {
		r.same("request.url", "the URL", want.URL, got.URL)
	}
	for _, h := range want.Headers {
		value, there := got.Header(h.Name)
		if !there {
			r.fail("request.headers."+h.Name, "there is no such header", h.Value.Text, "")
			continue
		}
		r.same("request.headers."+h.Name, "the header "+h.Name, h.Value.Text, value)
	}
	if k.body != nil {
		key := "body"
		switch {
		case want.JSON != "":
			key = "json"
		case want.Joined != "":
			key = "joined"
		}
		r.body("request."+key, *k.body, got.Body)
	}
}

func (r *exampleRun) same(part, what, want, got string) {
	if want != got {
		r.fail(part, what+" differs", want, got)
	}
}

func (r *exampleRun) body(part, want, got string) {
	switch {
	case want == got:
		return
	case want == got+"\n":
		r.fail(part, "the expected body ends with a line end that is not sent: in YAML, begin it with |- in place of |",
			want, got)
		return
	}
	r.fail(part, "the body differs", want, got)
}

// receipt compares what the answer means with what it should mean, line by line.
func (r *exampleRun) receipt(k *ExampleCall, a *answer.Answer) {
	got := k.Read(a)
	var want, have strings.Builder
	line := func(b *strings.Builder, name, value string) { fmt.Fprintf(b, "%s: %s\n", name, value) }
	told := TellReceipt(&got)
	for i, v := range k.Receipt.told() {
		if v.Value == nil {
			continue
		}
		line(&want, v.Name, *v.Value)
		line(&have, v.Name, *told[i].Value)
	}
	if want.String() == have.String() {
		return
	}
	r.fail("receipt", a.Explain(k.Answer.Status, []byte(k.Answer.Type), []byte(k.Answer.Body)), want.String(),
		have.String())
}

// noRefusal and noValue stand for what is not there.
const (
	noRefusal = "none"
	noValue   = "none"
)

// Told is one line of a receipt, for people. Value is nil where nothing is said of it.
type Told struct {
	Name  string
	Value *string
}

// TellReceipt tells a receipt line by line; no Value is nil.
func TellReceipt(r *answer.Receipt) []Told {
	refusal, published, price, expires := noRefusal, noValue, noValue, noValue
	if r.Refusal != lead.NoRefusal {
		refusal, published = r.Refusal.Info().Name, PublishedOf(r)
	}
	if r.HasPrice {
		price = r.Price.String()
	}
	switch {
	case r.ExpiresIn > 0:
		expires = r.ExpiresIn.String()
	case !r.ExpiresAt.IsZero():
		expires = r.ExpiresAt.UTC().Format(time.RFC3339)
	}
	legs := fmt.Sprint(len(r.Legs))
	outcome := r.Outcome.String()
	return []Told{{"outcome", &outcome}, {"refusal", &refusal}, {"price", &price}, {"token", quote(r.Token)},
		{"reference", quote(r.Reference)}, {"reason", quote(r.Reason)}, {"redirect", quote(r.Redirect)},
		{"expires", &expires}, {"legs", &legs}, {"captures", captures(r.Captures)}, {"published", &published},
		{"rule", &r.Rule}}
}

// captures are captured values in one text, in the order of their names.
func captures(all []wire.Captured) *string {
	out := noValue
	if len(all) > 0 {
		out = ""
	}
	for i, c := range all {
		if i > 0 {
			out += ", "
		}
		out += fmt.Sprintf("%s=%q", c.Name, c.Value)
	}
	return &out
}

// told is the same of what is expected, with nil where nothing is.
func (s *ExampleReceiptSpec) told() []Told {
	var price, legs *string
	if s.Price != nil {
		text := noValue
		if *s.Price > 0 {
			text = s.Price.String()
		}
		price = &text
	}
	if s.Legs != nil {
		text := fmt.Sprint(*s.Legs)
		legs = &text
	}
	given := func(s string) *string {
		if s == "" {
			return nil
		}
		return &s
	}
	again := func(v *string) *string {
		if v == nil {
			return nil
		}
		return quote([]byte(*v))
	}
	return []Told{{"outcome", given(s.Outcome)}, {"refusal", given(s.Refusal)}, {"price", price},
		{"token", again(s.Token)}, {"reference", again(s.Reference)}, {"reason", again(s.Reason)},
		{"redirect", again(s.Redirect)}, {"expires", given(s.Expires)}, {"legs", legs}, {"captures", s.captures()},
		{"published", given(s.Published)}, {"rule", given(s.Rule)}}
}

// captures is nil where nothing is said of them.
func (s *ExampleReceiptSpec) captures() *string {
	if s.Captures == nil {
		return nil
	}
	var all []wire.Captured
	for _, name := range slices.Sorted(maps.Keys(s.Captures)) {
		all = append(all, wire.Captured{Name: name, Value: []byte(s.Captures[name])})
	}
	return captures(all)
}

func quote(b []byte) *string {
	s := noValue
	if len(b) > 0 {
		s = fmt.Sprintf("%q", b)
	}
	return &s
}

// RequestParts are the parts of a rendered request, as text.
type RequestParts struct {
	Method  string
	URL     string // absolute
	Target  string // path and query
	Head    string // request line and headers, with \n between them
	Headers [][2]string
	Body    string
}

// ParseRequest takes a request apart that r has rendered.
func ParseRequest(r *request.Request, http []byte) RequestParts {
	head, body, _ := bytes.Cut(http, []byte("\r\n\r\n"))
	p := RequestParts{Head: strings.ReplaceAll(string(head), "\r\n", "\n"), Body: string(body)}
	first, rest, _ := strings.Cut(p.Head, "\n")
	p.Method, p.Target, _ = strings.Cut(first, " ")
	p.Target = strings.TrimSuffix(p.Target, " HTTP/1.1")
	host := ""
	for line := range strings.Lines(rest) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		p.Headers = append(p.Headers, [2]string{name, value})
		if strings.EqualFold(name, "host") {
			host = value
		}
	}
	scheme := "http://"
	if _, _, tls := r.Host(); tls {
		scheme = "https://"
	}
	p.URL = scheme + host + p.Target
	return p
}

// Header finds a header without regard to the case of its name.
func (p *RequestParts) Header(name string) (string, bool) {
	for _, h := range p.Headers {
		if strings.EqualFold(h[0], name) {
			return h[1], true
		}
	}
	return "", false
}

// PublishedOf is what the seller hears of an answer that is no sale: of a post whose outcome is unknown, that it is
// pending.
func PublishedOf(r *answer.Receipt) string {
	if r.Outcome == lead.Unknown {
		return lead.UnknownOutcome.Info().Published
	}
	return r.Refusal.Info().Published
}
