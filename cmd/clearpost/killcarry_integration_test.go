// SPDX-License-Identifier: Apache-2.0

//go:build integration

package main

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"clearpost/batch"
	"clearpost/lead"
	"clearpost/ledger"
)

// killsCarrying is how often the exchange is killed at each server.
const killsCarrying = 12

// packet is how much of a file an SFTP client sends at once. Files of the test are longer, and shorter than two.
const packet = 32 << 10

// TestIntegrationKilledAtSFTPServer kills the exchange while a file is on its way to a real server, half of it sent,
// and while it stands there whole and is not renamed yet, or is and the exchange has not heard so.
func TestIntegrationKilledAtSFTPServer(t *testing.T) {
	t.Parallel()
	addr, home := part(t, "CLEARPOST_SFTP"), os.Getenv("CLEARPOST_SFTP_DIR")
	dir, err := os.MkdirTemp(filepath.Join(home, "files"), "killed-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	text := func(name string) string {
		b, err := os.ReadFile(filepath.Join(home, name))
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(b))
	}
	g := gateBefore(t, addr)
	to := fmt.Sprintf("{sftp: {address: %q, user: %q, key: \"${file:%s}\", host_keys: [%q], folder: %q}}", g.addr,
		text("user"), filepath.Join(home, "client"), batch.HostKey(text("host.pub")), filepath.Base(dir))
	testKilledCarrying(t, g, dir, to, func(dice *rand.Rand) (string, moment) {
		n, whole := dice.IntN(8), dice.IntN(2) == 0
		what := "in mid-upload"
		if whole {
			what = "before the rename is heard of"
		}
		return what, func(_ *passage, up bool) bool {
			parts, err := filepath.Glob(filepath.Join(dir, "*"+batch.PartialSuffix))
			if err != nil || len(parts) == 0 || !up {
				return false
			}
			info, err := os.Stat(parts[0])
			if err != nil || whole != (info.Size() > packet) {
				return false
			}
			n--
			return n < 0
		}
	})
}

// TestIntegrationKilledAtS3Server does it at a server that has an object whole or not at all: half of it sent, and all
// of it, with no answer heard.
func TestIntegrationKilledAtS3Server(t *testing.T) {
	t.Parallel()
	addr, home := part(t, "CLEARPOST_S3"), os.Getenv("CLEARPOST_S3_DIR")
	dir, err := os.MkdirTemp(filepath.Join(home, "files", "leads"), "killed-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	g := gateBefore(t, addr)
	to := fmt.Sprintf("{s3: {endpoint: \"http://%s\", region: us-east-1, bucket: leads, prefix: %s/, "+
		"access_key: clearpost, secret_key: clearpost-secret, path_style: true}, files_stay: true}", g.addr,
		filepath.Base(dir))
	testKilledCarrying(t, g, dir, to, func(dice *rand.Rand) (string, moment) {
		n := 1 + dice.IntN(packet)
		if dice.IntN(2) == 0 {
			return "before the answer is heard", func(p *passage, up bool) bool { return !up && p.begins("PUT ") }
		}
		return "in mid-upload", func(p *passage, up bool) bool { return up && p.begins("PUT ") && p.sent > n }
	})
}

// testKilledCarrying kills an exchange at moments of its files' way through a gate. In the end each lead is in one file
// at most, and is sold if it is in one.
func testKilledCarrying(t *testing.T, g *gate, dir, to string, choose func(*rand.Rand) (string, moment)) {
	t.Helper()
	k := newKilled(t, func(k *killed) { k.file(to, strings.Repeat("x", 8000)) })
	hits := map[string]int{}
	k.moment = func(dice *rand.Rand) {
		what, is := choose(dice)
		if !g.wait(is, 5*time.Second) {
			what = "elsewhere"
		}
		hits[what]++
	}
	k.run(killsCarrying)
	k.calm()
	k.stop()
	k.filed = rowsOf(t, dir)
	k.judge(func(l *ledger.Ledger) { judgeRows(t, l, k) })
	t.Logf("killed %v", hits)
	if hits["elsewhere"] > killsCarrying/2 || len(hits) < 2 {
		t.Errorf("hardly killed where it was to be: %v", hits)
	}
}

// judgeRows holds the rows of files to the ledger's sales.
func judgeRows(t *testing.T, l *ledger.Ledger, k *killed) {
	t.Helper()
	filed, sold := map[string]int{}, 0
	for _, r := range k.filed {
		filed[r.Lead]++
	}
	err := l.Scan(1, func(r ledger.Record) error {
		ev, err := ledger.Decode(r.Bytes)
		if a, ok := ev.(*ledger.Adjusted); ok && a.Campaign == "filer-file" && a.Adjustment == ledger.AdjustResolved {
			if a.Outcome != lead.Accepted || filed[a.Lead.String()] != 1 {
				t.Errorf("lead %s ended as %s and stands in %d files", a.Lead, a.Outcome, filed[a.Lead.String()])
			}
			sold++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if sold != len(k.filed) || sold < 5 {
		t.Errorf("%d rows stand in files, %d leads were sold by them", len(k.filed), sold)
	}
}

// moment tells whether it has come, when bytes are about to pass, up to the server or back.
type moment func(p *passage, up bool) bool

// passage is a connection through a gate.
type passage struct {
	in, out net.Conn
	head    string // of what was sent
	sent    int    // bytes
	shut    bool
}

func (p *passage) begins(with string) bool { return strings.HasPrefix(p.head, with) }

// gate passes connections on to a server. At a moment it shuts one of them: nothing passes there any more.
type gate struct {
	addr string

	mu   sync.Mutex // guards what follows, and all passages
	is   moment     // nil: none is waited for
	come chan struct{}
}

func gateBefore(t *testing.T, addr string) *gate {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	g := &gate{addr: ln.Addr().String()}
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
			p := &passage{in: in, out: out}
			go g.pass(p, true)
			go g.pass(p, false)
		}
	}()
	return g
}

// wait waits for a moment, so long at most.
func (g *gate) wait(is moment, most time.Duration) bool {
	come := make(chan struct{})
	g.mu.Lock()
	g.is, g.come = is, come
	g.mu.Unlock()
	select {
	case <-come:
		return true
	case <-time.After(most):
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.is = nil
	return false
}

// pass passes what comes from one side on to the other, until either ends.
func (g *gate) pass(p *passage, up bool) {
	from, to := p.out, p.in
	if up {
		from, to = p.in, p.out
	}
	defer p.in.Close()
	defer p.out.Close()
	for b := make([]byte, 4096); ; {
		n, err := from.Read(b)
		if err != nil {
			return
		}
		if g.shuts(p, up, b[:n]) {
			continue
		}
		if _, err := to.Write(b[:n]); err != nil {
			return
		}
	}
}

// shuts tells whether bytes are held back.
func (g *gate) shuts(p *passage, up bool, b []byte) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if up {
		p.sent += len(b)
		p.head += string(b[:min(len(b), 4-len(p.head))])
	}
	if !p.shut && g.is != nil && g.is(p, up) {
		p.shut, g.is = true, nil
		close(g.come)
	}
	return p.shut
}
