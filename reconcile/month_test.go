// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"clearpost/lead"
)

var (
	monthSales   = flag.Int("sales", 20_000, "sales of the generated month")
	monthPlanted = flag.Int("planted", 200, "discrepancies that are planted in it")
)

// month is a generated month: our side, their statement with hostile columns, and what was planted in it.
type month struct {
	rnd   *rand.Rand
	zone  *time.Location
	since time.Time
	until time.Time
	want  map[string]int        // by class and reason
	diff  map[string]lead.Money // likewise
	w     *bufio.Writer
	rows  int
	// rows of what is planted are known by more than their time and price
	planting bool
}

// kinds of planted discrepancies.
var plants = []string{"price", "missing there", "missing here", "returned", "credited", "returned here", "duplicate",
	"duplicate undone", "test here", "test there", "unknown sold", "unknown refused", "unknown absent", "refused there",
	"refused here", "other period"}

func newMonth(t testing.TB, seed uint64) *month {
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	since := time.Date(2026, 10, 1, 0, 0, 0, 0, zone)
	return &month{rnd: rand.New(rand.NewPCG(seed, 1)), zone: zone, since: since, until: since.AddDate(0, 1, 0),
		want: map[string]int{}, diff: map[string]lead.Money{}}
}

// id is made of a number, so that ids are not in the order of sales.
func (m *month) id(n int, kind byte) (id lead.ID) {
	x := uint64(n)*0x9e3779b97f4a7c15 + uint64(kind)
	for i := range 8 {
		id[i], id[8+i] = byte(x>>(8*i)), byte(uint64(n)>>(8*i))
	}
	id[6] = id[6]&0x0f | 0x70
	id[7] = kind
	return id
}

// numbers are the leads of persons: the last digits of a phone number are the lead's number.
type numbers struct{}

// Leads implements Persons.
func (numbers) Leads(_ context.Context, phone, email string) ([]int64, error) {
	var digits strings.Builder
	for _, r := range phone {
		if r >= '0' && r <= '9' {
			digits.WriteRune(r)
		}
	}
	s := digits.String()
	n := int64(0)
	if len(s) < 10 || s[len(s)-10:len(s)-8] != "31" {
		return nil, nil
	}
	for _, c := range s[len(s)-8:] {
		n = n*10 + int64(c-'0')
	}
	return []int64{n}, nil
}

// sale makes the n-th of our attempts.
func (m *month) sale(n, of int) Ours {
	span := m.until.Sub(m.since)
	at := m.since.Add(time.Duration(int64(span) / int64(of) * int64(n)))
	return Ours{Attempt: m.id(n, 1), Lead: m.id(n, 2), LeadN: int64(n), Inside: true,
		At:       at.UTC().Add(137 * time.Millisecond),
		Campaign: "brightroof-fixed", Reference: fmt.Sprint("BR-", 100_000+n), Outcome: lead.Accepted,
		Price: lead.Money(1000+m.rnd.IntN(4000)) * lead.Cent}
}

