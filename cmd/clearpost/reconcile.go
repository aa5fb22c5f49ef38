// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"clearpost/ledger/report"
	"clearpost/reconcile"
)

type reconcileCmd struct {
	target
	File     string `arg:"" help:"The buyer's statement: CSV with any separator, TSV, XLSX, JSON or JSON lines, also in gzip; - is standard input."`
	Buyer    string `required:"" help:"Whose statement it is." placeholder:"ID"`
	Month    string `help:"The month that it is of." placeholder:"2026-10" xor:"period"`
	Since    string `help:"In place of a month: from then on, as of report." placeholder:"TIME" xor:"period"`
	Until    string `help:"Before then." placeholder:"TIME"`
	Zone     string `help:"Zone of the month, and of times in the statement that do not tell theirs (that of the mapping, else UTC)." placeholder:"ZONE"`
	Mapping  string `help:"What stands where in the statement (statements/BUYER.yaml in the configuration's directory, if it is there)." placeholder:"FILE"`
	Preview  bool   `help:"Show how the statement is read, and do no more."`
	Save     bool   `help:"Write how the statement is read into the mapping's file, for the next time."`
	Currency string `help:"Reconcile the sales in this currency." placeholder:"USD"`
	Days     int    `help:"Look for what is theirs so many days before and after the period, too." default:"7"`
	All      bool   `help:"Keep findings about which nothing has to be done, too."`
	First    int    `help:"Print so many findings." default:"20"`
	JSON     bool   `help:"Print JSON: the findings and the summary."`
	CSV      string `name:"csv" help:"Write the findings as CSV." placeholder:"FILE"`
	HTML     string `name:"html" help:"Write a page." placeholder:"FILE"`
	Follow   string `help:"Write the commands that follow where they are right, as a script to look at." placeholder:"FILE"`
}

// Help implements kong.HelpProvider.
func (reconcileCmd) Help() string {
	return `Holds a buyer's statement to what was sold to it, and explains each difference to the cent. Columns are found out by their names, their
looks and by what is known of their rows; --preview shows how, and --save keeps it for the next month. Rows are matched by our ids, their
reference, phone or e-mail, and time and price. Nothing is booked: --follow writes the commands that would, for a person to look at.
Exit code 5: the statement differs. docs/how-to/reconcile-a-statement.md shows a whole month.

Examples:
  clearpost reconcile --buyer brightroof --month 2026-10 october.csv --preview
  clearpost reconcile --buyer brightroof --month 2026-10 october.csv --zone America/New_York --save
  clearpost reconcile --buyer brightroof --month 2026-10 october.xlsx --html october.html --follow october.sh`
}

// statementsFolder is where mappings stand in a configuration's directory.
const statementsFolder = "statements"

// Run reconciles.
func (c *reconcileCmd) Run(e *env) error {
	if err := c.apart(); err != nil {
		return err
	}
	m, file, err := c.mapping()
	if err != nil {
		return err
	}
	since, until, err := c.period(m)
	if err != nil {
		return err
	}
	path, done, err := statementFile(e.in, c.File)
	if err != nil {
		return err
	}
	defer done()
	view, err := c.view(e)
	if err != nil {
		return err
	}
	ours, err := report.OpenBuyersBook(view, c.Buyer, m.Region)
	if err != nil {
		return err
	}
	defer ours.Close()
	progress, end := ledgerProgress(e.err)
	defer end()
	opt := reconcile.Options{Persons: ours, Window: time.Duration(m.WindowMin) * time.Minute, Reason: m.Reason}
	if progress != nil {
		opt.Progress = func(step string, done, of int64) { progress(step, uint64(done), uint64(max(of, 1))) }
	}
	b, err := reconcile.NewBook(opt)
	if err != nil {
		return err
	}
	defer b.Close()
	if err := c.addOurs(e, ours, b, m, since, until); err != nil {
		return err
	}
	reader, err := c.guess(e, path, m, b, since, until, file != "")
	if err != nil || c.Preview {
		return err
	}
	if err := c.addTheirs(e, path, m, reader, b, opt.Progress); err != nil {
		return err
	}
	if err := b.Match(e.ctx); err != nil {
		return err
	}
	s, err := b.Finish(e.ctx, c.name(), c.All)
	if err != nil {
		return err
	}
	end()
	s.Statement, s.Buyer, s.From, s.Until, s.Zone, s.Currency = c.name(), c.Buyer, since, until, m.Zone, m.Currency
	reader.Notes(s)
	s.Mapping = string(m.YAML())
	if err := c.write(e, b, s); err != nil {
		return err
	}
	if s.ToDo > 0 {
		return errStatement
	}
	return nil
}

