// SPDX-License-Identifier: Apache-2.0

package config

import (
	"slices"
	"strings"
	"testing"
)

func TestOperatorsDoorIsWarnedOfBeforeItOpens(t *testing.T) {
	for listen, warned := range map[string]bool{"": false, "127.0.0.1:0": false, "[::1]:8081": false,
		"localhost:8081": false, ":8081": true, "0.0.0.0:8081": true, "10.1.2.3:8081": true} {
		var changes []change
		if listen != "" {
			changes = append(changes, change{"clearpost.yaml", "{listen: 127.0.0.1:8081}", `{listen: "` + listen + `"}`})
		}
		cfg, err := Load(writeConfig(t, changes...), nil)
		if err != nil {
			t.Fatal(listen, err)
		}
		if got := strings.Contains(strings.Join(cfg.Warnings(), "\n"), "admin.listen"); got != warned {
			t.Errorf("%q: %q", listen, cfg.Warnings())
		}
	}
}

func TestCampaignsThatCannotWinAreWarnedOf(t *testing.T) {
	const age = "{field: age, min: 25, max: 70}"
	for name, c := range map[string]struct {
		changes []change
		warned  string
	}{
		"nothing": {nil, ""},
		"below the floor": {[]change{{"verticals/auto.yaml", "person_key", "floor: 11\nperson_key"}},
			"campaign one-auto, price: 10.50 is below the floor of vertical auto, which is 11.00: it can never win"},
		"at the floor": {[]change{{"verticals/auto.yaml", "person_key", "floor: 10.50\nperson_key"}}, ""},
		"a source that is not there": {[]change{{"buyers/one.yaml", age, "{field: source, in: [acme, amce]}"}},
			"campaign one-auto, criteria: there is no source amce"},
		"within a group": {[]change{{"buyers/one.yaml", age, "{not: {any: [{field: source, not_in: [amce]}]}}"}},
			"campaign one-auto, criteria: there is no source amce"},
		"a member that no lead meets": {[]change{{"buyers/one.yaml", age,
			"{any: [{field: age, min: 30}, {all: [{field: zip, in: [10001]}, {field: gender, in: [F]}]}]}"}},
			"campaign one-auto, criteria[1].any[1]: no lead can meet it that meets the other criteria"},
	} {
		cfg, err := Load(writeConfig(t, c.changes...), nil)
		if err != nil {
			t.Fatal(name, err)
		}
		warnings := slices.DeleteFunc(cfg.Warnings(), func(w string) bool { return strings.Contains(w, "post.answer") })
		if got := strings.Join(warnings, "\n"); got != c.warned {
			t.Errorf("%s: %q, expected %q", name, got, c.warned)
		}
	}
}

func TestCriteriaThatNoLeadCanMeetAreRefused(t *testing.T) {
	const age = "{field: age, min: 25, max: 70}"
	for _, c := range []struct {
		criterion string
		places    []string
	}{
		{"{field: zip, in: [10001]}", []string{"buyers/one.yaml:9:9: expected criteria that one lead can meet: none " +
			"meets both criteria[0] (zip: one of 02134, 90210) and this (zip: one of 10001)"}},
		{"{field: zip, present: false}", []string{"buyers/one.yaml:9:9: expected a criterion that a lead can meet: " +
			"the vertical takes no lead without zip"}},
		{"{any: [{field: age, max: 20}, {field: phone.type, in: [mobile]}]}", []string{
			`buyers/one.yaml:9:39: "mobile": expected one of fixed_or_mobile, personal, premium, toll_free, unknown, ` +
				"voip: that is all that numbers of US tell, and nothing looks them up. If numbers of other countries " +
				"are meant, add a criterion on phone.country"}},
		// what is wrong by itself is told alone
		{"{field: zip, in: [1]}", []string{`buyers/one.yaml:9:27: "1": expected a US ZIP code of 5 or 9 digits or a ` +
			"Canadian or British postal code (it has too few digits)"}},
	} {
		_, err := Load(writeConfig(t, change{"buyers/one.yaml", age, c.criterion}), nil)
		if got := places(t, err); !slices.Equal(got, c.places) {
			t.Errorf("%s:\n%s", c.criterion, strings.Join(got, "\n"))
		}
	}
}

// How a buyer pays is decided by the journal: where nothing keeps that, the rule is refused, with both places.
func TestStandingNeedsTheJournal(t *testing.T) {
	rule := change{"buyers/one.yaml", "id: one\n", "id: one\nterms: {net_days: 14}\nstanding: {stop_after_days: 7}\n"}
	off := change{nodeFile, "", "limits: {report_cpu_percent: 0}\n"}
	for _, c := range []struct {
		changes []change
		want    []string
	}{
		{[]change{rule}, nil}, {[]change{off}, nil},
		{[]change{rule, off}, []string{"clearpost.yaml:4:30: \"0\": expected 1 to 100: `standing` of buyer one " +
			"(buyers/one.yaml:1) is decided by the journal, which is kept with what find and report read"}},
	} {
		_, err := Load(writeConfig(t, c.changes...), nil)
		if got := places(t, err); !slices.Equal(got, c.want) {
			t.Errorf("%v:\n%s", c.changes, strings.Join(got, "\n"))
		}
	}
}
