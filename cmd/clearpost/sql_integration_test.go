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

// TestIntegrationStatementsOfTheDocuments runs each statement of the documents for analysts over the events and the
// files of a demo. Revenue and payout by buyer come to what the exchange reports.
func TestIntegrationStatementsOfTheDocuments(t *testing.T) {
	python := part(t, "CLEARPOST_DUCKDB")
	data, dir := filepath.Join(t.TempDir(), "demo"), t.TempDir()
	must(t, "demo", "--for", "4s", "--rate", "60", "--seed", "5", "--data", data, "--listen", "127.0.0.1:0", "--admin",
		"127.0.0.1:0", "--kafka-port", "0")
	conf := filepath.Join(data, "config")
	if err := os.WriteFile(filepath.Join(dir, "events.jsonl"), []byte(must(t, "events", "-d", conf)),
		0o600); err != nil {
		t.Fatal(err)
	}
	must(t, "export", dir, "-d", conf)
	var statements []string
	for _, name := range []string{"ask-in-sql.md", "reconcile.md"} {
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
	cmd := exec.CommandContext(t.Context(), python, "-c", duck)
	cmd.Dir, cmd.Stdin = dir, bytes.NewReader(in)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, &errs)
	}
	var rows [][][]*string
	if err := json.Unmarshal(out.Bytes(), &rows); err != nil || len(rows) != len(statements) || len(rows) < 8 {
		t.Fatalf("%d answers to %d statements, %v", len(rows), len(statements), err)
	}
	want := byBuyer(t, must(t, "report", "--by", "buyer", "--csv", "-d", conf))
	compared := 0
	for i, text := range statements {
		switch {
		case strings.Contains(text, "sum((e->>'price_micros')::bigint) / 1e6 as revenue"),
			strings.Contains(text, "from 'sales.parquet' group by buyer"):
			compared++
			for _, r := range rows[i] {
				if got := [2]string{cents(t, *r[2]), cents(t, *r[3])}; got != want[*r[0]] {
					t.Errorf("%s: %v, the report has %v\n%s", *r[0], got, want[*r[0]], text)
				}
			}
			if len(rows[i]) == 0 {
				t.Errorf("no buyers:\n%s", text)
			}
		case strings.Contains(text, "answer a full join sale") && len(rows[i]) > 0:
			t.Errorf("sellers were told something else than what was sold: %d leads", len(rows[i]))
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
