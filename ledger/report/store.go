// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"clearpost/lead"
)

// SchemaVersion is the version of the tables. It stands in the database as its user_version.
const SchemaVersion = len(migrations)

//go:embed schema.sql
var schema string

//go:embed queued.sql
var viewOfQueued string

// migrations lead from each version of the tables to the next one. What a step cannot make of what is there, a rebuild
// makes of the ledger: the log says so once.
var migrations = [...]string{schema, viewOfQueued, returnsSchema, journalSchema,
	statementsSchema, chainsSchema, adjustedSchema}

// chainsVersion is the version from which on attempts and sums have what came back of sales.
const chainsVersion = 6

const (
	fileName    = "report.db"
	newName     = "rebuild.db" // while it is made anew
	damagedName = "damaged.db" // what could not be gone on with, the last one
	keyName     = "persons.key"
)

// place is how far a database has the ledger.
type place struct {
	Next   uint64  // seq of the next event
	First  uint64  // seq of the first event that it has
	Event  lead.ID // of the last one, by which another ledger is noticed
	Missed uint64  // events that the ledger had dropped before they were read
	Unread int64   // events that could not be read

	from int // the version of the tables that were there; 0: none
}

// open opens or makes a database for writing.
func openStore(path string, key personKey) (*sql.DB, *writer, *place, error) {
	db, err := sql.Open("sqlite", dsn(path, "_txlock", "immediate", "_pragma", "journal_mode(wal)", "_pragma",
		"synchronous(normal)", "_pragma", "wal_autocheckpoint(0)", "_pragma", "cache_size(-16000)", "_pragma",
		"busy_timeout(5000)"))
	if err != nil {
		return nil, nil, nil, err
	}
	db.SetMaxOpenConns(1)
	conn, err := db.Conn(context.Background())
	if err != nil {
		return nil, nil, nil, errors.Join(err, db.Close())
	}
	w := newWriter(conn, key)
	p, err := w.prepare()
	if err != nil {
		return nil, nil, nil, errors.Join(err, w.close(), db.Close())
	}
	return db, w, p, nil
}

// dsn is the name of a database with pairs of options.
func dsn(path string, kv ...string) string {
	q := url.Values{}
	for i := 0; i < len(kv); i += 2 {
		q.Add(kv[i], kv[i+1])
	}
	return (&url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: q.Encode()}).String()
}

// errOther is returned of a database that is none of this view's.
var errOther = errors.New("the view cannot be gone on with")

// prepare makes the tables if need be, and reads the place.
func (w *writer) prepare() (*place, error) {
	version := 0
	if err := w.conn.QueryRowContext(context.Background(), "pragma user_version").Scan(&version); err != nil {
		return nil, err
	}
	if version > SchemaVersion {
		return nil, fmt.Errorf("%w: it has version %d of the tables, this program knows %d", errOther, version,
			SchemaVersion)
	}
	tables := 0
	const sums = "select count(*) from sqlite_schema where name in ('_sum', '_hist')"
	if err := w.conn.QueryRowContext(context.Background(), sums).Scan(&tables); err != nil {
		return nil, err
	}
	if version > 0 && tables != 2 {
		return nil, fmt.Errorf("%w: it has version %d of the tables, which this program does not read", errOther,
			version)
	}
	if err := w.begin(); err != nil {
		return nil, err
	}
	was := version
	for ; version < SchemaVersion && w.err == nil; version++ {
		w.run(migrations[version])
		w.run(fmt.Sprintf("pragma user_version = %d", version+1))
	}
	if was > 0 && was < chainsVersion {
		if err := w.returnsBefore(); err != nil {
			return nil, errors.Join(err, w.rollback())
		}
	}
	w.exec("delete from refusals")
	for _, r := range lead.Refusals() {
		w.exec("insert into refusals values (?, ?, ?, ?)", int64(r.Number), r.Name, r.Published, r.Meaning)
	}
	var check []byte
	if w.get("select value from _place where name = 'key'", nil, &check); check == nil {
		w.exec("insert into _place values ('key', ?)", w.key.check())
	} else if !bytes.Equal(check, w.key.check()) && w.err == nil {
		w.err = fmt.Errorf("%w: it was made under another key than that of %s", errOther, keyName)
	}
	w.get("select coalesce(max(value), 0) from _place where name = 'dropped_before'", nil, &w.droppedBefore)
	p := w.place()
	p.from = was
	if err := w.commit(p); err != nil {
		return nil, err
	}
	return p, nil
}

