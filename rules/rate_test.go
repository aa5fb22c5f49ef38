// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"testing"

	"clearpost/lead"
)

func TestRatesAreReadWithinTheirLimits(t *testing.T) {
	per := func(text string) *lead.Money {
		m, err := lead.ParseMoney([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return &m
	}
	n := func(v int) *int { return &v }
	for _, c := range []struct {
		spec  *RateSpec
		burst int    // 0: no rate
		wrong string // path, value and what was expected
	}{
		{nil, 0, ""},
		{&RateSpec{}, 0, "per_second||calls a second: above 0, at most 1000000"},
		{&RateSpec{PerSecond: per("0")}, 0, "per_second|0.00|calls a second: above 0, at most 1000000"},
		{&RateSpec{PerSecond: per("1000000.1")}, 0, "per_second|1000000.10|calls a second: above 0, at most 1000000"},
		{&RateSpec{PerSecond: per("1000000")}, 1000000, ""},
		{&RateSpec{PerSecond: per("0.000001")}, 1, ""},
		{&RateSpec{PerSecond: per("2.5")}, 3, ""},
		{&RateSpec{PerSecond: per("2.5"), Burst: n(1)}, 1, ""},
		{&RateSpec{PerSecond: per("2.5"), Burst: n(0)}, 3, "burst|0|1 to 10000000"},
		{&RateSpec{PerSecond: per("2.5"), Burst: n(BurstMost)}, BurstMost, ""},
		{&RateSpec{PerSecond: per("2.5"), Burst: n(BurstMost + 1)}, 3, "burst|10000001|1 to 10000000"},
	} {
		r, ds := c.spec.Compile("calls")
		wrong := ""
		for _, d := range ds {
			wrong += d.Path + "|" + d.Value + "|" + d.Expected
		}
		if wrong != c.wrong || (r == nil) != (c.burst == 0) || r != nil && (r.Burst != c.burst ||
			r.PerSecond != *c.spec.PerSecond) {
			t.Errorf("%+v: %+v, %q, want a burst of %d and %q", c.spec, r, wrong, c.burst, c.wrong)
		}
	}
}
