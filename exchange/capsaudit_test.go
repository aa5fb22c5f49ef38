// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"clearpost/buyers"
	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/loadtest/audit"
	"clearpost/rules"
)

// Whatever buyers do, whoever finds out what, and however often the exchange ends: caps of every kind are what their
// events come to, never passed, by an auditor that counts for itself; and they are used.
func TestCapsOfEveryKindAreAudited(t *testing.T) {
	seeds := uint64(12)
	if testing.Short() {
		seeds = 3
	}
	for seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			m := &cappedMarket{t: t, rnd: rand.New(rand.NewPCG(seed, 23))}
			exchangetest.Run(t, m.setup(), m.run)
		})
	}
}

type cappedMarket struct {
	t   *testing.T
	rnd *rand.Rand
	n   int
}

func (m *cappedMarket) setup() setup {
	caps := func(who string, specs ...rules.CapSpec) []rules.Cap {
		out, ds := rules.CompileCaps(who, specs, "Etc/UTC")
		if ds != nil {
			m.t.Fatal(ds)
		}
		return out
	}
	answers := func(*exchangetest.Request) exchangetest.Answer {
		switch m.rnd.IntN(8) {
		case 0:
			return exchangetest.Silence()
		case 1:
			return exchangetest.Unreachable()
		case 2, 3:
			return exchangetest.Decline("no")
		}
		return exchangetest.Accept("r", "price", lead.Money(300+m.rnd.IntN(900))*lead.Cent)
	}
	s := sellTo(2)
	for _, id := range []string{"a", "b", "c"} {
		s.Campaigns = append(s.Campaigns, campaign{ID: id, MaxSold: 2, Post: answers, Price: 10 * dollar,
			Spec: func(c *buyers.CampaignSpec) {
				one := map[string]lead.Money{"10002": lead.Unit}
				withCaps(rules.CapSpec{Per: "hour", By: "zip", Limit: 3, Values: one},
					rules.CapSpec{Per: "day", Counts: "attempts", Limit: 12},
					rules.CapSpec{Per: "day", Counts: "pings", Limit: 45})(c)
				c.Pay = "post_price"
			}})
	}
	s.Buyer = func(b *buyers.BuyerSpec) {
		credit := 30 * dollar
		b.Balance = &buyers.BalanceSpec{Credit: &credit}
		b.Caps = []rules.CapSpec{{Per: "day", Spend: amount(150 * dollar), Zone: "Etc/UTC"}}
		b.Parent = "holding"
	}
	s.Parents = []exchange.Parent{{ID: "holding", Caps: caps("parent:holding", rules.CapSpec{Per: "day", Limit: 28})}}
	s.Source = func(c *exchange.Source) {
		c.Caps = caps("source:acme", rules.CapSpec{Per: "day", By: "buyer", Limit: 12})
	}
	return vertical(s, func(v *exchange.Vertical) {
		v.Plan.SellLimit = 2
		v.Caps = caps("vertical:solar", rules.CapSpec{Per: "day", Counts: "pings", Limit: 70})
	})
}

func (m *cappedMarket) run(x *rig) {
	for range 110 {
		m.step(x)
	}
	opt := audit.Options{Alone: true, Caps: []audit.Cap{
		{Who: "parent:holding", Per: "day", Max: 28, Buyers: []string{"a-co", "b-co", "c-co"}},
		{Who: "source:acme", Key: "source:acme:day/buyer", Per: "day", By: "buyer", Max: 12, Others: true},
		{Who: "vertical:solar", Key: "vertical:solar:pings:day", Of: "pings", Per: "day", Max: 70}}}
	for _, id := range []string{"a", "b", "c"} {
		c, b := "campaign:"+id, "buyer:"+id+"-co"
		opt.Caps = append(opt.Caps, audit.Cap{Who: c, Key: c + ":hour/zip", Per: "hour", By: "zip", Max: 3,
			Others: true, Values: map[string]int64{"10002": 1}},
			audit.Cap{Who: c, Key: c + ":attempts:day", Of: "attempts", Per: "day", Max: 12},
			audit.Cap{Who: c, Key: c + ":pings:day", Of: "pings", Per: "day", Max: 45},
			audit.Cap{Who: b, Key: b + ":balance", Of: "spend", Per: "total", Max: int64(30 * dollar)},
			audit.Cap{Who: b, Key: b + ":spend:day", Of: "spend", Per: "day", Max: int64(150 * dollar)})
	}
	rep, err := audit.Run(audit.Input{Events: func(each func([]byte) error) error {
		return x.Ledger.Scan(1, func(r ledger.Record) error { return each(r.Bytes) })
	}}, opt)
	if err != nil || len(rep.Findings) > 0 || rep.Counts.FullCaps == 0 || rep.Counts.FullRefusals == 0 {
		m.t.Errorf("auditor: %v, %+v", err, rep)
	}
	m.sums(x)
}