// apart refuses to write over the statement, or two things into one file.
func (c *reconcileCmd) apart() error {
	var there []os.FileInfo
	seen := map[string]bool{}
	for i, name := range [...]string{c.File, c.CSV, c.HTML, c.Follow} {
		if name == "" || i == 0 && name == "-" {
			continue
		}
		path := filepath.Clean(name)
		st, err := os.Stat(name)
		same := func(o os.FileInfo) bool { return os.SameFile(o, st) }
		if seen[path] || err == nil && slices.ContainsFunc(there, same) {
			return fmt.Errorf("%s: expected a file of its own for the statement, and for each thing that is written",
				name)
		}
		if seen[path] = true; err == nil {
			there = append(there, st)
		}
	}
	return nil
}

// name is what the statement is called.
func (c *reconcileCmd) name() string {
	if c.File == "-" {
		return "standard input"
	}
	return filepath.Base(c.File)
}

// mapping reads the file that says what stands where, if there is one. file is its name.
func (c *reconcileCmd) mapping() (m *reconcile.Mapping, file string, err error) {
	if c.Buyer == "" || c.Buyer != filepath.Base(c.Buyer) || strings.HasPrefix(c.Buyer, ".") {
		return nil, "", errors.New("--buyer: expected the id of a buyer")
	}
	name := c.mappingFile()
	text, err := os.ReadFile(name)
	switch {
	case errors.Is(err, os.ErrNotExist) && (c.Mapping == "" || c.Save):
		m = &reconcile.Mapping{}
	case err != nil:
		return nil, "", fmt.Errorf("--mapping: %w", err)
	default:
		if m, err = reconcile.ParseMapping(name, text); err != nil {
			return nil, "", err
		}
		file = name
	}
	if c.Zone != "" {
		m.Zone = c.Zone
	}
	if m.Zone == "" {
		m.Zone = "UTC"
	}
	if c.Currency != "" {
		m.Currency = strings.ToUpper(c.Currency)
	}
	return m, file, nil
}

func (c *reconcileCmd) mappingFile() string {
	if c.Mapping != "" {
		return c.Mapping
	}
	return filepath.Join(c.Dir, statementsFolder, c.Buyer+".yaml")
}

// period is the time that the statement is of.
func (c *reconcileCmd) period(m *reconcile.Mapping) (since, until time.Time, err error) {
	if c.Days < 0 || c.Days > 366 {
		return since, until, errors.New("--days: expected 0 to 366")
	}
	if c.Month == "" {
		if c.Since == "" || c.Until == "" {
			return since, until, errors.New("expected --month 2026-10, or --since and --until")
		}
		t := times{Since: c.Since, Until: c.Until, Zone: m.Zone}
		from, to, err := t.span()
		if err != nil {
			return since, until, err
		}
		since, err1 := time.Parse(time.RFC3339, from)
		until, err2 := time.Parse(time.RFC3339, to)
		return since, until, errors.Join(err1, err2)
	}
	zone, err := time.LoadLocation(m.Zone)
	if err != nil || m.Zone == "Local" {
		return since, until, fmt.Errorf("--zone %s: expected a zone such as America/New_York", m.Zone)
	}
	if c.Until != "" {
		return since, until, errors.New("--until goes with --since")
	}
	if since, until, err = report.Span(c.Month, zone); err != nil {
		return since, until, fmt.Errorf("--month %s: expected a month such as 2026-10", c.Month)
	}
	return since, until, nil
}

// statementFile is the statement's path; standard input is stored first, since it is read twice.
func statementFile(in io.Reader, name string) (path string, done func(), err error) {
	if name != "-" {
		return name, func() {}, nil
	}
	f, err := os.CreateTemp("", "clearpost-statement-")
	if err != nil {
		return "", nil, err
	}
	_, err = io.Copy(f, in)
	if err = errors.Join(err, f.Close()); err != nil {
		return "", nil, errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), func() { os.Remove(f.Name()) }, nil
}

// view is the path of the view of the ledger, which has all that the ledger has.
func (c *reconcileCmd) view(e *env) (string, error) {
	var s report.Status
	err := c.with(e, func(o *ops) error {
		if err := upToDate(e, o); err != nil {
			return err
		}
		return o.call(e.ctx, "GET", "/v1/view", nil, &s)
	})
	if err != nil {
		return "", err
	}
	if s.Behind > 0 {
		fmt.Fprintf(e.err, "note: the last %d events are not in it yet\n", s.Behind)
	}
	if lacks := lacksOf(&s); lacks != "" {
		fmt.Fprintf(e.err, "note: our side lacks %s\n", lacks)
	}
	return s.Path, nil
}

