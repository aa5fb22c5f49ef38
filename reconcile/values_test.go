// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
)

// The tables of testdata say how values are read: go test ./reconcile -run Values -rewrite writes them.
func TestValuesAreReadAsTheTablesSay(t *testing.T) {
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"testdata/money", "testdata/dates", "testdata/cells"} {
		datadriven.RunTest(t, file, func(t *testing.T, d *datadriven.TestData) string {
			var out strings.Builder
			for line := range strings.Lines(d.Input) {
				text, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " => ")
				fmt.Fprintf(&out, "%s => %s\n", text, readValue(t, d, text, zone))
			}
			return out.String()
		})
	}
}

func readValue(t *testing.T, d *datadriven.TestData, text string, zone *time.Location) string {
	switch d.Cmd {
	case "money":
		var by string
		d.ScanArgs(t, "decimals", &by)
		m, currency, err := ReadMoney(text, map[string]Decimals{"dot": '.', "comma": ','}[by])
		if err != nil {
			return err.Error()
		}
		return strings.TrimSpace(m.String() + " " + currency)
	case "date":
		var order string
		d.ScanArgs(t, "order", &order)
		s, err := (&Dates{Order: order, Zone: zone}).Read(text)
		if err != nil {
			return "no time"
		}
		return fmt.Sprintf("%s for %s", s.From.Format("2006-01-02 15:04:05 -0700"), s.To.Sub(s.From))
	case "id":
		id, ok := readID(text)
		if !ok {
			return "no id"
		}
		return id.String()
	case "reference":
		return looseRef(text)
	case "clean":
		return fmt.Sprintf("%q", clean(strings.ReplaceAll(text, "·", "\u00a0")))
	case "total":
		m := &Mapping{Header: new(int)}
		m.Columns.Reference, m.Columns.Time, m.Columns.Price = []string{"#1"}, []string{"#2"}, []string{"#3"}
		m.Columns.Phone = []string{"#4"}
		r, err := NewReader(m, nil, 5, false)
		if err != nil {
			t.Fatal(err)
		}
		cells := strings.Split(text, "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		row, ok, err := r.Read(cells, 1)
		switch {
		case err != nil:
			return err.Error()
		case ok:
			return "a row for " + row.Amount.String()
		case len(r.Totals) == 1 && r.Totals[0].Known:
			return "a total of " + r.Totals[0].Amount.String()
		}
		return "no row"
	}
	t.Fatalf("no table of %s", d.Cmd)
	return ""
}
