// SPDX-License-Identifier: Apache-2.0

package carrier_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"clearpost/batch"
	"clearpost/batch/carrier"
	"clearpost/lead"
)

// fileOf is a file of this content.
func fileOf(name, content string) *batch.File {
	sum := sha256.Sum256([]byte(content))
	return &batch.File{ID: lead.ID{1}, Name: name, Bytes: []byte(content), SHA256: hex.EncodeToString(sum[:]), Rows: 1}
}

func newFiles(t *testing.T) *carrier.Files {
	t.Helper()
	f, err := carrier.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// open opens a place until the end of the test.
func open(t *testing.T, to *batch.To) batch.Place {
	t.Helper()
	p, err := newFiles(t).Open(t.Context(), to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

func wantStanding(t *testing.T, p batch.Place, f *batch.File, want batch.Standing) {
	t.Helper()
	if got, err := p.Look(t.Context(), f); err != nil || got != want {
		t.Errorf("%s stands as %d (%v), expected %d", f.Name, got, err, want)
	}
}

func try(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// clean removes the files of a directory, as where a server has them from another run.
func clean(t *testing.T, dir string) {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, "*.*"))
	try(t, "list", err)
	for _, name := range list {
		try(t, "remove", os.Remove(name))
	}
}

// Whatever keeps directories stores a file step by step, over nothing that is there.
func testDirectory(t *testing.T, dir string, to *batch.To) {
	clean(t, dir)
	p, f := open(t, to), fileOf("a.csv", strings.Repeat("Lead,Phone\r\n1,2\r\n", 20_000))
	wantStanding(t, p, f, batch.Absent)
	try(t, "stage", p.Stage(t.Context(), f))
	wantStanding(t, p, f, batch.Staged)
	try(t, "stage again", p.Stage(t.Context(), f))
	try(t, "store", p.Store(t.Context(), f))
	wantStanding(t, p, f, batch.Stored)
	if b, err := os.ReadFile(filepath.Join(dir, "a.csv")); err != nil || string(b) != string(f.Bytes) {
		t.Errorf("it has %d bytes (%v), expected %d", len(b), err, len(f.Bytes))
	}
	if _, err := os.Stat(filepath.Join(dir, f.Partial())); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a part is left: %v", err)
	}
	other := fileOf("a.csv", strings.Repeat("Lead,Phone\r\n1,3\r\n", 20_000)) // as long, and another
	wantStanding(t, p, other, batch.Taken)
	try(t, "stage another", p.Stage(t.Context(), other))
	if err := p.Store(t.Context(), other); err == nil {
		t.Error("it was stored over another file")
	}
	wantStanding(t, p, f, batch.Stored)
	torn := fileOf("b.csv", "whole text")
	for _, part := range []string{"torn", "WHOLE TEXT"} {
		try(t, "leave a part", os.WriteFile(filepath.Join(dir, torn.Partial()), []byte(part), 0o600))
		try(t, "let others write", os.Chmod(filepath.Join(dir, torn.Partial()), 0o666))
		wantStanding(t, p, torn, batch.Absent)
	}
	try(t, "stage over what was torn", p.Stage(t.Context(), torn))
	try(t, "store", p.Store(t.Context(), torn))
	wantStanding(t, p, torn, batch.Stored)
	testNamesakes(t, dir, to)
}

// Two files that are to have one name, as of two campaigns or two nodes, are never mixed: one gets it.
func testNamesakes(t *testing.T, dir string, to *batch.To) {
	t.Helper()
	p, first, second := open(t, to), fileOf("n.csv", "first"), fileOf("n.csv", "other")
	second.ID = lead.ID{2}
	try(t, "stage the first", p.Stage(t.Context(), first))
	try(t, "stage the second", p.Stage(t.Context(), second))
	wantStanding(t, p, first, batch.Staged)
	try(t, "store the first", p.Store(t.Context(), first))
	if b, err := os.ReadFile(filepath.Join(dir, "n.csv")); err != nil || string(b) != "first" {
		t.Errorf("%q stands there (%v), expected the first", b, err)
	}
	if err := p.Store(t.Context(), second); err == nil {
		t.Error("the second was stored over the first")
	}
	wantStanding(t, p, first, batch.Stored)
	wantStanding(t, p, second, batch.Taken)
}

func TestFolderStoresAFileAtOnceAndOverNothing(t *testing.T) {
	dir := t.TempDir()
	testDirectory(t, dir, &batch.To{Folder: &batch.Folder{Path: dir}})
	if _, err := newFiles(t).Open(t.Context(), &batch.To{Folder: &batch.Folder{Path: dir + "/none"}}); err == nil {
		t.Error("a folder that is not there is opened")
	}
}

// What is kept is there until it is dropped; what nobody knows goes.
func TestKeptBytesOutliveAllButTheirEnd(t *testing.T) {
	dir := t.TempDir()
	f, err := carrier.New(dir)
	try(t, "new", err)
	a, b := lead.ID{1}, lead.ID{2}
	try(t, "keep", errors.Join(f.Keep(a, []byte("first")), f.Keep(b, []byte("second"))))
	try(t, "leave", os.WriteFile(filepath.Join(dir, lead.ID{3}.String()+".new"), nil, 0o600))
	again, err := carrier.New(dir)
	try(t, "new", err)
	try(t, "sweep", again.Sweep([]lead.ID{a}))
	if got, err := again.Kept(a); err != nil || string(got) != "first" {
		t.Errorf("kept %q, %v", got, err)
	}
	if _, err := again.Kept(b); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what nobody knows is kept: %v", err)
	}
	try(t, "drop", errors.Join(again.Drop(a), again.Drop(a)))
	if list, err := os.ReadDir(dir); err != nil || len(list) != 0 {
		t.Errorf("left: %v, %v", list, err)
	}
}

