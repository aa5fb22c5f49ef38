// SPDX-License-Identifier: Apache-2.0

package paper

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"clearpost/lead"
)

// invoice is a statement with some lines of each kind, and as many sales as are wanted.
func invoice(t testing.TB, sales int, source bool) *Paper {
	t.Helper()
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 10, 1, 4, 0, 0, 0, time.UTC)
	p := &Paper{Number: "INV-2026-0042", IssuedAt: time.Date(2026, 11, 3, 15, 0, 0, 0, time.UTC),
		Account:  "buyer:brightroof",
		Currency: "USD", Since: at, Until: time.Date(2026, 11, 1, 4, 0, 0, 0, time.UTC), Zone: zone,
		From: &lead.Party{Name: "Example Leads LLC", Address: []string{"100 Market Street, Suite 4",
			"Phoenix, AZ 85004", "USA"},
			TaxID: "EIN 12-3456789", Email: "billing@example.com", PayTo: []string{"First Example Bank, ABA 021000021",
				"Account 000123456789, reference INV-2026-0042"}},
		To: &lead.Party{Name: "Bright Roof Solar Inc.", Address: []string{"2200 Sunset Boulevard",
			"Los Angeles, CA 90026", "USA"},
			Email: "accounts@brightroof.example"},
		Opening: 1250 * lead.Unit, Before: "INV-2026-0031", Open: 2, CorrectedBy: []string{"INV-2026-0057"},
		Corrects: []Corrects{{"INV-2026-0031", 2, -67 * lead.Unit}}}
	if source {
		p.Number, p.Account, p.Before = "PAY-2026-0012", "source:quotemill", "PAY-2026-0009"
		p.To = &lead.Party{Name: "Quote Mill"}
		p.Corrects[0].Number, p.CorrectedBy = "PAY-2026-0009", nil
	}
	if !source {
		p.Terms, p.Due = "net 30 days", [2]Day{"2026-10-31", "2026-11-30"}
		p.Stands = &Stands{Day: "2026-11-03", Paid: 400 * lead.Unit, Overdue: 125 * lead.Unit, Oldest: "2026-10-31"}
	}
	line := func(kind string, m lead.Money, l Line) {
		l.At, l.Kind, l.Amount = at.Add(time.Duration(len(p.Lines))*37*time.Minute), kind, m
		if kind != "payment" {
			l.Lead = fmt.Sprintf("01a20610-39d1-7432-bc19-%012d", len(p.Lines)+1)
			l.Reference, l.Campaign = fmt.Sprint("BR-", 880+len(p.Lines)), "brightroof-fixed"
			l.Seller = fmt.Sprint("qm-", 5000+len(p.Lines))
		}
		p.Lines = append(p.Lines, l)
		for to, k := range map[*lead.Money]string{&p.Sales: "sale", &p.Corrections: "correction", &p.Returns: "return",
			&p.Payments: "payment"} {
			if k == kind {
				*to += m
			}
		}
	}
	for i := range sales {
		switch i % 17 {
		case 5:
			line("return", -42*lead.Unit, Line{Corrects: p.Corrects[0].Number})
		case 11:
			line("correction", -25*lead.Unit, Line{Corrects: p.Corrects[0].Number})
		}
		line("sale", lead.Money(35+i%9)*lead.Unit+50*lead.Cent, Line{})
	}
	if !source {
		line("payment", -1250*lead.Unit, Line{Note: "wire 118", Date: "2026-10-14"})
	}
	p.LinesN = int64(len(p.Lines))
	p.Closing = p.Opening + p.Sales + p.Corrections + p.Returns + p.Payments
	return p
}

