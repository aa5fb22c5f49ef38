// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"clearpost/auction"
	"clearpost/buyers"
	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/loadtest/audit"
)

// Whatever the buyers bid, count as, promise, refuse and keep: no sale pays more than it brings unless losses are
// allowed, none pays more than its margin leaves of what it is promised for, a lead that is sold as often as was quoted
// pays its quote unless the source takes less, and an exclusive one never less than the seller asks for.
func TestMoneyOfAnyLead(t *testing.T) {
	seeds := uint64(40)
	if testing.Short() { // the detector costs several times the time
		seeds = 10
	}
	for seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			m := anyMarket(rand.New(rand.NewPCG(seed, 11)))
			exchangetest.Run(t, m.setup, func(x *rig) { m.sell(t, x) })
		})
	}
}

type market struct {
	setup    setup
	rnd      *rand.Rand
	reprices bool
	losses   bool
}

func anyMarket(rnd *rand.Rand) *market {
	m := &market{rnd: rnd, reprices: rnd.IntN(2) == 0, losses: rnd.IntN(4) == 0}
	m.setup = sellTo(1 + rnd.IntN(3))
	m.setup.Source = func(s *exchange.Source) {
		s.Reprice = m.reprices
		high := auction.Band{From: 20 * dollar, PPM: rnd.Int64N(500_000), Minimum: lead.Money(rnd.IntN(3)) * dollar}
		s.Margin = &auction.Margin{PPM: rnd.Int64N(400_000), Fixed: lead.Money(rnd.IntN(300)) * lead.Cent,
			Minimum: lead.Money(rnd.IntN(200)) * lead.Cent, Loss: m.losses, Bands: []auction.Band{high}}
	}
	for i := range 2 + rnd.IntN(5) {
		c := campaign{ID: string(rune('a' + i)), Price: lead.Money(100+rnd.IntN(4900)) * lead.Cent,
			MaxSold: 1 + rnd.IntN(3)}
		if rnd.IntN(2) == 0 {
			c.Post = declines
		}
		as, own := lead.Money(500_000+rnd.IntN(1_000_000)), rnd.IntN(4) == 0
		percent := lead.Money(rnd.IntN(60)) * lead.Unit
		c.Spec = func(s *buyers.CampaignSpec) {
			s.Multiplier = &as
			if own {
				s.Margin = &buyers.MarginSpec{Percent: &percent}
			}
		}
		m.setup.Campaigns = append(m.setup.Campaigns, c)
	}
	return m
}

func (m *market) sell(t *testing.T, x *rig) {
	for i := range 4 {
		least := lead.Money(m.rnd.IntN(2000)) * lead.Cent
		phone := values{"phone": fmt.Sprintf("602555%04d", 1000+i)}
		q, f := x.Ping(phone, func(p *exchange.Ping) { p.MinPrice = least })
		if f != nil {
			t.Fatal(f)
		}
		if q.Result != lead.ResultSuccess {
			continue
		}
		if q.Price < least {
			t.Errorf("a quote of %s below %s", q.Price, least)
		}
		x.Post(q.LeadID, phone, nil)
		m.holds(t, x, q.LeadID, q.Price, least)
	}
	x.Sleep(time.Second)
	rep, err := audit.Run(audit.Input{Events: func(each func([]byte) error) error {
		return x.Ledger.Scan(1, func(r ledger.Record) error { return each(r.Bytes) })
	}}, audit.Options{Losses: m.losses})
	if err != nil || len(rep.Findings) > 0 {
		t.Errorf("auditor: %v, %+v", err, rep)
	}
}

// holds checks the sales of a lead against its quote and what the seller asked for at least.
func (m *market) holds(t *testing.T, x *rig, id lead.ID, quote, least lead.Money) {
	t.Helper()
	var parts []lead.Money
	for _, b := range exchangetest.Last[*ledger.Pinged](x, id).Bids {
		if b.Winner {
			parts = append(parts, b.Payout)
		}
	}
	slices.Sort(parts)
	posted := map[lead.ID]*ledger.Posting{}
	for _, p := range exchangetest.All[*ledger.Posting](x, id) {
		posted[p.Attempt] = p
	}
	s := exchangetest.Last[*ledger.Settled](x, id)
	room, below := len(parts), false
	for _, sale := range s.Sales {
		p := posted[sale.Attempt]
		room, below = min(room, max(p.MaxSold, 1)), below || p.Terms.PayoutFollows
		if sale.Payout > sale.Price && !m.losses {
			t.Errorf("lead %s: %s is paid out of %s", id, sale.Payout, sale.Price)
		}
		if sale.Payout < parts[0] && !p.Terms.PayoutFollows {
			t.Errorf("lead %s: %s is paid, of parts %v", id, sale.Payout, parts)
		}
	}
	switch {
	case below && !m.reprices:
		t.Errorf("lead %s is sold below its quote", id)
	case !below && len(s.Sales) > 0 && len(s.Sales) == room && s.Payout != quote:
		t.Errorf("lead %s is sold %d times, as often as it may be, for %s of %s", id, room, s.Payout, quote)
	case len(s.Sales) > 0 && len(parts) == 1 && s.Payout < least:
		t.Errorf("lead %s is sold for %s, and its seller wants %s", id, s.Payout, least)
	case len(s.Sales) > len(parts):
		t.Errorf("lead %s is sold %d times of %d", id, len(s.Sales), len(parts))
	}
}
