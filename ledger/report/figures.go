// SPDX-License-Identifier: Apache-2.0

package report

import (
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
var Dims = []string{"buyer", "campaign", "source", "sub_id", "vertical", "state", "refusal", "bid_band", "hour", "day",
	"month"}

// ofTime are those of them that hang on the zone.
var ofTime = map[string]string{"hour": "2006-01-02 15:04 -07:00", "day": "2006-01-02", "month": "2006-01"}

// Ask says which figures are wanted.
type Ask struct {
	By           []string  // Dims, each once; none: one sum
	Since, Until time.Time // zero: no limit. Sums are kept by hours of UTC: the range is widened to whole ones
	Zone         *time.Location
	Limit        int  // rows, 1 to RowsMax
	Compare      bool // also of as long a time before Since

	Buyer, Campaign, Source, Vertical, State, SubID string // "": any

	fromRows bool // from the rows that sums are of, for tests
}

// Figures are sums over non-test leads. Leads and bids count by the time of the ping, attempts and what is booked for
// them by the time of the attempt, as they stand now. A lead that was offered anew counts once, with its first trip.
type Figures struct {
	By     []string   `json:"by"`
	Since  *time.Time `json:"since,omitempty"` // as widened
	Until  *time.Time `json:"until,omitempty"`
	Zone   string     `json:"zone"`
	Leads  bool       `json:"counts_leads"` // false: leads are not told apart so, and not counted
	Rows   []Row      `json:"rows"`
	Totals []Row      `json:"totals"` // one a currency
	// compared with, where that was asked for
	BeforeSince *time.Time `json:"before_since,omitempty"`
	BeforeUntil *time.Time `json:"before_until,omitempty"`
	// bids that are told apart by several of refusal, state and sub_id are in it from then on only
	BidsFrom *time.Time `json:"bids_from,omitempty"`
	UpToSeq  uint64     `json:"up_to_seq"`
	Behind   uint64     `json:"behind"`
}

// Row is one row of figures.
type Row struct {
	Key      []string `json:"key"` // in the order of By; "" where there is none. Of what is added up beyond the limit: nil
	Others   int      `json:"others,omitempty"`
	Currency string   `json:"currency"`

	Leads  int64 `json:"leads"`
	Quoted int64 `json:"quoted"`
	Sold   int64 `json:"sold"`
	// leads whose first trip ended unsold; those that made another one; those of the unsold that another trip has sold
	Unsold      int64 `json:"unsold"`
	Resubmitted int64 `json:"resubmitted"`
	Remediated  int64 `json:"remediated"`

	Asked    int64 `json:"asked"`    // requests for bids
	Answered int64 `json:"answered"` // of them whole and in time
	Listed   int64 `json:"listed"`   // list prices, without a request
	Bids     int64 `json:"bids"`     // prices, asked for or listed
	Won      int64 `json:"won"`

	Looked int64 `json:"looked_at"` // campaigns that wanted the lead
	Capped int64 `json:"capped"`    // of them those that a cap, a budget or its pace kept back
	Late   int64 `json:"late"`      // requests without a whole answer by the deadline
	Torn   int64 `json:"torn"`      // cut off
	Paid   int64 `json:"paid"`      // sales
	Unpaid int64 `json:"unpaid"`

	Posts    int64 `json:"posts"` // attempts
	Accepted int64 `json:"accepted"`
	Rejected int64 `json:"rejected"` // duplicates and invalid ones among them
	NotSent  int64 `json:"not_sent"`
	Unknown  int64 `json:"unknown"` // or without an end
	Returned int64 `json:"returned"`

	BidsMicros lead.Money `json:"bids_micros"`
	Revenue    lead.Money `json:"revenue_micros"` // less what came back to buyers
	Payout     lead.Money `json:"payout_micros"`  // less what sources gave back
	Credits    lead.Money `json:"credits_micros"` // what came back to buyers for returns
	Clawbacks  lead.Money `json:"clawbacks_micros"`
	Margin     lead.Money `json:"margin_micros"`

	// in millionths; absent where nothing stands below the line
	BidRate    *int64 `json:"bid_rate_ppm,omitempty"`    // prices of those that were asked for one
	WinRate    *int64 `json:"win_rate_ppm,omitempty"`    // of all prices
	AcceptRate *int64 `json:"accept_rate_ppm,omitempty"` // of the attempts with a yes or a no
	ReturnRate *int64 `json:"return_rate_ppm,omitempty"` // of the accepted ones
	// of the leads whose first trip ended unsold, those that another trip has sold
	RemediationRate *int64 `json:"remediation_rate_ppm,omitempty"`

	// absent where there is no bid; the median within 0.2 %, and only where rows are not told apart by state, sub_id,
	// refusal or band
	MeanBid   *lead.Money `json:"mean_bid_micros,omitempty"`
	MedianBid *lead.Money `json:"median_bid_micros,omitempty"`

	PingTimes *Times `json:"ping_times,omitempty"` // of whole answers to requests for bids
	PostTimes *Times `json:"post_times,omitempty"` // of posts that have ended

	Before *Row `json:"before,omitempty"` // of the time before, where that was asked for

	took int64 // by all calls for bids, in microseconds
}

// columns are the sums in the order of sumColumns.
func (r *Row) columns() []any {
	return []any{&r.Leads, &r.Quoted, &r.Sold, &r.Looked, &r.Asked, &r.Answered, &r.Late, &r.Torn, &r.Capped, &r.Listed,
		&r.Bids, &r.Won, &r.BidsMicros, &r.took, &r.Posts, &r.Accepted, &r.Rejected, &r.NotSent, &r.Unknown,
		&r.Returned,
		&r.Paid, &r.Unpaid, &r.Revenue, &r.Payout, &r.Unsold, &r.Resubmitted, &r.Remediated, &r.Credits,
		&r.Clawbacks}
}

// add adds the sums of another row.
func (r *Row) add(o *Row) {
	for _, x := range [][2]*int64{{&r.Leads, &o.Leads}, {&r.Quoted, &o.Quoted}, {&r.Sold, &o.Sold},
		{&r.Asked, &o.Asked}, {&r.Answered, &o.Answered}, {&r.Listed, &o.Listed},
		{&r.Looked, &o.Looked}, {&r.Capped, &o.Capped}, {&r.Late, &o.Late}, {&r.Torn, &o.Torn}, {&r.Paid, &o.Paid},
		{&r.Unpaid, &o.Unpaid}, {&r.took, &o.took},
		{&r.Bids, &o.Bids}, {&r.Won, &o.Won}, {&r.Posts, &o.Posts},
		{&r.Accepted, &o.Accepted}, {&r.Rejected, &o.Rejected}, {&r.NotSent, &o.NotSent}, {&r.Unknown, &o.Unknown},
		{&r.Returned, &o.Returned}, {&r.Unsold, &o.Unsold}, {&r.Resubmitted, &o.Resubmitted},
		{&r.Remediated, &o.Remediated}} {
		*x[0] += *x[1]
	}
	r.BidsMicros, r.Revenue, r.Payout = r.BidsMicros+o.BidsMicros, r.Revenue+o.Revenue, r.Payout+o.Payout
	r.Credits, r.Clawbacks = r.Credits+o.Credits, r.Clawbacks+o.Clawbacks
}

// finish reckons what follows from the sums.
func (r *Row) finish() {
	r.Revenue, r.Payout = r.Revenue-r.Credits, r.Payout-r.Clawbacks
	r.Margin = r.Revenue - r.Payout
	r.BidRate, r.WinRate = ppm(r.Bids-r.Listed, r.Asked), ppm(r.Won, r.Bids)
	r.AcceptRate = ppm(r.Accepted, r.Accepted+r.Rejected)
	r.ReturnRate, r.RemediationRate = ppm(r.Returned, r.Accepted), ppm(r.Remediated, r.Unsold)
	if r.Bids > 0 {
		mean := (r.BidsMicros / lead.Money(r.Bids)).RoundCents()
		r.MeanBid = &mean
	}
}

func ppm(n, of int64) *int64 {
	if of <= 0 {
		return nil
	}
	p := lead.SharePPM(n, of)
	return &p
}

// Figures adds up. An error is a *BadQuery where it is the asker's.
func (v *View) Figures(ctx context.Context, a Ask) (*Figures, error) {
	if err := a.check(time.Now()); err != nil {
		return nil, err
	}
	f := &Figures{By: a.By, Zone: a.Zone.String(), Rows: []Row{}, Leads: a.countsLeads()}
	if f.By == nil {
		f.By = []string{}
	}
	f.Since, f.Until = inZone(a.Since, a.Zone), inZone(a.Until, a.Zone)
	read := func(ctx context.Context, tx *sql.Tx, s *sums) error {
		if err := s.bids(ctx, tx); err != nil {
			return err
		}
		if err := s.attempts(ctx, tx); err != nil || !f.Leads {
			return err
		}
		return s.leads(ctx, tx)
	}
	s, before := newSums(a), (*sums)(nil)
	if a.Compare {
		was := a
		was.Since, was.Until = a.before()
		f.BeforeSince, f.BeforeUntil = inZone(was.Since, a.Zone), inZone(was.Until, a.Zone)
		before = newSums(was)
	}
	err := v.ask(ctx, figuresFor, true, func(ctx context.Context, db *sql.DB) error {
		st := v.Status()
		f.UpToSeq, f.Behind = st.UpToSeq, st.Behind
		// in one transaction: all is of one moment
		tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
		if err != nil {
			return err
		}
		defer tx.Rollback()
		if before != nil {
			if err := read(ctx, tx, before); err != nil {
				return err
			}
		}
		return read(ctx, tx, s)
	})
	if err != nil {
		return nil, err
	}
	f.BidsFrom = inZone(s.bidsFrom, a.Zone)
	f.Rows, f.Totals = s.end(before)
	return f, nil
}

func inZone(t time.Time, zone *time.Location) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.In(zone)
	return &t
}

