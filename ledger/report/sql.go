// SPDX-License-Identifier: Apache-2.0

package report

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"modernc.org/sqlite"
)

// SQL asks a database in SQL and hands over each row, in the order of the columns: nil, int64, float64, string or
// []byte. It reads only: whatever would write, or reach beyond the database, is refused. It may be asked while an
// exchange writes.
func SQL(ctx context.Context, path, text string, columns func([]string) error, row func([]any) error) error {
	db, err := openReader(path, 1)
	if err != nil {
		return err
	}
	defer db.Close()
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	err = conn.Raw(func(c any) error {
		guarded, ok := c.(sqlite.AuthorizerRegisterer)
		if !ok {
			return errors.New("report: this driver cannot refuse statements")
		}
		return guarded.RegisterAuthorizer(readsOnly)
	})
	if err != nil {
		return err
	}
	rows, err := conn.QueryContext(ctx, text)
	if err != nil {
		return err
	}
	defer rows.Close()
	return each(rows, columns, row)
}

// readsOnly lets through what reads tables of this database.
func readsOnly(action sqlite.AuthorizerActionCode, _, _, _, _ string) sqlite.AuthorizerReturnCode {
	switch action {
	case sqlite.AuthSelect, sqlite.AuthRead, sqlite.AuthFunction, sqlite.AuthRecursive:
		return sqlite.AuthorizerOK
	}
	return sqlite.AuthorizerDeny
}

func each(rows *sql.Rows, columns func([]string) error, row func([]any) error) error {
	names, err := rows.Columns()
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return errors.New("expected a statement that gives rows, such as select")
	}
	if err := columns(names); err != nil {
		return err
	}
	values, to := make([]any, len(names)), make([]any, len(names))
	for i := range values {
		to[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(to...); err != nil {
			return err
		}
		if err := row(values); err != nil {
			return fmt.Errorf("write: %w", err)
		}
	}
	return rows.Err()
}
