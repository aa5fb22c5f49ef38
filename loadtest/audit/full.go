// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"strings"

	"github.com/tidwall/gjson"
)

// The numbers of refusals by caps and of repeats, as events have them.
const (
	capReached   = 202
	duplicate    = 228
	leadRepeated = 505
	sourceFull   = 507
	verticalFull = 508
)

// refusedFull judges what caps have refused of a ping, where nothing else was under way: one that concerns it was full.
// Caps on money are left out, since what was bid is not told.
func (a *auditor) refusedFull(e *event, b []byte) {
	if !a.alone || e.Kind != "pinged" || len(a.caps) == 0 {
		return
	}
	all := gjson.ParseBytes(b)
	field := func(name string) string {
		if v := all.Get("fields." + name); v.Exists() {
			return v.Str
		}
		return all.Get("private.fields." + name).Str
	}
	judge := func(of *event, what string, whose ...string) {
		a.report.Counts.FullRefusals++
		if !a.someFull(of, field, whose) {
			a.found(RuleNotFull, e.Lead, "%s is refused by a cap, and of %s none was full", what,
				strings.Join(whose, ", "))
		}
	}
	source, vertical := "source:"+e.Source, "vertical:"+e.Vertical
	switch e.Refusal {
	case sourceFull:
		judge(e, "the ping", source)
	case verticalFull:
		judge(e, "the ping", vertical)
	}
	all.Get("bids").ForEach(func(_, bid gjson.Result) bool {
		if bid.Get("refusal").Int() == capReached {
			of := *e
			of.Campaign, of.Buyer = bid.Get("campaign").Str, bid.Get("buyer").Str
			judge(&of, of.Campaign, "campaign:"+of.Campaign, "buyer:"+of.Buyer, source, vertical)
		}
		return true
	})
}

// someFull tells whether a cap of some owners is full for a lead.
func (a *auditor) someFull(e *event, field func(string) string, whose []string) bool {
	for _, who := range whose {
		for _, i := range a.capsOf[who] {
			c := &a.caps[i]
			key, window, value := c.Key, c.windowName(e.At), ""
			switch c.By {
			case "":
			case "source", "buyer", "campaign":
				value = map[string]string{"source": e.Source, "buyer": e.Buyer, "campaign": e.Campaign}[c.By]
			default:
				value = field(c.By)
			}
			most, has := a.limit(e, c, value, window)
			if c.By != "" {
				key += "=" + value
			}
			k := windowKey{key, window}
			if has && c.Of != "spend" && a.window(k) != nil && a.used(c, k) >= most {
				return true
			}
		}
	}
	return false
}