// Each form has the sums and the lines, and a source sees neither its buyers' references nor their campaigns, a buyer
// not the seller's ids.
func TestFormsTellTheSame(t *testing.T) {
	for _, source := range []bool{false, true} {
		p := invoice(t, 30, source)
		var text, page, table bytes.Buffer
		if err := p.Text(&text); err != nil {
			t.Fatal(err)
		}
		if err := HTML(&page, []*Paper{p}); err != nil {
			t.Fatal(err)
		}
		if err := CSV(&table, []*Paper{p}); err != nil {
			t.Fatal(err)
		}
		own, foreign := "BR-881", "qm-5001"
		if source {
			own, foreign = foreign, own
		}
		for form, out := range map[string]string{"text": text.String(), "HTML": page.String(), "CSV": table.String()} {
			for _, want := range []string{p.Number, p.Lines[1].Lead, own, p.Corrects[0].Number} {
				if !strings.Contains(out, want) {
					t.Errorf("%s of %s lacks %s", form, p.Account, want)
				}
			}
			if strings.Contains(out, foreign) || source && strings.Contains(out, "brightroof") {
				t.Errorf("%s of %s has %s, or a campaign", form, p.Account, foreign)
			}
		}
		for form, out := range map[string]string{"text": text.String(), "HTML": page.String()} {
			for _, want := range []string{"net 30 days", "400.00", "125.00", "since 31 October 2026",
				"payment wire 118 of 2026-10-14"} {
				if strings.Contains(out, want) == source {
					t.Errorf("%s of %s: %s stands there: %v", form, p.Account, want, source)
				}
			}
		}
		if want := "31 October 2026 to 30 November 2026"; strings.Contains(page.String(), want) == source {
			t.Errorf("the page of %s says when it is due: %v", p.Account, source)
		}
		if want := money(p.Closing); !strings.Contains(page.String(), ">"+want+"<") {
			t.Errorf("the page does not close with %s", want)
		}
		rows, err := csv.NewReader(&table).ReadAll()
		if !source { // what was paid since, and what is overdue, is no part of the sum
			n := len(rows) - 2
			if paid := rows[n-2]; paid[2] != "payment" || paid[9] != "wire 118" || paid[12] != "2026-10-14" {
				t.Errorf("the payment is %q", paid)
			}
			if err != nil || rows[n][2] != "payments_since" || rows[n][3] != "-400.00" || rows[n+1][2] != "overdue" ||
				rows[n+1][11] != "2026-10-31" {
				t.Fatalf("%v, %v", rows[n:], err)
			}
			rows = rows[:n]
		}
		if err != nil || len(rows) != len(p.Lines)+3 {
			t.Fatalf("%d rows of CSV, %v", len(rows), err)
		}
		var sum lead.Money
		for _, r := range rows[1 : len(rows)-1] {
			m, err := lead.ParseMoney([]byte(r[3]))
			if err != nil {
				t.Fatal(err)
			}
			sum += m
		}
		if sum.String() != rows[len(rows)-1][3] || sum != p.Closing {
			t.Errorf("the rows of CSV add up to %s, the last one has %s", sum, rows[len(rows)-1][3])
		}
	}
}

