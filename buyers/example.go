// SPDX-License-Identifier: Apache-2.0

package buyers

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/goccy/go-json"

	"clearpost/lead"
	"clearpost/wire"
	"clearpost/wire/answer"
	"clearpost/wire/request"
)

// What an example's calls carry where its `given` does not say otherwise.
const (
	ExampleNow       = "2026-01-15T15:04:05Z"
	ExampleLeadID    = "019bc225-4e88-7000-8000-000000000001"
	ExampleAttemptID = "019bc225-4e88-7000-8000-000000000002"
	ExampleToken     = "token-1"
	ExampleSource    = "example-source"
	ExampleBearer    = "example-bearer" // in place of an OAuth 2.0 token
	ExamplePrice     = 25 * lead.Unit
)

// Example is a compiled ExampleSpec. It never changes and may be shared.
type Example struct {
	Name string
	Ping *ExampleCall // nil: the example says nothing of this call
	Post *ExampleCall

	path     string // where it stands in the specs of Compile
	schema   *lead.Schema
	vertical string
	values   []slotValue
	borrowed bool // the lead is that of the campaign's first example
	given    ExampleGiven
	now      time.Time
	id, try  lead.ID
	key      lead.ID // zero: the attempt's
}

type slotValue struct {
	pos  int
	text string
}

// ExampleCall is one call of an example.
type ExampleCall struct {
	Request *ExampleRequestSpec // nil: none is expected
	Answer  *ExampleAnswerSpec  // nil: there is none
	Receipt *ExampleReceiptSpec // nil exactly where Answer is

	body *string // the expected body, however it was written
}

// Lead makes the example's lead, as the exchange would have read it.
func (x *Example) Lead() *lead.Lead {
	l := new(lead.Lead)
	l.Reset(x.schema)
	l.SetNow(x.now)
	for _, v := range x.values {
		l.Set(v.pos, []byte(v.text))
	}
	l.Finish()
	return l
}

// Lead makes a lead of the values; what the schema does not have is left out.
func (v ExampleValues) Lead(s *lead.Schema, now time.Time) *lead.Lead {
	l := new(lead.Lead)
	l.Reset(s)
	l.SetNow(now)
	for _, e := range v {
		if pos, ok := s.Position(e.Name); ok {
			l.Set(pos, []byte(e.Text))
		}
	}
	l.Finish()
	return l
}

// Own tells whether the example has a lead of its own, and not that of the campaign's first example.
func (x *Example) Own() bool { return !x.borrowed }

// Inputs are what the calls of the example are rendered from. A post's token and price are those of the ping's answer,
// where the example has one and does not say otherwise.
func (x *Example) Inputs(c *Campaign, post bool) request.Inputs {
	in := SampleInputs(x.Lead(), x.vertical, post)
	g := &x.given
	in.LeadID, in.Source, in.SourceName, in.Now = x.id, g.Source, g.Name, x.now
	in.Sold, in.Left, in.Test, in.Cookies = g.Sold, max(g.Left, 1), g.Test, []byte(g.Cookies)
	if c.Fixed {
		in.Price = c.Price
	}
	if post {
		in.Attempt, in.Key = x.try, x.key
		if x.Ping != nil && x.Ping.Answer != nil && c.Ping != nil {
			if r := x.Ping.Read(c.Ping.Answer); r.Outcome == lead.Accepted {
				in.Token, in.Captures, in.Legs = r.Token, r.Captures, c.legs(&r)
				if r.HasPrice && !c.Fixed {
					in.Price = r.Price
				}
			}
		}
		if x.given.Token != nil {
			in.Token = []byte(*x.given.Token)
		}
		for name, v := range x.given.Captures {
			in.Captures = append([]wire.Captured{{Name: name, Value: []byte(v)}}, in.Captures...)
		}
	}
	if x.given.Price != nil {
		in.Price = *x.given.Price
	}
	return in
}

// legs are those of a ping's answer that a post of an example is about: all where several may buy, else the first.
func (c *Campaign) legs(r *answer.Receipt) (out []request.Leg) {
	for i := range r.Legs {
		l := &r.Legs[i]
		leg := request.Leg{Token: l.Token, Brand: l.Brand, Price: l.Price}
		if len(leg.Token) == 0 {
			leg.Token = r.Token
		}
		if out = append(out, leg); !c.Several {
			break
		}
	}
	return out
}

// Read reads the call's answer, which must not be nil, by a campaign's rules.
func (k *ExampleCall) Read(a *answer.Answer) answer.Receipt {
	return a.ReadWhole(k.Answer.Status, []byte(k.Answer.Type), []byte(k.Answer.Body))
}

