// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"strings"
	"testing"

	"clearpost/exchange/exchangetest"
	"clearpost/lead"
)

// What is wrong with the wish to place or drop a row is said over HTTP.
func TestUnplacedRowsOverHTTP(t *testing.T) {
	operate(t, exchangetest.Setup{Campaigns: []exchangetest.Campaign{{ID: "a", Price: 25 * dollar}}}, func(d *desk) {
		var page Unplaced
		if status, raw := d.ask("GET", "/v1/batches/unplaced?campaign=a", nil, &page); status != 200 ||
			page.Rows == nil || len(page.Rows) != 0 {
			t.Errorf("%d %s", status, raw)
		}
		for _, bad := range []struct {
			path   string
			in     any
			status int
			words  string
		}{
			{"place", PlaceRow{Row: lead.ID{1}, Name: "x"}, 400, "why"},
			{"place", PlaceRow{Row: lead.ID{1}, Name: "x", Why: "w", Outcome: "sold"}, 400, "outcome"},
			{"place", PlaceRow{Row: lead.ID{1}, Name: "x", Why: "w", Price: "many"}, 400, "price"},
			{"place", PlaceRow{Row: lead.ID{1}, Name: "x", Why: "w"}, 404, "no row"},
			{"drop-row", DropRow{Row: lead.ID{1}}, 400, "why"},
			{"drop-row", DropRow{Row: lead.ID{1}, Why: strings.Repeat("w", whyMax+1)}, 400, "1000"},
			{"drop-row", DropRow{Row: lead.ID{1}, Why: "w"}, 404, "no row"},
		} {
			if status, raw := d.ask("POST", "/v1/batches/"+bad.path, bad.in, nil); status != bad.status ||
				!strings.Contains(raw, bad.words) {
				t.Errorf("%+v: %d %s", bad.in, status, raw)
			}
		}
	})
}
