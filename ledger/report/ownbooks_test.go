// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/goccy/go-json"

	"clearpost/buyers"
	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/loadtest/audit"
	"clearpost/reconcile"
	"clearpost/rules"
)

// ownRow is a lead in its buyer's own book: as the buyer has answered, and as it was agreed later.
type ownRow struct {
	lead, attempt, phone, ref string
	at                        time.Time
	took, test                bool
	open                      bool // nobody has heard the buyer
	heard                     bool // its reference was
	back                      bool // it is given back, or said to be
	price, credit             lead.Money
}

// ownBook is what a buyer has taken, by its own account. It hears of leads from its calls, and of what is agreed from
// whom it agrees with; no event and no view.
type ownBook struct {
	buyer string
	bid   lead.Money

	mu   sync.Mutex
	rnd  *rand.Rand         // guarded by mu
	rows map[string]*ownRow // guarded by mu: by lead
}

// post answers a delivery, and writes it down.
func (b *ownBook) post(r *exchangetest.Request) exchangetest.Answer {
	b.mu.Lock()
	defer b.mu.Unlock()
	row := &ownRow{lead: r.Field("ref"), phone: r.Field("phone"), at: r.At, price: b.bid,
		test: r.Call != exchangetest.Post}
	if b.rows[row.lead] != nil {
		panic("a lead comes twice")
	}
	b.rows[row.lead] = row
	row.ref = fmt.Sprintf("%s-%d", b.buyer, 1000+len(b.rows))
	switch n := b.rnd.IntN(6); {
	case row.test, n < 3:
		row.took, row.heard = true, true
		return exchangetest.Accept(row.ref)
	case n == 3:
		return exchangetest.Decline("no")
	}
	row.open, row.took = true, b.rnd.IntN(2) == 0
	return exchangetest.Silence()
}

// agreed writes down what was agreed of a lead.
func (b *ownBook) agreed(adj *ledger.Adjusted) {
	row := b.rows[adj.Lead.String()]
	row.attempt = adj.Attempt.String()
	switch adj.Adjustment {
	case ledger.AdjustResolved, ledger.AdjustCorrected, ledger.AdjustRebooked:
		row.open, row.took, row.price = false, adj.Outcome == lead.Accepted, adj.Price
	case ledger.AdjustReturned, ledger.AdjustReplaced:
		row.back, row.credit = true, row.credit+adj.Return.Credit
	case ledger.AdjustReturnRevoked:
		row.back, row.credit = false, row.credit+adj.Return.Credit
	case ledger.AdjustReported:
		row.back = row.back || adj.Fate == ledger.FateReturned
	}
}

// owning is an exchange whose buyers keep books of their own, and take tests.
func owning(rnd *rand.Rand) (exchangetest.Setup, map[string]*ownBook) {
	s, all := wandering(rnd), map[string]*ownBook{}
	for i := range s.Campaigns {
		c := &s.Campaigns[i]
		b := &ownBook{buyer: c.ID + "-co", bid: c.Price, rnd: rand.New(rand.NewPCG(rnd.Uint64(), 1)),
			rows: map[string]*ownRow{}}
		all[b.buyer], c.Post = b, b.post
		c.Spec = func(spec *buyers.CampaignSpec) {
			spec.Test = &buyers.TestSpec{PostURL: exchangetest.URL(spec.ID, "staging-post")}
			if spec.Ping != nil {
				spec.Test.PingURL = exchangetest.URL(spec.ID, "staging-ping")
			}
		}
	}
	return s, all
}

// ownStatement is a month of a buyer's own book as a file, with what is planted in it: findings by class and reason,
// and the money by which theirs is more than ours.
type ownStatement struct {
	book  *ownBook
	rnd   *rand.Rand
	lines [][]string
	rows  int
	sum   lead.Money // of what its lines owe
	n     map[string]int
	diff  map[string]lead.Money
	truth lead.Money // what is owed by the book, of what was heard
}

// planted notes what has to be found.
func (s *ownStatement) planted(what string, diff lead.Money) {
	s.n[what]++
	s.diff[what] += diff
}

// line writes a row of the file. What is known of a lead stands in one column or in several.
func (s *ownStatement) line(r *ownRow, amount lead.Money, status string) {
	id, ref, phone := "", "", ""
	switch s.rnd.IntN(4) {
	case 0:
		id, ref = r.lead, r.ref
	case 1:
		if ref = r.ref; !r.heard { // nobody else has its reference
			id = r.lead
		}
	case 2:
		if id = r.lead; r.attempt != "" {
			id = r.attempt
		}
	default:
		n := len(r.phone) - 10
		phone = "(" + r.phone[n:n+3] + ") " + r.phone[n+3:n+6] + "-" + r.phone[n+6:]
	}
	if s.rows++; status == "Accepted" || amount < 0 {
		s.sum += amount
	}
	s.lines = append(s.lines, []string{r.at.UTC().Format("01/02/2006 15:04:05"), id, ref, phone, amount.String(),
		status})
}

