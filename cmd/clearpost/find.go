// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/goccy/go-json"

	"clearpost/ledger/report"
)

type findCmd struct {
	target
	Name         string `arg:"" optional:"" help:"Whatever the lead may be called: its id or an attempt's, a phone number, an e-mail address, first and last name, the seller's id or SOURCE:ID, the buyer's REFERENCE, or BUYER:REFERENCE or CAMPAIGN:REFERENCE."`
	Phone        string `help:"Phone number."`
	Email        string `help:"E-mail address."`
	Person       string `help:"First and last name, or the last name." placeholder:"NAME"`
	Region       string `help:"Country whose phone numbers need no calling code." default:"US"`
	SellerLeadID string `help:"The seller's id." placeholder:"ID"`
	Source       string `help:"Of this source."`
	Vertical     string `help:"Of this vertical."`
	State        string `help:"Of this state, by its code." placeholder:"TX"`
	SubID        string `help:"With this sub_id." placeholder:"ID"`
	Result       string `help:"${enum}." enum:",unquoted,quoted,pending,queued,sold,unsold" default:""`
	Refusal      string `help:"Refused so, by name or number, such as invalid_phone."`
	Buyer        string `help:"Posted to this buyer."`
	Campaign     string `help:"Posted to this campaign."`
	Outcome      string `help:"With an attempt that ended so: ${enum}." enum:",open,accepted,rejected,duplicate,invalid,not_sent,unknown" default:""`
	Attempt      string `help:"With this attempt." placeholder:"ID"`
	Reference    string `help:"The buyer's reference." placeholder:"REF"`
	PriceMin     string `help:"Sold for this at least." placeholder:"AMOUNT"`
	PriceMax     string `help:"Sold for this at most." placeholder:"AMOUNT"`
	times
	Tests bool `help:"Test leads too."`
	Limit int  `help:"At most so many, newest first; 0 = all." default:"50"`
	JSON  bool `help:"Print a JSON object a lead."`
}

// Help implements kong.HelpProvider.
func (findCmd) Help() string {
	return `Finds leads by what is known of them; all that is given must hold, and what is said of attempts of one attempt. It reads a view of the
ledger in which phone numbers and e-mail addresses are hashes (docs/how-to/find-leads.md). "clearpost explain ID" tells the rest.

Examples:
  clearpost find '(212) 555-0123'
  clearpost find agentsdesk:104
  clearpost find --buyer brightroof --refusal invalid_phone --since 7d
  clearpost find --source acme --sub-id fb-1 --result unsold --since 2026-11-01 --until 2026-12-01 --zone America/New_York
  clearpost find --buyer brightroof --outcome accepted --price-min 40 --json | jq -r .lead_id`
}

// Run finds.
func (c *findCmd) Run(e *env) error {
	since, until, err := c.span()
	if err != nil {
		return err
	}
	q := url.Values{}
	for name, value := range map[string]string{"name": c.Name, "phone": c.Phone, "email": c.Email, "person": c.Person,
		"region":         c.Region,
		"seller_lead_id": c.SellerLeadID, "source": c.Source, "vertical": c.Vertical, "state": c.State,
		"sub_id": c.SubID,
		"result": c.Result, "refusal": c.Refusal, "buyer": c.Buyer, "campaign": c.Campaign, "outcome": c.Outcome,
		"attempt": c.Attempt, "reference": c.Reference, "price_min": c.PriceMin, "price_max": c.PriceMax,
		"since": since, "until": until} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if c.Tests {
		q.Set("tests", "true")
	}
	if c.Limit < 0 {
		return fmt.Errorf("--limit: expected 0 or more")
	}
	return c.with(e, func(o *ops) error {
		if err := upToDate(e, o); err != nil {
			return err
		}
		return c.pages(e, o, q)
	})
}

