// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// holdAge is how long before its posting's time a hold may have been taken: a hold at the end of an hour may be written
// down in the next one.
const holdAge = 5 * time.Second

type capState struct {
	Cap
	zone *time.Location
}

type windowKey struct{ cap, window string }

type windowUse struct {
	n    int64
	late []lateUse
	full map[int]bool // by cap: it was full once
}

// lateUse is what a window has more by what was found out, agreed or told later: a hold that was made at that moment
// need not know of it, though its posting stands behind it.
type lateUse struct {
	n   int64
	seq int
}

// lateBy is how much of a window's use a posting of now need not know.
func (a *auditor) lateBy(u *windowUse) (n int64) {
	u.late = slices.DeleteFunc(u.late, func(l lateUse) bool { return l.seq < a.seq-lookEvents })
	for _, l := range u.late {
		n += l.n
	}
	return n
}

func (a *auditor) addCaps(caps []Cap) error {
	for _, c := range caps {
		c.setKey()
		switch c.Per {
		case "minute", "hour", "day", "week", "month", "total":
		default:
			return fmt.Errorf("audit: cap %s: per %q: expected minute, hour, day, week, month or total", c.Key, c.Per)
		}
		zone, err := time.LoadLocation(c.Zone)
		if err != nil {
			return fmt.Errorf("audit: cap %s: %w", c.Key, err)
		}
		for _, i := range a.capByKey[c.Key] {
			o := &a.caps[i]
			if o.Days == c.Days || o.Per != c.Per || o.Who != c.Who || o.zone.String() != zone.String() {
				return fmt.Errorf("audit: cap %s: given twice, or with another window", c.Key)
			}
		}
		a.capByKey[c.Key] = append(a.capByKey[c.Key], len(a.caps))
		a.capsOf[c.Who] = append(a.capsOf[c.Who], len(a.caps))
		for _, b := range c.Buyers {
			a.capsOf["buyer:"+b] = append(a.capsOf["buyer:"+b], len(a.caps))
		}
		a.caps = append(a.caps, capState{c, zone})
	}
	return nil
}

// windowName is the name of the window that a time falls into.
func (c *capState) windowName(t time.Time) string {
	switch t = t.In(c.zone); c.Per {
	case "minute":
		return t.Format("2006-01-02T15:04-07:00")
	case "hour":
		return t.Format("2006-01-02T15-07:00")
	case "day":
		return t.Format("2006-01-02")
	case "week":
		if c.WeekFrom != 0 {
			back := (int(t.Weekday()) + 6 - c.WeekFrom + 7) % 7
			return t.AddDate(0, 0, -back).Format("2006-01-02") + "w"
		}
		year, week := t.ISOWeek()
		return fmt.Sprintf("%d-W%02d", year, week)
	case "month":
		return t.Format("2006-01")
	}
	return "total"
}

// counted is what an attempt has charged to a window.
type counted struct {
	windowKey
	n  int64
	of string
}

// charge judges the charges of a posting, counts them and returns what it has counted.
func (a *auditor) charge(e *event) []counted {
	if len(a.caps) == 0 {
		return nil
	}
	var out []counted
	charged := map[string]bool{}
	for _, ch := range e.Charges {
		if ch.Of == "tally" {
			if ch.N != 1 || !strings.HasPrefix(ch.Cap, "buyer:"+e.Buyer+":sold:") {
				a.found(RuleChargeUnknown, e.Lead, "attempt %s counted %d of %s", e.Attempt, ch.N, ch.Cap)
			}
			continue
		}
		base, value, _ := strings.Cut(ch.Cap, "=")
		want := int64(1)
		if ch.Of == "spend" {
			want = e.Price
		}
		of := a.capByKey[base]
		if len(of) == 0 || !a.caps[of[0]].counts(e, ch.Of, value) || ch.N != want || charged[base] {
			a.found(RuleChargeUnknown, e.Lead,
				"attempt %s charged %d to %s, which is no cap of %s or %s, or not so much once", e.Attempt, ch.N,
				ch.Cap, e.Campaign, e.Buyer)
			continue
		}
		charged[base] = true
		a.inItsWindow(e, &a.caps[of[0]], &ch)
		out = append(out, counted{windowKey{ch.Cap, ch.Window}, ch.N, ch.Of})
	}
	for _, who := range []string{"campaign:" + e.Campaign, "buyer:" + e.Buyer, "source:" + e.Source,
		"vertical:" + e.Vertical} {
		for _, i := range a.capsOf[who] {
			c := &a.caps[i]
			if _, configured := a.configured(e, c); configured && c.Of != "pings" && !charged[c.Key] {
				charged[c.Key] = true
				a.found(RuleChargeMissing, e.Lead, "attempt %s did not charge %s", e.Attempt, c.Key)
				if c.By == "" && c.Of != "spend" {
					out = append(out, counted{windowKey{c.Key, c.windowName(e.At)}, 1, c.Of})
				}
			}
		}
	}
	for _, k := range out {
		a.countUp(k, e)
	}
	return out
}

