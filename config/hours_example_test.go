// SPDX-License-Identifier: Apache-2.0

package config

import (
	"slices"
	"testing"
	"time"

	"clearpost/lead"
	"clearpost/rules"
)

// The buyer of examples/hours wants what the comment of its page says: from 8 am to 8 pm Eastern, no weekends, CA, TX
// and FL, 25 to 64, a valid mobile phone as far as a number tells, 1,000 a day and 50 an hour.
func TestBuyerWithOfficeHours(t *testing.T) {
	cfg, err := Load(examplesDir+"/hours", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := cfg.Examples.Err(); err != nil || cfg.Examples.Ran != 2 || len(cfg.Warnings()) != 0 {
		t.Fatalf("%d examples, %v; warnings %q", cfg.Examples.Ran, err, cfg.Warnings())
	}
	c := cfg.Exchange.Book.Campaign("eastern-auto")
	zone, err := rules.LoadZone("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	for day := 9; day <= 15; day++ { // Monday to Sunday
		for minute := range 24 * 60 {
			now := time.Date(2026, time.November, day, 0, minute, 0, 0, zone)
			want := day <= 13 && minute >= 8*60 && minute < 20*60
			if open := len(c.Closed(now)) == 0; open != want {
				t.Fatalf("%v: open is %v", now, open)
			}
		}
	}
	caps := map[string]int64{}
	for _, x := range c.Caps {
		caps[x.Key+" in "+x.Window.Zone.String()] = x.Limit.Most
	}
	if caps["buyer:eastern:day in America/New_York"] != 1000 || caps["buyer:eastern:hour in America/New_York"] != 50 ||
		len(caps) != 2 {
		t.Errorf("caps: %v", caps)
	}
	good := map[string]string{"zip": "33101", "age": "40", "phone": "(305) 555-0144"}
	for _, x := range []struct {
		field, value string
		ping, post   bool
	}{
		{"age", "25", true, true}, {"age", "64", true, true}, {"age", "24", false, false}, {"age", "65", false, false},
		{"zip", "90210", true, true}, {"zip", "78704", true, true}, {"zip", "10001", false, false},
		{"phone", "", true, false}, {"phone", "(800) 555-0144", false, false}, {"phone", "305 555 01", false, false},
	} {
		l := new(lead.Lead)
		l.Reset(cfg.Exchange.Verticals[0].Schema)
		for field, value := range good {
			if field == x.field {
				value = x.value
			}
			if pos, ok := l.Schema().Position(field); ok && value != "" {
				l.Set(pos, []byte(value))
			}
		}
		l.Finish()
		now := time.Date(2026, time.November, 9, 9, 0, 0, 0, zone)
		for stage, want := range map[lead.Stage]bool{lead.AtPing: x.ping, lead.AtPing | lead.AtPost: x.post} {
			why := c.Why(&rules.Facts{Lead: l, Stage: stage, Now: now, Source: "formfield"})
			if (len(why) == 0) != want {
				t.Errorf("%s %q at %v: %q", x.field, x.value, stage, why)
			}
		}
		in := cfg.Exchange.Book.Index("auto").Eligible(nil, &rules.Facts{Lead: l, Stage: lead.AtPing, Now: now,
			Source: "formfield"})
		if slices.Contains(in, c.Index) != x.ping {
			t.Errorf("%s %q: the index finds %v", x.field, x.value, in)
		}
	}
}
