// SPDX-License-Identifier: Apache-2.0

package page

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"clearpost/buyers"
	"clearpost/config"
	"clearpost/config/tree"
	"clearpost/lead"
)

// optionals is how many fields that may be left out the lead of a made page has.
const optionals = 40

// homely are values of canonical fields that no vertical requires and most requests carry; they agree with those of
// lead.Schema.Example.
var homely = map[string]string{"address": "1 Main Street", "city": "San Francisco", "ip_address": "203.0.113.24",
	"source_url": "https://www.example.com/quote", "sub_id": "fb-1"}

// write writes the page: a campaign of the body, and examples.
func (m *maker) write(body value, examples []madeExample) []byte {
	c := value{}
	c.put("id", textValue(m.out.Campaign))
	c.put("vertical", textValue(m.b.Vertical))
	if m.b.Price != nil {
		c.put("price", rawValue(m.b.Price.String()))
	}
	for i, k := range body.keys {
		c.put(k, body.vals[i])
	}
	if len(examples) > 0 {
		list := value{}
		for i := range examples {
			list.add(examples[i].value(i == 0))
		}
		c.put("examples", list)
	}
	p := value{}
	p.put("id", textValue(m.b.ID))
	p.put("name", textValue(m.b.Name))
	if m.b.Name == "" {
		p.vals[1] = textValue(m.b.ID)
	}
	if m.b.Private {
		p.put("allow_private_addresses", rawValue("true"))
	}
	campaigns := value{}
	campaigns.add(c)
	p.put("campaigns", campaigns)
	var b strings.Builder
	fmt.Fprintf(&b, "# Begun from the template %s. docs/reference/buyers.md tells what may stand here; `clearpost "+
		"check` runs the examples.\n", m.b.Template)
	p.write(&b, 0)
	return []byte(b.String())
}

// own is what the page says itself: the template's name and parameters, and where the vertical's own fields go. full is
// the campaign with its template put in, whose fields are not added again; nil: none are added.
func (m *maker) own(full ast.Node) value {
	p := value{}
	p.put("template", textValue(m.b.Template))
	set := value{kind: kindKeys}
	for _, s := range m.set {
		if _, err := strconv.ParseInt(s.Value, 10, 64); err == nil && (s.Value == "0" || s.Value[0] >= '1' &&
			s.Value[0] <= '9') {
			set.put(s.Name, rawValue(s.Value))
		} else {
			set.put(s.Name, textValue(s.Value))
		}
	}
	if len(set.keys) > 0 {
		p.put("set", set)
	}
	for _, call := range []string{"ping", "post"} {
		if call == "ping" && m.b.NoPing {
			p.put(call, rawValue("null"))
			continue
		}
		fields := m.others(tree.Child(full, call), call == "post")
		if len(fields.list) > 0 {
			request, e := value{}, value{}
			request.put("fields", fields)
			e.put("request", request)
			p.put(call, e)
		}
	}
	return p
}

// taken are names of `from` that a request takes from elsewhere than the lead.
var taken = []string{"token", "lead_id", "attempt_id", "price", "source", "vertical", "now"}

// others are the vertical's own fields, for one call: a ping carries nothing personal.
func (m *maker) others(call ast.Node, post bool) value {
	out := value{kind: kindList}
	if call == nil || m.t.Others == "" {
		return out
	}
	there := map[string]bool{}
	if list, ok := tree.Child(tree.Child(call, "request"), "fields").(*ast.SequenceNode); ok {
		for _, f := range list.Values {
			for _, key := range []string{"to", "from"} {
				text, _ := tree.Scalar(tree.Child(f, key))
				there[key+" "+text] = true
			}
		}
	}
	for _, f := range m.vert.Schema.Fields[len(lead.Canonical()):] {
		to := strings.ReplaceAll(m.t.Others, "$(field)", f.Name)
		if f.Personal && !post || there["to "+to] || there["from "+f.Name] || slices.Contains(taken, f.Name) {
			continue
		}
		e := value{}
		e.put("to", textValue(to))
		e.put("from", textValue(f.Name))
		out.add(e)
	}
	return out
}

// expanded is the whole campaign without what the page puts before it.
func expanded(full value) value {
	out := value{kind: kindKeys}
	for _, key := range []string{"max_sold", "pay", "ping", "post", "test"} {
		if i := slices.Index(full.keys, key); i >= 0 {
			out.put(key, full.vals[i])
		}
	}
	for i, key := range full.keys {
		if !slices.Contains([]string{"id", "vertical", "price", "template", "set", "examples"}, key) &&
			!slices.Contains(out.keys, key) {
			out.put(key, full.vals[i])
		}
	}
	return out
}

// madeExample is an example in the making.
type madeExample struct {
	name  string
	lead  value       // of the first example
	calls [2]madeCall // ping, post
}

type madeCall struct {
	answer  *buyers.ExampleAnswerSpec // nil: no such call
	request *value
	receipt value
}

