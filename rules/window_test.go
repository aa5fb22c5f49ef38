// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"bytes"
	"clearpost/lead"
	"fmt"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the same zones wherever the tests run

	"github.com/cockroachdb/datadriven"
	"github.com/goccy/go-yaml"
	"pgregory.net/rapid"
)

const shown = "2006-01-02T15:04:05Z07:00"

func TestWindows(t *testing.T) {
	datadriven.RunTest(t, "testdata/windows", func(t *testing.T, d *datadriven.TestData) string {
		var b strings.Builder
		var zone, per, starts string
		if d.HasArg("zone") {
			d.ScanArgs(t, "zone", &zone)
		}
		if d.HasArg("per") {
			d.ScanArgs(t, "per", &per)
		}
		if d.HasArg("starts") {
			d.ScanArgs(t, "starts", &starts)
		}
		lines := strings.Split(d.Input, "\n")
		switch d.Cmd {
		case "at", "spans":
			caps, ds := CompileCaps("buyer:b", []CapSpec{{Per: per, WeekStarts: starts, Limit: 1}}, zone)
			if ds != nil {
				t.Fatal(ds)
			}
			w := caps[0].Window
			for _, line := range lines {
				if d.Cmd == "spans" {
					fmt.Fprintf(&b, "%s:", line)
					for _, s := range w.Spans(line) {
						fmt.Fprintf(&b, " %s %s", s.Start.In(w.Zone).Format(shown), s.End.Sub(s.Start))
					}
					b.WriteString("\n")
					continue
				}
				at, err := time.Parse(time.RFC3339Nano, line)
				if err != nil {
					t.Fatal(err)
				}
				name, start, end := w.At(at)
				fmt.Fprintf(&b, "%s: from %s, %s\n", name, start.In(w.Zone).Format(shown), end.Sub(start))
			}
		case "zone":
			for _, line := range lines {
				loc, err := LoadZone(strings.Trim(line, `"`))
				if err != nil {
					fmt.Fprintf(&b, "%s: expected %v\n", line, err)
					continue
				}
				fmt.Fprintf(&b, "%s: %s\n", line, loc)
			}
		case "caps":
			var specs []CapSpec
			for _, line := range lines {
				var s CapSpec
				in := yaml.NewDecoder(strings.NewReader(line), yaml.Strict(), yaml.CustomUnmarshaler(readMoney))
				if err := in.Decode(&s); err != nil {
					t.Fatal(err)
				}
				specs = append(specs, s)
			}
			caps, ds := CompileCaps("campaign:sun", specs, zone)
			writeDefects(&b, ds)
			for _, c := range caps {
				writeCap(&b, &c)
			}
		default:
			t.Fatalf("unknown command %q", d.Cmd)
		}
		return b.String()
	})
}

// readMoney reads amounts as configurations are read.
func readMoney(m *lead.Money, text []byte) (err error) {
	*m, err = lead.ParseMoney(bytes.TrimSpace(text))
	return err
}

func writeCap(b *strings.Builder, c *Cap) {
	fmt.Fprintf(b, "%s: %s", c.Key, c)
	b.WriteString("\n")
}

// Zones with every oddity: half hours, 30-minute summer time, changes at midnight and a minute past it, a date left
// out.
var oddZones = []string{"America/New_York", "America/Los_Angeles", "America/St_Johns", "Australia/Lord_Howe",
	"Asia/Kolkata", "Asia/Kathmandu", "America/Sao_Paulo", "America/Havana", "Pacific/Apia", "Pacific/Kwajalein",
	"Africa/Cairo", "Asia/Beirut", "Europe/Dublin", "Africa/Casablanca", "Antarctica/Troll", "America/Santiago",
	"Asia/Tehran", "UTC", "Pacific/Chatham", "Europe/Amsterdam"}

// near draws an instant, mostly close to a change of the zone's clock.
func near(t *rapid.T, zone *time.Location) time.Time {
	at := time.Unix(rapid.Int64Range(-3_000_000_000, 4_000_000_000).Draw(t, "unix"),
		rapid.Int64Range(0, 999_999_999).Draw(t, "nanos"))
	if _, end := at.In(zone).ZoneBounds(); !end.IsZero() && rapid.Float64().Draw(t, "near") < 0.8 {
		at = end.Add(time.Duration(rapid.Int64Range(-90_000, 90_000).Draw(t, "off")) * time.Second)
	}
	return at
}

