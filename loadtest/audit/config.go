// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"fmt"
	"strings"
	"time"

	"github.com/tidwall/gjson"
)

// Terms are what a configuration says of one campaign. Price is in micros.
type Terms struct {
	Vertical string
	Price    int64 // the list price; 0: it bids by ping
	MaxSold  int
	// Wants tells whether a lead meets the criteria; field gives the lead's values as the ping's event has them, ""
	// where there is none. Nil: every lead.
	Wants func(field func(name string) string) bool
	Open  func(at time.Time) bool // whether it takes leads at this time; nil: always
	// what an attempt counts as, accepted or rejected, whose outcome nobody has found out after so long; "": nothing
	CountsAs    string
	CountsAfter time.Duration
}

// Config is what a configuration says, as the auditor is told. A campaign that is not in it was not configured.
type Config struct {
	Campaigns map[string]Terms
	Caps      map[string]int64 // the limit of each cap in it, by its title
	Uniques   []Unique
}

// explain judges whether an event's configuration explains it: for a ping, that exactly those campaigns were considered
// whose criteria the lead meets, at the price and for the number of sales that stand there; for a posting, that its
// campaign is one of it.
func (a *auditor) explain(e *event, b []byte) {
	if a.configs == nil || e.Kind == "adjusted" {
		return
	}
	c := a.configs[e.Config]
	if c == nil {
		a.found(RuleConfig, e.Lead, "event %s names the configuration %q, which is not known", e.EventID, e.Config)
		return
	}
	switch e.Kind {
	case "pinged":
		for _, why := range c.explain(b) {
			a.found(RuleConfig, e.Lead, "the ping's configuration %s does not explain it: %s", e.Config, why)
		}
	case "posting":
		if _, ok := c.Campaigns[e.Campaign]; !ok {
			a.found(RuleConfig, e.Lead, "attempt %s is of campaign %s, which its configuration %s does not have",
				e.Attempt, e.Campaign, e.Config)
		}
	}
	a.report.Counts.Explained++
}

// heldClosed is the number of the refusal of a campaign that is closed and lets the lead wait until it opens.
const heldClosed = 201

func (c *Config) explain(b []byte) (why []string) {
	ev := gjson.ParseBytes(b)
	vertical := ev.Get("vertical").Str
	values := map[string]string{}
	for _, at := range []string{"fields", "private.fields"} {
		ev.Get(at).ForEach(func(k, v gjson.Result) bool {
			values[k.Str] = v.String()
			return true
		})
	}
	at := ev.Get("at").Time()
	field := func(name string) string { return values[name] }
	wants := func(t Terms) bool {
		return t.Vertical == vertical && (t.Open == nil || t.Open(at)) && (t.Wants == nil || t.Wants(field))
	}
	bids := map[string]bool{}
	ev.Get("bids").ForEach(func(_, bid gjson.Result) bool {
		id := bid.Get("campaign").Str
		bids[id] = true
		t, ok := c.Campaigns[id]
		price, err := integer(bid.Get("price_micros"))
		switch {
		case !ok:
			why = append(why, "it has no campaign "+id)
		case !wants(t) && bid.Get("held").Int() != heldClosed:
			why = append(why, id+" does not want the lead")
		case err != nil || t.Price > 0 && price != 0 && price != t.Price:
			why = append(why, fmt.Sprintf("%s bid %s, its list price is %s", id, money(price), money(t.Price)))
		case bid.Get("held").Int() != 0 && (t.Price == 0 || bid.Get("refusal").Int() == 0 && price == 0):
			why = append(why, id+" lets the lead wait, and has no list price")
		case bid.Get("max_sold").Int() > int64(t.MaxSold),
			bid.Get("tier").Str == "" && bid.Get("max_sold").Int() != int64(t.MaxSold): // a tier may sell less often
			why = append(why, fmt.Sprintf("%s bid for %d sales, expected %d", id, bid.Get("max_sold").Int(), t.MaxSold))
		case t.Price > 0 && bid.Get("rank").Int() > 0 && price == 0:
			why = append(why, id+" has a rank without its list price")
		}
		return true
	})
	switch ev.Get("refusal").Int() {
	case leadRepeated, sourceFull, verticalFull: // nobody is looked for
		return why
	}
	for id, t := range c.Campaigns {
		if wants(t) && !bids[id] {
			why = append(why, id+" wants the lead and was not considered")
		}
	}
	return why
}

// limit is what a cap allows of a value (of all, where it does not tell values apart) in a window, by the configuration
// of an event; false: as much as there is.
func (a *auditor) limit(e *event, c *capState, value, window string) (most int64, has bool) {
	switch c, has = a.configured(e, c); {
	case !has:
		return 0, false
	case a.configs != nil:
		return a.configs[e.Config].Caps[c.Title()], true
	case c.By != "":
		return c.mostOf(value, window)
	}
	return c.most(window), true
}

// configured is a cap as an event's configuration has it, and whether it does.
func (a *auditor) configured(e *event, c *capState) (*capState, bool) {
	switch {
	case a.configs != nil:
		cfg := a.configs[e.Config]
		if cfg == nil {
			return c, false
		}
		_, has := cfg.Caps[c.Title()]
		return c, has
	case a.capsUnder != nil:
		c = a.capsOfConfig(e.Config)[c.Title()]
		return c, c != nil
	}
	return c, true
}

// capsOfConfig are the caps of a configuration by title.
func (a *auditor) capsOfConfig(config string) map[string]*capState {
	if of, ok := a.under[config]; ok {
		return of
	}
	of := map[string]*capState{}
	a.under[a.name(config)] = of
	list, err := a.capsUnder(config)
	if err != nil {
		a.found(RuleConfig, id{}, "the limits of configuration %q are not known: %v", config, err)
	}
	for i := range list {
		c := &capState{Cap: list[i]}
		c.setKey()
		of[c.Title()] = c
	}
	return of
}

// most is what a cap allows in a window by the day on which it begins.
func (c *capState) most(window string) int64 {
	day, err := time.Parse(time.DateOnly, window[:min(len(window), len(time.DateOnly))])
	if n, ok := c.Weekdays[day.Weekday()]; ok && err == nil {
		return n
	}
	return c.Max
}

// assumed takes a resolution that nobody has found out, but a campaign's terms have said: those of some configuration,
// since they are those in force then.
func (a *auditor) assumed(e *event, p *attempt) {
	if e.By != "clearpost" || !strings.HasPrefix(e.Why, "nobody has found out") {
		return
	}
	p.assumed = true
	a.report.Counts.Assumed++
	if e.Outcome == "accepted" && e.Price != p.bid {
		a.found(RuleAssumed, e.Lead, "attempt %s counts as accepted at %s, its bid was %s", e.Attempt, money(e.Price),
			money(p.bid))
	}
	if a.configs == nil {
		return
	}
	for _, c := range a.configs {
		t := c.Campaigns[p.campaign]
		if t.CountsAs == e.Outcome && e.At.UnixMicro()-p.at >= t.CountsAfter.Microseconds()-1 {
			return
		}
	}
	a.found(RuleAssumed, e.Lead, "attempt %s of %s counts as %s after %v, which no configuration says", e.Attempt,
		p.campaign, e.Outcome, time.Duration(e.At.UnixMicro()-p.at)*time.Microsecond)
}
