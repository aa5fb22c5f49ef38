// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"clearpost/lead"
)

// The table says what becomes of one of ours with the rows of theirs: go test ./reconcile -run Classes -rewrite writes
// it. Each line is "ours: ROW, ROW": ours is an outcome with words for the rest; a row is an amount, or a word of the
// status column with the amount that is left of it.
func TestClassesAreAsTheTableSays(t *testing.T) {
	datadriven.RunTest(t, "testdata/classes", func(t *testing.T, d *datadriven.TestData) string {
		var out strings.Builder
		for line := range strings.Lines(d.Input) {
			text, _, _ := strings.Cut(strings.TrimSpace(line), " => ")
			ours, rows, _ := strings.Cut(text, ":")
			o := oursOf(t, ours)
			var list []Match
			for i, r := range strings.FieldsFunc(rows, func(r rune) bool { return r == ',' }) {
				list = append(list, Match{Row: rowOf(t, strings.Fields(r), int64(i+1)), Stage: "reference"})
			}
			fmt.Fprintf(&out, "%s\n", text)
			here, there, n := lead.Money(0), lead.Money(0), 0
			for _, f := range classify(o, list) {
				do := ""
				if f.Follow != nil {
					_, do, _ = strings.Cut(f.Follow.Command("s"), "clearpost ")
					do = " => " + strings.ReplaceAll(do, o.Attempt.String(), "ID")
				}
				fmt.Fprintf(&out, "  %s: %s, %s%s\n", f.Class, f.Why, f.Diff(), do)
				here, there, n = here+f.Here, there+f.There, n+len(f.Rows)
			}
			sum := lead.Money(0)
			for _, r := range list {
				if sum += r.Amount; !r.Priced {
					sum = there
				}
			}
			if here != o.Owed() || there != sum || n != len(list) {
				t.Errorf("%s: %s of %s, %s of %s, %d of %d rows", text, here, o.Owed(), there, sum, n, len(list))
			}
		}
		return out.String()
	})
}

func oursOf(t *testing.T, text string) *Ours {
	o := &Ours{Attempt: lead.ID{15: 1}, Inside: true, Price: 28 * lead.Unit}
	for _, w := range strings.Fields(text) {
		switch w {
		case "open":
		case "other-month":
			o.Inside = false
		case "test":
			o.Test, o.Outcome = true, lead.TestAccepted
		case "credited":
			o.Credit, o.Returned = o.Price, true
		case "half-credited":
			o.Credit, o.Returned = o.Price/2, true
		case "told":
			o.Returned = true
		case "free":
			o.Price = 0
		default:
			var err error
			if o.Outcome, err = lead.ParseOutcome(w); err != nil {
				t.Fatal(err)
			}
		}
	}
	if o.Outcome != lead.Accepted {
		o.Price = 0
	}
	return o
}

func rowOf(t *testing.T, words []string, place int64) Row {
	r := Row{Place: place, Reference: "BR-1", Priced: true}
	for _, w := range words {
		if m, err := lead.ParseMoney([]byte(w)); err == nil {
			r.Amount = m
		} else if w == "unpriced" {
			r.Priced = false
		} else if r.Says = knownWords[w]; r.Says == SaysNothing {
			t.Fatalf("no word %q", w)
		}
	}
	return r
}
