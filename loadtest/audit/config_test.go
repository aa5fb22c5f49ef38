// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestPingIsHeldToItsConfiguration(t *testing.T) {
	inAZ := func(field func(string) string) bool { return field("state") == "AZ" }
	c := &Config{Campaigns: map[string]Terms{
		"list":  {Vertical: "solar", Price: 20 * unit, MaxSold: 1, Wants: inAZ},
		"bids":  {Vertical: "solar", MaxSold: 2},
		"other": {Vertical: "auto", Price: 9 * unit, MaxSold: 1},
	}}
	ping := func(state, bids string) []byte {
		return []byte(`{"kind":"pinged","vertical":"solar","fields":{"state":"` + state + `"},"bids":[` + bids + `]}`)
	}
	list, quoted := `{"campaign":"list","price_micros":20000000,"max_sold":1,"rank":1}`,
		`{"campaign":"bids","price_micros":3000000,"max_sold":2}`
	for _, x := range []struct{ name, state, bids, want string }{
		{"as it stands", "AZ", list + "," + quoted, ""},
		{"not wanted", "NV", quoted, ""},
		{"refused without a price", "AZ", `{"campaign":"list","max_sold":1,"refusal":202},` + quoted, ""},
		{"another list price", "AZ", strings.Replace(list, "20000000", "21000000", 1) + "," + quoted, "list bid"},
		{"another promise", "AZ", list + "," + strings.Replace(quoted, `"max_sold":2`, `"max_sold":1`, 1),
			"bids bid for 1 sales"},
		{"asked against its criteria", "NV", list + "," + quoted, "list does not want"},
		{"left out", "AZ", quoted, "list wants the lead"},
		{"unknown campaign", "NV", quoted + `,{"campaign":"gone","max_sold":1}`, "no campaign gone"},
		{"of another vertical", "NV", quoted + `,{"campaign":"other","price_micros":9000000,"max_sold":1}`,
			"other does not want"},
		{"ranked for nothing", "AZ", `{"campaign":"list","max_sold":1,"rank":1},` + quoted, "without its list price"},
	} {
		got := strings.Join(c.explain(ping(x.state, x.bids)), "; ")
		if got != x.want && (x.want == "" || !strings.Contains(got, x.want)) {
			t.Errorf("%s: found %q, want %q", x.name, got, x.want)
		}
	}
}

func TestClosedCampaignIsNotConsidered(t *testing.T) {
	noon := func(at time.Time) bool { return at.UTC().Hour() == 12 }
	c := &Config{Campaigns: map[string]Terms{"a": {Vertical: "solar", MaxSold: 1, Open: noon}}}
	for hour, want := range map[string]string{"11": "a does not want the lead", "12": ""} {
		asked := `{"vertical":"solar","at":"2026-11-23T` + hour + `:59:59Z","bids":[{"campaign":"a","max_sold":1}]}`
		if got := strings.Join(c.explain([]byte(asked)), "; "); got != want {
			t.Errorf("asked at %s: found %q, want %q", hour, got, want)
		}
	}
}

func TestEventsAndCapsAreHeldToTheConfigurationThatTheyName(t *testing.T) {
	judge := func(change func(h *history, c *Config)) *Report {
		t.Helper()
		h := clean(t)
		c := &Config{Campaigns: map[string]Terms{}, Caps: map[string]int64{}}
		for _, e := range h.events {
			e["config"] = "first"
			if id, ok := e["campaign"].(string); ok && e["kind"] == "posting" {
				c.Campaigns[id] = Terms{Vertical: "elsewhere"}
			}
			if e["kind"] == "pinged" {
				delete(e, "bids")
				e["result"], e["vertical"] = "failure", "solar"
			}
		}
		for _, k := range h.caps {
			key := k.Key
			if key == "" {
				key = k.Who + ":" + k.Per
			}
			c.Caps[key] = k.Max
		}
		change(h, c)
		h.configs = map[string]*Config{"first": c}
		return h.judge()
	}
	if r := judge(func(*history, *Config) {}); r.ByRule[RuleConfig] != 0 || r.ByRule[RuleCapPassed] != 0 ||
		r.Counts.Explained == 0 {
		t.Errorf("clean: %v, %+v", r.ByRule, r.Counts)
	}
	if r := judge(func(h *history, _ *Config) { h.events[0]["config"] = "second" }); r.ByRule[RuleConfig] != 1 {
		t.Errorf("a configuration that is not known: %v", r.ByRule)
	}
	if r := judge(func(_ *history, c *Config) { clear(c.Campaigns) }); r.ByRule[RuleConfig] == 0 {
		t.Errorf("postings of campaigns that are not configured: %v", r.ByRule)
	}
	if r := judge(func(_ *history, c *Config) { c.Caps["buyer:sunco:total"] = 1 }); r.ByRule[RuleCapPassed] == 0 {
		t.Errorf("a lower cap in the configuration: %v", r.ByRule)
	}
}

// A limit that was lowered while the exchange ran is held against what came after it, and one that was raised does not
// excuse what came before.
func TestLimitsAreThoseOfTheConfigurationOfEachEvent(t *testing.T) {
	for name, c := range map[string]struct {
		old, last int64 // what a cap allowed in the first configuration, under which all happened, and at the end
		want      bool  // it is found to be passed
	}{
		"the same":                   {old: 1000, last: 1000},
		"lowered when all was sold":  {old: 1000, last: 1},
		"raised when all was sold":   {old: 1, last: 1000, want: true},
		"it was none, and is one":    {old: -1, last: 1},
		"a configuration is unknown": {old: -2, last: 1},
	} {
		t.Run(name, func(t *testing.T) {
			h := clean(t)
			for _, e := range h.events {
				e["config"] = "first"
			}
			old := slices.Clone(h.caps)
			at := slices.IndexFunc(h.caps, func(k Cap) bool { return k.Who == "buyer:sunco" && k.Per == "total" })
			h.caps[at].Max, old[at].Max = c.last, c.old
			h.capsUnder = func(config string) ([]Cap, error) {
				if config != "first" || c.old == -2 {
					return nil, errors.New("it was not kept")
				}
				if c.old < 0 {
					old = slices.Delete(old, at, at+1)
				}
				return old, nil
			}
			r := h.judge()
			if got := r.ByRule[RuleCapPassed] > 0; got != c.want {
				t.Errorf("passed: %t, want %t: %+v", got, c.want, r.Findings)
			}
			if got, want := r.ByRule[RuleConfig], map[bool]int{true: 1}[c.old == -2]; got != want {
				t.Errorf("%d findings of the configuration, want %d: %+v", got, want, r.Findings)
			}
		})
	}
}
