// SPDX-License-Identifier: Apache-2.0

package buyertest

import (
	"fmt"
	"math"
	"time"
)

// LatencyMax bounds every latency that is drawn.
const LatencyMax = 5 * time.Minute

// Latency is a distribution of the time that a buyer takes before it answers. The zero value is "at once".
type Latency struct {
	median time.Duration
	sigma  float64
	tail   time.Duration // mean of what is added in the tail
	share  float64       // of calls in the tail
	err    string
}

// Fixed takes the same time always.
func Fixed(d time.Duration) Latency {
	l := Latency{median: d}
	if d < 0 {
		l.err = "a negative latency"
	}
	return l
}

// z99 is the 99th percentile of the standard normal distribution.
const z99 = 2.3263478740408408

// LogNormal has this median and this 99th percentile.
func LogNormal(p50, p99 time.Duration) Latency {
	if p50 <= 0 || p99 < p50 {
		return Latency{err: fmt.Sprintf("median %v and p99 %v: expected 0 < median ≤ p99", p50, p99)}
	}
	return Latency{median: p50, sigma: math.Log(float64(p99)/float64(p50)) / z99}
}

// WithTail adds to a share of the calls (0 to 1) a further time: exponentially distributed with this mean.
func (l Latency) WithTail(share float64, mean time.Duration) Latency {
	l.share, l.tail = share, mean
	if share < 0 || share > 1 || mean < 0 {
		l.err = fmt.Sprintf("tail of %v with mean %v: expected a share of 0 to 1", share, mean)
	}
	return l
}

func (l Latency) validate() error {
	if l.err != "" {
		return fmt.Errorf("latency: %s", l.err)
	}
	return nil
}

// draw turns three uniform numbers into a latency.
func (l Latency) draw(d *dice) time.Duration {
	t := float64(l.median)
	if l.sigma > 0 {
		t *= math.Exp(l.sigma * d.normal())
	}
	if l.share > 0 && d.float() < l.share {
		t += -math.Log(1-d.float()) * float64(l.tail)
	}
	return time.Duration(min(t, float64(LatencyMax)))
}
