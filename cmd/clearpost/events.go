// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"strconv"
)

type eventsCmd struct {
	target
	Follow bool   `help:"Go on with new events until interrupted. The exchange must be running." short:"f"`
	Kind   string `help:"Only this kind: pinged, posting, posted, settled, deferred or adjusted." enum:",pinged,posting,posted,settled,deferred,adjusted" default:"" placeholder:"KIND"`
	Lead   string `help:"Only the events of the lead with this id." placeholder:"ID"`
	From   uint64 `help:"Begin at this sequence number." placeholder:"SEQ"`
}

// Help implements kong.HelpProvider.
func (eventsCmd) Help() string {
	return `One JSON object a line, in the order of the ledger: the same bytes that Kafka gets.

Examples:
  clearpost events --kind settled | jq -r '[.lead_id,.result,.payout_micros]|@tsv'
  clearpost events --follow --kind posted
  clearpost events --lead 0193b2c4-0000-7000-8000-000000000000`
}

// Run prints events.
func (c *eventsCmd) Run(e *env) error {
	return c.with(e, func(o *ops) error { return c.print(e, o) })
}

// print writes the events until they end. Whoever follows them ends it himself, which is no error.
func (c *eventsCmd) print(e *env, o *ops) error {
	if c.Follow && o.offline {
		return errors.New("no exchange is running here: there is nothing to follow. Without --follow, the events " +
			"that it left are printed")
	}
	follow, from := "", ""
	if c.Follow {
		follow = "1"
	}
	if c.From > 0 {
		from = strconv.FormatUint(c.From, 10)
	}
	body, err := o.do(e.ctx, "GET", "/v1/events"+query("kind", c.Kind, "lead", c.Lead, "follow", follow, "from",
		from), nil)
	if err == nil {
		if _, err = io.Copy(e.out, body); err != nil {
			err = fmt.Errorf("not all events were printed: %w", err)
		}
		body.Close()
	}
	if c.Follow && e.ctx.Err() != nil {
		return nil
	}
	return err
}
