// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"testing"
	"time"

	"clearpost/lead"
	"clearpost/ledger"
)

func settledRecord(seq uint64) ledger.Record {
	at := time.Date(2026, 11, 23, 1, 2, 3, 0, time.UTC)
	ev := &ledger.Settled{Head: ledger.Head{Kind: ledger.KindSettled, EventID: lead.ID{1}, At: at, Schema: 1,
		Lead: lead.ID{2}}, Result: lead.ResultSuccess, Payout: 20_000_000}
	return ledger.Record{Seq: seq, Kind: ledger.KindSettled, Bytes: ev.AppendJSON(nil)}
}

func TestDecodedEventsAreSharedAndBrokenOnesAreNotKept(t *testing.T) {
	d, err := newDecoded()
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	first, err := d.event(settledRecord(7))
	if err != nil {
		t.Fatal(err)
	}
	d.cache.Wait()
	again, err := d.event(settledRecord(7))
	if err != nil || again != first {
		t.Errorf("decoded again: %v", err)
	}
	if other, err := d.event(settledRecord(8)); err != nil || other == first {
		t.Errorf("another event is the same: %v", err)
	}
	for range 2 {
		if _, err := d.event(ledger.Record{Seq: 9, Bytes: []byte(`{"kind":"settled"`)}); err == nil {
			t.Error("a torn event was read")
		}
		d.cache.Wait()
	}
	d.close()
	if after, err := d.event(settledRecord(7)); err != nil || after.(*ledger.Settled).Payout != 20_000_000 {
		t.Errorf("after the end: %v", err)
	}
}

func BenchmarkEventReadBack(b *testing.B) {
	d, err := newDecoded()
	if err != nil {
		b.Fatal(err)
	}
	defer d.close()
	r := settledRecord(7)
	b.Run("decoded", func(b *testing.B) {
		for b.Loop() {
			if _, err := ledger.Decode(r.Bytes); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("cached", func(b *testing.B) {
		d.event(r)
		d.cache.Wait()
		for b.Loop() {
			if _, err := d.event(r); err != nil {
				b.Fatal(err)
			}
		}
	})
}
