// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"fmt"
	"slices"
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
	full map[int]bool // by cap: it was full once
}

func (a *auditor) addCaps(caps []Cap) error {
	for _, c := range caps {
		if c.Key == "" {
			c.Key = c.Who + ":" + c.Per
		}
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

// charge judges the charges of a posting, counts them and returns what it has counted.
func (a *auditor) charge(e *event) []windowKey {
	if len(a.caps) == 0 {
		return nil
	}
	var counted []windowKey
	has := func(key string) bool {
		return slices.ContainsFunc(counted, func(k windowKey) bool { return k.cap == key })
	}
	for _, ch := range e.Charges {
		of := a.capByKey[ch.Cap]
		if len(of) == 0 || a.caps[of[0]].Who != "campaign:"+e.Campaign && a.caps[of[0]].Who != "buyer:"+e.Buyer ||
			ch.N != 1 || has(ch.Cap) {
			a.found(RuleChargeUnknown, e.Lead,
				"attempt %s charged %d to %s, which is no cap of %s or %s, or not one lead once", e.Attempt, ch.N,
				ch.Cap, e.Campaign, e.Buyer)
			continue
		}
		c := &a.caps[of[0]]
		if now, before := c.windowName(e.At), c.windowName(e.At.Add(-holdAge)); ch.Window != now &&
			ch.Window != before {
			a.found(RuleChargeWindow, e.Lead, "attempt %s at %s charged %s in window %s, expected %s", e.Attempt,
				e.At.Format(time.RFC3339), ch.Cap, ch.Window, now)
		}
		counted = append(counted, windowKey{ch.Cap, ch.Window})
	}
	for _, who := range []string{"campaign:" + e.Campaign, "buyer:" + e.Buyer} {
		for _, i := range a.capsOf[who] {
			c := &a.caps[i]
			if _, configured := a.limit(e, c, ""); configured && !has(c.Key) {
				a.found(RuleChargeMissing, e.Lead, "attempt %s did not charge %s", e.Attempt, c.Key)
				counted = append(counted, windowKey{c.Key, c.windowName(e.At)})
			}
		}
	}
	for _, k := range counted {
		a.countUp(k, e)
	}
	return counted
}

func (a *auditor) countUp(k windowKey, e *event) {
	u := a.windows[k]
	if u == nil {
		u = &windowUse{full: map[int]bool{}}
		a.windows[k] = u
		a.report.Counts.Windows++
	}
	u.n++
	for _, i := range a.capByKey[k.cap] {
		c := &a.caps[i]
		most, configured := a.limit(e, c, k.window)
		n := a.used(c, k)
		if configured && n > most {
			a.found(RuleCapPassed, e.Lead, "attempt %s is number %d in window %s of %s, which allows %d", e.Attempt, n,
				k.window, c.Title(), most)
		}
		if configured && n >= most && !u.full[i] {
			u.full[i] = true
			a.report.Counts.FullCaps++
		}
	}
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

// Title names a cap: its key, and the days that count together.
func (c *Cap) Title() string {
	if c.Days > 0 {
		return fmt.Sprintf("%s:last %d days", c.Who, c.Days)
	}
	return c.Key
}
