// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// decimals finds the sign before the cents: amounts that can be read under one of them only decide.
func (g *guesser) decimals() error {
	dots, commas, both := 0, 0, 0
	for i := range g.names {
		if g.as[i] != "" && g.as[i] != "price" && g.as[i] != "credit" {
			continue
		}
		d, c, b, other := 0, 0, 0, 0
		for _, r := range g.rows {
			if i >= len(r) || !strings.ContainsAny(r[i], ".,") {
				continue
			}
			switch dot, comma := looksLike(r[i]); {
			case dot && comma:
				b++
			case dot:
				d++
			case comma:
				c++
			default:
				other++
			}
		}
		if other > d+c+b { // texts
			continue
		}
		dots, commas, both = dots+d, commas+c, both+b
	}
	switch {
	case commas > dots:
		g.m.Decimals = ","
	case dots > 0 || both == 0 || g.format != CSV: // numbers of programs
		g.m.Decimals = "."
	default:
		return fmt.Errorf("%w which sign stands before the cents: say decimals in a mapping", ErrAmbiguous)
	}
	return nil
}

// readsDate tells whether a text is a time under some order.
func readsDate(s string) bool {
	return slices.ContainsFunc(Orders, func(o string) bool {
		_, err := (&Dates{Order: o, Zone: time.UTC}).Read(s)
		return err == nil
	})
}

// isNumber tells of plain numbers, which are times only in columns that are called so or in workbooks.
func isNumber(s string) bool { return strings.Trim(s, "0123456789.") == "" }

// times finds the columns of time: one of dates, by what is known of its rows or by its name, and one of times of day
// if that has none.
func (g *guesser) times() error {
	score := func(i int) int {
		fit, filled := g.share(i, readsDate)
		rank := headingRank("time", g.names[i])
		if filled == 0 || fit*2 < filled || fit*5 < filled*4 && rank < 100 {
			return 0
		}
		if numbers, _ := g.share(i, isNumber); numbers*2 > filled && rank == 0 {
			return 0
		}
		near := g.near(i)
		if near > 0 {
			rank += 1000 * near
		}
		return rank + 1
	}
	i, _, _, _ := g.best(score)
	if i < 0 {
		return nil
	}
	c := &g.m.Columns
	g.set(&c.Time, i, "time", "it has times")
	whole, filled := g.share(i, func(s string) bool { return strings.Contains(s, ":") || len(s) >= 10 && isNumber(s) })
	if whole*2 > filled {
		return nil
	}
	t, _, _, _ := g.best(func(i int) int {
		fit, filled := g.share(i, func(s string) bool {
			return timeOnly(s) || g.format == XLSX && strings.HasPrefix(s, "0.") && len(s) > 5
		})
		if filled == 0 || fit*5 < filled*4 {
			return 0
		}
		return 1 + headingRank("time", g.names[i])
	})
	if t >= 0 {
		g.set(&c.Time, t, "time", "it has times of day")
	}
	return nil
}

// near counts the rows of which a column's time is within two days of ours, in tenths of those that are known.
func (g *guesser) near(i int) int {
	n, all := 0, 0
	for k, r := range g.rows {
		if g.ours[k] == nil || i >= len(r) || r[i] == "" {
			continue
		}
		all++
		if slices.ContainsFunc(Orders, func(o string) bool {
			s, err := (&Dates{Order: o, Zone: time.UTC}).Read(r[i])
			return err == nil && s.From.Sub(g.ours[k].At).Abs() < 48*time.Hour
		}) {
			n++
		}
	}
	if all == 0 {
		return 0
	}
	return 10 * n / all
}

// prices finds the column of prices: the one that most often has ours, else by its name.
func (g *guesser) prices() {
	d := Decimals(g.m.Decimals[0])
	score := func(i int) int {
		fit, filled := g.share(i, func(s string) bool {
			_, _, err := ReadMoney(s, d)
			return err == nil || dash(s) || strings.TrimSpace(s) == ""
		})
		rank := headingRank("price", g.names[i])
		if filled == 0 || fit*2 < filled || fit*10 < filled*9 && rank < 100 {
			return 0
		}
		same := 0
		for k, r := range g.rows {
			if o := g.ours[k]; o != nil && i < len(r) {
				if m, _, err := ReadMoney(r[i], d); err == nil && m == o.Price && m != 0 {
					same++
				}
			}
		}
		if same == 0 && rank == 0 {
			signs, _ := g.share(i, func(s string) bool { return strings.ContainsAny(s, "$€£") })
			if signs*2 < filled {
				return 0
			}
		}
		return 1 + rank + 1000*same
	}
	if i, _, n, _ := g.best(score); i >= 0 {
		why := "by its name, and it has amounts"
		if n > 1000 {
			why = fmt.Sprintf("%d of its values are prices of ours", n/1000)
		}
		g.set(&g.m.Columns.Price, i, "price", why)
	}
}

