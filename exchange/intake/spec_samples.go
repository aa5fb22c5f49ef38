// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"bytes"
	"encoding/xml"
	"net/url"
	"strings"
	"time"

	"github.com/goccy/go-json"
	"github.com/tidwall/gjson"

	"clearpost/exchange"
	"clearpost/exchange/intake/posting"
	"clearpost/lead"
)

// specOptionals is how many fields that may be left out stand in examples.
const specOptionals = 6

// sampler makes the examples of one posting spec.
type sampler struct {
	src  *exchange.Source
	v    *exchange.Vertical
	own  map[target][]string
	ping []string // by position
	full []string
	out  posting.Samples
}

// SpecSamples makes the examples of a posting spec, with leads that one campaign of the configuration wants at least,
// if there is one; cfg may be nil. now is the time at which the leads in them would be received.
func SpecSamples(src *exchange.Source, v *exchange.Vertical, cfg *exchange.Config, now time.Time) *posting.Samples {
	m := &sampler{src: src, v: v, own: ownNames(src, v.Schema)}
	m.ping = v.Schema.Example(lead.AtPing, specOptionals, now)
	m.full = v.Schema.Example(lead.AtPing|lead.AtPost, specOptionals, now)
	m.wish(cfg, now)
	for _, call := range []string{"ping", "post", "leads"} {
		m.profileRequests(call)
		m.requests(call)
	}
	m.replies(now)
	return &m.out
}

// wish makes the leads such as somebody wants.
func (m *sampler) wish(cfg *exchange.Config, now time.Time) {
	changed, ok := cfg.Wanted(m.v, m.src, m.full, now)
	if !ok {
		return
	}
	for pos, text := range changed {
		m.full[pos] = text
		if m.ping[pos] != "" {
			m.ping[pos] = text
		}
	}
}

// testFlagOf is what marks a test in the words of a profile.
var testFlagOf = map[string]string{"boberdoo": "Test_Lead", "leadspedia": "lp_test"}

// pair is one name of an example with its text.
type pair struct {
	name, text string
	typ        lead.Type
}

// pairs are the fields of a call. own says them in the source's words.
func (m *sampler) pairs(call string, own bool) []pair {
	var out []pair
	put := func(api, text string) {
		out = append(out, pair{m.called(target{own: api, pos: -1}, api, own), text, lead.TypeText})
	}
	if call == "post" {
		put("ping_id", posting.PingPlaceholder)
	}
	put("seller_lead_id", "A-1077")
	if m.src.Tests { // whoever tries the examples sells nothing
		flag := testFlagOf[m.src.Profile]
		if !own || flag == "" {
			flag = "test"
		}
		out = append(out, pair{flag, "1", lead.TypeText})
	}
	from := m.full
	if call == "ping" {
		from = m.ping
	}
	for pos, text := range from {
		f := &m.v.Schema.Fields[pos]
		again := f.Type == lead.TypeSSN || f.Of == lead.TypeSSN // it is not kept from the ping
		if text == "" || call == "post" && m.ping[pos] != "" && !again {
			continue
		}
		p := pair{f.Name, text, f.Type}
		if own {
			p.name = m.called(target{pos: pos}, f.Name, own)
			p.text = m.word(f.Name, text)
			if p.text != text {
				p.typ = lead.TypeText
			}
		}
		out = append(out, p)
	}
	return out
}

// called is the source's own name for something, or ours.
func (m *sampler) called(t target, ours string, own bool) string {
	if names := m.own[t]; own && len(names) > 0 {
		if p := profiles[m.src.Profile]; p != nil && p.shown[ours] != "" && m.src.Aliases[names[0]] == "" {
			return p.shown[ours]
		}
		return names[0]
	}
	return ours
}

// word is the source's own word for a value, or ours.
func (m *sampler) word(field, text string) string {
	best := text
	for theirs, ours := range m.src.Values[field] {
		if lower(ours) == lower(text) && (best == text || theirs < best) {
			best = theirs
		}
	}
	return best
}

