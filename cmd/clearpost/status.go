// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/goccy/go-json"

	"clearpost/exchange/admin"
)

type statusCmd struct {
	target
	JSON bool `help:"Print all of it as one JSON object."`
}

// Help implements kong.HelpProvider.
func (statusCmd) Help() string {
	return `Shows today's totals (in UTC, from the ledger: they outlive a restart) beside those since the start of the node, then campaigns, caps,
the ledger and the configuration. Today's sales count when
a buyer accepts, those since the start when the lead is settled. Money is what is booked: corrections and returns change it when they are
made, today's and that since the start alike; a campaign's revenue is as its sales were booked first. Of an exchange that is not running, what it left in its ledger is shown. --json has everything;
its money is in millionths (revenue_micros), its times in microseconds.

Examples:
  clearpost status
  clearpost status --json | jq '.today | {pings, sold, revenue: (.revenue_micros / 1e6)}'
  clearpost status --json | jq '.caps[] | select(.used >= .limit)'`
}

// Run prints the summary; as JSON, its keys in the order of the admin API.
func (c *statusCmd) Run(e *env) error {
	return c.with(e, func(o *ops) error {
		body, err := o.do(e.ctx, "GET", "/v1/status", nil)
		if err != nil {
			return err
		}
		defer body.Close()
		b, err := io.ReadAll(body)
		if err != nil {
			return err
		}
		if !c.JSON {
			var s admin.Status
			if err := json.Unmarshal(b, &s); err != nil {
				return err
			}
			return printStatus(e.out, &s)
		}
		var out bytes.Buffer
		if err := json.Indent(&out, bytes.TrimSpace(b), "", "  "); err != nil {
			return err
		}
		out.WriteByte('\n')
		_, err = out.WriteTo(e.out)
		return err
	})
}

// printStatus writes the tables, a section after the other.
func printStatus(out io.Writer, s *admin.Status) error {
	var w bytes.Buffer
	for _, section := range []func(io.Writer, *admin.Status){statusTotals, statusTimes, statusCampaigns, statusCaps,
		statusLedger, statusNetwork, statusMemory, statusConfig} {
		var text bytes.Buffer
		section(&text, s)
		align(&w, text.String())
	}
	_, err := w.WriteTo(out)
	return err
}

// align sets lines with tabs in columns: the first to the left, the others to the right. Lines without are as they are.
func align(w *bytes.Buffer, text string) {
	var width []int
	for line := range strings.Lines(text) {
		for i, cell := range strings.Split(strings.TrimSuffix(line, "\n"), "\t") {
			if i == len(width) {
				width = append(width, 0)
			}
			if strings.Contains(line, "\t") {
				width[i] = max(width[i], utf8.RuneCountInString(cell))
			}
		}
	}
	for line := range strings.Lines(text) {
		if !strings.Contains(line, "\t") {
			w.WriteString(line)
			continue
		}
		cells := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		row := fmt.Sprintf("%-*s", width[0], cells[0])
		for i, cell := range cells[1:] {
			row += fmt.Sprintf("  %*s", width[i+1], cell)
		}
		w.WriteString(strings.TrimRight(row, " ") + "\n")
	}
}

