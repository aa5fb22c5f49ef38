// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"clearpost/node"
)

// TestVerbsOnACopyDoNotSpeakToTheLiveExchange copies a running exchange's directory, with the address and the token
// that stand in it.
func TestVerbsOnACopyDoNotSpeakToTheLiveExchange(t *testing.T) {
	dir, _, p, _ := served(t)
	must(t, "pause", "sunharvest", "--why", "before the copy", "-d", dir)
	copied := filepath.Join(t.TempDir(), "copy")
	if out, err := exec.Command("cp", "-a", dir, copied).CombinedOutput(); err != nil {
		t.Fatalf("cp: %v: %s", err, out)
	}
	must(t, "pause", "leadspring", "--why", "after the copy", "-d", dir)
	for _, args := range [][]string{{"pause", "brightroof", "--why", "x"}, {"resume", "sunharvest", "--why", "x"},
		{"resolve", "0193b2c4-0000-7000-8000-000000000000", "rejected", "--why", "x"}, {"reload"}} {
		code, out, errOut := clearpost(t, append(args, "-d", copied)...)
		if code != exitFailed || out != "" || !strings.Contains(errOut, "it is not asked") {
			t.Errorf("%v on a copy: exit %d, %q, %q", args, code, out, errOut)
		}
		if args[0] != "reload" &&
			!strings.Contains(errOut, "is a copy of another exchange's data: nothing is changed in it") {
			t.Errorf("%v on a copy: %q", args, errOut)
		}
	}
	if n := strings.Count(must(t, "events", "--kind", "adjusted", "-d", copied), "\n"); n != 1 {
		t.Errorf("the copy has %d adjustments: expected the one from before it was made", n)
	}
	if n := strings.Count(must(t, "events", "--kind", "adjusted", "-d", dir), "\n"); n != 2 {
		t.Errorf("the exchange has %d adjustments: expected the two that it was told", n)
	}
	if out := must(t, "status", "-d", copied); !strings.Contains(out, "no exchange runs here") {
		t.Errorf("status of the copy:\n%s", out)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	if out := must(t, "status", "-d", link); !strings.Contains(out, "running since") {
		t.Errorf("status by a link:\n%s", out)
	}
	// A copy of the configuration alone, with the same data: the exchange reads another directory than the one that is
	// named.
	conf := filepath.Join(t.TempDir(), "conf")
	if out, err := exec.Command("cp", "-a", dir, conf).CombinedOutput(); err != nil {
		t.Fatalf("cp: %v: %s", err, out)
	}
	f, err := os.OpenFile(filepath.Join(conf, "clearpost.yaml"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("data_dir: " + filepath.Join(dir, "data") + "\n"); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if code, _, errOut := clearpost(t, "reload", conf); code != exitFailed ||
		!strings.Contains(errOut, "reads its configuration from "+dir) {
		t.Errorf("reload of another configuration: exit %d, %q", code, errOut)
	}
	p.kill()
	if code, _, errOut := clearpost(t, "serve", copied); code != exitFailed || !strings.Contains(errOut, "--adopt") {
		t.Errorf("serve of a copy: exit %d, %q", code, errOut)
	}
	if node.IsCopy(filepath.Join(dir, "data")) {
		t.Error("the exchange's own directory is taken for a copy")
	}
}