// check looks whether it can be asked so, and makes the range one of whole hours.
func (a *Ask) check(now time.Time) error {
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
	if a.by("bid_band") && a.cut() != cutBand {
		return &BadQuery{"by", "bid_band without state, sub_id and refusal"}
	}
	if a.Compare {
		switch {
		case a.by("hour") || a.by("day") || a.by("month"):
			return &BadQuery{"compare", "figures that are not told apart by time"}
		case a.Since.IsZero():
			return &BadQuery{"compare", "since: that says how long the time before is"}
		case a.Until.IsZero():
			a.Until = now
		}
	}
	if !a.Since.IsZero() {
		a.Since = a.Since.UTC().Truncate(time.Hour)
	}
	if t := a.Until.UTC().Truncate(time.Hour); !a.Until.IsZero() && t.Before(a.Until) {
		a.Until = t.Add(time.Hour)
	}
	if a.Compare && !a.Since.Before(a.Until) {
		return &BadQuery{"until", "a time after since"}
	}
	return nil
}

func (a *Ask) by(dim string) bool { return slices.Contains(a.By, dim) }

// fine is the cut of what has to be told apart by several things at once: there are no sums of it.
const fine = -1

// cut is the cut in which there is what is asked for, or fine.
func (a *Ask) cut() int {
	cut := cutPlain
	for i, needs := range [cuts]bool{cutRefusal: a.by("refusal"), cutBand: a.by("bid_band"),
		cutState: a.by("state") || a.State != "", cutSubID: a.by("sub_id") || a.SubID != ""} {
		switch {
		case !needs:
		case cut == cutPlain:
			cut = i
		default:
			return fine
		}
	}
	if a.fromRows && cut != cutBand {
		return fine
	}
	return cut
}