// others finds the columns of status, credits and currencies.
func (g *guesser) others() {
	c := &g.m.Columns
	table, err := g.m.Words.table()
	if err != nil {
		return // it was checked
	}
	if i, _, n, _ := g.best(func(i int) int {
		kinds := map[string]bool{}
		fit, filled := g.share(i, func(s string) bool { kinds[word(s)] = true; return table[word(s)] != SaysNothing })
		rank := headingRank("status", g.names[i])
		if filled == 0 || len(kinds) > 40 || rank == 0 && (fit*10 < filled*9 || filled*2 < len(g.rows)) || fit == 0 {
			return 0
		}
		return rank + 1 + 100*fit/filled
	}); i >= 0 && n > 0 {
		g.set(&c.Status, i, "status", "it has words of what became of leads")
	}
	if i, _, n, _ := g.best(func(i int) int {
		fit, filled := g.share(i, func(s string) bool {
			return len(s) == 3 && strings.ToUpper(s) == s && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
		})
		if filled == 0 || fit < filled {
			return 0
		}
		return headingRank("currency", g.names[i])
	}); i >= 0 && n >= 100 {
		g.set(&c.Currency, i, "currency", "by its name")
	}
	if i, _, n, _ := g.best(func(i int) int {
		fit, filled := g.share(i, func(s string) bool {
			_, _, err := ReadMoney(s, Decimals(g.m.Decimals[0]))
			return err == nil || dash(s)
		})
		if filled == 0 || fit < filled {
			return 0
		}
		return headingRank("credit", g.names[i])
	}); i >= 0 && n >= 150 && len(c.Price) > 0 {
		g.set(&c.Credit, i, "credit", "by its name")
	}
}

// order finds the order of dates: the one under which all can be read; of several the one that is nearest to ours, and
// then the one under which the most are within the period.
func (g *guesser) order() error {
	best, tie, top := "", "", [3]int{-1}
	for _, o := range Orders {
		r := g.timeReader(o)
		score := g.under(r)
		switch c := slices.Compare(score[:], top[:]); {
		case c > 0:
			best, tie, top = o, "", score
		case c == 0:
			tie = o
		}
	}
	if top[0] <= 0 {
		return errors.New("the times cannot be read: say columns and dates in a mapping")
	}
	// Under both orders all is the same where no date is of numbers alone.
	if tie != "" && g.differ(best, tie) {
		return fmt.Errorf("%w whether dates are %s or %s: say dates in a mapping", ErrAmbiguous, best, tie)
	}
	g.m.Dates = best
	return nil
}

// timeReader reads the columns of time under an order.
func (g *guesser) timeReader(order string) *Reader {
	r := &Reader{names: g.names, cols: map[string][]int{}, dates: Dates{Order: order, Zone: time.UTC}}
	if zone, err := time.LoadLocation(g.m.Zone); err == nil {
		r.dates.Zone = zone
	}
	for _, name := range g.m.Columns.Time {
		if i := r.column(name); i >= 0 {
			r.cols["time"] = append(r.cols["time"], i)
		}
	}
	return r
}

// under counts, under an order, the times that can be read, those near to ours, and those within the period.
func (g *guesser) under(r *Reader) (score [3]int) {
	for k, cells := range g.rows {
		var row Row
		if err := r.time(cells, &row); err != nil || row.Time.From.IsZero() {
			continue
		}
		score[0]++
		if o := g.ours[k]; o != nil && row.Time.From.Sub(o.At).Abs() < 36*time.Hour {
			score[1]++
		}
		if !row.Time.From.Before(g.since.AddDate(0, 0, -1)) && row.Time.From.Before(g.until.AddDate(0, 0, 1)) {
			score[2]++
		}
	}
	return score
}

// differ tells whether two orders read the sample's times differently.
func (g *guesser) differ(a, b string) bool {
	r, s := g.timeReader(a), g.timeReader(b)
	for _, cells := range g.rows {
		var one, other Row
		err, err2 := r.time(cells, &one), s.time(cells, &other)
		if err == nil && err2 == nil && !one.Time.From.Equal(other.Time.From) {
			return true
		}
	}
	return false
}

// previewRows are how many values a preview shows of each column.
const previewRows = 3

func (g *guesser) preview(f *File) *Preview {
	p := &Preview{File: f.Name, Format: f.Format, Mapping: g.m, YAML: string(g.m.YAML()), From: g.since, Until: g.until}
	for i, name := range g.names {
		c := Column{Name: name, As: g.as[i], Why: g.why[i], Values: []string{}}
		for _, r := range g.rows {
			if i < len(r) && r[i] != "" && len(c.Values) < previewRows {
				c.Values = append(c.Values, r[i])
			}
		}
		p.Columns = append(p.Columns, c)
	}
	return p
}

// words counts the words of the status column.
func (p *Preview) words(g *guesser, r *Reader) {
	at := map[string]int{}
	for _, cells := range g.rows {
		text, col := r.cell("status", cells)
		if col < 0 {
			continue
		}
		w := word(text)
		i, ok := at[w]
		if !ok {
			if len(p.Words) >= 60 {
				continue
			}
			i = len(p.Words)
			at[w] = i
			p.Words = append(p.Words, WordIn{Word: text, As: r.words[w].String()})
		}
		p.Words[i].Rows++
	}
}
