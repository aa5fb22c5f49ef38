// SPDX-License-Identifier: Apache-2.0

package report

import (
	"context"
	"fmt"
	"runtime"
	"syscall"
	"testing"
	"time"

	"clearpost/lead"
	"clearpost/ledger"
)

// soldTo are a hundred leads that a buyer has taken, every fifth at another price afterwards.
func (m *made) soldTo(buyer string, from int) (out []ledger.Event) {
	for i := range 100 {
		m.at = m.at.Add(10 * time.Millisecond)
		id, attempt, price := m.id(), m.id(), lead.Money(20+i%7)*lead.Unit
		out = append(out, &ledger.Pinged{Head: m.head(id), Mode: ledger.ModeLead, Currency: "USD", ReceivedAt: m.at,
			SellerLeadID: fmt.Sprint("s-", from+i), Result: lead.ResultSuccess},
			&ledger.Posted{Head: m.head(id), Attempt: attempt, Campaign: "c0", Buyer: buyer, Outcome: lead.Accepted,
				Price: price, Payout: price / 2, Reference: fmt.Sprint("R", from+i)})
		if i%5 == 0 {
			out = append(out, &ledger.Adjusted{Head: m.head(id), Adjustment: ledger.AdjustRebooked, Attempt: attempt,
				Campaign: "c0", Buyer: buyer, Outcome: lead.Accepted, Price: price / 2, Payout: price / 2,
				Was: &ledger.Booked{Outcome: lead.Accepted, Price: price, Payout: price / 2}, Why: "agreed"})
		}
	}
	return out
}

// BenchmarkStatement is a buyer's statement of so many sales and a fifth as many corrections: what it takes to find out
// what stands on it, as it is issued, and to read its lines page by page, in processor time and in what the process has
// of memory. Both go with the number of lines: twice as many take twice as long.
//
//	go test -run '^$' -bench Statement -benchtime 1x ./ledger/report
func BenchmarkStatement(b *testing.B) {
	for _, lines := range []int{10_000, 100_000} {
		b.Run(fmt.Sprint(lines), func(b *testing.B) {
			m := newMade(b, b.TempDir())
			for i := range lines / 100 {
				m.append(b, m.soldTo("b0", 100*i)...)
			}
			v, err := Open(Config{Dir: b.TempDir(), Ledger: m.led, Share: 1})
			if err != nil {
				b.Fatal(err)
			}
			defer v.Close()
			caughtUp(b, v)
			for b.Loop() {
				cpu, n := spent(), int64(0)
				months, err := v.Months(context.Background(), MonthAsk{Account: "buyer:b0", Month: "2026-03",
					Zone: time.UTC})
				if err != nil || len(months) != 1 {
					b.Fatalf("%+v, %v", months, err)
				}
				b.ReportMetric((spent() - cpu).Seconds(), "s/issue")
				cpu = spent()
				var was, is runtime.MemStats
				runtime.ReadMemStats(&was)
				q := StatementQuery{Account: "buyer:b0", Since: months[0].Since, Until: months[0].Until, Limit: FindMax}
				for d := NewDigest(); ; {
					page, err := v.Statement(context.Background(), q)
					if err != nil {
						b.Fatal(err)
					}
					for i := range page.Lines {
						d.Add(&page.Lines[i])
					}
					if n += int64(len(page.Lines)); page.Next == nil {
						if err := d.Check(&months[0].Statement); err != nil {
							b.Fatal(err)
						}
						break
					}
					q.After = *page.Next
				}
				runtime.ReadMemStats(&is)
				b.ReportMetric((spent() - cpu).Seconds(), "s/read")
				b.ReportMetric(float64(n), "lines")
				b.ReportMetric(float64(is.HeapSys-is.HeapReleased)/1e6, "MB/heap")
			}
		})
	}
}

// spent is the processor time of the process so far.
func spent() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
