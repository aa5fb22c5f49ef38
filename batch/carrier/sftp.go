// SPDX-License-Identifier: Apache-2.0

package carrier

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"clearpost/batch"
)

// sftpServer is an SFTP server, over one connection.
type sftpServer struct {
	conn   *watched
	ssh    *ssh.Client
	client *sftp.Client
	over   func() bool
}

func openSFTP(ctx context.Context, s *batch.SFTP, allowPrivate bool) (*remote, error) {
	cfg, err := sshConfig(s)
	if err != nil {
		return nil, err
	}
	conn, err := dial(ctx, s.Address, s.Timeout, allowPrivate)
	if err != nil {
		return nil, err
	}
	p := &sftpServer{conn: conn}
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
	return &remote{p, s.Folder}, nil
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

func (p *sftpServer) stat(path string) (int64, error) {
	p.conn.hear(readMax)
	info, err := p.client.Stat(path)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (p *sftpServer) read(path string) (io.ReadCloser, error) {
	p.conn.hear(readMax)
	return p.client.Open(path)
}

func (p *sftpServer) write(path string, b []byte) error {
	w, err := p.client.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	if _, ok := p.client.HasExtension("fsync@openssh.com"); ok && err == nil {
		err = w.Sync()
	}
	return errors.Join(err, w.Close())
}

// rename goes over nothing by version 3 of the protocol, but not every server knows.
func (p *sftpServer) rename(from, to string) error { return p.client.Rename(from, to) }

func (p *sftpServer) never(err error) bool {
	var said *sftp.StatusError
	return errors.Is(err, os.ErrPermission) || errors.As(err, &said) && said.FxCode() == sftp.ErrSSHFxOpUnsupported
}

func (p *sftpServer) delete(path string) error { return p.client.Remove(path) }

func (p *sftpServer) entries(ctx context.Context, dir string, each func(batch.Appeared) error) error {
	if dir == "" {
		dir = "."
	}
	p.conn.hear(listMax)
	list, err := p.client.ReadDirContext(ctx, dir)
	if err != nil {
		return errors.Join(err, p.conn.wrong())
	}
	for _, f := range list {
		if !f.Mode().IsRegular() {
			continue
		}
		if err := each(batch.Appeared{Name: f.Name(), Bytes: f.Size(), Changed: f.ModTime()}); err != nil {
			return err
		}
	}
	return nil
}

// Close implements server.
func (p *sftpServer) Close() error {
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
