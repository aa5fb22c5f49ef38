// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"math/rand/v2"
	"slices"
	"time"

	"clearpost/auction"
	"clearpost/buyers"
	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/loadtest/audit"
	"clearpost/rules"
)

var simCampaigns = []string{"a", "b", "c", "d", "e"}

// What is special about the campaigns of the market. Plain and chased ones pay what their answers to the post say.
const (
	plain  = "a"
	chased = "b" // it has a status URL
	resent = "c" // it may be sent the same request again
	timed  = "d" // it takes leads in the first minutes of each hour only
	listed = "e" // it has a list price
)

// simMarket is what a configuration says, as far as it changes.
type simMarket struct {
	plan    int // by which leads are sold: see routing
	limit   int // of sales of a lead, without tiers
	sold    int // how often the first campaign lets a lead be sold; it differs by campaign
	hour    int64
	total   int64
	hourly  bool // there is a cap by the hour
	spend   lead.Money
	price   lead.Money // the list price
	open    int        // minutes of each hour
	margin  int64      // ppm
	without string     // a campaign that is not configured
	caps    simCaps
	persons simPersons
}

// simPlans are how many plans there are.
const simPlans = 5

func newSimMarket(seed uint64) simMarket {
	return simMarket{plan: int(seed % simPlans), limit: 1 + int(seed%3), sold: int(seed), hour: 4, total: 30,
		hourly: true, spend: 220 * dollar, price: 11 * dollar, open: 40, margin: 200_000,
		caps: newSimCaps(), persons: newSimPersons(seed)}
}

// next is a market in which some things have changed.
func (m simMarket) next(rnd *rand.Rand) simMarket {
	switch rnd.IntN(11) {
	case 0:
		m.hour, m.hourly = 2+rnd.Int64N(5), rnd.IntN(4) > 0
	case 1:
		m.total = 15 + rnd.Int64N(30)
	case 2:
		m.spend = lead.Money(100+rnd.IntN(200)) * dollar
	case 3:
		m.plan, m.limit, m.sold = rnd.IntN(simPlans), 1+rnd.IntN(3), rnd.IntN(3)
	case 4:
		m.price, m.margin = lead.Money(500+rnd.IntN(2000))*lead.Cent, 100_000+rnd.Int64N(200_000)
	case 5:
		m.open = 10 + rnd.IntN(45)
	case 6, 7:
		m.persons = m.persons.next(rnd)
	case 8, 9:
		m.caps = m.caps.next(rnd)
	default:
		if m.without != "" {
			m.without = ""
		} else {
			m.without = simCampaigns[rnd.IntN(len(simCampaigns))]
		}
	}
	return m
}

// campaigns are those that are configured.
func (m *simMarket) campaigns() []string {
	return slices.DeleteFunc(slices.Clone(simCampaigns), func(id string) bool { return id == m.without })
}

func (m *simMarket) maxSold(id string) int { return 1 + (slices.Index(simCampaigns, id)+m.sold)%3 }

// setup is the configuration.
func (m simMarket) setup(w *world) setup {
	s := setup{Ships: true, Source: func(c *exchange.Source) {
		c.Margin = &auction.Margin{PPM: m.margin}
		m.policy(c)
	}}
	for _, id := range m.campaigns() {
		c := campaign{ID: id, MaxSold: m.maxSold(id), Ping: w.bid, Post: w.take, Spec: func(c *buyers.CampaignSpec) {
			c.Caps = []rules.CapSpec{{Per: "total", Limit: m.total}}
			if m.hourly {
				c.Caps = append(c.Caps, rules.CapSpec{Per: "hour", Limit: m.hour, Zone: "Etc/UTC"})
			}
			c.Caps = append(c.Caps, m.caps.of("campaign:"+id)...)
			c.Duplicates = m.persons.of("campaign:" + id)
			m.special(c)
			m.queue(c)
		}}
		switch id {
		case listed:
			c.Price, c.Fixed, c.Ping = m.price, true, nil
		case chased:
			c.Status = w.status
		}
		s.Campaigns = append(s.Campaigns, c)
	}
	s.Buyer = func(b *buyers.BuyerSpec) {
		b.Caps = []rules.CapSpec{{Per: "day", Spend: amount(m.spend), Zone: "Etc/UTC"}}
	}
	s.Vertical = func(v *exchange.Vertical) {
		v.Plan.SellLimit, v.Plan.Routing = m.limit, m.routing()
	}
	m.standing(&s)
	m.money(&s)
	return s
}