// pages prints page after page.
func (c *findCmd) pages(e *env, o *ops, q url.Values) error {
	w := tabwriter.NewWriter(e.out, 0, 8, 2, ' ', 0)
	n := 0
	for {
		page := report.FindMax
		if c.Limit > 0 {
			page = min(page, c.Limit-n)
		}
		q.Set("limit", strconv.Itoa(page))
		var got report.Found
		if err := o.call(e.ctx, "GET", "/v1/find?"+q.Encode(), nil, &got); err != nil {
			return err
		}
		for i := range got.Leads {
			if n++; c.JSON {
				if err := json.NewEncoder(e.out).Encode(&got.Leads[i]); err != nil {
					return err
				}
				continue
			}
			if n == 1 {
				fmt.Fprintln(w, "AT\tLEAD\tSOURCE\tSTATE\tSELLER'S ID\tRESULT\tATTEMPTS")
			}
			c.print(w, &got.Leads[i])
		}
		if got.Next == 0 || c.Limit > 0 && n >= c.Limit {
			if err := w.Flush(); err != nil {
				return err
			}
			switch {
			case n == 0 && !c.JSON:
				fmt.Fprintln(e.out, "no lead is like this")
			case got.Next > 0:
				fmt.Fprintf(e.err, "note: there are more: --limit 0 prints all\n")
			}
			if got.Behind > 0 {
				fmt.Fprintf(e.err, "note: the last %d events are not among them yet\n", got.Behind)
			}
			return nil
		}
		q.Set("before", strconv.FormatUint(got.Next, 10))
	}
}

func (c *findCmd) print(w *tabwriter.Writer, l *report.Lead) {
	result := l.Result
	if l.Refusal != "" {
		result += " " + l.Refusal
	}
	if l.Test {
		result += " (test)"
	}
	if l.Resubmits != "" {
		result += ", resubmits " + l.Resubmits
	}
	if l.ResubmittedAs != "" {
		result += ", resubmitted as " + l.ResubmittedAs
	}
	var tried []string
	for i := range l.Attempts {
		tried = append(tried, plain(attemptText(&l.Attempts[i])))
	}
	fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", l.At.In(c.location()).Format("2006-01-02 15:04:05"), l.ID, l.Source,
		plain(l.State), plain(l.SellerLeadID), result, strings.Join(tried, "; "))
}

// attemptText is an attempt in a few words.
func attemptText(a *report.Attempt) string {
	out := a.Campaign + " " + a.Outcome
	if a.Outcome == "accepted" {
		out += " " + a.Price.String()
	}
	if a.Reference != "" {
		out += " ref " + a.Reference
	}
	if a.Refusal != "" {
		out += " " + a.Refusal
	}
	switch {
	case a.Returned:
		out += ", returned"
	case a.Paid != nil && *a.Paid:
		out += ", paid"
	case a.Paid != nil:
		out += ", unpaid"
	}
	return out
}

// times are a range of time in a zone, for verbs that look back.
type times struct {
	Since string `help:"From then on: 2026-11-01, \"2026-11-01 14:00\", 2026-11-01T14:00:00Z, or so long ago: 90m, 24h, 7d." placeholder:"TIME"`
	Until string `help:"Before then, likewise." placeholder:"TIME"`
	Zone  string `help:"Zone of times, such as America/New_York." default:"UTC"`

	loc *time.Location
}

func (t *times) location() *time.Location { return t.loc }

// span reads the range, as the admin API takes it; "" is no limit.
func (t *times) span() (since, until string, err error) {
	if t.loc, err = time.LoadLocation(t.Zone); err != nil || t.Zone == "Local" {
		return "", "", fmt.Errorf("--zone %s: expected a zone such as America/New_York", t.Zone)
	}
	now := time.Now()
	var at [2]time.Time
	for i, text := range []string{t.Since, t.Until} {
		if text == "" {
			continue
		}
		if at[i], err = timeIn(text, t.loc, now); err != nil {
			return "", "", fmt.Errorf("%s: %w", [...]string{"--since", "--until"}[i], err)
		}
	}
	if !at[0].IsZero() && !at[1].IsZero() && !at[0].Before(at[1]) {
		return "", "", fmt.Errorf("--until: expected a time after --since")
	}
	return rfc3339(at[0]), rfc3339(at[1]), nil
}

func rfc3339(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// timeIn reads a time of day or a date in a zone, or how long ago it is.
func timeIn(text string, loc *time.Location, now time.Time) (time.Time, error) {
	for _, layout := range []string{time.DateOnly, "2006-01-02 15:04", "2006-01-02T15:04"} {
		if t, err := time.ParseInLocation(layout, text, loc); err == nil {
			return t, nil
		}
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	days, ok := strings.CutSuffix(text, "d")
	if n, err := strconv.Atoi(days); ok && err == nil && n >= 0 && n <= 36500 {
		return now.In(loc).AddDate(0, 0, -n), nil
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	return time.Time{}, fmt.Errorf("%q: expected a time such as 2026-11-01, \"2026-11-01 14:00\", "+
		"2026-11-01T14:00:00Z, 24h or 7d", text)
}
