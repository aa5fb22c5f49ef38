// SPDX-License-Identifier: Apache-2.0

//go:build integration

package carrier_test

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/mail"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"clearpost/batch"
)

// part is the address of a real server, and where its files stand.
func part(t *testing.T, name string) (addr, dir string) {
	t.Helper()
	addr = os.Getenv("CLEARPOST_" + name)
	if addr == "" {
		if os.Getenv("CI") == "true" {
			t.Fatalf("CLEARPOST_%s is not set", name)
		}
		t.Skipf("CLEARPOST_%s is not set: run `make integration`, which starts the part and sets it", name)
	}
	return addr, os.Getenv("CLEARPOST_" + name + "_DIR")
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	try(t, "read", err)
	return string(b)
}

// cutter passes connections on, and cuts each after so many bytes from the client; 0: never.
type cutter struct {
	addr string
	most atomic.Int64
}

func cutBefore(t *testing.T, addr string) *cutter {
	t.Helper()
	c := &cutter{}
	c.addr = c.listen(t, "127.0.0.1:0", addr)
	return c
}

// listen passes on what comes at an address, and gives that with its port.
func (c *cutter) listen(t *testing.T, at, addr string) string {
	t.Helper()
	ln, err := net.Listen("tcp", at)
	try(t, "listen", err)
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			in, err := ln.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", addr)
			if err != nil {
				_ = in.Close()
				continue
			}
			go func() { _, _ = io.Copy(in, out); _ = in.Close(); _ = out.Close() }()
			go func() {
				var from io.Reader = in
				if n := c.most.Load(); n > 0 {
					from = io.LimitReader(in, n)
				}
				_, _ = io.Copy(out, from)
				_ = out.Close()
				_ = in.Close()
			}()
		}
	}()
	return ln.Addr().String()
}

// cutFTPS stands before a server at 127.0.0.2, for what it is told and for data, which goes by ports of its own there.
func cutFTPS(t *testing.T, addr string) *cutter {
	t.Helper()
	host, text, err := net.SplitHostPort(addr)
	try(t, "the address", err)
	port, err := strconv.Atoi(text)
	try(t, "the port", err)
	c := &cutter{}
	c.addr = c.listen(t, "127.0.0.2:0", addr)
	for data := port + 1; data <= port+8; data++ {
		c.listen(t, net.JoinHostPort("127.0.0.2", strconv.Itoa(data)), net.JoinHostPort(host, strconv.Itoa(data)))
	}
	return c
}

// testCuts brings a file through cuts at more and more bytes, as an exchange does: it looks, stages, stores. Whatever
// is cut, nothing but the whole file stands under its final name, and in the end it does.
func testCuts(t *testing.T, c *cutter, to *batch.To, f *batch.File, stands func() (string, bool), step int64) {
	t.Helper()
	cuts, begun := 0, false
	for most := step; ; most += step {
		c.most.Store(most)
		done := func() bool {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			p, err := newFiles(t).Open(ctx, to)
			if err != nil {
				return false
			}
			defer p.Close()
			at, err := p.Look(ctx, f)
			if err != nil || at == batch.Stored {
				return err == nil
			}
			if at == batch.Taken {
				t.Fatalf("cut after %d bytes: it is taken", most)
			}
			if at == batch.Absent && begun && !p.Repeats() && !to.Stay {
				t.Fatalf("cut after %d bytes: nobody can tell", most)
			}
			if at == batch.Absent || !begun {
				if err := p.Stage(ctx, f); err != nil {
					return false
				}
			}
			err = p.Store(ctx, f)
			begun = errors.Is(err, batch.ErrUnclear)
			return err == nil
		}()
		if got, there := stands(); there && got != string(f.Bytes) {
			t.Fatalf("cut after %d bytes: %d bytes stand under the final name", most, len(got))
		}
		if done {
			break
		}
		if cuts++; cuts > 500 {
			t.Fatal("it is never stored")
		}
	}
	if got, _ := stands(); got != string(f.Bytes) {
		t.Errorf("%d bytes stand there, expected %d", len(got), len(f.Bytes))
	}
	if cuts < 3 {
		t.Errorf("it was cut %d times only", cuts)
	}
}

// at tells what stands in a file.
func at(path string) func() (string, bool) {
	return func() (string, bool) {
		b, err := os.ReadFile(path)
		return string(b), err == nil
	}
}

var big = strings.Repeat("019bc225-4e88-7000-8000-000000000001,2125551234,Ann\r\n", 4000)

