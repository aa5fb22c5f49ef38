// SPDX-License-Identifier: Apache-2.0

//go:build integration

package main

import (
	"bytes"
	"encoding/csv"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-json"
)

// duck runs statements in one session, in a directory, and prints the rows of each as JSON.
const duck = `
import duckdb, json, sys
con, out = duckdb.connect(), []
for text in json.load(sys.stdin):
    cur = con.execute(text)
    out.append([[None if v is None else str(v) for v in row] for row in (cur.fetchall() if cur.description else [])])
json.dump(out, sys.stdout)
`

// house is the same for ClickHouse, in one process.
const house = `
import json, sys
from chdb import session
con, out = session.Session(), []
for text in json.load(sys.stdin):
    r = con.query(text, "JSONCompact")
    body = r.bytes().decode() if r else ""
    rows = json.loads(body)["data"] if body.strip() else []
    out.append([[None if v is None else str(v) for v in row] for row in rows])
json.dump(out, sys.stdout)
`

// asked are the rows of each statement of documents for analysts, over the events and the files of a demo, and what
// the exchange reports by buyer.
func asked(t *testing.T, python, script string, names ...string) (statements []string, rows [][][]*string,
	byBuyers map[string][2]string) {
	t.Helper()
	data, dir := filepath.Join(t.TempDir(), "demo"), t.TempDir()
	must(t, "demo", "--for", "4s", "--rate", "60", "--seed", "5", "--data", data, "--listen", "127.0.0.1:0", "--admin",
		"127.0.0.1:0", "--kafka-port", "0")
	conf := filepath.Join(data, "config")
	if err := os.WriteFile(filepath.Join(dir, "events.jsonl"), []byte(must(t, "events", "-d", conf)),
		0o600); err != nil {
		t.Fatal(err)
	}
	must(t, "export", dir, "-d", conf)
	for _, name := range names {
		b, err := os.ReadFile(filepath.Join("../../docs/how-to", name))
		if err != nil {
			t.Fatal(err)
		}
		for i, block := range strings.Split(string(b), "```") {
			if text, ok := strings.CutPrefix(block, "sql\n"); ok && i%2 == 1 {
				for _, one := range strings.Split(text, ";\n") {
					if strings.TrimSpace(one) != "" {
						statements = append(statements, one)
					}
				}
			}
		}
	}
	in, err := json.Marshal(statements)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), python, "-c", script)
	cmd.Dir, cmd.Stdin = dir, bytes.NewReader(in)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, &errs)
	}
	if err := json.Unmarshal(out.Bytes(), &rows); err != nil || len(rows) != len(statements) || len(rows) < 8 {
		t.Fatalf("%d answers to %d statements, %v", len(rows), len(statements), err)
	}
	return statements, rows, byBuyer(t, must(t, "report", "--by", "buyer", "--csv", "-d", conf))
}

// agrees compares revenue and payout by buyer with what the exchange reports.
func agrees(t *testing.T, text string, rows [][]*string, want map[string][2]string) {
	t.Helper()
	for _, r := range rows {
		if got := [2]string{cents(t, *r[2]), cents(t, *r[3])}; got != want[*r[0]] {
			t.Errorf("%s: %v, the report has %v\n%s", *r[0], got, want[*r[0]], text)
		}
	}
	if len(rows) == 0 {
		t.Errorf("no buyers:\n%s", text)
	}
}

// TestIntegrationStatementsOfTheDocuments runs each statement of the documents for analysts over the events and the
// files of a demo. Revenue and payout by buyer come to what the exchange reports.
func TestIntegrationStatementsOfTheDocuments(t *testing.T) {
	statements, rows, want := asked(t, part(t, "CLEARPOST_DUCKDB"), duck, "ask-in-sql.md", "reconcile.md")
	compared := 0
	for i, text := range statements {
		switch {
		case strings.Contains(text, "sum((e->>'price_micros')::bigint) / 1e6 as revenue"),
			strings.Contains(text, "from 'sales.parquet' group by buyer"):
			compared++
			agrees(t, text, rows[i], want)
		case strings.Contains(text, "answer a full join sale") && len(rows[i]) > 0:
			t.Errorf("sellers were told something else than what was sold: %d leads", len(rows[i]))
		}
	}
	if compared != 2 {
		t.Errorf("%d statements were compared with the report", compared)
	}
}

// TestIntegrationStatementsForClickHouse does the same with those for ClickHouse.
func TestIntegrationStatementsForClickHouse(t *testing.T) {
	statements, rows, want := asked(t, part(t, "CLEARPOST_CHDB"), house, "ask-in-clickhouse.md")
	compared := 0
	for i, text := range statements {
		switch {
		case strings.Contains(text, "as revenue") && strings.Contains(text, "group by buyer order by"):
			compared++
			agrees(t, text, rows[i], want)
		case strings.HasPrefix(text, "select") && len(rows[i]) == 0:
			t.Errorf("no rows:\n%s", text)
		}
	}
	if compared != 2 {
		t.Errorf("%d statements were compared with the report", compared)
	}
}

func cents(t *testing.T, amount string) string {
	t.Helper()
	f, err := strconv.ParseFloat(amount, 64)
	if err != nil {
		t.Fatal(err)
	}
	return strconv.FormatFloat(f, 'f', 2, 64)
}

// byBuyer is revenue and payout by buyer of figures as CSV.
func byBuyer(t *testing.T, text string) map[string][2]string {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || len(rows) < 2 {
		t.Fatalf("%v: %s", err, text)
	}
	at := map[string]int{}
	for i, name := range rows[0] {
		at[name] = i
	}
	out := map[string][2]string{}
	for _, r := range rows[1:] {
		out[r[0]] = [2]string{r[at["revenue"]], r[at["payout"]]}
	}
	return out
}