// examples compiles the examples of a campaign whose endpoints are there.
func (c *bookCompiler) examples(p *Campaign, spec *CampaignSpec, schema *lead.Schema, at string) {
	if len(spec.Examples) > ExamplesMax {
		c.bad(at, "examples", fmt.Sprint(len(spec.Examples), " examples"), fmt.Sprintf("at most %d", ExamplesMax))
		return
	}
	if schema == nil {
		return
	}
	names := map[string]bool{}
	for i := range spec.Examples {
		s := &spec.Examples[i]
		path := fmt.Sprintf("%s.examples[%d]", at, i)
		switch {
		case s.Name == "" || len(s.Name) > ExampleNameBytesMax:
			c.bad(path, "name", "", fmt.Sprintf("a name of 1 to %d bytes", ExampleNameBytesMax))
		case names[s.Name]:
			c.bad(path, "name", s.Name, "a name that no other example of the campaign has")
		}
		names[s.Name] = true
		x := &Example{Name: s.Name, path: path, schema: schema, vertical: spec.Vertical}
		c.exampleLead(x, s, p.Examples)
		c.exampleGiven(x, s.Given)
		x.Ping = c.exampleCall(s.Ping, p.Ping != nil, path+".ping")
		x.Post = c.exampleCall(s.Post, true, path+".post")
		if k := s.Post; k != nil && spec.Batch != nil {
			if r := k.Request; r != nil && (r.Text != "" || r.Method != "" || r.URL != "" || r.Headers != nil) {
				c.bad(path, "post.request", "", "`body`, `json` or `joined`: the row, as the file has it")
			}
			if k.Answer != nil {
				c.bad(path, "post.answer", "", "nothing here: nobody answers a row of a file")
			}
		}
		if s.Ping == nil && s.Post == nil {
			c.bad(path, "", "", "a `ping` or a `post`, with a request or an answer")
		}
		p.Examples = append(p.Examples, x)
	}
}

func (c *bookCompiler) exampleLead(x *Example, s *ExampleSpec, before []*Example) {
	if len(s.Lead) == 0 {
		if x.borrowed = true; len(before) > 0 {
			x.values = before[0].values
		} else if s.calls(func(k *ExampleCallSpec) bool { return k.Request != nil }) {
			c.bad(x.path, "lead", "", "the lead's values by the names of the vertical's fields")
		}
		return
	}
	for _, v := range s.Lead {
		path := strings.TrimSuffix("lead."+v.Name, ".")
		pos, known := x.schema.Position(v.Name)
		switch {
		case v.bad != "":
			c.bad(x.path, path, v.bad, "a single value, or a list of them")
		case !known:
			c.bad(x.path, path, v.Name, "a field of the vertical")
		case len(v.Text) > lead.ValueBytesMax:
			c.bad(x.path, path, "", fmt.Sprintf("at most %d bytes", lead.ValueBytesMax))
		default:
			x.values = append(x.values, slotValue{pos, v.Text})
		}
	}
}

// calls tells whether some call of the example is so.
func (s *ExampleSpec) calls(so func(*ExampleCallSpec) bool) bool {
	return s.Ping != nil && so(s.Ping) || s.Post != nil && so(s.Post)
}

func (c *bookCompiler) exampleGiven(x *Example, given *ExampleGiven) {
	if given != nil {
		x.given = *given
	}
	g := &x.given
	var err error
	if x.now, err = time.Parse(time.RFC3339, or(g.Now, ExampleNow)); err != nil {
		c.bad(x.path, "given.now", g.Now, "a time such as "+ExampleNow)
	}
	if x.id, err = lead.ParseID(or(g.LeadID, ExampleLeadID)); err != nil {
		c.bad(x.path, "given.lead_id", g.LeadID, "a UUID such as "+ExampleLeadID)
	}
	if x.try, err = lead.ParseID(or(g.AttemptID, ExampleAttemptID)); err != nil {
		c.bad(x.path, "given.attempt_id", g.AttemptID, "a UUID such as "+ExampleAttemptID)
	}
	if g.Key != "" {
		if x.key, err = lead.ParseID(g.Key); err != nil {
			c.bad(x.path, "given.idempotency_key", g.Key, "a UUID such as "+ExampleAttemptID)
		}
	}
	for name, n := range map[string]int{"sold": g.Sold, "left": g.Left} {
		if n < 0 || n > MaxSoldMax {
			c.bad(x.path, "given."+name, fmt.Sprint(n), fmt.Sprintf("0 to %d", MaxSoldMax))
		}
	}
	if g.Token != nil && len(*g.Token) > answer.TokenBytesMax {
		c.bad(x.path, "given.token", "", fmt.Sprintf("at most %d bytes", answer.TokenBytesMax))
	}
	if g.Price != nil && *g.Price < 0 {
		c.bad(x.path, "given.price", g.Price.String(), "an amount that is not negative")
	}
	g.Source = or(g.Source, ExampleSource)
}

