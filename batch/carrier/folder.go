// SPDX-License-Identifier: Apache-2.0

package carrier

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"clearpost/batch"
)

// folder is a directory of this machine, or one that is mounted.
type folder struct{ path string }

func openFolder(f *batch.Folder) (*folder, error) {
	info, err := os.Stat(f.Path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("%s is not a directory", f.Path)
	}
	return &folder{f.Path}, nil
}

// Look implements batch.Place.
func (d *folder) Look(_ context.Context, f *batch.File) (batch.Standing, error) { return look(d, f) }

func (d *folder) size(name string) (int64, error) {
	info, err := os.Lstat(filepath.Join(d.path, name))
	if err != nil {
		return 0, err
	}
	if !info.Mode().IsRegular() {
		return -1, nil
	}
	return info.Size(), nil
}

func (d *folder) open(name string) (io.ReadCloser, error) {
	return openPlain(filepath.Join(d.path, name))
}

// openPlain opens a file to be read that is no link, which may lead elsewhere, and nothing that keeps its reader
// waiting. Whoever else may write here may have put such a thing in place of what was listed.
func openPlain(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no plain file", name)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Stage implements batch.Place. What stood under the name is removed first: it may be a link to somewhere else. What
// comes to stand there since is not written to.
func (d *folder) Stage(_ context.Context, f *batch.File) error {
	name := filepath.Join(d.path, f.Partial())
	if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return writeSynced(name, f.Bytes, 0o640, os.O_EXCL)
}

// Store implements batch.Place.
func (d *folder) Store(_ context.Context, f *batch.File) error {
	name, partial := filepath.Join(d.path, f.Name), filepath.Join(d.path, f.Partial())
	err := unix.Renameat2(unix.AT_FDCWD, partial, unix.AT_FDCWD, name, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) { // a file system that does not know how
		if err = os.Link(partial, name); err == nil {
			err = os.Remove(partial)
		}
	}
	if err == nil {
		err = syncDir(d.path)
	}
	if err != nil {
		return errors.Join(batch.ErrUnclear, err)
	}
	return nil
}

// Repeats implements batch.Place.
func (d *folder) Repeats() bool { return false }

// Close implements batch.Place.
func (d *folder) Close() error { return nil }
