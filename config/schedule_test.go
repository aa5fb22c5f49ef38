// SPDX-License-Identifier: Apache-2.0

package config

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the same zones wherever the tests run
)

const oneBuyer, oneSource = "buyers/one.yaml", "sources/acme.yaml"

// ofCampaign adds keys to the campaign of the small configuration, and ofBuyer to its buyer.
func ofCampaign(text string) change {
	return change{oneBuyer, "    price: 0010.50\n", "    price: 0010.50\n" + text}
}
func ofBuyer(text string) change { return change{oneBuyer, "campaigns:\n", text + "campaigns:\n"} }

func TestSchedulesAreReadWithTheirPlaces(t *testing.T) {
	dir := writeConfig(t, ofBuyer("schedule: {closed: [2026-12-24, weekends]}\n"), ofCampaign(`    schedule:
      zone: America/New_York
      open:
        - mon-fri 08:00-20:00
        - 2026-12-24 08:00-12:00
      closed: [us_federal_holidays]
      from: 2026-11-01
`), change{oneSource, "", "timezone: Europe/London\nschedule: {open: ['9am-5pm']}\n"})
	cfg, err := Load(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[string][]string{
		"2026-11-24T15:00:00Z": nil,
		"2026-10-30T15:00:00Z": {"before 2026-11-01, opens Mon 2026-11-02 08:00 America/New_York",
			oneBuyer + ":14:7, schedule.from"},
		"2026-11-26T15:00:00Z": {"thanksgiving, opens Fri 2026-11-27 08:00 America/New_York",
			oneBuyer + ":13:16, schedule.closed[0]"},
		// in New York it is 9:00 on a day with hours; in Chicago, where the buyer is, that date is closed
		"2026-12-24T14:00:00Z": {"2026-12-24, opens Fri 2026-12-25 00:00 America/Chicago",
			oneBuyer + ":3:21, schedule.closed[0]"},
	} {
		now, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		for _, read := range []func() (*Config, error){func() (*Config, error) { return cfg, nil }, cfg.Again} {
			c, err := read()
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, x := range c.Exchange.Book.Campaign("one-auto").Closed(now) {
				got = append(got, strings.TrimPrefix(x.Why, "closed: "), x.Place)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s: %q, want %q", at, got, want)
			}
		}
	}
	source := cfg.Exchange.Sources[0].Schedule
	if text := source.Explain(time.Date(2026, 7, 1, 16, 30, 0, 0, time.UTC)); text !=
		"closed: outside 9am-5pm, opens Thu 2026-07-02 09:00 Europe/London" {
		t.Errorf("the source is %s", text)
	}
}

func TestMistakesOfSchedulesHaveTheirPlaces(t *testing.T) {
	dir := writeConfig(t, ofBuyer("schedule: {zone: EST, open: ['mon 8-20'], closed: weekends}\n"),
		ofCampaign("    schedule:\n      open: ['mon-fri 08:00-20:00']\n      closed:\n      - mondays\n"+
			"      - mlk_day\n      - 2026-02-30\n      til: 2026-12-01\n"),
		change{oneSource, "", "schedule:\n  open: [9-17]\n"})
	_, err := Load(dir, nil)
	got := places(t, err)
	for _, want := range []string{
		oneBuyer + `:3:18: "EST": expected an IANA zone: write America/New_York`,
		oneBuyer + `:3:30: "8-20": expected hours such as 08:00-20:00`,
		oneBuyer + `:3:51: expected a list, found the text "weekends"`,
		oneBuyer + `:11:9: "mondays": expected days such as mon-fri`,
		oneBuyer + `:12:9: "mlk_day": expected days such as mon-fri`,
		oneBuyer + `:13:9: "2026-02-30": expected a date that there is`,
		oneBuyer + `:14:7: unknown key "til": expected one of zone, open, closed, from, until`,
		oneSource + `:7:3: zone is not there: expected an IANA zone such as America/New_York`,
		oneSource + `:7:10: "9-17": expected hours such as 08:00-20:00`,
	} {
		if !slices.ContainsFunc(got, func(p string) bool { return strings.HasPrefix(p, want) }) {
			t.Errorf("nothing begins with %q", want)
		}
	}
	if len(got) != 9 || t.Failed() {
		t.Errorf("problems:\n%s", strings.Join(got, "\n"))
	}
	_, err = Load(writeConfig(t, ofCampaign("    schedule: {open: [sat], closed: [weekends]}\n")), nil)
	if got := places(t, err); len(got) != 1 ||
		!strings.HasPrefix(got[0], oneBuyer+":7:15: expected a schedule that is open at some time") {
		t.Errorf("never open: %q", got)
	}
}

func TestSchedulesThatMayNotBeMeantAreWarnedOf(t *testing.T) {
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name            string
		buyer, campaign string // their schedules
		source          string
		want            []string
	}{
		{"nothing", "open: ['mon-fri 08:00-20:00']", "open: ['mon 19:00-22:00']", "closed: [sun]", nil},
		{"never together", "open: ['mon-fri 08:00-12:00']", "open: ['12:00-20:00']", "closed: [sun]",
			[]string{"campaign one-auto, schedule: it and its buyer's are never open together: it is never asked"}},
		{"hours that never count", "{}", "open: ['mon-fri 08:00-20:00', 'sat 10:00-14:00'], closed: [weekends]",
			"closed: [sun]",
			[]string{"campaign one-auto, schedule.open[1]: \"sat 10:00-14:00\" never counts"}},
		{"ended", "until: 2026-11-26", "open: ['mon-fri 08:00-20:00'], until: 2026-11-20", "until: 2026-11-27 05:59",
			[]string{"buyer one, schedule: closed: after 2026-11-26, and does not open again",
				"campaign one-auto, schedule: closed: after 2026-11-20, and does not open again",
				"source acme, schedule: closed: after 2026-11-27 05:59, and does not open again"}},
	} {
		changes := []change{ofCampaign("    schedule: {" + c.campaign + "}\n"),
			{oneSource, "", "timezone: America/Chicago\nschedule: {" + c.source + "}\n"}}
		if c.buyer != "{}" {
			changes = append(changes, ofBuyer("schedule: {"+c.buyer+"}\n"))
		}
		cfg, err := Load(writeConfig(t, changes...), nil)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		cfg.Clock = func() time.Time { return now }
		got := slices.DeleteFunc(cfg.Warnings(), func(w string) bool { return !strings.Contains(w, ", schedule") })
		for i := range max(len(got), len(c.want)) {
			if i >= len(got) || i >= len(c.want) || !strings.HasPrefix(got[i], c.want[i]) {
				t.Errorf("%s: warned of\n%q, want\n%q", c.name, got, c.want)
				break
			}
		}
	}
}

// What the documents print of schedules is read.
func TestSchedulesOfTheDocumentsHold(t *testing.T) {
	block := regexp.MustCompile("(?ms)^```yaml\n(.*?)^```")
	schedule := regexp.MustCompile(`(?m)^schedule:\n(?:  .*\n)+`)
	seen := 0
	for _, doc := range []string{"../docs/how-to/set-hours.md", "../docs/reference/buyers.md"} {
		text, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range block.FindAllStringSubmatch(string(text), -1) {
			for _, s := range schedule.FindAllString(m[1], -1) {
				seen++
				if _, err := Load(writeConfig(t, ofBuyer(s)), nil); err != nil {
					t.Errorf("%s: %s\n%v", doc, s, err)
				}
			}
		}
	}
	if seen < 5 {
		t.Errorf("%d schedules found: does the test still see them?", seen)
	}
}
