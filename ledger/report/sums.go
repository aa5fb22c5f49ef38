// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"slices"
	"strings"

	"clearpost/lead"
)

// hourSeconds and daySeconds are how finely sums are told apart by time. Both begin by UTC.
const (
	hourSeconds = 3600
	daySeconds  = 24 * hourSeconds
)

// hour is the hour that a time in microseconds falls into, in seconds.
func hour(micros int64) int64 {
	s := micros / 1e6
	return s - s%hourSeconds
}

// Cuts of the sums: what each tells apart beside campaign, source, vertical and currency. byDay is added to those of
// days, and to kinds of histograms.
const (
	cutPlain = iota
	cutRefusal
	cutBand
	cutState
	cutSubID
	cuts
	byDay = 8
)

// Kinds of histograms.
const (
	histPings  = 1 // whole answers to calls for bids: in tenths of a millisecond
	histPosts  = 2 // posts that have ended, likewise
	histPrices = 3 // bids, in cents
)

// What is added up, in the order of the table's columns.
const (
	sLeads = iota
	sQuoted
	sSold
	sLooked
	sAsked
	sAnswered
	sLate
	sTorn
	sCapped
	sListed
	sBids
	sWon
	sPrice
	sTook
	sPosts
	sAccepted
	sRejected
	sNotSent
	sUnknown
	sReturned
	sPaid
	sUnpaid
	sRevenue
	sPayout
	sUnsold
	sResubmitted
	sRemediated
	sCredits
	sClawbacks
	sumsN
)

// sumColumns are their names in the table.
var sumColumns = [sumsN]string{"leads", "quoted", "sold", "looked", "asked", "answered", "late", "torn", "capped",
	"listed", "bids", "won", "price", "took", "posts", "accepted", "rejected", "not_sent", "unknown", "returned",
	"paid", "unpaid", "revenue", "payout", "unsold", "resubmitted", "remediated", "credits",
	"clawbacks"}

type sum [sumsN]int64

// bands are the lower ends of bands of bids, in whole units of the currency. Band 0 is of what has no price.
var bands = []int64{0, 5, 10, 15, 20, 25, 30, 40, 50, 60, 80, 100, 150, 200, 300, 500}

// bandOf is the band that a bid falls into.
func bandOf(bid lead.Money) uint16 {
	if bid <= 0 {
		return 0
	}
	i, found := slices.BinarySearch(bands, int64(bid/lead.Unit))
	if !found {
		return uint16(i)
	}
	return uint16(i + 1)
}

// sumKey is one row of sums.
type sumKey struct {
	cut                  int
	at, campaign, origin int64
	part                 uint16
}

type histKey struct {
	kind                 int
	at, campaign, origin int64
}

// origins4 are the rows of an origin, and of the same without state, sub-id, and both.
type origins4 struct{ full, plain, state, subID int64 }

// tallies gather what a transaction changes of sums. Their memory is used again by the next one.
type tallies struct {
	at    map[sumKey]int
	sums  []sum
	hists map[histKey]hist
}

func newTallies() tallies { return tallies{at: map[sumKey]int{}, hists: map[histKey]hist{}} }

func (t *tallies) clear() {
	clear(t.at)
	clear(t.hists)
	t.sums = t.sums[:0]
}

// row is the sums of a key.
func (t *tallies) row(k sumKey) *sum {
	i, ok := t.at[k]
	if !ok {
		i = len(t.sums)
		t.sums, t.at[k] = append(t.sums, sum{}), i
	}
	return &t.sums[i]
}

// add adds something that happened at a time to each cut; a bid or an attempt, or a lead where campaign is 0.
func (t *tallies) add(at, campaign int64, o *origins4, refusal lead.Refusal, band uint16, s *sum) {
	keys := [cuts]sumKey{{cutPlain, at, campaign, o.plain, 0}, {cutState, at, campaign, o.state, 0},
		{cutSubID, at, campaign, o.subID, 0}, {cutRefusal, at, campaign, o.plain, uint16(refusal)},
		{cutBand, at, campaign, o.plain, band}}
	for i := range keys {
		if campaign == 0 && i > 2 {
			break // leads are not told apart by refusals and bids
		}
		to := t.row(keys[i])
		for j, n := range s {
			to[j] += n
		}
	}
}

