// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// classNames are the classes in words.
var classNames = map[string]string{Agreed: "agreed", PriceDiffers: "price differs", MissingThere: "missing there",
	MissingHere: "missing here", Returned: "returned", Duplicate: "duplicate", Test: "test", Unknown: "unknown"}

// Text prints the summary for people, with the first findings if there are any.
func (s *Summary) Text(w io.Writer, first []*Told) error {
	zone, err := time.LoadLocation(s.Zone)
	if err != nil {
		zone = time.UTC
	}
	fmt.Fprintf(w, "%s against what was sold to %s, %s to %s (%s), in %s\n\n", s.Statement, s.Buyer,
		s.From.In(zone).Format(time.DateTime), s.Until.In(zone).Format(time.DateTime), s.Zone, s.Currency)
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "our books\t%d sales\t%s\t\n", s.Sales, s.Here)
	fmt.Fprintf(t, "their statement\t%d rows\t%s\t\n", s.Rows, s.There)
	fmt.Fprintf(t, "difference\t\t%s\t\n", s.Diff)
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	t = tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "\tFINDINGS\tROWS\tOURS\tTHEIRS\tDIFFERENCE\tTO DO")
	for i := range s.Classes {
		c := &s.Classes[i]
		if c.N == 0 {
			continue
		}
		fmt.Fprintf(t, "%s\t%d\t%d\t%s\t%s\t%s\t%d\n", classNames[c.Class], c.N, c.Rows, c.Here, c.There,
			c.Diff, c.ToDo)
		for k := range s.Whys {
			if y := &s.Whys[k]; y.Class == c.Class && y.Why != "" {
				fmt.Fprintf(t, "  %s\t%d\t%d\t%s\t%s\t%s\t%d\n", y.Why, y.N, y.Rows, y.Here, y.There, y.Diff, y.ToDo)
			}
		}
	}
	n := int64(0)
	for i := range s.Classes {
		n += s.Classes[i].N
	}
	fmt.Fprintf(t, "all\t%d\t%d\t%s\t%s\t%s\t%d\n", n, s.Rows, s.Here, s.There, s.Diff, s.ToDo)
	if err := t.Flush(); err != nil {
		return err
	}
	for _, line := range s.Notes() {
		fmt.Fprintln(w, line)
	}
	return firstText(w, first, s.ToDo)
}

// Notes tell what else there is to know.
func (s *Summary) Notes() (out []string) {
	var by []string
	for _, st := range s.Stages {
		if st.Rows > 0 && st.Stage != "" {
			by = append(by, fmt.Sprintf("%d by %s", st.Rows, strings.ReplaceAll(st.Stage, "_", " ")))
		}
	}
	if len(by) > 0 {
		out = append(out, "matched: "+strings.Join(by, ", "))
	}
	for i, t := range s.Totals { // the last one is of the whole; those before may be of days or pages
		if t.Amount != nil && i == len(s.Totals)-1 {
			is := "which their rows come to"
			if *t.Amount != s.There {
				is = "their rows come to " + s.There.String()
			}
			out = append(out, fmt.Sprintf("line %d is one of totals: %s, %s", t.Line, *t.Amount, is))
		}
	}
	if s.Skipped > 0 {
		out = append(out, fmt.Sprintf("%d lines of totals or with the names of columns again are no rows", s.Skipped))
	}
	if s.Foreign > 0 {
		var sums []string
		for code, m := range s.Others {
			sums = append(sums, m.String()+" "+code)
		}
		out = append(out, fmt.Sprintf("%d rows of other currencies are left out: %s", s.Foreign,
			strings.Join(sums, ", ")))
	}
	if s.Unpriced > 0 {
		out = append(out, fmt.Sprintf("%d rows have no price: they count with ours", s.Unpriced))
	}
	return out
}

