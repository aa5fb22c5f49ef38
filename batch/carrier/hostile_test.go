// SPDX-License-Identifier: Apache-2.0

package carrier_test

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pkg/sftp"

	"clearpost/batch"
)

// dropBox is a server that lets nobody read.
type dropBox struct{ sftp.FileReader }

func (dropBox) Fileread(*sftp.Request) (io.ReaderAt, error) {
	return nil, sftp.ErrSSHFxPermissionDenied
}

// Where files may not be read, another one of the same name and length is not taken for the one that is to be stored.
func TestUnreadableNamesakeIsNotTakenForTheFile(t *testing.T) {
	s, h := serveSSH(t), sftp.InMemHandler()
	h.FileGet = dropBox{}
	s.own = &h
	p, theirs, ours := open(t, s.to()), fileOf("a.csv", "theirs"), fileOf("a.csv", "ours--")
	ours.ID[0]++
	try(t, "stage theirs", p.Stage(t.Context(), theirs))
	wantStanding(t, p, theirs, batch.Staged)
	try(t, "store theirs", p.Store(t.Context(), theirs))
	wantStanding(t, p, ours, batch.Alike)
	try(t, "stage ours", p.Stage(t.Context(), ours))
	wantStanding(t, p, ours, batch.Taken)
}

// endless lists more files than anybody has, with names as long as they may be.
type endless struct{ left int }

func (l *endless) Filelist(*sftp.Request) (sftp.ListerAt, error) { return l, nil }

func (l *endless) ListAt(to []os.FileInfo, _ int64) (n int, err error) {
	for ; n < len(to) && l.left > 0; n++ {
		l.left--
		to[n] = entry(fmt.Sprintf("%d%s", l.left, strings.Repeat("x", 200)))
	}
	if l.left == 0 {
		err = io.EOF
	}
	return n, err
}

type entry string

func (e entry) Name() string       { return string(e) }
func (e entry) Size() int64        { return 1 }
func (e entry) Mode() fs.FileMode  { return 0o600 }
func (e entry) ModTime() time.Time { return time.Time{} }
func (e entry) IsDir() bool        { return false }
func (e entry) Sys() any           { return nil }

// A list of files is heard to its end, or up to a bound.
func TestEndlessListsAreNotHeard(t *testing.T) {
	s, h := serveSSH(t), sftp.InMemHandler()
	many := &endless{100}
	h.FileList, s.own = many, &h
	for left, want := range map[int]string{100: "", 60_000: "more than anybody has asked for"} {
		many.left = left
		r := response(t, t.TempDir(), nil)
		r.To = *s.to()
		wantList(t, fmt.Sprint(left, " files of SFTP"), r, want)
	}
	n := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `<ListBucketResult><IsTruncated>false</IsTruncated>`)
		for i := range n {
			_, _ = fmt.Fprintf(w, "<Contents><Key>%d%s</Key><Size>1</Size></Contents>", i, strings.Repeat("x", 1000))
		}
		_, _ = io.WriteString(w, `</ListBucketResult>`)
	}))
	defer server.Close()
	for of, want := range map[int]string{100: "", 20_000: "more than anybody has asked for"} {
		n = of
		r := response(t, t.TempDir(), nil)
		r.To = bucketAt(server.URL)
		wantList(t, fmt.Sprint(of, " objects"), r, want)
	}
}

func bucketAt(url string) batch.To {
	return batch.To{S3: &batch.S3{Host: strings.TrimPrefix(url, "http://"), Region: "us-east-1", Bucket: "leads",
		AccessKey: "a", SecretKey: "b", PathStyle: true, Timeout: 5 * time.Second}, AllowPrivate: true}
}

func wantList(t *testing.T, what string, r *batch.Response, want string) {
	t.Helper()
	box, err := newFiles(t).Inbox(t.Context(), r)
	try(t, "open", err)
	defer box.Close()
	switch _, err := box.List(t.Context(), r); {
	case want == "" && err != nil:
		t.Errorf("%s: %v", what, err)
	case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
		t.Errorf("%s: %v, expected %q", what, err, want)
	}
}