// owed tells what a row owes.
func (r *ownRow) owed() lead.Money {
	if !r.took || r.test || r.open {
		return 0
	}
	return r.price - r.credit
}

// add writes one lead of the book into the file, with a difference or as it is.
func (s *ownStatement) add(r *ownRow) {
	s.truth += r.owed()
	p, plant := r.price, s.rnd.IntN(3) > 0
	switch {
	case r.test && plant:
		s.planted("test: it is a test of ours", p)
		s.line(r, p, "Accepted")
	case r.test:
	case r.open && r.took:
		s.planted("unknown: they have it: it was sold", p)
		s.line(r, p, "Accepted")
	case r.open && plant:
		s.planted("unknown: they say that it was not sold to them", 0)
		s.line(r, p, "Rejected")
	case r.open:
		s.planted("unknown: they do not have it: it was not sold", 0)
	case !r.took && plant:
		s.planted("missing_here: by our books they refused it", refusedAt)
		s.line(r, refusedAt, "Accepted")
	case !r.took:
	case r.credit > 0 && plant:
		s.planted("returned: our books have it given back, they do not", r.credit)
		s.line(r, p, "Accepted")
	case r.credit > 0:
		s.line(r, p, "Accepted")
		s.line(r, -r.credit, "Credit")
	case r.back || !plant || p <= lead.Unit:
		s.line(r, p, "Accepted")
	default:
		s.plant(r, p)
	}
}

// refusedAt is what a buyer says that it owes for a lead that it has refused by our books.
const refusedAt = 19 * lead.Unit

// plant writes a sale into the file as it is not.
func (s *ownStatement) plant(r *ownRow, p lead.Money) {
	switch s.rnd.IntN(8) {
	case 0:
		s.planted("price_differs: the prices differ", -lead.Unit/2)
		s.line(r, p-lead.Unit/2, "Accepted")
	case 1:
		s.planted("missing_there: not in their statement", -p)
	case 2:
		s.planted("missing_there: they say that they refused it", -p)
		s.line(r, p, "Rejected")
	case 3:
		s.planted("returned: they gave it back, our books do not have that", -p)
		s.line(r, p, "Returned")
	case 4:
		s.planted("returned: they gave it back, our books do not have that", -p)
		s.line(r, p, "Accepted")
		s.line(r, -p, "Credit")
	case 5:
		s.planted("duplicate: they have it more than once", p)
		s.line(r, p, "Accepted")
		s.line(r, p, "Accepted")
	case 6:
		s.planted("duplicate: they say that they had it before", -p)
		s.line(r, p, "Duplicate")
	default:
		s.planted("test: they say that it was a test", -p)
		s.line(r, p, "Test")
	}
}

// inOrder are the leads of the book, by when they came.
func (b *ownBook) inOrder() []string {
	return slices.SortedFunc(maps.Keys(b.rows), func(x, y string) int {
		return cmp.Or(b.rows[x].at.Compare(b.rows[y].at), strings.Compare(x, y))
	})
}

// newStatement makes the file of a time, with some rows of what never was.
func (b *ownBook) newStatement(seed uint64, since, until time.Time) *ownStatement {
	s := &ownStatement{book: b, rnd: rand.New(rand.NewPCG(seed, 3)), n: map[string]int{},
		diff: map[string]lead.Money{}}
	for _, key := range b.inOrder() {
		if r := b.rows[key]; !r.at.Before(since) && r.at.Before(until) {
			s.add(r)
		} else if r.owed() > 0 && !r.back && s.rnd.IntN(4) == 0 {
			s.planted("missing_here: ours is of another period", r.price)
			s.line(r, r.price, "Accepted")
		}
	}
	for i := range 1 + s.rnd.IntN(2) {
		ghost := &ownRow{lead: fmt.Sprint("01890000-0000-7000-8000-00000000000", i), ref: fmt.Sprint("ghost ", i, seed),
			phone: "2125550100", heard: true, at: since.Add(time.Second)}
		s.planted("missing_here: nothing of ours is like it", 7777*lead.Cent)
		s.line(ghost, 7777*lead.Cent, "Accepted")
	}
	return s
}

