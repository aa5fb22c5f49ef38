// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"clearpost/auction"
	"clearpost/exchange"
)

// planBuyers is a page of campaigns of the vertical auto, each as "id" and what else stands in it.
func planBuyers(campaigns ...string) string {
	var b strings.Builder
	b.WriteString("id: many\ncampaigns:\n")
	for _, c := range campaigns {
		id, more, _ := strings.Cut(c, " ")
		fmt.Fprintf(&b, "  - {id: %s, vertical: auto, price: 10%s, post: {request: {url: \"https://m.example/p\"}, "+
			"answer: {success: [{path: ok, equals: true}]}}}\n", id, strings.Replace(more, "+", ", ", 1))
	}
	return b.String()
}

var planCampaigns = planBuyers("acme-ca +labels: [premium, west]", "bolt-tx +labels: [west], role: overflow",
	"core-us +role: primary")

// loadPlan reads a plan of the vertical auto.
func loadPlan(t *testing.T, plan string, more ...change) (*Config, error) {
	t.Helper()
	return Load(writeConfig(t, append([]change{{"buyers/many.yaml", "", planCampaigns},
		{"verticals/auto.yaml", "", plan}}, more...)...), nil)
}

// seats are a campaign's places, as tier:position*weight.
func seats(r *exchange.Routing, campaign string) string {
	var out []string
	for _, s := range r.Seats[campaign] {
		out = append(out, fmt.Sprintf("%d:%d*%d", s.Tier, s.Position, s.Weight))
	}
	return strings.Join(out, " ")
}

func TestPlanIsRead(t *testing.T) {
	cfg, err := loadPlan(t, `plan:
  walk: best_total
  timezone: America/New_York
  tiers:
    - {name: best, when: 'lead.age < 35', sell: exclusive, floor: 50.00, campaigns: [label:premium]}
    - {name: semi, mode: auction, sell: semi_exclusive, floor: 25, ceiling: 40, when: [{field: time, max: "17:00"}]}
    - {name: list, mode: waterfall, sell: 5, campaigns: [core-us, label:west]}
    - {name: turns, mode: round_robin, campaigns: [label:west, role:primary]}
    - {name: draw, mode: weighted, campaigns: [{id: bolt-tx, weight: 3}, {id: label:west, weight: 2}, core-us]}
    - {name: value, mode: waterfall_by_value}
`)
	if err != nil {
		t.Fatal(err)
	}
	r := cfg.Exchange.Verticals[0].Plan.Routing
	want := []auction.Tier{{Name: "best", SellLimit: 1, Floor: 50_000_000},
		{Name: "semi", SellLimit: 3, Floor: 25_000_000, Ceiling: 40_000_000},
		{Name: "list", Mode: auction.Waterfall, SellLimit: 5}, {Name: "turns", Mode: auction.RoundRobin, SellLimit: 1},
		{Name: "draw", Mode: auction.Weighted, SellLimit: 1},
		{Name: "value", Mode: auction.WaterfallByValue, SellLimit: 1}}
	if r.Plan.Walk != auction.BestTotal || !slices.Equal(r.Plan.Tiers, want) || r.SellLimit() != 5 {
		t.Errorf("%+v", r.Plan)
	}
	for campaign, want := range map[string]string{
		"acme-ca": "0:0*1 1:0*1 2:1*1 3:0*1 4:2*2 5:0*1", "bolt-tx": "1:1*1 2:1*1 3:1*1 4:0*3 5:1*1",
		"core-us": "1:2*1 2:0*1 3:3*1 4:4*1 5:2*1", "one-auto": "1:3*1 5:3*1"} {
		if got := seats(r, campaign); got != want {
			t.Errorf("seats of %s: %s, want %s", campaign, got, want)
		}
	}
	if len(r.When[0]) != 1 || len(r.When[1]) != 1 || len(r.When[2]) != 0 {
		t.Errorf("criteria: %v", r.When)
	}
}

// Where the vertical has a limit, the tiers that say nothing have it, and none goes beyond it; else they set it.
func TestSellLimitsOfTiers(t *testing.T) {
	for limit, want := range map[string]string{"": "[4 1] 4", "sell_limit: 4\n": "[4 4] 4",
		"sell_limit: 9\n": "[4 9] 9"} {
		cfg, err := loadPlan(t, limit+"plan: {tiers: [{name: a, sell: 4}, {name: b}]}\n")
		if err != nil {
			t.Fatal(limit, err)
		}
		r := cfg.Exchange.Verticals[0].Plan.Routing
		if got := fmt.Sprint([]int{r.Plan.Tiers[0].SellLimit, r.Plan.Tiers[1].SellLimit}, r.SellLimit()); got != want {
			t.Errorf("%q: %s, want %s", limit, got, want)
		}
	}
}

