// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

func (l *Ledger) foldPath(name string) (string, error) {
	if !filepath.IsLocal(name) || filepath.Base(name) != name {
		return "", fmt.Errorf("ledger: fold %q: expected a file name", name)
	}
	return filepath.Join(l.cfg.Dir, "fold-"+name), nil
}

// KeepFold stores, durably and at once, what somebody has made of the events so far, under a name of its own, so that
// the next start need not read them all again. What is kept says itself up to which seq it goes: it may be lost, or
// older than the log's end, and never is more than the log.
func (l *Ledger) KeepFold(name string, b []byte) error {
	path, err := l.foldPath(name)
	if err != nil {
		return err
	}
	return writeFile(l.cfg.Dir, filepath.Base(path), b)
}

// Fold reads back what was kept under a name, nil if nothing was.
func (l *Ledger) Fold(name string) ([]byte, error) {
	path, err := l.foldPath(name)
	if err != nil {
		return nil, err
	}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return b, err
}