// requests adds the examples of a call in our own names.
func (m *sampler) requests(call string) {
	at := posting.Request{Call: call, Method: "POST", Path: "/v1/" + m.v.ID + "/" + call,
		Headers: [][2]string{{"Authorization", "Bearer " + posting.KeyPlaceholder}}}
	p := m.pairs(call, false)
	m.add(at, "JSON", "application/json", leadJSON(p))
	m.add(at, "Form", "application/x-www-form-urlencoded", leadForm(p))
	m.add(at, "XML", "application/xml", leadXML(p, "lead"))
	if m.src.AllowGet {
		get := at
		get.Method, get.Path, get.Title = "GET", at.Path+"?"+leadForm(p), "Query string"
		m.out.Requests = append(m.out.Requests, get)
	}
	if len(m.src.Aliases)+len(m.src.Values) > 0 && m.src.Profile == "" {
		p = m.pairs(call, true)
		m.add(at, "JSON, in your own names", "application/json", leadJSON(p))
		m.add(at, "Form, in your own names", "application/x-www-form-urlencoded", leadForm(p))
	}
}

// profileRequests adds the examples of a call in the words of the source's profile.
func (m *sampler) profileRequests(call string) {
	at := posting.Request{Call: call, Method: "POST", Profile: true}
	for _, c := range calls(m.src, m.v) {
		if c.Profile && c.ID == call {
			at.Path = c.Path
		}
	}
	p := m.pairs(call, true)
	switch m.src.Profile {
	case "leadconduit":
		at.Headers = [][2]string{{"X-Api-Key", posting.KeyPlaceholder}}
		m.add(at, "JSON", "application/json", leadJSON(p))
		m.add(at, "Form", "application/x-www-form-urlencoded", leadForm(p))
	case "boberdoo":
		mode := call
		if call == "leads" {
			mode = "full"
		}
		p = append([]pair{{"Key", posting.KeyPlaceholder, lead.TypeText}, {"Mode", mode, lead.TypeText}}, p...)
		m.add(at, "Form", "application/x-www-form-urlencoded", leadForm(p))
		m.add(at, "JSON, with an answer in JSON", "application/json",
			leadJSON(append(p, pair{"Format", "JSON", lead.TypeText})))
		m.add(at, "XML", "application/xml", leadXML(p, "Request"))
	case "leadspedia":
		p = append([]pair{{"lp_campaign_key", posting.KeyPlaceholder, lead.TypeText},
			{"lp_response", "JSON", lead.TypeText}}, p...)
		m.add(at, "Form", "application/x-www-form-urlencoded", leadForm(p))
		m.add(at, "JSON", "application/json", leadJSON(p))
	}
}

func (m *sampler) add(r posting.Request, title, contentType, body string) {
	r.Title, r.Body = title, body
	r.Headers = append(r.Headers[:len(r.Headers):len(r.Headers)], [2]string{"Content-Type", contentType})
	m.out.Requests = append(m.out.Requests, r)
}

// leadJSON writes an object.
func leadJSON(pairs []pair) string {
	var b strings.Builder
	b.WriteString("{\n")
	for i, p := range pairs {
		b.WriteString("  ")
		b.Write(gjson.AppendJSONString(nil, plainName(p.name)))
		b.WriteString(": ")
		switch {
		case (p.typ == lead.TypeInteger || p.typ == lead.TypeDecimal || p.typ == lead.TypeMoney ||
			p.typ == lead.TypeBoolean) && gjson.Valid(p.text):
			b.WriteString(p.text)
		default:
			b.Write(gjson.AppendJSONString(nil, p.text))
		}
		if i < len(pairs)-1 {
			b.WriteByte(',')
		}
		b.WriteByte('\n')
	}
	return b.String() + "}"
}

func leadForm(pairs []pair) string {
	var out []string
	for _, p := range pairs {
		out = append(out, url.QueryEscape(p.name)+"="+url.QueryEscape(p.text))
	}
	return strings.Join(out, "&")
}

func leadXML(pairs []pair, root string) string {
	var b bytes.Buffer
	b.WriteString("<" + root + ">\n")
	for _, p := range pairs {
		name := plainName(p.name)
		if !elementName(name) {
			continue // cannot be said in XML
		}
		b.WriteString("  <" + name + ">")
		_ = xml.EscapeText(&b, []byte(p.text)) // a Buffer does not fail
		b.WriteString("</" + name + ">\n")
	}
	return b.String() + "</" + root + ">"
}

// elementName tells whether a name may be that of an element without further ado.
func elementName(s string) bool {
	for i, c := range []byte(s) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
		if !letter && (i == 0 || !(c >= '0' && c <= '9' || c == '-' || c == '.')) {
			return false
		}
	}
	return s != ""
}

