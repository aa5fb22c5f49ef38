// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/goccy/go-json"
	"golang.org/x/term"

	"clearpost/exchange"
	"clearpost/exchange/admin"
)

// every computes all leads again and prints those that differ, and totals.
func (c *explainCmd) every(e *env) error {
	since := ""
	if c.Since != "" {
		at, err := tryTime(c.Since)
		if err != nil {
			return fmt.Errorf("--since %q: expected a time such as 2026-01-31T15:04:05Z", c.Since)
		}
		since = at.UTC().Format(time.RFC3339)
	}
	return c.with(e, func(o *ops) error {
		body, err := o.do(e.ctx, "GET", "/v1/check"+query("since", since), nil)
		if err != nil {
			return err
		}
		defer body.Close()
		sum, err := c.readEvery(e, body)
		switch {
		case err != nil:
			return err
		case sum == nil && e.ctx.Err() != nil:
			return errors.New("interrupted: not all leads were computed again")
		case sum == nil:
			return errors.New("the answer ended early: not all leads were computed again")
		case sum.Differ > 0:
			return errDiffers
		}
		return nil
	})
}

// readEvery prints the lines of the answer. The totals are nil where it ends before them.
func (c *explainCmd) readEvery(e *env, body io.Reader) (*exchange.CheckTotals, error) {
	lines := json.NewDecoder(bufio.NewReader(body))
	for {
		var l admin.CheckLine
		switch err := lines.Decode(&l); {
		case errors.Is(err, io.EOF) || err != nil && e.ctx.Err() != nil:
			return nil, nil
		case err != nil:
			return nil, err
		}
		switch {
		case l.Error != "":
			return nil, errors.New(l.Error)
		case l.Progress != nil:
			p := l.Progress
			tellProgress(e.err, fmt.Sprintf("%d leads, event %d of %d", p.Leads, p.Seq, p.Last))
			continue
		}
		tellProgress(e.err, "")
		if c.JSON {
			b, err := json.Marshal(l)
			if err != nil {
				return nil, err
			}
			if _, err := e.out.Write(append(b, '\n')); err != nil {
				return nil, err
			}
		} else if l.Lead != nil {
			fmt.Fprintf(e.out, "lead %s of %s\n", l.Lead.Lead, l.Lead.PingedAt.Format(time.RFC3339Nano))
			for i := range l.Lead.Defects {
				fmt.Fprintf(e.out, "  DEFECT: %s\n", &l.Lead.Defects[i])
			}
		}
		if l.Totals != nil {
			if !c.JSON {
				tellTotals(e.out, l.Totals)
			}
			return l.Totals, nil
		}
	}
}

func tellTotals(w io.Writer, t *exchange.CheckTotals) {
	fmt.Fprintf(w, "%d leads computed again: %d as recorded, %d differ (%d defects), %d not wholly\n", t.Leads, t.Same,
		t.Differ, t.Defects, t.Unchecked)
	for _, why := range slices.Sorted(maps.Keys(t.Why)) {
		text := why
		if text == "" {
			text = "other reasons"
		}
		fmt.Fprintf(w, "  %d: %s\n", t.Why[why], text)
	}
}

// tellProgress shows how far something has come, in one line, where somebody is looking; "" takes the line away.
func tellProgress(w io.Writer, text string) {
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		fmt.Fprintf(f, "\r\x1b[K%s", text)
	}
}
