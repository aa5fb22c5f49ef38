// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"clearpost/lead"
)

// Book holds both sides of a reconciliation in a database of its own, in a directory that Close deletes. It is one
// goroutine's. Our side is added first (AddOurs, then Known), theirs after (AddTheirs), then Match and Finish.
type Book struct {
	dir   string
	db    *sql.DB
	conn  *sql.Conn
	stmts map[string]*sql.Stmt
	find  Persons
	opt   Options

	ours, theirs, pending int64
	taken                 []uint64 // a bit for each of ours: whether a row of theirs is of it
	summary               Summary
}

// Persons finds leads of ours by what names their person. Absent, nothing is found by persons.
type Persons interface {
	// Leads are the numbers of the leads of a person, Ours.LeadN.
	Leads(ctx context.Context, phone, email string) ([]int64, error)
}

// Options of a book.
type Options struct {
	Dir     string // where its directory is made; empty: that of the system for temporary files
	Window  time.Duration
	Persons Persons
	Reason  string // of returns, as the buyer's page has it, for what follows
	// Progress hears how far a step is, in rows; of may be 0 where it is not known.
	Progress func(step string, done, of int64)
}

const bookTables = `
create table ours (n integer primary key, attempt blob not null, lead blob not null, lead_n integer not null,
	at integer not null, campaign text not null, ref text, loose text, outcome integer not null, test integer not null,
	price integer not null, credit integer not null, returned integer not null, inside integer not null,
	taken integer not null) strict;
create table theirs (n integer primary key, place integer not null, id blob, ref text, loose text, phone text, email text,
	since integer, until integer, amount integer not null, priced integer not null, says integer not null,
	o integer, stage integer) strict;
create table finding (n integer primary key, class integer not null, quiet integer not null, body blob not null) strict;`