// write makes the file.
func (s *ownStatement) write(t *testing.T) string {
	t.Helper()
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	w.Comma = []rune{',', ';', '\t'}[s.rnd.IntN(3)]
	w.Write([]string{"Received", "Lead", "Transaction", "Phone", "Amount", "Status"})
	w.WriteAll(s.lines)
	path := filepath.Join(t.TempDir(), "own.csv")
	if err := errors.Join(w.Error(), os.WriteFile(path, out.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
	return path
}

// reconciles holds a file to what a view has of its buyer.
func reconciles(t *testing.T, v *View, s *ownStatement, since, until time.Time) *reconcile.Summary {
	t.Helper()
	ours, err := OpenBuyersBook(v.Status().Path, s.book.buyer, "")
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	b, err := reconcile.NewBook(reconcile.Options{Dir: t.TempDir(), Persons: ours})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	from, to := since.AddDate(0, 0, -1), until.AddDate(0, 0, 1)
	err = ours.Sent(context.Background(), from, to, func(s *Sent, _ int64) error {
		return b.AddOurs(&reconcile.Ours{Attempt: s.Attempt, Lead: s.Lead, LeadN: s.N, At: s.At, Campaign: s.Campaign,
			Reference: s.Reference, Outcome: s.Outcome, Test: s.Test, Price: s.Price, Credit: s.Credit,
			Returned: s.Returned, Inside: !s.At.Before(since) && s.At.Before(until)})
	})
	if err := errors.Join(err, b.OursDone()); err != nil {
		t.Fatal(err)
	}
	path := s.write(t)
	m := &reconcile.Mapping{Zone: "UTC", Currency: "USD", Dates: "MDY", Decimals: ".",
		Columns: reconcile.ColumnsSpec{ID: rules.Texts{"Lead"}, Reference: rules.Texts{"Transaction"},
			Phone: rules.Texts{"Phone"}, Time: rules.Texts{"Received"}, Price: rules.Texts{"Amount"},
			Status: rules.Texts{"Status"}}}
	f, err := reconcile.Open(path, m)
	if err != nil {
		t.Fatal(err)
	}
	p, r, err := reconcile.Guess(f, m, b, since, until)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	if f, err = reconcile.Open(path, p.Mapping); err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for {
		row, err := r.Next(f)
		if errors.Is(err, io.EOF) {
			break
		}
		if err := errors.Join(err, b.AddTheirs(&row)); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Match(context.Background()); err != nil {
		t.Fatal(err)
	}
	sum, err := b.Finish(context.Background(), "own.csv", true)
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// found holds what was found to what was planted.
func (s *ownStatement) found(t *testing.T, sum *reconcile.Summary) {
	t.Helper()
	got, diff := map[string]int{}, map[string]lead.Money{}
	for _, w := range sum.Whys {
		if w.ToDo > 0 {
			got[w.Class+": "+w.Why], diff[w.Class+": "+w.Why] = int(w.ToDo), w.Diff
		}
	}
	if !maps.Equal(got, s.n) || !maps.Equal(diff, s.diff) {
		t.Errorf("%s\nfound   %v %v\nplanted %v %v", s.book.buyer, got, diff, s.n, s.diff)
	}
	var planted lead.Money
	for _, m := range s.diff {
		planted += m
	}
	if sum.Rows != int64(s.rows) || sum.Here != s.truth || sum.There != s.sum || sum.Diff != planted ||
		sum.There-planted != s.truth {
		t.Errorf("%s: %d rows owe %s, ours %s, a difference of %s; the book has %d of %s, %s of it in truth, %s are "+
			"planted", s.book.buyer, sum.Rows, sum.There, sum.Here, sum.Diff, s.rows, s.sum, s.truth, planted)
	}
}

// Buyers keep books of their own through months with every kind of event, and their statements have differences of
// every class. Reconciliation finds those and no others, and without them the books, the journal and the auditor have
// the same, to the cent: in a view that has followed through crashes, and in one made anew in other batches.
func TestBuyersOwnBooksAreOurs(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine after the other: the detector costs many times the time")
	}
	planted, chained := map[string]int{}, 0
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			rnd, dir := rand.New(rand.NewPCG(seed, 17)), t.TempDir()
			setup, all := owning(rnd)
			exchangetest.Run(t, setup, func(x *exchangetest.Rig) {
				from := x.Exchange.Now().Add(-time.Second)
				middle := months(t, x, rnd, dir, all)
				chained += agree(t, x, dir).Chained
				spans := [][2]time.Time{{from, middle}, {middle, x.Exchange.Now().Add(time.Second)}}
				var texts [2][]byte
				for i, where := range []string{dir, t.TempDir()} {
					v, err := Open(Config{Dir: where, Ledger: x.Ledger, Share: 1})
					if err != nil {
						t.Fatal(err)
					}
					v.batch = 1 + rnd.IntN(9)
					caughtUp(t, v)
					texts[i] = compares(t, v, all, audited(t, x), seed, spans, planted)
					if err := v.Close(); err != nil {
						t.Fatal(err)
					}
				}
				if !bytes.Equal(texts[0], texts[1]) {
					t.Errorf("a view that is made anew has\n%s\nthe one before\n%s", texts[1], texts[0])
				}
			})
		})
	}
	if len(planted) < 14 || chained < 3 {
		t.Errorf("%d returns of chains, %d kinds of differences were planted: %v", chained, len(planted), planted)
	}
}

