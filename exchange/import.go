// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/rules"
)

// ErrNoCap is the error of Import where a cap is not configured.
var ErrNoCap = errors.New("no such cap is configured")

// Counted is what another system has counted of one cap in one window.
type Counted struct {
	Cap    string // its name, as `clearpost caps` has it
	Value  string // of caps that tell values apart
	Window string // "": the window of now
	N      int64  // of what the cap counts, above zero: it is added
	Ref    string // what its maker knows it by: a second one of the cap changes nothing
}

// CountedAs is what an import does with one count.
type CountedAs struct {
	Cap     string `json:"cap"`
	Window  string `json:"window"`
	Counts  string `json:"counts"` // accepted, attempts, pings or spend (then numbers are micros)
	Before  int64  `json:"before"`
	After   int64  `json:"after"`
	Limit   int64  `json:"limit"`
	Limited bool   `json:"limited"`
	Known   bool   `json:"known,omitempty"` // it was taken over before: nothing changes
}

// ImportsMax is how many counts one import takes.
const ImportsMax = 10_000

// Import adds what another system has counted to caps, so that this one goes on where that one stopped, and tells what
// it does; dry it only tells. What is known under its ref stays as it is, so that one which was cut off is sent again.
func (e *Exchange) Import(list []Counted, dry bool, why, by string) (out []CountedAs, err error) {
	e.settling.Lock()
	defer e.settling.Unlock()
	now := e.now()
	caps, stand := map[string]*rules.Cap{}, map[string]int64{}
	for _, c := range e.Caps() {
		if !strings.HasSuffix(c.Key, rules.BalanceKey) {
			caps[c.Title()] = &c.Cap
		}
	}
	if err := e.known(); err != nil { // else what was sent before may be counted a second time
		return nil, err
	}
	e.led.Counts(func(key, window string, n int64) { stand[capWindow(key, window)] = n })
	var events []*ledger.Adjusted
	refs := map[string]bool{}
	for i, in := range list {
		c := caps[in.Cap]
		window, err := in.window(c, now)
		if err != nil {
			return nil, fmt.Errorf("[%d] %s: %w", i, in.Cap, err)
		}
		row := CountedAs{Cap: c.ValueKey(in.Value), Window: window, Counts: c.Of}
		if c.Of == lead.OfAccepted {
			row.Counts = "accepted"
		}
		at := capWindow(row.Cap, window)
		subject := "cap:" + row.Cap
		row.Before, row.Known = stand[at], in.Ref != "" && (refs[subject+"\x00"+in.Ref] || e.led.ByRef(subject, in.Ref))
		refs[subject+"\x00"+in.Ref] = true
		if row.After = row.Before; !row.Known {
			row.After += in.N
			events = append(events, &ledger.Adjusted{Adjustment: ledger.AdjustImported, Subject: subject,
				Charges: []lead.Charge{{Cap: row.Cap, Window: window, N: in.N, Of: c.Of}}, Ref: in.Ref, Why: why,
				By: by})
		}
		stand[at] = row.After
		l, limited := c.LimitOf(in.Value)
		row.Limit, row.Limited = l.Highest(), limited
		out = append(out, row)
	}
	if dry {
		return out, nil
	}
	for part := range slices.Chunk(events, importChunk) {
		if err := e.count(part); err != nil {
			errors.As(err, &e.unsure)
			return nil, err
		}
	}
	return out, nil
}

// window is the window that a count is for, or what is wrong with it.
func (in *Counted) window(c *rules.Cap, now time.Time) (string, error) {
	switch {
	case c == nil:
		return "", ErrNoCap
	case c.Days > 0:
		return "", errors.New("it counts the leads of the cap per day: expected the name of that one")
	case in.Value == "" && c.By != nil:
		return "", errors.New("expected a value of " + c.By.Field + ", by which it counts")
	case in.Value != "" && c.By == nil:
		return "", errors.New("expected no value: it counts all together")
	}
	name, _, _ := c.Window.At(now)
	if in.Window == "" || in.Window == name {
		return name, nil
	}
	if len(c.Window.Spans(in.Window)) == 0 {
		return "", fmt.Errorf("window %q: expected one such as %q", in.Window, name)
	}
	return in.Window, nil
}

// importChunk is how many counts become durable at once.
const importChunk = 500
