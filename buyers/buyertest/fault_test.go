// SPDX-License-Identifier: Apache-2.0

package buyertest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"clearpost/lead"
)

// seen is what a caller sees of one post.
type seen struct {
	head, body string
	ended      bool // the farm closed the connection
	reset      bool
	status     int
}

// look posts over a connection of its own and reads until the answer is whole, the farm closes the connection, or it
// has been silent for as long as the caller is patient.
func look(t *testing.T, addr, path, body string, patience time.Duration) (s seen) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: "+
		"%d\r\n\r\n%s", path, len(body), body); err != nil {
		t.Fatal(err)
	}
	var all []byte
	buf := make([]byte, 64<<10)
	for {
		if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		n, err := c.Read(buf)
		all = append(all, buf[:n]...)
		s.head, s.body, _ = strings.Cut(string(all), "\r\n\r\n")
		whole := false
		s.status, whole = readStatus(all)
		if err == nil && !whole {
			continue
		}
		var timeout net.Error
		s.ended, s.reset = errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET)
		if err != nil && !s.ended && !s.reset && !(errors.As(err, &timeout) && timeout.Timeout()) {
			t.Fatal(err)
		}
		return s
	}
}

// readStatus reads the status of an answer, and whether the answer is framed and whole.
func readStatus(b []byte) (status int, whole bool) {
	resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(b)), nil)
	if err != nil {
		return 0, false
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err == nil && !resp.Close
}

func TestEveryFault(t *testing.T) {
	s := plainBuyer("sunco")
	s.Token = ""
	s.Post.Min, s.Post.Max = 10*lead.Unit, 10*lead.Unit
	f := newFarm(t, Config{Buyers: []Script{s}})
	b := f.Buyer("sunco")
	whole := `{"status":"accepted","price":10.00,"reference":"sunco-`
	torn := func(v seen, framing string) bool {
		return v.ended && strings.Contains(v.head, framing) && strings.Contains(v.body, whole[:20]) &&
			!strings.Contains(v.body, "}")
	}
	check := map[Fault]func(v seen) bool{
		FaultSilence:      func(v seen) bool { return v.head == "" && !v.ended && !v.reset },
		FaultSilentAccept: func(v seen) bool { return v.head == "" && !v.ended && !v.reset },
		FaultClose:        func(v seen) bool { return v.head == "" && v.ended },
		FaultReset:        func(v seen) bool { return v.head == "" && v.reset },
		Fault500:          func(v seen) bool { return v.status == 500 && strings.Contains(v.head, "text/html") },
		FaultRedirect307:  func(v seen) bool { return v.status == 307 && strings.Contains(v.head, "/sunco/trap") },
		FaultRedirect302:  func(v seen) bool { return v.status == 302 && strings.Contains(v.head, "/sunco/trap") },
		FaultHang:         func(v seen) bool { return v.status == 200 && v.body == "" && !v.ended },
		FaultTorn:         func(v seen) bool { return torn(v, "Content-Length: ") },
		FaultTornChunked:  func(v seen) bool { return torn(v, "chunked") },
		FaultTornUnframed: func(v seen) bool {
			return torn(v, "Connection: close") && !strings.Contains(v.head, "Content-Length")
		},
		FaultContentType: func(v seen) bool {
			return v.status == 200 && strings.Contains(v.head, "application/octet-stream") &&
				strings.HasPrefix(v.body, whole)
		},
		FaultInvalid: func(v seen) bool {
			return v.status == 200 && strings.HasPrefix(v.body, whole) && !gjson.Valid(v.body)
		},
		FaultOversized: func(v seen) bool {
			return v.status == 200 && len(v.body) == OversizedBytes && gjson.Valid(v.body)
		},
		FaultPriceDrop: func(v seen) bool { return gjson.Get(v.body, "price").Raw == "7.00" },
		FaultNo:        func(v seen) bool { return v.status == 200 && gjson.Get(v.body, "status").Str == "rejected" },
		Fault503:       func(v seen) bool { return v.status == 503 && v.body == "Application error" },
		Fault409:       func(v seen) bool { return v.status == 409 && v.body == "" },
		FaultEmpty:     func(v seen) bool { return v.status == 200 && v.body == "" },
		FaultAsync:     func(v seen) bool { return v.status == 202 && gjson.Get(v.body, "RequestID").Str == "r-1" },
		FaultNotice:    func(v seen) bool { return v.status == 200 && strings.Contains(v.body, "NOT ADDED TO HOPPER") },
	}
	for _, fault := range Faults() {
		t.Run(fault.String(), func(t *testing.T) {
			id := "L-" + fault.String()
			patience := 10 * time.Second
			if fault == FaultSilence || fault == FaultSilentAccept || fault == FaultHang {
				patience = 100 * time.Millisecond
			}
			b.FailNext(Post, fault, 1)
			if v := look(t, f.Addr(), "/sunco/post", `{"lead":"`+id+`"}`, patience); !check[fault](v) {
				t.Errorf("seen %.300q %.80q, ended %v, reset %v", v.head, v.body, v.ended, v.reset)
			}
			got := b.Book.Of(id)
			if len(got) != 1 || got[0].Fault != fault.String() || got[0].Accepted != fault.Booked() {
				t.Errorf("booked %+v", got)
			}
			// The next call is well again.
			if v := look(t, f.Addr(), "/sunco/post", `{"lead":"next-`+id+`"}`, 10*time.Second); v.status != 200 ||
				!strings.HasPrefix(v.body, whole) {
				t.Errorf("then %+v", v)
			}
		})
	}
	if b.Trapped() != 0 {
		t.Errorf("%d in the trap", b.Trapped())
	}
	if status, _, _, err := send(client(t), "http://"+f.Addr()+"/sunco/trap", "{}"); err != nil || status != 410 ||
		b.Trapped() != 1 {
		t.Errorf("trap: status %d, %v, %d", status, err, b.Trapped())
	}
}

