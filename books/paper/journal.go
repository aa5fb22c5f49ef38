// SPDX-License-Identifier: Apache-2.0

package paper

import (
	"bufio"
	"fmt"
	"hash/fnv"
	"io"
	"slices"
	"strings"

	"clearpost/lead"
)

// Journal is the books over a time, for programs of bookkeeping.
type Journal struct {
	From    string    // its first day, such as 2026-10-01
	To      string    // the day after its last one
	Opening []Posting // what stood on the accounts before; empty: it is the whole of the books, or only what was added
	Entries []Entry   // in the order of their days
	Closing []Posting // what stands on them at the end; empty: that is not looked at
}

// Entry is one transaction: its postings add up to zero in each currency.
type Entry struct {
	Day, What string
	Ref       string // of a payment
	Postings  []Posting
}

// Posting is an amount on an account of the books, such as buyer:brightroof.
type Posting struct {
	Account, Currency string
	Amount            lead.Money
}

// openings is the account from which what stood before comes: it is left at zero, since all accounts add up to that.
const openings = "opening balances"

// Beancount writes a journal for Beancount.
func Beancount(out io.Writer, j *Journal) error {
	w := bufio.NewWriter(out)
	fmt.Fprintf(w, "; The books from %s to before %s.\n\n", j.From, j.To)
	accounts, _ := j.names()
	for _, account := range accounts {
		fmt.Fprintf(w, "%s open %s\n  clearpost: %q\n", j.From, beancountName(account), account)
	}
	for _, e := range j.all() {
		fmt.Fprintf(w, "\n%s * %s", e.Day, beancountText(e.What))
		if e.Ref != "" {
			fmt.Fprintf(w, "\n  ref: %s", beancountText(e.Ref))
		}
		for _, p := range e.Postings {
			fmt.Fprintf(w, "\n  %-50s %16s %s", beancountName(p.Account), p.Amount, commodity(p.Currency))
		}
		w.WriteString("\n")
	}
	for _, p := range j.Closing {
		fmt.Fprintf(w, "\n%s balance %-45s %16s %s", j.To, beancountName(p.Account), p.Amount, commodity(p.Currency))
	}
	if len(j.Closing) > 0 {
		w.WriteString("\n")
	}
	return w.Flush()
}

// HLedger writes a journal for hledger, which Ledger reads too. It declares what it names, as strict checks want it.
func HLedger(out io.Writer, j *Journal) error {
	w := bufio.NewWriter(out)
	fmt.Fprintf(w, "; The books from %s to before %s.\n\n", j.From, j.To)
	accounts, currencies := j.names()
	for _, c := range currencies {
		fmt.Fprintf(w, "commodity %s\n  format 1000.00 %[1]s\n", c)
	}
	for _, account := range accounts {
		fmt.Fprintf(w, "account %s\n", hledgerName(account))
	}
	for _, e := range j.all() {
		fmt.Fprintf(w, "\n%s * %s", e.Day, hledgerText(e.What))
		if e.Ref != "" {
			fmt.Fprintf(w, "  ; ref: %s", hledgerText(e.Ref))
		}
		for _, p := range e.Postings {
			fmt.Fprintf(w, "\n    %-50s  %16s %s", hledgerName(p.Account), p.Amount, commodity(p.Currency))
		}
		w.WriteString("\n")
	}
	if len(j.Closing) > 0 {
		fmt.Fprintf(w, "\n%s * balances", j.To)
		for _, p := range j.Closing {
			fmt.Fprintf(w, "\n    %-50s  %16s %s = %s %[3]s", hledgerName(p.Account), "0.00", commodity(p.Currency),
				p.Amount)
		}
		w.WriteString("\n")
	}
	return w.Flush()
}

// all are its transactions, with what stood before as the first.
func (j *Journal) all() []Entry {
	if len(j.Opening) == 0 {
		return j.Entries
	}
	return append([]Entry{{Day: j.From, What: openings, Postings: j.Opening}}, j.Entries...)
}

// names are the accounts and the currencies that it names, in the order in which it does.
func (j *Journal) names() (accounts, currencies []string) {
	seen := map[string]bool{}
	note := func(list []Posting) {
		for _, p := range list {
			if !seen[p.Account] {
				seen[p.Account] = true
				accounts = append(accounts, p.Account)
			}
			if c := commodity(p.Currency); !slices.Contains(currencies, c) {
				currencies = append(currencies, c)
			}
		}
	}
	for _, e := range j.all() {
		note(e.Postings)
	}
	note(j.Closing)
	return accounts, currencies
}

// Accounts of the house in the trees of bookkeeping.
var houses = map[string]string{"sales": "Income:Leads:Sales", "returns": "Income:Leads:Returns",
	"payouts": "Expenses:Leads:Payouts", "bank": "Assets:Bank"}

// beancountName is an account as Beancount has names: parts of letters, digits and hyphens that begin with a capital.
// An id with anything else has a sum of itself behind, so that no two are one.
func beancountName(account string) string {
	kind, id, _ := strings.Cut(account, ":")
	plain := strings.Map(func(r rune) rune {
		if r < 0x80 && (r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r == '-') {
			return r
		}
		return '-'
	}, id)
	if plain != id {
		h := fnv.New32a()
		h.Write([]byte(id))
		plain += fmt.Sprintf("-%08x", h.Sum32())
	}
	switch kind {
	case "buyer":
		return "Assets:Receivable:Buyer-" + plain
	case "source":
		return "Liabilities:Payable:Source-" + plain
	}
	if name, ok := houses[id]; ok {
		return name
	}
	return "Equity:House-" + plain
}

// hledgerName is an account as hledger has names, which take an id as it is.
func hledgerName(account string) string {
	kind, id, _ := strings.Cut(account, ":")
	switch kind {
	case "buyer":
		return "assets:receivable:" + id
	case "source":
		return "liabilities:payable:" + id
	}
	if name, ok := houses[id]; ok {
		return strings.ToLower(name)
	}
	return "equity:house:" + id
}

// noCommodity is ISO's name of no currency.
var noCommodity = strings.Repeat("X", 3)

func commodity(currency string) string {
	if currency == "" {
		return noCommodity
	}
	return currency
}

func beancountText(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", " ", "\r", " ").Replace(s) + `"`
}

// hledgerText is a text without what ends one: a semicolon, two spaces, or the line.
func hledgerText(s string) string {
	s = strings.NewReplacer(";", ",", "\n", " ", "\r", " ", "\t", " ", "|", "/").Replace(s)
	return strings.Join(strings.Fields(s), " ")
}