// counts tells whether the cap counts an event's attempt, as what and under which value.
func (c *capState) counts(e *event, of, value string) bool {
	if c.Of != of {
		return false
	}
	kind, id, _ := strings.Cut(c.Who, ":")
	own := map[string]string{"campaign": e.Campaign, "buyer": e.Buyer, "source": e.Source, "vertical": e.Vertical}
	if mine, ok := own[kind]; ok && mine != id || c.Buyers != nil && !slices.Contains(c.Buyers, e.Buyer) {
		return false
	}
	mine, known := own[c.By]
	return c.By != "" && (!known || mine == value) || c.By == "" && value == ""
}

func (a *auditor) inItsWindow(e *event, c *capState, ch *charge) {
	now, before := c.windowName(e.At), c.windowName(e.At.Add(-holdAge))
	if ch.Window != now && ch.Window != before {
		a.found(RuleChargeWindow, e.Lead, "attempt %s at %s charged %s in window %s, expected %s", e.Attempt,
			e.At.Format(time.RFC3339), ch.Cap, ch.Window, now)
	}
}

// pings counts what a ping's event has counted of caps on pings.
func (a *auditor) pings(e *event) {
	for _, ch := range e.Charges {
		base, _, _ := strings.Cut(ch.Cap, "=")
		of := a.capByKey[base]
		if len(a.caps) == 0 {
			return
		}
		if len(of) == 0 || a.caps[of[0]].Of != "pings" || ch.Of != "pings" || ch.N < 1 {
			a.found(RuleChargeUnknown, e.Lead, "the ping charged %d of %q to %s, which counts no pings", ch.N, ch.Of,
				ch.Cap)
			continue
		}
		a.inItsWindow(e, &a.caps[of[0]], &ch)
		a.countUp(counted{windowKey{ch.Cap, ch.Window}, ch.N, ch.Of}, e)
	}
}

// window is the use of a window of a cap that the auditor was told of, nil of any other.
func (a *auditor) window(k windowKey) *windowUse {
	base, _, _ := strings.Cut(k.cap, "=")
	if a.windows[k] == nil && len(a.capByKey[base]) > 0 {
		a.windows[k] = &windowUse{full: map[int]bool{}}
		a.report.Counts.Windows++
	}
	return a.windows[k]
}

// add changes a count without judging it: for what is true whatever room there is.
func (a *auditor) add(k windowKey, n int64) {
	if u := a.window(k); u != nil {
		if u.n += n; n > 0 {
			u.late = append(u.late, lateUse{n, a.seq})
		}
	}
}

func (a *auditor) countUp(k counted, e *event) {
	u := a.window(k.windowKey)
	u.n += k.n
	base, value, _ := strings.Cut(k.cap, "=")
	for _, i := range a.capByKey[base] {
		c := &a.caps[i]
		most, configured := a.limit(e, c, value, k.window)
		n := a.used(c, k.windowKey)
		if configured && n-a.lateBy(u) > most {
			a.found(RuleCapPassed, e.Lead, "attempt %s is number %d in window %s of %s, which allows %d", e.Attempt, n,
				k.window, c.Title(), most)
		}
		if configured && n >= most && !u.full[i] {
			u.full[i] = true
			a.report.Counts.FullCaps++
		}
	}
}

// mostOf is what the cap allows of a value, and false where that is any number.
func (c *capState) mostOf(value, window string) (int64, bool) {
	if n, ok := c.Values[value]; ok {
		return n, true
	}
	return c.most(window), c.Others
}

// used is what a cap has counted up to a window.
func (a *auditor) used(c *capState, k windowKey) int64 {
	n := a.windows[k].n
	if c.Days < 2 {
		return n
	}
	day, err := time.Parse(time.DateOnly, k.window)
	if err != nil {
		return n
	}
	for back := 1; back < c.Days; back++ {
		if u := a.windows[windowKey{k.cap, day.AddDate(0, 0, -back).Format(time.DateOnly)}]; u != nil {
			n += u.n
		}
	}
	return n
}

// setKey gives the cap the key that it has by default.
func (c *Cap) setKey() {
	if c.Key == "" {
		c.Key = c.Who + ":" + c.Per
	}
}

// Title names a cap: its key, and the days that count together.
func (c *Cap) Title() string {
	if c.Days > 0 {
		return fmt.Sprintf("%s:last %d days", c.Who, c.Days)
	}
	return c.Key
}
