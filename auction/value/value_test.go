// SPDX-License-Identifier: Apache-2.0

package value

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"clearpost/lead"
)

// teach has a book learn n lessons of a campaign at a time.
func teach(b *Book, day int64, campaign, segment string, price lead.Money, of map[What]int) {
	for _, w := range []What{Refused, Accepted, Returned, Paid, Unpaid} {
		for range of[w] {
			b.Learn(Lesson{At: day * dayMicros, Campaign: campaign, Segment: segment, Price: price, What: w})
		}
	}
}

// What is known of a cell is pulled towards the band, the campaign, the vertical and the prior, and differs only as far
// as it is more than chance.
func TestEstimates(t *testing.T) {
	b := NewBook(Usual(On))
	prior := Estimate{Accept: 800_000, Return: 50_000, Paid: 980_000}
	if e := b.Tables().Of("a", "", 0); e != prior {
		t.Errorf("of nothing known: %+v", e)
	}
	teach(b, 10, "a", "CA", 15*lead.Unit, map[What]int{Refused: 1})
	if e := b.Tables().Of("a", "CA", 2); e.Accept != prior.Accept || e.Known != 1 {
		t.Errorf("one refusal is chance: %+v", e)
	}
	teach(b, 10, "a", "CA", 15*lead.Unit, map[What]int{Refused: 999})
	teach(b, 10, "b", "CA", 15*lead.Unit, map[What]int{Accepted: 1000, Returned: 300, Paid: 100, Unpaid: 100})
	now := b.Tables()
	for _, c := range []struct {
		campaign, segment string
		band              int
		from, to          int64 // accept
	}{{"a", "CA", 2, 0, 20_000}, {"a", "TX", 2, 0, 20_000}, {"a", "", 0, 0, 40_000}, {"b", "CA", 2, 950_000, One},
		{"new", "CA", 2, 450_000, 550_000}} {
		if e := now.Of(c.campaign, c.segment, c.band); e.Accept < c.from || e.Accept > c.to {
			t.Errorf("%s in %s, band %d: %+v, expected accept from %d to %d", c.campaign, c.segment, c.band, e, c.from,
				c.to)
		}
	}
	if e := now.Whole("b"); e.Return < 270_000 || e.Return > 300_000 || e.Paid < 500_000 || e.Paid > 600_000 ||
		e.Known != 1000 {
		t.Errorf("%+v", e)
	}
}

// After a half-life a lesson counts half, whether or not another one of its campaign comes; at last it is forgotten.
func TestLessonsFade(t *testing.T) {
	b := NewBook(Usual(On))
	teach(b, 0, "a", "CA", lead.Unit, map[What]int{Accepted: 64})
	for _, c := range []struct{ day, known int64 }{{0, 64}, {30, 32}, {60, 16}, {150, 2}} {
		b.Pass(c.day * dayMicros)
		if e := b.Tables().Whole("a"); e.Known != c.known {
			t.Errorf("after %d days %d attempts count: expected %d", c.day, e.Known, c.known)
		}
	}
	if rows := b.Rows("a"); len(rows) != 3 || rows[0].Tries != 2000 {
		t.Errorf("%+v", rows)
	}
	b.Pass(400 * dayMicros)
	if rows := b.Rows(""); rows != nil || b.cells != 0 {
		t.Errorf("it is not forgotten: %+v, %d cells", rows, b.cells)
	}
	b = NewBook(Usual(On))
	teach(b, 30, "a", "", lead.Unit, map[What]int{Accepted: 10})
	teach(b, 0, "a", "", lead.Unit, map[What]int{Refused: 10}) // known late: it has faded already
	if rows := b.Rows("a"); rows[0].Tries != 15_000 || rows[0].Sales != 10_000 {
		t.Errorf("%+v", rows[0])
	}
}

// lessons are of many campaigns and segments over a year.
func lessons(seed uint64, n int) (out []Lesson) {
	rng := rand.New(rand.NewPCG(seed, 1))
	at := int64(0)
	for range n {
		at += rng.Int64N(2 * 365 * dayMicros / int64(n))
		out = append(out, Lesson{At: at - rng.Int64N(20*dayMicros), Campaign: fmt.Sprint("c", rng.IntN(20)),
			Segment: []string{"", "CA", "TX", "FL"}[rng.IntN(4)], Price: lead.Money(rng.Int64N(100)) * lead.Unit,
			What: What(rng.IntN(5))})
	}
	return out
}