func (w *writer) run(text string) {
	if w.err == nil {
		_, w.err = w.conn.ExecContext(context.Background(), text)
	}
}

func (w *writer) place() *place {
	p := &place{}
	var event []byte
	w.get("select value from _place where name = 'event'", nil, &event)
	copy(p.Event[:], event)
	for name, to := range map[string]any{"next": &p.Next, "first": &p.First, "missed": &p.Missed, "unread": &p.Unread} {
		w.get("select value from _place where name = ?", []any{name}, to)
	}
	return p
}

func (w *writer) setPlace(p *place) {
	const set = "insert into _place values (?, ?) on conflict do update set value = excluded.value"
	w.exec(set, "next", int64(p.Next))
	w.exec(set, "event", p.Event[:])
	w.exec(set, "first", int64(p.First))
	w.exec(set, "missed", int64(p.Missed))
	w.exec(set, "unread", p.Unread)
}

// checkpoint moves what was committed from the write-ahead log into the database, durably.
func (w *writer) checkpoint() error {
	var busy, logged, moved int
	return w.conn.QueryRowContext(context.Background(), "pragma wal_checkpoint(passive)").Scan(&busy, &logged, &moved)
}

// openReader opens a database for reading only.
func openReader(path string, connsMax int) (*sql.DB, error) {
	db, err := sql.Open("sqlite", dsn(path, "mode", "ro", "_pragma", "query_only(1)", "_pragma", "cache_size(-8000)",
		"_pragma", "busy_timeout(5000)"))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(connsMax)
	return db, nil
}

// damaged tells of an error that the database's own file is at fault, so that a new one has to be made.
func damaged(err error) bool {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return errors.Is(err, errOther)
	}
	code := e.Code() & 0xff
	return code == sqlite3.SQLITE_CORRUPT || code == sqlite3.SQLITE_NOTADB
}

// suffixes are the files of a database.
var suffixes = []string{"", "-wal", "-shm"}

// remove deletes a database; that there is none is no error.
func remove(path string) error {
	var errs []error
	for _, s := range suffixes {
		if err := os.Remove(path + s); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// rename puts a database, which is closed, in the place of another one.
func rename(from, to string) error {
	err := remove(to)
	for _, s := range suffixes {
		if e := os.Rename(from+s, to+s); e != nil && (s == "" || !errors.Is(e, fs.ErrNotExist)) {
			err = errors.Join(err, e)
		}
	}
	return err
}

// size is how many bytes a database takes on disk.
func size(dir string) (n int64) {
	for _, s := range suffixes {
		if i, err := os.Stat(filepath.Join(dir, fileName+s)); err == nil {
			n += i.Size()
		}
	}
	return n
}

// Backup copies the view, with its key, into a directory that is not there yet. The copy has what was committed when it
// began.
func (v *View) Backup(to string) error {
	if err := os.Mkdir(to, 0o700); err != nil {
		return err
	}
	db, err := sql.Open("sqlite", dsn(v.path(fileName), "mode", "ro", "_pragma", "busy_timeout(5000)"))
	if err != nil {
		return err
	}
	_, err = db.ExecContext(v.ctx, "vacuum into ?", filepath.Join(to, fileName))
	if err = errors.Join(err, db.Close()); err != nil {
		return fmt.Errorf("copy the view for reports: %w", err)
	}
	return os.WriteFile(filepath.Join(to, keyName), v.key[:], 0o600)
}
