// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/textproto"
	"strings"
	"testing"

	"clearpost/lead"
)

// drip is a connection that gives what it holds in pieces, and says that there is nothing to read in between.
type drip struct {
	net.Conn
	text  string
	piece int
	dry   bool
}

func (d *drip) Read(p []byte) (int, error) {
	if d.dry = !d.dry; d.dry {
		return 0, errWouldBlock
	}
	if d.text == "" {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), d.piece)], d.text)
	d.text = d.text[n:]
	return n, nil
}

// readIn reads an answer that comes in pieces, going on after each time that it ran dry.
func readIn(text string, piece int) (*reading, []byte, state) {
	w := &conn{Conn: &drip{text: text, piece: piece}}
	a := newReading(512, 512)
	a.start(w, false)
	var body []byte
	for {
		var st state
		if body, st = a.read(w, body, 300); st != waits {
			return a, body, st
		}
	}
}

var answers = []string{
	answer("yes"),
	answer(strings.Repeat("long ", 50)),
	"\r\n\r\n" + answer("after empty lines"),
	"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
	"HTTP/1.1 100 Continue\r\n\r\n" + answer("yes"),
	"HTTP/1.1 204 No Content\r\n\r\n",
	"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\nA\r\n0123456789\r\n0\r\nX: y\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end",
	"HTTP/1.0 200 OK\r\n\r\nuntil the end",
	"HTTP/1.1 200 OK\r\n\r\nwhere does it end",
	"HTTP/1.1 200 OK\r\nContent-Length: 301\r\n\r\n",
	"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + strings.Repeat("x", 301),
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n12c\r\n" + strings.Repeat("x", 300) +
		"\r\n1\r\nx\r\n0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + strings.Repeat("X: y\r\n", 65) + "\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;" + strings.Repeat("x", 600) + "\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\ntorn",
	"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 600) + "\r\n\r\n",
	"HTTP/1.1 099 Low\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
	"SSH-2.0-x\r\n",
	"",
}

// However an answer is cut into pieces, and however often the reading stops in between, what is read is the same.
func TestReadingInPieces(t *testing.T) {
	for _, text := range answers {
		whole, body, st := readIn(text, 1<<20)
		for piece := 1; piece < 40; piece++ {
			part, got, same := readIn(text, piece)
			if same != st || part.why != whole.why {
				t.Errorf("%.60q by %d: state %d, %v; whole: %d, %v", text, piece, same, part.why, st, whole.why)
			}
			if st == complete && (!bytes.Equal(got, body) || part.head.StatusCode() != whole.head.StatusCode()) {
				t.Errorf("%.60q by %d: %d %q; whole: %d %q", text, piece, part.head.StatusCode(), got,
					whole.head.StatusCode(), body)
			}
		}
	}
}

// What we take for a complete answer, the standard library takes for the same one.
func FuzzReading(f *testing.F) {
	for _, text := range answers {
		f.Add(text, 7)
	}
	f.Fuzz(func(t *testing.T, text string, piece int) {
		a, body, st := readIn(text, max(1, min(piece, 4096)))
		if st != complete {
			if a.why == lead.NoRefusal {
				t.Fatal("it failed without a reason")
			}
			return
		}
		if len(body) > 300 {
			t.Fatalf("a body of %d bytes", len(body))
		}
		br := bufio.NewReader(strings.NewReader(strings.TrimLeft(text, "\r\n")))
		resp, err := http.ReadResponse(br, nil)
		for err == nil && resp.StatusCode < 200 && resp.StatusCode != http.StatusSwitchingProtocols {
			resp, err = http.ReadResponse(br, nil)
		}
		if err != nil {
			return // stricter than fasthttp in what a head may look like
		}
		want, err := io.ReadAll(resp.Body)
		if strict := textproto.ProtocolError(""); errors.As(err, &strict) {
			err = nil // about the letters of a trailer's names, in which nobody is interested
		}
		if resp.StatusCode == http.StatusSwitchingProtocols {
			want, err = nil, nil
		}
		if err != nil || resp.StatusCode != a.head.StatusCode() || !bytes.Equal(body, want) {
			t.Fatalf("%d %q; the standard library reads %d %q, %v", a.head.StatusCode(), body, resp.StatusCode, want,
				err)
		}
	})
}

// A HEAD request's answer has no body, whatever it announces.
func TestReadingNoBody(t *testing.T) {
	w := &conn{Conn: &drip{text: "HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n", piece: 4096}}
	a := newReading(512, 512)
	a.start(w, isHead([]byte("HEAD / HTTP/1.1\r\n\r\n")))
	body, st := a.read(w, nil, 10)
	for st == waits {
		body, st = a.read(w, body, 10)
	}
	if st != complete || len(body) != 0 || !a.reusable() {
		t.Errorf("state %d, %v, body %q", st, a.why, body)
	}
}

func TestIsPublic(t *testing.T) {
	for _, x := range []string{
		"0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.9.9.9", "169.254.169.254",
		"172.16.0.1", "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.168.1.1", "198.18.0.1", "198.51.100.1",
		"203.0.113.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255",
		"::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1",
		"64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::", "fc00::1", "fd12::1", "fe80::1",
		"fe80::1%eth0", "fec0::1", "ff02::1", "ff0e::1",
	} {
		if isPublic(netip.MustParseAddr(x)) {
			t.Errorf("%s passes for public", x)
		}
	}
	for _, x := range []string{"8.8.8.8", "100.63.0.1", "100.128.0.1", "172.15.0.1", "172.32.0.1", "192.167.1.1",
		"1.1.1.1", "2606:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8"} {
		if !isPublic(netip.MustParseAddr(x)) {
			t.Errorf("%s is refused", x)
		}
	}
	for _, x := range []string{"", "localhost:80", "10.0.0.1:80", "[::ffff:10.0.0.1]:80", "[fe80::1%lo]:80"} {
		if err := allowPublic("tcp", x, nil); err == nil {
			t.Errorf("%q may be dialed", x)
		}
	}
	if err := allowPublic("tcp4", "8.8.8.8:443", nil); err != nil {
		t.Error(err)
	}
}