func statusTotals(w io.Writer, s *admin.Status) {
	t := s.Today
	if t == nil {
		t = &admin.Today{}
	}
	switch {
	case s.Offline:
		fmt.Fprintln(w, "no exchange runs here: this is what it left in its ledger")
	case !s.Since.IsZero():
		fmt.Fprintf(w, "running since %s\n", s.Since.UTC().Format(time.DateTime+" MST"))
	}
	for _, row := range []struct {
		what         string
		today, start any
	}{
		{"", t.Day, "since the start"},
		{"pings", t.Pings, s.Pings}, {"quoted", t.Quotes, s.Quotes}, {"posts", t.Posts, s.Posts},
		{"sold", t.Sold, s.Sold}, {"unsold", t.Unsold, s.Unsold}, {"pending", t.Pending, s.Pending},
		{"revenue", t.Revenue, s.Revenue}, {"payout", t.Payout, s.Payout}, {"margin", t.Revenue - t.Payout,
			s.Revenue - s.Payout}, {"test leads", t.Tests, s.Tests},
	} {
		if s.Offline {
			row.start = ""
		}
		fmt.Fprintf(w, "%s\t%v\t%v\n", row.what, row.today, row.start)
	}
	switch {
	case t.Error != "":
		fmt.Fprintf(w, "today's events could not be read to their end: %s\n", t.Error)
	case t.Unread > 0:
		fmt.Fprintf(w, "%d of today's events could not be read\n", t.Unread)
	case !t.Complete:
		fmt.Fprintf(w, "today's events are counted up to number %d of %d: ask again for the rest\n", t.UpToSeq,
			s.Ledger.LastSeq)
	}
}

func statusTimes(w io.Writer, s *admin.Status) {
	if s.Offline {
		return
	}
	ms := func(us int64) string { return fmt.Sprintf("%.2f", float64(us)/1000) }
	fmt.Fprintln(w, "\nmilliseconds of a ping\tp50\tp95\tp99")
	fmt.Fprintf(w, "our own\t%s\t%s\t%s\n", ms(s.OwnUS.P50), ms(s.OwnUS.P95), ms(s.OwnUS.P99))
	fmt.Fprintf(w, "with buyers and disk\t%s\t%s\t%s\n", ms(s.WholeUS.P50), ms(s.WholeUS.P95), ms(s.WholeUS.P99))
}

func statusCampaigns(w io.Writer, s *admin.Status) {
	if s.Offline {
		return
	}
	fmt.Fprintln(w,
		"\ncampaign since the start\tasked\tbid\twon\tposted\tsold\trefused\tunknown\tlate\terrors\trevenue")
	var notes []string
	for _, c := range s.Campaigns {
		n := c.Counts
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%s\n", c.Campaign, n["asked"], n["bid"], n["won"],
			n["posted"], n["accepted"], n["rejected"], n["unknown"], n["late"], n["errors"], c.Revenue)
		if c.Breaker != "" && c.Breaker != "closed" {
			notes = append(notes, c.Campaign+": its breaker is "+c.Breaker)
		}
		if c.Hours != "" {
			notes = append(notes, c.Campaign+" is "+c.Hours)
		}
		if c.Token != "" {
			notes = append(notes, c.Campaign+": it has no access token: "+c.Token)
		}
	}
	for _, x := range s.Sources {
		if x.Hours != "" {
			notes = append(notes, "source "+x.Source+" is "+x.Hours)
		}
	}
	for _, n := range notes {
		fmt.Fprintln(w, n)
	}
}

// statusCapsMost is how many caps are listed, fullest first; --json has all.
const statusCapsMost = 20

