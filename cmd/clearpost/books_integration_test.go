// SPDX-License-Identifier: Apache-2.0

//go:build integration

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// TestIntegrationBeancountTakesTheBooks has Beancount check the books of a demo, its balances among them: as a whole,
// and as a time with what stood before.
func TestIntegrationBeancountTakesTheBooks(t *testing.T) {
	check := part(t, "CLEARPOST_BEANCOUNT")
	data := filepath.Join(t.TempDir(), "demo")
	must(t, "demo", "--for", "4s", "--rate", "60", "--seed", "5", "--data", data, "--listen", "127.0.0.1:0", "--admin",
		"127.0.0.1:0", "--kafka-port", "0")
	today := time.Now().UTC().Format(time.DateOnly)
	for _, more := range [][]string{nil, {"--from", today, "--opening"}} {
		out := must(t, append([]string{"books", "--beancount", "-d", filepath.Join(data, "config")}, more...)...)
		file := filepath.Join(t.TempDir(), "books.beancount")
		if err := os.WriteFile(file, []byte(out), 0o600); err != nil {
			t.Fatal(err)
		}
		if said, err := exec.CommandContext(t.Context(), check, file).CombinedOutput(); err != nil || len(said) > 0 {
			t.Errorf("%v: %v\n%s\n%s", more, err, said, out)
		}
	}
}