// countsLeads tells whether a lead belongs to one row: campaigns share leads.
func (a *Ask) countsLeads() bool {
	return a.Buyer == "" && a.Campaign == "" && !a.by("buyer") && !a.by("campaign") && !a.by("refusal") &&
		!a.by("bid_band")
}

// before is as long a time before: months before whole months, days before whole days, in the zone.
func (a *Ask) before() (since, until time.Time) {
	from, to := a.Since.In(a.Zone), a.Until.In(a.Zone)
	midnight := func(t time.Time) bool { return t.Hour() == 0 && t.Minute() == 0 }
	switch {
	case !midnight(from) || !midnight(to):
		return a.Since.Add(-a.Until.Sub(a.Since)), a.Since
	case from.Day() == 1 && to.Day() == 1:
		months := (to.Year()-from.Year())*12 + int(to.Month()) - int(from.Month())
		return from.AddDate(0, -months, 0).UTC(), a.Since
	}
	days := int(dayOf(to).Sub(dayOf(from)) / (24 * time.Hour))
	return from.AddDate(0, 0, -days).UTC(), a.Since
}

// dayOf is a day without its zone.
func dayOf(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
}

// sums gathers rows.
type sums struct {
	ask      *Ask
	rows     map[string]*summed
	bidsFrom time.Time
}

