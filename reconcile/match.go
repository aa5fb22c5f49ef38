// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"clearpost/lead"
)

// Stages in which rows are matched: a row that one of them matches, the next ones leave alone.
const (
	byAttempt = iota + 1
	byLead
	byReference
	byLoose
	byPerson
	byTimeAndPrice
)

var stageNames = []string{"", "attempt", "lead", "reference", "similar_reference", "person", "time_and_price"}

// chunk is how many rows are matched at once.
const chunk = 4000

// commonMax is how many rows may have one reference: what more of them have is a word for none.
const commonMax = 50

// candidate is one of ours that a row of theirs may be of.
type candidate struct {
	n        int64
	at       time.Time
	price    lead.Money
	standing bool // a sale, or what may be one
	inside   bool
	taken    bool
}

// claim is a row of theirs that looks for ours.
type claim struct {
	n      int64
	amount lead.Money
	time   Span
	of     []candidate
}

// choose takes of the candidates the one that the row is of most likely, -1 if there is none. A credit looks for what
// another row has, every other row for what none has; then sales, those of the period, the same price and the nearest
// time come first.
func (c *claim) choose() int {
	best := -1
	for i := range c.of {
		if best < 0 || c.better(&c.of[i], &c.of[best]) {
			best = i
		}
	}
	return best
}

func (c *claim) better(a, b *candidate) bool {
	if a.taken != b.taken {
		return a.taken == (c.amount < 0)
	}
	if a.standing != b.standing {
		return a.standing
	}
	if a.inside != b.inside {
		return a.inside
	}
	amount := max(c.amount, -c.amount)
	if same, same2 := a.price == amount, b.price == amount; same != same2 && amount != 0 {
		return same
	}
	if !c.time.From.IsZero() {
		if d, e := c.distance(a), c.distance(b); d != e {
			return d < e
		}
	}
	return a.n < b.n
}

// distance is how far a row's time is from that of one of ours.
func (c *claim) distance(o *candidate) time.Duration {
	switch {
	case o.at.Before(c.time.From):
		return c.time.From.Sub(o.at)
	case !o.at.Before(c.time.To):
		return o.at.Sub(c.time.To)
	}
	return 0
}

// Match matches the rows with ours.
func (b *Book) Match(ctx context.Context) error {
	if err := b.run("commit; begin"); err != nil {
		return err
	}
	// A reference that many rows have is none.
	for _, column := range []string{"ref", "loose"} {
		for _, table := range []string{"theirs", "ours"} {
			if err := b.run(fmt.Sprintf(`create index if not exists theirs_%[1]s on theirs (%[1]s) where %[1]s is not null;
				create temp table common as select %[1]s as r from %[2]s where %[1]s is not null
				group by %[1]s having count(*) > %[3]d;
				update theirs set %[1]s = null where %[1]s in (select r from common);
				drop table common`, column, table, commonMax)); err != nil {
				return err
			}
		}
	}
	for _, s := range []struct{ stage, on string }{{"attempt", "o.attempt = t.id"}, {"lead", "o.lead = t.id"},
		{"reference", "o.ref = t.ref"}, {"similar_reference", "o.loose = t.loose and length(t.loose) > 2"}} {
		if err := b.stage(ctx, slices.Index(stageNames, s.stage), s.on); err != nil {
			return fmt.Errorf("matching by %s: %w", s.stage, err)
		}
	}
	if err := b.persons(ctx); err != nil {
		return fmt.Errorf("matching by person: %w", err)
	}
	if err := b.timeAndPrice(ctx); err != nil {
		return fmt.Errorf("matching by time and price: %w", err)
	}
	return b.run("commit; begin")
}

const candidateColumns = "o.n, o.at, o.price, (o.outcome in (0, 1, 6) and o.test = 0), o.inside"

