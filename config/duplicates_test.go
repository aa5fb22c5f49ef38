// SPDX-License-Identifier: Apache-2.0

package config

import (
	"strings"
	"testing"
	"time"

	"clearpost/exchange"
)

func TestDuplicateRulesOfEveryOwner(t *testing.T) {
	parents := "parents: {big: {duplicates: [{fields: [phone], days: 2}]}}\n"
	cfg, err := Load(writeConfig(t, change{"clearpost.yaml", "", parents},
		change{"verticals/auto.yaml", "", "duplicates: [{fields: [phone, zip], days: 3}]\n"},
		change{"sources/acme.yaml", "", "duplicates: [{fields: [phone], days: 4, counts: posted}]\n"},
		change{"buyers/one.yaml", "campaigns:", "duplicates: [{fields: [email], days: 5}]\ncampaigns:"}), nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, u := range exchange.UniquesOf(&cfg.Exchange) {
		got = append(got, u.Rule+" "+(u.Window/(24*time.Hour)).String()+" "+u.String())
	}
	want := []string{"vertical:auto:phone,zip 3ns a lead of the same phone, zip once in 3 days",
		"source:acme:phone 4ns a lead of the same phone posted once in 4 days",
		"parent:big:phone 2ns a lead of the same phone once in 2 days",
		"buyer:one:email 5ns a lead of the same email once in 5 days"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("rules:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestBadDuplicateRules(t *testing.T) {
	for rule, want := range map[string]string{
		"{fields: [phone]}":                                      `days is not there: expected 1 to 3660 days`,
		"{fields: [phone], days: 4000}":                          `"4000": expected 1 to 3660 days`,
		"{days: 3}":                                              `fields is not there: expected 1 to 4 fields by which a lead is known`,
		"{fields: [fone], days: 3}":                              `"fone": expected a field of vertical auto`,
		"{fields: [zip|phone], days: 3}":                         `"zip|phone": expected a field of type phone or email, then one of`,
		"{fields: [phone], days: 3, counts: all}":                `"all": expected sold or posted`,
		"{fields: [phone], days: 3}, {fields: [phone], days: 4}": `"phone": expected fields of which there is no rule yet`,
	} {
		_, err := Load(writeConfig(t, change{"verticals/auto.yaml", "", "duplicates: [" + rule + "]\n"}), nil)
		if got := strings.Join(places(t, err), "\n"); !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", rule, got, want)
		}
	}
	// their time may not be longer than events are kept
	_, err := Load(writeConfig(t, change{"clearpost.yaml", "", "limits: {retention_days: 30}\n"},
		change{"buyers/one.yaml", "campaigns:", "duplicates: [{fields: [phone], days: 31}]\ncampaigns:"}), nil)
	if got := strings.Join(places(t, err), "\n"); !strings.Contains(got, "expected at least 31") {
		t.Errorf("retention: %s", got)
	}
}