func (c *bookCompiler) exampleCall(s *ExampleCallSpec, there bool, at string) *ExampleCall {
	if s == nil {
		return nil
	}
	k := &ExampleCall{Request: s.Request, Receipt: s.Receipt}
	if s.Answer != nil {
		a := *s.Answer
		k.Answer = &a
	}
	switch {
	case !there:
		c.bad(at, "", "", "no such call: the campaign has none of this kind")
	case s.Request == nil && s.Answer == nil:
		c.bad(at, "", "", "a `request` that is expected, or an `answer` and the `receipt` that it becomes")
	case s.Answer != nil && s.Receipt == nil:
		c.bad(at, "receipt", "", "what the answer means, such as {outcome: accepted}")
	case s.Answer == nil && s.Receipt != nil:
		c.bad(at, "answer", "", "the answer that has this receipt")
	}
	if k.Request != nil {
		c.exampleRequest(k, at+".request")
	}
	if a := k.Answer; a != nil {
		if a.Status == 0 {
			a.Status = 200
		}
		if a.Status < 200 || a.Status > 599 {
			c.bad(at, "answer.status", fmt.Sprint(a.Status), "an HTTP status from 200 to 599")
		}
		if len(a.Body) > ExampleBytesMax {
			c.bad(at, "answer.body", "", fmt.Sprintf("at most %d bytes", ExampleBytesMax))
		}
		for _, h := range a.Headers {
			if h.Name == "" || h.Value.Kind == wire.ScalarNone || strings.ContainsAny(h.Name+h.Value.Text, "\r\n") {
				c.bad(at, "answer.headers", h.Name, "header names with single values")
			}
		}
	}
	if k.Receipt != nil {
		c.exampleReceipt(k.Receipt, at+".receipt")
	}
	return k
}

// exampleRequest checks an expected request and settles which body it expects.
func (c *bookCompiler) exampleRequest(k *ExampleCall, at string) {
	r := k.Request
	ways := 0
	for _, there := range []bool{r.Text != "", r.Body != nil, r.JSON != "", r.Joined != ""} {
		if there {
			ways++
		}
	}
	switch {
	case r.Text != "" && (ways > 1 || r.Method != "" || r.URL != "" || r.Headers != nil):
		c.bad(at, "text", "", "either the whole request as `text`, or parts of it")
	case ways > 1:
		c.bad(at, "", "", "one of body, json and joined")
	case ways == 0 && r.Method == "" && r.URL == "" && len(r.Headers) == 0:
		c.bad(at, "", "", "what is expected: text, or some of method, url, headers, body, json, joined")
	}
	if len(r.Text)+len(r.JSON)+len(r.Joined) > ExampleBytesMax || r.Body != nil && len(*r.Body) > ExampleBytesMax {
		c.bad(at, "", "", fmt.Sprintf("at most %d bytes", ExampleBytesMax))
		return
	}
	for _, h := range r.Headers {
		if h.Name == "" || h.Value.Kind == wire.ScalarNone {
			c.bad(at, "headers", h.Name, "header names with single values")
		}
	}
	k.body = r.Body
	switch {
	case r.JSON != "":
		var b bytes.Buffer
		if err := json.Compact(&b, []byte(r.JSON)); err != nil {
			c.bad(at, "json", "", "one valid JSON value")
			return
		}
		s := b.String()
		k.body = &s
	case r.Joined != "":
		var b strings.Builder
		for line := range strings.Lines(r.Joined) {
			b.WriteString(strings.TrimSpace(line))
		}
		s := b.String()
		k.body = &s
	}
}

func (c *bookCompiler) exampleReceipt(r *ExampleReceiptSpec, at string) {
	if reflect.ValueOf(*r).IsZero() {
		c.bad(at, "", "",
			"what is expected: some of outcome, refusal, price, token, reference, reason, published, rule")
	}
	if r.Outcome != "" {
		if _, err := lead.ParseOutcome(r.Outcome); err != nil {
			c.bad(at, "outcome", r.Outcome, "an outcome such as accepted, rejected, duplicate or invalid")
		}
	}
	if r.Refusal != "" && r.Refusal != noRefusal {
		if _, ok := lead.RefusalByName(r.Refusal); !ok {
			c.bad(at, "refusal", r.Refusal, "the name of a refusal such as no_bid, or none")
		}
	}
	if r.Price != nil && *r.Price < 0 {
		c.bad(at, "price", r.Price.String(), "a price, or 0 for none")
	}
}

func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
