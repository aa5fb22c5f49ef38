// SPDX-License-Identifier: Apache-2.0

package config

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

const agedVertical = "id: aged\nfields:\n  - {name: region, type: state, required: ping}\n"

// The page of the how-to is taken, and what cannot be is told with its place.
func TestRemediationToAnotherVertical(t *testing.T) {
	text, err := os.ReadFile("../docs/how-to/sell-what-is-left.md")
	if err != nil {
		t.Fatal(err)
	}
	page := regexp.MustCompile("(?s)```yaml\n(remediation:\n  vertical:.*?)```").FindSubmatch(text)
	if page == nil {
		t.Fatal("no page")
	}
	load := func(page string, aged bool) (*Config, error) {
		verticals := "verticals: [auto]"
		if aged {
			verticals = "verticals: [auto, aged]"
		}
		return loadPlan(t, strings.ReplaceAll(page, "aged-auto", "aged"),
			change{"verticals/aged.yaml", "", agedVertical},
			change{"sources/acme.yaml", "verticals: [auto]", verticals})
	}
	cfg, err := load(string(page[1]), true)
	if err != nil {
		t.Fatal(err)
	}
	r := cfg.Exchange.Verticals[1].Remediation
	if r == nil {
		r = cfg.Exchange.Verticals[0].Remediation
	}
	if r.To == nil || r.To.Vertical != "aged" || r.To.Map["region"] != "state" || len(r.To.Refusals) == 0 ||
		len(r.To.When) == 0 || r.To.Schedule == nil || r.To.HopsMax != 1 || r.For != 24*time.Hour {
		t.Errorf("%+v, %+v", r, r.To)
	}
	const to = "{vertical: aged, map: {region: state}, "
	for _, c := range [][2]string{
		{"{vertical: agd}", `"agd": expected a vertical: did you mean "aged"?`},
		{"{vertical: auto}", `expected another vertical than this one`},
		{"{vertical: aged}", `the field that region gets its value from: vertical aged requires it`},
		{"{vertical: aged, url: x}", `no such key beside vertical`},
		{"{url: 'https://a.example', secrets: [x], hops_max: 2}", `no such key beside url`},
		{"{vertical: aged, map: {regoin: state}}", `a field of vertical aged: did you mean "region"?`},
		{"{vertical: aged, map: {region: stat}}", `a field of vertical auto: did you mean "state"?`},
		{to + "hops_max: 11}", `1 to 10`},
		{to + "refusals: [no_bid_s]}", `the name of a refusal`},
		{to + "when: [{field: zipp, in: ['1']}]}", `"zipp": expected`},
		{to + "schedule: {open: [noon]}}", `"noon": expected days`},
	} {
		if _, err := load("remediation: "+c[0]+"\n", true); err == nil || !strings.Contains(err.Error(), c[1]) {
			t.Errorf("%s: %v, want %s", c[0], err, c[1])
		}
	}
	_, err = load("remediation: {vertical: aged, map: {region: state}}\n", false)
	if err == nil || !strings.Contains(err.Error(), "a vertical that a source of auto leads may send, too") {
		t.Errorf("of no source: %v", err)
	}
}
