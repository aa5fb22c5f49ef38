// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"clearpost/lead"
)

// readSchedule reads lines such as "open: mon-fri 08:00-20:00; sat 10:00-14:00".
func readSchedule(t testing.TB, input string) *ScheduleSpec {
	t.Helper()
	spec := &ScheduleSpec{}
	for _, line := range strings.Split(input, "\n") {
		key, value, _ := strings.Cut(line, ": ")
		switch key {
		case "":
		case "zone":
			spec.Zone = value
		case "open":
			spec.Open = strings.Split(value, "; ")
		case "closed":
			spec.Closed = strings.Split(value, "; ")
		case "from":
			spec.From = value
		case "until":
			spec.Until = value
		default:
			t.Fatalf("unknown key %q", key)
		}
	}
	return spec
}

func mustSchedule(t testing.TB, input string) *Schedule {
	t.Helper()
	s, ds := CompileSchedule(readSchedule(t, input), "America/New_York")
	if ds != nil {
		t.Fatalf("%s: %v", input, ds)
	}
	return s
}

// Schedules as text: what is wrong with them, what they say at an instant, and from when to when they are open.
func TestSchedules(t *testing.T) {
	var s *Schedule
	datadriven.RunTest(t, "testdata/schedules", func(t *testing.T, d *datadriven.TestData) string {
		var b strings.Builder
		switch d.Cmd {
		case "schedule":
			var zone string
			if d.HasArg("zone") {
				d.ScanArgs(t, "zone", &zone)
			}
			var ds []lead.Defect
			s, ds = CompileSchedule(readSchedule(t, d.Input), zone)
			writeDefects(&b, ds)
			if s != nil {
				b.WriteString("ok\n")
			}
			for _, x := range s.Idle() {
				fmt.Fprintf(&b, "%s: %s\n", x[0], x[1])
			}
		case "at":
			for _, line := range strings.Split(d.Input, "\n") {
				at := instant(t, line, s.zone)
				_, place := s.Why(at)
				if place != "" {
					place = " (" + place + ")"
				}
				fmt.Fprintf(&b, "%s: %s%s\n", line, s.Explain(at), place)
			}
		case "open":
			var from, until string
			d.ScanArgs(t, "from", &from)
			d.ScanArgs(t, "until", &until)
			at, end := instant(t, from, s.zone), instant(t, until, s.zone)
			for at.Before(end) {
				open, change := s.At(at)
				if open {
					fmt.Fprintf(&b, "%s – %s, %s\n", at.In(s.zone).Format("Mon 2006-01-02T15:04Z07:00"),
						change.In(s.zone).Format("Mon 02T15:04Z07:00"), change.Sub(at))
				}
				at = change
			}
		default:
			t.Fatalf("unknown command %q", d.Cmd)
		}
		return b.String()
	})
}

// instant reads a time of the zone's clock, or one with an offset.
func instant(t testing.TB, text string, zone *time.Location) time.Time {
	t.Helper()
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04", time.DateOnly} {
		if at, err := time.ParseInLocation(layout, text, zone); err == nil {
			return at
		}
	}
	t.Fatalf("%q is no time", text)
	return time.Time{}
}

// The days on which federal offices were or will be closed, as the Office of Personnel Management lists them, and the
// dates themselves that are observed on others.
func TestFederalHolidays(t *testing.T) {
	days := map[string]string{}
	table, err := os.ReadFile("testdata/federal_holidays")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(table)) {
		name, list, _ := strings.Cut(line, ":")
		for _, day := range strings.Fields(list) {
			days[day] = name
		}
	}
	first, last := time.Date(2020, 12, 26, 0, 0, 0, 0, time.UTC), time.Date(2030, 12, 31, 0, 0, 0, 0, time.UTC)
	for at := first; !at.After(last); at = at.AddDate(0, 0, 1) {
		set, observed := holidaysOn(at.Unix() / secondsOfDay)
		got, want := (set & federalHolidays).name(), days[at.Format(time.DateOnly)]
		name, isObserved := strings.CutSuffix(want, "*")
		if got != name || (observed != 0) != isObserved {
			t.Errorf("%s: %q, observed %v; want %q", at.Format("Mon 2006-01-02"), got, observed != 0, want)
		}
	}
}

