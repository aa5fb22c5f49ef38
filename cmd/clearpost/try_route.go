// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"clearpost/config"
	"clearpost/exchange"
	"clearpost/exchange/intake"
	"clearpost/lead"
)

type tryRouteCmd struct {
	Lead     string   `arg:"" optional:"" help:"File with a lead in any dialect; - is standard input."`
	Dir      string   `short:"d" default:"." env:"CLEARPOST_DIR" help:"Configuration directory." type:"existingdir"`
	Source   string   `help:"Id of the source that would send it. Absent: the only one that may."`
	Vertical string   `help:"Id of the vertical. Absent: the only one that there is, or that the source may send."`
	At       string   `help:"The time that is now, such as 2026-01-31T15:04:05Z." placeholder:"TIME"`
	Bid      []string `help:"What a campaign that quotes is taken to bid, such as harborline-standard=22.50; 0: it does not bid." placeholder:"CAMPAIGN=PRICE" sep:"none"`
	Bids     string   `help:"File with such bids, one a line." type:"existingfile" placeholder:"FILE"`
	OneShot  bool     `help:"The lead comes whole, not as a ping."`
	Type     string   `help:"Content-Type of the lead; without it its beginning tells." placeholder:"TYPE"`
	CSV      string   `name:"csv" help:"A file of leads in place of one: a header, then a lead a line; - is standard input." placeholder:"FILE"`
	TimeCol  string   `name:"time-column" help:"With --csv: the column that says when each lead came, in place of --at." placeholder:"NAME"`
	Against  string   `help:"Another configuration directory: tell what changes from it to this one." type:"existingdir" placeholder:"DIR"`
	All      bool     `help:"Tell every reason for which a campaign is not asked, not the first alone."`
	JSON     bool     `help:"Print one JSON object."`
}

// Help implements kong.HelpProvider.
func (tryRouteCmd) Help() string {
	return `For a lead that was never sent: which campaigns want it and are open, what keeps the others out and where that stands, and what comes of the
auction by the plan. Campaigns with a list price are taken to want it; those that quote have the bid that you assume, else they "would be asked".
Nobody is called, paused, capped or limited, and nothing is kept. With --csv: totals by campaign and refusal. With --against: what a change does.

Examples:
  clearpost try route lead.json --source bluekite --vertical auto -d ./conf --bid harborline-standard=22.50
  clearpost try route lead.json -d ./conf --at 2026-11-26T15:00:00-05:00      # on Thanksgiving
  clearpost try route --csv last-month.csv --time-column received_at -d ./conf --bids bids.txt
  clearpost try route --csv last-month.csv -d ./new --against ./conf`
}

// Validate implements kong's check of flags before the verb runs.
func (c *tryRouteCmd) Validate() error {
	switch {
	case (c.Lead == "") == (c.CSV == ""):
		return fmt.Errorf("expected a file with a lead, or --csv FILE")
	case c.TimeCol != "" && c.CSV == "":
		return fmt.Errorf("--time-column goes with --csv")
	}
	return nil
}

// routing is a configuration that leads are tried on.
type routing struct {
	dir    string
	cfg    *config.Config
	paper  *exchange.Paper
	source *exchange.Source
	kind   *exchange.Vertical
	bids   map[string]lead.Money
}

// Run tries.
func (c *tryRouteCmd) Run(e *env) error {
	now, err := tryTime(c.At)
	if err != nil {
		return err
	}
	bids, err := c.assumed()
	if err != nil {
		return err
	}
	var on []*routing
	for _, dir := range []string{c.Dir, c.Against} {
		if dir == "" {
			continue
		}
		r, err := c.open(e, dir, bids)
		if err != nil {
			return fmt.Errorf("%s: %w", dir, err)
		}
		on = append(on, r)
	}
	if err := knownBidders(on, bids); err != nil {
		return err
	}
	if c.CSV != "" {
		return c.table(e, on, now)
	}
	return c.one(e, on, now)
}

// assumed reads the bids that the flags name.
func (c *tryRouteCmd) assumed() (map[string]lead.Money, error) {
	lines := c.Bid
	if c.Bids != "" {
		b, err := os.ReadFile(c.Bids)
		if err != nil {
			return nil, err
		}
		file := strings.FieldsFunc(string(b), func(r rune) bool { return r == '\n' || r == '\r' })
		lines = append(file, lines...) // flags stand above the file
	}
	out := map[string]lead.Money{}
	for _, line := range lines {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		campaign, price, ok := strings.Cut(strings.Replace(line, ",", "=", 1), "=")
		m, err := lead.ParseMoney([]byte(strings.TrimSpace(price)))
		if !ok || err != nil || m < 0 {
			return nil, fmt.Errorf("--bid %q: expected CAMPAIGN=PRICE, such as harborline-standard=22.50", line)
		}
		out[strings.TrimSpace(campaign)] = m
	}
	return out, nil
}