// plant is a sale with a discrepancy, and the rows of theirs.
func (m *month) plant(kind string, o *Ours) {
	expect := func(class, why string, diff lead.Money) {
		m.want[class+": "+why]++
		m.diff[class+": "+why] += diff
	}
	p := o.Price
	switch kind {
	case "price":
		expect(PriceDiffers, whyPrice, -lead.Unit)
		m.row(o, p-lead.Unit, "Accepted")
	case "missing there":
		expect(MissingThere, whyNotThere, -p)
	case "missing here":
		expect(MissingHere, whyNotHere, p)
		ghost := *o
		ghost.Attempt, ghost.Lead = m.id(int(o.LeadN), 9), m.id(int(o.LeadN), 10)
		ghost.LeadN, ghost.Reference = 99_999_999, "ZZ-"+o.Reference
		ghost.At = m.since.Add(-3 * time.Hour) // no sale of ours is near
		m.row(&ghost, p, "Accepted")
		o.Outcome = lead.OutcomeNone
		o.LeadN = -1 // not added
	case "returned":
		expect(Returned, whyReturnedThere, -p)
		m.row(o, p, "Returned")
	case "credited":
		expect(Returned, whyReturnedThere, -p)
		m.row(o, p, "Accepted")
		m.row(o, -p, "Credit")
	case "returned here":
		expect(Returned, whyReturnedHere, p)
		o.Credit, o.Returned = p, true
		m.row(o, p, "Accepted")
	case "duplicate":
		expect(Duplicate, whyTwice, p)
		m.row(o, p, "Accepted")
		m.row(o, p, "Accepted")
	case "duplicate undone":
		m.row(o, p, "Accepted")
		m.row(o, p, "Accepted")
		m.row(o, -p, "Credit")
	case "test here":
		expect(Test, whyTestHere, p)
		o.Test, o.Outcome = true, lead.TestAccepted
		m.row(o, p, "Accepted")
	case "test there":
		expect(Test, whyTestThere, -p)
		m.row(o, p, "TEST lead")
	case "unknown sold":
		expect(Unknown, whySoldThere, p)
		o.Outcome, o.Price = lead.Unknown, 0
		m.row(o, p, "Accepted")
	case "unknown refused":
		expect(Unknown, whyUnsoldThere, 0)
		o.Outcome, o.Price = lead.Unknown, 0
		m.row(o, p, "Rejected")
	case "unknown absent":
		expect(Unknown, whyAbsentThere, 0)
		o.Outcome, o.Price = lead.Unknown, 0
	case "refused there":
		expect(MissingThere, whyRefusedThere, -p)
		m.row(o, p, "Rejected")
	case "refused here":
		expect(MissingHere, whyRefusedHere, p)
		o.Outcome, o.Price = lead.Rejected, 0
		m.row(o, p, "Accepted")
	case "other period":
		expect(MissingHere, whyOtherPeriod, p)
		o.At, o.Inside = m.since.Add(-5*time.Hour).UTC(), false
		m.row(o, p, "Accepted")
	}
}

// row writes a row of theirs: amounts, phones and times in changing forms, and not all that a row could be known by.
func (m *month) row(o *Ours, amount lead.Money, status string) {
	m.rows++
	id, ref, phone := "", "", ""
	switch n := m.rnd.IntN(20); {
	case n < 8:
		id, ref = o.Lead.String(), o.Reference
	case n < 11:
		id = strings.ToUpper(o.Attempt.String())
	case n < 16:
		ref = []string{o.Reference, strings.ToLower(o.Reference),
			strings.ReplaceAll(o.Reference, "-", " ")}[m.rnd.IntN(3)]
	default:
		phone = fmt.Sprintf("31%08d", o.LeadN)
	}
	// what differs is known by more than its time and price
	if m.rnd.IntN(20) == 0 && amount == o.Price && o.sold() && o.Inside && o.Credit == 0 && status == "Accepted" &&
		o.LeadN != 99_999_999 && !m.planting {
		id, ref, phone = "", "", ""
	}
	if phone != "" {
		form := []string{"(%s) %s-%s", "+1 %s %s %s", "1-%s-%s-%s", "%s.%s.%s"}[m.rnd.IntN(4)]
		phone = fmt.Sprintf(form, phone[:3], phone[3:6], phone[6:])
	}
	at := o.At.In(m.zone)
	fmt.Fprintf(m.w, "%s;\"%s\";%s;%s;\"%s\";%s;%s;%s\r\n", at.Format("02.01.2006"), at.Format("15:04:05"), id, ref,
		phone, european(amount, m.rnd.IntN(3)), status,
		[]string{"", "Jane \"JJ\" Doe", "Müller, Söhne & Co"}[m.rnd.IntN(3)])
}

// european writes an amount in one of its forms.
func european(a lead.Money, form int) string {
	neg := a < 0
	if neg {
		a = -a
	}
	s := strings.ReplaceAll(a.String(), ".", ",")
	if form == 1 {
		s += " €"
	}
	switch {
	case neg && form == 2:
		return s + "-"
	case neg:
		return "(" + s + ")"
	case form == 2:
		return "EUR " + s
	}
	return s
}