// replies adds examples of answers, made as the door makes them.
func (m *sampler) replies(now time.Time) {
	id, _ := lead.ParseID("018f3c2e-7c1a-7e55-9d6b-0a1b2c3d4e5f")
	base := exchange.Reply{LeadID: id, SellerLeadID: "A-1077", Currency: m.v.Currency}
	with := func(change func(r *exchange.Reply)) *exchange.Reply {
		r := base
		change(&r)
		return &r
	}
	price, _ := lead.ParseMoney([]byte("22.50"))
	half := price / 2
	quote := with(func(r *exchange.Reply) {
		r.Result, r.Quote, r.Price, r.ExpiresAt = lead.ResultSuccess, true, price, now.Add(m.v.PingTTL)
	})
	no := with(func(r *exchange.Reply) {
		r.Result, r.Quote, r.Refusal, r.Details = lead.ResultFailure, true, lead.NoBids, lead.NoBids.Info().Meaning
	})
	sold := with(func(r *exchange.Reply) {
		r.Result, r.Price, r.Reference = lead.ResultSuccess, price, "buyer-lead-12345"
	})
	twice := with(func(r *exchange.Reply) {
		r.Result, r.Price, r.Reference = lead.ResultSuccess, price, "buyer-lead-12345"
		r.Sales = []exchange.SaleReply{{ID: "buyer-lead-12345", Price: half}, {ID: "buyer-lead-98765", Price: half}}
	})
	lost := with(func(r *exchange.Reply) {
		r.Result, r.Refusal, r.Details, r.Reference = lead.ResultFailure, lead.BuyerDuplicate,
			"Lead previously received 2026-01-08", "buyer-lead-98765"
	})
	pending := with(func(r *exchange.Reply) { r.Result = lead.ResultPending })
	m.reply("ping", "Success: a quote", quote)
	m.reply("ping", "Failure: no quote", no)
	m.reply("post", "Success: sold", sold)
	if m.src.SellLimit(m.v) > 1 {
		m.reply("post", "Success: sold to several", twice)
	}
	m.reply("post", "Failure: not sold", lost)
	m.reply("post", "Pending: do not sell it elsewhere", pending)
	if m.src.Queue == exchange.QueueTells {
		m.reply("post", "Queued: it is offered again later, do not sell it elsewhere",
			with(func(r *exchange.Reply) { r.Result = lead.ResultQueued }))
	}
	var bad lead.Lead
	bad.Reset(m.v.Schema)
	bad.SetNow(now)
	for pos := range m.v.Schema.Fields { // one value that its field does not take
		if bad.Set(pos, []byte("??")); bad.Slot(pos).State == lead.Bad {
			break
		}
		bad.Set(pos, nil)
	}
	problems := bad.Problems(lead.AtPing)
	shown := problems[:min(2, len(problems))]
	t := trouble{Result: "error", Reason: "invalid_lead", Details: saysOf(shown), Errors: shown}
	m.replyWith("ping", "Error: values that cannot be used", func(p *profile) (int, any) {
		if p == nil {
			return 400, t
		}
		return p.trouble(400, &t, true)
	})
}

func (m *sampler) reply(call, title string, r *exchange.Reply) {
	m.replyWith(call, title, func(p *profile) (int, any) {
		if p != nil {
			return p.answer(r, call == "ping")
		}
		return statusOf(r), r.Answer()
	})
}

// replyWith adds an answer in our own words, and in those of the source's profile.
func (m *sampler) replyWith(call, title string, make func(p *profile) (int, any)) {
	list := []*profile{nil}
	if p := profiles[m.src.Profile]; p != nil {
		list = []*profile{p, nil}
	}
	for _, p := range list {
		status, v := make(p)
		b, err := inJSON(v)
		if err != nil {
			continue // cannot be: the same values are written to sellers
		}
		var pretty bytes.Buffer
		if json.Indent(&pretty, b, "", "  ") != nil {
			pretty = *bytes.NewBuffer(b)
		}
		m.out.Replies = append(m.out.Replies, posting.Reply{Title: title, Call: call, Status: status,
			JSON: pretty.String(), XML: indentXML(inXML(b, p)), Profile: p != nil})
	}
}

// indentXML writes a document with its elements below each other.
func indentXML(b []byte) string {
	var out bytes.Buffer
	enc := xml.NewEncoder(&out)
	enc.Indent("", "  ")
	dec := xml.NewDecoder(bytes.NewReader(b))
	for {
		t, err := dec.Token()
		if err != nil {
			break
		}
		if enc.EncodeToken(xml.CopyToken(t)) != nil {
			return string(b)
		}
	}
	if enc.Flush() != nil {
		return string(b)
	}
	return out.String()
}
