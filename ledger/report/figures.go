// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"clearpost/lead"
)

// Bounds of figures.
const (
	RowsMax    = 10_000           // rows of one answer; what is beyond them is added up in one
	figuresFor = 60 * time.Second // figures that take longer are given up
)

// Dims are what figures may be told apart by.
var Dims = []string{"buyer", "campaign", "source", "sub_id", "vertical", "state", "refusal", "hour", "day", "month"}

// ofTime are those of them that hang on the zone.
var ofTime = map[string]string{"hour": "2006-01-02 15:00 -07:00", "day": "2006-01-02", "month": "2006-01"}

// Ask says which figures are wanted.
type Ask struct {
	By           []string  // Dims, each once; none: one sum
	Since, Until time.Time // zero: no limit. Bids count by quarters of an hour: the range is widened to whole ones
	Zone         *time.Location
	Limit        int // rows, 1 to RowsMax

	Buyer, Campaign, Source, Vertical, State, SubID string // "": any
}

// Figures are sums over non-test leads. Leads and bids count by the time of the ping, attempts and what is booked for
// them by the time of the attempt, as they stand now.
type Figures struct {
	By      []string   `json:"by"`
	Since   *time.Time `json:"since,omitempty"` // as widened
	Until   *time.Time `json:"until,omitempty"`
	Zone    string     `json:"zone"`
	Leads   bool       `json:"counts_leads"` // false: leads are not told apart so, and not counted
	Rows    []Row      `json:"rows"`
	Totals  []Row      `json:"totals"` // one a currency
	UpToSeq uint64     `json:"up_to_seq"`
	Behind  uint64     `json:"behind"`
}

// Row is one row of figures.
type Row struct {
	Key      []string `json:"key"` // in the order of By; "" where there is none. Of what is added up beyond the limit: nil
	Others   int      `json:"others,omitempty"`
	Currency string   `json:"currency"`

	Leads  int64 `json:"leads"`
	Quoted int64 `json:"quoted"`
	Sold   int64 `json:"sold"`

	Asked    int64 `json:"asked"`    // requests for bids
	Answered int64 `json:"answered"` // of them whole and in time
	Listed   int64 `json:"listed"`   // list prices, without a request
	Bids     int64 `json:"bids"`     // prices, asked for or listed
	Won      int64 `json:"won"`

	Posts    int64 `json:"posts"` // attempts
	Accepted int64 `json:"accepted"`
	Rejected int64 `json:"rejected"` // duplicates and invalid ones among them
	NotSent  int64 `json:"not_sent"`
	Unknown  int64 `json:"unknown"` // or without an end
	Returned int64 `json:"returned"`

	BidsMicros lead.Money `json:"bids_micros"`
	Revenue    lead.Money `json:"revenue_micros"`
	Payout     lead.Money `json:"payout_micros"`
	Margin     lead.Money `json:"margin_micros"`

	// in millionths; absent where nothing stands below the line
	BidRate    *int64 `json:"bid_rate_ppm,omitempty"`    // prices of those that were asked for one
	WinRate    *int64 `json:"win_rate_ppm,omitempty"`    // of all prices
	AcceptRate *int64 `json:"accept_rate_ppm,omitempty"` // of the attempts with a yes or a no
}

// add adds the sums of another row.
func (r *Row) add(o *Row) {
	for _, x := range [][2]*int64{{&r.Leads, &o.Leads}, {&r.Quoted, &o.Quoted}, {&r.Sold, &o.Sold},
		{&r.Asked, &o.Asked}, {&r.Answered, &o.Answered}, {&r.Listed, &o.Listed},
		{&r.Bids, &o.Bids}, {&r.Won, &o.Won}, {&r.Posts, &o.Posts},
		{&r.Accepted, &o.Accepted}, {&r.Rejected, &o.Rejected}, {&r.NotSent, &o.NotSent}, {&r.Unknown, &o.Unknown},
		{&r.Returned, &o.Returned}} {
		*x[0] += *x[1]
	}
	r.BidsMicros, r.Revenue, r.Payout = r.BidsMicros+o.BidsMicros, r.Revenue+o.Revenue, r.Payout+o.Payout
}

// finish reckons what follows from the sums.
func (r *Row) finish() {
	r.Margin = r.Revenue - r.Payout
	r.BidRate, r.WinRate = ppm(r.Bids-r.Listed, r.Asked), ppm(r.Won, r.Bids)
	r.AcceptRate = ppm(r.Accepted, r.Accepted+r.Rejected)
}

func ppm(n, of int64) *int64 {
	if of == 0 {
		return nil
	}
	p := n * 1_000_000 / of
	return &p
}

