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

// ftpsServer is an FTP server that speaks TLS.
type ftpsServer struct {
	conn *ftp.ServerConn
	over func() bool
	most int64 // that is read from a connection for data
}

func openFTPS(ctx context.Context, s *batch.FTPS, allowPrivate bool) (*remote, error) {
	host, _, err := net.SplitHostPort(s.Address)
	if err != nil {
		return nil, err
	}
	cfg, err := tlsOf(host, s.CA)
	if err != nil {
		return nil, err
	}
	cfg.ClientSessionCache = tls.NewLRUClientSessionCache(8) // servers want to see that data comes from who logged in
	p := &ftpsServer{most: readMax}
	ctx, cancel := context.WithCancel(ctx)
	p.over = func() bool { cancel(); return true }
	control := true // the first connection; those after it are for data
	open := func(_, addr string) (net.Conn, error) {
		c, err := dial(ctx, addr, s.Timeout, allowPrivate)
		if err != nil {
			return nil, err
		}
		context.AfterFunc(ctx, func() { _ = c.Close() })
		if !control {
			c.hear(p.most)
			return &dataConn{tls.Client(c, cfg)}, nil
		}
		control = false
		if c.hear(listMax); !s.Implicit {
			return c, nil
		}
		return tls.Client(c, cfg), nil
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
	return &remote{p, s.Folder}, nil
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

func (p *ftpsServer) stat(path string) (int64, error) {
	n, err := p.conn.FileSize(path)
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

func (p *ftpsServer) read(path string) (io.ReadCloser, error) {
	r, err := p.conn.Retr(path)
	if refused(err) {
		return nil, fs.ErrPermission // it is there: its length was told
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}

func (p *ftpsServer) write(path string, b []byte) error { return p.conn.Stor(path, bytes.NewReader(b)) }

func (p *ftpsServer) rename(from, to string) error { return p.conn.Rename(from, to) }

func (p *ftpsServer) never(err error) bool {
	var said *textproto.Error
	return errors.As(err, &said) && said.Code >= 500
}

// delete tells a file that is not there from one that may not be removed: servers have one number for both.
func (p *ftpsServer) delete(path string) error {
	err := p.conn.Delete(path)
	if refused(err) {
		if _, gone := p.stat(path); errors.Is(gone, fs.ErrNotExist) {
			return gone
		}
	}
	return err
}

func (p *ftpsServer) entries(_ context.Context, dir string, each func(batch.Appeared) error) error {
	p.most = listMax
	list, err := p.conn.List(dir)
	if p.most = readMax; err != nil {
		return err
	}
	for _, f := range list {
		if f.Type != ftp.EntryTypeFile {
			continue
		}
		if err := each(batch.Appeared{Name: path.Base(f.Name), Bytes: int64(f.Size), Changed: f.Time}); err != nil {
			return err
		}
	}
	return nil
}

// Close implements server.
func (p *ftpsServer) Close() error {
	if p.conn != nil {
		_ = p.conn.Quit()
	}
	p.over()
	return nil
}
