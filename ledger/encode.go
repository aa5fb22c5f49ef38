// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/goccy/go-json"

	"clearpost/lead"
)

const hexDigits = "0123456789abcdef"

// plain bytes stand for themselves in a JSON string.
var plain [256]bool

func init() {
	for c := ' '; c < utf8.RuneSelf; c++ {
		plain[c] = c != '"' && c != '\\'
	}
}

// AppendString writes a JSON string. Bytes that are not UTF-8 become U+FFFD.
func AppendString[T ~string | ~[]byte](dst []byte, s T) []byte {
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if plain[c] {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(string(s[i:min(i+4, len(s))]))
			if r == utf8.RuneError && n == 1 {
				dst = append(append(dst, s[from:i]...), `\ufffd`...)
				from = i + 1
			}
			i += n
			continue
		}
		dst = append(dst, s[from:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		from = i
	}
	return append(append(dst, s[from:]...), '"')
}

// AppendTime writes a JSON string of the time in UTC with microseconds, such as "2026-01-31T17:04:05.012345Z". Reading
// a layout anew for every time would cost more than all the rest of an event's head.
func AppendTime(dst []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	if year < 0 || year > 9999 {
		return append(t.AppendFormat(append(dst, '"'), "2006-01-02T15:04:05.000000Z"), '"')
	}
	hour, minute, second := t.Clock()
	b := [...]byte{'"', 0, 0, 0, 0, '-', 0, 0, '-', 0, 0, 'T', 0, 0, ':', 0, 0, ':', 0, 0, '.', 0, 0, 0, 0, 0, 0, 'Z',
		'"'}
	digits(b[1:5], year)
	digits(b[6:8], int(month))
	digits(b[9:11], day)
	digits(b[12:14], hour)
	digits(b[15:17], minute)
	digits(b[18:20], second)
	digits(b[21:27], t.Nanosecond()/1000)
	return append(dst, b[:]...)
}

// digits fills b with a number, zeros in front.
func digits(b []byte, n int) {
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = byte('0' + n%10)
		n /= 10
	}
}

func appendKey(dst []byte, key string) []byte {
	return append(append(append(dst, ',', '"'), key...), '"', ':')
}

func appendText(dst []byte, key, v string) []byte {
	if v == "" {
		return dst
	}
	return AppendString(appendKey(dst, key), v)
}

func appendInt(dst []byte, key string, v int64) []byte {
	if v == 0 {
		return dst
	}
	return strconv.AppendInt(appendKey(dst, key), v, 10)
}

func appendTrue(dst []byte, key string, v bool) []byte {
	if !v {
		return dst
	}
	return append(appendKey(dst, key), "true"...)
}

func (h *Head) append(dst []byte) []byte {
	dst = append(dst, `{"kind":"`...)
	dst = append(dst, h.Kind...)
	dst = append(dst, `","event_id":"`...)
	dst = h.EventID.Append(dst)
	dst = append(dst, '"')
	dst = appendText(dst, "node", h.Node)
	dst = AppendTime(appendKey(dst, "at"), h.At)
	dst = appendInt(dst, "schema", int64(h.Schema))
	dst = appendText(dst, "config", h.Config)
	dst = append(dst, `,"lead_id":"`...)
	dst = h.Lead.Append(dst)
	dst = append(dst, '"')
	dst = appendText(dst, "source", h.Source)
	dst = appendText(dst, "vertical", h.Vertical)
	return appendTrue(dst, "test", h.Test)
}

