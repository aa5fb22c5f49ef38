// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"slices"
	"testing"
	"time"

	"clearpost/buyers"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/rules"
)

// A reload that gives a vertical other fields moves the places of those that stay. What a trip on the older
// configuration holds by the newer one is told by its fields nonetheless: caps by value, and who has come before.
func TestAReloadMovesTheFieldsUnderATrip(t *testing.T) {
	zip := lead.Field{Name: "zip", Type: lead.TypePostalCode, Required: lead.AtPing}
	phone := lead.Field{Name: "phone", Type: lead.TypePhone, Required: lead.AtPost}
	ssn := lead.Field{Name: "ssn", Type: lead.TypeSSN, Personal: true}
	age := lead.Field{Name: "age", Type: lead.TypeInteger}
	roof := lead.Field{Name: "roof", Type: lead.TypeText}
	house := lead.Field{Name: "house", Type: lead.TypeText}
	more := []lead.Field{{Name: "aaa", Type: lead.TypeText}, {Name: "bbb", Type: lead.TypeText}}
	market := func(own []lead.Field, rule []rules.UniqueSpec, cap ...rules.CapSpec) setup {
		slow := exchangetest.Always(exchangetest.Decline("no").In(time.Second))
		s := sellTo(1, campaign{ID: "a", Price: 10*dollar + lead.Cent, Post: slow},
			campaign{ID: "b", Price: 10 * dollar, Spec: func(c *buyers.CampaignSpec) {
				c.Duplicates, c.Caps = rule, cap
			}})
		return fields(s, own...)
	}
	exchangetest.Run(t, market([]lead.Field{phone, zip, ssn, age, roof, house}, nil), func(x *rig) {
		first := values{"roof": "slate", "house": "1 Main St"}
		id := x.Quote(8*dollar, first)
		heard := post(x, id)
		x.Sleep(500 * time.Millisecond)
		x.Reload(market(append(slices.Clone(more), house, roof, age, ssn, zip, phone),
			[]rules.UniqueSpec{{Fields: []string{"house"}, Days: 1}}, rules.CapSpec{Per: "day", By: "roof", Limit: 5}))
		a := <-heard
		wantSold(t, a.reply, a.fault, 8*dollar)
		p := exchangetest.Last[*ledger.Posting](x, id)
		if len(p.Charges) != 1 || p.Charges[0].Cap != "campaign:b:day/roof=slate" {
			t.Errorf("it charged %+v", p.Charges)
		}
		if len(p.Private.Marks) != 1 || len(p.Private.Marks[0].Names) != 1 {
			t.Errorf("it is known as %+v", p.Private.Marks)
		}
		next := x.Quote(8*dollar, first)
		for _, b := range exchangetest.Last[*ledger.Pinged](x, next).Bids {
			if (b.Refusal == lead.DuplicateRule) != (b.Campaign == "b") {
				t.Errorf("another lead of the house: %+v", b)
			}
		}
	})
}
