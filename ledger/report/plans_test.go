// SPDX-License-Identifier: Apache-2.0

package report

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"modernc.org/sqlite"

	"clearpost/lead"
)

// overheard is a database that remembers what it was asked.
type overheard struct {
	dsn string
	mu  sync.Mutex
	all map[string][]driver.NamedValue // by text; guarded by mu
}

func (o *overheard) Driver() driver.Driver { return &sqlite.Driver{} }

func (o *overheard) Connect(context.Context) (driver.Conn, error) {
	c, err := o.Driver().Open(o.dsn)
	return &overheardConn{c, o}, err
}

type overheardConn struct {
	driver.Conn
	o *overheard
}

func (c *overheardConn) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	c.o.mu.Lock()
	c.o.all[text] = args
	c.o.mu.Unlock()
	return c.Conn.(driver.QueryerContext).QueryContext(ctx, text, args)
}

func (c *overheardConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	return c.Conn.(driver.ConnBeginTx).BeginTx(ctx, opts)
}

// plans are how what was asked since the last time is answered, one line a step; and the whole of it.
func (o *overheard) plans(t *testing.T, db *sql.DB) map[string]string {
	t.Helper()
	o.mu.Lock()
	all := maps.Clone(o.all)
	clear(o.all)
	o.mu.Unlock()
	out := map[string]string{}
	for text, args := range all {
		values := make([]any, len(args))
		for i, a := range args {
			values[i] = a.Value
		}
		rows, err := db.Query("explain query plan "+text, values...)
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			var id, parent, n int
			var step string
			if err := rows.Scan(&id, &parent, &n, &step); err != nil {
				t.Fatal(err)
			}
			out[text] += step + "\n"
		}
		if err := rows.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// wholly is what is asked of all time and told apart by what there are no sums of: it is added up from the rows.
const wholly = `report by "state,refusal", span false`

// scans tells whether a step of a plan reads from end to end what grows with leads.
func scans(step string) bool {
	_, what, ok := strings.Cut(step, "SCAN ")
	for _, few := range []string{"g\n", "_campaign", "CONSTANT ROW", "(subquery", "r USING INDEX _return_asked"} {
		ok = ok && !strings.HasPrefix(what, few)
	}
	return ok || strings.Contains(step, "AUTOMATIC")
}

// No question reads a table of leads, attempts, bids, persons or sums from end to end.
func TestPlans(t *testing.T) {
	m := newMade(t, t.TempDir())
	m.make(t, 200)
	v := mustView(t, t.TempDir(), m.led)
	caughtUp(t, v)
	plain := v.reads.Load()
	o := &overheard{dsn: dsn(v.path(fileName), "mode", "ro"), all: map[string][]driver.NamedValue{}}
	heard := sql.OpenDB(o)
	v.reads.Store(heard)
	defer func() { v.reads.Store(plain); _ = heard.Close() }()
	price := 20 * lead.Unit
	asks := map[string]func(){}
	for name, q := range map[string]Query{"phone": {Phone: phone(2)}, "e-mail": {Email: email(2)},
		"person": {Person: "Jane Doe"}, "name of anything": {Name: "acme:101"}, "id": {Name: m.sold[0].String()},
		"seller": {Seller: "s-2"}, "reference": {Reference: "101"},
		"attempt": {Attempt: m.sold[0]}, "buyer": {Buyer: "b1"},
		"campaign": {Campaign: "c1"}, "buyer and refusal": {Buyer: "b1", Refusal: lead.InvalidPhone},
		"refusal": {Refusal: lead.InvalidPhone}, "outcome": {Outcome: "unknown"}, "price": {PriceMin: &price},
		"source": {Source: "acme"}, "sub-id and state": {SubID: "fb-1", State: "TX"}, "pending": {Result: "pending"},
		"sold": {Result: "sold"}, "time": {Since: madeAt, Until: madeAt.Add(time.Hour)}} {
		asks["find by "+name] = func() { q.Limit = 50; mustFind(t, v, q) }
	}
	for _, by := range []string{"", "buyer", "source,sub_id", "state,campaign", "hour", "refusal", "bid_band",
		"state,refusal"} {
		for _, span := range []bool{false, true} {
			a := Ask{Compare: span, Limit: 9}
			if by != "" {
				a.By = strings.Split(by, ",")
			}
			if span {
				a.Since, a.Until = madeAt, madeAt.Add(time.Hour)
			}
			if span && by == "hour" {
				a.Compare = false
			}
			asks[fmt.Sprintf("report by %q, span %v", by, span)] = func() { mustFigures(t, v, a) }
		}
	}
	asks["scorecards"] = func() {
		if _, err := v.Scorecards(t.Context(), ScoreAsk{Since: madeAt, Until: madeAt.Add(time.Hour)}); err != nil {
			t.Error(err)
		}
	}
	asks["returns"] = func() {
		if _, err := v.Returns(t.Context(), ReturnsQuery{State: "asked", Limit: 9}); err != nil {
			t.Error(err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(asks)) {
		asks[name]()
		for text, plan := range o.plans(t, plain) {
			for step := range strings.Lines(plan) {
				if scans(step) && name != wholly {
					t.Errorf("%s: %sin\n%sof %s", name, step, plan, strings.Join(strings.Fields(text), " "))
				}
			}
		}
	}
}