// AppendJSON implements Event. It is written by hand since it runs once a ping.
func (e *Pinged) AppendJSON(dst []byte) []byte {
	dst = e.append(dst)
	dst = appendText(dst, "mode", e.Mode)
	dst = appendText(dst, "currency", e.Currency)
	dst = AppendTime(appendKey(dst, "received_at"), e.ReceivedAt)
	dst = appendText(dst, "seller_lead_id", e.SellerLeadID)
	dst = appendText(dst, "idempotency_key", e.IdempotencyKey)
	dst = appendText(dst, "body_hash", e.BodyHash)
	dst = appendInt(dst, "logic", int64(e.Logic))
	dst = appendInt(dst, "min_price_micros", int64(e.MinPrice))
	dst = e.Resubmits.append(dst)
	dst = appendText(dst, "test_result", e.TestResult)
	dst = appendKey(dst, "fields")
	if e.From != nil {
		dst = appendSlots(dst, e.From, false, false)
		dst = appendRawSlots(dst, e.From, false)
	} else {
		dst = e.Fields.appendJSON(dst)
		if len(e.Raw) > 0 {
			dst = e.Raw.appendJSON(appendKey(dst, "raw"))
		}
	}
	if e.From != nil && len(e.From.Unfit()) > 0 {
		dst = UnfitOf(e.From).appendJSON(appendKey(dst, "unfit"))
	} else if len(e.Unfit) > 0 {
		dst = e.Unfit.appendJSON(appendKey(dst, "unfit"))
	}
	if len(e.Bids) > 0 {
		dst = append(appendKey(dst, "bids"), '[')
		for i := range e.Bids {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = e.Bids[i].append(dst)
		}
		dst = append(dst, ']')
	}
	if len(e.Charges) > 0 {
		dst = appendCharges(dst, e.Charges)
	}
	dst = e.appendRights(dst)
	dst = e.appendTurns(dst)
	if e.Learned != nil {
		dst = e.Learned.append(appendKey(dst, "learned"))
	}
	dst = appendText(dst, "result", e.Result)
	dst = appendText(dst, "reason", e.Reason)
	dst = appendInt(dst, "refusal", int64(e.Refusal))
	dst = appendText(dst, "details", e.Details)
	dst = appendInt(dst, "price_micros", int64(e.Price))
	if !e.ExpiresAt.IsZero() {
		dst = AppendTime(appendKey(dst, "expires_at"), e.ExpiresAt)
	}
	dst = append(appendKey(dst, "private"), `{"fields":`...)
	if e.From != nil {
		dst = appendSlots(dst, e.From, true, false)
		dst = appendRawSlots(dst, e.From, true)
	} else {
		dst = e.Private.Fields.appendJSON(dst)
		if len(e.Private.Raw) > 0 {
			dst = e.Private.Raw.appendJSON(appendKey(dst, "raw"))
		}
	}
	if len(e.Private.Unknown) > 0 {
		dst = e.Private.Unknown.appendJSON(appendKey(dst, "unknown"))
	}
	dst = appendText(dst, "person", e.Private.Person)
	dst = e.Private.appendLists(dst)
	return append(dst, '}', '}')
}

func appendCharges(dst []byte, charges []lead.Charge) []byte {
	dst = append(appendKey(dst, "charges"), '[')
	for i, c := range charges {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(AppendString(append(dst, `{"cap":`...), c.Cap), `,"window":`...)
		dst = append(AppendString(dst, c.Window), `,"n":`...)
		dst = appendText(strconv.AppendInt(dst, c.N, 10), "of", c.Of)
		dst = append(dst, '}')
	}
	return append(dst, ']')
}

func (e *Pinged) appendRights(dst []byte) []byte {
	for i, id := range e.Rights {
		if i == 0 {
			dst = append(appendKey(dst, "rights"), '[')
		} else {
			dst = append(dst, ',')
		}
		dst = AppendString(dst, id)
	}
	if len(e.Rights) > 0 {
		dst = append(dst, ']')
	}
	return dst
}

func (e *Pinged) appendTurns(dst []byte) []byte {
	for i, turn := range e.Turns {
		if i == 0 {
			dst = append(appendKey(dst, "turns"), '[')
		} else {
			dst = append(dst, ',')
		}
		dst = strconv.AppendUint(dst, turn, 10)
	}
	if len(e.Turns) > 0 {
		dst = append(dst, ']')
	}
	return dst
}

