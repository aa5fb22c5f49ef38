// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"testing"

	"clearpost/buyers"
	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/ledger"
)

// withExclusions gives the vertical a list in which sellers say who must not have a lead.
func withExclusions(s setup) setup {
	s = fields(s, lead.Field{Name: "phone", Type: lead.TypePhone, Required: lead.AtPost},
		lead.Field{Name: "zip", Type: lead.TypePostalCode, Required: lead.AtPing},
		lead.Field{Name: "age", Type: lead.TypeInteger}, lead.Field{Name: "ssn", Type: lead.TypeSSN, Personal: true},
		lead.Field{Name: "not_to", Type: lead.TypeList, Of: lead.TypeText})
	return vertical(s, func(v *exchange.Vertical) {
		pos, _ := v.Schema.Position("not_to")
		v.Exclusions = pos + 1
	})
}

func TestExcludedBuyersHearNothingOfALead(t *testing.T) {
	three := []campaign{{ID: "a", Price: 30 * dollar}, {ID: "b", Price: 25 * dollar}, {ID: "c", Price: 20 * dollar}}
	named := func(b *buyers.BuyerSpec) {
		if b.ID == "b-co" {
			b.Name, b.Parent = "Beta Insurance", "holding"
		}
	}
	for name, c := range map[string]struct {
		always []string
		ping   string
		winner string
	}{
		"nobody":               {nil, "", "a"},
		"one, by id":           {nil, "a-co", "b"},
		"several, by any name": {nil, `["A-CO", " beta insurance "]`, "c"},
		"by the parent":        {[]string{"holding"}, "a-co", "c"},
		"by the source":        {[]string{"a-co"}, "", "b"},
		"nobody that there is": {[]string{"zeta"}, "omega", "a"},
	} {
		t.Run(name, func(t *testing.T) {
			s := withExclusions(sellTo(1, three...))
			s.Buyer, s.Source = named, func(s *exchange.Source) { s.Excluded = c.always }
			exchangetest.Run(t, s, func(x *rig) {
				p, f := x.Ping(values{"not_to": c.ping}, nil)
				if f != nil || p.Result != lead.ResultSuccess {
					t.Fatalf("%+v, %v", p, f)
				}
				x.Post(p.LeadID, nil, nil)
				wantPosted(x, c.winner)
				for _, b := range exchangetest.Last[*ledger.Pinged](x, p.LeadID).Bids {
					asked := len(x.Buyers.Calls(b.Campaign, exchangetest.Ping)) > 0
					excluded := b.Refusal == lead.Excluded
					if asked == excluded || excluded != (b.Campaign < c.winner) {
						t.Errorf("%s: asked %v, refused %v", b.Campaign, asked, b.Refusal)
					}
				}
			})
		})
	}
}

// A post may exclude more than its ping did not speak of, and not change what it was priced by.
func TestExclusionsOfAPost(t *testing.T) {
	s := withExclusions(sellTo(1, campaign{ID: "a", Price: 30 * dollar}, campaign{ID: "b", Price: 25 * dollar}))
	exchangetest.Run(t, s, func(x *rig) {
		p, _ := x.Ping(nil, nil)
		r, f := x.Post(p.LeadID, values{"not_to": "a-co"}, nil)
		wantSold(t, r, f, 24*dollar)
		wantPosted(x, "b")
		wantTried(x, p.LeadID, map[string]lead.Refusal{"a": lead.Excluded})

		p, _ = x.Ping(values{"phone": "2127365009", "not_to": "b-co"}, nil)
		_, f = x.Post(p.LeadID, values{"phone": "2127365009", "not_to": "a-co"}, nil)
		if f == nil || f.Code != "changed_since_ping" {
			t.Errorf("%v", f)
		}
	})
}

// Of the legs of an answer those of excluded brands do not count.
func TestExcludedBrands(t *testing.T) {
	s := sellTo(2, network("net", false, nil, offer{"Alpha", 30, 2}, offer{"Beta", 20, 2}, offer{"Gamma", 10, 2}))
	s.Source = func(s *exchange.Source) { s.Excluded = []string{"alpha"} }
	exchangetest.Run(t, s, func(x *rig) {
		r, f := x.LeadNow(nil, nil)
		wantSold(t, r, f, 24*dollar)
		b := exchangetest.Last[*ledger.Pinged](x, r.LeadID).Bids[0]
		if b.Refusal != lead.Excluded || b.Brand != "Alpha" {
			t.Errorf("%+v", b)
		}
	})
}