// NewBook makes an empty book.
func NewBook(opt Options) (*Book, error) {
	dir, err := os.MkdirTemp(opt.Dir, "clearpost-reconcile-")
	if err != nil {
		return nil, err
	}
	b := &Book{dir: dir, stmts: map[string]*sql.Stmt{}, find: opt.Persons, opt: opt}
	if b.opt.Progress == nil {
		b.opt.Progress = func(string, int64, int64) {}
	}
	if b.opt.Window == 0 {
		b.opt.Window = WindowDefault
	}
	if err := b.open(); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

// WindowDefault is how far times may be apart where rows are matched by time and price.
const WindowDefault = 15 * time.Minute

func (b *Book) open() (err error) {
	q := url.Values{}
	// what is in it is made anew after a crash: nothing is synced
	for _, p := range []string{"journal_mode(off)", "synchronous(off)", "cache_size(-65536)", "locking_mode(exclusive)",
		"temp_store(file)"} {
		q.Add("_pragma", p)
	}
	dsn := url.URL{Scheme: "file", OmitHost: true, Path: filepath.Join(b.dir, "book.db"), RawQuery: q.Encode()}
	if b.db, err = sql.Open("sqlite", dsn.String()); err != nil {
		return err
	}
	b.db.SetMaxOpenConns(1)
	if b.conn, err = b.db.Conn(context.Background()); err != nil {
		return err
	}
	if err := b.run(bookTables); err != nil {
		return err
	}
	return b.run("begin")
}

// Progress tells how far a step outside of the book is.
func (b *Book) Progress(step string, done, of int64) { b.opt.Progress(step, done, of) }

// Close deletes the book.
func (b *Book) Close() error {
	var errs []error
	for _, s := range b.stmts {
		errs = append(errs, s.Close())
	}
	if b.conn != nil {
		errs = append(errs, b.conn.Close())
	}
	if b.db != nil {
		errs = append(errs, b.db.Close())
	}
	return errors.Join(append(errs, os.RemoveAll(b.dir))...)
}

// run runs statements. A disk that is full is told as such: the book stands in the directory for temporary files.
func (b *Book) run(text string) error {
	_, err := b.conn.ExecContext(context.Background(), text)
	return b.told(err)
}

func (b *Book) told(err error) error {
	var e *sqlite.Error
	if errors.As(err, &e) && e.Code()&0xff == sqlite3.SQLITE_FULL {
		return fmt.Errorf("%s has no room for this: name another directory in TMPDIR: %w", filepath.Dir(b.dir), err)
	}
	return err
}

func (b *Book) stmt(text string) (*sql.Stmt, error) {
	s := b.stmts[text]
	if s == nil {
		var err error
		if s, err = b.conn.PrepareContext(context.Background(), text); err != nil {
			return nil, err
		}
		b.stmts[text] = s
	}
	return s, nil
}

func (b *Book) exec(text string, args ...any) error {
	s, err := b.stmt(text)
	if err == nil {
		_, err = s.Exec(args...)
	}
	return b.told(err)
}

// wrote commits now and then, so that what is not yet written stays small.
func (b *Book) wrote() error {
	if b.pending++; b.pending < 100_000 {
		return nil
	}
	b.pending = 0
	return b.run("commit; begin")
}

// nullText is a text, or null where it is empty: indexes leave nulls out.
func nullText(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func nullID(id lead.ID) any {
	if id.IsZero() {
		return nil
	}
	return id[:]
}

// looseRef is a reference without what spreadsheets and people make of it: case, spaces, dashes, zeros in front and the
// .0 of a number. Empty where nothing is left that could tell it from others.
func looseRef(s string) string {
	s = strings.TrimSuffix(s, ".0")
	var b strings.Builder
	for _, r := range strings.ToLower(s) {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r > 0x7f {
			b.WriteRune(r)
		}
	}
	return strings.TrimLeft(b.String(), "0")
}

// AddOurs adds an attempt of ours.
func (b *Book) AddOurs(o *Ours) error {
	if b.ours >= RowsMax {
		return fmt.Errorf("more than %d attempts: reconcile a shorter time", RowsMax)
	}
	b.ours++
	o.N = b.ours
	b.summary.ours(o)
	err := b.exec("insert into ours values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)", o.N, o.Attempt[:],
		o.Lead[:], o.LeadN, o.At.UnixMicro(), o.Campaign, nullText(o.Reference), nullText(looseRef(o.Reference)),
		int64(o.Outcome), o.Test, int64(o.Price), int64(o.Credit), o.Returned, o.Inside)
	return errors.Join(err, b.wrote())
}

// OursDone has been called when all of ours is added: then they can be asked for.
func (b *Book) OursDone() error {
	b.opt.Progress("sorting our side", 0, 0)
	b.taken = make([]uint64, b.ours/64+1)
	err := b.run(`create index ours_attempt on ours (attempt); create index ours_lead on ours (lead);
		create index ours_ref on ours (ref) where ref is not null;
		create index ours_loose on ours (loose) where loose is not null`)
	return errors.Join(err, b.run("commit; begin"))
}

const oursColumns = `o.n, o.attempt, o.lead, o.lead_n, o.at, o.campaign, coalesce(o.ref, ''), o.outcome, o.test, o.price,
	o.credit, o.returned, o.inside`

// scanOurs is where the columns of one of ours go.
type scanOurs struct {
	o                                                    Ours
	attempt, lead                                        []byte
	at, outcome, test, price, credit, returned, isInside int64
}

func (s *scanOurs) to() []any {
	return []any{&s.o.N, &s.attempt, &s.lead, &s.o.LeadN, &s.at, &s.o.Campaign, &s.o.Reference, &s.outcome, &s.test,
		&s.price, &s.credit, &s.returned, &s.isInside}
}

func (s *scanOurs) ours() Ours {
	o := s.o
	copy(o.Attempt[:], s.attempt)
	copy(o.Lead[:], s.lead)
	o.At, o.Outcome, o.Test = time.UnixMicro(s.at).UTC(), lead.Outcome(s.outcome), s.test != 0
	o.Price, o.Credit = lead.Money(s.price), lead.Money(s.credit)
	o.Returned, o.Inside = s.returned != 0, s.isInside != 0
	return o
}

func (b *Book) isTaken(o int64) bool { return b.taken[o/64]&(1<<(o%64)) != 0 }

// few bounds what is asked for under one name.
const few = 20

func (b *Book) oursWhere(cond string, arg any) (out []Ours, err error) {
	s, err := b.stmt("select " + oursColumns + " from ours o where " + cond + " limit 20")
	if err != nil {
		return nil, err
	}
	rows, err := s.Query(arg)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var to scanOurs
		if err := rows.Scan(to.to()...); err != nil {
			return nil, err
		}
		out = append(out, to.ours())
	}
	return out, rows.Err()
}

// ByID implements Known.
func (b *Book) ByID(id lead.ID) ([]Ours, error) {
	out, err := b.oursWhere("o.attempt = ?", id[:])
	if err != nil || len(out) > 0 {
		return out, err
	}
	return b.oursWhere("o.lead = ?", id[:])
}

// ByReference implements Known.
func (b *Book) ByReference(ref string) ([]Ours, error) {
	out, err := b.oursWhere("o.ref = ?", ref)
	if loose := looseRef(ref); err == nil && len(out) == 0 && len(loose) > 2 {
		return b.oursWhere("o.loose = ?", loose)
	}
	return out, err
}

// AddTheirs adds a row of theirs.
func (b *Book) AddTheirs(r *Row) error {
	if b.theirs >= RowsMax {
		return fmt.Errorf("more than %d rows: split the statement, by days for example", RowsMax)
	}
	b.theirs++
	b.summary.theirs(r)
	var since, until any
	if !r.Time.From.IsZero() {
		since, until = r.Time.From.UnixMicro(), r.Time.To.UnixMicro()
	}
	err := b.exec("insert into theirs values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, null, null)", b.theirs, r.Place,
		nullID(r.ID), nullText(r.Reference), nullText(looseRef(r.Reference)), nullText(r.Phone), nullText(r.Email),
		since, until, int64(r.Amount), r.Priced, int64(r.Says))
	return errors.Join(err, b.wrote())
}

const theirsColumns = `t.n, t.place, t.id, coalesce(t.ref, ''), coalesce(t.phone, ''), coalesce(t.email, ''), t.since,
	t.until, t.amount, t.priced, t.says, coalesce(t.stage, 0)`

// scanTheirs is where the columns of a row of theirs go.
type scanTheirs struct {
	n                          int64
	row                        Row
	id                         []byte
	since, until               sql.NullInt64
	amount, priced, says, step int64
}

func (s *scanTheirs) to() []any {
	return []any{&s.n, &s.row.Place, &s.id, &s.row.Reference, &s.row.Phone, &s.row.Email, &s.since, &s.until, &s.amount,
		&s.priced, &s.says, &s.step}
}

func (s *scanTheirs) match() Match {
	m := Match{Row: s.row, Stage: stageNames[s.step]}
	copy(m.ID[:], s.id)
	if s.since.Valid {
		m.Time = Span{time.UnixMicro(s.since.Int64).UTC(), time.UnixMicro(s.until.Int64).UTC()}
	}
	m.Amount, m.Priced, m.Says = lead.Money(s.amount), s.priced != 0, Says(s.says)
	return m
}