func statusCaps(w io.Writer, s *admin.Status) {
	used := slices.DeleteFunc(slices.Clone(s.Caps), func(c admin.CapUse) bool { return c.Used == 0 })
	if len(s.Caps) == 0 {
		return
	}
	slices.SortStableFunc(used, func(a, b admin.CapUse) int {
		x, y := float64(a.Used)/float64(max(a.Limit, 1)), float64(b.Used)/float64(max(b.Limit, 1))
		switch {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return strings.Compare(a.Cap, b.Cap)
	})
	fmt.Fprintln(w, "\ncap, in its window now\tused\tof")
	for _, c := range used[:min(len(used), statusCapsMost)] {
		fmt.Fprintf(w, "%s\t%s\n", c.Cap, strings.Join(capText(&c), "\t"))
	}
	if more := len(s.Caps) - min(len(used), statusCapsMost); more > 0 {
		fmt.Fprintf(w, "%d more are emptier or unused: status --json lists them\n", more)
	}
}

// capText is a cap's use and limit in words. A limit that was lowered below what is used already is told as that.
func capText(c *admin.CapUse) []string {
	switch {
	case !c.Limited:
		return []string{c.Amount(c.Used), "any"}
	case c.Used > c.Limit:
		return []string{c.Amount(c.Used), "now limited to " + c.Amount(c.Limit)}
	}
	return []string{c.Amount(c.Used), c.Amount(c.Limit)}
}

func statusLedger(w io.Writer, s *admin.Status) {
	l := s.Ledger
	fmt.Fprintln(w, "\nledger\tevents")
	fmt.Fprintf(w, "stored\t%d\n", l.LastSeq)
	fmt.Fprintf(w, "in the views\t%d\n", l.AppliedSeq)
	if l.ShippedSeq > 0 || l.ShipErrors > 0 {
		fmt.Fprintf(w, "in Kafka\t%d\n", l.ShippedSeq)
		fmt.Fprintf(w, "failed deliveries, tried again\t%d\n", l.ShipErrors)
	}
	if l.Unshippable > 0 {
		fmt.Fprintf(w, "refused by Kafka for good\t%d\n", l.Unshippable)
	}
	fmt.Fprintf(w, "MiB of log\t%d\n", l.LogBytes>>20)
	if h := l.Held; h != nil {
		fmt.Fprintf(w, "%d MiB of it should be gone, and are needed by %s, from event %d on, since %s\n", h.Bytes>>20,
			h.By, h.Seq, h.Since.UTC().Format(time.DateTime+" MST"))
	}
	fmt.Fprintf(w, "MiB free on the disk\t%d\n", l.FreeBytes>>20)
}

// statusNetwork tells of the connections to buyers.
func statusNetwork(w io.Writer, s *admin.Status) {
	if len(s.Network) == 0 {
		return
	}
	fmt.Fprintln(w, "\nconnections to\topen\tidle\tin flight\tcalls\tdials\tfailed\tTLS\tresumed\tlate")
	for _, n := range s.Network {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\n", n.Buyer, n.Open, n.Idle, n.InFlight, n.Calls,
			n.Dials, n.DialErrors, n.Handshakes, n.Resumed, n.Late)
	}
}

// statusMemory tells what the process takes, and what sellers are sent away for.
func statusMemory(w io.Writer, s *admin.Status) {
	l := s.Load
	if l == nil {
		return // no node runs
	}
	const mb = 1 << 20
	fmt.Fprintln(w, "\nmemory\tMiB")
	fmt.Fprintf(w, "resident\t%d\n", s.Memory.Resident/mb)
	fmt.Fprintf(w, "alive after the last collection\t%d\n", s.Memory.Alive/mb)
	if s.Memory.Limit > 0 {
		fmt.Fprintf(w, "limit\t%d\n", s.Memory.Limit/mb)
	}
	fmt.Fprintln(w, "\nrequests in flight\tnow\tmost")
	fmt.Fprintf(w, "sellers'\t%d\t%d\n", l.InFlight, l.InFlightMax)
	fmt.Fprintf(w, "their connections\t%d\t%d\n", l.Connections, l.ConnectionsMax)
	if l.PingsMost > 0 {
		fmt.Fprintf(w, "the processors do not keep up: %d pings a second are let in\n", l.PingsMost)
	}
	if l.MemoryFull {
		fmt.Fprintln(w, "memory is nearly full: pings hear 503")
	}
	if len(l.Sheds) > 0 {
		fmt.Fprintln(w, "\nsent away\trequests\tlast\twhy")
	}
	for _, x := range l.Sheds {
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\n", x.Reason, x.Count, x.Last.UTC().Format(time.DateTime), x.Why)
	}
}

func statusConfig(w io.Writer, s *admin.Status) {
	fmt.Fprintf(w, "\nconfig %s since %s\n", s.Config.Hash, s.Config.Since.UTC().Format(time.DateTime+" MST"))
	if r := s.Config.Last; r != nil && r.Result == admin.Refused {
		fmt.Fprintf(w, "the directory was read again at %s and refused: %s\n", r.At.UTC().Format(time.DateTime+" MST"),
			r.Error)
	}
}
