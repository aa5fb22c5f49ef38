// SPDX-License-Identifier: Apache-2.0

package node

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"clearpost/lead"
	"clearpost/ledger"
)

// An accepting post whose answer has no positive price is a sale at the fallback of the rules, else at the bid; what
// stood in the price's place is in the event.
func TestSaleWithoutAPriceInItsAnswer(t *testing.T) {
	var answer atomic.Pointer[string]
	buyer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/ping") {
			fmt.Fprint(w, `{"ok":1,"price":20}`)
			return
		}
		fmt.Fprint(w, *answer.Load())
	}))
	defer buyer.Close()
	const page = `
id: b
allow_private_addresses: true
campaigns:
  - id: b-main
    vertical: solar
    pay: %s
    ping:
      request: {url: "%[2]s/ping", fields: [{to: z, from: zip}]}
      answer: {success: [{path: ok, equals: 1}], price: {path: price}}
    post:
      request: {url: "%[2]s/post", fields: [{to: z, from: zip}, {to: p, from: phone}]}
      answer: {success: [{path: ok, equals: 1}], price: {path: price%s}}
`
	phone := 5000
	for _, c := range []struct {
		pay, fallback, answer string
		booked, answered      lead.Money
		text                  string
	}{
		{"post_price", ", fallback: 12.50", `{"ok":1,"price":7.25}`, 7_250_000, 7_250_000, ""},
		{"post_price", ", fallback: 12.50", `{"ok":1}`, 12_500_000, 0, ""},
		{"post_price", ", fallback: 12.50", `{"ok":1,"price":0}`, 12_500_000, 0, "0"},
		{"post_price", ", fallback: 12.50", `{"ok":1,"price":"-3.00"}`, 12_500_000, 0, "-3.00"},
		{"post_price", "", `{"ok":1,"price":"-3.00"}`, 20 * dollar, 0, "-3.00"},
		{"ping_price", ", fallback: 12.50", `{"ok":1,"price":0.00}`, 20 * dollar, 0, "0.00"},
	} {
		h := build(t, "", nil, script("x", dollar))
		h.write("buyers/b.yaml", fmt.Sprintf(page, c.pay, buyer.URL, c.fallback))
		h.restart()
		answer.Store(&c.answer)
		phone++
		a := h.call("POST", "/v1/solar/leads", fmt.Sprintf(`{"zip":"10001","phone":"212736%d"}`, phone))
		h.expect(a, 200, ledger.ResultSuccess)
		p := last[*ledger.Posted](h, a.LeadID)
		want := c.booked.MulPPM(800_000).FloorCents()
		if p.Price != c.booked || p.AnswerPrice != c.answered || p.AnswerPriceText != c.text || p.Payout != want {
			t.Errorf("%+v: booked %v, payout %v, answered %v %q", c, p.Price, p.Payout, p.AnswerPrice,
				p.AnswerPriceText)
		}
	}
}
