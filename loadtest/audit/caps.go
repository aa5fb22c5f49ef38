// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"fmt"
	"time"
)

// holdAge is how long before its posting's time a hold may have been taken: a hold at the end of an hour may be written
// down in the next one.
const holdAge = 5 * time.Second

type capState struct {
	Cap
	zone *time.Location
}

type windowKey struct {
	cap    int
	window string
}

type windowUse struct {
	n    int64
	full bool // was once
}

func (a *auditor) addCaps(caps []Cap) error {
	for _, c := range caps {
		if c.Key == "" {
			c.Key = c.Who + ":" + c.Per
		}
		switch c.Per {
		case "hour", "day", "week", "total":
		default:
			return fmt.Errorf("audit: cap %s: per %q: expected hour, day, week or total", c.Key, c.Per)
		}
		zone, err := time.LoadLocation(c.Zone)
		if err != nil {
			return fmt.Errorf("audit: cap %s: %w", c.Key, err)
		}
		if _, twice := a.capByKey[c.Key]; twice {
			return fmt.Errorf("audit: cap %s: given twice", c.Key)
		}
		i := len(a.caps)
		a.caps = append(a.caps, capState{c, zone})
		a.capByKey[c.Key] = i
		a.capsOf[c.Who] = append(a.capsOf[c.Who], i)
	}
	return nil
}

// windowName is the name of the window that a time falls into.
func (c *capState) windowName(t time.Time) string {
	switch t = t.In(c.zone); c.Per {
	case "hour":
		return t.Format("2006-01-02T15-07:00")
	case "day":
		return t.Format("2006-01-02")
	case "week":
		year, week := t.ISOWeek()
		return fmt.Sprintf("%d-W%02d", year, week)
	}
	return "total"
}

// charge judges the charges of a posting, counts them and returns what it has counted.
func (a *auditor) charge(e *event) []windowKey {
	if len(a.caps) == 0 {
		return nil
	}
	var counted []windowKey
	has := func(cap int) bool {
		for _, k := range counted {
			if k.cap == cap {
				return true
			}
		}
		return false
	}
	for _, ch := range e.Charges {
		i, known := a.capByKey[ch.Cap]
		if !known || a.caps[i].Who != "campaign:"+e.Campaign && a.caps[i].Who != "buyer:"+e.Buyer || ch.N != 1 ||
			has(i) {
			a.found(RuleChargeUnknown, e.Lead,
				"attempt %s charged %d to %s, which is no cap of %s or %s, or not one lead once", e.Attempt, ch.N,
				ch.Cap, e.Campaign, e.Buyer)
			continue
		}
		c := &a.caps[i]
		if now, before := c.windowName(e.At), c.windowName(e.At.Add(-holdAge)); ch.Window != now &&
			ch.Window != before {
			a.found(RuleChargeWindow, e.Lead, "attempt %s at %s charged %s in window %s, expected %s", e.Attempt,
				e.At.Format(time.RFC3339), ch.Cap, ch.Window, now)
		}
		counted = append(counted, windowKey{i, ch.Window})
	}
	for _, who := range []string{"campaign:" + e.Campaign, "buyer:" + e.Buyer} {
		for _, i := range a.capsOf[who] {
			if _, configured := a.limit(e, &a.caps[i]); configured && !has(i) {
				a.found(RuleChargeMissing, e.Lead, "attempt %s did not charge %s", e.Attempt, a.caps[i].Key)
				counted = append(counted, windowKey{i, a.caps[i].windowName(e.At)})
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
		u = &windowUse{}
		a.windows[k] = u
		a.report.Counts.Windows++
	}
	u.n++
	c := &a.caps[k.cap]
	most, configured := a.limit(e, c)
	if configured && u.n > most {
		a.found(RuleCapPassed, e.Lead, "attempt %s is number %d in window %s of %s, which allows %d", e.Attempt, u.n,
			k.window, c.Key, most)
	}
	if configured && u.n >= most && !u.full {
		u.full = true
		a.report.Counts.FullCaps++
	}
}
