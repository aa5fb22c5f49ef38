// SPDX-License-Identifier: Apache-2.0

package paper

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"clearpost/lead"
)

// Text writes it for a terminal.
func (p *Paper) Text(out io.Writer) error {
	b := bufio.NewWriter(out)
	if p.Number != "" {
		fmt.Fprintf(b, "%s %s, issued %s, to %s\n", p.Title(), p.Number, p.IssuedAt.In(p.Zone).Format(time.DateOnly),
			p.Name())
	}
	fmt.Fprintf(b, "%s from %s to %s (%s)", p.Account, p.Since.In(p.Zone).Format(time.DateOnly),
		p.Until.In(p.Zone).Format(time.DateOnly), p.Zone)
	if p.Note != "" {
		fmt.Fprintf(b, ", %s", p.Note)
	}
	b.WriteString("\n\n")
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	p.Rows(func(r Row) {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", r.At, r.What, r.Reference, r.Lead, amount(r.Amount, p.Currency))
	})
	if err := w.Flush(); err != nil {
		return err
	}
	if len(p.Lines) > 0 {
		b.WriteString("\n")
	}
	sum := func(name string, m lead.Money, currency string) {
		fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("%s\t%14s %s", name, m, currency), " "))
	}
	sum("opening", p.Opening, p.Currency)
	sum("sales", p.Sales, "")
	sum("corrections", p.Corrections, "")
	sum("returns", p.Returns, "")
	sum("payments", p.Payments, "")
	sum("closing", p.Closing, p.Currency)
	if s := p.Stands; s != nil && s.Paid != 0 {
		sum("payments since", -s.Paid, "")
		sum("left on "+string(s.Day), p.Closing-s.Paid, p.Currency)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if p.Terms != "" {
		fmt.Fprintf(b, "\nterms: %s", p.Terms)
		if p.Due[0] != "" {
			fmt.Fprintf(b, "; due %s", string(p.Due[0]))
		}
		if p.Due[0] != p.Due[1] {
			fmt.Fprintf(b, " to %s", string(p.Due[1]))
		}
		b.WriteString("\n")
	}
	for i, n := range p.Notes() {
		if i == 0 {
			b.WriteString("\n")
		}
		b.WriteString(n + "\n")
	}
	return b.Flush()
}

// CSV writes papers as one table. The rows from opening to closing add up; what was paid since and what is overdue, if
// anything, follows. What a source must not see of its buyers, and a buyer of its seller, is not in it.
func CSV(out io.Writer, papers []*Paper) error {
	w := csv.NewWriter(out)
	err := w.Write([]string{"statement", "at", "kind", "amount", "currency", "lead_id", "reference", "seller_lead_id",
		"campaign", "note", "corrects", "due", "date"})
	line := func(p *Paper, l *Line) {
		if err != nil {
			return
		}
		reference, campaign, seller := l.Reference, l.Campaign, ""
		if p.OfSource() {
			reference, campaign, seller = "", "", l.Seller
		}
		err = w.Write([]string{p.Number, l.At.UTC().Format(time.RFC3339), l.Kind, l.Amount.String(), p.Currency, l.Lead,
			reference, seller, campaign, l.Note, l.Corrects, string(l.Due),
			string(l.Date)})
	}
	for _, p := range papers {
		line(p, &Line{At: p.Since, Kind: "opening", Amount: p.Opening})
		for i := range p.Lines {
			line(p, &p.Lines[i])
		}
		line(p, &Line{At: p.Until, Kind: "closing", Amount: p.Closing, Due: p.Due[1]})
		if s := p.Stands; s != nil && s.Paid != 0 {
			line(p, &Line{At: p.Until, Kind: "payments_since", Amount: -s.Paid})
		}
		if s := p.Stands; s != nil && s.Overdue > 0 {
			line(p, &Line{At: p.Until, Kind: "overdue", Amount: s.Overdue, Due: s.Oldest})
		}
	}
	w.Flush()
	if err == nil {
		err = w.Error()
	}
	return err
}

// grouped is a whole number with thousands apart.
func grouped(n int64) string {
	text := strconv.FormatInt(n, 10)
	sign := ""
	if text[0] == '-' {
		sign, text = "-", text[1:]
	}
	var b strings.Builder
	for i := range len(text) {
		if i > 0 && (len(text)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteByte(text[i])
	}
	return sign + b.String()
}

// money is an amount with thousands apart, such as -1,234.50.
func money(m lead.Money) string {
	whole, rest, _ := strings.Cut(m.String(), ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return m.String()
	}
	out := grouped(n)
	if n == 0 && m < 0 {
		out = "-0"
	}
	return out + "." + rest
}
