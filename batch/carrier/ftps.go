// SPDX-License-Identifier: Apache-2.0

package carrier

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/textproto"
	"path"

	"github.com/jlaffaye/ftp"

	"clearpost/batch"
)

// ftpsPlace is a directory of an FTP server that speaks TLS.
type ftpsPlace struct {
	conn   *ftp.ServerConn
	folder string
	over   func() bool
}

func openFTPS(ctx context.Context, s *batch.FTPS, allowPrivate bool) (*ftpsPlace, error) {
	host, _, err := net.SplitHostPort(s.Address)
	if err != nil {
		return nil, err
	}
	cfg, err := tlsOf(host, s.CA)
	if err != nil {
		return nil, err
	}
	cfg.ClientSessionCache = tls.NewLRUClientSessionCache(8) // servers want to see that data comes from who logged in
	p := &ftpsPlace{folder: s.Folder}
	ctx, cancel := context.WithCancel(ctx)
	p.over = func() bool { cancel(); return true }
	control := true // the first connection; those after it are for data
	open := func(_, addr string) (net.Conn, error) {
		c, err := dial(ctx, addr, s.Timeout, allowPrivate)
		if err != nil {
			return nil, err
		}
		context.AfterFunc(ctx, func() { _ = c.Close() })
		if control && !s.Implicit {
			control = false
			return c, nil
		}
		if control {
			control = false
			return tls.Client(c, cfg), nil
		}
		return &dataConn{tls.Client(c, cfg)}, nil
	}
	opt := []ftp.DialOption{ftp.DialWithDialFunc(open), ftp.DialWithShutTimeout(s.Timeout)}
	if !s.Implicit {
		opt = append(opt, ftp.DialWithExplicitTLS(cfg))
	} else {
		opt = append(opt, ftp.DialWithTLS(cfg))
	}
	if p.conn, err = ftp.Dial(s.Address, opt...); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	if err := p.conn.Login(s.User, s.Password); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// dataConn ends as servers want it: what they have to say is heard, or closing would reset the connection, and they
// would take the file for torn.
type dataConn struct{ *tls.Conn }

// Close implements net.Conn.
func (c *dataConn) Close() error {
	err := c.CloseWrite()
	if err == nil {
		_, _ = io.Copy(io.Discard, c.Conn)
	}
	return errors.Join(err, c.Conn.Close())
}

func (p *ftpsPlace) at(name string) string {
	if p.folder == "" {
		return name
	}
	return path.Join(p.folder, name)
}

// Look implements batch.Place.
func (p *ftpsPlace) Look(_ context.Context, f *batch.File) (batch.Standing, error) { return look(p, f) }

func (p *ftpsPlace) size(name string) (int64, error) {
	n, err := p.conn.FileSize(p.at(name))
	if refused(err) {
		return 0, fmt.Errorf("%w (%w)", fs.ErrNotExist, err)
	}
	return n, err
}

// refused tells whether the server says that there is no such file, or that it may not be read: one number is for both.
func refused(err error) bool {
	var said *textproto.Error
	return errors.As(err, &said) && said.Code == ftp.StatusFileUnavailable
}

func (p *ftpsPlace) open(name string) (io.ReadCloser, error) {
	r, err := p.conn.Retr(p.at(name))
	if refused(err) {
		return nil, fs.ErrPermission // it is there: its length was told
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}

// Stage implements batch.Place.
func (p *ftpsPlace) Stage(_ context.Context, f *batch.File) error {
	if err := p.conn.Stor(p.at(f.Name+batch.PartialSuffix), bytes.NewReader(f.Bytes)); err != nil {
		return err
	}
	n, err := p.size(f.Name + batch.PartialSuffix)
	if err != nil {
		return fmt.Errorf("look at what was sent: %w", err)
	}
	if n != int64(len(f.Bytes)) {
		return fmt.Errorf("%d of %d bytes have arrived", n, len(f.Bytes))
	}
	return nil
}

// Store implements batch.Place. Servers rename over what is there: it is looked at before.
func (p *ftpsPlace) Store(_ context.Context, f *batch.File) error {
	if _, err := p.size(f.Name); err == nil {
		return fmt.Errorf("%s: %w", f.Name, fs.ErrExist)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := p.conn.Rename(p.at(f.Name+batch.PartialSuffix), p.at(f.Name)); err != nil {
		return errors.Join(batch.ErrUnclear, err)
	}
	return nil
}

// Repeats implements batch.Place.
func (p *ftpsPlace) Repeats() bool { return false }

// Close implements batch.Place.
func (p *ftpsPlace) Close() error {
	if p.conn != nil {
		_ = p.conn.Quit()
	}
	p.over()
	return nil
}
