// SPDX-License-Identifier: Apache-2.0

package config

import (
	"slices"
	"strings"
	"testing"

	"clearpost/exchange"
)

func TestEconomyIsRead(t *testing.T) {
	for text, want := range map[string]exchange.Economy{
		"":                           {},
		"economy: {most_asked: 7}\n": {MostAsked: 7, ExplorePPM: 100_000},
		"economy: {most_asked: 7, explore_percent: 0}\n":     {MostAsked: 7},
		"economy: {close_early: true}\n":                     {CloseEarly: true},
		"economy: {skip_slow: true}\n":                       {SkipSlow: true, TrySlowPPM: 50_000},
		"economy: {skip_slow: true, try_slow_percent: 20}\n": {SkipSlow: true, TrySlowPPM: 200_000},
	} {
		cfg, err := loadPlan(t, text)
		if err != nil {
			t.Fatal(err)
		}
		if got := cfg.Exchange.Verticals[0].Economy; got != want {
			t.Errorf("%s: %+v, want %+v", text, got, want)
		}
	}
}

func TestTierByTierIsRead(t *testing.T) {
	cfg, err := loadPlan(t, `plan:
  ask: tier_by_tier
  tiers:
    - {name: a, time_percent: 40}
    - {name: b}
    - {name: c}
`)
	if err != nil {
		t.Fatal(err)
	}
	if r := cfg.Exchange.Verticals[0].Plan.Routing; !r.TierByTier || !slices.Equal(r.Shares, []int{40, 0, 0}) {
		t.Errorf("%+v", r)
	}
	for _, ask := range []string{"", "  ask: all\n"} {
		if cfg, err = loadPlan(t, "plan:\n"+ask+"  tiers: [{name: a}]\n"); err != nil ||
			cfg.Exchange.Verticals[0].Plan.Routing.TierByTier {
			t.Errorf("%q: %v", ask, err)
		}
	}
}

func TestMistakesInEconomies(t *testing.T) {
	for text, want := range map[string][]string{
		"economy: {most_asked: 0, explore_percent: 101}\n": {
			`10:23: "0": expected 1 to 10000`,
			`10:43: "101": expected 0 to 100`},
		"economy: {explore_percent: 5, try_slow_percent: 5}\n": {
			`10:28: "5": expected no such key without economy.most_asked: all are asked`,
			`10:49: "5": expected no such key without economy.skip_slow: none is skipped`},
		"economy: {skip_slow: true, try_slow_percent: 0}\n": {`10:46: "0": expected 1 to 100`},
		"economy: {close_early: true}\nlearned_value: {mode: on}\n": {
			`10:24: "true": expected false where learned_value is on: what a bid is worth is not known before it comes`},
		"plan: {ask: some, tiers: [{name: a, time_percent: 5}, {name: b}]}\n": {
			`10:13: "some": expected all or tier_by_tier`,
			`10:51: "5": expected no such key without ask: tier_by_tier`},
		"plan: {ask: tier_by_tier, walk: best_total, tiers: [{name: a}]}\n": {
			`10:13: "tier_by_tier": expected all: which tier has the best total is known when all are asked`},
		"plan: {ask: tier_by_tier, tiers: [{name: a, time_percent: 0}, {name: b, time_percent: 60}, " +
			"{name: c, time_percent: 40}, {name: d, time_percent: 1}]}\n": {
			`10:59: "0": expected 1 to 99 percent of the vertical's ping_deadline_ms`,
			`10:116: "40": expected less: the tiers up to this one have 100 percent together`,
			`10:145: "1": expected none for the last tier: it has all that is left`},
	} {
		_, err := loadPlan(t, text)
		got := places(t, err)
		for i := range got {
			got[i] = strings.TrimPrefix(got[i], "verticals/auto.yaml:")
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s%s\nwant\n%s", text, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}
