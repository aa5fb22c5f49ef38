// SPDX-License-Identifier: Apache-2.0

package report

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"clearpost/lead"
)

// where collects conditions.
type where struct {
	text []string
	args []any
}

func (w *where) and(text string, args ...any) {
	w.text, w.args = append(w.text, text), append(w.args, args...)
}

// all are the conditions in one; every row where there are none.
func (w *where) all() string {
	if len(w.text) == 0 {
		return "true"
	}
	return strings.Join(w.text, " and ")
}

// among is a statement that gives the numbers of leads.
type among struct {
	text string
	args []any
}

// finder answers one search. Names are looked up first: nothing has a name that is not there. Then the condition that
// is of few leads tells which ones are looked at; where there is none, all are, from the newest on.
type finder struct {
	ctx   context.Context
	tx    *sql.Tx
	key   *personKey
	q     *Query
	out   *Found
	until time.Time

	leads    where   // of a lead l
	attempts where   // of an attempt a, all of one
	sets     []among // each of leads among which those are that are found, by an index
	nothing  bool    // no lead can be like this
}

func (f *finder) find() error {
	for _, step := range []func() error{f.ofLead, f.ofOrigin, f.ofPerson, f.ofName, f.ofAttempt} {
		if err := step(); err != nil || f.nothing {
			return err
		}
	}
	if len(f.attempts.text) > 0 {
		f.leads.and("exists (select 1 from _attempt a where a.lead = l.n and "+f.attempts.all()+")", f.attempts.args...)
	}
	few, err := f.few()
	if err != nil {
		return err
	}
	lo, hi, err := f.span()
	if err != nil {
		return err
	}
	if few != nil {
		f.leads.and("l.n in ("+few.text+")", few.args...)
		_, err = f.page(lo, hi, -1)
		return err
	}
	return f.look(lo, hi)
}

// span is from which lead on, and before which one, leads of the time are that is asked for. Leads come into the ledger
// in the order of their times but for moments.
func (f *finder) span() (lo, hi int64, err error) {
	const slack = time.Hour
	if hi = 1 << 62; f.q.Before > 0 {
		hi = int64(f.q.Before)
	}
	if !f.q.Until.IsZero() {
		n := hi
		err = f.tx.QueryRowContext(f.ctx, "select coalesce((select n from _lead where at >= ? order by at limit 1), ?)",
			f.q.Until.Add(slack).UnixMicro(), hi).Scan(&n)
		hi = min(hi, n)
	}
	if !f.q.Since.IsZero() && err == nil {
		err = f.tx.QueryRowContext(f.ctx, `select coalesce((select n from _lead where at >= ? order by at limit 1),
			(select max(n) + 1 from _lead), 0)`, f.q.Since.Add(-slack).UnixMicro()).Scan(&lo)
	}
	return lo, hi, err
}

// look looks at all leads from the newest on, for a while.
func (f *finder) look(lo, hi int64) error {
	for {
		last, err := f.page(lo, hi, lookLeads)
		if err != nil || f.out.Next != 0 || last <= lo {
			return err
		}
		if hi = last; time.Now().After(f.until) {
			f.out.Next = uint64(hi)
			return nil
		}
	}
}

// page adds the leads from lo up to hi that are like what is asked for, the newest first, until the answer is full.
// With a most of at least 0 it looks at no more than so many, and returns where it has stopped; 0: it has looked at
// all.
func (f *finder) page(lo, hi int64, most int) (last int64, err error) {
	if most >= 0 {
		err := f.tx.QueryRowContext(f.ctx, `select coalesce((select n from _lead where n < ? and n >= ? order by n desc
			limit 1 offset ?), 0)`, hi, lo, most-1).Scan(&last)
		if err != nil {
			return 0, err
		}
	}
	args := append(slices.Clone(f.leads.args), hi, max(lo, last), f.q.Limit-len(f.out.Leads)+1)
	rows, err := f.tx.QueryContext(f.ctx, `select l.n, l.id, l.at, o.source, o.vertical, o.currency, o.state,
		iif(l.sub_id = '', o.sub_id, l.sub_id), l.sub_id2, l.sub_id3, l.seller, l.one_shot, l.test, l.asked, l.answered,
		l.bids, l.best, l.quote, l.result, l.refusal, l.posted_at, l.resubmits from _lead l join _origin o on o.id = l.origin where
		`+
		f.leads.all()+" and l.n < ? and l.n >= ? order by l.n desc limit ?", args...)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for rows.Next() {
		if n := len(f.out.Leads); n == f.q.Limit {
			f.out.Next = f.out.Leads[n-1].N
			break
		}
		l, err := scanLead(rows)
		if err != nil {
			return 0, err
		}
		f.out.Leads = append(f.out.Leads, l)
	}
	return last, errors.Join(rows.Err(), rows.Close())
}