func TestFaultsByProbability(t *testing.T) {
	s := plainBuyer("sunco")
	s.PingFaults = map[Fault]float64{Fault500: 1}
	f := newFarm(t, Config{Buyers: []Script{s}})
	c, b := client(t), f.Buyer("sunco")
	status := func() int {
		n, _, _, err := send(c, f.URL("sunco", Ping), "{}")
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if status() != 500 {
		t.Error("a certain fault did not strike")
	}
	b.SetFault(Ping, Fault500, 0.5)
	n := 0
	for range 200 {
		if status() == 500 {
			n++
		}
	}
	if n < 60 || n > 140 {
		t.Errorf("a fault with probability 0.5 struck %d of 200", n)
	}
	b.SetFault(Ping, Fault500, 0)
	b.FailNext(Ping, FaultRedirect302, 1)
	b.FailNext(Ping, Fault500, 1)
	if a, b, c := status(), status(), status(); a != 302 || b != 500 || c != 200 {
		t.Errorf("%d, %d, %d", a, b, c)
	}
	b.SetFault(Ping, Fault500, 1)
	b.FailNext(Ping, Fault500, 5)
	b.Heal()
	if status() != 200 {
		t.Error("not healed")
	}
}

func TestCloseCutsWhatHangs(t *testing.T) {
	s := plainBuyer("sunco")
	s.Ping.Latency = Fixed(time.Hour)
	s.PostFaults = map[Fault]float64{FaultSilence: 1}
	f, err := New(Config{Buyers: []Script{s}})
	if err != nil {
		t.Fatal(err)
	}
	c := client(t)
	errs := make(chan error, 2)
	for _, ep := range []Endpoint{Ping, Post} {
		go func() {
			_, _, _, err := send(c, f.URL("sunco", ep), "{}")
			errs <- err
		}()
	}
	// Both have been read when they have been counted.
	for f.Buyer("sunco").Calls(Ping)+f.Buyer("sunco").Calls(Post) < 2 {
		look(t, f.Addr(), "/nobody/ping", "{}", 10*time.Second)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	for range 2 {
		if err := <-errs; err == nil {
			t.Error("an answer came")
		}
	}
	if err := f.Close(); err != nil {
		t.Errorf("closed again: %v", err)
	}
}
