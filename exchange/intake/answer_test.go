// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"testing"
	"time"

	"github.com/goccy/go-json"

	"clearpost/exchange"
	"clearpost/lead"
)

func TestQuotesAreWrittenAsTheEncoderWould(t *testing.T) {
	var visible []byte
	for c := byte(0x20); c < 0x7f; c++ {
		visible = append(visible, c)
	}
	for _, own := range []string{"", "a-1", string(visible)} {
		r := &exchange.Reply{Result: lead.ResultSuccess, Quote: true, LeadID: lead.ID{1, 0xab, 15: 9},
			SellerLeadID: own, Price: 12_345_000, Currency: "USD", ExpiresAt: time.Date(2026, 1, 31, 23, 4, 5,
				12_345_000, time.FixedZone("", -7*3600))}
		want, err := json.MarshalWithOption(r.Answer(), json.DisableHTMLEscape())
		if err != nil {
			t.Fatal(err)
		}
		if got := appendQuote(nil, r); string(got) != string(want) {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}
