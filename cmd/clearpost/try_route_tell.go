// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"clearpost/lead"
)

// tellTable prints what a file of leads came to.
func tellTable(w io.Writer, out *routedTable, c *tryRouteCmd, on []*routing) {
	fmt.Fprintf(w, "%d leads of %s for %s", out.Rows, on[0].source.ID, on[0].kind.ID)
	if out.Unreadable > 0 {
		fmt.Fprintf(w, ", %d of them unreadable (%s)", out.Unreadable, out.FirstBad)
	}
	fmt.Fprintln(w)
	if len(out.Unknown) > 0 {
		fmt.Fprintf(w, "columns that nobody knows: %s\n", strings.Join(out.Unknown, ", "))
	}
	if out.Against != nil {
		fmt.Fprintf(w, "\nagainst %s, config %s\n", c.Against, on[1].cfg.Hash)
		tellRouteTotals(w, out.Against, on[1].kind.Currency)
		fmt.Fprintf(w, "\nwith %s, config %s\n", c.Dir, on[0].cfg.Hash)
	} else {
		fmt.Fprintf(w, "\nconfig %s\n", out.Config)
	}
	tellRouteTotals(w, &out.Totals, on[0].kind.Currency)
	if out.Against != nil {
		tellMoved(w, out)
	}
}

func tellRouteTotals(w io.Writer, t *routedTotals, currency string) {
	share := 0.0
	if t.Leads > 0 {
		share = 100 * float64(t.Quoted) / float64(t.Leads)
	}
	fmt.Fprintf(w, "quoted    %d (%.1f %%): revenue %s, payout %s, margin %s %s\n", t.Quoted, share, t.Revenue,
		t.Payout, t.Revenue-t.Payout, currency)
	fmt.Fprintf(w, "no quote  %s\n", counts(t.NoQuote))
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(tw, "CAMPAIGN\tWINS\tREVENUE\tSTANDS BY\tWOULD BE ASKED\tREFUSED")
	for i := range t.By {
		c := &t.By[i]
		fmt.Fprintf(tw, "%s\t%d\t%s\t%d\t%d\t%s\n", c.Campaign, c.Wins, c.Revenue, c.Backup, c.WouldBeAsked,
			counts(c.Refused))
	}
	tw.Flush()
}

// tellMoved tells what a change does.
func tellMoved(w io.Writer, out *routedTable) {
	signed := func(m lead.Money) string {
		if m >= 0 {
			return "+" + m.String()
		}
		return m.String()
	}
	fmt.Fprintf(w, "\nthe change: %d leads are won by others or for another payout; revenue %s, payout %s, "+
		"quoted %+d\n", out.Changed, signed(out.Totals.Revenue-out.Against.Revenue),
		signed(out.Totals.Payout-out.Against.Payout), out.Totals.Quoted-out.Against.Quoted)
	if len(out.Moved) == 0 {
		return
	}
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(tw, "CAMPAIGN\tGAINED\tLOST\tREVENUE")
	for _, m := range out.Moved {
		fmt.Fprintf(tw, "%s\t%d\t%d\t%s\n", m.Campaign, m.Gained, m.Lost, signed(m.Revenue))
	}
	tw.Flush()
}

// counts lists reasons, the most frequent first.
func counts(n map[string]int64) string {
	keys := slices.SortedFunc(maps.Keys(n), func(a, b string) int {
		if n[a] != n[b] {
			return int(n[b] - n[a])
		}
		return strings.Compare(a, b)
	})
	var out []string
	for _, k := range keys {
		out = append(out, fmt.Sprintf("%s %d", k, n[k]))
	}
	if len(out) == 0 {
		return "-"
	}
	return strings.Join(out, ", ")
}
