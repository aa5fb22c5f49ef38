// SPDX-License-Identifier: Apache-2.0

package carrier

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"

	"clearpost/batch"
)

// server is a connection to one that keeps files in directories. Paths are its own. fs.ErrNotExist says that there is
// no such file, fs.ErrPermission that it may not be read.
type server interface {
	stat(path string) (bytes int64, err error)
	read(path string) (io.ReadCloser, error)
	// write writes over what is there.
	write(path string, b []byte) error
	// rename may go over what is there.
	rename(from, to string) error
	// never tells of an error of rename whether the server has said that it does not rename this, today or tomorrow.
	never(err error) bool
	delete(path string) error
	// entries gives the files of a directory; "" is the one to which the login leads.
	entries(ctx context.Context, dir string, each func(batch.Appeared) error) error
	Close() error
}

// remote is a directory of a server.
type remote struct {
	server
	folder string
}

func (p *remote) at(name string) string {
	if p.folder == "" {
		return name
	}
	return path.Join(p.folder, name)
}

// Look implements batch.Place.
func (p *remote) Look(_ context.Context, f *batch.File) (batch.Standing, error) { return look(p, f) }

func (p *remote) size(name string) (int64, error) { return p.stat(p.at(name)) }

func (p *remote) open(name string) (io.ReadCloser, error) { return p.read(p.at(name)) }

// Stage implements batch.Place.
func (p *remote) Stage(_ context.Context, f *batch.File) error {
	if err := p.write(p.at(f.Partial()), f.Bytes); err != nil {
		return err
	}
	n, err := p.size(f.Partial())
	if err != nil {
		return fmt.Errorf("look at what was sent: %w", err)
	}
	if n != int64(len(f.Bytes)) {
		return fmt.Errorf("%d of %d bytes have arrived", n, len(f.Bytes))
	}
	return nil
}

// Store implements batch.Place. Servers may rename over what is there: it is looked at before.
func (p *remote) Store(_ context.Context, f *batch.File) error {
	if _, err := p.size(f.Name); err == nil {
		return fmt.Errorf("%s: %w", f.Name, fs.ErrExist)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := p.rename(p.at(f.Partial()), p.at(f.Name)); err != nil {
		return errors.Join(batch.ErrUnclear, err)
	}
	return nil
}

// Repeats implements batch.Place.
func (p *remote) Repeats() bool { return false }

func (p *remote) list(ctx context.Context, each func(batch.Appeared) error) error {
	return p.entries(ctx, p.folder, each)
}
