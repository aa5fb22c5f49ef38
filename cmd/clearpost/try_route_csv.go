// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"clearpost/exchange"
	"clearpost/exchange/intake"
	"clearpost/lead"
)

// csvRowMax bounds what is read of one row, so that a quote that never ends does not fill the memory.
const csvRowMax = 4 << 20

// routedTable is what a file of leads came to.
type routedTable struct {
	Rows       int64           `json:"rows"`
	Unreadable int64           `json:"unreadable"`                 // rows that are none, or without a time
	FirstBad   string          `json:"first_unreadable,omitempty"` // why the first of them is none
	Unknown    []string        `json:"unknown_columns"`
	Config     string          `json:"config"`
	Totals     routedTotals    `json:"totals"`
	Against    *routedTotals   `json:"against,omitempty"` // the same leads under the other configuration
	Changed    int64           `json:"changed"`           // leads that other campaigns win, or for another payout
	Moved      []movedCampaign `json:"moved,omitempty"`
}

type routedTotals struct {
	exchange.RouteTotals
	By []exchange.CampaignTotals `json:"campaigns"`
}

// movedCampaign is what a change does to one campaign.
type movedCampaign struct {
	Campaign string     `json:"campaign"`
	Gained   int64      `json:"gained"` // leads that it wins and did not win before
	Lost     int64      `json:"lost"`   // the other way round
	Revenue  lead.Money `json:"revenue_change_micros"`
}

// table tries a file of leads.
func (c *tryRouteCmd) table(e *env, on []*routing, now time.Time) error {
	in, size := e.in, int64(0)
	if c.CSV != "-" {
		f, err := os.Open(c.CSV)
		if err != nil {
			return err
		}
		defer f.Close()
		if info, err := f.Stat(); err == nil {
			size = info.Size()
		}
		in = f
	}
	t, err := newTableTrial(c, on, in, now)
	if err != nil {
		return fmt.Errorf("%s: %w", c.CSV, err)
	}
	told := time.Now()
	for e.ctx.Err() == nil {
		more, err := t.next()
		if err != nil {
			return fmt.Errorf("%s: %w", c.CSV, err)
		}
		if !more {
			break
		}
		if t.out.Rows%256 == 0 && time.Since(told) > time.Second/2 {
			told = time.Now()
			text := fmt.Sprintf("%d leads", t.out.Rows)
			if size > 0 {
				text += fmt.Sprintf(", %d %%", 100*t.csv.InputOffset()/size)
			}
			tellProgress(e.err, text)
		}
	}
	tellProgress(e.err, "")
	if e.ctx.Err() != nil {
		return fmt.Errorf("interrupted after %d leads", t.out.Rows)
	}
	out := t.finish()
	if c.JSON {
		return printJSON(e.out, out)
	}
	w := bufio.NewWriter(e.out)
	tellTable(w, out, c, on)
	return w.Flush()
}

// tableTrial is a table under way.
type tableTrial struct {
	c       *tryRouteCmd
	on      []*routing
	now     time.Time
	csv     *csv.Reader
	room    *roomReader
	timeAt  int // column with the time; -1: none
	rows    []*intake.Rows
	leads   []*lead.Lead
	totals  []*exchange.RouteTotals
	out     routedTable
	gained  map[string]int64
	lost    map[string]int64
	results []*exchange.Routed
}

func newTableTrial(c *tryRouteCmd, on []*routing, in io.Reader, now time.Time) (*tableTrial, error) {
	t := &tableTrial{c: c, on: on, now: now, timeAt: -1, gained: map[string]int64{}, lost: map[string]int64{},
		room: &roomReader{in: in, left: csvRowMax}, results: make([]*exchange.Routed, len(on))}
	buf := bufio.NewReaderSize(t.room, 64<<10)
	head, err := buf.Peek(3)
	if err == nil && string(head) == "\xef\xbb\xbf" {
		buf.Discard(3)
	}
	head, _ = buf.Peek(4096)
	t.csv = csv.NewReader(buf)
	t.csv.Comma, t.csv.FieldsPerRecord, t.csv.ReuseRecord = delimiter(head), -1, true
	header, err := t.csv.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("the file is empty: expected a line with the names of the columns")
	} else if err != nil {
		return nil, err
	}
	columns := slices.Clone(header)
	for i := range columns {
		columns[i] = strings.TrimSpace(columns[i])
	}
	if c.TimeCol != "" {
		if t.timeAt = slices.Index(columns, c.TimeCol); t.timeAt < 0 {
			return nil, fmt.Errorf("--time-column: no column %q: there are %s", c.TimeCol, strings.Join(columns, ", "))
		}
		columns[t.timeAt] = "" // it is no field of the lead
	}
	for _, r := range on {
		l := new(lead.Lead)
		rows := intake.NewRows(r.kind.Schema, r.source, columns)
		t.leads, t.rows, t.totals = append(t.leads, l), append(t.rows, rows), append(t.totals, r.paper.NewRouteTotals())
	}
	t.out.Unknown = slices.DeleteFunc(t.rows[0].Unknown(), func(name string) bool { return name == "" })
	return t, nil
}