func TestSourceHasItsOwnPlan(t *testing.T) {
	cfg, err := loadPlan(t, "", change{"sources/acme.yaml", "",
		"plans: {auto: {tiers: [{name: own, mode: waterfall, sell: 2, campaigns: [one-auto, core-us]}]}}\n"})
	if err != nil {
		t.Fatal(err)
	}
	src, v := cfg.Exchange.Sources[0], cfg.Exchange.Verticals[0]
	if r := src.Routing(v); v.Plan.Routing != nil || r == nil || r.Plan.Tiers[0].Name != "own" ||
		src.SellLimit(v) != 2 {
		t.Errorf("plans %+v", src.Plans)
	}
	if w := cfg.unseated(); len(w) != 0 { // other sources have the one auction
		t.Error(w)
	}
}

func TestCampaignsInNoTierAreWarnedOf(t *testing.T) {
	const plan = "plan: {tiers: [{name: a, campaigns: [acme-ca, label:west]}]}\n"
	cfg, err := loadPlan(t, plan)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(cfg.Warnings(), "\n")
	for id, warned := range map[string]bool{"acme-ca": false, "bolt-tx": false, "core-us": true, "one-auto": true} {
		if strings.Contains(got, "campaign "+id+": no tier of a plan of auto") != warned {
			t.Errorf("%s: %s", id, got)
		}
	}
	cfg, err = loadPlan(t, plan, change{"sources/acme.yaml", "", "plans: {auto: {tiers: [{name: own}]}}\n"})
	if err != nil || len(cfg.unseated()) != 0 {
		t.Errorf("%v, %v", cfg.unseated(), err)
	}
}

