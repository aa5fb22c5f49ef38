// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-json"

	"clearpost/buyers/buyertest"
	"clearpost/exchange/admin"
)

const respondingPage = `id: filer
name: Filer
timezone: America/New_York
campaigns:
  - id: filer-file
    vertical: solar
    price: 60.00
    batch:
      name: "leads-{id}.csv"
      fields: [{to: lead, from: lead_id}, {to: phone, from: phone}]
      send: {rows: 2, wait_min: 1}
      to: {folder: {path: %s}}
      response:
        folder: %s
        name: "result-*.csv"
        columns: {lead: Lead, result: Result, reference: Ref, price: Price}
        accepted: [ok]
        refused: [bad]
`

// filing is an exchange in a process of its own whose best buyer takes two leads in a file, and says in files what
// became of them.
func filing(t *testing.T) (dir, in, health string, leads [2]string, p *process) {
	t.Helper()
	farm, err := buyertest.New(buyertest.Config{Seed: 3, Buyers: buyertest.Demo()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { farm.Close() })
	dir, in = t.TempDir(), t.TempDir()
	sellers, at := pickPort(t), pickPort(t)
	writeExamples(t, dir, farm.Addr(), fmt.Sprintf("node: n1\nlisten: %s\nadmin: {listen: %s}\n", sellers, at))
	page := fmt.Sprintf(respondingPage, t.TempDir(), in)
	if err := os.WriteFile(filepath.Join(dir, "buyers", "filer.yaml"), []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
	p = startProcess(t, "serve", dir, "--log-level", "error")
	health = "http://" + at + "/healthz"
	p.waitReady(health)
	for i := range leads {
		resp, err := sendLead(sellers, strings.Replace(sunnyLead, "0199", fmt.Sprint("010", i), 1))
		if err != nil {
			t.Fatal(err)
		}
		var answer struct {
			Result string
			LeadID string `json:"lead_id"`
		}
		err = json.NewDecoder(resp.Body).Decode(&answer)
		resp.Body.Close()
		if err != nil || answer.Result != "pending" {
			t.Fatalf("%+v, %v", answer, err)
		}
		leads[i] = answer.LeadID
	}
	for _, id := range leads {
		until(t, 30*time.Second, "its file is stored", func() bool {
			return strings.Contains(must(t, "find", id, "-d", dir), "accepted")
		})
	}
	return dir, in, health, leads, p
}

// until waits for what comes by itself.
func until(t *testing.T, most time.Duration, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(most); !is(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// Rows of a response that came to nothing are listed, placed and dropped by verbs, once, while the exchange runs, after
// it was killed and after it has ended.
func TestUnplacedRowsByVerbs(t *testing.T) {
	if testing.Short() {
		t.Skip("a response file has to stand for a minute")
	}
	t.Parallel()
	dir, in, health, leads, p := filing(t)
	text := "Lead,Result,Ref,Price\nHarbor-1,bad,,\n" + leads[1] + ",maybe,H-9,54.00\nTotal,2,,\n"
	if err := os.WriteFile(filepath.Join(in, "result-1.csv"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	must(t, "batches", "send", "filer-file", "-d", dir)
	var page admin.Unplaced
	until(t, 3*time.Minute, "three rows wait", func() bool {
		out := must(t, "batches", "unplaced", "--campaign", "filer-file", "--json", "-d", dir)
		if err := json.Unmarshal([]byte(out), &page); err != nil {
			t.Fatal(err)
		}
		return len(page.Rows) == 3
	})
	table := must(t, "batches", "unplaced", "-d", dir)
	for i, want := range []string{"filer-file  result-1.csv:2  -", "result-1.csv:3  " + leads[1] + "  maybe   H-9",
		"result-1.csv:4  -"} {
		if !strings.Contains(table, page.Rows[i].Row.String()) || !strings.Contains(table, want) {
			t.Errorf("no %q of row %s:\n%s", want, page.Rows[i].Row, table)
		}
	}
	if out := must(t, "batches", "unplaced", "--campaign", "other", "-d", dir); !strings.HasPrefix(out, "no row of") {
		t.Errorf("of another campaign: %s", out)
	}
	first, second, third := page.Rows[0].Row.String(), page.Rows[1].Row.String(), page.Rows[2].Row.String()
	for _, step := range []struct {
		args string
		code int
		says string
	}{
		{"place " + first + " " + leads[0], exitUsage, "--why"},
		{"place " + leads[0] + " " + leads[0] + " --why x", exitFailed, "no row of a response with this id"},
		{"place " + first + " nothing --why x", exitFailed, "leads to no attempt"},
		{"place " + first + " " + leads[0] + " --why theirs", 0, "row " + first + " is placed\n"},
		{"place " + first + " " + leads[0] + " --why theirs", 0, "row " + first + " was placed there before\n"},
		{"place " + first + " " + leads[1] + " --why x", exitFailed, "placed elsewhere, or dropped"},
		{"drop-row " + first + " --why x", exitFailed, "placed elsewhere, or dropped"},
		{"place " + second + " " + leads[1] + " --why x", exitFailed, "expected accepted or refused"},
		{"place " + second + " " + leads[1] + " --outcome accepted --why x", exitFailed, "the row has 54.00"},
		{"place " + second + " " + leads[1] + " --outcome sold --why x", exitFailed, "expected accepted or refused"},
		{"drop-row " + third + " --why totals", 0, "row " + third + " is dropped\n"},
		{"drop-row " + third + " --why totals", 0, "row " + third + " was dropped before\n"},
	} {
		rowVerb(t, dir, step.args, step.code, step.says)
	}
	p.kill()
	place := "place " + second + " " + leads[1] + " --outcome accepted --price 54.00 --why theirs"
	rowVerb(t, dir, place, 0, "row "+second+" is placed\n") // in the directory: no exchange runs
	p = startProcess(t, "serve", dir, "--log-level", "error")
	p.waitReady(health)
	rowVerb(t, dir, place, 0, "row "+second+" was placed there before\n")
	rowVerb(t, dir, "drop-row "+third+" --why totals", 0, "was dropped before\n")
	rowVerb(t, dir, "unplaced", 0, "no row of a response waits for a person\n")
	if out := must(t, "find", "filer:H-9", "-d", dir); !strings.Contains(out, leads[1]) ||
		!strings.Contains(out, "54.00") {
		t.Errorf("by the row's reference: %s", out)
	}
	if out := must(t, "find", leads[0], "-d", dir); !strings.Contains(out, "rejected") {
		t.Errorf("what was refused: %s", out)
	}
	if out := must(t, "books", "-d", dir); !strings.Contains(out, "USD adds up to 0.00") {
		t.Errorf("books: %s", out)
	}
}

// rowVerb runs a verb of batches.
func rowVerb(t *testing.T, dir, args string, code int, says string) {
	t.Helper()
	got, out, errOut := clearpost(t, append(append([]string{"batches"}, strings.Fields(args)...), "-d", dir)...)
	if got != code || !strings.Contains(out+errOut, says) {
		t.Errorf("batches %s: exit %d, expected %d with %q:\n%s%s", args, got, code, says, out, errOut)
	}
}
