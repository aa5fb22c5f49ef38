// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"clearpost/lead"
	"clearpost/ledger"
)

// Buyers take turns, and for each of them the sources; within a source the dearest lead comes first.
func TestLeadsThatAreDueTakeTurns(t *testing.T) {
	for name, c := range map[string]struct{ due, want string }{
		"the dearest first":     {"a/s/5 a/s/9 a/s/7", "a/s/9 a/s/7 a/s/5"},
		"buyers take turns":     {"a/s/9 a/s/8 a/s/7 b/s/1", "a/s/9 b/s/1 a/s/8 a/s/7"},
		"sources take turns":    {"a/s/9 a/s/8 a/s/7 a/t/1", "a/s/9 a/t/1 a/s/8 a/s/7"},
		"both":                  {"a/s/9 a/s/8 a/t/7 b/s/6 b/t/5", "a/s/9 b/s/6 a/t/7 b/t/5 a/s/8"},
		"who was due first":     {"a/s/5/2 a/s/5/1 a/s/5/3", "a/s/5/1 a/s/5/2 a/s/5/3"},
		"one buyer's many last": {"a/s/9 a/s/9 a/s/9 b/s/1 c/s/1", "a/s/9 b/s/1 c/s/1 a/s/9 a/s/9"},
		"nobody":                {"", ""},
	} {
		var due []ledger.Queued
		for i, text := range strings.Fields(c.due) {
			p := strings.Split(text, "/")
			q := ledger.Queued{Lead: lead.ID{byte(i)}}
			q.Buyer, q.Source = p[0], p[1]
			var price, at int64
			fmt.Sscan(p[2], &price)
			if len(p) > 3 {
				fmt.Sscan(p[3], &at)
			}
			q.Price, q.Due = lead.Money(price), time.Unix(at, 0)
			due = append(due, q)
		}
		var got []string
		for _, q := range inTurn(slices.Clone(due)) {
			text := fmt.Sprintf("%s/%s/%d", q.Buyer, q.Source, q.Price)
			if q.Due.Unix() > 0 {
				text += fmt.Sprint("/", q.Due.Unix())
			}
			got = append(got, text)
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s: %s, want %s", name, s, c.want)
		}
	}
}
