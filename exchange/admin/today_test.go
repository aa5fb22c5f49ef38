// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"testing"
	"time"

	"clearpost/lead"
	"clearpost/ledger"
)

func TestTodayCountsEachBookingOnce(t *testing.T) {
	led, err := ledger.Open(ledger.Config{Dir: t.TempDir(), FreeBytesMin: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer led.Close()
	now := time.Date(2026, 3, 2, 15, 0, 0, 0, time.UTC)
	id := func(n byte) lead.ID { return lead.ID{0: 1, 15: n} }
	head := func(k ledger.Kind, n byte, at time.Time) ledger.Head {
		return ledger.Head{Kind: k, Lead: id(n), At: at, Source: "s", Vertical: "v"}
	}
	add := func(evs ...ledger.Event) {
		t.Helper()
		if err := led.Append(evs...); err != nil {
			t.Fatal(err)
		}
	}
	day := func(d *daySoFar, want Today) {
		t.Helper()
		got := d.read(led, now)
		want.Day, want.Complete, want.UpToSeq = now.Format(time.DateOnly), true, led.LastSeq()
		if *got != want {
			t.Errorf("got  %+v\nwant %+v", *got, want)
		}
	}
	yesterday := now.Add(-24 * time.Hour)
	add(&ledger.Pinged{Head: head(ledger.KindPinged, 1, yesterday), Result: lead.ResultSuccess})
	add(&ledger.Posting{Head: head(ledger.KindPosting, 1, yesterday), Attempt: id(11)},
		&ledger.Posted{Head: head(ledger.KindPosted, 1, yesterday), Attempt: id(11), Outcome: lead.Accepted, Price: 9,
			Payout: 9})
	d := &daySoFar{budget: time.Minute}
	day(d, Today{})
	test := head(ledger.KindPinged, 4, now)
	test.Test = true
	add(&ledger.Pinged{Head: head(ledger.KindPinged, 2, now), Result: lead.ResultSuccess},
		&ledger.Pinged{Head: test, Result: lead.ResultSuccess}, &ledger.Pinged{Head: head(ledger.KindPinged, 3, now),
			Result: lead.ResultFailure})
	add(&ledger.Posting{Head: head(ledger.KindPosting, 2, now), Attempt: id(12)},
		&ledger.Posted{Head: head(ledger.KindPosted, 2, now), Attempt: id(12), Outcome: lead.Accepted, Price: 20,
			Payout: 15},
		&ledger.Posting{Head: head(ledger.KindPosting, 2, now), Attempt: id(13)},
		&ledger.Posted{Head: head(ledger.KindPosted, 2, now), Attempt: id(13), Outcome: lead.Unknown},
		&ledger.Settled{Head: head(ledger.KindSettled, 2, now), Result: lead.ResultPending, Revenue: 20, Payout: 15})
	day(d, Today{Pings: 2, Quotes: 1, Posts: 1, Pending: 1, Sales: 1, Revenue: 20, Payout: 15, Tests: 1})
	add(&ledger.Adjusted{Head: head(ledger.KindAdjusted, 2, now), Adjustment: ledger.AdjustResolved, Why: "asked",
		Attempt: id(13), Outcome: lead.Accepted, Price: 10, Payout: 8},
		&ledger.Settled{Head: head(ledger.KindSettled, 2, now), Result: lead.ResultSuccess,
			Revenue: 30, Payout: 23})
	want := Today{Pings: 2, Quotes: 1, Posts: 1, Sold: 1, Sales: 2, Revenue: 30, Payout: 23, Tests: 1}
	day(d, want)
	day(&daySoFar{budget: time.Minute}, want) // as after a restart
	was := func(at time.Time, result string) *ledger.Answered { return &ledger.Answered{At: at, Result: result} }
	// one of the two was no sale; the other has another price
	add(&ledger.Adjusted{Head: head(ledger.KindAdjusted, 2, now), Adjustment: ledger.AdjustCorrected, Attempt: id(13),
		Outcome: lead.Rejected, Was: &ledger.Booked{Outcome: lead.Accepted, Price: 10, Payout: 8}},
		&ledger.Settled{Head: head(ledger.KindSettled, 2, now), Result: lead.ResultSuccess,
			Was: was(now, lead.ResultSuccess)},
		&ledger.Adjusted{Head: head(ledger.KindAdjusted, 2, now), Adjustment: ledger.AdjustRebooked, Attempt: id(12),
			Outcome: lead.Accepted, Price: 18, Payout: 15, Was: &ledger.Booked{Outcome: lead.Accepted, Price: 20,
				Payout: 15}},
		&ledger.Settled{Head: head(ledger.KindSettled, 2, now), Result: lead.ResultSuccess,
			Was: was(now, lead.ResultSuccess)})
	want.Sales, want.Revenue, want.Payout = 1, 18, 15
	day(d, want)
	// nor was that; and that of yesterday was none, whose lead is no post of today
	add(&ledger.Adjusted{Head: head(ledger.KindAdjusted, 2, now), Adjustment: ledger.AdjustCorrected, Attempt: id(12),
		Outcome: lead.Rejected, Was: &ledger.Booked{Outcome: lead.Accepted, Price: 18, Payout: 15}},
		&ledger.Settled{Head: head(ledger.KindSettled, 2, now), Result: lead.ResultFailure,
			Was: was(now, lead.ResultSuccess)},
		&ledger.Adjusted{Head: head(ledger.KindAdjusted, 1, now), Adjustment: ledger.AdjustCorrected, Attempt: id(11),
			Outcome: lead.Rejected, Was: &ledger.Booked{Outcome: lead.Accepted, Price: 9, Payout: 9}},
		&ledger.Settled{Head: head(ledger.KindSettled, 1, now), Result: lead.ResultFailure,
			Was: was(yesterday, lead.ResultSuccess)})
	want.Sales, want.Revenue, want.Payout, want.Sold, want.Unsold = -1, -9, -9, 0, 1
	day(d, want)
	day(&daySoFar{budget: time.Minute}, want)
	now = now.Add(24 * time.Hour)
	day(d, Today{})
}

// A look ends when its time is over and the next one goes on; a verb beside no running node, whose next look would
// begin anew, reads all.
func TestTodayIsReadInPartsBesideARunningNodeOnly(t *testing.T) {
	led, err := ledger.Open(ledger.Config{Dir: t.TempDir(), FreeBytesMin: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer led.Close()
	now := time.Date(2026, 3, 2, 15, 0, 0, 0, time.UTC)
	for n := range 100 {
		if err := led.Append(&ledger.Pinged{Head: ledger.Head{Kind: ledger.KindPinged, Lead: lead.ID{0: byte(n), 15: 1},
			At: now, Source: "s", Vertical: "v"}, Result: lead.ResultFailure}); err != nil {
			t.Fatal(err)
		}
	}
	parts := &daySoFar{}
	if got := parts.read(led, now); got.Complete || got.Pings != 64 {
		t.Errorf("the first look: %+v", got)
	}
	if got := parts.read(led, now); !got.Complete || got.Pings != 100 {
		t.Errorf("the second look: %+v", got)
	}
	if running, offline := todayBudget(false), todayBudget(true); running > 2*time.Second || offline < time.Minute {
		t.Errorf("a look takes up to %v beside a running node, %v beside none", running, offline)
	}
}
