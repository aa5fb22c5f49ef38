// SPDX-License-Identifier: Apache-2.0

package report

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"

	"clearpost/lead"
)

// The writer runs some ten statements a lead. It hands them to the driver itself, on the connection that is its own:
// database/sql allocates more for each than the rest of the view does.

// prepared is a prepared statement, with memory for its arguments and for a row.
type prepared struct {
	stmt driver.Stmt
	args []driver.NamedValue
	row  []driver.Value
}

// call is the statement that is being run.
type call struct {
	text string
	args []any
	to   []any // get: what takes the row
	got  bool
}

// exec runs a statement, unless one before it has failed. A change that fails for whatever reason fails its whole
// transaction.
func (w *writer) exec(text string, args ...any) {
	if w.err == nil {
		w.call = call{text: text, args: args}
		w.err = w.conn.Raw(w.runs)
	}
}

// get reads one row; false where there is none.
func (w *writer) get(text string, args []any, to ...any) bool {
	if w.err != nil {
		return false
	}
	w.call = call{text: text, args: args, to: to}
	w.err = w.conn.Raw(w.asks)
	return w.err == nil && w.call.got
}

// statement finds or prepares the statement of the call, with its arguments.
func (w *writer) statement(c any) (*prepared, error) {
	s := w.stmts[w.call.text]
	if s == nil {
		conn, ok := c.(driver.ConnPrepareContext)
		if !ok {
			return nil, errors.New("report: this driver cannot prepare statements")
		}
		stmt, err := conn.PrepareContext(context.Background(), w.call.text)
		if err != nil {
			return nil, err
		}
		s = &prepared{stmt: stmt}
		w.stmts[w.call.text] = s
	}
	s.args = s.args[:0]
	for i, v := range w.call.args {
		if n, ok := v.(int); ok {
			v = int64(n)
		}
		if !driver.IsValue(v) {
			return nil, fmt.Errorf("report: %T is no value of a database", v)
		}
		s.args = append(s.args, driver.NamedValue{Ordinal: i + 1, Value: v})
	}
	return s, nil
}

// execOn is exec on the driver's connection.
func (w *writer) execOn(c any) error {
	s, err := w.statement(c)
	if err != nil {
		return err
	}
	_, err = s.stmt.(driver.StmtExecContext).ExecContext(context.Background(), s.args)
	return err
}

// getOn is get on the driver's connection.
func (w *writer) getOn(c any) (err error) {
	s, err := w.statement(c)
	if err != nil {
		return err
	}
	rows, err := s.stmt.(driver.StmtQueryContext).QueryContext(context.Background(), s.args)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	if s.row == nil {
		s.row = make([]driver.Value, len(w.call.to))
	}
	switch err := rows.Next(s.row); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return err
	}
	for i, v := range s.row {
		if err := assign(w.call.to[i], v); err != nil {
			return err
		}
	}
	w.call.got = true
	return nil
}

// assign puts a value of a row where it is wanted.
func assign(to any, v driver.Value) error {
	n, fits := v.(int64)
	switch to := to.(type) {
	case *int64:
		*to = n
	case *int:
		*to = int(n)
	case *uint64:
		*to = uint64(n)
	case *bool:
		*to = n != 0
	case *lead.Outcome:
		*to = lead.Outcome(n)
	case *lead.Refusal:
		*to = lead.Refusal(n)
	case **int64:
		if v == nil {
			*to = nil
			return nil
		}
		*to = &n
	case *string:
		s, ok := v.(string)
		*to = s
		fits = ok
	case *[]byte:
		b, ok := v.([]byte)
		*to = append([]byte(nil), b...)
		fits = ok
	default:
		return fmt.Errorf("report: %T takes no value of a database", to)
	}
	if !fits {
		return fmt.Errorf("report: %T is no value for %T", v, to)
	}
	return nil
}