// knownBidders refuses bids of campaigns that no configuration has.
func knownBidders(on []*routing, bids map[string]lead.Money) error {
	for id := range bids {
		var ids []string
		known := false
		for _, r := range on {
			known = known || r.cfg.Exchange.Book.Campaign(id) != nil
			for _, c := range r.cfg.Exchange.Book.Campaigns {
				ids = append(ids, c.ID)
			}
		}
		if near := lead.Nearest(id, ids); !known && near != "" {
			return fmt.Errorf("--bid: no campaign %q: did you mean %q?", id, near)
		} else if !known {
			return fmt.Errorf("--bid: no campaign %q", id)
		}
	}
	return nil
}

// open reads a configuration and finds the source and the vertical in it.
func (c *tryRouteCmd) open(e *env, dir string, bids map[string]lead.Money) (*routing, error) {
	cfg, err := configToRead(e.err, dir)
	if err != nil {
		return nil, err
	}
	r := &routing{dir: dir, cfg: cfg, bids: bids}
	if err := r.find(c.Source, c.Vertical); err != nil {
		return nil, err
	}
	r.paper, err = exchange.NewPaper(cfg.Exchange)
	return r, err
}

// find finds the source and the vertical; what is not named must be the only one that can be meant.
func (r *routing) find(source, vertical string) error {
	var fits []string
	for _, s := range r.cfg.Exchange.Sources {
		for _, v := range r.cfg.Exchange.Verticals {
			if (source == "" || s.ID == source) && (vertical == "" || v.ID == vertical) &&
				slices.Contains(s.Verticals, v.ID) {
				fits = append(fits, s.ID+" of "+v.ID)
				r.source, r.kind = s, v
			}
		}
	}
	switch {
	case len(fits) == 1:
		return nil
	case len(fits) > 1:
		return fmt.Errorf("whose lead, and of which vertical? --source and --vertical leave: %s",
			strings.Join(fits[:min(len(fits), 12)], ", "))
	}
	return fmt.Errorf("no source %q that may send leads of vertical %q", source, vertical)
}

// trial is a lead as it would come to this configuration.
func (r *routing) trial(c *tryRouteCmd, l *lead.Lead, at time.Time, read *intake.Reading, n uint64) *exchange.Trial {
	return &exchange.Trial{Source: r.source.ID, Vertical: r.kind.ID, Lead: l, At: at, OneShot: c.OneShot,
		MinPrice: read.MinPrice, Bids: r.bids, N: n}
}

// one tries one lead.
func (c *tryRouteCmd) one(e *env, on []*routing, now time.Time) error {
	body, err := readInput(e, c.Lead)
	if err != nil {
		return err
	}
	var got []*exchange.Routed
	for _, r := range on {
		var l lead.Lead
		l.Reset(r.kind.Schema)
		read, err := intake.Read(body, c.Type, r.source, &l, now, tryLeadMax)
		if err != nil {
			return err
		}
		for _, name := range read.Unknown {
			fmt.Fprintf(e.err, "%s: no field of vertical %s\n", name, r.kind.ID)
		}
		x, err := r.paper.Route(r.trial(c, &l, now, &read, 1), exchange.Want{Story: true, All: c.All})
		if err != nil {
			return err
		}
		if len(read.Problems) > 0 { // the seller hears 400
			x.Result, x.Problems = exchange.ResultInvalid, append(read.Problems, x.Problems...)
		}
		got = append(got, x)
	}
	var before *exchange.Routed
	if len(got) > 1 {
		before = got[1]
	}
	if c.JSON {
		return printJSON(e.out, struct {
			*exchange.Routed
			Against *exchange.Routed `json:"against,omitempty"`
		}{got[0], before})
	}
	w := bufio.NewWriter(e.out)
	if before != nil {
		tellRouted(w, before, on[1])
		fmt.Fprintln(w)
	}
	tellRouted(w, got[0], on[0])
	return w.Flush()
}

func tellRouted(w io.Writer, x *exchange.Routed, r *routing) {
	fmt.Fprintf(w, "%s from %s at %s, config %s\n", x.Vertical, x.Source, x.At.UTC().Format(time.RFC3339), x.Config)
	switch x.Result {
	case lead.ResultSuccess:
		fmt.Fprintf(w, "quoted %s %s: %s pay %s\n", x.Payout, r.kind.Currency, strings.Join(x.Winners, " and "),
			x.Revenue)
	case exchange.ResultInvalid:
		fmt.Fprintln(w, "its seller hears what is to be mended")
		for _, p := range x.Problems {
			fmt.Fprintf(w, "  %s: expected %s\n", p.Field, p.Expected)
		}
	default:
		fmt.Fprintf(w, "no quote (%s: %s)\n", x.Reason, x.Why)
	}
	if x.Asked > 0 {
		fmt.Fprintf(w, "%d would be asked for a price, which you may assume: --bid CAMPAIGN=PRICE\n", x.Asked)
	}
	who, verdict := 0, 0
	for _, s := range x.Story {
		who, verdict = max(who, len(s.Campaign)+len(s.Buyer)+3), max(verdict, len(s.Verdict)+1)
	}
	for i := range x.Story {
		tellCampaign(w, &x.Story[i], who, verdict)
	}
}