func TestIntegrationOpenSSH(t *testing.T) {
	addr, dir := part(t, "SFTP")
	to := func(addr string) *batch.To {
		return &batch.To{SFTP: &batch.SFTP{Address: addr, User: strings.TrimSpace(read(t, dir+"/user")),
			Key: strings.TrimSpace(read(t, dir+"/client")), HostKeys: []string{batch.HostKey(read(t, dir+"/host.pub"))},
			Timeout: 5 * time.Second}, AllowPrivate: true}
	}
	files := filepath.Join(dir, "files")
	testDirectory(t, files, to(addr))
	testResponses(t, files, to(addr), "read")
	c, f := cutBefore(t, addr), fileOf("cut.csv", big)
	testCuts(t, c, to(c.addr), f, at(filepath.Join(files, f.Name)), 12_345)
	other := to(addr)
	other.SFTP.HostKeys = []string{batch.HostKey(read(t, dir+"/client.pub"))}
	if _, err := newFiles(t).Open(t.Context(), other); err == nil || !strings.Contains(err.Error(), "host_keys") {
		t.Errorf("a server with another key: %v", err)
	}
}

func TestIntegrationFTPS(t *testing.T) {
	addr, dir := part(t, "FTPS")
	to := func(addr string) *batch.To {
		return &batch.To{FTPS: &batch.FTPS{Address: addr, User: "anonymous", Password: "x", Folder: "/in",
			CA: read(t, dir+"/ca.pem"), Timeout: 5 * time.Second}, AllowPrivate: true}
	}
	files := filepath.Join(dir, "files", "in")
	testDirectory(t, files, to(addr))
	testResponses(t, files, to(addr), "/in/read")
	c, f, small := cutFTPS(t, addr), fileOf("cut.csv", big), fileOf("small.csv", "one row\r\n")
	testCuts(t, c, to(c.addr), f, at(filepath.Join(files, f.Name)), 12_345)      // of the file
	testCuts(t, c, to(c.addr), small, at(filepath.Join(files, small.Name)), 151) // of what is said
	unknown := to(addr)
	unknown.FTPS.CA = ""
	if _, err := newFiles(t).Open(t.Context(), unknown); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a server that nobody vouches for: %v", err)
	}
}

func TestIntegrationS3(t *testing.T) {
	addr, dir := part(t, "S3")
	to := func(addr string) *batch.To {
		return &batch.To{S3: &batch.S3{Host: addr, Region: "us-east-1", Bucket: "leads", Prefix: "in/",
			AccessKey: "clearpost", SecretKey: "clearpost-secret", PathStyle: true, Timeout: 5 * time.Second},
			AllowPrivate: true, Stay: true}
	}
	clean(t, filepath.Join(dir, "files/leads/in"))
	p, f := open(t, to(addr)), fileOf("a.csv", big)
	wantStanding(t, p, f, batch.Absent)
	try(t, "store", p.Store(t.Context(), f))
	wantStanding(t, p, f, batch.Stored)
	wantStanding(t, p, fileOf("a.csv", strings.ToLower(big)), batch.Taken)
	if err := p.Store(t.Context(), fileOf("a.csv", "another")); err == nil || errors.Is(err, batch.ErrUnclear) {
		t.Errorf("stored over another: %v", err)
	}
	wantStanding(t, p, f, batch.Stored)
	testResponses(t, filepath.Join(dir, "files/leads/in"), to(addr), "in/read/")
	r := response(t, t.TempDir(), nil)
	r.To = *to(addr)
	box, err := newFiles(t).Inbox(t.Context(), r)
	try(t, "open", err)
	defer box.Close()
	try(t, "store", p.Store(t.Context(), fileOf("result-6", "first")))
	_, err = box.Fetch(t.Context(), "result-6")
	try(t, "fetch", err)
	try(t, "remove", os.Remove(filepath.Join(dir, "files/leads/in/result-6")))
	try(t, "store", p.Store(t.Context(), fileOf("result-6", "another one")))
	if err := box.Move(t.Context(), "result-6", "in/read/", "result-6"); !errors.Is(err, batch.ErrChanged) {
		t.Errorf("what was not read is moved: %v", err)
	}
	if err := box.Remove(t.Context(), "result-6"); !errors.Is(err, batch.ErrChanged) {
		t.Errorf("what was not read is removed: %v", err)
	}
	if text, err := box.Fetch(t.Context(), "result-6"); err != nil || string(text) != "another one" {
		t.Errorf("%q is left, %v", text, err)
	}
	try(t, "remove", box.Remove(t.Context(), "result-6"))
	stands := at(filepath.Join(dir, "files/leads/in/cut.csv"))
	c := cutBefore(t, addr)
	testCuts(t, c, to(c.addr), fileOf("cut.csv", big), stands, 12_345)
	wrong := to(addr)
	wrong.S3.SecretKey = "another"
	if err := open(t, wrong).Store(t.Context(), fileOf("b.csv", "x")); err == nil || errors.Is(err, batch.ErrUnclear) {
		t.Errorf("a wrong secret: %v", err)
	}
}

