// SPDX-License-Identifier: Apache-2.0

package config

import (
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// kept writes a configuration as a ledger keeps it.
func kept(t *testing.T, cfg *Config) (dir, lists string) {
	t.Helper()
	dir, lists = t.TempDir(), t.TempDir()
	for name, text := range cfg.Files {
		to := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for i := range cfg.Lists {
		f, err := os.Create(filepath.Join(lists, cfg.Lists[i].SHA256+".gz"))
		if err != nil {
			t.Fatal(err)
		}
		r, err := cfg.OpenList(&cfg.Lists[i])
		if err != nil {
			t.Fatal(err)
		}
		z := gzip.NewWriter(f)
		if _, err := io.Copy(z, r); err != nil {
			t.Fatal(err)
		}
		r.Close()
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return dir, lists
}

func TestAKeptConfigurationIsReadAgain(t *testing.T) {
	cfg, err := LoadWith(writeConfig(t, inFile, change{"lists/zips.txt", "", "02134\n90210\n"}), Options{})
	if err != nil {
		t.Fatal(err)
	}
	dir, lists := kept(t, cfg)
	again, err := LoadKept(dir, lists, cfg.Hash)
	if err != nil {
		t.Fatal(err)
	}
	if !wants(t, again, "02134") || wants(t, again, "10001") || again.Hash != cfg.Hash {
		t.Error("the campaign does not want what it did")
	}
	if _, err := LoadKept(dir, lists, strings.Repeat("0", 32)); err == nil ||
		!strings.Contains(err.Error(), "have been changed") {
		t.Errorf("under another hash: %v", err)
	}
	if err := os.Remove(filepath.Join(lists, cfg.Lists[0].SHA256+".gz")); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadKept(dir, lists, cfg.Hash); err == nil || !strings.Contains(err.Error(), "lists/zips.txt") {
		t.Errorf("without its list: %v", err)
	}
}
