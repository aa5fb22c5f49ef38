// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"cmp"
	"slices"

	"clearpost/ledger"
)

// inTurn puts leads that are due in order: buyers take turns, and for each buyer the sources; what is worth more comes
// first, and of what is worth the same the one that was due first.
func inTurn(due []ledger.Queued) []ledger.Queued {
	slices.SortStableFunc(due, func(a, b ledger.Queued) int {
		return cmp.Or(cmp.Compare(b.Price, a.Price), a.Due.Compare(b.Due))
	})
	type line struct{ buyer, source string }
	nth, turn := map[line]int{}, make([]int, len(due))
	for i := range due { // within a buyer its sources take turns
		at := line{due[i].Buyer, due[i].Source}
		turn[i] = nth[at]
		nth[at]++
	}
	order := make([]int, len(due))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return turn[a] - turn[b] })
	of := map[string]int{}
	for _, i := range order { // and buyers among each other
		turn[i] = of[due[i].Buyer]
		of[due[i].Buyer]++
	}
	slices.SortStableFunc(order, func(a, b int) int { return turn[a] - turn[b] })
	out := make([]ledger.Queued, len(due))
	for i, k := range order {
		out[i] = due[k]
	}
	return out
}