// months lets two months go by, and tells when the second one began.
func months(t *testing.T, x *exchangetest.Rig, rnd *rand.Rand, dir string, all map[string]*ownBook) (middle time.Time) {
	t.Helper()
	for id, b := range map[string]*ownBook{"a": all["a-co"], "b": all["b-co"], "c": all["c-co"]} {
		x.Buyers.Set(id, "staging-ping", exchangetest.Always(exchangetest.Bid(b.bid)))
		x.Buyers.Set(id, "staging-post", b.post)
	}
	var attempts []lead.ID
	for month := range 2 {
		if month == 1 {
			middle = x.Exchange.Now()
			x.Sleep(time.Second)
		}
		attempts = append(attempts, sends(t, x, 16)...)
		all["b-co"].givesBack(t, x, month)
		x.LeadNow(exchangetest.Values{"phone": fmt.Sprint("480555010", month)}, func(p *exchange.Ping) {
			p.Test = exchange.TestAsk{On: true, Field: "test"}
		})
		x.Sleep(10 * time.Second)
		for range 40 {
			if act(t, x, rnd, attempts, func(adj *ledger.Adjusted) { all[adj.Buyer].agreed(adj) }) {
				if err := opened(t, x, dir).Close(); err != nil {
					t.Fatal(err)
				}
			}
		}
		x.Sleep(10 * time.Second)
	}
	return middle
}

// givesBack has a buyer give back every other lead of the month that its own buyer has given back to it.
func (b *ownBook) givesBack(t *testing.T, x *exchangetest.Rig, month int) {
	t.Helper()
	n := 0
	for _, key := range b.inOrder() {
		r := b.rows[key]
		if !r.heard || r.test || r.attempt != "" || r.back {
			continue
		}
		n++
		ask := exchange.ReturnAsk{Buyer: b.buyer, Name: r.lead, Reason: []string{"odd", "bad", "half"}[n%3],
			Chain: owned(x, fmt.Sprint("K-", month, n/2), 0), Budget: forNames}
		adj, changed, err := x.Exchange.Return(ask)
		switch {
		case n > 1 && n%2 == 1:
			if !errors.Is(err, exchange.ErrChainAgain) {
				t.Errorf("%s under another lead's reference: %v", r.lead, err)
			}
		case err != nil || !changed:
			t.Errorf("%s is not given back: %v", r.lead, err)
		default:
			b.agreed(adj)
		}
	}
}

// compares reconciles each month of each buyer, and returns all of it as text.
func compares(t *testing.T, v *View, all map[string]*ownBook, rep *audit.Report, seed uint64, spans [][2]time.Time,
	planted map[string]int) []byte {
	t.Helper()
	trial, err := v.Trial(context.Background(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	var text []byte
	for _, buyer := range slices.Sorted(maps.Keys(all)) {
		var owed lead.Money
		for i, span := range spans {
			s := all[buyer].newStatement(seed*2+uint64(i), span[0], span[1])
			sum := reconciles(t, v, s, span[0], span[1])
			s.found(t, sum)
			owed += s.truth
			for what, n := range s.n {
				planted[what] += n
			}
			one, err := json.Marshal(sum)
			if err != nil {
				t.Fatal(err)
			}
			text = append(append(text, one...), '\n')
		}
		a := rep.Accounts["buyer:"+buyer]
		if a == nil {
			a = &audit.Account{}
		}
		stands := lead.Money(a.Paid)
		for _, b := range trial {
			if b.Account == "buyer:"+buyer {
				stands += b.Amount
			}
		}
		if int64(owed) != a.Sold-a.Back || stands != owed {
			t.Errorf("%s owes %s by its own book, %s by the journal; the auditor: %+v", buyer, owed, stands, a)
		}
	}
	return text
}