// write makes the month: one sale in so many has a discrepancy, each kind as often.
func (m *month) write(t testing.TB, path string, add func(*Ours)) {
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	m.w = bufio.NewWriterSize(f, 1<<20)
	m.w.WriteString("\xef\xbb\xbfSunHarvest GmbH;;;;;;;\r\nAbrechnung;Oktober 2026;;;;;;\r\n\r\n" +
		"Datum;Uhrzeit;Your Lead ID;Our Ref;Telefon;Betrag;Status;Name\r\n")
	every := *monthSales / *monthPlanted
	for n := range *monthSales {
		o := m.sale(n, *monthSales)
		if n%every == every/2 {
			m.planting = true
			m.plant(plants[n/every%len(plants)], &o)
			m.planting = false
		} else {
			m.row(&o, o.Price, "Accepted")
		}
		if o.LeadN >= 0 {
			add(&o)
		}
		if n%(*monthSales/7) == 1 {
			m.w.WriteString(";;;;;;;\r\n\r\nSubtotal;;;;;12.345,00 €;;\r\n" +
				"Datum;Uhrzeit;Your Lead ID;Our Ref;Telefon;Betrag;Status;Name\r\n")
		}
	}
	m.w.WriteString("Total;;;;;1.234.567,89;;\r\n")
	if err := errors.Join(m.w.Flush(), f.Close()); err != nil {
		t.Fatal(err)
	}
}

// All that is planted in a month is found, for its reason and to the cent, and nothing else; at any size:
// go test ./reconcile -run Month -sales 1000000 -planted 2000 -v tells time and memory.
func TestMonthAllThatIsPlantedIsFound(t *testing.T) {
	dir, m := t.TempDir(), newMonth(t, 7)
	path := filepath.Join(dir, "statement.csv")
	b, err := NewBook(Options{Dir: dir, Persons: numbers{}})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	m.write(t, path, func(o *Ours) {
		if err := b.AddOurs(o); err != nil {
			t.Fatal(err)
		}
	})
	debug.FreeOSMemory()
	start := time.Now()
	if err := b.OursDone(); err != nil {
		t.Fatal(err)
	}
	s := reconciled(t, b, path, &Mapping{Zone: "America/New_York", Currency: "EUR"}, m.since, m.until)
	t.Logf("%d sales, %d rows in %s; peak memory %s", s.Sales, s.Rows, time.Since(start).Round(time.Millisecond),
		peak())
	if s.Rows != int64(m.rows) || s.Skipped < 15 {
		t.Errorf("%d rows, %d lines left out: written were %d", s.Rows, s.Skipped, m.rows)
	}
	got := map[string]int{}
	for _, w := range s.Whys {
		if key := w.Class + ": " + w.Why; w.ToDo > 0 {
			got[key] = int(w.ToDo)
			if w.Diff != m.diff[key] || w.ToDo != int64(m.want[key]) {
				t.Errorf("%s: %d for %s, planted were %d for %s", key, w.ToDo, w.Diff, m.want[key], m.diff[key])
			}
		} else if w.Diff != 0 {
			t.Errorf("%s: %s", key, w.Diff)
		}
	}
	for key, n := range m.want {
		if got[key] != n {
			t.Errorf("%s: %d found of %d", key, got[key], n)
		}
	}
	for _, st := range s.Stages {
		if st.Stage != "" && st.Rows == 0 {
			t.Errorf("nothing was matched by %s", st.Stage)
		}
	}
	if t.Failed() {
		s.Text(t.Output(), nil)
	}
}

// reconciled reads a statement against a book that has our side.
func reconciled(t testing.TB, b *Book, path string, given *Mapping, since, until time.Time) *Summary {
	t.Helper()
	f, err := Open(path, given)
	if err != nil {
		t.Fatal(err)
	}
	p, r, err := Guess(f, given, b, since, until)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if f, err = Open(path, p.Mapping); err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for {
		row, err := r.Next(f)
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = b.AddTheirs(&row)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Match(t.Context()); err != nil {
		t.Fatal(err)
	}
	s, err := b.Finish(t.Context(), filepath.Base(path), false)
	if err != nil {
		t.Fatal(err)
	}
	s.Statement, s.Buyer, s.From, s.Until, s.Zone, s.Currency = "statement.csv", "brightroof", since, until, given.Zone,
		p.Mapping.Currency
	r.Notes(s)
	return s
}

// peak is the most memory that this process has had.
func peak() string {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return "unknown"
	}
	_, after, _ := strings.Cut(string(b), "VmHWM:")
	line, _, _ := strings.Cut(after, "\n")
	return strings.TrimSpace(line)
}
