// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"clearpost/buyers/buyertest"
)

// While the file system refuses every write, as one does that its kernel has made read-only, sellers hear 503 and why;
// when it is writable again the exchange goes on by itself, and its ledger is whole.
func TestOnAReadOnlyDiskSellersHearSo(t *testing.T) {
	disk, readOnly := mountSwitched(t)
	farm, err := buyertest.New(buyertest.Config{Seed: 3, Buyers: buyertest.Demo()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { farm.Close() })
	dir, sellers, admin := t.TempDir(), pickPort(t), pickPort(t)
	writeExamples(t, dir, farm.Addr(), fmt.Sprintf("node: n1\ndata_dir: %s\nlisten: %s\nadmin: {listen: %s}\n",
		filepath.Join(disk, "data"), sellers, admin))
	p := startProcess(t, "serve", dir, "--log-level", "error")
	p.waitReady("http://" + admin + "/healthz")

	d := &diskSeller{t: t, sellers: sellers}
	for range 2 {
		d.wants(200, "")
		readOnly.Store(true)
		d.wants(503, "log")
		for range 5 {
			d.wants(503, "log")
		}
		readOnly.Store(false)
	}
	d.wants(200, "")
	p.cmd.Process.Signal(os.Interrupt)
	<-p.ended
	if out := must(t, "ledger", "verify", dir); !strings.Contains(out, "agree") {
		t.Errorf("ledger verify: %s", out)
	}
}

// mountSwitched mounts a folder that refuses every change with EROFS while the switch is on. A file system of the
// kernel cannot be made read-only while files are open for writing, but by a fault that it does not recover from.
func mountSwitched(t *testing.T) (string, *atomic.Bool) {
	root, err := fs.NewLoopbackRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s, dir := &switched{RawFileSystem: fs.NewNodeFS(root, &fs.Options{})}, t.TempDir()
	srv, err := fuse.NewServer(s, dir, &fuse.MountOptions{DirectMount: true, FsName: "switched", Name: "switched"})
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skipf("no FUSE file system can be mounted here: %v", err)
	}
	go srv.Serve()
	if err := srv.WaitMount(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { srv.Unmount() })
	return dir, &s.readOnly
}

// switched refuses changes while it is read-only.
type switched struct {
	fuse.RawFileSystem
	readOnly atomic.Bool
}

// may is what a change comes to.
func (s *switched) may(then func() fuse.Status) fuse.Status {
	if s.readOnly.Load() {
		return fuse.EROFS
	}
	return then()
}

func (s *switched) Write(c <-chan struct{}, in *fuse.WriteIn, b []byte) (n uint32, st fuse.Status) {
	st = s.may(func() (st fuse.Status) { n, st = s.RawFileSystem.Write(c, in, b); return st })
	return n, st
}

func (s *switched) Writev(c <-chan struct{}, in *fuse.WriteIn, b [][]byte) (n uint32, st fuse.Status) {
	st = s.may(func() (st fuse.Status) { n, st = s.RawFileSystem.Writev(c, in, b); return st })
	return n, st
}

func (s *switched) Open(c <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	open := func() fuse.Status {
		st := s.RawFileSystem.Open(c, in, out)
		// Writes come here; and the kernel refuses it to readers, with EIO, while a writer is not forgotten.
		out.OpenFlags &^= fuse.FOPEN_PASSTHROUGH
		return st
	}
	if in.Flags&uint32(os.O_WRONLY|os.O_RDWR) == 0 {
		return open()
	}
	return s.may(open)
}

func (s *switched) Create(c <-chan struct{}, in *fuse.CreateIn, name string, out *fuse.CreateOut) fuse.Status {
	st := s.may(func() fuse.Status { return s.RawFileSystem.Create(c, in, name, out) })
	out.OpenFlags &^= fuse.FOPEN_PASSTHROUGH
	return st
}

func (s *switched) Mkdir(c <-chan struct{}, in *fuse.MkdirIn, name string, out *fuse.EntryOut) fuse.Status {
	return s.may(func() fuse.Status { return s.RawFileSystem.Mkdir(c, in, name, out) })
}

func (s *switched) Unlink(c <-chan struct{}, h *fuse.InHeader, name string) fuse.Status {
	return s.may(func() fuse.Status { return s.RawFileSystem.Unlink(c, h, name) })
}

func (s *switched) Rename(c <-chan struct{}, in *fuse.RenameIn, from, to string) fuse.Status {
	return s.may(func() fuse.Status { return s.RawFileSystem.Rename(c, in, from, to) })
}

func (s *switched) SetAttr(c <-chan struct{}, in *fuse.SetAttrIn, out *fuse.AttrOut) fuse.Status {
	return s.may(func() fuse.Status { return s.RawFileSystem.SetAttr(c, in, out) })
}

func (s *switched) Fallocate(c <-chan struct{}, in *fuse.FallocateIn) fuse.Status {
	return s.may(func() fuse.Status { return s.RawFileSystem.Fallocate(c, in) })
}

func (s *switched) Link(c <-chan struct{}, in *fuse.LinkIn, name string, out *fuse.EntryOut) fuse.Status {
	return s.may(func() fuse.Status { return s.RawFileSystem.Link(c, in, name, out) })
}
