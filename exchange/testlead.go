// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"strconv"
	"time"

	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/wire/request"
)

// A test lead takes the same way as any other, and is none: it goes only to campaigns that say how tests are sent to
// them, and if there is none of those, its bids and its sale are made up without a call. It holds no place under a cap
// and no slot, counts in no total, names no person, and its ends are never unknown. What makes it one stands in its
// ping's event and does not change.

// inviteTest makes the bids of a test lead: those of campaigns that take tests if there is any, else made-up ones of
// all.
func (e *Exchange) inviteTest(p *Ping, in *request.Inputs, wall time.Time) {
	some := false
	for _, ci := range p.eligible {
		l := p.on.campaigns[ci]
		some = some || l.test != nil && !l.paused() && p.seated(l)
	}
	for _, ci := range p.eligible {
		switch l := p.on.campaigns[ci]; {
		case !p.seated(l):
			p.madeUp(l, 0, lead.NoTier)
		case some && l.test != nil:
			e.invite(p, l.test, in, wall)
		case some:
			p.madeUp(l, 0, lead.NoTestEndpoint)
		case l.paused():
			p.madeUp(l, 0, lead.Paused)
		case l.Fixed:
			p.madeUp(l, p.listPrice(l), lead.NoRefusal)
		default:
			p.madeUp(l, p.testPrice(l), lead.NoRefusal)
		}
	}
	if !some {
		p.event.TestResult = lead.TestSold.String()
	}
}

// testPrice is what a made-up bid of a campaign without a list price is: one that is taken.
func (p *Ping) testPrice(l *LiveCampaign) lead.Money {
	price := max(p.Vertical.Tests.Price, p.Source.Floor, l.Floor)
	if l.MaxBid > 0 {
		price = min(price, l.MaxBid)
	}
	return price
}

// madeUp adds a bid that nobody was asked for.
func (p *Ping) madeUp(l *LiveCampaign, price lead.Money, no lead.Refusal) {
	p.bids = append(p.bids, ledger.Bid{Campaign: l.ID, Buyer: l.Buyer.ID, MaxSold: l.MaxSold, Price: price,
		Fixed: l.Fixed && no == lead.NoRefusal, Refusal: no})
	p.bidders = append(p.bidders, l)
}

// wanted is the quote of a test that asks for its result, which hangs on nothing but the vertical and the source.
func (p *Ping) wanted() (payout lead.Money, sells bool) {
	p.event.TestResult = p.Test.Want.String()
	return ownMargin(p.Source, p.Vertical).Payout(p.Vertical.Tests.Price), p.Test.Want != lead.TestNoBids
}

// simulate answers a test lead that no buyer is asked about, if it is one. ok is false if buyers must be asked.
func (d *delivery) simulate() (r Reply, f *Fault, ok bool) {
	if !d.policy().test {
		return r, nil, false
	}
	asked, err := lead.ParseTestResult(d.history.Pinged.TestResult)
	want := d.want
	if want == lead.TestAny {
		want = asked
	}
	if want == lead.TestAny || err != nil || len(d.history.Attempts) > 0 {
		return r, nil, false
	}
	ev := d.settlement()
	ev.TestResult = want.String()
	switch no := want.Refusal(); {
	case d.history.Pinged.Result == lead.ResultFailure: // a one-shot lead that nobody wants
	case want == lead.TestPending:
		ev.Result, ev.Refusal, ev.Reason, ev.Details = lead.ResultPending, lead.NoRefusal, "", ""
	case no == lead.NoBids:
		fail(ev, lead.QuoteLost)
	case no != lead.NoRefusal:
		fail(ev, no)
	default:
		ev.Result, ev.Refusal, ev.Reason, ev.Details = lead.ResultSuccess, lead.NoRefusal, "", ""
		ev.TestSales = d.madeUpSales()
		ev.Reference = ev.TestSales[0].Reference
	}
	r, f = d.conclude(ev)
	return r, f, true
}

// madeUpSales are the sales that a test lead's quote counts on.
func (d *delivery) madeUpSales() (out []ledger.TestSale) {
	for _, b := range d.order {
		if b.Winner {
			out = append(out, ledger.TestSale{Campaign: b.Campaign, Buyer: b.Buyer, Reference: "test-" +
				strconv.Itoa(len(out)+1), Price: b.Price, Payout: b.Payout})
		}
	}
	if out == nil { // the result was asked for
		out = []ledger.TestSale{{Reference: "test-1", Price: d.v.Tests.Price, Payout: d.history.Pinged.Price}}
	}
	return out
}
