// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"strconv"
	"strings"
	"unsafe"

	"github.com/tidwall/gjson"

	"clearpost/exchange"
	"clearpost/lead"
)

// envelope is what a body says besides the lead. Its strings are copies.
type envelope struct {
	key          string
	pingID       string
	sellerLeadID string
	minPrice     lead.Money
	maxWaitMS    int64
	format       string // of the answer
	redirectURL  string // where the person's browser goes after the answer
	errors       []lead.Problem
	seen         uint8
	browser      bool // the dialect is one that a browser's form speaks
	debug        bool // the answer should tell what became of the fields
	test         exchange.TestAsk
	unknown      exchange.Fields // what nobody knows, where the vertical keeps it
	unknownBytes int
}

func (v *envelope) bad(field, value, expected string) {
	if len(value) > 64 {
		value = value[:61] + "..."
	}
	v.errors = append(v.errors, lead.Problem{Field: field, Value: value, Expected: expected})
}

// text views bytes as a string; what is kept of it must be cloned.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// reader puts a lead's pairs into its slots and the envelope, whatever dialect they come from.
type reader struct {
	lead  *lead.Lead
	env   *envelope
	names *names
	pairs int
	// repeats tells that a dialect writes a list by sending its name several times.
	repeats bool
	hits    int // pairs whose name is known
	maybe   []candidate
	// bySelector tells that the name of the next pair was made by an attribute; told that attributes tell its element
	// from others of its name.
	bySelector, told bool
}

// candidate is a pair that is a field's by less than its whole name. It counts only where the field has no other value.
type candidate struct {
	pos  int
	by   rank
	told bool // by attributes, from another of the same name: of these the first counts
	path string
	val  gjson.Result
}

// rank is by what a candidate's name is known. The highest counts where a field has several.
type rank uint8

const (
	byCustom   rank = iota // a usual name
	byEnd                  // the end of a dotted name is a field's
	bySelector             // the end of a name that an attribute has made is a field's
)

// decode reads a payload into the lead's slots and the envelope. Names are looked up without regard to case; a field
// sent twice, also under an alias, is an error. Names that nobody knows are ignored. What is wrong with single values
// stands in the lead and the envelope; a payload that cannot be read at all is refused.
func decode(p *payload, n *names, l *lead.Lead, v *envelope) *refused {
	v.browser = p.dialect != dialectJSON && p.dialect != dialectXML
	if p.dialect == dialectJSON && len(p.query) == 0 {
		d := reader{lead: l, env: v, names: n}
		if flat(p.body, d.pair) {
			d.takeCandidates()
			return nil
		}
		l.Clear()
		*v = envelope{}
	}
	d := &reader{lead: l, env: v, names: n, repeats: p.dialect != dialectJSON}
	if no := walk(p, d); no != nil {
		return no
	}
	d.takeCandidates()
	return nil
}

// pair takes one name with its value. It returns false where there are too many.
func (d *reader) pair(name, val gjson.Result) bool {
	if d.pairs++; d.pairs > PairsMax {
		d.env.bad("body", "", "at most "+strconv.Itoa(PairsMax)+" names")
		return false
	}
	if d.names.alias != nil {
		if t, ok := d.names.alias[lower(name.Str)]; ok {
			d.hits++
			switch t.own {
			case "":
				d.whole(t.pos, name.Str, val)
			case ignored:
			default:
				if f := flagOf(t.own); f != noFlag {
					d.env.flag(f, name.Str, val)
				} else {
					d.env.own(t.own, val)
				}
			}
			return true
		}
	}
	if d.env.own(name.Str, val) {
		d.hits++
		return true
	}
	if pos, ok := d.lead.Schema().Lookup(bytesOf(name.Str)); ok {
		d.hits++
		d.whole(pos, name.Str, val)
		return true
	}
	if f := flagOf(name.Str); f != noFlag {
		d.hits++
		d.env.flag(f, name.Str, val)
		return true
	}
	if pos, ok := usual(d.lead.Schema(), name.Str); ok {
		d.hits++
		d.maybe = append(d.maybe, candidate{pos, byCustom, d.told, name.Str, val})
		return true
	}
	if !d.end(name.Str, val) && d.names.keep {
		d.env.keep(name.Str, val)
	}
	return true
}

// whole takes a pair whose whole name is a field's.
func (d *reader) whole(pos int, name string, val gjson.Result) {
	if d.told && d.lead.Schema().Fields[pos].Type != lead.TypeList { // there may be another of the name
		d.maybe = append(d.maybe, candidate{pos, bySelector, true, name, val})
		return
	}
	d.set(pos, val)
}

// end takes a pair by the end of its dotted name: contact.first_name is first_name, if nothing else is. It returns
// false if nobody knows the end.
func (d *reader) end(path string, val gjson.Result) bool {
	if v := sole(val); v.Type == gjson.Null || v.Type == gjson.String && strings.TrimSpace(v.Str) == "" {
		return true
	}
	for rest := path; ; {
		dot := strings.IndexByte(rest, '.')
		if dot < 0 {
			return false
		}
		rest = rest[dot+1:]
		pos, ok, as := -1, false, rest
		by := byEnd
		if d.bySelector {
			by = bySelector
		}
		if t, known := d.names.position(d.lead.Schema(), rest); known {
			pos, ok, as = t.pos, t.pos >= 0 && t.own == "", t.own
			if as == "" {
				as = rest
			}
		} else if pos, ok = usual(d.lead.Schema(), rest); ok && !d.bySelector {
			by = byCustom
		}
		if f := nestedFlag(as, val); f != noFlag && !ok {
			d.hits++
			d.env.flag(f, path, val)
			return true
		}
		if ok {
			d.hits++
			d.maybe = append(d.maybe, candidate{pos, by, d.told, path, val})
			return true
		}
	}
}

