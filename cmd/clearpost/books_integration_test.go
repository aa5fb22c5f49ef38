// SPDX-License-Identifier: Apache-2.0

//go:build integration

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestIntegrationBookkeepingTakesTheBooks has Beancount and hledger check the books of a demo, payouts and the balances
// at their end among them: as a whole, and as a time with what stood before. hledger finds in them what the trial
// balance has, and what is wrong in them.
func TestIntegrationBookkeepingTakesTheBooks(t *testing.T) {
	beancount, hledger := part(t, "CLEARPOST_BEANCOUNT"), part(t, "CLEARPOST_HLEDGER")
	data := filepath.Join(t.TempDir(), "demo")
	must(t, "demo", "--for", "4s", "--rate", "60", "--seed", "5", "--data", data, "--listen", "127.0.0.1:0", "--admin",
		"127.0.0.1:0", "--kafka-port", "0")
	dir := filepath.Join(data, "config")
	run := func(program string, args ...string) string {
		t.Helper()
		said, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput()
		if err != nil {
			t.Errorf("%s %v: %v\n%s", program, args, err, said)
		}
		return string(said)
	}
	written := func(text string) string {
		t.Helper()
		file := filepath.Join(t.TempDir(), "books.txt")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	today := time.Now().UTC().Format(time.DateOnly)
	for _, more := range [][]string{nil, {"--from", today, "--opening"}} {
		args := append([]string{"-d", dir}, more...)
		if said := run(beancount, written(must(t, append([]string{"books", "--beancount"}, args...)...))); said != "" {
			t.Errorf("%v: %s", more, said)
		}
		text := must(t, append([]string{"books", "--hledger"}, args...)...)
		file := written(text)
		run(hledger, "-f", file, "check", "--strict")
		if !strings.Contains(text, "* payout  ; ref: demo-") || !strings.Contains(text, "* payment  ; ref: demo-") {
			t.Errorf("%v: no payouts, or no payments, in\n%s", more, text)
		}
		for _, line := range strings.Split(must(t, "books", "-d", dir), "\n") {
			f := strings.Fields(line)
			if len(f) < 3 || !strings.Contains(f[0], ":") {
				continue
			}
			kind, id, _ := strings.Cut(f[0], ":")
			if kind == "house" {
				continue
			}
			got := strings.Fields(run(hledger, "-f", file, "balance", "--no-total", "--empty", "--flat", id+"$"))
			if len(got) < 2 || got[0] != f[1] && !(got[0] == "0" && f[1] == "0.00") {
				t.Errorf("%v: hledger has %v, the books %v", more, got, f)
			}
		}
		broken := strings.Replace(text, " = ", " = 1", 1)
		said, err := exec.CommandContext(t.Context(), hledger, "-f", written(broken), "check").CombinedOutput()
		if err == nil || broken == text {
			t.Errorf("%v: another balance at the end goes through: %s", more, said)
		}
	}
}
