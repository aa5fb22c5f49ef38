// SPDX-License-Identifier: Apache-2.0

package intake_test

import (
	"clearpost/lead"
	"strconv"
	"strings"
	"testing"
)

// A seller outside its hours hears so, and when they begin; nothing of its lead is kept. What it was promised before
// it gets, and outside of buyers' hours it hears that there are no bids.
func TestSellerOutsideHoursHearsWhenTheyBegin(t *testing.T) {
	h := build(t, "", nil, script("a", 25*dollar))
	const open, closed = "margin: {percent: 20}\n", "margin: {percent: 20}\nschedule: {zone: UTC, from: 2100-01-01}\n"
	p := h.ping(`{"zip":"10001"}`)
	h.expect(p, 200, lead.ResultSuccess)

	h.edit("sources/acme.yaml", open, closed)
	h.restart()
	seq := h.ledger.LastSeq()
	for _, a := range []heard{h.ping(`{"zip":"10001"}`),
		h.call("POST", "/v1/solar/leads", `{"zip":"10001","phone":"2127365001"}`)} {
		after, err := strconv.Atoi(a.header.Get("Retry-After"))
		if a.status != 503 || a.Reason != "source_closed" || err != nil || after < 3600 ||
			!strings.Contains(a.Details, "opens Fri 2100-01-01 00:00 UTC") {
			t.Errorf("%d %+v, Retry-After %q", a.status, a, a.header.Get("Retry-After"))
		}
	}
	if h.ledger.LastSeq() != seq {
		t.Error("a lead that was not taken stands in the ledger")
	}
	h.expect(h.post(p.PingID, "2127365000"), 200, lead.ResultSuccess)

	h.edit("sources/acme.yaml", closed, open)
	h.edit("buyers/a.yaml", "timezone: America/New_York\n",
		"timezone: America/New_York\nschedule: {open: [2100-01-01]}\n")
	h.restart()
	a := h.ping(`{"zip":"10001"}`)
	h.expect(a, 200, lead.ResultFailure)
	if a.Reason != "no_bids" || !strings.Contains(a.Details, "none of them is open") {
		t.Errorf("%+v", a)
	}
}