// draftExamples are the template's answers with receipts that are still to be read.
func (m *maker) draftExamples() []madeExample {
	values := map[string]string{}
	for _, p := range m.t.Params {
		if p.Default != nil {
			values[p.Name] = *p.Default
		}
	}
	for _, s := range m.set {
		values[s.Name] = s.Value
	}
	fill := func(name string) (string, bool) { v, ok := values[name]; return v, ok }
	var out []madeExample
	for i, r := range m.t.Answers {
		e := madeExample{name: r.Name}
		if i == 0 {
			e.lead = m.lead()
		}
		for k, a := range []*buyers.ExampleAnswerSpec{r.Ping, r.Post} {
			if a == nil || k == 0 && m.b.NoPing {
				continue
			}
			filled := *a
			filled.Body = config.FillGaps(a.Body, fill)
			e.calls[k].answer = &filled
			e.calls[k].receipt.put("outcome", textValue("accepted"))
		}
		if e.calls[0].answer == nil && e.calls[1].answer == nil {
			continue
		}
		out = append(out, e)
	}
	return out
}

// lead is a plausible lead of the vertical.
func (m *maker) lead() value {
	now, _ := time.Parse(time.RFC3339, buyers.ExampleNow)
	s := m.vert.Schema
	p := value{kind: kindKeys}
	for i, text := range s.Example(lead.AtPing|lead.AtPost, optionals, now) {
		if text == "" {
			text = homely[s.Fields[i].Name]
		}
		if text != "" {
			p.put(s.Fields[i].Name, textValue(text))
		}
	}
	return p
}

// finish renders the first example's requests and reads all answers.
func (m *maker) finish(c *buyers.Campaign, examples []madeExample) error {
	for i, x := range c.Examples {
		e := &examples[i]
		for k, end := range []*buyers.Endpoint{c.Ping, c.Post} {
			made := &e.calls[k]
			if made.answer == nil {
				continue
			}
			if i == 0 {
				in := x.Inputs(c, k == 1)
				raw, err := end.Request.AppendRedacted(nil, &in)
				if err != nil {
					return fmt.Errorf("the example's request cannot be made: %w", err)
				}
				parts := buyers.ParseRequest(end.Request, raw)
				made.request = requestValue(&parts)
				for _, name := range buyers.Unset(end.Request, in.Lead) {
					if !slices.Contains(m.out.Unset, name) {
						m.out.Unset = append(m.out.Unset, name)
					}
				}
			}
			call := x.Ping
			if k == 1 {
				call = x.Post
			}
			r := call.Read(end.Answer)
			made.receipt = receiptValue(buyers.TellReceipt(&r))
		}
	}
	return nil
}

// requestValue is an expected request: everything of it that matters.
func requestValue(p *buyers.RequestParts) *value {
	out := value{}
	out.put("method", textValue(p.Method))
	out.put("url", textValue(p.URL))
	headers := value{kind: kindKeys}
	for _, h := range p.Headers {
		switch strings.ToLower(h[0]) {
		case "host", "content-length", "connection", "user-agent", "accept-encoding":
			continue
		case "accept":
			if h[1] == "*/*" {
				continue
			}
		}
		headers.put(h[0], textValue(h[1]))
	}
	if len(headers.keys) > 0 {
		out.put("headers", headers)
	}
	pretty := buyers.Pretty(p.Body)
	if typ, _ := p.Header("Content-Type"); typ == "application/x-www-form-urlencoded" {
		pretty = strings.ReplaceAll(p.Body, "&", "\n&") // every & stands between two fields
	}
	joined := ""
	for line := range strings.Lines(pretty) {
		joined += strings.TrimSpace(line)
	}
	switch {
	case p.Body == "":
	case pretty != p.Body && strings.HasPrefix(p.Body, "{"):
		out.put("json", blockValue(pretty))
	case pretty != p.Body && joined == p.Body:
		out.put("joined", blockValue(pretty))
	default:
		out.put("body", blockValue(p.Body))
	}
	return &out
}

// receiptValue is what an answer means, without what is not there.
func receiptValue(lines []buyers.Told) value {
	out := value{kind: kindKeys}
	for _, l := range lines {
		v := *l.Value
		switch l.Name {
		case "published", "rule":
			continue
		case "outcome":
			if _, err := lead.ParseOutcome(v); err != nil {
				continue
			}
		}
		if v == "none" || v == "0" && l.Name == "legs" {
			continue
		}
		if text, err := strconv.Unquote(v); err == nil {
			out.put(l.Name, textValue(text))
		} else if l.Name == "price" || l.Name == "legs" {
			out.put(l.Name, rawValue(v))
		} else {
			out.put(l.Name, textValue(v))
		}
	}
	return out
}

// value is the example as it stands in a file.
func (e *madeExample) value(first bool) value {
	p := value{}
	p.put("name", textValue(e.name))
	if first {
		p.put("lead", e.lead)
	}
	for k, name := range []string{"ping", "post"} {
		c := &e.calls[k]
		if c.answer == nil {
			continue
		}
		call := value{}
		if c.request != nil {
			call.put("request", *c.request)
		}
		answer := value{}
		if c.answer.Status != 0 {
			answer.put("status", rawValue(strconv.Itoa(c.answer.Status)))
		}
		if c.answer.Type != "" {
			answer.put("type", textValue(c.answer.Type))
		}
		body := textValue(c.answer.Body)
		if strings.Contains(c.answer.Body, "\n") {
			body = blockValue(c.answer.Body)
		}
		answer.put("body", body)
		call.put("answer", answer)
		call.put("receipt", c.receipt)
		p.put(name, call)
	}
	return p
}