// takeCandidates: a field that has a value by its whole name keeps it, and two candidates for one field
// are an error.
func (d *reader) takeCandidates() {
	if len(d.maybe) == 0 {
		return
	}
	paths := map[int][]string{}
	best := map[int]rank{}
	for _, c := range d.maybe {
		best[c.pos] = max(best[c.pos], c.by)
	}
	for _, c := range d.maybe {
		if c.by < best[c.pos] || paths[c.pos] == nil && d.lead.Slot(c.pos).State != lead.Missing {
			continue
		}
		if p := paths[c.pos]; c.told && len(p) > 0 && p[0] == c.path {
			continue
		}
		if paths[c.pos] = append(paths[c.pos], c.path); len(paths[c.pos]) == 1 {
			d.set(c.pos, c.val)
		}
	}
	for pos := range d.lead.Len() {
		if p := paths[pos]; len(p) > 1 {
			d.lead.Set(pos, nil)
			d.env.bad(d.lead.Schema().Fields[pos].Name, "", "one value: "+quoted(p[0])+" and "+quoted(p[1])+
				" both end in its name")
		}
	}
}

func (d *reader) set(pos int, val gjson.Result) {
	l := d.lead
	isList := l.Schema().Fields[pos].Type == lead.TypeList
	if !isList {
		val = sole(val)
	}
	if val.Type == gjson.Null {
		return
	}
	if l.Slot(pos).State != lead.Missing {
		if isList && d.repeats && val.Type == gjson.String && len(l.Raw(pos)) > 0 {
			d.more(pos, val.Str)
			return
		}
		l.SetBad(pos, bytesOf(val.Raw), lead.WhyTwice)
		return
	}
	switch val.Type {
	case gjson.String:
		l.Set(pos, bytesOf(d.names.ours(pos, val.Str)))
	case gjson.JSON:
		if isList && val.IsArray() {
			l.Set(pos, bytesOf(d.names.clean.list(val)))
			return
		}
		l.SetBad(pos, bytesOf(val.Raw), lead.WhyNotSingle)
	case gjson.Number:
		if strings.ContainsAny(val.Raw, "eE") {
			val.Raw = string(lead.AppendPlainNumber(nil, []byte(val.Raw)))
		}
		l.Set(pos, bytesOf(d.names.ours(pos, val.Raw)))
	default:
		l.Set(pos, bytesOf(d.names.ours(pos, val.Raw)))
	}
}

// sole is the value of a list of one, nothing for an empty list, and anything else itself.
func sole(val gjson.Result) gjson.Result {
	if val.Type != gjson.JSON || !val.IsArray() {
		return val
	}
	switch list := val.Array(); {
	case len(list) == 0:
		return gjson.Result{}
	case len(list) == 1 && list[0].Type != gjson.JSON:
		return list[0]
	}
	return val
}

// more adds a value to a list whose name has come before.
func (d *reader) more(pos int, val string) {
	raw := d.lead.Raw(pos)
	var list []byte
	if raw[0] == '[' && gjson.ValidBytes(raw) {
		list = append(list, raw[:len(raw)-1]...)
	} else {
		list = gjson.AppendJSONString(append(list, '['), string(raw))
	}
	list = append(gjson.AppendJSONString(append(list, ','), d.names.ours(pos, val)), ']')
	d.lead.Set(pos, list)
}

func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// ownName numbers the names that the API uses itself; -1 is any other.
func ownName(name string) int {
	switch name {
	case "key", googleKey:
		return 0
	case "ping_id":
		return seenPingID
	case "lead_id":
		return 2
	case "seller_lead_id":
		return 3
	case "max_wait_ms":
		return 4
	case "min_price":
		return 5
	case "format":
		return 6
	case "redirect_url":
		return 7
	}
	return -1
}

// seenPingID is the bit of ping_id in what an envelope has seen.
const seenPingID = 1

// own takes the names that the API uses itself.
func (v *envelope) own(name string, val gjson.Result) bool {
	at := ownName(name)
	if at < 0 {
		return false
	}
	val = sole(val)
	if v.seen&(1<<at) != 0 {
		v.bad(name, "", "the name once only")
		return true
	}
	v.seen |= 1 << at
	if val.Type == gjson.Null {
		return true
	}
	switch name {
	case "key", googleKey:
		v.key = strings.Clone(val.Str)
	case "ping_id":
		if v.pingID = strings.Clone(val.Str); val.Type != gjson.String {
			v.bad(name, val.Raw, "the ping_id of a ping's answer, as text")
		}
	case "seller_lead_id":
		v.sellerLead(val)
	case "max_wait_ms":
		n, err := strconv.ParseInt(single(val), 10, 64)
		if v.maxWaitMS = n; err != nil || n < 1 || n > 600_000 {
			v.bad(name, strings.Clone(single(val)), "a whole number of milliseconds from 1 to 600000")
		}
	case "min_price":
		raw := single(val)
		m, err := lead.ParseMoney(bytesOf(raw))
		if v.minPrice = m; err != nil || m < 0 {
			v.bad(name, strings.Clone(raw), "an amount such as 12.50")
		}
	case "format":
		v.format = strings.Clone(single(val))
	case "redirect_url":
		v.redirect(val)
	case "lead_id":
		v.bad(name, strings.Clone(single(val)), "seller_lead_id for the seller's own id; ping_id for a ping's")
	}
	return true
}

// single is the text of a value that is no list and no object.
func single(val gjson.Result) string {
	if val.Type == gjson.String {
		return val.Str
	}
	return val.Raw
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
		v.bad("seller_lead_id", strings.Clone(single(val)), "text of 1 to "+strconv.Itoa(SellerLeadIDBytesMax)+
			" visible ASCII characters")
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
