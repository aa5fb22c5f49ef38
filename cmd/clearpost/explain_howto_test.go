// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The how-to's trials come out as it shows them.
func TestTrialsOfTheHowToComeOutAsShown(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile(filepath.Join(root, "docs/how-to/explain-a-lead.md"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(filepath.Join(root, "examples"), filepath.Join(dir, "examples")); err != nil {
		t.Fatal(err)
	}
	for name, kind := range map[string]string{"lead.json": "json", "leads.csv": "csv"} {
		block := regexp.MustCompile("(?s)```" + kind + "\n(.*?)```").FindSubmatch(doc)
		if block == nil {
			t.Fatalf("no block of %s", kind)
		}
		if err := os.WriteFile(filepath.Join(dir, name), block[1], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	shown := regexp.MustCompile("(?s)```sh\nclearpost ([^\n]*)\n```\n\n```text\n(.*?)```").FindAllSubmatch(doc, -1)
	if len(shown) != 2 {
		t.Fatalf("%d trials are shown", len(shown))
	}
	hash := regexp.MustCompile("config [0-9a-f]{32}")
	for _, s := range shown {
		out := must(t, strings.Fields(string(s[1]))...)
		if out = hash.ReplaceAllString(out, "config HASH"); out != string(s[2]) {
			t.Errorf("clearpost %s\n%s\nshown:\n%s", s[1], out, s[2])
		}
	}
}
