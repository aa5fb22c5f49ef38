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

// Whatever is wrong in what a page says of payment is told with its place and what was expected.
func TestTermsThatAreWrong(t *testing.T) {
	for _, c := range []struct{ zone, text, want string }{
		{"UTC", "terms: {}", "terms: `prepaid: true`, or net_days"},
		{"UTC", "terms: {prepaid: true, net_days: 1}", "terms.net_days: `prepaid: true` or net_days, not both"},
		{"UTC", "terms: {net_days: 181}", "terms.net_days: 0 to 180"},
		{"UTC", "terms: {net_days: -1}", "terms.net_days: 0 to 180"},
		{"UTC", "terms: {net_days: 1, from: week}", "terms.from: sale or month"},
		{"UTC", "terms: {prepaid: true, from: month}", "terms.from: no `from` beside"},
		{"", "terms: {net_days: 1}", "terms: a `timezone`"},
		{"UTC", "standing: {slow_after_days: 1}", "standing: `terms` beside it"},
		{"UTC", "terms: {net_days: 1}\nstanding: {}", "standing: slow_after_days, stop_after_days or both"},
		{"UTC", "terms: {net_days: 1}\nstanding: {slow_after_days: 366}", "standing.slow_after_days: 0 to 365"},
		{"UTC", "terms: {net_days: 1}\nstanding: {slow_after_days: 3, stop_after_days: 2}",
			"standing.stop_after_days: no less than slow_after_days, 3"},
		{"UTC", "terms: {net_days: 1}\nstanding: {stop_after_days: 0, least: 0}", "standing.least: an amount"},
		{"UTC", "terms: {net_days: 0}\nstanding: {slow_after_days: 0, stop_after_days: 0}", ""},
		{"UTC", "terms: {prepaid: true}\nstanding: {stop_after_days: 365}", ""},
	} {
		spec := BuyerSpec{ID: "b", Timezone: c.zone}
		if err := yaml.Unmarshal([]byte(c.text), &spec); err != nil {
			t.Fatalf("%s: %v", c.text, err)
		}
		_, defects := Compile([]BuyerSpec{spec}, nil, Options{})
		got := ""
		for _, d := range defects {
			got += fmt.Sprintf("%s: %s\n", d.Path, d.Expected)
		}
		if c.want == "" && got != "" || !strings.HasPrefix(strings.TrimPrefix(got, "[0]."), c.want) ||
			strings.Count(got, "\n") > 1 {
			t.Errorf("%s\ngot  %swant %s", c.text, got, c.want)
		}
	}
}

// Days are dates in the buyer's zone, however long they are; months end on their last date.
func TestWhenSalesAreDue(t *testing.T) {
	for _, c := range []struct {
		zone, sold string // in UTC
		terms      Terms
		day, due   string
	}{
		{"America/New_York", "2026-03-08T04:59:59Z", Terms{NetDays: 1}, "2026-03-07", "2026-03-08"},
		{"America/New_York", "2026-03-08T05:00:00Z", Terms{NetDays: 1}, "2026-03-08", "2026-03-09"}, // of 23 hours
		{"America/New_York", "2026-03-09T03:59:59Z", Terms{NetDays: 0}, "2026-03-08", "2026-03-08"},
		{"America/New_York", "2026-11-02T04:59:59Z", Terms{NetDays: 0}, "2026-11-01", "2026-11-01"}, // of 25 hours
		{"America/New_York", "2026-11-02T05:00:00Z", Terms{NetDays: 0}, "2026-11-02", "2026-11-02"},
		{"Pacific/Kiritimati", "2026-01-30T10:00:00Z", Terms{NetDays: 30}, "2026-01-31", "2026-03-02"},
		{"Asia/Kathmandu", "2026-01-30T18:14:59Z", Terms{NetDays: 1}, "2026-01-30", "2026-01-31"},
		{"Asia/Kathmandu", "2026-01-30T18:15:00Z", Terms{NetDays: 1}, "2026-01-31", "2026-02-01"},
		{"UTC", "2026-01-31T23:59:59Z", Terms{FromDate: "month", NetDays: 0}, "2026-01-31", "2026-01-31"},
		{"UTC", "2026-01-01T00:00:00Z", Terms{FromDate: "month", NetDays: 0}, "2026-01-01", "2026-01-31"},
		{"UTC", "2026-01-15T00:00:00Z", Terms{FromDate: "month", NetDays: 30}, "2026-01-15", "2026-03-02"},
		{"UTC", "2028-02-01T00:00:00Z", Terms{FromDate: "month", NetDays: 1}, "2028-02-01", "2028-03-01"},
		{"UTC", "2026-12-31T00:00:00Z", Terms{FromDate: "month", NetDays: 15}, "2026-12-31", "2027-01-15"},
		{"America/New_York", "2026-02-01T04:59:59Z", Terms{FromDate: "month", NetDays: 0}, "2026-01-31", "2026-01-31"},
		{"UTC", "2026-05-05T12:00:00Z", Terms{Prepaid: true}, "2026-05-05", "2026-05-05"},
	} {
		zone, err := rules.LoadZone(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		at, err := time.Parse(time.RFC3339, c.sold)
		if err != nil {
			t.Fatal(err)
		}
		c.terms.Zone = zone
		day := c.terms.Day(at)
		if got := day.Format(time.DateOnly) + " " + c.terms.Due(day).Format(time.DateOnly); got != c.day+" "+c.due {
			t.Errorf("%s in %s, %s: %s, want %s %s", c.sold, c.zone, &c.terms, got, c.day, c.due)
		}
	}
}
