// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"testing"
	"time"

	"clearpost/buyers"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/rules"
)

// A buyer of the trade: 1,000 a day, 50 an hour, from 8 to 20 in New York, no weekends; a week in which the clock goes
// forward. On some days more leads come than it takes, on others fewer: never over, and all that it may have of what
// comes. (Twelve hours of fifty are 600: the day's thousand never binds.)
func TestAWeekOfABuyerWithCapsAndHours(t *testing.T) {
	if testing.Short() {
		t.Skip("two thousand leads, each computed again")
	}
	const perDay, perHour = 1000, 50
	s := sellTo(1, campaign{ID: "a", Price: 10 * dollar, Fixed: true, Spec: func(c *buyers.CampaignSpec) {
		c.Schedule = &rules.ScheduleSpec{Open: []string{"mon-fri 08:00-20:00"}}
		c.Caps = []rules.CapSpec{{Per: "day", Limit: perDay}, {Per: "hour", Limit: perHour}}
	}})
	zone, err := rules.LoadZone("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	start := time.Date(2000, 3, 31, 0, 0, 0, 0, zone) // a Friday; on Sunday 2 April the clock goes forward
	s.Later = start.Sub(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC))
	exchangetest.Run(t, s, func(x *rig) {
		days := map[string]int{}
		for hour := start; hour.Before(start.AddDate(0, 0, 7)); hour = hour.Add(time.Hour) {
			local := hour.In(zone)
			open := local.Weekday() != time.Saturday && local.Weekday() != time.Sunday && local.Hour() >= 8 &&
				local.Hour() < 20
			come := 2
			if open && (local.Weekday() == time.Friday || local.Weekday() == time.Monday) {
				come = 53
			}
			want := 0
			if open {
				want = min(come, perHour)
			}
			got := 0
			for range come {
				persons++
				if r, f := x.LeadNow(person(persons), nil); f == nil && r.Result == lead.ResultSuccess {
					got++
				}
			}
			if got != want {
				t.Errorf("%s: %d of %d are sold, want %d", local, got, come, want)
			}
			days[local.Format(time.DateOnly)] += got
			x.Sleep(hour.Add(time.Hour).Sub(x.Exchange.Now()))
			if local.Hour() == 12 && local.Weekday() == time.Monday {
				x.Crash()
			}
		}
		for day, want := range map[string]int{"2000-03-31": 600, "2000-04-01": 0, "2000-04-02": 0, "2000-04-03": 600,
			"2000-04-04": 24, "2000-04-05": 24, "2000-04-06": 24} {
			if days[day] != want {
				t.Errorf("%s: %d are sold, want %d", day, days[day], want)
			}
		}
	})
}