// sshServer is an SFTP server whose clients are in a directory. Its connections are cut after so many bytes from them;
// 0: never.
type sshServer struct {
	addr string
	key  string // as known_hosts has it
	dir  string
	cut  atomic.Int64
	own  *sftp.Handlers // nil: the files of dir
}

func serveSSH(t *testing.T) *sshServer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	try(t, "key", err)
	signer, err := ssh.NewSignerFromKey(private)
	try(t, "signer", err)
	cfg := &ssh.ServerConfig{PasswordCallback: func(c ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
		if c.User() != "clearpost" || string(password) != "secret" {
			return nil, errors.New("no")
		}
		return nil, nil
	}}
	cfg.AddHostKey(signer)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	try(t, "listen", err)
	t.Cleanup(func() { _ = ln.Close() })
	s := &sshServer{addr: ln.Addr().String(), key: string(ssh.MarshalAuthorizedKey(signer.PublicKey())),
		dir: t.TempDir()}
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			left := s.cut.Load()
			go s.serve(&cutConn{Conn: c, left: left, cuts: left > 0}, cfg)
		}
	}()
	return s
}

// cutConn ends after so many bytes were read from it.
type cutConn struct {
	net.Conn
	left int64
	cuts bool
}

func (c *cutConn) Read(b []byte) (int, error) {
	if c.cuts && c.left <= 0 {
		_ = c.Close()
		return 0, io.ErrUnexpectedEOF
	}
	if c.cuts {
		b = b[:min(int64(len(b)), c.left)]
	}
	n, err := c.Conn.Read(b)
	c.left -= int64(n)
	return n, err
}

func (s *sshServer) serve(nc net.Conn, cfg *ssh.ServerConfig) {
	conn, chans, requests, err := ssh.NewServerConn(nc, cfg)
	if err != nil {
		return
	}
	defer conn.Close()
	go ssh.DiscardRequests(requests)
	for c := range chans {
		ch, requests, err := c.Accept()
		if err != nil {
			return
		}
		go func() {
			for r := range requests {
				_ = r.Reply(r.Type == "subsystem", nil)
			}
		}()
		if s.own != nil {
			_ = sftp.NewRequestServer(ch, *s.own).Serve()
			_ = ch.Close()
			continue
		}
		server, err := sftp.NewServer(ch, sftp.WithServerWorkingDirectory(s.dir))
		if err == nil {
			_ = server.Serve()
		}
		_ = ch.Close()
	}
}

func (s *sshServer) to() *batch.To {
	return &batch.To{SFTP: &batch.SFTP{Address: s.addr, User: "clearpost", Password: "secret",
		HostKeys: []string{batch.HostKey(s.key)}, Timeout: 5 * time.Second}, AllowPrivate: true}
}

func TestSFTPStoresAFileAtOnceAndOverNothing(t *testing.T) {
	s := serveSSH(t)
	testDirectory(t, s.dir, s.to())
}

// A server that cannot prove who it is gets nothing, nor does one at a private address that is not allowed.
func TestSFTPKnowsItsServer(t *testing.T) {
	s, other := serveSSH(t), serveSSH(t)
	for why, change := range map[string]func(*batch.To){
		"none of host_keys":   func(to *batch.To) { to.SFTP.HostKeys = []string{batch.HostKey(other.key)} },
		"unable to authent":   func(to *batch.To) { to.SFTP.Password = "another" },
		"private or reserved": func(to *batch.To) { to.AllowPrivate = false },
		"private key":         func(to *batch.To) { to.SFTP.Key = string(pem.EncodeToMemory(&pem.Block{Type: "X"})) },
	} {
		to := s.to()
		change(to)
		if _, err := newFiles(t).Open(t.Context(), to); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("opened with %v, expected %q", err, why)
		}
	}
}

// A transfer that is cut at any byte leaves nothing under the final name, and is made up for.
func TestSFTPCutAnywhereLeavesNothingUnderTheFinalName(t *testing.T) {
	s, f := serveSSH(t), fileOf("cut.csv", strings.Repeat("0123456789", 2_000))
	for cut := int64(3_000); ; cut += 997 {
		s.cut.Store(cut)
		p, err := newFiles(t).Open(context.Background(), s.to())
		if err == nil {
			if err = p.Stage(t.Context(), f); err == nil {
				err = p.Store(t.Context(), f)
			}
			_ = p.Close()
		}
		b, look := os.ReadFile(filepath.Join(s.dir, f.Name))
		if err == nil && string(b) == string(f.Bytes) {
			break // nothing was cut any more
		}
		if look == nil && string(b) != string(f.Bytes) || cut > 100_000 {
			t.Fatalf("cut after %d bytes: %d bytes stand under the final name (%v)", cut, len(b), err)
		}
	}
	s.cut.Store(0)
	wantStanding(t, open(t, s.to()), f, batch.Stored)
}
