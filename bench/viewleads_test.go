// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"clearpost/lead"
	"clearpost/ledger"
)

// leadEvery is the time between two leads of a market: a million of them are a month's.
const leadEvery = 30 * 24 * time.Hour / 1_000_000

// market makes leads that were never sent, as an exchange would have stored them: six sources, forty sub-ids and twelve
// states, ten campaigns that look at every lead, half of the quoted ones posted.
type market struct {
	rnd  *rand.Rand
	at   time.Time
	n    int
	sold []soldLead
}

// soldLead is by what a lead that was sold can be found.
type soldLead struct {
	n                int // its number among all
	id, attempt      lead.ID
	buyer, reference string
}

var marketStates = []string{"CA", "TX", "FL", "NY", "OH", "WA", "AZ", "IL", "PA", "GA", "NC", "MI"}

// phoneOf and emailOf are those of the n-th lead's person.
func phoneOf(n int) string { return fmt.Sprintf("+1%d%07d", 212+n/100_000%7, 2_000_000+n%100_000) }
func emailOf(n int) string { return fmt.Sprintf("person%d@example.com", n) }

// fillMarket stores so many leads in the ledger of a directory, the last one now.
func fillMarket(b *testing.B, dir string, leads int) *market {
	l, err := ledger.Open(ledger.Config{Dir: filepath.Join(dir, "data", "ledger"), Node: "bench",
		FreeBytesMin: 1 << 30, SyncEvery: -1})
	if err != nil {
		b.Fatal(err)
	}
	m := &market{rnd: rand.New(rand.NewPCG(3, 5)), at: time.Now().Add(-time.Duration(leads) * leadEvery)}
	var group []ledger.Event
	for m.n < leads {
		group = append(group, m.lead()...)
		if len(group) < 500 && m.n < leads {
			continue
		}
		if err := l.Append(group...); err != nil {
			b.Fatal(err)
		}
		group = group[:0]
		keepUp(l)
	}
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
	return m
}

func (m *market) head(id lead.ID) ledger.Head {
	// the first sources send more than the last ones
	source := fmt.Sprintf("source%d", min(int(id[15])%6, int(id[14])%6))
	return ledger.Head{At: m.at, Lead: id, Source: source, Vertical: "auto", Config: "c0ffee00c0ffee00"}
}

// lead makes the events of the next lead.
func (m *market) lead() []ledger.Event {
	n := m.n
	m.n++
	m.at = m.at.Add(leadEvery)
	id := ledger.NewID(m.at)
	p := &ledger.Pinged{Head: m.head(id), Mode: ledger.ModePing, Currency: "USD", ReceivedAt: m.at,
		SellerLeadID: fmt.Sprint("S-", n), ExpiresAt: m.at.Add(5 * time.Minute), Result: lead.ResultFailure,
		Refusal: lead.NoBids, Reason: "no_bids"}
	where := m.rnd.IntN(len(marketStates))
	for i, f := range fields(n) {
		v := ledger.FieldValue{Name: f.name, Value: strings.Trim(f.value, `"`)}
		switch {
		case i < 5 || f.name == "dob": // these come with the post
			continue
		case f.name == "state":
			v.Value = marketStates[where]
		}
		p.Fields = append(p.Fields, v)
	}
	p.Fields = append(p.Fields, ledger.FieldValue{Name: "sub_id", Value: fmt.Sprint("fb-", m.rnd.IntN(40))})
	best := m.bids(p)
	if best == nil {
		return []ledger.Event{p}
	}
	best.Winner, best.Rank, best.Payout = true, 1, best.Price*4/5
	p.Result, p.Refusal, p.Reason, p.Price = lead.ResultSuccess, 0, "", best.Payout
	if m.rnd.IntN(2) == 0 {
		return []ledger.Event{p}
	}
	return append([]ledger.Event{p}, m.post(id, n, best)...)
}