// appendLists writes the lists of a ping's private part, and what stands between them.
func (p *Private) appendLists(dst []byte) []byte {
	for i, also := range p.Also {
		if i == 0 {
			dst = append(appendKey(dst, "also"), '[')
		} else {
			dst = append(dst, ',')
		}
		dst = AppendString(dst, also)
	}
	if len(p.Also) > 0 {
		dst = append(dst, ']')
	}
	dst = appendText(dst, "content", p.Content)
	for i, c := range p.Cookies {
		if i == 0 {
			dst = append(appendKey(dst, "cookies"), '[')
		} else {
			dst = append(dst, ',')
		}
		dst = appendText(AppendString(append(dst, `{"campaign":`...), c.Campaign), "cookie", c.Cookie)
		dst = append(dst, '}')
	}
	if len(p.Cookies) > 0 {
		dst = append(dst, ']')
	}
	return dst
}

func (b *Bid) append(dst []byte) []byte {
	dst = AppendString(append(dst, `{"campaign":`...), b.Campaign)
	dst = appendText(dst, "buyer", b.Buyer)
	dst = appendInt(dst, "leg", int64(b.Leg))
	dst = appendText(dst, "brand", b.Brand)
	dst = appendInt(dst, "price_micros", int64(b.Price))
	dst = appendInt(dst, "payout_micros", int64(b.Payout))
	dst = appendInt(dst, "max_sold", int64(b.MaxSold))
	dst = appendInt(dst, "allows", int64(b.Allows))
	dst = appendInt(dst, "acceptance_ppm", b.Acceptance)
	dst = b.appendFactors(dst)
	dst = appendTrue(dst, "last_resort", b.LastResort)
	dst = appendTrue(dst, "slow_payer", b.SlowPayer)
	dst = appendText(dst, "tier", b.Tier)
	dst = appendInt(dst, "rank", int64(b.Rank))
	dst = appendTrue(dst, "winner", b.Winner)
	dst = appendTrue(dst, "fixed", b.Fixed)
	dst = appendText(dst, "token", b.Token)
	dst = appendCaptures(dst, b.Captures)
	if !b.Expires.IsZero() {
		dst = AppendTime(appendKey(dst, "expires_at"), b.Expires)
	}
	dst = appendInt(dst, "took_us", b.TookUS)
	dst = appendInt(dst, "refusal", int64(b.Refusal))
	dst = appendInt(dst, "held", int64(b.Held))
	dst = appendText(dst, "reason", b.Reason)
	dst = appendText(dst, "rule", b.Rule)
	dst = appendText(dst, "first_lead", b.First)
	dst = appendText(dst, "answer", b.Answer)
	return append(dst, '}')
}

func (b *Bid) appendFactors(dst []byte) []byte {
	for i, f := range b.Factors {
		if i == 0 {
			dst = append(appendKey(dst, "factors_ppm"), '[')
		} else {
			dst = append(dst, ',')
		}
		dst = strconv.AppendInt(dst, f, 10)
	}
	if len(b.Factors) > 0 {
		dst = append(dst, ']')
	}
	return dst
}

func (l *Learned) append(dst []byte) []byte {
	dst = AppendString(append(dst, `{"mode":`...), l.Mode)
	dst = appendText(dst, "segment", l.Segment)
	dst = appendTrue(dst, "explores", l.Explores)
	for i, w := range l.Would {
		if i == 0 {
			dst = append(appendKey(dst, "would"), '[')
		} else {
			dst = append(dst, ',')
		}
		dst = AppendString(append(dst, `{"campaign":`...), w.Campaign)
		dst = append(appendInt(dst, "leg", int64(w.Leg)), '}')
	}
	if len(l.Would) > 0 {
		dst = append(dst, ']')
	}
	return append(dst, '}')
}

func appendCaptures(dst []byte, all []Captured) []byte {
	if len(all) == 0 {
		return dst
	}
	dst = append(appendKey(dst, "captures"), '[')
	for i := range all {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendString(append(dst, `{"name":`...), all[i].Name)
		dst = append(AppendString(appendKey(dst, "value"), all[i].Value), '}')
	}
	return append(dst, ']')
}

