// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/goccy/go-json"

	"clearpost/lead"
)

// Told is a finding as it is told.
type Told struct {
	Class   string     `json:"class"`
	Why     string     `json:"why,omitempty"`
	Here    lead.Money `json:"here_micros"`
	There   lead.Money `json:"there_micros"`
	Diff    lead.Money `json:"difference_micros"`
	Ours    *ToldOurs  `json:"ours,omitempty"`
	Rows    []ToldRow  `json:"rows"`
	Command string     `json:"follow_up,omitempty"` // what a person may run, if they are right
}

// ToldOurs is an attempt of ours in a finding.
type ToldOurs struct {
	Attempt   lead.ID    `json:"attempt"`
	Lead      lead.ID    `json:"lead_id"`
	Campaign  string     `json:"campaign"`
	At        time.Time  `json:"at"`
	Reference string     `json:"reference,omitempty"`
	Outcome   string     `json:"outcome"`
	Price     lead.Money `json:"price_micros"`
	Credit    lead.Money `json:"credit_micros,omitempty"`
}

// ToldRow is a row of theirs in a finding.
type ToldRow struct {
	Place     int64      `json:"row"` // its line; in a workbook or a list of objects its number
	Reference string     `json:"reference,omitempty"`
	At        *time.Time `json:"at,omitempty"`
	Amount    lead.Money `json:"amount_micros"`
	Says      string     `json:"says,omitempty"`
	Stage     string     `json:"matched_by,omitempty"`
}

func (f *Finding) told(statement, reason string) *Told {
	t := &Told{Class: f.Class, Why: f.Why, Here: f.Here, There: f.There, Diff: f.Diff(), Rows: []ToldRow{}}
	if o := f.Ours; o != nil {
		outcome := o.Outcome.String()
		if o.Outcome == lead.OutcomeNone {
			outcome = "open"
		}
		t.Ours = &ToldOurs{o.Attempt, o.Lead, o.Campaign, o.At, o.Reference, outcome, o.Price, o.Credit}
	}
	for i := range f.Rows {
		r := &f.Rows[i]
		row := ToldRow{Place: r.Place, Reference: r.Reference, Amount: r.Amount, Says: r.Says.String(), Stage: r.Stage}
		if !r.Time.From.IsZero() {
			row.At = &r.Time.From
		}
		t.Rows = append(t.Rows, row)
	}
	if f.Follow != nil {
		f.Follow.Reason = reason
		t.Command = f.Follow.Command(statement)
	}
	return t
}

// Finish explains everything, keeps the findings about which something has to be done (and with all the others too),
// and returns what they come to. statement is the file's name, for the reasons that commands give.
func (b *Book) Finish(ctx context.Context, statement string, all bool) (*Summary, error) {
	b.opt.Progress("explaining", 0, b.ours+b.theirs)
	if err := b.run("create index theirs_o on theirs (o, n)"); err != nil {
		return nil, err
	}
	t := &tally{s: &b.summary, sums: map[[2]string]*Sum{}, stages: map[string]int64{}}
	keep := func(f *Finding, first bool) error {
		if t.take(f, first); f.Quiet() && !all {
			return nil
		}
		body, err := json.Marshal(f.told(statement, b.opt.Reason))
		if err != nil {
			return err
		}
		err = b.exec("insert into finding values (null, ?, ?, ?)", slices.Index(Classes, f.Class), f.Quiet(), body)
		return errors.Join(err, b.wrote())
	}
	if err := b.explainOurs(ctx, keep); err != nil {
		return nil, err
	}
	if err := b.explainTheirs(ctx, keep); err != nil {
		return nil, err
	}
	if err := b.run("create index finding_class on finding (class, n); commit; begin"); err != nil {
		return nil, err
	}
	return &b.summary, t.finish()
}

// explainOurs explains each of ours with the rows that are of it, by chunks.
func (b *Book) explainOurs(ctx context.Context, keep func(*Finding, bool) error) error {
	s, err := b.stmt("select " + oursColumns + ", t.n is not null, " + sometimes + ` from ours o left join theirs t on t.o = o.n
		where o.n > ? and o.n <= ? and (t.n is not null or o.inside and (o.test or o.outcome in (0, 1, 6)))
		order by o.n, t.n`)
	if err != nil {
		return err
	}
	for from := int64(0); from < b.ours; from += chunk {
		if err := ctx.Err(); err != nil {
			return err
		}
		b.opt.Progress("explaining", from, b.ours+b.theirs)
		groups, err := scanGroups(s.Query(from, from+chunk))
		if err != nil {
			return err
		}
		for i := range groups {
			for k, f := range classify(&groups[i].ours, groups[i].rows) {
				if err := keep(&f, k == 0); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// sometimes are the columns of theirs where there may be none.
const sometimes = `coalesce(t.n, 0), coalesce(t.place, 0), t.id, coalesce(t.ref, ''), '', '', t.since, t.until,
	coalesce(t.amount, 0), coalesce(t.priced, 0), coalesce(t.says, 0), coalesce(t.stage, 0)`

// group is one of ours with the rows of it.
type group struct {
	ours Ours
	rows []Match
}

func scanGroups(rows *sql.Rows, err error) (out []group, _ error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var o scanOurs
		var t scanTheirs
		var matched bool
		if err := rows.Scan(append(append(o.to(), &matched), t.to()...)...); err != nil {
			return nil, err
		}
		if k := len(out); k == 0 || out[k-1].ours.N != o.o.N {
			out = append(out, group{ours: o.ours()})
		}
		if matched {
			last := &out[len(out)-1]
			last.rows = append(last.rows, t.match())
		}
	}
	return out, rows.Err()
}

// explainTheirs explains the rows that are of nothing of ours.
func (b *Book) explainTheirs(ctx context.Context, keep func(*Finding, bool) error) error {
	for from := int64(0); from < b.theirs; from += chunk {
		if err := ctx.Err(); err != nil {
			return err
		}
		b.opt.Progress("explaining", b.ours+from, b.ours+b.theirs)
		rows, err := b.unmatched(from, "true")
		if err != nil {
			return err
		}
		for i := range rows {
			f := lone(rows[i].match())
			if err := keep(&f, false); err != nil {
				return err
			}
		}
	}
	return nil
}

// Each hands over the findings that were kept, class by class, as they are told; raw is their JSON.
func (b *Book) Each(ctx context.Context, fn func(t *Told, raw []byte) error) error {
	s, err := b.stmt("select class, n, body from finding where (class, n) > (?, ?) order by class, n limit 1000")
	if err != nil {
		return err
	}
	for class, n := int64(-1), int64(0); ; {
		if err := ctx.Err(); err != nil {
			return err
		}
		var bodies [][]byte
		rows, err := s.Query(class, n)
		if err != nil {
			return err
		}
		for rows.Next() {
			var body []byte
			if err := rows.Scan(&class, &n, &body); err != nil {
				return errors.Join(err, rows.Close())
			}
			bodies = append(bodies, body)
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil || len(bodies) == 0 {
			return err
		}
		for _, body := range bodies {
			var t Told
			if err := json.Unmarshal(body, &t); err != nil {
				return err
			}
			if err := fn(&t, body); err != nil {
				return err
			}
		}
	}
}