// stage matches rows by what they have in common with ours.
func (b *Book) stage(ctx context.Context, stage int, on string) error {
	text := `select t.n, t.amount, coalesce(t.since, 0), coalesce(t.until, 0), ` + candidateColumns + `
		from theirs t cross join ours o on ` + on + ` where t.n > ? and t.n <= ? and t.o is null order by t.n`
	s, err := b.stmt(text)
	if err != nil {
		return err
	}
	for from := int64(0); from < b.theirs; from += chunk {
		if err := ctx.Err(); err != nil {
			return err
		}
		b.opt.Progress("matching by "+stageNames[stage], from, b.theirs)
		rows, err := s.Query(from, from+chunk)
		if err != nil {
			return err
		}
		var claims []claim
		for rows.Next() {
			var n, amount, since, until, at, price int64
			var c candidate
			if err := rows.Scan(&n, &amount, &since, &until, &c.n, &at, &price, &c.standing, &c.inside); err != nil {
				return errors.Join(err, rows.Close())
			}
			c.at, c.price = time.UnixMicro(at), lead.Money(price)
			if k := len(claims); k == 0 || claims[k-1].n != n {
				claims = append(claims, claim{n: n, amount: lead.Money(amount), time: span(since, until)})
			}
			last := &claims[len(claims)-1]
			last.of = append(last.of, c)
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return err
		}
		if err := b.settle(claims, stage); err != nil {
			return err
		}
	}
	return nil
}

func span(since, until int64) Span {
	if since == 0 {
		return Span{}
	}
	return Span{time.UnixMicro(since), time.UnixMicro(until)}
}

// settle gives each row the one of ours that it is of.
func (b *Book) settle(claims []claim, stage int) error {
	for i := range claims {
		c := &claims[i]
		for k := range c.of {
			c.of[k].taken = b.isTaken(c.of[k].n)
		}
		k := c.choose()
		if k < 0 {
			continue
		}
		o := c.of[k].n
		if err := b.exec("update theirs set o = ?, stage = ? where n = ?", o, stage, c.n); err != nil {
			return err
		}
		b.taken[o/64] |= 1 << (o % 64)
		if err := b.wrote(); err != nil {
			return err
		}
	}
	return nil
}

// personWindow is how far apart the times of a row and of what another row has already may be, that the row should be
// another one of the same sale.
const personWindow = 36 * time.Hour

// persons matches rows by whom they are of.
func (b *Book) persons(ctx context.Context) error {
	if b.find == nil {
		return nil
	}
	if err := b.run("create index ours_n on ours (lead_n)"); err != nil {
		return err
	}
	for from := int64(0); from < b.theirs; from += chunk {
		if err := ctx.Err(); err != nil {
			return err
		}
		b.opt.Progress("matching by person", from, b.theirs)
		rows, err := b.unmatched(from, "(t.phone is not null or t.email is not null)")
		if err != nil {
			return err
		}
		var claims []claim
		for i := range rows {
			c, err := b.ofPerson(ctx, &rows[i])
			if err != nil {
				return err
			}
			if len(c.of) > 0 {
				claims = append(claims, c)
			}
		}
		if err := b.settle(claims, byPerson); err != nil {
			return err
		}
	}
	return nil
}

// unmatched are the rows of a chunk that nothing has matched, and of which a condition holds.
func (b *Book) unmatched(from int64, cond string) (out []scanTheirs, err error) {
	s, err := b.stmt("select " + theirsColumns + " from theirs t where t.n > ? and t.n <= ? and t.o is null and " +
		cond + " order by t.n")
	if err != nil {
		return nil, err
	}
	rows, err := s.Query(from, from+chunk)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var r scanTheirs
		if err := rows.Scan(r.to()...); err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, rows.Err()
}

// ofPerson finds what a row may be of by its person. What another row has is no candidate, unless the times are near.
func (b *Book) ofPerson(ctx context.Context, r *scanTheirs) (claim, error) {
	m := r.match()
	c := claim{n: r.n, amount: m.Amount, time: m.Time}
	leads, err := b.find.Leads(ctx, m.Phone, m.Email)
	if err != nil {
		return c, err
	}
	for _, l := range leads[:min(len(leads), few)] {
		s, err := b.stmt("select " + candidateColumns + " from ours o where o.lead_n = ? limit 20")
		if err != nil {
			return c, err
		}
		found, err := candidates(s.Query(l))
		if err != nil {
			return c, err
		}
		for _, o := range found {
			if !b.isTaken(o.n) || m.Amount < 0 || !m.Time.From.IsZero() && c.distance(&o) < personWindow {
				c.of = append(c.of, o)
			}
		}
	}
	return c, nil
}
