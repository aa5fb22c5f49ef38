// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"clearpost/exchange"
	"clearpost/exchange/admin"
	"clearpost/lead"
	"clearpost/loadtest"
	"clearpost/loadtest/audit"
)

// demoSummary is what the demo tells at its end. Amounts are in dollars, as text; times in milliseconds.
type demoSummary struct {
	Seed       uint64           `json:"seed"`
	Seconds    float64          `json:"seconds"`
	Pings      int64            `json:"pings"` // auctions: pings and one-shot leads
	PerSecond  float64          `json:"pings_per_second"`
	Answers    map[string]int   `json:"answers"` // by HTTP status
	Lost       int              `json:"lost"`    // calls without an answer
	Quotes     int64            `json:"quotes"`
	FillRate   float64          `json:"fill_rate"` // quotes for pings
	Posts      int64            `json:"posts"`
	Suppressed int64            `json:"suppressed"`
	Repeated   int64            `json:"repeated"`
	Sold       int64            `json:"sold"`
	Unsold     int64            `json:"unsold"`
	Pending    int64            `json:"pending"`
	Revenue    string           `json:"revenue"`
	Payout     string           `json:"payout"`
	Margin     string           `json:"margin"`
	Own        quantilesMS      `json:"own_ms"`    // our own time of a ping, without buyers and disk
	Whole      quantilesMS      `json:"answer_ms"` // a ping as its seller sees it, from the intended start
	Buyers     []buyerRow       `json:"buyers"`
	Cards      []demoCard       `json:"scorecards"`
	Clerk      demoClerked      `json:"returns_and_payments"`
	Books      demoBooks        `json:"books"`
	Appended   uint64           `json:"events_appended"`
	Shipped    uint64           `json:"events_shipped"`
	Unresolved int              `json:"unresolved"`
	Audit      string           `json:"audit"` // "ok" or what is wrong
	Findings   []audit.Finding  `json:"findings,omitempty"`
	Audited    audit.Counts     `json:"audited"`
	Explained  explained        `json:"explained"`
	Sellers    *loadtest.Result `json:"sellers"`
}

// explained is what computing every lead again has come to, and the first defects, a line each.
type explained struct {
	exchange.CheckTotals
	First []string `json:"first_defects,omitempty"`
}

type quantilesMS struct {
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
}

type buyerRow struct {
	Buyer    string  `json:"buyer"`
	Campaign string  `json:"campaign"`
	Asked    int64   `json:"asked"`
	Bid      int64   `json:"bid"`
	Won      int64   `json:"won"`
	Posted   int64   `json:"posted"`
	Accepted int64   `json:"accepted"`
	Rejected int64   `json:"rejected"`
	Unknown  int64   `json:"unknown"`
	Late     int64   `json:"late"`
	Revenue  string  `json:"revenue"`
	Caps     []capAt `json:"caps,omitempty"`
}

type capAt struct {
	Cap   string `json:"cap"`
	Of    string `json:"of,omitempty"` // attempts, pings or spend (then numbers are micros); absent: accepted leads
	Used  int64  `json:"used"`
	Limit int64  `json:"limit"`
}

func (d *demo) summary(r *loadtest.Result, a *audit.Report) *demoSummary {
	st := admin.Summary(d.node.Exchange, d.node.Ledger)
	ms := func(q admin.Quantiles) quantilesMS {
		return quantilesMS{float64(q.P50) / 1000, float64(q.P95) / 1000, float64(q.P99) / 1000}
	}
	s := &demoSummary{Seed: d.cmd.Seed, Seconds: float64(r.TookMS) / 1000, Pings: st.Pings, Answers: map[string]int{},
		Quotes: st.Quotes, Posts: st.Posts, Sold: st.Sold, Unsold: st.Unsold, Pending: st.Pending,
		Revenue: st.Revenue.String(), Payout: st.Payout.String(), Margin: (st.Revenue - st.Payout).String(),
		Own: ms(st.OwnUS), Whole: quantilesMS{r.Ping.Latency.P50, r.Ping.Latency.P95, r.Ping.Latency.P99},
		Appended: st.Ledger.Appended, Shipped: st.Ledger.ShippedSeq, Audit: a.Verdict(), Findings: a.Findings,
		Audited: a.Counts, Sellers: r}
	for _, x := range st.Sources {
		s.Suppressed += x.Suppressed
		s.Repeated += x.Repeated
	}
	for _, c := range []*loadtest.Call{&r.Ping, &r.Post, &r.Lead} {
		s.Lost += c.Lost
		for status, n := range c.Status {
			s.Answers[status] += n
		}
	}
	if st.Pings > 0 {
		s.FillRate = float64(st.Quotes) / float64(st.Pings)
		s.PerSecond = float64(st.Pings) / s.Seconds
	}
	if open, err := d.node.Exchange.Unresolved(); err == nil {
		s.Unresolved = len(open)
	}
	for i, l := range d.node.Exchange.Campaigns() {
		n := st.Campaigns[i].Counts
		row := buyerRow{Buyer: l.Buyer.ID, Campaign: l.ID, Asked: n["asked"], Bid: n["bid"], Won: n["won"],
			Posted: n["posted"], Accepted: n["accepted"], Rejected: n["rejected"], Unknown: n["unknown"],
			Late: n["late"], Revenue: lead.Money(st.Campaigns[i].Revenue).String()}
		for i := range l.Caps {
			c := d.node.Exchange.CapState(&l.Caps[i])
			for _, u := range c.Uses {
				if !u.Limited {
					continue
				}
				row.Caps = append(row.Caps, capAt{c.Title(), c.Of, u.Used, u.Limit})
			}
		}
		s.Buyers = append(s.Buyers, row)
	}
	return s
}