// appendSlots writes the lead's values as an object: the normal text where valid, else (raw: always) what was sent.
func appendSlots(dst []byte, l *lead.Lead, personal, raw bool) []byte {
	dst = append(dst, '{')
	n := 0
	for i := range l.Len() {
		f := &l.Schema().Fields[i]
		if f.Personal != personal || l.Slot(i).State == lead.Missing {
			continue
		}
		v, sent := l.Recorded(i)
		if raw {
			if string(v) == string(sent) {
				continue
			}
			v = sent
		}
		if n > 0 {
			dst = append(dst, ',')
		}
		n++
		dst = append(append(append(dst, '"'), f.Name...), '"', ':')
		dst = AppendString(dst, v)
	}
	if raw {
		dst = appendUnfit(dst, l, personal, n)
	}
	return append(dst, '}')
}

// appendUnfit writes what was sent for fields that count as missing, behind n other members.
func appendUnfit(dst []byte, l *lead.Lead, personal bool, n int) []byte {
	for _, u := range l.Unfit() {
		f, v := &l.Schema().Fields[u.Pos], l.UnfitRaw(u)
		if f.Personal != personal || len(v) == 0 {
			continue
		}
		if n > 0 {
			dst = append(dst, ',')
		}
		n++
		dst = AppendString(append(append(append(dst, '"'), f.Name...), '"', ':'), v)
	}
	return dst
}

// UnfitOf lists the fields that count as missing, since what was sent did not fit, and what was expected.
func UnfitOf(l *lead.Lead) (out Fields) {
	for _, u := range l.Unfit() {
		out = append(out, FieldValue{l.Schema().Fields[u.Pos].Name, l.UnfitReason(u)})
	}
	return out
}

func appendRawSlots(dst []byte, l *lead.Lead, personal bool) []byte {
	at := len(dst)
	dst = appendSlots(appendKey(dst, "raw"), l, personal, true)
	if dst[len(dst)-2] == '{' {
		return dst[:at]
	}
	return dst
}

// FieldsOf lists the values of a lead that stand in the public (or the personal) part of an event: the normal
// forms, and the raw texts where those differ.
func FieldsOf(l *lead.Lead, personal bool, only func(pos int) bool) (fields, raw Fields) {
	for i := range l.Len() {
		f := &l.Schema().Fields[i]
		if f.Personal != personal || l.Slot(i).State == lead.Missing || only != nil && !only(i) {
			continue
		}
		value, sent := l.Recorded(i)
		v, r := string(value), string(sent)
		fields = append(fields, FieldValue{f.Name, v})
		if v != r {
			raw = append(raw, FieldValue{f.Name, r})
		}
	}
	for _, u := range l.Unfit() {
		if f := &l.Schema().Fields[u.Pos]; f.Personal == personal {
			if v := l.UnfitRaw(u); len(v) > 0 {
				raw = append(raw, FieldValue{f.Name, string(v)})
			}
		}
	}
	return fields, raw
}

func (f Fields) appendJSON(dst []byte) []byte {
	dst = append(dst, '{')
	for i, v := range f {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(AppendString(dst, v.Name), ':')
		dst = AppendString(dst, v.Value)
	}
	return append(dst, '}')
}

// marshal is for the kinds that are written once a post: their fields cannot fail to encode.
func marshal(dst []byte, e any) []byte {
	b, err := json.MarshalWithOption(e, json.DisableHTMLEscape())
	if err != nil {
		panic("ledger: encode event: " + err.Error())
	}
	return append(dst, b...)
}

// AppendJSON implements Event.
func (e *Posting) AppendJSON(dst []byte) []byte { e.At = micros(e.At); return marshal(dst, e) }

// AppendJSON implements Event.
func (e *Posted) AppendJSON(dst []byte) []byte { e.At = micros(e.At); return marshal(dst, e) }

// AppendJSON implements Event.
func (e *Settled) AppendJSON(dst []byte) []byte { e.At = micros(e.At); return marshal(dst, e) }

// AppendJSON implements Event.
func (e *Deferred) AppendJSON(dst []byte) []byte { e.At = micros(e.At); return marshal(dst, e) }

// AppendJSON implements Event.
func (e *Adjusted) AppendJSON(dst []byte) []byte { e.At = micros(e.At); return marshal(dst, e) }

func micros(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }
