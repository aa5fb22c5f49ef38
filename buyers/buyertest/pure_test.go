// SPDX-License-Identifier: Apache-2.0

package buyertest

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"clearpost/lead"
)

func TestTokensCarryThePrice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		style := rapid.SampledFrom([]TokenStyle{TokenHex, TokenGUID, TokenBase64, TokenNumber}).Draw(t, "style")
		seed, n := rapid.Uint64().Draw(t, "seed"), rapid.Uint64Range(1, 1<<24-1).Draw(t, "n")
		price := lead.Money(rapid.Int64Range(0, 1<<20-1).Draw(t, "cents")) * lead.Cent
		tok := makeToken(style, seed, n, price)
		if got, ok := readToken(style, seed, tok); !ok || got != price {
			t.Fatalf("%s: %v %v, want %v", tok, got, ok, price)
		}
		if _, ok := readToken(style, seed+1, tok); ok {
			t.Fatalf("%s is also another buyer's", tok)
		}
		// Any other digit is noticed.
		b := []byte(tok)
		at := rapid.IntRange(0, len(b)-1).Draw(t, "at")
		if style == TokenBase64 && at >= len(b)-3 || b[at] == '-' {
			return
		}
		b[at] = "12"[b[at]%2]
		if string(b) == tok {
			return
		}
		if got, ok := readToken(style, seed, string(b)); ok && style != TokenNumber {
			t.Fatalf("%s for %s is read as %v", b, tok, got)
		}
	})
	for _, bad := range []string{"", "zz", "1", "18446744073709551616", "00000000000000000000000000000000"} {
		for _, style := range []TokenStyle{TokenHex, TokenGUID, TokenBase64, TokenNumber} {
			if _, ok := readToken(style, 1, bad); ok {
				t.Errorf("style %d reads %q", style, bad)
			}
		}
	}
}

func TestLatencies(t *testing.T) {
	draw := func(l Latency) []time.Duration {
		if err := l.validate(); err != nil {
			t.Fatal(err)
		}
		d := &dice{state: 42}
		out := make([]time.Duration, 20_000)
		for i := range out {
			out[i] = l.draw(d)
		}
		slices.Sort(out)
		return out
	}
	near := func(name string, got, want time.Duration) {
		if got < want*9/10 || got > want*11/10 {
			t.Errorf("%s: %v, want about %v", name, got, want)
		}
	}
	if x := draw(Fixed(3 * time.Millisecond)); x[0] != 3*time.Millisecond || x[len(x)-1] != x[0] {
		t.Errorf("fixed: %v to %v", x[0], x[len(x)-1])
	}
	x := draw(LogNormal(40*time.Millisecond, 200*time.Millisecond))
	near("median", x[len(x)/2], 40*time.Millisecond)
	near("p99", x[len(x)*99/100], 200*time.Millisecond)
	x = draw(Fixed(10*time.Millisecond).WithTail(0.1, time.Second))
	if x[len(x)*85/100] != 10*time.Millisecond {
		t.Errorf("below the tail: %v", x[len(x)*85/100])
	}
	var sum time.Duration
	for _, v := range x {
		sum += v - 10*time.Millisecond
	}
	near("mean of the tail", sum/time.Duration(len(x)/10), time.Second)
	if x := draw(Fixed(0).WithTail(1, time.Hour)); x[len(x)-1] > LatencyMax {
		t.Errorf("longest: %v", x[len(x)-1])
	}
}

func TestReasonsByWeight(t *testing.T) {
	r := Rule{Reasons: []Weighted{{"a", 3}, {"b", 1}, {"never", 0}}}
	d := &dice{state: 1}
	n := map[string]int{}
	for range 4000 {
		n[r.reason(d)]++
	}
	if n["a"] < 2800 || n["a"] > 3200 || n["a"]+n["b"] != 4000 {
		t.Errorf("%v", n)
	}
	if got := (&Rule{}).reason(d); got != ReasonNo {
		t.Errorf("no reasons: %q", got)
	}
}
