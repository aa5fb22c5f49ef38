// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"testing"
	"time"

	"clearpost/exchange"
)

func TestHistogramTellsItsQuantiles(t *testing.T) {
	var h exchange.Histogram
	if h.Quantile(0.5) != 0 {
		t.Error("of nothing there is no quantile")
	}
	for us := 1; us <= 1000; us++ {
		h.Observe(time.Duration(us) * time.Microsecond)
	}
	h.Observe(-time.Second)
	n, total := h.Sum()
	if n != 1001 || total != 500500*time.Microsecond {
		t.Errorf("%d durations of %v", n, total)
	}
	for q, want := range map[float64]time.Duration{0.5: 500 * time.Microsecond, 0.99: 990 * time.Microsecond,
		0.001: time.Microsecond} {
		if got := h.Quantile(q); got < want || got > want*5/4+time.Microsecond {
			t.Errorf("quantile %v is %v, want about %v", q, got, want)
		}
	}
	below := h.Below([]time.Duration{time.Microsecond, 100 * time.Microsecond, time.Hour}, nil)
	if below[0] != 1 || below[1] < 85 || below[1] > 101 || below[2] != 1001 {
		t.Errorf("below: %v", below)
	}
}