func (s *demoSummary) print(out io.Writer) error {
	fmt.Fprintf(out, "\n%.1f s, seed %d\n", s.Seconds, s.Seed)
	fmt.Fprintf(out, "pings     %d (%.0f/s), %d quoted (fill rate %.1f %%)\n", s.Pings, s.PerSecond, s.Quotes,
		100*s.FillRate)
	fmt.Fprintf(out, "calls     answers by status %s; lost %d\n", byName(s.Answers), s.Lost)
	fmt.Fprintf(out, "posts     %d: %d sold, %d unsold, %d pending; unresolved attempts: %d\n", s.Posts, s.Sold,
		s.Unsold, s.Pending, s.Unresolved)
	fmt.Fprintf(out, "repeats   %d pings got the quote of another, %d leads of a known person refused\n", s.Suppressed,
		s.Repeated)
	fmt.Fprintf(out, "money     revenue $%s, payout $%s, margin $%s\n", s.Revenue, s.Payout, s.Margin)
	fmt.Fprintf(out, "own time  p50 %.2f ms, p95 %.2f ms, p99 %.2f ms: a ping without buyers and disk\n", s.Own.P50,
		s.Own.P95, s.Own.P99)
	fmt.Fprintf(out, "answers   p50 %.0f ms, p95 %.0f ms, p99 %.0f ms: a ping as its seller sees it\n\n", s.Whole.P50,
		s.Whole.P95, s.Whole.P99)
	w := tabwriter.NewWriter(out, 0, 8, 1, ' ', 0)
	fmt.Fprintln(w, "CAMPAIGN\tASKED\tBID\tWON\tPOSTED\tSOLD\tREFUSED\tUNKNOWN\tLATE\tREVENUE\tFULLEST CAP")
	for _, b := range s.Buyers {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t$%s\t%s\n", b.Campaign, b.Asked, b.Bid, b.Won, b.Posted,
			b.Accepted, b.Rejected, b.Unknown, b.Late, b.Revenue, fullest(b.Caps))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if err := s.printMoney(out); err != nil {
		return err
	}
	fmt.Fprintf(out, "\nevents    %d appended, %d shipped\nexplain   %s\n", s.Appended, s.Shipped, &s.Explained)
	_, err := fmt.Fprintf(out, "audit     %s\n", s.Audit)
	return err
}

// String is the verdict, with the first defects.
func (x *explained) String() string {
	out := fmt.Sprintf("%d leads computed again: no difference to the record", x.Leads)
	if x.Differ > 0 {
		out = fmt.Sprintf("%d of %d leads differ when they are computed again:\n  %s", x.Differ, x.Leads,
			strings.Join(x.First, "\n  "))
	}
	for _, why := range slices.Sorted(maps.Keys(x.Why)) {
		out += fmt.Sprintf("\n  %d not wholly: %s", x.Why[why], why)
	}
	return out
}

// byName lists how many there are of each name, such as an HTTP status, in their order.
func byName(n map[string]int) string {
	var out []string
	for _, status := range slices.Sorted(maps.Keys(n)) {
		out = append(out, fmt.Sprintf("%s: %d", status, n[status]))
	}
	if len(out) == 0 {
		return "none"
	}
	return strings.Join(out, ", ")
}

// fullest is the cap with the smallest part left. Its title is "campaign:ID:PER" or "buyer:ID:PER", and the row names
// the campaign already.
func fullest(caps []capAt) string {
	best := -1
	for i, c := range caps {
		if best < 0 || c.share() > caps[best].share() {
			best = i
		}
	}
	if best < 0 {
		return "-"
	}
	key := strings.Split(caps[best].Cap, ":")
	per := key[len(key)-1]
	if key[0] == "buyer" {
		per = "buyer's " + per
	}
	u := admin.CapUse{Counts: caps[best].Of, Used: caps[best].Used, Limit: caps[best].Limit, Limited: true}
	if u.Used > u.Limit {
		return per + " " + strings.Join(capText(&u), ", ") // it was lowered below its use
	}
	return per + " " + strings.Join(capText(&u), "/")
}

// share is how much of it is used, of 1.
func (c *capAt) share() float64 { return float64(c.Used) / float64(max(c.Limit, 1)) }