// sums compares what the store counts with what the ledger does.
func (m *cappedMarket) sums(x *rig) {
	counts := map[string]int64{}
	x.Ledger.Counts(func(key, window string, n int64) { counts[key+" "+window] = n })
	for _, c := range x.Exchange.Caps() {
		window, _, _ := c.Window.At(x.Exchange.Now())
		for _, u := range c.Uses {
			if counts[u.Key+" "+window] != u.Used {
				m.t.Errorf("%s in %s: the store has %d, the ledger %d", u.Key, window, u.Used, counts[u.Key+" "+window])
			}
		}
	}
}

func (m *cappedMarket) step(x *rig) {
	m.n++
	switch m.rnd.IntN(12) {
	case 0:
		m.t.Log("restart")
		x.Restart()
	case 1:
		x.Crash()
	case 2:
		x.Sleep(time.Duration(m.rnd.IntN(90)) * time.Minute)
	case 3:
		deposit(x, lead.Money(m.rnd.IntN(4000)-500)*lead.Cent+lead.Cent, fmt.Sprint("w", m.rnd.IntN(30)))
	case 4:
		if open := x.Open(); len(open) > 0 {
			price := lead.Money(200+m.rnd.IntN(1500)) * lead.Cent
			r := exchange.Resolution{Attempt: open[0].Attempt, Accepted: m.rnd.IntN(2) == 0, Why: "asked"}
			if r.Accepted {
				r.Price = &price
			}
			x.Exchange.Resolve(r)
		}
	case 5:
		m.correct(x)
	default:
		v := person(m.n)
		v["zip"] = fmt.Sprint(10001 + m.rnd.IntN(3))
		q, f := x.Ping(v, nil)
		if f != nil {
			m.t.Fatal(f)
		}
		if q.Result == lead.ResultSuccess && m.rnd.IntN(10) > 0 {
			x.Post(q.LeadID, v, nil)
		}
	}
}

// correct has some settled attempt have ended otherwise, or cost something else.
func (m *cappedMarket) correct(x *rig) {
	var attempts []lead.ID
	if err := x.Ledger.Scan(1, func(r ledger.Record) error {
		if r.Kind != ledger.KindPosted {
			return nil
		}
		ev, err := ledger.Decode(r.Bytes)
		if err == nil {
			attempts = append(attempts, ev.(*ledger.Posted).Attempt)
		}
		return err
	}); err != nil {
		m.t.Fatal(err)
	}
	if len(attempts) == 0 {
		return
	}
	name := attempts[m.rnd.IntN(len(attempts))].String()
	price := lead.Money(200+m.rnd.IntN(1500)) * lead.Cent
	switch m.rnd.IntN(3) {
	case 0:
		x.Exchange.Rebook(exchange.Rebooking{Name: name, Price: &price, Why: "agreed"}, time.Second)
	case 1:
		x.Exchange.Correct(exchange.Correction{Name: name, Why: "never was"}, time.Second)
	default:
		x.Exchange.Correct(exchange.Correction{Name: name, Accepted: true, Price: &price, Why: "it was"}, time.Second)
	}
}
