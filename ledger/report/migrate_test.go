// SPDX-License-Identifier: Apache-2.0

package report

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"clearpost/lead"
	"clearpost/ledger"
)

// fullMade is a ledger whose view has rows in every table: also of returns, of money that moved, and of statements.
func fullMade(t *testing.T) *made {
	m := newMade(t, t.TempDir())
	m.make(t, 200)
	first := m.refused(t)
	again := m.again(t, first, first, 1, lead.Accepted)
	sale := m.sold[len(m.sold)-1]
	m.append(t, &ledger.Posting{Head: m.head(again), Attempt: m.id(), Campaign: "c1", Buyer: "b1",
		Again: ledger.AgainResend, Of: &sale})
	m.append(t, &ledger.Adjusted{Head: m.head(again), Adjustment: ledger.AdjustReturned, Attempt: sale, Campaign: "c1",
		Buyer: "b1", Why: "wrong number", Return: &ledger.Return{Reason: "x", Credit: 3 * lead.Unit,
			Clawback: 2 * lead.Unit}})
	m.append(t, &ledger.Adjusted{Head: m.head(lead.ID{}), Adjustment: ledger.AdjustDeposited, Subject: "buyer:b1",
		Buyer: "b1", Price: 50 * lead.Unit, Currency: "USD", Ref: "w-1", Date: "2026-03-01", Why: "wire"})
	m.append(t, &ledger.Adjusted{Head: m.head(lead.ID{}), Adjustment: ledger.AdjustStated, Currency: "USD",
		Subject: "statement:buyer:b1", Ref: "INV-0001", Why: "issued",
		Statement: &ledger.Statement{Number: "INV-0001", Series: "INV", N: 1, Month: "2026-02", Zone: "UTC",
			Since: madeAt.AddDate(0, -1, 0), Until: madeAt}})
	return m
}

// earlier makes of a database one that a program with an earlier version of the tables would have left.
func earlier(t *testing.T, full, path string, version int) {
	t.Helper()
	db, err := sql.Open("sqlite", dsn(path))
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	text := strings.Join(migrations[:version], "\n") + fmt.Sprintf("; pragma user_version = %d; attach %q as full_one",
		version, full)
	if _, err := db.Exec(text); err != nil {
		t.Fatal(version, err)
	}
	rows, err := db.Query(`select s.name, group_concat('"' || o.name || '"') from main.sqlite_schema s
		join pragma_table_info(s.name, 'main') o join pragma_table_info(s.name, 'full_one') n on n.name = o.name
		where s.type = 'table' group by 1 order by 1`)
	if err != nil {
		t.Fatal(err)
	}
	columns := map[string]string{}
	for rows.Next() {
		var table, list string
		if err := rows.Scan(&table, &list); err != nil {
			t.Fatal(err)
		}
		columns[table] = list
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		t.Fatal(err)
	}
	for table, list := range columns {
		n := int64(0)
		r, err := db.Exec(fmt.Sprintf("insert into main.%s (%s) select %s from full_one.%[1]s", table, list, list))
		if err == nil {
			n, err = r.RowsAffected()
		}
		if err != nil || n == 0 {
			t.Errorf("version %d: %s has %d rows: %v", version, table, n, err)
		}
	}
	if version < chainsVersion { // its sums had nothing of returns
		if _, err := db.Exec("update main._sum set returned = 0"); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// A full database of any version before is gone on with: its sums are those of one that is made of the ledger today, as
// far as that version had what they are made of; and made anew it is the same in all.
func TestFullDatabasesOfEarlierForms(t *testing.T) {
	m := fullMade(t)
	dir := t.TempDir()
	fresh := mustView(t, dir, m.led)
	caughtUp(t, fresh)
	want, key := dump(t, fresh.path(fileName)), fresh.key
	was := mustFigures(t, fresh, Ask{}).Totals[0]
	wantTrial := trialOf(t, fresh)
	full := filepath.Join(t.TempDir(), "full.db")
	db, err := sql.Open("sqlite", dsn(fresh.path(fileName)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("vacuum into ?", full); errors.Join(err, db.Close()) != nil {
		t.Fatal(err)
	}
	for version := 1; version < SchemaVersion; version++ {
		dir := t.TempDir()
		earlier(t, full, filepath.Join(dir, fileName), version)
		if err := os.WriteFile(filepath.Join(dir, keyName), key[:], 0o600); err != nil {
			t.Fatal(err)
		}
		v := mustView(t, dir, m.led)
		caughtUp(t, v)
		is := mustFigures(t, v, Ask{}).Totals[0]
		if version < 3 { // which has no returns
			is.Credits, is.Clawbacks, is.Returned = is.Credits+was.Credits, is.Clawbacks+was.Clawbacks, was.Returned
			is.Revenue, is.Payout = is.Revenue-was.Credits, is.Payout-was.Clawbacks
		}
		got := []any{is.Leads, is.Quoted, is.Accepted, is.Returned, is.Revenue, is.Payout, is.Credits, is.Clawbacks}
		if w := []any{was.Leads, was.Quoted, was.Accepted, was.Returned, was.Revenue, was.Payout, was.Credits,
			was.Clawbacks}; fmt.Sprint(got) != fmt.Sprint(w) {
			t.Errorf("version %d: %v, expected %v", version, got, w)
		}
		if got := trialOf(t, v); version >= 4 && got != wantTrial {
			t.Errorf("version %d: the journal has %s, expected %s", version, got, wantTrial)
		}
		if err := v.Rebuild(t.Context(), false); err != nil {
			t.Fatal(version, err)
		}
		if got := dump(t, v.path(fileName)); got != want {
			t.Errorf("version %d, made anew: %s", version, firstDiffers(got, want))
		}
		if got := trialOf(t, v); got != wantTrial {
			t.Errorf("version %d, made anew: the journal has %s, expected %s", version, got, wantTrial)
		}
	}
}

func trialOf(t *testing.T, v *View) string {
	t.Helper()
	list, err := v.Trial(context.Background(), madeAt.AddDate(1, 0, 0))
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(list)
}
