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
	"os"
	"path"
	"slices"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"clearpost/batch"
	"clearpost/wire/transport"
)

// sftpPlace is a directory of an SFTP server, over one connection.
type sftpPlace struct {
	conn   net.Conn
	ssh    *ssh.Client
	client *sftp.Client
	folder string
	over   func() bool
}

func openSFTP(ctx context.Context, s *batch.SFTP, allowPrivate bool) (*sftpPlace, error) {
	cfg, err := sshConfig(s)
	if err != nil {
		return nil, err
	}
	conn, err := dial(ctx, s.Address, s.Timeout, allowPrivate)
	if err != nil {
		return nil, err
	}
	p := &sftpPlace{conn: conn, folder: s.Folder}
	p.over = context.AfterFunc(ctx, func() { _ = conn.Close() })
	c, chans, requests, err := ssh.NewClientConn(conn, s.Address, cfg)
	if err != nil {
		return nil, errors.Join(err, p.Close())
	}
	p.ssh = ssh.NewClient(c, chans, requests)
	// one write after the other: a file that is cut off ends where it was cut off
	if p.client, err = sftp.NewClient(p.ssh, sftp.UseConcurrentWrites(false)); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// sshConfig says who logs in, and that the server has one of the keys that are known.
func sshConfig(s *batch.SFTP) (*ssh.ClientConfig, error) {
	cfg := &ssh.ClientConfig{User: s.User, Timeout: s.Timeout}
	if s.Key != "" {
		key, err := ssh.ParsePrivateKey([]byte(s.Key + "\n"))
		if err != nil {
			return nil, fmt.Errorf("the private key: %w", err)
		}
		cfg.Auth = append(cfg.Auth, ssh.PublicKeys(key))
	}
	if s.Password != "" {
		cfg.Auth = append(cfg.Auth, ssh.Password(s.Password), ssh.KeyboardInteractive(
			func(_, _ string, questions []string, _ []bool) ([]string, error) {
				return slices.Repeat([]string{s.Password}, len(questions)), nil
			}))
	}
	var known [][]byte
	for _, line := range s.HostKeys {
		key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
		if err != nil {
			return nil, fmt.Errorf("host key %q: %w", line, err)
		}
		known = append(known, key.Marshal())
		cfg.HostKeyAlgorithms = append(cfg.HostKeyAlgorithms, algorithms(key.Type())...)
	}
	cfg.HostKeyCallback = func(_ string, _ net.Addr, key ssh.PublicKey) error {
		if !slices.ContainsFunc(known, func(k []byte) bool { return bytes.Equal(k, key.Marshal()) }) {
			return fmt.Errorf("the server's key %s is none of host_keys", ssh.FingerprintSHA256(key))
		}
		return nil
	}
	return cfg, nil
}

// algorithms are the signatures that a server may prove a key of a type by.
func algorithms(keyType string) []string {
	if keyType == ssh.KeyAlgoRSA {
		return []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
	}
	return []string{keyType}
}

func (p *sftpPlace) at(name string) string {
	if p.folder == "" {
		return name
	}
	return path.Join(p.folder, name)
}

// Look implements batch.Place.
func (p *sftpPlace) Look(_ context.Context, f *batch.File) (batch.Standing, error) { return look(p, f) }

func (p *sftpPlace) size(name string) (int64, error) {
	info, err := p.client.Stat(p.at(name))
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (p *sftpPlace) open(name string) (io.ReadCloser, error) { return p.client.Open(p.at(name)) }

// Stage implements batch.Place.
func (p *sftpPlace) Stage(_ context.Context, f *batch.File) error {
	name := p.at(f.Name + batch.PartialSuffix)
	w, err := p.client.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return err
	}
	_, err = w.Write(f.Bytes)
	if _, ok := p.client.HasExtension("fsync@openssh.com"); ok && err == nil {
		err = w.Sync()
	}
	if err = errors.Join(err, w.Close()); err != nil {
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

// Store implements batch.Place. The rename of the protocol's version 3 goes over nothing, but not every server knows.
func (p *sftpPlace) Store(_ context.Context, f *batch.File) error {
	if _, err := p.size(f.Name); err == nil {
		return fmt.Errorf("%s: %w", f.Name, fs.ErrExist)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := p.client.Rename(p.at(f.Name+batch.PartialSuffix), p.at(f.Name)); err != nil {
		return errors.Join(batch.ErrUnclear, err)
	}
	return nil
}

// Repeats implements batch.Place.
func (p *sftpPlace) Repeats() bool { return false }

// Close implements batch.Place.
func (p *sftpPlace) Close() error {
	p.over()
	if p.client != nil {
		_ = p.client.Close()
	}
	if p.ssh != nil {
		_ = p.ssh.Close()
	}
	return ignoreClosed(p.conn.Close())
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// dial makes a connection on which nothing waits longer than a time.
func dial(ctx context.Context, addr string, timeout time.Duration, allowPrivate bool) (net.Conn, error) {
	d := transport.Dialer(allowPrivate)
	d.Timeout = timeout
	c, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return &watched{c, timeout}, nil
}

// shakeHands makes TLS of a connection.
func shakeHands(ctx context.Context, c net.Conn, cfg *tls.Config) (net.Conn, error) {
	t := tls.Client(c, cfg)
	if err := t.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return t, nil
}

// watched is a connection whose reads and writes each have a time.
type watched struct {
	net.Conn
	most time.Duration
}

func (c *watched) Read(b []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(c.most)); err != nil {
		return 0, err
	}
	return c.Conn.Read(b)
}

func (c *watched) Write(b []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(c.most)); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}