// A window is the longest stretch whose every instant has its name, and the names are those that the local clock shows.
func TestWindowProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		zone, err := LoadZone(rapid.SampledFrom(oddZones).Draw(t, "zone"))
		if err != nil {
			t.Fatal(err)
		}
		w := Window{Per: rapid.SampledFrom([]Per{Minute, Hour, Day, Week, Month}).Draw(t, "per"), Zone: zone}
		if w.Per == Week {
			w.WeekFrom = uint8(rapid.IntRange(0, 6).Draw(t, "from"))
		}
		clock := func(at time.Time) string {
			switch w.Per {
			case Day:
				return at.In(zone).Format("2006-01-02")
			case Month:
				return at.In(zone).Format("2006-01")
			case Week:
				if w.WeekFrom != 0 {
					year, month, day := at.In(zone).Date()
					first := time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
					for first.Weekday() != time.Weekday((w.WeekFrom+1)%7) {
						first = first.AddDate(0, 0, -1)
					}
					return first.Format("2006-01-02") + "w"
				}
				year, week := at.In(zone).ISOWeek()
				return fmt.Sprintf("%04d-W%02d", year, week)
			}
			layout := "2006-01-02T15"
			if w.Per == Minute {
				layout += ":04"
			}
			_, off := at.In(zone).Zone()
			if off%60 != 0 {
				return at.In(zone).Format(layout + "-07:00:00")
			}
			return at.In(zone).Format(layout + "-07:00")
		}
		now := near(t, zone)
		name, start, end := w.At(now)
		if want := clock(now); name != want {
			t.Fatalf("%v: name %q, the clock shows %q", now, name, want)
		}
		if now.Before(start) || !now.Before(end) {
			t.Fatalf("%v lies outside its window %v – %v", now, start, end)
		}
		for _, in := range []time.Time{start, end.Add(-1), start.Add(end.Sub(start) / 2)} {
			if got := clock(in); got != name {
				t.Fatalf("%v in window %q shows %q", in, name, got)
			}
		}
		for _, out := range []time.Time{start.Add(-1), end} {
			if got := clock(out); got == name {
				t.Fatalf("window %q goes on at %v", name, out)
			}
		}
		checkSpans(t, w, name, now, clock)
	})
}

// The spans of a name hold exactly the instants that have it.
func checkSpans(t *rapid.T, w Window, name string, now time.Time, clock func(time.Time) string) {
	spans := w.Spans(name)
	for i := -60; i <= 60; i++ {
		at := now.Add(time.Duration(i) * 37 * time.Minute)
		in := false
		for _, s := range spans {
			in = in || s.Holds(at)
		}
		if in != (clock(at) == name) {
			t.Fatalf("spans %v of %q: %v is in: %v", spans, name, at, in)
		}
	}
}

func TestNoSpansOfForeignNames(t *testing.T) {
	ny, err := LoadZone("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	for _, per := range []Per{Minute, Hour, Day, Week, Month, Total} {
		for _, name := range []string{"", "x", "2026-13-01", "2026-11-23T14-08:00", "2026-11-23T14", "2026-11-23Tx",
			"2026-11-23T14-05:00:00"} {
			if s := (Window{Per: per, Zone: ny}).Spans(name); len(s) != 0 {
				t.Errorf("%s: %q has spans %v", per, name, s)
			}
		}
	}
}

func TestAppendNameAllocatesNothing(t *testing.T) {
	zone, err := LoadZone("America/Los_Angeles")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1_790_000_000, 0)
	for _, w := range []Window{{Per: Minute}, {Per: Hour}, {Per: Day}, {Per: Week}, {Per: Week, WeekFrom: 6},
		{Per: Month}, {Per: Total}} {
		w.Zone = zone
		var b [32]byte
		if n := testing.AllocsPerRun(100, func() { w.AppendName(b[:0], now) }); n != 0 {
			t.Errorf("%s: %v allocations", w.Per, n)
		}
	}
}