// Figures adds up. An error is a *BadQuery where it is the asker's.
func (v *View) Figures(ctx context.Context, a Ask) (*Figures, error) {
	if err := a.check(); err != nil {
		return nil, err
	}
	f := &Figures{By: a.By, Zone: a.Zone.String(), Rows: []Row{}, Leads: a.countsLeads()}
	if f.By == nil {
		f.By = []string{}
	}
	a.widen(f)
	s := &sums{ask: &a, rows: map[string]*summed{}}
	err := v.ask(ctx, figuresFor, true, func(ctx context.Context, db *sql.DB) error {
		st := v.Status()
		f.UpToSeq, f.Behind = st.UpToSeq, st.Behind
		// in one transaction: all three are of one moment
		tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
		if err != nil {
			return err
		}
		defer tx.Rollback()
		if err := s.bids(ctx, tx); err != nil {
			return err
		}
		if err := s.attempts(ctx, tx); err != nil || !f.Leads {
			return err
		}
		return s.leads(ctx, tx)
	})
	if err != nil {
		return nil, err
	}
	f.Rows, f.Totals = s.end()
	return f, nil
}

func (a *Ask) check() error {
	for i, by := range a.By {
		if !slices.Contains(Dims, by) || slices.Contains(a.By[:i], by) {
			return &BadQuery{"by", "each once of " + strings.Join(Dims, ", ")}
		}
	}
	if a.Zone == nil {
		a.Zone = time.UTC
	}
	if a.Limit < 1 || a.Limit > RowsMax {
		return &BadQuery{"limit", fmt.Sprintf("1 to %d", RowsMax)}
	}
	return nil
}

// countsLeads tells whether a lead belongs to one row: campaigns share leads.
func (a *Ask) countsLeads() bool {
	return a.Buyer == "" && a.Campaign == "" && !slices.Contains(a.By, "buyer") && !slices.Contains(a.By, "campaign") &&
		!slices.Contains(a.By, "refusal")
}

// widen makes the range one of whole quarters of an hour.
func (a *Ask) widen(f *Figures) {
	const quarter = quarterSeconds * time.Second
	if !a.Since.IsZero() {
		a.Since = a.Since.UTC().Truncate(quarter)
		t := a.Since.In(a.Zone)
		f.Since = &t
	}
	if !a.Until.IsZero() {
		if t := a.Until.UTC().Truncate(quarter); t.Before(a.Until) {
			a.Until = t.Add(quarter)
		}
		t := a.Until.In(a.Zone)
		f.Until = &t
	}
}

// sums gathers rows.
type sums struct {
	ask  *Ask
	rows map[string]*summed
}

type summed struct {
	Row
	at int64 // the earliest time in it, in seconds
}

// select makes a statement that groups by what was asked for. Quarters of an hour are grouped by here, and put together
// by the zone afterwards. refusal and at (seconds) are columns of the table.
func (s *sums) query(what, from, refusal, at string, w *where) (text string, args []any) {
	columns := map[string]string{"buyer": "c.buyer", "campaign": "c.campaign", "source": "o.source",
		"sub_id": "o.sub_id", "vertical": "o.vertical", "state": "o.state", "refusal": refusal}
	var by []string
	timed := false
	for _, d := range s.ask.By {
		if ofTime[d] != "" {
			timed = true
			continue
		}
		by = append(by, columns[d])
	}
	by = append(by, "o.currency")
	group := by
	if timed {
		by = append(by, at)
		group = by
	} else {
		by = append(slices.Clip(by), "0")
	}
	for column, value := range map[string]string{"c.buyer": s.ask.Buyer, "c.campaign": s.ask.Campaign,
		"o.source": s.ask.Source, "o.vertical": s.ask.Vertical, "o.state": s.ask.State, "o.sub_id": s.ask.SubID} {
		if value != "" {
			w.and(column+" = ?", value)
		}
	}
	return "select " + strings.Join(by, ", ") + ", " + what + " from " + from + " where " + w.all() + " group by " +
		strings.Join(group, ", "), w.args
}

