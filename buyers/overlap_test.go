// SPDX-License-Identifier: Apache-2.0

package buyers

import (
	"strings"
	"testing"
	"time"

	"clearpost/lead"
	"clearpost/rules"
)

// Of two campaigns of one buyer, wide and narrow, it is told where one leaves nothing to the other, and only there.
func TestUselessCampaignsAreToldOf(t *testing.T) {
	young, old := "25", "30"
	state := func(in ...string) rules.CriterionSpec { return rules.CriterionSpec{Field: "state", In: in} }
	wide := []rules.CriterionSpec{state("CA", "TX"), {Field: "age", Min: &young}}
	narrow := []rules.CriterionSpec{state("CA"), {Field: "age", Min: &old}}
	always := func(*BuyerSpec) {}
	both := func(change func(wide, narrow *CampaignSpec)) func(*BuyerSpec) {
		return func(b *BuyerSpec) { change(&b.Campaigns[0], &b.Campaigns[1]) }
	}
	for name, c := range map[string]struct {
		wide, narrow string // prices
		change       func(*BuyerSpec)
		told         string // of which campaign, and in part how
	}{
		"the wide one pays more":   {"12", "10", always, "narrow: wide wants every lead that it wants and pays 12.00"},
		"they pay the same":        {"10", "10", always, "narrow: wide wants every lead that it wants, at the same"},
		"the narrow one pays more": {"10", "12", always, ""},
		"both want the same": {"10", "10", both(func(w, n *CampaignSpec) {
			n.Criteria = w.Criteria
		}), "narrow: wide"},
		"the wide one is capped": {"12", "10", both(func(w, n *CampaignSpec) {
			w.Caps = []rules.CapSpec{{Per: "total", Limit: 5}}
		}), ""},
		"the narrow one is capped": {"12", "10", both(func(w, n *CampaignSpec) {
			n.Caps = []rules.CapSpec{{Per: "total", Limit: 5}}
		}), "narrow: wide"},
		"the buyer is capped": {"12", "10", func(b *BuyerSpec) {
			b.Caps = []rules.CapSpec{{Per: "total", Limit: 5}}
		}, "narrow: wide"},
		"the wide one asks first": {"12", "10", both(func(w, n *CampaignSpec) {
			w.Ping = &EndpointSpec{Request: requestOf("zip"), Answer: answerOf("", "")}
		}), ""},
		"the wide one has hours": {"12", "10", both(func(w, n *CampaignSpec) {
			w.Schedule = &rules.ScheduleSpec{Zone: "UTC", Open: []string{"mon 08:00-20:00"}}
		}), ""},
		"the narrow one has hours": {"12", "10", both(func(w, n *CampaignSpec) {
			n.Schedule = &rules.ScheduleSpec{Zone: "UTC", Open: []string{"mon 08:00-20:00"}}
		}), "narrow: wide"},
		"the narrow one shares":        {"12", "10", both(func(w, n *CampaignSpec) { n.MaxSold = 3 }), ""},
		"they buy different verticals": {"12", "10", both(func(w, n *CampaignSpec) { n.Vertical = "home" }), ""},
		"the narrow one asks for more than it says": {"12", "10", both(func(w, n *CampaignSpec) {
			n.Criteria = []rules.CriterionSpec{{Any: n.Criteria}}
		}), ""},
	} {
		t.Run(name, func(t *testing.T) {
			campaign := func(id, price string, criteria []rules.CriterionSpec) CampaignSpec {
				m, err := lead.ParseMoney([]byte(price))
				if err != nil {
					t.Fatal(err)
				}
				return CampaignSpec{ID: id, Vertical: "auto", Price: &m, Criteria: criteria,
					Post: &EndpointSpec{Request: requestOf("zip"), Answer: answerOf("", "")}}
			}
			spec := BuyerSpec{ID: "b", Timezone: "UTC", Campaigns: []CampaignSpec{campaign("wide", c.wide, wide),
				campaign("narrow", c.narrow, narrow)}}
			c.change(&spec)
			s := testSchema(t)
			book, ds := Compile([]BuyerSpec{spec}, map[string]*lead.Schema{"auto": s, "home": s}, Options{})
			if ds != nil {
				t.Fatal(ds)
			}
			var got []string
			for _, w := range book.Warnings(time.Date(2026, 2, 28, 0, 0, 0, 0, time.UTC)) {
				if strings.Contains(w, "wants every lead") {
					got = append(got, w)
				}
			}
			if c.told == "" && got != nil || c.told != "" && (len(got) != 1 ||
				!strings.HasPrefix(got[0], "campaign "+c.told)) {
				t.Errorf("warnings %q, expected %q", got, c.told)
			}
		})
	}
}