// few is the first set of few leads, nil if there is none.
func (f *finder) few() (*among, error) {
	for i := range f.sets {
		var n int
		err := f.tx.QueryRowContext(f.ctx, "select count(*) from ("+f.sets[i].text+" limit ?)",
			append(slices.Clone(f.sets[i].args), fewLeads)...).Scan(&n)
		if err != nil {
			return nil, err
		}
		if n < fewLeads {
			return &f.sets[i], nil
		}
	}
	return nil, nil
}

func (f *finder) set(text string, args ...any) { f.sets = append(f.sets, among{text, args}) }

// ids are those of rows of a table of names; nothing is found where there is none.
func (f *finder) ids(table string, w *where) (in string, args []any, err error) {
	rows, err := f.tx.QueryContext(f.ctx, "select id from "+table+" where "+w.all()+" limit ?",
		append(slices.Clone(w.args), namesIn+1)...)
	if err != nil {
		return "", nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return "", nil, err
		}
		args = append(args, id)
	}
	f.nothing = len(args) == 0
	return "(?" + strings.Repeat(", ?", max(len(args)-1, 0)) + ")", args, rows.Err()
}

func (f *finder) ofLead() error {
	q, w := f.q, &f.leads
	if !q.Tests {
		w.and("l.test = 0")
	}
	if !q.Since.IsZero() {
		w.and("l.at >= ?", q.Since.UnixMicro())
	}
	if !q.Until.IsZero() {
		w.and("l.at < ?", q.Until.UnixMicro())
	}
	if q.Seller != "" {
		seller := f.key.text(q.Seller)
		w.and("l.seller = ?", seller)
		f.set("select n from _lead where seller <> '' and seller = ?", seller)
	}
	if q.Result != "" {
		i := slices.Index(Results, q.Result) // known by check
		w.and("l.result = ?", i)
		if i == pending {
			f.set("select n from _lead where result = 2")
		}
	}
	return nil
}

// namesIn is how many rows of names a statement lists, which stand in it up to four times: SQLite takes 32,766
// arguments. Where there are more, leads are looked at one by one.
const namesIn = 5000

func (f *finder) ofOrigin() error {
	q, w := f.q, &where{}
	for _, c := range [][2]string{{"source", q.Source}, {"vertical", q.Vertical}, {"state", q.State}} {
		if c[1] != "" {
			w.and(c[0]+" = ?", f.key.text(c[1]))
		}
	}
	if q.SubID != "" {
		w.and("sub_id in (?, ?)", f.key.text(q.SubID), otherSubIDs)
		f.leads.and("(l.sub_id = ? or l.sub_id = '' and o.sub_id = ?)", f.key.text(q.SubID), f.key.text(q.SubID))
	}
	if len(w.text) == 0 {
		return nil
	}
	in, ids, err := f.ids("_origin", w)
	if err != nil || f.nothing {
		return err
	}
	if len(ids) > namesIn {
		f.leads.and("l.origin in (select id from _origin where "+w.all()+")", w.args...)
		return nil
	}
	f.leads.and("l.origin in "+in, ids...)
	f.set("select n from _lead where origin in "+in, ids...)
	return nil
}

// ofPerson adds what a search says of the lead's person.
func (f *finder) ofPerson() error {
	for _, c := range [][2]string{{byPhone, f.q.Phone}, {byEmail, f.q.Email}} {
		if c[1] != "" {
			normal, _ := normalPerson(c[0], c[1], f.q.Region) // known by check
			f.person(c[0], normal)
		}
	}
	if name := nameOf(f.q.Person); name != "" {
		f.leads.and("l.n in (select lead from _person where key in (?, ?))", f.key.hash(byName, name),
			f.key.hash(byLastName, name))
		f.set("select lead from _person where key in (?, ?)", f.key.hash(byName, name), f.key.hash(byLastName, name))
	}
	return nil
}

func (f *finder) person(kind, normal string) {
	f.leads.and("l.n in (select lead from _person where key = ?)", f.key.hash(kind, normal))
	f.set("select lead from _person where key = ?", f.key.hash(kind, normal))
}

// ofName adds what leads may be called by.
func (f *finder) ofName() error {
	q := f.q
	if q.Name == "" {
		return nil
	}
	var s among
	or := func(text string, args ...any) {
		if s.text != "" {
			s.text += " union "
		}
		s.text, s.args = s.text+text, append(s.args, args...)
	}
	if id, err := lead.ParseID(q.Name); err == nil {
		or(`select n from _lead where id = ? union select lead from _attempt where id = ? union
			select a.lead from _resend r join _attempt a on a.id = r.attempt where r.id = ?`, id[:], id[:], id[:])
	} else {
		or("select lead from _attempt where reference <> '' and reference = ?", f.key.text(q.Name))
		or("select n from _lead where seller <> '' and seller = ?", f.key.text(q.Name))
		if who, what, ok := strings.Cut(q.Name, ":"); ok {
			or(`select a.lead from _attempt a join _campaign c on c.id = a.campaign where a.reference <> '' and
				a.reference = ? and (c.campaign = ? or c.buyer = ?)`, f.key.text(what), who, who)
			or(`select l.n from _lead l join _origin o on o.id = l.origin where l.seller <> '' and l.seller = ? and
				o.source = ?`, f.key.text(what), who)
		}
		for _, kind := range []string{byPhone, byEmail} {
			if normal, ok := normalPerson(kind, q.Name, q.Region); ok {
				or("select lead from _person where key = ?", f.key.hash(kind, normal))
			}
		}
		if name := nameOf(q.Name); strings.Contains(name, " ") {
			or("select lead from _person where key = ?", f.key.hash(byName, name))
		}
	}
	f.leads.and("l.n in ("+s.text+")", s.args...)
	f.sets = append(f.sets, s)
	return nil
}