func (t *tallies) hist(k histKey, v, n int64) {
	h := t.hists[k]
	if h == nil {
		h = hist{}
		t.hists[k] = h
	}
	h.add(v, n)
}

// addDays adds up days from what hours have.
func (t *tallies) addDays() {
	for k, i := range t.at {
		if k.cut >= byDay {
			continue
		}
		from := t.sums[i]
		k.cut, k.at = k.cut+byDay, k.at-k.at%daySeconds
		to := t.row(k)
		for j, n := range from {
			to[j] += n
		}
	}
	for k, h := range t.hists {
		if k.kind >= byDay {
			continue
		}
		k.kind, k.at = k.kind+byDay, k.at-k.at%daySeconds
		to := t.hists[k]
		if to == nil {
			to = hist{}
			t.hists[k] = to
		}
		for b, n := range h {
			to.addTo(b, n)
		}
	}
}

var (
	insertSum = "insert into _sum values (?, ?, ?, ?, ?" + strings.Repeat(", ?", sumsN) +
		") on conflict do update set " +
		sets(sumColumns[:])
	insertBid  = bidsInto(1)
	insertBids = bidsInto(bidsAtOnce)
)

// bidsAtOnce is how many rows of bids one statement writes: most of what is written are these.
const bidsAtOnce = 8

func bidsInto(rows int) string {
	const row = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
	return "insert into _bid values " + row + strings.Repeat(", "+row, rows-1) + " on conflict do update set " +
		sets([]string{"n", "asked", "answered", "listed", "bids", "won", "price", "took"})
}

// sets adds what is inserted to what stands.
func sets(columns []string) string {
	var out []string
	for _, c := range columns {
		out = append(out, c+" = "+c+" + excluded."+c)
	}
	return strings.Join(out, ", ")
}

// flushSums writes what the transaction has gathered.
func (w *writer) flushSums() {
	w.tally.addDays()
	keys := w.keys[:0]
	for k := range w.tally.at {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b sumKey) int {
		return cmp.Or(cmp.Compare(a.cut, b.cut), cmp.Compare(a.at, b.at), cmp.Compare(a.campaign, b.campaign),
			cmp.Compare(a.origin, b.origin), cmp.Compare(a.part, b.part))
	})
	w.keys = keys
	args := w.args
	for _, k := range keys {
		s := &w.tally.sums[w.tally.at[k]]
		if *s == (sum{}) {
			continue
		}
		args = append(args[:0], k.cut, k.at, k.campaign, k.origin, int64(k.part))
		for _, n := range s {
			args = append(args, n)
		}
		w.exec(insertSum, args...)
	}
	w.args = args
	w.flushHists()
	w.tally.clear()
}

func (w *writer) flushHists() {
	for k, h := range w.tally.hists {
		var stored []byte
		args := []any{k.kind, k.at, k.campaign, k.origin}
		if w.get("select counts from _hist where kind = ? and at = ? and campaign = ? and origin = ?", args, &stored) {
			if err := h.merge(stored); err != nil && w.err == nil {
				w.err = err
			}
		}
		w.exec("insert into _hist values (?, ?, ?, ?, ?) on conflict do update set counts = excluded.counts",
			append(args, h.append(nil))...)
	}
}

func (w *writer) flushBids() {
	keys := make([]bidKey, 0, len(w.bids))
	for k := range w.bids {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b bidKey) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.campaign, b.campaign), cmp.Compare(a.origin, b.origin),
			cmp.Compare(a.refusal, b.refusal))
	})
	for len(keys) > 0 {
		n, text := bidsAtOnce, insertBids
		if len(keys) < n {
			n, text = 1, insertBid
		}
		args := w.args[:0]
		for _, k := range keys[:n] {
			s := w.bids[k]
			args = append(args, k.at, k.campaign, k.origin, int64(k.refusal), s.n, s.asked, s.answered, s.listed,
				s.bids, s.won, s.price, s.took)
		}
		w.exec(text, args...)
		w.args, keys = args, keys[n:]
	}
	clear(w.bids)
}