// run adds what a statement gives. into are the sums of a row, in the order of its columns.
func (s *sums) run(ctx context.Context, tx *sql.Tx, text string, args []any, into func(*Row) []any) error {
	rows, err := tx.QueryContext(ctx, text, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	var refusal lead.Refusal
	var at int64
	var currency string
	values := make([]string, len(s.ask.By))
	for rows.Next() {
		var one Row
		var to []any
		for i, d := range s.ask.By {
			switch {
			case ofTime[d] != "":
			case d == "refusal":
				to = append(to, &refusal)
			default:
				to = append(to, &values[i])
			}
		}
		if err := rows.Scan(append(append(to, &currency, &at), into(&one)...)...); err != nil {
			return err
		}
		key := make([]string, len(values))
		for i, d := range s.ask.By {
			switch layout := ofTime[d]; {
			case layout != "":
				key[i] = time.Unix(at, 0).In(s.ask.Zone).Format(layout)
			case d == "refusal":
				key[i] = named(refusal)
			default:
				key[i] = values[i]
			}
		}
		s.add(key, currency, at, &one)
	}
	return rows.Err()
}

func (s *sums) add(key []string, currency string, at int64, one *Row) {
	name := strings.Join(key, "\x00") + "\x00" + currency
	r := s.rows[name]
	if r == nil {
		r = &summed{Row: Row{Key: key, Currency: currency}, at: at}
		s.rows[name] = r
	}
	r.at = min(r.at, at)
	r.add(one)
}

// span limits a column of times, counted in units of which a second has so many.
func (a *Ask) span(w *where, column string, second int64) {
	if !a.Since.IsZero() {
		w.and(column+" >= ?", a.Since.Unix()*second)
	}
	if !a.Until.IsZero() {
		w.and(column+" < ?", a.Until.Unix()*second)
	}
}

func (s *sums) bids(ctx context.Context, tx *sql.Tx) error {
	w := &where{}
	s.ask.span(w, "b.at", 1)
	// what was neither asked nor listed has a refusal that says so; see bid.asked
	text, args := s.query(`sum(b.asked), sum(b.answered), sum(iif(b.refusal between 200 and 299, 0, b.n - b.asked)),
		sum(b.bids), sum(b.won), sum(b.price)`,
		"_bid b join _campaign c on c.id = b.campaign join _origin o on o.id = b.origin", "b.refusal", "b.at", w)
	return s.run(ctx, tx, text, args, func(r *Row) []any {
		return []any{&r.Asked, &r.Answered, &r.Listed, &r.Bids, &r.Won, &r.BidsMicros}
	})
}

func (s *sums) attempts(ctx context.Context, tx *sql.Tx) error {
	w := &where{}
	w.and("a.test = 0")
	s.ask.span(w, "a.at", 1e6)
	text, args := s.query(`count(*), sum(a.outcome = 1), sum(a.outcome in (2, 3, 4)), sum(a.outcome = 5),
		sum(a.outcome in (0, 6)), sum(a.returned), sum(a.price), sum(a.payout)`,
		"_attempt a join _campaign c on c.id = a.campaign join _origin o on o.id = a.origin", "a.refusal",
		"a.at / 900000000 * 900", w)
	return s.run(ctx, tx, text, args, func(r *Row) []any {
		return []any{&r.Posts, &r.Accepted, &r.Rejected, &r.NotSent, &r.Unknown, &r.Returned, &r.Revenue, &r.Payout}
	})
}

func (s *sums) leads(ctx context.Context, tx *sql.Tx) error {
	w := &where{}
	w.and("l.test = 0")
	s.ask.span(w, "l.at", 1e6)
	text, args := s.query("count(*), sum(l.quote > 0), sum(l.result = 3)", "_lead l join _origin o on o.id = l.origin",
		"l.refusal", "l.at / 900000000 * 900", w)
	return s.run(ctx, tx, text, args, func(r *Row) []any { return []any{&r.Leads, &r.Quoted, &r.Sold} })
}

// end puts the rows in order, at most as many as were asked for, and sums them up by currency.
func (s *sums) end() (rows, totals []Row) {
	all := make([]*summed, 0, len(s.rows))
	total := map[string]*Row{}
	for _, r := range s.rows {
		all = append(all, r)
		if total[r.Currency] == nil {
			total[r.Currency] = &Row{Currency: r.Currency}
		}
		total[r.Currency].add(&r.Row)
	}
	byTime := len(s.ask.By) > 0 && ofTime[s.ask.By[0]] != ""
	slices.SortFunc(all, func(a, b *summed) int {
		if c := cmp.Compare(a.at, b.at); byTime && c != 0 && a.Key[0] != b.Key[0] {
			return c
		}
		return cmp.Or(cmp.Compare(b.Revenue, a.Revenue), cmp.Compare(b.Asked, a.Asked), cmp.Compare(b.Posts, a.Posts),
			slices.Compare(a.Key, b.Key), cmp.Compare(a.Currency, b.Currency))
	})
	others := map[string]*Row{}
	rows = []Row{}
	for i, r := range all {
		if i < s.ask.Limit {
			r.finish()
			rows = append(rows, r.Row)
			continue
		}
		if others[r.Currency] == nil {
			others[r.Currency] = &Row{Currency: r.Currency}
		}
		others[r.Currency].add(&r.Row)
		others[r.Currency].Others++
	}
	return append(rows, sorted(others)...), sorted(total)
}

func sorted(m map[string]*Row) []Row {
	out := make([]Row, 0, len(m))
	for _, r := range m {
		r.finish()
		out = append(out, *r)
	}
	slices.SortFunc(out, func(a, b Row) int { return cmp.Compare(a.Currency, b.Currency) })
	return out
}
