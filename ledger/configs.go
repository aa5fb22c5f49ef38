// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

func (l *Ledger) configDir() string { return filepath.Join(l.cfg.Dir, "configs") }

// KeepConfig stores the files of a configuration (slash-separated relative names) under its hash, durably and all at once, before its
// first use. Keeping a hash again does nothing. Secrets must be placeholders in it.
func (l *Ledger) KeepConfig(hash string, files map[string][]byte) error {
	if !validHash(hash) {
		return fmt.Errorf("ledger: configuration hash %q: expected 8 to 128 hex digits", hash)
	}
	for name := range files {
		if !filepath.IsLocal(filepath.FromSlash(name)) {
			return fmt.Errorf("ledger: configuration file %q: expected a relative name inside the directory", name)
		}
	}
	dir := filepath.Join(l.configDir(), hash)
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := os.MkdirAll(l.configDir(), 0o700); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(l.configDir(), ".new-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	dirs := map[string]bool{tmp: true}
	for name, b := range files {
		path := filepath.Join(tmp, filepath.FromSlash(name))
		for d := filepath.Dir(path); d != tmp; d = filepath.Dir(d) {
			dirs[d] = true
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := writeFile(filepath.Dir(path), filepath.Base(path), b); err != nil {
			return err
		}
	}
	for _, d := range slices.Sorted(maps.Keys(dirs)) {
		if err := syncDir(d); err != nil {
			return err
		}
	}
	if err := os.Rename(tmp, dir); err != nil {
		if _, have := os.Stat(dir); have == nil {
			return nil // another caller kept it
		}
		return err
	}
	return errors.Join(syncDir(l.configDir()), syncDir(l.cfg.Dir))
}

func validHash(h string) bool {
	if len(h) < 8 || len(h) > 128 {
		return false
	}
	for _, c := range h {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// ConfigFiles reads a kept configuration back. An unknown hash is fs.ErrNotExist.
func (l *Ledger) ConfigFiles(hash string) (map[string][]byte, error) {
	if !validHash(hash) {
		return nil, fmt.Errorf("ledger: configuration hash %q: %w", hash, fs.ErrNotExist)
	}
	root := os.DirFS(filepath.Join(l.configDir(), hash))
	out := map[string][]byte{}
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		out[name], err = fs.ReadFile(root, name)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Configs lists the hashes of the kept configurations in their order.
func (l *Ledger) Configs() ([]string, error) {
	entries, err := os.ReadDir(l.configDir())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range entries {
		if e.IsDir() && validHash(e.Name()) {
			out = append(out, e.Name())
		}
	}
	return out, nil
}
