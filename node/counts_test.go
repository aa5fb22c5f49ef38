// SPDX-License-Identifier: Apache-2.0

package node

import (
	"testing"
	"time"

	"clearpost/buyers"
	"clearpost/config"
	"clearpost/exchange"
	"clearpost/rules"
)

// Counts are kept for as long as any cap looks back, whoever has it: what is forgotten is sold once more.
func TestCountsAreKeptForTheCapsOfEverybody(t *testing.T) {
	caps := []rules.Cap{{Days: 90}}
	for who, c := range map[string]exchange.Config{
		"campaign": {Book: &buyers.Book{Campaigns: []*buyers.Campaign{{Caps: caps}}}},
		"parent":   {Book: &buyers.Book{}, Parents: []exchange.Parent{{Caps: caps}}},
		"source":   {Book: &buyers.Book{}, Sources: []*exchange.Source{{Caps: caps}}},
		"vertical": {Book: &buyers.Book{}, Verticals: []*exchange.Vertical{{Caps: caps}}},
	} {
		if got := countTogether(&config.Config{Exchange: c}); got != 92*24*time.Hour {
			t.Errorf("%s: %v", who, got)
		}
	}
}
