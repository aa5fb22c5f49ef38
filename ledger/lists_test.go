// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
)

// A file of values is kept once, whole or not at all.
func TestListsAreKeptByTheirSum(t *testing.T) {
	dir := t.TempDir()
	l := mustOpen(t, testConfig(t, dir), quick())
	text := []byte(strings.Repeat("78704\n10001\n", 10_000))
	digest := sha256.Sum256(text)
	sum := hex.EncodeToString(digest[:])
	opened := 0
	of := func(r io.Reader) func() (io.ReadCloser, error) {
		return func() (io.ReadCloser, error) { opened++; return io.NopCloser(r), nil }
	}
	kept := func() []os.DirEntry {
		entries, err := os.ReadDir(filepath.Join(l.configDir(), "lists"))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		return entries
	}
	for what, r := range map[string]io.Reader{"another content": strings.NewReader("78704\n"),
		"a disk that fails": io.MultiReader(strings.NewReader("78"), iotest.ErrReader(errors.New("the disk")))} {
		if err := l.KeepList(sum, of(r)); err == nil || len(kept()) > 0 {
			t.Errorf("%s: %v, %v", what, err, kept())
		}
	}
	if err := l.KeepList("../"+sum[3:], of(bytes.NewReader(text))); err == nil {
		t.Error("a sum that leads elsewhere is taken")
	}
	opened = 0
	for range 2 {
		if err := l.KeepList(sum, of(bytes.NewReader(text))); err != nil {
			t.Fatal(err)
		}
	}
	if opened != 1 || len(kept()) != 1 {
		t.Errorf("opened %d times: %v", opened, kept())
	}
	f, err := os.Open(filepath.Join(l.configDir(), "lists", sum+".gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(z); err != nil || !bytes.Equal(got, text) {
		t.Errorf("%d bytes come back of %d, %v", len(got), len(text), err)
	}
	if all, err := l.Configs(); err != nil || len(all) != 0 {
		t.Errorf("the lists are taken for a configuration: %v, %v", all, err)
	}
}