// addOurs adds our side, of one currency.
func (c *reconcileCmd) addOurs(e *env, ours *report.BuyersBook, b *reconcile.Book, m *reconcile.Mapping, since,
	until time.Time) error {
	switch known, err := ours.Knows(e.ctx); {
	case err != nil:
		return err
	case !known:
		return fmt.Errorf("nothing was ever sent to a buyer %q: expected its id, as clearpost report --by buyer has it",
			c.Buyer)
	}
	var currencies []string
	n := int64(0)
	from, to := since.AddDate(0, 0, -c.Days), until.AddDate(0, 0, c.Days)
	err := ours.Sent(e.ctx, from, to, func(s *report.Sent, of int64) error {
		if n++; n%chunkOfProgress == 0 {
			b.Progress("reading our side", n, of)
		}
		o := reconcile.Ours{Attempt: s.Attempt, Lead: s.Lead, LeadN: s.N, At: s.At, Campaign: s.Campaign,
			Reference: s.Reference, Outcome: s.Outcome, Test: s.Test, Price: s.Price, Credit: s.Credit,
			Returned: s.Returned, Inside: !s.At.Before(since) && s.At.Before(until)}
		if s.Currency != "" && !slices.Contains(currencies, s.Currency) {
			currencies = append(currencies, s.Currency)
		}
		if m.Currency != "" && s.Currency != "" && s.Currency != m.Currency {
			return nil
		}
		return b.AddOurs(&o)
	})
	if err != nil {
		return err
	}
	switch {
	case m.Currency != "":
	case len(currencies) > 1:
		return fmt.Errorf("the sales are in %s: name one with --currency, and reconcile each of them",
			strings.Join(currencies, ", "))
	case len(currencies) == 1:
		m.Currency = currencies[0]
	default:
		m.Currency = "USD"
	}
	return b.OursDone()
}

// chunkOfProgress is after how many rows progress is told.
const chunkOfProgress = 5000

// guess finds out what the mapping does not say. How it is read is shown where nobody has confirmed it with a mapping.
func (c *reconcileCmd) guess(e *env, path string, m *reconcile.Mapping, b *reconcile.Book, since, until time.Time,
	confirmed bool) (*reconcile.Reader, error) {
	f, err := reconcile.Open(path, m)
	if err != nil {
		return nil, err
	}
	f.Name = c.name()
	p, reader, err := reconcile.Guess(f, m, b, since, until)
	err = errors.Join(err, f.Close())
	to := e.err
	if c.Preview {
		to = e.out
	}
	if p != nil && (c.Preview || !confirmed || err != nil) {
		if c.Preview && c.JSON {
			if err := printJSON(to, p); err != nil {
				return nil, err
			}
		} else if err := p.Text(to); err != nil {
			return nil, err
		}
		fmt.Fprintln(e.err)
	}
	if err != nil {
		return nil, err
	}
	given := *m
	*m = *p.Mapping
	if c.Save {
		if err := c.save(m.ToKeep(&given)); err != nil {
			return nil, err
		}
		fmt.Fprintf(e.err, "written: %s\n", c.mappingFile())
	}
	return reader, nil
}

// save writes the mapping's file, as a whole or not at all.
func (c *reconcileCmd) save(m *reconcile.Mapping) error {
	name := c.mappingFile()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	text := fmt.Sprintf("# How statements of %s are read by clearpost reconcile.\n%s", c.Buyer, m.YAML())
	tmp := name + ".new"
	if err := os.WriteFile(tmp, []byte(text), 0o644); err != nil {
		return err
	}
	return os.Rename(tmp, name)
}

// mistakesMax is how many rows that cannot be read are told.
const mistakesMax = 20

// addTheirs reads the statement. Where a row cannot be read nothing is reconciled: a row that is left out would be a
// difference of its own.
func (c *reconcileCmd) addTheirs(e *env, path string, m *reconcile.Mapping, r *reconcile.Reader, b *reconcile.Book,
	progress func(string, int64, int64)) error {
	f, err := reconcile.Open(path, m)
	if err != nil {
		return err
	}
	defer f.Close()
	f.Name = c.name()
	var mistakes []error
	told := map[string]bool{}
	for n := int64(0); len(mistakes) < mistakesMax; n++ {
		if n%chunkOfProgress == 0 {
			if err := e.ctx.Err(); err != nil {
				return err
			}
			if progress != nil {
				read, size := f.Progress()
				progress("reading their side", read, size)
			}
		}
		row, err := r.Next(f)
		if errors.Is(err, io.EOF) {
			break
		}
		var bad *reconcile.PlaceError
		if errors.As(err, &bad) && bad.Column != "" {
			if what := bad.Column + bad.Err.Error(); !told[what] { // the same word is told once
				told[what] = true
				mistakes = append(mistakes, err)
			}
			continue
		}
		if err == nil {
			err = b.AddTheirs(&row)
		}
		if err != nil {
			return err
		}
	}
	if len(mistakes) > 0 {
		return fmt.Errorf("%w\nA row that cannot be read would be a difference of its own: nothing is reconciled",
			errors.Join(mistakes...))
	}
	return nil
}

// dirForScripts is the configuration's directory, from wherever a script is run.
func (c *reconcileCmd) dirForScripts() string {
	if dir, err := filepath.Abs(c.Dir); err == nil {
		return dir
	}
	return c.Dir
}
