// SPDX-License-Identifier: Apache-2.0

package buyers

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"clearpost/rules"
)

// Whatever is wrong in a page's returns is told with its place and what was expected. Percentages are in millionths
// here.
func TestReturnsThatAreWrong(t *testing.T) {
	for _, c := range []struct{ zone, text, want string }{
		{"UTC", "{reasons: [{name: a}]}", ": window_hours or window_days"},
		{"UTC", "{window_hours: 1, window_days: 1, reasons: [a]}", ": window_hours or window_days"},
		{"UTC", "{window_hours: 1441, reasons: [a]}", ".window_hours: 1 to 1440"},
		{"", "{window_days: 1, reasons: [a]}", ".window_days: a `timezone`"},
		{"UTC", "{window_days: 61, reasons: [a]}", ".window_days: 0 to 60"},
		{"UTC", "{window_days: 1}", ".reasons: 1 to 64"},
		{"UTC", "{window_days: 1, reasons: [{name: A b}]}", ".reasons[0].name: 1 to 64 of a to z"},
		{"UTC", "{window_days: 1, reasons: [{name: a}, {name: a}]}", ".reasons[1].name: each reason once"},
		{"UTC", "{window_days: 1, reasons: [{name: a, approve: yes}]}", ".reasons[0].approve: auto or ask"},
		{"UTC", "{window_days: 1, reasons: [{name: a, refund: b}]}", ".reasons[0].refund: credit or repl"},
		{"UTC", "{window_days: 1, reasons: [{name: a, credit_percent: 0}]}", ".reasons[0].credit_percent: a perc"},
		{"UTC", "{window_days: 1, reasons: [{name: a, credit_percent: 100010000}]}", ".reasons[0].credit_percent"},
		{"UTC", "{window_days: 1, limit: {}, reasons: [a]}", ".limit: count, percent or both"},
		{"UTC", "{window_days: 1, limit: {count: -1}, reasons: [a]}", ".limit.count: 0 to 1000000"},
		{"UTC", "{window_days: 1, limit: {percent: 100000100}, reasons: [a]}", ".limit.percent: 0 to 100"},
		{"UTC", "{window_days: 1, limit: {count: 1, at_least: 1}, reasons: [a]}", ".limit.at_least: a per"},
		{"UTC", "{window_days: 1, limit: {count: 1, per: year}, reasons: [a]}", ".limit.per: day, week"},
		{"", "{window_hours: 1, limit: {count: 1}, reasons: [a]}", ".limit.per: a `timezone`"},
		{"UTC", "{window_days: 1, limit: {count: 0, percent: 0, at_least: 0}, reasons: [{name: a_1}]}", ""},
	} {
		spec := BuyerSpec{ID: "b", Timezone: c.zone, Returns: &ReturnsSpec{}}
		text := strings.ReplaceAll(c.text, "[a]", "[{name: a}]")
		if err := yaml.Unmarshal([]byte(text), spec.Returns); err != nil {
			t.Fatalf("%s: %v", c.text, err)
		}
		_, defects := Compile([]BuyerSpec{spec}, nil, Options{})
		got := ""
		for _, d := range defects {
			got += fmt.Sprintf("%s: %s\n", d.Path, d.Expected)
		}
		if c.want == "" && got != "" || !strings.HasPrefix(strings.TrimPrefix(got, "[0].returns"), c.want) ||
			strings.Count(got, "\n") > 1 {
			t.Errorf("%s\ngot  %swant %s", c.text, got, c.want)
		}
	}
}

// A window of days ends at midnight, however long its days are.
func TestWindowsOfDaysEndAtMidnight(t *testing.T) {
	zone, err := rules.LoadZone("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		sold string
		days int
		want string
	}{
		{"2026-03-07 23:59", 0, "2026-03-08 00:00 -0500"},
		{"2026-03-08 00:00", 0, "2026-03-09 00:00 -0400"}, // 23 hours
		{"2026-11-01 00:30", 0, "2026-11-02 00:00 -0500"}, // 25 hours
		{"2026-10-31 12:00", 14, "2026-11-15 00:00 -0500"},
		{"2026-12-31 12:00", 60, "2027-03-02 00:00 -0500"},
	} {
		at, err := time.ParseInLocation("2006-01-02 15:04", c.sold, zone)
		if err != nil {
			t.Fatal(err)
		}
		r := Returns{Hours: -1, Days: c.days, Zone: zone}
		until := r.Until(at)
		if got := until.In(zone).Format("2006-01-02 15:04 -0700"); got != c.want {
			t.Errorf("%s + %d: %s, want %s", c.sold, c.days, got, c.want)
		}
		if until.Sub(at) > r.Longest() {
			t.Errorf("%s + %d lasts %s, longer than %s", c.sold, c.days, until.Sub(at), r.Longest())
		}
	}
}

func TestHowManyMayComeBack(t *testing.T) {
	for _, c := range []struct {
		l           ReturnLimit
		sales, want int64
	}{
		{ReturnLimit{Count: 3, PPM: -1}, 0, 3},
		{ReturnLimit{Count: -1, PPM: 100_000}, 9, 0},
		{ReturnLimit{Count: -1, PPM: 100_000}, 10, 1},
		{ReturnLimit{Count: -1, PPM: 100_000, AtLeast: 2}, 10, 2},
		{ReturnLimit{Count: -1, PPM: 100_000, AtLeast: 2}, 39, 3},
		{ReturnLimit{Count: 3, PPM: 100_000, AtLeast: 2}, 1000, 3},
		{ReturnLimit{Count: 3, PPM: 100_000, AtLeast: 5}, 1000, 3},
		{ReturnLimit{Count: -1, PPM: 333_333}, 3_000_003, 999_999},
		{ReturnLimit{Count: 0, PPM: -1}, 100, 0},
		{ReturnLimit{Count: -1, PPM: 1_000_000}, 1 << 40, 1 << 40},
	} {
		if got := c.l.Allowed(c.sales); got != c.want {
			t.Errorf("%+v of %d: %d, want %d", c.l, c.sales, got, c.want)
		}
	}
}
