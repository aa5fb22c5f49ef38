// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-json"

	"clearpost/ledger"
)

// stopped is an exchange that has sold a lead and was stopped.
func stopped(t *testing.T) (dir string) {
	dir, sellers, p, _ := served(t)
	resp, err := sendSunnyLead(sellers)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 200 {
		t.Fatalf("status %d, want a sale", resp.StatusCode)
	}
	p.cmd.Process.Signal(os.Interrupt)
	<-p.ended
	return dir
}

func TestVerifyAndRecoverALedgerThatLostItsEnd(t *testing.T) {
	dir := stopped(t)
	if out := must(t, "ledger", "verify", dir); !strings.Contains(out, "log, views and sums agree") {
		t.Errorf("verify of a whole ledger:\n%s", out)
	}
	logs, err := filepath.Glob(filepath.Join(dir, "data", "ledger", "log", "*.wal"))
	if err != nil || len(logs) != 1 {
		t.Fatal(logs, err)
	}
	if err := os.Remove(logs[0]); err != nil {
		t.Fatal(err)
	}
	code, _, errOut := clearpost(t, "serve", dir)
	if code != exitLost || !strings.Contains(errOut, "more were durable: numbers 1 to ") ||
		!strings.Contains(errOut, "They are of 1 leads: ") || !strings.Contains(errOut, "--accept-loss") {
		t.Errorf("serve: exit %d, %s", code, errOut)
	}
	if code, _, errOut := clearpost(t, "unresolved", "-d", dir); code != exitLost {
		t.Errorf("unresolved: exit %d, %s", code, errOut)
	}
	var v ledger.Verdict
	code, out, errOut := clearpost(t, "ledger", "verify", dir, "--json")
	if err := json.Unmarshal([]byte(out), &v); err != nil || code != exitLost || !v.Lost || v.Applied < 3 {
		t.Errorf("verify: exit %d, %v, %s%s", code, err, out, errOut)
	}
	if code, out, errOut := clearpost(t, "ledger", "recover", dir); code != exitLost || out != "" {
		t.Errorf("recover without accepting the loss: exit %d, %s%s", code, out, errOut)
	}
	used := must(t, "caps", "--json", "-d", copyWithout(t, dir))
	if out := must(t, "ledger", "recover", dir, "--accept-loss"); !strings.Contains(out, "given up") {
		t.Errorf("recover: %s", out)
	}
	var e ledger.Adjusted
	line := must(t, "events", "-d", dir)
	if err := json.Unmarshal([]byte(line), &e); err != nil || e.Adjustment != ledger.AdjustLost || e.Node != "n1" ||
		!strings.HasPrefix(e.Subject, "events:1-") {
		t.Errorf("%v, events:\n%s", err, line)
	}
	if out := must(t, "ledger", "verify", dir); !strings.Contains(out, "log, views and sums agree") {
		t.Errorf("verify after the recovery:\n%s", out)
	}
	if now := must(t, "caps", "--json", "-d", dir); now != used {
		t.Errorf("caps:\n%s\nbefore:\n%s", now, used)
	}
}

// copyWithout is a copy of an exchange whose loss was accepted by serve.
func copyWithout(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	p := startProcess(t, "serve", to, "--log-level", "error", "--accept-loss", "--adopt")
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := os.Stat(filepath.Join(to, "data", "ledger", "losses.json")); err == nil {
			break
		}
		select {
		case <-tick.C:
		case <-p.ended:
			t.Fatalf("it ended: %s", p.stderr.String())
		}
	}
	p.cmd.Process.Signal(os.Interrupt)
	<-p.ended
	return to
}

// TestABackupOfARunningExchangeStarts: it verifies, starts as a copy that is adopted, and all that it holds can be
// computed again; verbs that change something refuse it before, and do not speak to the exchange that it is of.
func TestABackupOfARunningExchangeStarts(t *testing.T) {
	dir, sellers, p, _ := served(t)
	resp, err := sendSunnyLead(sellers)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	conf := t.TempDir()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files { // the configuration, without the data
		from, to := filepath.Join(dir, f.Name()), filepath.Join(conf, f.Name())
		switch {
		case f.Name() == "data":
		case f.IsDir():
			err = os.CopyFS(to, os.DirFS(from))
		default:
			var b []byte
			if b, err = os.ReadFile(from); err == nil {
				err = os.WriteFile(to, b, 0o600)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	data := filepath.Join(conf, "data")
	if out := must(t, "backup", dir, data); !strings.Contains(out, "events 1 to ") {
		t.Errorf("backup: %s", out)
	}
	if code, _, errOut := clearpost(t, "backup", dir, data); code != exitFailed || !strings.Contains(errOut, "exists") {
		t.Errorf("a second backup to there: exit %d, %s", code, errOut)
	}
	before := must(t, "events", "-d", dir)
	if out := must(t, "ledger", "verify", data); !strings.Contains(out, "log, views and sums agree") {
		t.Errorf("verify: %s", out)
	}
	if code, _, errOut := clearpost(t, "pause", "sunharvest", "--why", "x", "-d", conf); code != exitFailed ||
		!strings.Contains(errOut, "is a copy of another exchange's data") {
		t.Errorf("pause on the backup: exit %d, %s", code, errOut)
	}
	if got := must(t, "events", "-d", conf); got != before {
		t.Errorf("the backup's events:\n%s\nexpected:\n%s", got, before)
	}
	p.kill() // its ports are wanted
	restored := startProcess(t, "serve", conf, "--adopt", "--log-level", "error")
	page, err := os.ReadFile(filepath.Join(conf, "clearpost.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	_, door, _ := strings.Cut(string(page), "admin: {listen: ")
	door, _, _ = strings.Cut(door, "}")
	restored.waitReady("http://" + door + "/healthz")
	if out := must(t, "explain", "--every", "-d", conf); !strings.Contains(out, "0 differ") {
		t.Errorf("explain --every:\n%s", out)
	}
	resp, err = sendSunnyLead(sellers)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if after := must(t, "events", "-d", conf); resp.StatusCode != 200 || after != before {
		t.Errorf("the lead that it has sold: status %d, events:\n%s", resp.StatusCode, after)
	}
	must(t, "pause", "sunharvest", "--why", "x", "-d", conf)
	if after := must(t, "events", "-d", conf); !strings.HasPrefix(after, before) || after == before {
		t.Errorf("the restored exchange does not go on:\n%s", after)
	}
}