// firstText prints the first findings.
func firstText(w io.Writer, first []*Told, all int64) error {
	if len(first) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "FINDING\tOURS\tTHEIR ROW\tDIFFERENCE\tWHY")
	for _, f := range first {
		ours, row := "-", "-"
		if f.Ours != nil {
			ours = f.Ours.Attempt.String()
		}
		if len(f.Rows) > 0 {
			row = f.rows()
			if r := f.Rows[0].Reference; r != "" {
				row += " (" + oneLine(r) + ")"
			}
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", classNames[f.Class], ours, row, f.Diff, f.Why)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if more := all - int64(len(first)); more > 0 {
		fmt.Fprintf(w, "and %d more: --csv, --html and --json have all\n", more)
	}
	return nil
}

// rows are the numbers of their rows.
func (t *Told) rows() string {
	var list []string
	for _, r := range t.Rows {
		list = append(list, strconv.FormatInt(r.Place, 10))
	}
	return strings.Join(list, " ")
}

// CSVHead are the columns of findings as CSV. Amounts are decimal, times UTC.
var CSVHead = []string{"class", "why", "difference", "ours", "theirs", "attempt", "lead_id", "campaign", "at",
	"our_reference", "outcome", "price", "credit", "their_rows", "their_reference", "their_time", "they_say",
	"matched_by", "follow_up"}

// CSV writes a finding.
func (t *Told) CSV(w *csv.Writer) error {
	rec := make([]string, len(CSVHead))
	copy(rec, []string{t.Class, t.Why, t.Diff.String(), t.Here.String(), t.There.String()})
	if o := t.Ours; o != nil {
		copy(rec[5:], []string{o.Attempt.String(), o.Lead.String(), o.Campaign, o.At.Format(time.RFC3339),
			inert(o.Reference), o.Outcome, o.Price.String(), o.Credit.String()})
	}
	rec[13] = t.rows()
	if len(t.Rows) > 0 {
		r := t.Rows[0]
		rec[14], rec[16], rec[17] = inert(r.Reference), r.Says, r.Stage
		if r.At != nil {
			rec[15] = r.At.UTC().Format(time.RFC3339)
		}
	}
	rec[18] = inert(t.Command)
	return w.Write(rec)
}

// inert is a text that no spreadsheet takes for a formula: it is a stranger's.
func inert(s string) string {
	if s != "" && strings.IndexByte("=+-@\t\r", s[0]) >= 0 {
		return "'" + s
	}
	return s
}

// FollowsHead is the beginning of a file of follow-ups.
func (s *Summary) FollowsHead(dir string) string {
	return fmt.Sprintf(`#!/bin/sh
# What follows from %s of %s where it is right. Nothing of it is done yet: look at each line, take out
# those that you dispute, and run the file. A line that is run again changes nothing.
CLEARPOST_DIR=%s
export CLEARPOST_DIR
`, oneLine(s.Statement), oneLine(s.Buyer), shellWord(dir))
}

// FollowLine is a finding's line in a file of follow-ups; empty where nothing follows.
func (t *Told) FollowLine() string {
	if t.Command == "" {
		return ""
	}
	return fmt.Sprintf("# %s: %s, ours %s, theirs %s\n%s\n", classNames[t.Class], t.Why, t.Here, t.There, t.Command)
}

// Text prints how a statement is read.
func (p *Preview) Text(w io.Writer) error {
	fmt.Fprintf(w, "%s is read so:\n\n", p.File)
	for line := range strings.Lines(p.YAML) {
		fmt.Fprint(w, "  ", line)
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "COLUMN\tREAD AS\tBECAUSE\tFIRST VALUES")
	for _, c := range p.Columns {
		as, why := c.As, c.Why
		if as == "" {
			as, why = "-", "-"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", oneLine(c.Name), as, why, oneLine(short(strings.Join(c.Values, " | "))))
	}
	if len(p.Words) > 0 {
		fmt.Fprintln(t, "\t\t\t")
		fmt.Fprintln(t, "WORD\tMEANS\tROWS\t")
		for _, x := range p.Words {
			as := x.As
			if as == "" {
				as = "NOT KNOWN"
			}
			fmt.Fprintf(t, "%s\t%s\t%d\t\n", oneLine(x.Word), as, x.Rows)
		}
	}
	return t.Flush()
}

func short(s string) string {
	if r := []rune(s); len(r) > 70 {
		return string(r[:69]) + "…"
	}
	return s
}