// testResponses reads response files from a place.
func testResponses(t *testing.T, dir string, to *batch.To, done string) {
	t.Helper()
	r := response(t, t.TempDir(), nil)
	r.To = *to
	testInbox(t, dir, r, done)
}

// mails are the e-mails that the server has, with their attachment.
func mails(t *testing.T, dir string) (out map[string]int) {
	t.Helper()
	out = map[string]int{}
	list, err := filepath.Glob(filepath.Join(dir, "files/new/*"))
	try(t, "list", err)
	for _, name := range list {
		m, err := mail.ReadMessage(strings.NewReader(read(t, name)))
		try(t, "read an e-mail", err)
		body, err := io.ReadAll(m.Body)
		try(t, "read an e-mail", err)
		_, coded, _ := strings.Cut(string(body), "filename=")
		_, coded, _ = strings.Cut(strings.ReplaceAll(coded, "\r", ""), "\n\n")
		coded, _, _ = strings.Cut(coded, "\n--")
		content, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(coded, "\n", ""))
		if err != nil {
			t.Fatalf("%v in\n%.2000s", err, body)
		}
		out[m.Header.Get("Message-Id")+" "+m.Header.Get("Subject")+" "+string(content)]++
	}
	return out
}

func TestIntegrationSMTP(t *testing.T) {
	addr, dir := part(t, "SMTP")
	to := func(addr string) *batch.To {
		return &batch.To{Mail: &batch.Mail{Address: addr, User: "clearpost", Password: "secret", TLS: "starttls",
			CA: read(t, dir+"/ca.pem"), From: "leads@exchange.example", To: []string{"desk@harbor.example"},
			Timeout: 5 * time.Second}, AllowPrivate: true}
	}
	letter := func(n byte) *batch.File {
		f := fileOf("leads.csv", big)
		f.ID[15], f.Subject, f.Text = n, "Leads", "Good morning"
		return f
	}
	clean(t, filepath.Join(dir, "files/new"))
	f := letter(1)
	try(t, "store", open(t, to(addr)).Store(t.Context(), f))
	want := "<" + f.ID.String() + "@clearpost> Leads " + big
	wait(t, func() bool { return mails(t, dir)[want] == 1 })
	for why, change := range map[string]func(*batch.Mail){
		"authent":     func(m *batch.Mail) { m.Password = "another" },
		"certificate": func(m *batch.Mail) { m.CA = "" },
		"recipient":   func(m *batch.Mail) { m.To = []string{"nobody@harbor.example"} },
	} {
		bad := to(addr)
		change(bad.Mail)
		err := open(t, bad).Store(t.Context(), letter(2))
		if err == nil || errors.Is(err, batch.ErrUnclear) {
			t.Errorf("%s: %v", why, err)
		}
	}
	// Cut anywhere, an e-mail that is said not to be sent is not there, and one that is said to be sent is.
	c := cutBefore(t, addr)
	clear, unclear := 0, 0
	for n, most := byte(10), int64(100); ; n, most = n+1, most*3/2 {
		c.most.Store(most)
		f := letter(n)
		id := "<" + f.ID.String() + "@clearpost> Leads " + big
		err := open(t, to(c.addr)).Store(t.Context(), f)
		switch {
		case err == nil:
			wait(t, func() bool { return mails(t, dir)[id] == 1 })
		case errors.Is(err, batch.ErrUnclear):
			unclear++
		default:
			clear++
			if mails(t, dir)[id] != 0 {
				t.Errorf("cut after %d bytes: it was sent, and %v", most, err)
			}
		}
		if err == nil {
			break
		}
		if n > 200 {
			t.Fatal("it is never sent")
		}
	}
	if clear < 3 {
		t.Errorf("cut %d times clearly, %d times not", clear, unclear)
	}
}

// wait waits for something to be so.
func wait(t *testing.T, is func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	over := time.After(20 * time.Second)
	for !is() {
		select {
		case <-tick.C:
		case <-over:
			t.Fatal("it has not come to be")
		}
	}
}
