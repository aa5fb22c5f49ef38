// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/xuri/excelize/v2"

	"clearpost/lead"
)

// bookOf is a book with a few sales of October 2026: BR-101 to BR-106, at 28.00, 29.50, 31.00 and so on.
func bookOf(t testing.TB) *Book {
	t.Helper()
	b, err := NewBook(Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	for n := range 6 {
		o := Ours{LeadN: int64(n + 1), At: time.Date(2026, 10, 3+n, 18, 5, 9, 0, time.UTC), Campaign: "br-main",
			Reference: fmt.Sprint("BR-", 101+n), Outcome: lead.Accepted, Inside: true,
			Price: 28*lead.Unit + lead.Money(n)*150*lead.Cent}
		o.Attempt, o.Lead = lead.ID{15: byte(n + 1), 0: 1}, lead.ID{15: byte(n + 1), 0: 2}
		if err := b.AddOurs(&o); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.OursDone(); err != nil {
		t.Fatal(err)
	}
	return b
}

// readAll guesses a statement and reads it, as text.
func readAll(t testing.TB, path string, m *Mapping, known Known) string {
	f, err := Open(path, m)
	if err != nil {
		return err.Error() + "\n"
	}
	defer func() { f.Close() }()
	since := time.Date(2026, 10, 1, 4, 0, 0, 0, time.UTC)
	p, r, err := Guess(f, m, known, since, since.AddDate(0, 1, 0))
	if err != nil {
		return err.Error() + "\n"
	}
	var out strings.Builder
	out.WriteString(p.YAML)
	for _, w := range p.Words {
		fmt.Fprintf(&out, "%q is %s\n", w.Word, w.As)
	}
	again, err := Open(path, p.Mapping)
	if err != nil {
		return err.Error() + "\n"
	}
	f.Close()
	for f = again; ; {
		row, err := r.Next(f)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			fmt.Fprintln(&out, err)
			var at *PlaceError
			if errors.As(err, &at) && at.Column != "" {
				continue
			}
			break
		}
		fmt.Fprintf(&out, "%d:", row.Place)
		if !row.ID.IsZero() {
			fmt.Fprintf(&out, " id %s", row.ID)
		}
		for _, s := range [][2]string{{"ref", row.Reference}, {"phone", row.Phone}, {"mail", row.Email}} {
			if s[1] != "" {
				fmt.Fprintf(&out, " %s %s", s[0], s[1])
			}
		}
		if !row.Time.From.IsZero() {
			fmt.Fprintf(&out, " at %s for %s", row.Time.From.UTC().Format("01-02T15:04:05Z"),
				row.Time.To.Sub(row.Time.From))
		}
		fmt.Fprintf(&out, " %s %s\n", row.Amount, row.Says)
	}
	for _, x := range r.Totals {
		fmt.Fprintf(&out, "%d: a total of %s\n", x.Place, x.Amount)
	}
	return out.String()
}

// What columns are taken for, and what rows are read: go test ./reconcile -run Statements -rewrite writes the tables.
func TestStatementsAreReadAsTheTablesSay(t *testing.T) {
	datadriven.RunTest(t, "testdata/statements", func(t *testing.T, d *datadriven.TestData) string {
		text := strings.NewReplacer(`\t`, "\t", `\xfc`, "\xfc", `\xa4`, "\xa4", `\xef\xbb\xbf`, "\xef\xbb\xbf").Replace(
			d.Input) + "\n"
		path := filepath.Join(t.TempDir(), "statement")
		if d.HasArg("utf16") {
			var wide []byte
			for _, r := range "\ufeff" + text {
				wide = append(wide, byte(r), byte(r>>8))
			}
			text = string(wide)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		m := &Mapping{Zone: "America/New_York"}
		if d.Cmd == "mapped" {
			page, body, _ := strings.Cut(text, "---\n")
			var err error
			if m, err = ParseMapping("statements/br.yaml", []byte(page)); err != nil {
				return err.Error() + "\n"
			}
			if err := os.WriteFile(path, []byte(body), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return readAll(t, path, m, bookOf(t))
	})
}

// A workbook is read as what it shows: amounts that are floats, days that are numbers, formulas, a second sheet, merged
// cells, empty rows.
func TestWorkbooks(t *testing.T) {
	x := excelize.NewFile()
	defer x.Close()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := x.NewSheet("Leads"); err != nil {
		t.Fatal(err)
	}
	must(x.SetCellValue("Sheet1", "A1", "Statement of October"))
	must(x.SetCellValue("Leads", "A1", "Brightroof Inc."))
	must(x.MergeCell("Leads", "A1", "D1"))
	must(x.SetSheetRow("Leads", "A4", &[]any{"Date", "Time", "Ref", "Owed"}))
	style, err := x.NewStyle(&excelize.Style{NumFmt: 14})
	must(err)
	for n := range 4 {
		row := 5 + 2*n
		must(x.SetSheetRow("Leads", fmt.Sprint("A", row), &[]any{46298 + n, 0.586921296, fmt.Sprint("BR-", 101+n),
			28 + 1.5*float64(n)}))
		must(x.SetCellStyle("Leads", fmt.Sprint("A", row), fmt.Sprint("A", row), style))
	}
	must(x.SetCellFormula("Leads", "D13", "SUM(D5:D11)"))
	must(x.SetCellValue("Leads", "A13", "Total"))
	must(x.SetCellValue("Leads", "D11", 32.499999999999996))
	path := filepath.Join(t.TempDir(), "statement.xlsx")
	must(x.SaveAs(path))
	got := readAll(t, path, &Mapping{Zone: "America/New_York"}, bookOf(t))
	want := `format: xlsx
sheet: Leads
header: 4
columns:
  reference: Ref
  time: [Date, Time]
  price: Owed
dates: MDY
decimals: "."
zone: America/New_York
5: ref BR-101 at 10-03T18:05:10Z for 1s 28.00 
7: ref BR-102 at 10-04T18:05:10Z for 1s 29.50 
9: ref BR-103 at 10-05T18:05:10Z for 1s 31.00 
11: ref BR-104 at 10-06T18:05:10Z for 1s 32.50 
13: a total of 0.00
`
	if got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	if got := readAll(t, path, &Mapping{Sheet: "Bills"}, nil); !strings.Contains(got, `no sheet "Bills"`) {
		t.Errorf("a sheet that is not there: %s", got)
	}
	for name, text := range map[string]string{"broken.xlsx": "PK\x03\x04 and no more", "old.xls": "\xd0\xcf\x11\xe0",
		"x.pdf": "%PDF-1.7"} {
		path := filepath.Join(t.TempDir(), name)
		must(os.WriteFile(path, []byte(text), 0o600))
		if got := readAll(t, path, &Mapping{}, nil); !strings.HasPrefix(got, name+": ") {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// A mapping that is written is read as it was, and the page of the reference is one.
func TestMappingsComeBackAsTheyWere(t *testing.T) {
	text, err := os.ReadFile("testdata/mapping.yaml")
	if err != nil {
		t.Fatal(err)
	}
	m, err := ParseMapping("m.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseMapping("m.yaml", m.YAML())
	if err != nil || string(again.YAML()) != string(m.YAML()) || strings.Count(string(m.YAML()), "\n") != 22 {
		t.Errorf("%v\n%s\nthen\n%s", err, m.YAML(), again.YAML())
	}
	doc, err := os.ReadFile("../docs/reference/statements.md")
	if err != nil {
		t.Fatal(err)
	}
	_, page, _ := strings.Cut(string(doc), "```yaml\n")
	page, _, _ = strings.Cut(page, "```")
	if m, err := ParseMapping("doc.yaml", []byte(page)); err != nil || m.Columns.Price[0] != "Betrag" {
		t.Errorf("the page of the reference: %v", err)
	}
}
