// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// KeepList stores the content of a file of values by its SHA-256, compressed, as configs/lists/SHA256.gz, durably and
// all at once, before the first use of a configuration that names it. Keeping one again does nothing. It fails where
// what is read has another sum.
func (l *Ledger) KeepList(sum string, open func() (io.ReadCloser, error)) error {
	if !validHash(sum) || len(sum) != hex.EncodedLen(sha256.Size) {
		return fmt.Errorf("ledger: sum %q of a list: expected 64 hex digits", sum)
	}
	dir := filepath.Join(l.configDir(), "lists")
	path := filepath.Join(dir, sum+".gz")
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	if err := errors.Join(compress(tmp, sum, open), tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return err
	}
	return errors.Join(syncDir(dir), syncDir(l.configDir()), syncDir(l.cfg.Dir))
}

func compress(to io.Writer, sum string, open func() (io.ReadCloser, error)) error {
	from, err := open()
	if err != nil {
		return err
	}
	defer from.Close()
	z, err := gzip.NewWriterLevel(to, gzip.BestSpeed)
	if err != nil {
		return err
	}
	h := sha256.New()
	if _, err := io.Copy(io.MultiWriter(z, h), from); err != nil {
		return err
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != sum {
		return fmt.Errorf("ledger: a list with the sum %s: expected %s, which it had before", got, sum)
	}
	return z.Close()
}
