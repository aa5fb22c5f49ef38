// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"bytes"
	"strconv"
	"strings"
	"unsafe"

	"github.com/tidwall/gjson"
	"github.com/valyala/fasthttp"

	"clearpost/lead"
)

// jsonBody tells whether the request says that its body is JSON, uncompressed; it answers 415 itself.
func (s *Server) jsonBody(ctx *fasthttp.RequestCtx) bool {
	ct := ctx.Request.Header.ContentType()
	if i := bytes.IndexByte(ct, ';'); i >= 0 {
		ct = ct[:i]
	}
	ct = bytes.TrimSpace(ct)
	if !strings.EqualFold(string(ct), "application/json") && !bytes.HasSuffix(ct, []byte("+json")) {
		s.fail(ctx, 415, "unsupported_media_type", "expected Content-Type: application/json")
		return false
	}
	if enc := ctx.Request.Header.ContentEncoding(); len(enc) > 0 && string(enc) != "identity" {
		s.fail(ctx, 415, "unsupported_encoding", "expected a body without Content-Encoding")
		return false
	}
	return true
}

// envelope is what a body says besides the lead. Its strings are copies.
type envelope struct {
	key          string
	pingID       string
	sellerLeadID string
	minPrice     lead.Money
	maxWaitMS    int64
	errors       []lead.Problem
	seen         uint8
}

func (v *envelope) bad(field, value, expected string) {
	if len(value) > 64 {
		value = value[:61] + "..."
	}
	v.errors = append(v.errors, lead.Problem{Field: field, Value: value, Expected: expected})
}

// bodyKey reads the `key` of a body without reading the rest.
func bodyKey(body []byte) string {
	r := gjson.Get(text(body), "key")
	if r.Type != gjson.String {
		return ""
	}
	return strings.Clone(r.Str)
}

// text views bytes as a string; what is kept of it must be cloned.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// decode reads a JSON object into the lead's slots and the envelope. Names are looked up without regard to case; a field sent twice, also
// under an alias, is an error. Names that the vertical does not know are ignored. It returns false if the body is no JSON object.
func decode(body []byte, l *lead.Lead, v *envelope) bool {
	pairs := 0
	take := func(k, val gjson.Result) bool {
		if pairs++; pairs > PairsMax {
			v.bad("body", "", "at most "+strconv.Itoa(PairsMax)+" names")
			return false
		}
		if v.own(k.Str, val) {
			return true
		}
		if pos, ok := l.Schema().Lookup(bytesOf(k.Str)); ok {
			set(l, pos, val)
		}
		return true
	}
	if flat(body, take) {
		return true
	}
	l.Clear()
	*v, pairs = envelope{}, 0
	return walk(body, take)
}

// walk is flat for any JSON object. It returns false, before any pair, if the body is none.
func walk(body []byte, each func(name, val gjson.Result) bool) bool {
	if !gjson.ValidBytes(body) {
		return false
	}
	root := gjson.Parse(text(body))
	if !root.IsObject() {
		return false
	}
	root.ForEach(each)
	return true
}

func set(l *lead.Lead, pos int, val gjson.Result) {
	if val.Type == gjson.Null {
		return
	}
	if l.Slot(pos).State != lead.Missing {
		l.SetBad(pos, bytesOf(val.Raw), lead.WhyTwice)
		return
	}
	switch val.Type {
	case gjson.String:
		l.Set(pos, bytesOf(val.Str))
	case gjson.JSON:
		if val.IsArray() && l.Schema().Fields[pos].Type == lead.TypeList {
			l.Set(pos, bytesOf(val.Raw))
			return
		}
		l.SetBad(pos, bytesOf(val.Raw), lead.WhyNotSingle)
	default:
		l.Set(pos, bytesOf(val.Raw))
	}
}

func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

var ownNames = []string{"key", "ping_id", "lead_id", "seller_lead_id", "max_wait_ms", "min_price"}

// own takes the names that the API uses itself.
func (v *envelope) own(name string, val gjson.Result) bool {
	at := -1
	for i, n := range ownNames {
		if name == n {
			at = i
		}
	}
	if at < 0 {
		return false
	}
	if v.seen&(1<<at) != 0 {
		v.bad(name, "", "the name once only")
		return true
	}
	v.seen |= 1 << at
	if val.Type == gjson.Null {
		return true
	}
	switch name {
	case "key":
		v.key = strings.Clone(val.Str)
	case "ping_id":
		if v.pingID = strings.Clone(val.Str); val.Type != gjson.String {
			v.bad(name, val.Raw, "the ping_id of a ping's answer, as text")
		}
	case "seller_lead_id":
		v.sellerLead(val)
	case "max_wait_ms":
		n, err := strconv.ParseInt(val.Raw, 10, 64)
		if v.maxWaitMS = n; val.Type != gjson.Number || err != nil || n < 1 || n > 600_000 {
			v.bad(name, strings.Clone(val.Raw), "a whole number of milliseconds from 1 to 600000")
		}
	case "min_price":
		raw := val.Raw
		if val.Type == gjson.String {
			raw = val.Str
		}
		m, err := lead.ParseMoney(bytesOf(raw))
		if v.minPrice = m; err != nil || m < 0 {
			v.bad(name, strings.Clone(raw), "an amount such as 12.50")
		}
	case "lead_id":
		v.bad(name, strings.Clone(val.Raw), "seller_lead_id for the seller's own id; ping_id for a ping's")
	}
	return true
}

func (v *envelope) sellerLead(val gjson.Result) {
	id := val.Str
	if val.Type == gjson.Number {
		id = val.Raw
	}
	if id == "" && val.Type == gjson.String {
		return
	}
	if id == "" || len(id) > SellerLeadIDBytesMax || !visible(id) {
		v.bad("seller_lead_id", strings.Clone(val.Raw), "text of 1 to "+strconv.Itoa(SellerLeadIDBytesMax)+" visible ASCII characters")
		return
	}
	v.sellerLeadID = strings.Clone(id)
}

func visible(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return true
}