// The same lessons give the same estimates, whenever they are looked at, and however often the book was put away and
// taken out again meanwhile.
func TestSameLessonsSameEstimates(t *testing.T) {
	all := lessons(1, 5000)
	for i := range all {
		all[i].At = max(all[i].At, 0)
	}
	rules := Usual(On)
	whole := NewBook(rules)
	for _, l := range all {
		whole.Learn(l)
	}
	for _, every := range []int{1, 7, 1000} {
		b := NewBook(rules)
		for i, l := range all {
			if i%every == 0 {
				b.Tables()
				if i%(every*100) == 0 {
					text, err := json.Marshal(b.Save())
					var s Saved
					if err == nil {
						err = json.Unmarshal(text, &s)
					}
					if b = Restore(rules, s); err != nil || b == nil {
						t.Fatalf("not restored: %v", err)
					}
				}
			}
			b.Learn(l)
		}
		if !reflect.DeepEqual(b.Tables(), whole.Tables()) || !reflect.DeepEqual(b.Rows(""), whole.Rows("")) {
			t.Errorf("looked at after each %d lessons it comes to something else", every)
		}
	}
	other := rules
	other.HalfLife = time.Hour
	damaged := whole.Save()
	damaged.Campaigns[0].All.N[accepted] = -1
	if Restore(other, whole.Save()) != nil || Restore(rules, damaged) != nil {
		t.Error("a book by other rules, or a damaged one, is restored")
	}
}

func TestNoMoreCellsThanTheLimit(t *testing.T) {
	b := NewBook(Usual(On))
	for i := range CellsMax + 10 {
		b.Learn(Lesson{Campaign: "a", Segment: fmt.Sprint(i), Price: lead.Unit, What: Accepted})
	}
	if n := len(b.campaigns["a"].Cells); n != CellsMax || b.campaigns["a"].All.N[tried] != (CellsMax+10)*unit {
		t.Errorf("%d cells", n)
	}
}

// Factors multiply to what a price is worth; exploring, free refusals and grades say how.
func TestFactors(t *testing.T) {
	r := Usual(On)
	r.Grades = []Grade{{"priority", 600_000, One, false}, {"secondary", 300_000, 900_000, false},
		{"last", 0, One, true}}
	half := Estimate{500_000, 100_000, 800_000, 100}
	weighed := Factors{700_000, 900_000, 800_000, 900_000, false, false}
	for name, c := range map[string]struct {
		e             Estimate
		explore, free bool
		want          Factors
		worth         lead.Money
	}{
		"a refusal costs a part": {half, false, false, weighed, 4_536_000},
		"a refusal is free":      {half, false, true, Factors{One, 900_000, 800_000, 900_000, false, false}, 6_480_000},
		"it is known well":       {half, true, false, weighed, 4_536_000},
		"it is hardly known": {Estimate{500_000, 100_000, 800_000, 29}, true, false, Factors{One, One, One, One, true,
			false}, 10 * lead.Unit},
		"a last resort": {Estimate{0, 0, One, 100}, false, false, Factors{400_000, One, One, One, false, true},
			4_000_000},
	} {
		f := r.Factors(c.e, c.explore, c.free)
		if f != c.want || f.Worth(10*lead.Unit) != c.worth {
			t.Errorf("%s: %+v, worth %s: expected %+v, worth %s", name, f, f.Worth(10*lead.Unit), c.want, c.worth)
		}
	}
}

// The share of leads that explore is the one that is asked for.
func TestShareThatExplores(t *testing.T) {
	r := Usual(On)
	n := 0
	for i := range 100_000 {
		id := lead.ID{byte(i), byte(i >> 8), byte(i >> 16)}
		if r.Explores(id) {
			n++
		}
	}
	if n < 1_800 || n > 2_200 {
		t.Errorf("%d of 100000 explore: expected 2 %%", n)
	}
}

func TestBands(t *testing.T) {
	r := Usual(On)
	for price, want := range map[lead.Money]string{1: "0.00–5.00", 5 * lead.Unit: "5.00–10.00",
		500 * lead.Unit: "160.00–"} {
		if got := r.BandName(r.Band(price)); got != want {
			t.Errorf("%s is in %s: expected %s", price, got, want)
		}
	}
}

// What lags behind its cap counts more, as far as it lags behind.
func TestUnusedCap(t *testing.T) {
	r := Usual(On)
	if w := r.Unused(0, 100, 1, 24); w != One {
		t.Errorf("%d where it is not asked for", w)
	}
	r.UnusedCap = 200_000
	for name, c := range map[string]struct{ used, limit, left, whole, want int64 }{
		"as the time goes":      {50, 100, 12, 24, One},
		"ahead of it":           {90, 100, 12, 24, One},
		"half unused, no time":  {50, 100, 0, 24, 1_100_000},
		"nothing used, no time": {0, 100, 0, 24, 1_200_000},
		"the beginning":         {0, 100, 24, 24, One},
		"full":                  {100, 100, 0, 24, One},
		"large units":           {0, 1 << 50, 1 << 50, 1 << 51, 1_100_000},
	} {
		if w := r.Unused(c.used, c.limit, c.left, c.whole); w != c.want {
			t.Errorf("%s: %d, expected %d", name, w, c.want)
		}
	}
}
