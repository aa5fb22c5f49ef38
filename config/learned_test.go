// SPDX-License-Identifier: Apache-2.0

package config

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"clearpost/auction/value"
	"clearpost/exchange"
	"clearpost/lead"
)

func withLearned(t *testing.T, text string) string {
	return writeConfig(t, change{"verticals/auto.yaml", "  - {name: zip, required: ping}",
		"  - {name: zip, required: ping}\n  - {name: ssn, type: ssn, personal: true}"},
		change{"verticals/auto.yaml", "", text})
}

func TestLearnedValue(t *testing.T) {
	load := func(text string) *exchange.Valuation {
		t.Helper()
		cfg, err := Load(withLearned(t, text), nil)
		if err != nil {
			t.Fatal(err)
		}
		return cfg.Exchange.Verticals[0].Learned
	}
	if v := load(""); v != nil {
		t.Errorf("%+v", v)
	}
	if v := load("learned_value: off\n"); v != nil {
		t.Errorf("off: %+v", v)
	}
	for text, mode := range map[string]value.Mode{"observe": value.Observe, "on": value.On} {
		if v := load("learned_value: " + text + "\n"); v == nil || !reflect.DeepEqual(v.Rules, value.Usual(mode)) {
			t.Errorf("%s: %+v", text, v)
		}
	}
	b, err := os.ReadFile("../docs/explanation/effective-value.md")
	if err != nil {
		t.Fatal(err)
	}
	pages := regexp.MustCompile("(?s)```yaml\n(learned_value:.*?)```").FindAllSubmatch(b, -1)
	if len(pages) != 2 {
		t.Fatalf("%d pages in the document", len(pages))
	}
	load(string(pages[0][1]))
	v := load(string(pages[1][1]))
	want := value.Usual(value.On)
	want.Bands = []lead.Money{10 * lead.Unit, 25 * lead.Unit, 50 * lead.Unit}
	want.HalfLife = 30 * 24 * time.Hour
	want.UnusedCap = 100_000
	want.Grades = []value.Grade{{Name: "priority", From: 600_000, Counts: value.One},
		{Name: "secondary", From: 250_000, Counts: 900_000}, {Name: "last-resort", Counts: value.One, Last: true}}
	if !reflect.DeepEqual(v.Rules, want) || len(v.Segment) != 2 || v.Segment[0].Source || !v.Segment[1].Source {
		t.Errorf("%+v", v)
	}
}

func TestLearnedValueMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"maybe":                            "off, observe or on",
		"on, segment: [stat]":              `did you mean "state"`,
		"on, segment: [ssn]":               "not personal",
		"on, segment: [source, source]":    "each field once",
		"on, segment: [zip, city, a, b]":   "at most 3",
		"on, price_bands: [10, 5]":         "each above the one before",
		"on, half_life_days: 0":            "1 to 1095",
		"on, prior: {accept_percent: 101}": "1 to 100",
		"on, explore: {share_percent: 50}": "0 to 20",
		"on, unused_cap_percent: 51":       "0 to 50",
		"on, acceptance: [{name: a, from_percent: 9}, {name: b, from_percent: 9}]": "less than the band before",
		"off, acceptance: [{name: 'a b'}]":                                         "an id of",
	} {
		_, err := Load(withLearned(t, "learned_value: {mode: "+text+"}\n"), nil)
		got := strings.Join(places(t, err), "\n")
		if !strings.Contains(got, want) || !strings.HasPrefix(got, "verticals/auto.yaml:1") {
			t.Errorf("%s: %v: expected %q with its place", text, got, want)
		}
	}
}