func newSums(a Ask) *sums { return &sums{ask: &a, rows: map[string]*summed{}} }

// summed are the sums of one row.
type summed struct {
	Row
	order int64   // by what rows of times and of bands are put in order
	hists [4]hist // by kind
}

func (s *summed) add(o *summed) {
	s.Row.add(&o.Row)
	for kind, h := range o.hists {
		for b, n := range h {
			s.hist(kind).addTo(b, n)
		}
	}
}

func (s *summed) hist(kind int) hist {
	if s.hists[kind] == nil {
		s.hists[kind] = hist{}
	}
	return s.hists[kind]
}

// kept adds up all that is asked for from the sums that are kept.
func (s *sums) kept(ctx context.Context, tx *sql.Tx) error {
	parts, err := s.ask.parts(ctx, tx)
	for i := 0; i < len(parts) && err == nil; i++ {
		err = s.part(ctx, tx, parts[i])
	}
	return err
}

// part is a stretch of time, in seconds, and whether days are read of it or hours.
type part struct {
	days     bool
	from, to int64
}

// parts takes the range apart: days of UTC that are of one row are read as days.
func (a *Ask) parts(ctx context.Context, tx *sql.Tx) (out []part, err error) {
	var first, last *int64
	cut := a.cut() + byDay
	err = tx.QueryRowContext(ctx,
		"select (select min(at) from _sum where cut = ?), (select max(at) from _sum where cut = ?)",
		cut, cut).Scan(&first, &last)
	if err != nil || first == nil {
		return nil, err
	}
	from, to := *first, *last+daySeconds
	if !a.Since.IsZero() {
		from = max(from, a.Since.Unix())
	}
	if !a.Until.IsZero() {
		to = min(to, a.Until.Unix())
	}
	for at := from; at < to; {
		next := min(at-at%daySeconds+daySeconds, to)
		p := part{next-at == daySeconds && a.times(at) == a.times(next-1), at, next}
		if n := len(out); n > 0 && out[n-1].days == p.days {
			out[n-1].to = next
		} else {
			out = append(out, p)
		}
		at = next
	}
	return out, nil
}

// times is what rows are told apart by at a time.
func (a *Ask) times(at int64) (out string) {
	for _, d := range a.By {
		if layout := ofTime[d]; layout != "" {
			out += time.Unix(at, 0).In(a.Zone).Format(layout) + "|"
		}
	}
	return out
}

// part adds up one stretch of time from the sums that are kept.
func (s *sums) part(ctx context.Context, tx *sql.Tx, p part) error {
	a, plus := s.ask, 0
	if p.days {
		plus = byDay
	}
	var what []string
	for _, c := range sumColumns {
		what = append(what, "sum(s."+c+")")
	}
	w := &where{}
	w.and("s.cut = ? and s.at >= ? and s.at < ?", a.cut()+plus, p.from, p.to)
	from := "_sum s join _origin o on o.id = s.origin"
	if !a.countsLeads() { // else leads, which are of no campaign, are in it
		from += " join _campaign c on c.id = s.campaign"
	}
	text, args := s.query(strings.Join(what, ", "), from, "s.part", "s.at", w)
	err := s.run(ctx, tx, text, args, (*Row).columns)
	if err != nil || a.cut() != cutPlain {
		return err
	}
	return s.histograms(ctx, tx, plus, p)
}

// histograms adds up histograms. They are kept by campaign, source, vertical and currency only.
func (s *sums) histograms(ctx context.Context, tx *sql.Tx, plus int, p part) error {
	w := &where{}
	w.and("h.kind between ? and ? and h.at >= ? and h.at < ?", histPings+plus, histPrices+plus, p.from, p.to)
	text, args := s.statement("h.kind, h.counts",
		"_hist h join _campaign c on c.id = h.campaign join _origin o on o.id = h.origin", "0", "h.at", w, false)
	var kind int
	var counts []byte
	return s.each(ctx, tx, text, args, []any{&kind, &counts}, func(to *summed) error {
		return to.hist(kind - plus).merge(counts)
	})
}

