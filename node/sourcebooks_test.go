// SPDX-License-Identifier: Apache-2.0

package node

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-json"

	"clearpost/exchange"
	"clearpost/exchange/admin"
	"clearpost/exchange/intake"
	"clearpost/lead"
)

// A source reads what it is owed and what became of its leads, page by page, and statements that were issued to it; of
// other sources it sees nothing, and of buyers neither names, campaigns and references nor what they pay.
func TestASourceReadsItsOwnAccount(t *testing.T) {
	t.Parallel()
	h := build(t, "", nil, script("bigbuyer", 25*dollar))
	var ref string
	for i, phone := range []string{"2127365000", "2127365001", "2127365002"} {
		key := "Authorization: Bearer acme-key-0123456789"
		if i == 2 {
			key = "Authorization: Bearer other-key-0123456789"
		}
		q := h.ping(fmt.Sprintf(`{"zip":"1000%d","seller_lead_id":"A-%d"}`, i, i), key)
		h.expect(q, 200, lead.ResultSuccess)
		h.expect(h.post(q.PingID, phone, key), 200, lead.ResultSuccess)
		if i == 0 {
			back, _, err := h.node.Exchange.Return(exchange.ReturnAsk{Name: q.PingID, Reason: "odd", Grant: true,
				Budget: time.Second})
			if err != nil {
				t.Fatal(err)
			}
			ref = back.Reference
		}
	}
	read := func(key, path string, to any) int {
		t.Helper()
		a := h.call("GET", path, "", "Authorization: Bearer "+key+"-key-0123456789")
		for _, secret := range []string{"bigbuyer", "25.00", "A-" + map[string]string{"acme": "2", "other": "0"}[key],
			ref} {
			if secret != "" && strings.Contains(a.text, secret) {
				t.Errorf("%s tells %s: %s", path, secret, a.text)
			}
		}
		if to != nil && a.status == 200 {
			if err := json.Unmarshal([]byte(a.text), to); err != nil {
				t.Fatalf("%s: %v", a.text, err)
			}
		}
		return a.status
	}
	var paid admin.Paid
	pay := admin.Payment{Source: "acme", Amount: "16.00", Ref: "wire-7", Why: "payout"}
	for again := range 2 {
		if code := h.admin("POST", "/v1/payments", pay, &paid); code != 200 || paid.Changed != (again == 0) {
			t.Fatalf("pay: %d %+v", code, paid)
		}
	}
	const owed = exchange.Amount(24 * dollar) // 40 for two leads, less 16 that were paid
	now := time.Now().UTC()
	month := now.Format("2006-01")
	var s intake.SourceStatement
	if code := read("acme", "/v1/statement?limit=1&zone=UTC&month="+month, &s); code != 200 || len(s.Sums) != 1 ||
		s.Sums[0].Closing != owed || len(s.Lines) != 1 || s.Next == "" || !s.SoFar ||
		s.Lines[0].SellerLeadID != "A-0" || s.Issued != nil {
		t.Errorf("%d %+v", code, s)
	}
	sum, pages := s.Lines[0].Amount, 1
	for ; s.Next != "" && pages < 9; pages++ {
		at := s.Next
		s = intake.SourceStatement{}
		if code := read("acme", "/v1/statement?limit=1&zone=UTC&month="+month+"&after="+at, &s); code != 200 {
			t.Fatalf("page after %s: %d", at, code)
		}
		for _, l := range s.Lines {
			sum += l.Amount
		}
	}
	if sum != owed || pages < 2 {
		t.Errorf("the lines of %d pages add up to %v", pages, sum)
	}
	var r intake.SourceReport
	if code := read("acme", "/v1/report?by=vertical", &r); code != 200 || len(r.Rows) != 1 || r.Rows[0].Leads != 2 ||
		r.Rows[0].Sales != 2 || r.Rows[0].Payout != exchange.Amount(40*dollar) || r.Rows[0].Key[0] != "solar" {
		t.Errorf("%d %+v", code, r)
	}
	if code := read("other", "/v1/report", &r); code != 200 || len(r.Totals) != 1 || r.Totals[0].Leads != 1 {
		t.Errorf("another source's: %d %+v", code, r)
	}
	h.ahead.Store(int64(32 * 24 * time.Hour))
	var issued admin.IssueOut
	in := admin.IssueIn{Account: "source:acme", Month: month, Zone: "UTC", Why: "month"}
	for again := range 2 {
		if code := h.admin("POST", "/v1/statements", in, &issued); code != 200 || len(issued.Statements) != 1 ||
			issued.Changed != 1-again {
			t.Fatalf("issue: %d %+v", code, issued)
		}
	}
	s = intake.SourceStatement{}
	if code := read("acme", "/v1/statement?number=PAY-0001", &s); code != 200 || s.Number != "PAY-0001" ||
		s.Sums[0].Closing != owed || len(s.Lines) < 2 || s.Sums[0].Payments != -exchange.Amount(16*dollar) ||
		s.Lines[len(s.Lines)-1].Ref != "wire-7" {
		t.Errorf("%d %+v", code, s)
	}
	for _, number := range []string{"PAY-0001", "PAY-0002"} {
		if code := read("other", "/v1/statement?number="+number, nil); code != 404 {
			t.Errorf("another source reads %s: %d", number, code)
		}
	}
	if code := read("acme", "/v1/statement?zone=UTC&month="+month, &s); code != 200 || len(s.Issued) != 1 {
		t.Errorf("%d %+v", code, s)
	}
}