// bids has every campaign look at a ping, and gives the bid that wins, nil if there is none.
func (m *market) bids(p *ledger.Pinged) *ledger.Bid {
	best := -1
	for c := range buyersMax {
		b := ledger.Bid{Campaign: buyerID(c) + "-auto", Buyer: buyerID(c), MaxSold: 1, Token: "0123456789abcdef",
			TookUS: int64(20_000 + m.rnd.IntN(50_000))}
		switch m.rnd.IntN(12) {
		case 0:
			b.Refusal, b.TookUS, b.Token = lead.CapReached, 0, ""
		case 1:
			b.Refusal, b.Token = lead.TimedOut, ""
		case 2, 3, 4, 5, 6:
			b.Refusal, b.Reason, b.Token = lead.NoBid, "not interested", ""
		default:
			b.Price = lead.Money(500+m.rnd.IntN(5000)) * lead.Cent
			if best < 0 || b.Price > p.Bids[best].Price {
				best = c
			}
		}
		p.Bids = append(p.Bids, b)
	}
	if best < 0 {
		return nil
	}
	for c := range p.Bids {
		if b := &p.Bids[c]; b.Price > 0 && c != best {
			b.Refusal = lead.Outbid
		}
	}
	return &p.Bids[best]
}

// noes are how posts end that are not sold, as often.
var noes = []struct {
	outcome lead.Outcome
	refusal lead.Refusal
}{{lead.Invalid, lead.InvalidPhone}, {lead.Invalid, lead.InvalidPhone}, {lead.Duplicate, lead.BuyerDuplicate},
	{lead.Rejected, lead.BuyerRejected}, {lead.Rejected, lead.OutsideServiceArea}}

// post makes the events of a lead's post. Three of four are sold, one of four hundred is unknown.
func (m *market) post(id lead.ID, n int, win *ledger.Bid) []ledger.Event {
	at := ledger.NewID(m.at)
	charges := []lead.Charge{{Cap: "campaign:" + win.Campaign + ":day", Window: m.at.UTC().Format(time.DateOnly), N: 1}}
	p := &ledger.Posting{Head: m.head(id), Attempt: at, Campaign: win.Campaign, Buyer: win.Buyer, Rank: 1,
		Price: win.Price, Payout: win.Payout, MaxSold: 1, SellLimit: 1, Post: &ledger.Post{ReceivedAt: m.at},
		Charges: charges}
	p.Private.Fields = ledger.Fields{{Name: "first_name", Value: "Jane"}, {Name: "last_name", Value: surname(n)},
		{Name: "phone", Value: phoneOf(n)}, {Name: "email", Value: emailOf(n)}}
	p.Private.Request = &ledger.Body{Text: "phone=" + phoneOf(n) + "&email=" + emailOf(n), Bytes: 60}
	end := &ledger.Posted{Head: m.head(id), Attempt: at, Campaign: win.Campaign, Buyer: win.Buyer, Status: 200,
		TookUS: int64(60_000 + m.rnd.IntN(200_000)), PingPrice: win.Price, Charges: charges}
	s := &ledger.Settled{Head: m.head(id), Result: lead.ResultFailure, Reason: "rejected"}
	switch what := m.rnd.IntN(400); {
	case what == 0:
		end.Outcome, end.Refusal, s.Refusal = lead.Unknown, lead.TimedOut, lead.TimedOut
		s.Result, s.Reason = lead.ResultPending, ""
	case what <= 100:
		no := noes[what%len(noes)]
		end.Outcome, end.Refusal, s.Refusal = no.outcome, no.refusal, no.refusal
	default:
		end.Outcome, end.Price, end.Payout, end.Reference = lead.Accepted, win.Price, win.Payout, fmt.Sprint(100_000+n)
		s.Result, s.Reason, s.Payout, s.Revenue = lead.ResultSuccess, "", win.Payout, win.Price
		s.Sales = []ledger.Sale{{Attempt: at, Campaign: win.Campaign, Buyer: win.Buyer, Reference: end.Reference,
			Price: win.Price, Payout: win.Payout}}
		if m.rnd.IntN(50) == 0 || len(m.sold) == 0 {
			m.sold = append(m.sold, soldLead{n, id, at, win.Buyer, end.Reference})
		}
	}
	return []ledger.Event{p, end, s}
}

// surname is one of some thousand.
func surname(n int) string { return fmt.Sprintf("Doe%c%c%c", 'a'+n%17, 'a'+n/17%19, 'a'+n/323%13) }
