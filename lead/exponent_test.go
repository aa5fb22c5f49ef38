// SPDX-License-Identifier: Apache-2.0

package lead

import (
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

// TestAppendPlainNumber: a number with an exponent is the same number without one, to the last digit, or stays as it
// is.
func TestAppendPlainNumber(t *testing.T) {
	for in, want := range map[string]string{
		"1E+2": "100", "2.25e1": "22.5", "5e-1": "0.5", "-1.5E2": "-150", "0e9": "0", "1e0": "1", "12": "12",
		"0.5e1": "5", "1e-3": "0.001", "1e41": "1e41", "1e-41": "1e-41", "1e0000000000002": "100",
		"1e999999999999999999999": "1e999999999999999999999",
	} {
		if got := string(AppendPlainNumber(nil, []byte(in))); got != want {
			t.Errorf("%s: %s, expected %s", in, got, want)
		}
	}
	rapid.Check(t, func(r *rapid.T) {
		in := rapid.StringMatching(`-?(0|[1-9][0-9]{0,8})(\.[0-9]{1,8})?[eE][+-]?[0-9]{1,2}`).Draw(r, "number")
		got := string(AppendPlainNumber(nil, []byte(in)))
		a, ok := new(big.Rat).SetString(in)
		b, fine := new(big.Rat).SetString(got)
		if !ok || !fine || a.Cmp(b) != 0 {
			r.Fatalf("%s became %s", in, got)
		}
	})
}
