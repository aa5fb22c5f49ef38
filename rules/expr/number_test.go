// SPDX-License-Identifier: Apache-2.0

package expr

import (
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

func (n number) big() *big.Int {
	out := new(big.Int).SetUint64(n.hi)
	out.Lsh(out, 64).Or(out, new(big.Int).SetUint64(n.lo))
	if n.neg {
		out.Neg(out)
	}
	return out
}

func drawNumber(t *rapid.T, name string) number {
	n := number{lo: rapid.Uint64().Draw(t, name+" low")}
	if rapid.Bool().Draw(t, name+" is large") {
		n.hi = rapid.Uint64().Draw(t, name+" high") >> 1
	}
	n.neg = !n.zero() && rapid.Bool().Draw(t, name+" is negative")
	return n
}

// Numbers reckon as those of math/big do, or say that they have no room.
func TestNumbersAreExact(t *testing.T) {
	most := new(big.Int).Lsh(big.NewInt(1), 127)
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawNumber(t, "a"), drawNumber(t, "b")
		if got, want := compare(a, b), a.big().Cmp(b.big()); got != want {
			t.Fatalf("%v against %v: %d, expected %d", a.big(), b.big(), got, want)
		}
		check := func(what string, got number, ok bool, want *big.Int) {
			room := new(big.Int).Abs(want).Cmp(most) < 0
			if ok && (got.big().Cmp(want) != 0 || got.neg && got.zero()) || ok && !room {
				t.Fatalf("%v %s %v: got %v, expected %v", a.big(), what, b.big(), got.big(), want)
			}
			if !ok && room && !(what == "*" && a.hi != 0 && b.hi != 0) {
				t.Fatalf("%v %s %v: no room for %v", a.big(), what, b.big(), want)
			}
		}
		sum, ok := a.plus(b)
		check("+", sum, ok, new(big.Int).Add(a.big(), b.big()))
		sum, ok = a.plus(b.negated())
		check("-", sum, ok, new(big.Int).Sub(a.big(), b.big()))
		product, ok := a.times(b)
		check("*", product, ok, new(big.Int).Mul(a.big(), b.big()))
		v, ok := a.small()
		if ok != a.big().IsInt64() || ok && numberOf(v) != a {
			t.Fatalf("%v as an int64: %d, %v", a.big(), v, ok)
		}
	})
}

func TestLiteralsAreReadExactly(t *testing.T) {
	for _, c := range []struct {
		text  string
		want  string // empty: refused
		scale uint8
	}{
		{"0", "0", 0}, {"35", "35", 0}, {"1_000_000", "1000000", 0}, {"0x1F", "31", 0}, {"0b101", "5", 0},
		{"0.1", "1", 1}, {"12.50", "125", 1}, {"100.00", "100", 0}, {".5", "5", 1}, {"0.000001", "1", 6},
		{"9007199254740993.5", "90071992547409935", 1}, // a float64 has no place for it
		{"1e3", "1000", 0}, {"1.5e3", "1500", 0}, {"1e-3", "1", 3}, {"25e-1", "25", 1},
		{"123456789012345678901234567890", "", 0}, {"1e30", "", 0}, {"0.0000000000000000001", "", 0}, {"0x", "", 0},
	} {
		n, scale, ok := parseNumber(c.text)
		if ok != (c.want != "") || ok && (n.big().String() != c.want || scale != c.scale) {
			t.Errorf("%s: %v of scale %d, %v; expected %s of scale %d", c.text, n.big(), scale, ok, c.want, c.scale)
		}
	}
}