// ofAttempt adds what a search says of an attempt.
func (f *finder) ofAttempt() error {
	q, a := f.q, &f.attempts
	if q.Reference != "" {
		reference := f.key.text(q.Reference)
		a.and("a.reference <> '' and a.reference = ?", reference)
		f.set("select lead from _attempt where reference <> '' and reference = ?", reference)
	}
	if !q.Attempt.IsZero() {
		a.and("a.id = ?", q.Attempt[:])
		f.set("select lead from _attempt where id = ?", q.Attempt[:])
	}
	if err := f.ofCampaign(); err != nil || f.nothing {
		return err
	}
	if q.Outcome != "" {
		i := slices.Index(Outcomes(), q.Outcome) // known by check
		a.and("a.outcome = ?", i)
		if i != int(lead.Accepted) && i != int(lead.Rejected) {
			f.set("select lead from _attempt where outcome not in (1, 2) and outcome = ?", i)
		}
	}
	if q.PriceMin != nil || q.PriceMax != nil {
		low, high := lead.Money(-1<<62), lead.Money(1<<62)
		if q.PriceMin != nil {
			low = *q.PriceMin
		}
		if q.PriceMax != nil {
			high = *q.PriceMax
		}
		a.and("a.outcome = 1 and a.price between ? and ?", int64(low), int64(high))
		f.set("select lead from _attempt where outcome = 1 and price between ? and ?", int64(low), int64(high))
	}
	switch r := int64(q.Refusal); {
	case r == 0:
	case len(a.text) > 0:
		a.and("a.refusal = ?", r)
	default:
		f.leads.and("(l.refusal = ? or exists (select 1 from _attempt a where a.lead = l.n and a.refusal = ?))", r, r)
		if q.Refusal != lead.NoBids && q.Refusal != lead.NoEligible { // of most leads
			f.set(`select n from _lead where refusal not in (0, 500, 504) and refusal = ? union all
				select lead from _attempt where campaign in (select id from _campaign) and refusal = ?`, r, r)
		}
	}
	return nil
}

func (f *finder) ofCampaign() error {
	q, w := f.q, &where{}
	if q.Buyer != "" {
		w.and("buyer = ?", q.Buyer)
	}
	if q.Campaign != "" {
		w.and("campaign = ?", q.Campaign)
	}
	if len(w.text) == 0 {
		return nil
	}
	in, ids, err := f.ids("_campaign", w)
	if err != nil || f.nothing {
		return err
	}
	if len(ids) > namesIn {
		f.attempts.and("a.campaign in (select id from _campaign where "+w.all()+")", w.args...)
		return nil
	}
	f.attempts.and("a.campaign in "+in, ids...)
	if q.Refusal != lead.NoRefusal {
		f.set("select lead from _attempt where campaign in "+in+" and refusal = ?",
			append(slices.Clone(ids), int64(q.Refusal))...)
		return nil
	}
	f.set("select lead from _attempt where campaign in "+in, ids...)
	return nil
}

// check looks whether it can be asked so.
func (q *Query) check() error {
	if q.Limit < 1 || q.Limit > FindMax {
		return &BadQuery{"limit", fmt.Sprintf("1 to %d", FindMax)}
	}
	if q.Result != "" && !slices.Contains(Results, q.Result) {
		return &BadQuery{"result", strings.Join(Results, ", ")}
	}
	if q.Outcome != "" && !slices.Contains(Outcomes(), q.Outcome) {
		return &BadQuery{"outcome", strings.Join(Outcomes(), ", ")}
	}
	for kind, value := range map[string]string{byPhone: q.Phone, byEmail: q.Email} {
		if _, ok := normalPerson(kind, value, q.Region); !ok && value != "" {
			return &BadQuery{kind, "one that a lead may have, as it is written in " + regionOf(q.Region)}
		}
	}
	return nil
}

func regionOf(region string) string {
	if region == "" {
		return "US"
	}
	return strings.ToUpper(region)
}

// normalPerson is the normal form of a phone number or an e-mail address, as leads have it.
func normalPerson(kind, text, region string) (string, bool) {
	s, errs := lead.NewSchemaWith("report", nil, lead.Options{Region: regionOf(region)})
	if errs != nil {
		return "", false
	}
	var l lead.Lead
	l.Reset(s)
	pos, _ := s.Position(kind)
	l.Set(pos, []byte(text))
	if l.Slot(pos).State != lead.Valid {
		return "", false
	}
	normal := string(l.Normal(pos))
	return normal, kindOf(normal) == kind
}
