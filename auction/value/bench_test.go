// SPDX-License-Identifier: Apache-2.0

package value

import (
	"fmt"
	"testing"

	"clearpost/lead"
)

// known is a book of a hundred campaigns that have sold in fifty segments.
func known() (*Book, Rules) {
	r := Usual(On)
	b := NewBook(r)
	for i := range 20_000 {
		b.Learn(Lesson{At: int64(i) * 1e9, Campaign: fmt.Sprint("campaign-", i%100), Segment: fmt.Sprint("S", i%50),
			Price: lead.Money(i%60+1) * lead.Unit, What: What(i % 2)})
	}
	return b, r
}

// What a bid is worth is found without an allocation.
func TestWorthAllocatesNothing(t *testing.T) {
	b, r := known()
	now := b.Tables()
	if n := testing.AllocsPerRun(100, func() {
		f := r.Factors(now.Of("campaign-7", "S7", r.Band(12*lead.Unit)), false, false)
		f.Worth(12 * lead.Unit)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkWorth(b *testing.B) {
	book, r := known()
	now := book.Tables()
	b.ReportAllocs()
	for b.Loop() {
		f := r.Factors(now.Of("campaign-7", "S7", r.Band(12*lead.Unit)), false, false)
		f.Worth(12 * lead.Unit)
	}
}

func BenchmarkTables(b *testing.B) {
	book, _ := known()
	b.ReportMetric(float64(book.cells), "cells")
	for b.Loop() {
		book.Tables()
	}
}
