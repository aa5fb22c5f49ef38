// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Leads of before a change are computed again under the configuration that decided them, with its files of values, by
// a running exchange and by its directory; where somebody has changed what was kept, that is said.
func TestLeadsOfBeforeAChangeAreComputedUnderWhatDecidedThem(t *testing.T) {
	s := serveExamples(t, "--watch=false")
	sunny := func() {
		t.Helper()
		resp, err := sendSunnyLead(s.sellers)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	change := func() {
		t.Helper()
		if code, out := s.verb("reload", s.dir); code != exitOK || !strings.Contains(out, "applied") {
			t.Fatalf("reload: %d %s", code, out)
		}
	}
	if err := os.MkdirAll(filepath.Join(s.dir, "lists"), 0o700); err != nil {
		t.Fatal(err)
	}
	zips := filepath.Join(s.dir, "lists", "zips.txt")
	if err := os.WriteFile(zips, []byte("85004\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.edit("buyers/brightroof.yaml", "- {field: homeowner, in: [true]}", "- {field: zip, in_file: zips.txt}")
	change()
	before := s.config().Hash
	sunny()
	if err := os.WriteFile(zips, []byte("90210\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.edit("buyers/brightroof.yaml", "price: 27.50", "price: 31.50")
	change()
	if s.config().Hash == before {
		t.Fatal("the configuration is what it was")
	}
	want := "1 leads computed again: 1 as recorded, 0 differ (0 defects), 0 not wholly\n"
	for _, running := range []bool{true, false} {
		if !running {
			s.process.cmd.Process.Signal(syscall.SIGTERM)
			<-s.process.ended
		}
		if code, out := s.verb("explain", "--every", "-d", s.dir); code != exitOK || out != want {
			t.Errorf("running %v: exit %d\n%s", running, code, out)
		}
		code, out := s.verb("explain", "quotemill:my-1", "-d", s.dir)
		if code != exitOK || !strings.Contains(out, "computed again from its inputs: no difference") ||
			!strings.Contains(out, "(another one is in force now)") || !strings.Contains(out, "bid 27.50") {
			t.Errorf("running %v: exit %d\n%s", running, code, out)
		}
	}
	page := filepath.Join(s.dir, "data", "ledger", "configs", before, "buyers", "brightroof.yaml")
	edit(t, page, "price: 27.50", "price: 26.50")
	if code, out := s.verb("explain", "--every", "-d", s.dir); code != exitOK ||
		!strings.Contains(out, "0 as recorded, 0 differ (0 defects), 1 not wholly") ||
		!strings.Contains(out, "its files have been changed") {
		t.Errorf("with a changed page: exit %d\n%s", code, out)
	}
	if err := os.RemoveAll(filepath.Dir(filepath.Dir(page))); err != nil {
		t.Fatal(err)
	}
	if code, out := s.verb("explain", "--every", "-d", s.dir); code != exitOK ||
		!strings.Contains(out, "it is not kept beside the ledger") {
		t.Errorf("without its configuration: exit %d\n%s", code, out)
	}
}
