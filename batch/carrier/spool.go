// SPDX-License-Identifier: Apache-2.0

package carrier

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"clearpost/lead"
)

// spool keeps the bytes of files in a directory, each under its id. They hold leads: nobody but the owner may read
// them.
type spool struct{ dir string }

func openSpool(dir string) (spool, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return spool{}, fmt.Errorf("a directory for files that are to be stored: %w", err)
	}
	return spool{dir}, nil
}

func (s spool) path(id lead.ID) string { return filepath.Join(s.dir, id.String()) }

// Keep keeps the bytes of a file until they are stored, durably.
func (s spool) Keep(id lead.ID, b []byte) error {
	return writeFile(s.path(id)+".new", s.path(id), b, 0o600)
}

// Kept gives them back; fs.ErrNotExist where there are none.
func (s spool) Kept(id lead.ID) ([]byte, error) { return os.ReadFile(s.path(id)) }

// Drop ends that. Of a file that is not kept it does nothing.
func (s spool) Drop(id lead.ID) error {
	if err := os.Remove(s.path(id)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Sweep does it for all that are not among these.
func (s spool) Sweep(open []lead.ID) error {
	list, err := os.ReadDir(s.dir)
	for _, f := range list {
		if id, bad := lead.ParseID(f.Name()); bad != nil || !slices.Contains(open, id) {
			err = errors.Join(err, os.RemoveAll(filepath.Join(s.dir, f.Name())))
		}
	}
	return err
}

// writeFile writes a file durably under one name and then has it stand under another, over what stood there.
func writeFile(partial, name string, b []byte, mode fs.FileMode) error {
	if err := writeSynced(partial, b, mode, os.O_TRUNC); err != nil {
		return err
	}
	if err := os.Rename(partial, name); err != nil {
		return err
	}
	return syncDir(filepath.Dir(name))
}

// writeSynced writes a file durably. What stands there already is written over (os.O_TRUNC), or an error (os.O_EXCL).
func writeSynced(name string, b []byte, mode fs.FileMode, there int) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|there, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Sync(), f.Close())
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