// All mistakes of all plans are told at once, each with its place.
func TestMistakesInPlans(t *testing.T) {
	_, err := loadPlan(t, `sell_limit: 3
floor: 5
plan:
  walk: sideways
  timezone: EST
  tiers:
    - {sell: 4, ceiling: 4}
    - {name: "no good", sell: lots, floor: -1, ceiling: 0}
    - {name: a, mode: waterfall, when: 'lead.agee < 3'}
    - {name: a, mode: simultaneous, sell: 1, when: [{field: age, min: x}, {field: time, max: "12:00"}]}
    - {name: b, mode: lottery}
    - {name: c, campaigns: [{id: core-us, weight: 1}]}
    - {name: d, mode: weighted, campaigns: [{id: core-us, weight: 1000001}, core-us, {id: a, role: b}, {weight: 2}]}
    - {name: e, campaigns: [acme-cx, label:wets, role:overflo, role:backup, "x:y", one-auto]}
`, change{"sources/acme.yaml", "", "plans:\n  life: {tiers: []}\n  auto: {tiers: [{name: x, sell: 4}]}\n"})
	want := []string{
		`sources/acme.yaml:7:9: "life": expected one of the verticals that the source may send`,
		`sources/acme.yaml:8:34: "4": expected at most 3 sales, the sell_limit of the vertical`,
		`verticals/auto.yaml:13:9: "sideways": expected in_order or best_total`,
		`verticals/auto.yaml:14:13: "EST": expected an IANA zone: write America/New_York`,
		`verticals/auto.yaml:16:7: name is not there: expected the tier's name, which stands in events`,
		`verticals/auto.yaml:16:14: "4": expected at most 3 sales, the sell_limit of the vertical`,
		`verticals/auto.yaml:16:26: "4.00": expected no less than the floor: nobody could buy in this tier`,
		`verticals/auto.yaml:17:14: "no good": expected an id of 1 to 64 letters, digits, ` + "`-`, `_` and `.`" +
			`, beginning with a letter or digit`,
		`verticals/auto.yaml:17:31: "lots": expected exclusive, semi_exclusive or a number from 1 to 100`,
		`verticals/auto.yaml:17:44: "-1.00": expected an amount that is not negative`,
		`verticals/auto.yaml:17:57: "0.00": expected an amount above 0`,
		`verticals/auto.yaml:18:7: campaigns is not there: expected the campaigns in the order in which they are tried`,
		`verticals/auto.yaml:18:40: "lead.agee": expected a field of vertical auto: did you mean lead.age? (column 1)`,
		`verticals/auto.yaml:19:14: "a": expected a name that no other tier of the plan has`,
		`verticals/auto.yaml:19:23: "simultaneous": expected another mode, or a sell limit of 2 or more: posts go ` +
			`out at the same time to as many buyers as may have the lead, and this tier sells it once`,
		`verticals/auto.yaml:19:71: "x": expected a whole number`,
		`verticals/auto.yaml:19:83: "time": expected a ` + "`timezone`" +
			` of the page or the plan, in which the time is told`,
		`verticals/auto.yaml:20:23: "lottery": expected one of auction, waterfall, waterfall_by_value, round_robin, ` +
			`weighted, simultaneous`,
		`verticals/auto.yaml:21:51: "1": expected no weight: the mode is not weighted`,
		`verticals/auto.yaml:22:67: "1000001": expected 0 to 1000000`,
		`verticals/auto.yaml:22:77: expected each entry once`,
		`verticals/auto.yaml:22:86: expected one of a campaign's id, label:NAME and role:NAME`,
		`verticals/auto.yaml:22:104: expected one of a campaign's id, label:NAME and role:NAME`,
		`verticals/auto.yaml:23:29: "acme-cx": expected the id of a campaign of vertical auto: did you mean "acme-ca"?`,
		`verticals/auto.yaml:23:38: "wets": expected a label of a campaign of vertical auto: did you mean "west"?`,
		`verticals/auto.yaml:23:50: "overflo": expected a role of a campaign of vertical auto: did you mean "overflow"?`,
		`verticals/auto.yaml:23:64: "backup": expected a role of a campaign of vertical auto`,
		`verticals/auto.yaml:23:77: "x:y": expected the id of a campaign of vertical auto`,
	}
	if got := places(t, err); !slices.Equal(got, want) {
		t.Errorf("mistakes:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// While a page of campaigns is broken, nobody can tell whom a plan means: only what stands there by itself is judged.
func TestPlanBesideABrokenPage(t *testing.T) {
	_, err := loadPlan(t, "plan: {tiers: [{name: a, campaigns: [nobody]}, {name: a}]}\n", change{"buyers/one.yaml",
		"price: 0010.50", "price: 0010.50\n    role: first\n    labels: [a, a, \"b c\"]"})
	want := []string{`buyers/one.yaml:7:11: "first": expected primary, backup, overflow`,
		`buyers/one.yaml:8:17: "a": expected each label once`,
		`buyers/one.yaml:8:20: "b c": expected an id of 1 to 64 letters, digits, ` + "`-`, `_` and `.`" +
			`, beginning with a letter or digit`,
		`verticals/auto.yaml:10:55: "a": expected a name that no other tier of the plan has`}
	if got := places(t, err); !slices.Equal(got, want) {
		t.Errorf("mistakes:\n%s", strings.Join(got, "\n"))
	}
}

// A file of values that only a plan looks in is read, by its reload too.
func TestPlanLooksInAFileOfValues(t *testing.T) {
	cfg, err := loadPlan(t, "plan: {tiers: [{name: a, when: [{field: zip, in_file: zips.txt}]}, {name: b}]}\n",
		change{"lists/zips.txt", "", "90210\n10001\n"})
	if err != nil {
		t.Fatal(err)
	}
	again, err := cfg.Again()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []*Config{cfg, again} {
		if r := c.Exchange.Verticals[0].Plan.Routing; len(r.When[0]) != 1 || c.Lists[0].Values != 2 {
			t.Errorf("criteria %v, lists %+v", r.When, c.Lists)
		}
	}
	_, err = loadPlan(t, "plan: {tiers: [{name: a, when: [{field: zip, in_file: zip.txt}]}]}\n",
		change{"lists/zips.txt", "", "90210\n"})
	want := `verticals/auto.yaml:10:55: "zip.txt": expected a file in lists/ with one value a line: ` +
		`did you mean "zips.txt"?`
	if got := places(t, err); len(got) == 0 || !slices.Contains(got, want) {
		t.Errorf("%s", strings.Join(got, "\n"))
	}
}

// What no lead can meet is a mistake, and a tier whose campaigns want other leads is told of.
func TestTiersThatNobodyGetsTo(t *testing.T) {
	_, err := loadPlan(t, "plan: {tiers: [{name: a, when: 'lead.age < 30 && lead.age > 40'}, {name: b}]}\n")
	if err == nil || !strings.Contains(err.Error(), "verticals/auto.yaml:10:32: expected a criterion that a lead can") {
		t.Errorf("a contradiction: %v", err)
	}
	old := change{"buyers/many.yaml", "id: acme-ca, vertical: auto,", "id: acme-ca, vertical: auto, criteria: " +
		"[{field: age, min: 50}],"}
	cfg, err := loadPlan(t, "plan: {tiers: [{name: young, when: 'lead.age < 30', campaigns: [acme-ca]}, "+
		"{name: all, when: 'lead.age < 60'}]}\n", old)
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, w := range cfg.Warnings() {
		if strings.Contains(w, "sells nothing") {
			told = append(told, w)
		}
	}
	if len(told) != 1 || !strings.HasPrefix(told[0], "plan of auto, tier young: ") {
		t.Errorf("warnings: %q", told)
	}
}