// delimiter is what the header has most of: a comma, a semicolon or a tab.
func delimiter(head []byte) rune {
	line, _, _ := strings.Cut(string(head), "\n")
	best := ','
	for _, r := range ";\t" {
		if strings.Count(line, string(r)) > strings.Count(line, string(best)) {
			best = r
		}
	}
	return best
}

// next tries a row; false: there is none left.
func (t *tableTrial) next() (bool, error) {
	t.room.left = csvRowMax
	row, err := t.csv.Read()
	var bad *csv.ParseError
	switch {
	case errors.Is(err, io.EOF):
		return false, nil
	case errors.As(err, &bad):
		t.out.Rows++
		t.unreadable(err)
		return true, nil
	case err != nil:
		return false, err
	}
	t.out.Rows++
	at := t.now
	if t.timeAt >= 0 {
		text := ""
		if t.timeAt < len(row) {
			text = row[t.timeAt]
		}
		if at, err = rowTime(text); err != nil {
			line, _ := t.csv.FieldPos(0)
			t.unreadable(fmt.Errorf("line %d: %w", line, err))
			return true, nil
		}
	}
	for i, r := range t.on {
		l := t.leads[i]
		l.Reset(r.kind.Schema)
		read := t.rows[i].Read(row, l, at)
		if t.results[i], err = r.paper.Route(r.trial(t.c, l, at, &read, uint64(t.out.Rows)),
			exchange.Want{Totals: t.totals[i]}); err != nil {
			return false, err
		}
	}
	if len(t.on) > 1 {
		t.compare(t.results[1], t.results[0])
	}
	return true, nil
}

func (t *tableTrial) unreadable(err error) {
	if t.out.Unreadable++; t.out.FirstBad == "" {
		t.out.FirstBad = err.Error()
	}
}

// rowTime reads when a lead came.
func rowTime(text string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, time.DateTime, time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q: expected a time such as 2026-01-31T15:04:05Z", text)
}

func (t *tableTrial) compare(before, now *exchange.Routed) {
	if before.Payout != now.Payout || !slices.Equal(before.Winners, now.Winners) {
		t.out.Changed++
	}
	for _, id := range now.Winners {
		if !slices.Contains(before.Winners, id) {
			t.gained[id]++
		}
	}
	for _, id := range before.Winners {
		if !slices.Contains(now.Winners, id) {
			t.lost[id]++
		}
	}
}

func (t *tableTrial) finish() *routedTable {
	t.out.Config = t.on[0].cfg.Hash
	t.out.Totals = routedTotals{*t.totals[0], t.totals[0].Campaigns()}
	if len(t.on) == 1 {
		return &t.out
	}
	was := routedTotals{*t.totals[1], t.totals[1].Campaigns()}
	t.out.Against = &was
	revenue := map[string]lead.Money{}
	var ids []string
	for _, c := range t.out.Totals.By {
		ids = append(ids, c.Campaign)
		revenue[c.Campaign] += c.Revenue
	}
	for _, c := range was.By {
		if !slices.Contains(ids, c.Campaign) {
			ids = append(ids, c.Campaign)
		}
		revenue[c.Campaign] -= c.Revenue
	}
	for _, id := range ids {
		if t.gained[id]+t.lost[id] > 0 || revenue[id] != 0 {
			t.out.Moved = append(t.out.Moved, movedCampaign{id, t.gained[id], t.lost[id], revenue[id]})
		}
	}
	return &t.out
}

// roomReader reads as long as there is room for the row.
type roomReader struct {
	in   io.Reader
	left int
}

func (r *roomReader) Read(b []byte) (int, error) {
	if r.left <= 0 {
		return 0, fmt.Errorf("a row is larger than %d bytes: is there a quotation mark that does not end?", csvRowMax)
	}
	n, err := r.in.Read(b)
	r.left -= n
	return n, err
}
