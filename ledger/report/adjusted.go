// SPDX-License-Identifier: Apache-2.0

package report

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"strings"
	"time"

	"github.com/goccy/go-json"
	"github.com/tidwall/gjson"

	"clearpost/lead"
	"clearpost/ledger"
)

//go:embed adjusted.sql
var adjustedSchema string

// adjustedEvent is what the view reads of an adjustment for its own row.
type adjustedEvent struct {
	Adjustment string           `json:"adjustment"`
	Subject    string           `json:"subject"`
	Attempt    lead.ID          `json:"attempt"`
	Campaign   string           `json:"campaign"`
	Buyer      string           `json:"buyer"`
	Outcome    lead.Outcome     `json:"outcome"`
	Price      lead.Money       `json:"price_micros"`
	Payout     lead.Money       `json:"payout_micros"`
	Was        *ledger.Booked   `json:"was"`
	CapWas     string           `json:"cap_was"`
	CapIs      string           `json:"cap_is"`
	Standing   *ledger.Standing `json:"standing"`
	Return     *ledger.Return   `json:"return"`
	Reference  string           `json:"reference"`
	Ref        string           `json:"ref"`
	Currency   string           `json:"currency"`
	Date       string           `json:"date"`
	Why        string           `json:"why"`
	By         string           `json:"by"`
	Charges    []lead.Charge    `json:"charges"`
}

// ofFiles tells whether an adjustment says how a file stands, or a row of one: there is one for every lead of it.
func ofFiles(adjustment string) bool {
	switch adjustment {
	case ledger.AdjustBatched, ledger.AdjustFile, ledger.AdjustAnswered, ledger.AdjustUnplaced, ledger.AdjustResponse:
		return true
	}
	return false
}

var insertAdjustment = "insert into _adjustment values (?" + strings.Repeat(", ?", 20) + ") on conflict do nothing"

// adjusted writes the row of an adjustment, and what it changes of caps.
func (w *writer) adjusted(r ledger.Record) {
	var e adjustedEvent
	if r.Kind != ledger.KindAdjusted || json.Unmarshal(r.Bytes, &e) != nil {
		return // whoever takes the rest of the event counts it
	}
	w.chargedBy(r.At, &e)
	if ofFiles(e.Adjustment) {
		return
	}
	var id, attempt, wasPrice, wasPayout any
	if !r.Lead.IsZero() {
		id = r.Lead[:]
	}
	if !e.Attempt.IsZero() {
		attempt = e.Attempt[:]
	}
	if e.Was != nil {
		wasPrice, wasPayout = int64(e.Was.Price), int64(e.Was.Payout)
	}
	was, becomes := e.CapWas, e.CapIs
	if e.Standing != nil {
		was, becomes = e.Standing.Was, e.Standing.Is
	}
	w.exec(insertAdjustment, int64(r.Seq), r.At, e.Adjustment, w.text(e.Subject), id, attempt, e.Campaign, e.Buyer,
		int64(e.Outcome), int64(e.Price), int64(e.Payout), wasPrice, wasPayout, w.text(e.Reference), w.text(e.Ref),
		e.Currency, e.Date, was, becomes, cut(e.Why), cut(e.By))
}

// capKey is one window of one cap, or of a value of it.
type capKey struct{ cap, value, window string }

type capSum struct {
	of          string
	used        int64
	first, last int64
}

// chargedBy takes what an adjustment changes of caps: as the exchange does that starts on this ledger.
func (w *writer) chargedBy(at int64, e *adjustedEvent) {
	switch {
	case e.Adjustment == ledger.AdjustResolved:
		w.charge(at, lead.AtEnd(e.Charges, e.Outcome, e.Price))
	case e.Was != nil:
		w.charge(at, lead.Corrected(e.Charges, e.Was.Outcome, e.Outcome))
	default:
		w.charge(at, e.Charges)
	}
}

// charged takes what an event of a trip holds of caps, or gives back.
func (w *writer) charged(r ledger.Record, e *event) {
	if !e.Charges.IsArray() || e.Again == ledger.AgainResend {
		return
	}
	charges := w.charges[:0]
	e.Charges.ForEach(func(_, v gjson.Result) bool {
		charges = append(charges, lead.Charge{Cap: v.Get("cap").Str, Window: v.Get("window").Str, N: v.Get("n").Int(),
			Of: v.Get("of").Str})
		return true
	})
	if w.charges = charges; r.Kind == ledger.KindPosted {
		charges = lead.AtEnd(charges, e.Outcome, lead.Money(e.Price))
	}
	w.charge(r.At, charges)
}

func (w *writer) charge(at int64, charges []lead.Charge) {
	for _, c := range charges {
		if c.Of == lead.OfTally { // no cap looks at it
			continue
		}
		key, value, _ := strings.Cut(c.Cap, "=")
		k := capKey{key, value, c.Window}
		s, ok := w.caps[k]
		if !ok { // what the event has in its own memory is kept longer than that
			k = capKey{strings.Clone(key), strings.Clone(value), strings.Clone(c.Window)}
			s.first, s.of = at, strings.Clone(c.Of)
		}
		s.used, s.first, s.last = s.used+c.N, min(s.first, at), max(s.last, at)
		w.caps[k] = s
	}
}

func (w *writer) flushCaps() {
	for k, s := range w.caps {
		w.exec(`insert into _cap values (?, ?, ?, ?, ?, ?, ?) on conflict do update set used = used + excluded.used,
			first_at = min(first_at, excluded.first_at), last_at = max(last_at, excluded.last_at)`,
			k.cap, w.text(k.value), k.window, s.of, s.used, s.first, s.last)
	}
	clear(w.caps)
}

// CapWindow is what stands of one cap, or of a value of it, in one window.
type CapWindow struct {
	Value, Window string
	Used          int64 // of spend: micros
}

// CapUsed is what was counted under one cap.
type CapUsed struct {
	Windows []CapWindow
	Changed bool // it allows something else since some time of the range
}

// capEarlier is how long before a range the windows of it may have been counted in last, a month and more.
const capEarlier = 40 * 24 * time.Hour

// CapUses reads what was counted under caps, by their keys, in windows that may lie in a range, in the order of keys.
// titles are the names under which events tell of changes of what they allow. until may be zero: now.
func (v *View) CapUses(ctx context.Context, keys, titles []string, since, until time.Time) (out []CapUsed, err error) {
	to := int64(1 << 62)
	if !until.IsZero() {
		to = until.UnixMicro()
	}
	err = v.ask(ctx, figuresFor, true, func(ctx context.Context, db *sql.DB) error {
		for i, key := range keys {
			one := CapUsed{}
			rows, err := db.QueryContext(ctx, "select value, window, used from _cap where cap = ? and last_at >= ?",
				key, since.Add(-capEarlier).UnixMicro())
			if err != nil {
				return err
			}
			for rows.Next() {
				var c CapWindow
				if err := rows.Scan(&c.Value, &c.Window, &c.Used); err != nil {
					return errors.Join(err, rows.Close())
				}
				one.Windows = append(one.Windows, c)
			}
			if err := errors.Join(rows.Err(), rows.Close()); err != nil {
				return err
			}
			err = db.QueryRowContext(ctx, `select exists (select 1 from _adjustment indexed by _adjustment_cap where
				adjustment = 'cap' and subject = ? and at >= ? and at < ?)`, "cap:"+titles[i], since.UnixMicro(),
				to).Scan(&one.Changed)
			if err != nil {
				return err
			}
			out = append(out, one)
		}
		return nil
	})
	return out, err
}