func (m *simMarket) special(c *buyers.CampaignSpec) {
	switch c.ID {
	case plain, chased:
		c.Pay = "post_price"
	case resent:
		c.Post.Key, c.Unknown.Resend = &buyers.KeySpec{Header: "Idempotency-Key"}, &buyers.ResendSpec{}
	case timed:
		c.Schedule = &rules.ScheduleSpec{}
		for hour := range 24 {
			c.Schedule.Open = append(c.Schedule.Open, minutesOf(hour, m.open))
		}
		c.Unknown.Then = &buyers.ThenSpec{CountsAs: "accepted", AfterH: 1}
	case listed:
		c.Unknown.Then = &buyers.ThenSpec{CountsAs: "rejected", AfterH: 1}
	}
}

// minutesOf are the first minutes of an hour of each day.
func minutesOf(hour, minutes int) string {
	at := func(minute int) string {
		return time.Date(2000, 1, 1, hour, minute, 0, 0, time.UTC).Format("15:04")
	}
	return "mon-sun " + at(0) + "-" + at(minutes)
}

// routing is the plan: none; alone, by few or by many; all at once; in turns and then whoever pays most; at random.
func (m *simMarket) routing() *exchange.Routing {
	tier := func(mode auction.Mode, sales int, floor lead.Money) auction.Tier {
		return auction.Tier{Mode: mode, SellLimit: sales, Floor: floor * dollar}
	}
	r := &exchange.Routing{Seats: map[string][]auction.Seat{}}
	switch m.plan {
	case 0:
		return nil
	case 1:
		r.Plan.Tiers = []auction.Tier{tier(auction.Auction, 1, 18), tier(auction.Auction, 2, 10),
			tier(auction.Auction, 3, 0)}
	case 2:
		r.Plan.Tiers = []auction.Tier{tier(auction.Simultaneous, 3, 0)}
	case 3:
		r.Plan.Walk = auction.BestTotal
		r.Plan.Tiers = []auction.Tier{tier(auction.RoundRobin, 1, 15), tier(auction.WaterfallByValue, 2, 0)}
	default:
		r.Plan.Tiers = []auction.Tier{tier(auction.Simultaneous, 2, 12), tier(auction.Weighted, 1, 0)}
	}
	for i := range r.Plan.Tiers {
		r.Plan.Tiers[i].Name = string(rune('p' + i))
	}
	for n, id := range m.campaigns() {
		for i := range r.Plan.Tiers {
			r.Seats[id] = append(r.Seats[id], auction.Seat{Tier: i, Position: n, Weight: 1 + n%3})
		}
	}
	return r
}

// counted are the caps that the auditor counts, whatever the limits were.
func (m *simMarket) counted() (out []audit.Cap) {
	for _, id := range simCampaigns {
		out = append(out, audit.Cap{Who: "campaign:" + id, Per: "hour"}, audit.Cap{Who: "campaign:" + id, Per: "total"},
			audit.Cap{Who: "buyer:" + id + "-co", Key: "buyer:" + id + "-co:spend:day", Of: "spend", Per: "day"})
	}
	for _, k := range m.caps.all() {
		out = append(out, k.audited())
	}
	return append(out, m.accounts()...)
}

// promise is what the auditor is told of the configuration.
func (m *simMarket) promise() *audit.Config {
	c := &audit.Config{Campaigns: map[string]audit.Terms{}, Caps: map[string]int64{},
		Uniques: m.persons.promise()}
	for _, id := range m.campaigns() {
		t := audit.Terms{Vertical: "solar", MaxSold: m.maxSold(id)}
		switch minutes := m.open; id {
		case listed:
			t.Price, t.CountsAs, t.CountsAfter = int64(m.price), "rejected", time.Hour
		case timed:
			t.Open = func(at time.Time) bool { return at.Minute() < minutes }
			t.CountsAs, t.CountsAfter = "accepted", time.Hour
		}
		c.Campaigns[id] = t
		c.Caps["campaign:"+id+":total"] = m.total
		if m.hourly {
			c.Caps["campaign:"+id+":hour"] = m.hour
		}
		c.Caps["buyer:"+id+"-co:spend:day"] = int64(m.spend)
	}
	for _, k := range m.accounts() {
		c.Caps[k.Key] = int64(simCredit)
	}
	for _, k := range m.caps.all() {
		x := k.audited()
		c.Caps[x.Title()] = k.limit
	}
	return c
}

func newSource(id string, margin int64) *exchange.Source {
	s := exchangetest.NewSource(id, "solar")
	s.Margin = &auction.Margin{PPM: margin}
	return s
}

// inForce notes what the configuration says that is in force now.
func (w *world) inForce(x *rig) {
	w.told[x.Exchange.Snapshot().Config().Hash] = w.market.promise()
}
