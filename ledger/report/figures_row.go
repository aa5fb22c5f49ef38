// SPDX-License-Identifier: Apache-2.0

package report

import (
	"clearpost/lead"
	"cmp"
	"slices"
	"strings"
)

// Times are how long calls took, in microseconds, within 0.2 % or 0.05 ms.
type Times struct {
	P50 int64 `json:"p50_us"`
	P95 int64 `json:"p95_us"`
	P99 int64 `json:"p99_us"`
}

// end is what the sums of a row come to. was are those of the time before, nil where there is nothing of it.
func (s *summed) end(was *summed, compared bool) Row {
	r := s.Row
	r.finish()
	if cents, ok := s.hists[histPrices].quantile(0.5); ok {
		median := lead.Money(cents) * lead.Cent
		r.MedianBid = &median
	}
	r.PingTimes, r.PostTimes = timesOf(s.hists[histPings]), timesOf(s.hists[histPosts])
	if compared {
		if was == nil {
			was = &summed{Row: Row{Key: s.Key, Currency: s.Currency}}
		}
		before := was.end(nil, false)
		before.Key = s.Key
		r.Before = &before
	}
	return r
}

func timesOf(h hist) *Times {
	p50, ok := h.quantile(0.5)
	if !ok {
		return nil
	}
	p95, _ := h.quantile(0.95)
	p99, _ := h.quantile(0.99)
	return &Times{p50 * 100, p95 * 100, p99 * 100}
}

// inOrder tells whether rows are put in order by what they are of, and not by what they come to.
func (s *sums) inOrder() bool {
	return len(s.ask.By) > 0 && (ofTime[s.ask.By[0]] != "" || s.ask.By[0] == "bid_band")
}

// end puts the rows in order, at most as many as were asked for, and sums them up by currency. before are those of the
// time before; nil: it was not asked for.
func (s *sums) end(before *sums) (rows, totals []Row) {
	if before != nil { // what there is no more is told too
		for name, r := range before.rows {
			if s.rows[name] == nil {
				s.rows[name] = &summed{Row: Row{Key: r.Key, Currency: r.Currency}, order: r.order}
			}
		}
	}
	all := make([]*summed, 0, len(s.rows))
	for _, r := range s.rows {
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b *summed) int {
		if c := cmp.Compare(a.order, b.order); s.inOrder() && c != 0 && a.Key[0] != b.Key[0] {
			return c
		}
		return cmp.Or(cmp.Compare(b.Revenue, a.Revenue), cmp.Compare(b.Asked, a.Asked), cmp.Compare(b.Posts, a.Posts),
			slices.Compare(a.Key, b.Key), cmp.Compare(a.Currency, b.Currency))
	})
	others, total := newTotals(before != nil), newTotals(before != nil)
	rows = []Row{}
	for i, r := range all {
		var was *summed
		if before != nil {
			was = before.rows[strings.Join(r.Key, "\x00")+"\x00"+r.Currency]
		}
		total.add(r, was)
		if i < s.ask.Limit {
			rows = append(rows, r.end(was, before != nil))
		} else {
			others.add(r, was)
		}
	}
	return append(rows, others.rows(true)...), total.rows(false)
}

// totals add up rows by currency.
type totals struct {
	compared bool
	now, was map[string]*summed
	n        map[string]int
}

func newTotals(compared bool) *totals {
	return &totals{compared, map[string]*summed{}, map[string]*summed{}, map[string]int{}}
}

func (t *totals) add(now, was *summed) {
	c := now.Currency
	if t.now[c] == nil {
		t.now[c], t.was[c] = &summed{Row: Row{Currency: c}}, &summed{Row: Row{Currency: c}}
	}
	t.now[c].add(now)
	if was != nil {
		t.was[c].add(was)
	}
	t.n[c]++
}

// rows are one a currency; others: with how many they are of.
func (t *totals) rows(others bool) []Row {
	out := make([]Row, 0, len(t.now))
	for c, r := range t.now {
		one := r.end(t.was[c], t.compared)
		if others {
			one.Others = t.n[c]
		}
		out = append(out, one)
	}
	slices.SortFunc(out, func(a, b Row) int { return cmp.Compare(a.Currency, b.Currency) })
	return out
}
