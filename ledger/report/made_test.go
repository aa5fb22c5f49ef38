// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"go.uber.org/goleak"

	"clearpost/lead"
	"clearpost/ledger"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreCurrent(), // ants starts a pool of its own on import
		// ends a while after its file is closed
		goleak.IgnoreAnyFunction("github.com/cockroachdb/pebble/v2/vfs.(*diskHealthCheckingFile).startTicker.func1"))
}

// made is a ledger of leads that were never sent, for tests and benchmarks: what stands in it follows from the seed.
type made struct {
	led  *ledger.Ledger
	rnd  *rand.Rand
	at   time.Time
	n    uint64
	sold []lead.ID // attempts that were accepted

	leads   int
	revenue lead.Money
	payout  lead.Money
	sales   int
	asked   int
}

var madeAt = time.Date(2026, 3, 2, 15, 0, 0, 0, time.UTC)

func newMade(t testing.TB, dir string) *made {
	t.Helper()
	m := &made{rnd: rand.New(rand.NewPCG(3, 5)), at: madeAt}
	var err error
	m.led, err = ledger.Open(ledger.Config{Dir: dir, Node: "n1", FreeBytesMin: 1, SyncEvery: -1,
		Logger: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.led.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

func (m *made) id() (id lead.ID) {
	m.n++
	for i := range 8 {
		id[15-i] = byte(m.n >> (8 * i))
	}
	for i, ms := 0, uint64(m.at.UnixMilli()); i < 6; i++ {
		id[i] = byte(ms >> (8 * (5 - i)))
	}
	id[6], id[8] = 0x70, 0x80
	return id
}

func (m *made) head(id lead.ID) ledger.Head {
	return ledger.Head{At: m.at, Lead: id, Source: []string{"acme", "bluekite"}[int(id[15])%2], Vertical: "solar",
		Config: "0123456789abcdef0123456789abcdef"}
}

// phone and email are those of the i-th lead.
func phone(i int) string { return fmt.Sprintf("+1212%07d", 2000000+i) }
func email(i int) string { return fmt.Sprintf("person%d@example.com", i) }

// make appends so many leads, a few hundred a group.
func (m *made) make(t testing.TB, leads int) {
	t.Helper()
	var group []ledger.Event
	for range leads {
		group = append(group, m.lead()...)
		if len(group) > 500 {
			m.append(t, group...)
			group = nil
		}
	}
	m.append(t, group...)
}

func (m *made) append(t testing.TB, group ...ledger.Event) {
	t.Helper()
	if len(group) == 0 {
		return
	}
	if err := m.led.Append(group...); err != nil {
		t.Fatal(err)
	}
}

var (
	madeStates = []string{"CA", "TX", "NY", "FL", "WA", "OH", "AZ"}
	madeZIPs   = []string{"90001", "75001", "10001", "33101", "98101", "44101", "85001"}
)

// lead makes the events of one lead: eight campaigns, a few of which bid; every other is posted.
func (m *made) lead() []ledger.Event {
	i := m.leads
	m.leads++
	m.at = m.at.Add(137 * time.Millisecond)
	id, where := m.id(), m.rnd.IntN(len(madeStates))
	ping := &ledger.Pinged{Head: m.head(id), Mode: ledger.ModePing, Currency: "USD", ReceivedAt: m.at,
		SellerLeadID: fmt.Sprint("s-", i), ExpiresAt: m.at.Add(time.Minute), Result: lead.ResultFailure,
		Refusal: lead.NoBids, Reason: "no_bids"}
	ping.Fields = ledger.Fields{{Name: "zip", Value: madeZIPs[where]}, {Name: "sub_id",
		Value: fmt.Sprint("fb-", m.rnd.IntN(20))}, {Name: "sub_id2", Value: "x"}}
	if i%3 == 0 {
		ping.Fields = append(ping.Fields, ledger.FieldValue{Name: "state", Value: madeStates[where]})
	}
	best := -1
	for c := range 8 {
		b := ledger.Bid{Campaign: fmt.Sprintf("c%d", c), Buyer: fmt.Sprintf("b%d", c/2), MaxSold: 1,
			TookUS: int64(20_000 + m.rnd.IntN(50_000))}
		switch m.rnd.IntN(6) {
		case 0:
			b.Refusal, b.TookUS = lead.CapReached, 0
		case 1:
			b.Refusal = lead.TimedOut
		case 2, 3:
			b.Refusal, b.Reason = lead.NoBid, "not interested"
		default:
			b.Price = lead.Money(10+m.rnd.IntN(40)) * lead.Unit
			if best < 0 || b.Price > ping.Bids[best].Price {
				best = c
			}
		}
		if b.TookUS > 0 {
			m.asked++
		}
		ping.Bids = append(ping.Bids, b)
	}
	if best < 0 {
		return []ledger.Event{ping}
	}
	for c := range ping.Bids {
		if b := &ping.Bids[c]; b.Price > 0 && c != best {
			b.Refusal = lead.Outbid
		}
	}
	win := &ping.Bids[best]
	win.Winner, win.Rank, win.Payout = true, 1, win.Price*4/5
	ping.Result, ping.Refusal, ping.Reason, ping.Price = lead.ResultSuccess, 0, "", win.Payout
	if i%2 == 1 {
		return []ledger.Event{ping}
	}
	return append([]ledger.Event{ping}, m.post(id, i, win)...)
}

func (m *made) post(id lead.ID, i int, win *ledger.Bid) []ledger.Event {
	at := m.id()
	p := &ledger.Posting{Head: m.head(id), Attempt: at, Campaign: win.Campaign, Buyer: win.Buyer, Rank: 1,
		Price: win.Price, Payout: win.Payout, MaxSold: 1, SellLimit: 1, Post: &ledger.Post{ReceivedAt: m.at}}
	p.Private.Fields = ledger.Fields{{Name: "first_name", Value: "Jane"}, {Name: "phone", Value: phone(i)},
		{Name: "email", Value: email(i)}}
	p.Private.Request = &ledger.Body{Text: fmt.Sprintf("phone=%s&email=%s&first=Jane", phone(i), email(i)), Bytes: 60}
	end := &ledger.Posted{Head: m.head(id), Attempt: at, Campaign: win.Campaign, Buyer: win.Buyer, Status: 200,
		TookUS: 90_000, PingPrice: win.Price}
	s := &ledger.Settled{Head: m.head(id), Result: lead.ResultFailure, Reason: "rejected"}
	switch m.rnd.IntN(8) {
	case 0:
		end.Outcome, end.Refusal, s.Refusal = lead.Invalid, lead.InvalidPhone, lead.InvalidPhone
	case 1:
		end.Outcome, end.Refusal, s.Result, s.Reason = lead.Unknown, lead.TimedOut, lead.ResultPending, ""
	default:
		end.Outcome, end.Price, end.Payout, end.Reference = lead.Accepted, win.Price, win.Payout, fmt.Sprint(100+i)
		s.Result, s.Reason, s.Payout, s.Revenue = lead.ResultSuccess, "", win.Payout, win.Price
		s.Sales = []ledger.Sale{{Attempt: at, Campaign: win.Campaign, Buyer: win.Buyer, Reference: end.Reference,
			Price: win.Price, Payout: win.Payout}}
		m.revenue, m.payout, m.sales = m.revenue+win.Price, m.payout+win.Payout, m.sales+1
		m.sold = append(m.sold, at)
	}
	return []ledger.Event{p, end, s}
}