// A long one is many pages, the same bytes each time, and what has too many lines is refused by name.
func TestPDFOfManyPages(t *testing.T) {
	long := invoice(t, 400, false)
	short := invoice(t, 3, true)
	long.To.Name = "Łódź Ωmega 太陽"
	var first, again bytes.Buffer
	for _, out := range []*bytes.Buffer{&first, &again} {
		if err := PDF(out, []*Paper{long, short}); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(first.Bytes(), again.Bytes()) {
		t.Error("the same statements are other bytes")
	}
	pages := len(regexp.MustCompile(`/Type /Page\b[^s]`).FindAll(first.Bytes(), -1))
	if pages < 9 || pages > 14 {
		t.Errorf("%d pages", pages)
	}
	if got := printed("Łódź Ωmega 太陽"); got != "Łódź Ωmega ??" {
		t.Errorf("printed as %q", got)
	}
	long.Lines = make([]Line, PDFLinesMax+1)
	if err := PDF(&again, []*Paper{long}); err == nil || !strings.Contains(err.Error(),
		"50,001 lines: a PDF takes up to") {
		t.Errorf("too many lines: %v", err)
	}
	if err := HTML(&again, []*Paper{long}); err == nil {
		t.Error("a page takes any number of lines")
	}
}

func TestAmountsAndPeriods(t *testing.T) {
	for m, want := range map[lead.Money]string{0: "0.00", -5 * lead.Cent: "-0.05", 1234567*lead.Unit +
		8*lead.Cent: "1,234,567.08",
		-1000 * lead.Unit: "-1,000.00", 999 * lead.Unit: "999.00"} {
		if got := money(m); got != want {
			t.Errorf("%s: %s, want %s", m, got, want)
		}
	}
	p := invoice(t, 1, false)
	for until, want := range map[time.Time]string{p.Until: "October 2026", p.Since.AddDate(0, 0, 1): "1 October 2026",
		p.Since.AddDate(0, 0, 3): "1 October 2026 to 3 October 2026"} {
		q := *p
		if q.Until = until; q.Period() != want {
			t.Errorf("up to %s: %q, want %q", until, q.Period(), want)
		}
	}
}

// The books for other programs have each amount on its account, by their own grammar, whatever ids and refs have in
// them.
func TestJournalsForOtherPrograms(t *testing.T) {
	pair := func(to, from string, m lead.Money, currency string) []Posting {
		return []Posting{{to, currency, m}, {from, currency, -m}}
	}
	j := &Journal{From: "2026-10-01", To: "2026-11-01", Opening: pair("buyer:b_1", "house:sales", 100*lead.Unit, "USD"),
		Entries: []Entry{{Day: "2026-10-02", What: "leads sold", Postings: append(pair("buyer:b.1", "house:sales",
			1234*lead.Unit+56*lead.Cent, "USD"), pair("house:payouts", "source:s", 7*lead.Cent, "USD")...)},
			{Day: "2026-10-02", What: "leads sold", Postings: pair("buyer:b.1", "house:sales", 3*lead.Unit, "EUR")},
			{Day: "2026-10-03", What: "payment", Ref: `a; "b"  c` + "\n2026-10-04 x", Postings: pair("house:bank", "buyer:b_1",
				50*lead.Unit, "")}}}
	want := map[string]lead.Money{}
	for _, e := range append(j.Entries, Entry{Postings: j.Opening}) {
		for _, p := range e.Postings {
			want[p.Account+" "+commodity(p.Currency)] += p.Amount
		}
	}
	for account, m := range want {
		a, c, _ := strings.Cut(account, " ")
		j.Closing = append(j.Closing, Posting{a, c, m})
	}
	forms := map[string]struct {
		write func(io.Writer, *Journal) error
		name  func(string) string
		line  string // a posting
	}{"beancount": {Beancount, beancountName, `(?m)^  ([A-Z][A-Za-z0-9:-]+) +(-?[0-9.]+) ([A-Z]{3})$`},
		"hledger": {HLedger, hledgerName, `(?m)^    ([^ ]+)  +(-?[0-9.]+) ([A-Z]{3})(?: = .*)?$`}}
	for form, f := range forms {
		var out bytes.Buffer
		if err := f.write(&out, j); err != nil {
			t.Fatal(err)
		}
		got := map[string]lead.Money{}
		for _, m := range regexp.MustCompile(f.line).FindAllStringSubmatch(out.String(), -1) {
			amount, err := lead.ParseMoney([]byte(m[2]))
			if err != nil {
				t.Fatal(err)
			}
			got[m[1]+" "+m[3]] += amount
		}
		for account, m := range want {
			a, c, _ := strings.Cut(account, " ")
			if got[f.name(a)+" "+c] != m {
				t.Errorf("%s: %s is %s, want %s\n%s", form, account, got[f.name(a)+" "+c], m, &out)
			}
		}
		if form == "hledger" {
			for _, declared := range []string{"account assets:receivable:b.1\n", "account assets:bank\n",
				"commodity EUR\n", "commodity " + noCommodity + "\n"} {
				if strings.Count(out.String(), declared) != 1 {
					t.Errorf("%q is not declared once in\n%s", declared, &out)
				}
			}
		}
		if len(got) != len(want) || strings.Contains(out.String(), "\n2026-10-04 x") {
			t.Errorf("%s has %d accounts, want %d, or a ref that is a line\n%s", form, len(got), len(want), &out)
		}
	}
}