// query makes a statement that groups by what was asked for. Hours are grouped by here, and put together by the zone
// afterwards. part (a refusal or a band) and at (seconds) are columns of the table.
func (s *sums) query(what, from, part, at string, w *where) (text string, args []any) {
	return s.statement(what, from, part, at, w, true)
}

func (s *sums) statement(what, from, part, at string, w *where, grouped bool) (text string, args []any) {
	columns := map[string]string{"buyer": "c.buyer", "campaign": "c.campaign", "source": "o.source",
		"sub_id": "o.sub_id", "vertical": "o.vertical", "state": "o.state", "refusal": part, "bid_band": part}
	if !strings.HasPrefix(from, "_sum ") {
		columns["bid_band"] = bandOfAttempt
	}
	var by []string
	timed := "0"
	for _, d := range s.ask.By {
		if ofTime[d] != "" {
			timed = at
			continue
		}
		by = append(by, columns[d])
	}
	by = append(by, "o.currency", timed)
	for column, value := range map[string]string{"c.buyer": s.ask.Buyer, "c.campaign": s.ask.Campaign,
		"o.source": s.ask.Source, "o.vertical": s.ask.Vertical, "o.state": s.ask.State, "o.sub_id": s.ask.SubID} {
		if value != "" {
			w.and(column+" = ?", value)
		}
	}
	text = "select " + strings.Join(by, ", ") + ", " + what + " from " + from + " where " + w.all()
	if grouped {
		if timed == "0" {
			by = by[:len(by)-1]
		}
		text += " group by " + strings.Join(by, ", ")
	}
	return text, w.args
}

// run adds what a statement gives. into are the sums of a row, in the order of its columns.
func (s *sums) run(ctx context.Context, tx *sql.Tx, text string, args []any, into func(*Row) []any) error {
	var one Row
	return s.each(ctx, tx, text, args, into(&one), func(to *summed) error {
		to.Row.add(&one)
		return nil
	})
}

// each hands over the row that each row of a statement belongs to; into are its columns behind those of the row's key.
func (s *sums) each(ctx context.Context, tx *sql.Tx, text string, args, into []any, f func(*summed) error) error {
	rows, err := tx.QueryContext(ctx, text, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	var number, at int64
	var currency string
	values := make([]string, len(s.ask.By))
	var to []any
	for i, d := range s.ask.By {
		switch {
		case ofTime[d] != "":
		case d == "refusal" || d == "bid_band":
			to = append(to, &number)
		default:
			to = append(to, &values[i])
		}
	}
	to = append(append(to, &currency, &at), into...)
	for rows.Next() {
		if err := rows.Scan(to...); err != nil {
			return err
		}
		key := make([]string, len(values))
		for i, d := range s.ask.By {
			switch layout := ofTime[d]; {
			case layout != "":
				key[i] = time.Unix(at, 0).In(s.ask.Zone).Format(layout)
			case d == "refusal":
				key[i] = named(lead.Refusal(number))
			case d == "bid_band":
				key[i] = bandName(number)
			default:
				key[i] = values[i]
			}
		}
		if err := f(s.row(key, currency, at, number)); err != nil {
			return err
		}
	}
	return rows.Err()
}

// bandOfAttempt is the band of an attempt's bid, in SQL.
var bandOfAttempt = func() string {
	text := "case when a.bid <= 0 then 0"
	for i, to := range bands[1:] {
		text += fmt.Sprintf(" when a.bid < %d then %d", to*int64(lead.Unit), i+1)
	}
	return text + fmt.Sprintf(" else %d end", len(bands))
}()

// bandName is a band of bids in words: from (and with) up to.
func bandName(n int64) string {
	switch {
	case n < 1 || n > int64(len(bands)):
		return ""
	case n == int64(len(bands)):
		return fmt.Sprintf("%d and more", bands[n-1])
	}
	return fmt.Sprintf("%d to %d", bands[n-1], bands[n])
}

func (s *sums) row(key []string, currency string, at, number int64) *summed {
	name := strings.Join(key, "\x00") + "\x00" + currency
	r := s.rows[name]
	order := at
	if s.ask.by("bid_band") && ofTime[s.ask.By[0]] == "" {
		order = number
	}
	if r == nil {
		r = &summed{Row: Row{Key: key, Currency: currency}, order: order}
		s.rows[name] = r
	}
	r.order = min(r.order, order)
	return r
}