func TestNextOfSeveralSchedules(t *testing.T) {
	for _, c := range []struct {
		name, a, b, from, want string
	}{
		{"both open", "open: mon-fri 08:00-20:00", "open: 10:00-12:00", "2026-11-23T11:00", "2026-11-23T11:00"},
		{"the later one", "open: mon-fri 08:00-20:00", "open: 10:00-12:00", "2026-11-23T07:00", "2026-11-23T10:00"},
		{"over the weekend", "open: mon-fri 08:00-20:00", "open: 10:00-12:00", "2026-11-27T13:00", "2026-11-30T10:00"},
		{"rarely together", "open: thanksgiving 08:00-09:00", "open: 08:59-09:00", "2026-11-27T00:00",
			"2027-11-25T08:59"},
		{"beside each other", "open: mon-fri 08:00-12:00", "open: 12:00-20:00", "2026-11-23T11:00", ""},
		{"other days", "open: weekends", "open: weekdays", "2026-11-23T11:00", ""},
		{"one has ended", "open: mon 08:00-09:00", "until: 2026-11-30 08:00", "2026-11-23T11:00", ""},
		{"far ahead", "from: 2031-01-01", "open: 2031-03-04", "2026-11-23T11:00", "2031-03-04T00:00"},
	} {
		a, b := mustSchedule(t, c.a), mustSchedule(t, c.b)
		for _, list := range [][]*Schedule{{a, b}, {b, nil, a}} {
			at, ok := NextOf(list, instant(t, c.from, a.zone))
			if ok != (c.want != "") || ok && !at.Equal(instant(t, c.want, a.zone)) {
				t.Errorf("%s: %v, %v; want %s", c.name, at, ok, c.want)
			}
		}
	}
	now := time.Unix(1_800_000_000, 5)
	if at, ok := NextOf(nil, now); !ok || !at.Equal(now) {
		t.Errorf("no schedule: %v, %v", at, ok)
	}
}

func TestNoScheduleIsAlwaysOpen(t *testing.T) {
	s, ds := CompileSchedule(nil, "")
	if s != nil || ds != nil {
		t.Fatalf("%v, %v", s, ds)
	}
	now := time.Unix(1_800_000_000, 0)
	if open, until := s.At(now); !open || !until.Equal(Ever.End) || s.Explain(now) != "always open" {
		t.Errorf("open %v until %v: %s", open, until, s.Explain(now))
	}
}

func TestScheduleLimits(t *testing.T) {
	many := strings.Repeat("2026-12-24; ", ScheduleEntriesMax) + "2026-12-25"
	for _, c := range []struct{ input, path string }{
		{"closed: " + many, "closed"}, {"open: " + many, "open"},
		{"open: mon 08:00-09:00; mon" + strings.Repeat(" 08:00-09:00", 20), "open[1]"},
	} {
		if _, ds := CompileSchedule(readSchedule(t, c.input), "UTC"); len(ds) != 1 || ds[0].Path != c.path {
			t.Errorf("%.40s: %v, want one defect at %s", c.input, ds, c.path)
		}
	}
	mustSchedule(t, "closed: "+strings.TrimSuffix(many, "; 2026-12-25"))
}

// Whatever is written, it is refused or means the same when it is read again.
func FuzzScheduleEntry(f *testing.F) {
	for _, text := range []string{"mon-fri 08:00-20:00", "sat 10am - 2:30 pm", "fri,sat 22:00–02:00",
		"2026-12-24 to 2026-12-26", "2026-12-24-2026-12-26 00:00-24:00", "us_federal_holidays",
		"thanksgiving, weekends 12am-12pm", "daily", "-", "08:00", "mon- 8", "24:00-24:00", "\u2028mon"} {
		f.Add(text)
	}
	zone, err := LoadZone("America/New_York")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, withHours := range []bool{true, false} {
			r, ds := parseDays(text, withHours)
			if ds != nil {
				if ds[0].Expected == "" {
					t.Fatalf("%q: %v", text, ds)
				}
				continue
			}
			if len(r.dates) == 0 && r.holidays == 0 && !r.federal && r.week == 0 || withHours != (len(r.hours) > 0) {
				t.Fatalf("%q: %+v", text, r)
			}
			again, ds := parseDays(r.text, withHours)
			if ds != nil || fmt.Sprintf("%+v", again) != fmt.Sprintf("%+v", r) {
				t.Fatalf("%q: %+v, then %+v, %v", text, r, again, ds)
			}
			for _, h := range r.hours {
				if h.from < 0 || h.from >= minutesOfDay || h.to <= h.from || h.to > h.from+minutesOfDay {
					t.Fatalf("%q: hours %+v", text, h)
				}
			}
			s := &Schedule{zone: zone, from: 0, until: 1 << 40, open: []dayRule{r}}
			if !withHours {
				s.open, s.closed = []dayRule{{week: everyDay, hours: wholeDay}}, []dayRule{r}
			}
			s.seal()
			now := time.Unix(1_795_000_000, 0)
			open, until := s.At(now)
			if after, _ := s.At(until); !until.After(now) || until.Before(Ever.End) && after == open {
				t.Fatalf("%q: open %v until %v", text, open, until)
			}
		}
	})
}

func BenchmarkScheduleAt(b *testing.B) {
	for _, c := range []struct{ name, input, at string }{
		{"working hours", "open: mon-fri 08:00-20:00", "2026-11-24T12:00"},
		{"to Monday, with holidays", "open: mon-fri 08:00-20:00\nclosed: us_federal_holidays", "2026-11-27T20:00"},
		{"open but for Christmas", "closed: christmas", "2026-12-26T12:00"},
		{"no change ever", "open: daily", "2026-11-24T12:00"},
	} {
		b.Run(c.name, func(b *testing.B) {
			s := mustSchedule(b, c.input)
			now := instant(b, c.at, s.zone)
			b.ReportAllocs()
			for b.Loop() {
				s.At(now)
			}
		})
	}
}