// An object is the bytes that the server keeps, also where it packs what it sends to whoever asks for that.
func TestAnObjectIsReadAsItIsKept(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Last-Modified", time.Now().UTC().Format(http.TimeFormat))
		w.Header().Set("ETag", `"x"`)
		if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			_, _ = io.WriteString(w, "as it is kept")
			return
		}
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = io.WriteString(z, "unpacked by whoever reads it")
		_ = z.Close()
	}))
	defer server.Close()
	r := response(t, t.TempDir(), nil)
	r.To = bucketAt(server.URL)
	box, err := newFiles(t).Inbox(t.Context(), r)
	try(t, "open", err)
	defer box.Close()
	if text, err := box.Fetch(t.Context(), "result-1"); err != nil || string(text) != "as it is kept" {
		t.Errorf("%q, %v", text, err)
	}
}

// What was put in place of a response since it was listed is not read where it is no plain file.
func TestLinksAreNotFollowed(t *testing.T) {
	dir, secret := t.TempDir(), filepath.Join(t.TempDir(), "secret")
	try(t, "write", os.WriteFile(secret, []byte("of somebody else"), 0o600))
	try(t, "link", os.Symlink(secret, filepath.Join(dir, "result-1")))
	r := response(t, dir, nil)
	box, err := newFiles(t).Inbox(t.Context(), r)
	try(t, "open", err)
	defer box.Close()
	if text, err := box.Fetch(t.Context(), "result-1"); err == nil {
		t.Errorf("%q was read by a link", text)
	}
	p, f := open(t, &batch.To{Folder: &batch.Folder{Path: dir}}), fileOf("a.csv", "text")
	try(t, "link", os.Symlink(secret, filepath.Join(dir, f.Partial())))
	try(t, "stage", p.Stage(t.Context(), f))
	if b, err := os.ReadFile(secret); err != nil || string(b) != "of somebody else" {
		t.Errorf("%q (%v) was written by a link", b, err)
	}
}

// What lets an upload in may stand in its URL, and is no part of an error.
func TestErrorsOfUploadsDoNotTellTheURL(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	try(t, "listen", err)
	try(t, "close", ln.Close())
	to := &batch.To{HTTP: &batch.HTTP{URL: "http://" + ln.Addr().String() + "/{name}?token=sesame", Method: "PUT",
		Timeout: 5 * time.Second}, AllowPrivate: true}
	err = open(t, to).Store(t.Context(), fileOf("a.csv", "text"))
	if err == nil || strings.Contains(err.Error(), "sesame") {
		t.Errorf("%v", err)
	}
}

// A mail server that does not go on holds nobody up longer than it is given.
func TestMailServerIsLeftWhenTimeIsOver(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	try(t, "listen", err)
	defer ln.Close()
	greeted := make(chan struct{})
	go func() {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		_, _ = io.WriteString(c, "220 hello\r\n")
		if _, err := bufio.NewReader(c).ReadString('\n'); err == nil {
			close(greeted)
		}
		_, _ = io.Copy(io.Discard, c)
		_ = c.Close()
	}()
	to := &batch.To{Mail: &batch.Mail{Address: ln.Addr().String(), TLS: "none", From: "a@exchange.example",
		To: []string{"b@buyer.example"}, Timeout: time.Hour}, AllowPrivate: true}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	p, err := newFiles(t).Open(ctx, to)
	try(t, "open", err)
	done := make(chan error, 1)
	go func() { done <- p.Store(ctx, fileOf("a.csv", "text")) }()
	<-greeted
	cancel()
	select {
	case err := <-done:
		if err == nil || errors.Is(err, batch.ErrUnclear) {
			t.Errorf("%v", err)
		}
	case <-time.After(20 * time.Second):
		t.Error("it is heard for ever")
	}
}
