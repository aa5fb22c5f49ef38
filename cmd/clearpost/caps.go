// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-json"

	"clearpost/exchange/admin"
	"clearpost/lead"
)

type capsCmd struct {
	target
	Buyer string `arg:"" optional:"" help:"A buyer, campaign, parent, source or vertical; absent: all."`
	JSON  bool   `help:"Print a JSON list."`
}

// Help implements kong.HelpProvider.
func (capsCmd) Help() string {
	return `Lists the caps of a buyer and its campaigns, of a parent, source or vertical, or all: what is used in the window of now, by how many attempts
in flight or of an unknown outcome some of it is held, the room that is left, when the window ends, and, where a cap is spread over its
window, how much may have been used by now. Where days count together, the room grows as the first of them leaves. Of an exchange that is
not running, what it left in its ledger is shown.

Examples:
  clearpost caps
  clearpost caps brightroof
  clearpost caps --json | jq '.[] | select(.used >= .limit) | .cap'`
}

// Run prints the caps in the order of the campaigns.
func (c *capsCmd) Run(e *env) error {
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
		var s admin.Status
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
		caps, err := capsOf(s.Caps, c.Buyer)
		if err != nil {
			return err
		}
		if c.JSON {
			enc := json.NewEncoder(e.out)
			enc.SetIndent("", "  ")
			return enc.Encode(caps)
		}
		return printCaps(e.out, caps)
	})
}

// capsOf picks the caps of a buyer or a campaign.
func capsOf(all []admin.CapUse, who string) ([]admin.CapUse, error) {
	if who == "" {
		return slices.Clone(all), nil
	}
	out := []admin.CapUse{}
	var names []string
	for _, u := range all {
		_, of, _ := strings.Cut(u.Cap, ":")
		if u.Buyer == who || strings.HasPrefix(of, who+":") {
			out = append(out, u)
		}
		names = append(names, u.Buyer)
	}
	if len(out) == 0 {
		if len(names) == 0 {
			return nil, fmt.Errorf("no campaign has a cap")
		}
		return nil, fmt.Errorf("%q has no cap, be it a buyer, campaign, parent, source or vertical: did you "+
			"mean %q?", who, lead.Nearest(who, names))
	}
	return out, nil
}

func printCaps(out io.Writer, caps []admin.CapUse) error {
	if len(caps) == 0 {
		_, err := fmt.Fprintln(out, "no campaign has a cap")
		return err
	}
	var text, w bytes.Buffer
	fmt.Fprintln(&text, "cap\tused\theld by\tlimit\troom\tuntil\tby now")
	for _, u := range caps {
		until, limit, room, pace := "-", "-", "any", ""
		if !u.Until.IsZero() {
			until = u.Until.Format(time.DateTime)
			if zone, err := time.LoadLocation(u.Zone); err == nil {
				until = u.Until.In(zone).Format(time.DateTime) + " " + u.Zone
			}
		}
		if u.Limited {
			limit, room = u.Amount(u.Limit), u.Amount(max(u.Limit-u.Used, 0))
		}
		if u.Pace != nil {
			pace = u.Amount(*u.Pace)
		}
		fmt.Fprintf(&text, "%s\t%s\t%d\t%s\t%s\t%s\t%s\n", u.Cap, u.Amount(u.Used), u.Open, limit, room, until,
			pace)
	}
	align(&w, text.String())
	_, err := w.WriteTo(out)
	return err
}
