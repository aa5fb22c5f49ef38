// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"
)

func (l *Ledger) configDir() string { return filepath.Join(l.cfg.Dir, "configs") }

// KeepConfig stores the files of a configuration (slash-separated relative names) under its hash, durably and all at
// once, before its first use. Keeping a hash again does nothing. Secrets must be placeholders in it. A file that is as
// the last configuration had it is linked to that.
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
	last := l.lastConfig()
	var written []string
	for name, b := range files {
		path := filepath.Join(tmp, filepath.FromSlash(name))
		for d := filepath.Dir(path); d != tmp; d = filepath.Dir(d) {
			dirs[d] = true
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if last != "" && sameFile(filepath.Join(last, filepath.FromSlash(name)), b) &&
			os.Link(filepath.Join(last, filepath.FromSlash(name)), path) == nil {
			continue
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			return err
		}
		written = append(written, path)
	}
	for _, path := range written { // after all are written: then most of them go to the disk together
		if err := syncFile(path); err != nil {
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

// lastConfig is the directory of the configuration that was kept last, empty if there is none.
func (l *Ledger) lastConfig() (dir string) {
	entries, err := os.ReadDir(l.configDir())
	if err != nil {
		return ""
	}
	var newest time.Time
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && e.IsDir() && validHash(e.Name()) && (dir == "" || info.ModTime().After(newest)) {
			dir, newest = filepath.Join(l.configDir(), e.Name()), info.ModTime()
		}
	}
	return dir
}

// sameFile tells whether a regular file has exactly these bytes.
func sameFile(path string, want []byte) bool {
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() != int64(len(want)) {
		return false
	}
	have, err := os.ReadFile(path)
	return err == nil && bytes.Equal(have, want)
}

func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
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

// KeptConfig is where a kept configuration stands: the directory with its files, and the one with the contents of its
// files of values (KeepList). An unknown hash is fs.ErrNotExist.
func (l *Ledger) KeptConfig(hash string) (dir, lists string, err error) {
	if !validHash(hash) {
		return "", "", fmt.Errorf("ledger: configuration hash %q: %w", hash, fs.ErrNotExist)
	}
	dir = filepath.Join(l.configDir(), hash)
	if _, err := os.Stat(dir); err != nil {
		return "", "", err
	}
	return dir, filepath.Join(l.configDir(), "lists"), nil
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
