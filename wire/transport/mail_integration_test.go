// SPDX-License-Identifier: Apache-2.0

//go:build integration

package transport

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"clearpost/lead"
)

// exim is the real mail server, and where it puts what it has taken.
func exim(t *testing.T) (addr, dir string, m *Mail) {
	t.Helper()
	addr, dir = os.Getenv("CLEARPOST_SMTP"), os.Getenv("CLEARPOST_SMTP_DIR")
	if addr == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("CLEARPOST_SMTP is not set")
		}
		t.Skip("CLEARPOST_SMTP is not set: run `make integration`, which starts the part and sets it")
	}
	ca, err := os.ReadFile(dir + "/ca.pem")
	if err != nil {
		t.Fatal(err)
	}
	return addr, dir, &Mail{User: "clearpost", Password: "secret", TLS: "starttls", CA: string(ca),
		From: "leads@exchange.example", To: []string{"desk@harbor.example"}}
}

// delivered counts the e-mails that stand there, by what stands between < and @ in their Message-ID.
func delivered(t *testing.T, dir string) map[string]int {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, "files/new/*"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]int{}
	for _, name := range list {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(b), "Message-ID: <")
		id, _, _ := strings.Cut(rest, "@")
		out[id]++
	}
	return out
}

// passage passes one connection on, and cuts it after so many bytes of the client's, or of the server's; 0: never.
func passage(t *testing.T, to string, ofClient, ofServer int64) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer ln.Close()
		in, err := ln.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", to)
		if err != nil {
			_ = in.Close()
			return
		}
		pass := func(to, from net.Conn, most int64) {
			var r io.Reader = from
			if most > 0 {
				r = io.LimitReader(from, most)
			}
			_, _ = io.Copy(to, r)
			_, _ = in.Close(), out.Close()
		}
		go pass(out, in, ofClient)
		pass(in, out, ofServer)
	}()
	return ln.Addr().String()
}

// Cut anywhere, on either way, a letter that is said not to be sent is not there, one that is said to be taken is, and
// none is there twice.
func TestIntegrationLettersAreCutAnywhere(t *testing.T) {
	addr, dir, m := exim(t)
	client, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close(context.Background()) }()
	run := time.Now().UnixNano()
	said := map[string]*Call{}
	tick, over := time.NewTicker(50*time.Millisecond), time.After(5*time.Minute)
	defer tick.Stop()
	wait := func() {
		select {
		case <-tick.C:
		case <-over:
			t.Fatal("letters that were taken are not there, or the server takes none")
		}
	}
	var send func(ofClient, ofServer int64) *Call
	send = func(ofClient, ofServer int64) *Call {
		id := fmt.Sprintf("cut-%d-%d-%d", run, ofClient, ofServer)
		target, err := client.Target(TargetConfig{Name: id, Addr: passage(t, addr, ofClient, ofServer), Mail: m,
			ServerName: "127.0.0.1", AllowPrivate: true})
		if err != nil {
			t.Fatal(err)
		}
		c := &Call{Target: target, Request: []byte("POST /post/a HTTP/1.1\r\nSubject: Lead\r\nMessage-ID: <" + id +
			"@clearpost>\r\n\r\nName: Ann\nPhone: 2125551234\n")}
		client.PostOnce(c, time.Now().Add(10*time.Second))
		if strings.Contains(string(c.Body), "Too many concurrent") { // it has not seen yet that others are cut
			wait()
			return send(ofClient, ofServer)
		}
		said[id] = c
		return c
	}
	for _, way := range []bool{true, false} {
		ended := false
		for most := int64(20); !ended; most += 31 {
			if most > 50_000 {
				t.Fatal("it is never sent")
			}
			if way {
				ended = send(most, 0).Status == 250
			} else {
				ended = send(0, most).Status == 250
			}
		}
	}
	m.To = []string{"nobody@harbor.example"}
	if c := send(0, 0); c.Status < 500 || c.Refusal != lead.NoRefusal {
		t.Errorf("a mailbox that is not there: %d %s %q", c.Status, c.Refusal, c.Body)
	}
	clear, taken, unknown := 0, 0, 0
	var there map[string]int
	settled := func() bool {
		there = delivered(t, dir)
		for id, c := range said {
			if c.Status == 250 && there[id] == 0 {
				return false
			}
		}
		return true
	}
	for !settled() {
		wait()
	}
	for id, c := range said {
		switch {
		case there[id] > 1:
			t.Errorf("%s is there %d times", id, there[id])
		case c.Status == 250:
			taken++
		case c.Status != 0 || !c.Sent:
			if clear++; there[id] > 0 {
				t.Errorf("%s is there, and was said not to be sent: %d %s %q", id, c.Status, c.Refusal, c.Body)
			}
		default:
			unknown++
		}
	}
	if clear < 20 || taken < 2 || unknown < 1 {
		t.Errorf("%d were clearly not sent, %d taken, of %d nobody can tell", clear, taken, unknown)
	}
	t.Logf("%d were clearly not sent, %d taken, of %d nobody can tell", clear, taken, unknown)
}
