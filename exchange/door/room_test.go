// SPDX-License-Identifier: Apache-2.0

package door

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// hear asks on a connection and tells the answer's status, or what went wrong.
func hear(c net.Conn, request string) string {
	b := make([]byte, 4096)
	if _, err := io.WriteString(c, request); err != nil {
		return err.Error()
	}
	n, err := c.Read(b)
	if err != nil {
		return err.Error()
	}
	return strings.TrimPrefix(string(b[:n]), "HTTP/1.1 ")[:3]
}

// age has all connections be idle from now on, but for those given: the first is as old as can be, each other one a
// minute younger.
func (l *Listener) age(of ...net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.conns {
		c.idle.Store(time.Now().Add(time.Hour).UnixNano())
		for i, h := range of {
			if h.LocalAddr().String() == c.RemoteAddr().String() {
				c.idle.Store(time.Now().Add(-time.Hour + time.Duration(i)*time.Minute).UnixNano())
			}
		}
	}
	l.lookAgain = time.Time{}
}

// whole waits until there are so many connections that age finds: one is counted a moment before.
func (l *Listener) whole(most int) {
	for end := time.Now().Add(late); time.Now().Before(end); runtime.Gosched() {
		l.mu.Lock()
		n := len(l.conns)
		l.mu.Unlock()
		if n >= most {
			return
		}
	}
}

// TestIdleConnectionsMakeRoom: whoever keeps all connections open and asks nothing on them keeps nobody out; one on
// which something is asked stays.
func TestIdleConnectionsMakeRoom(t *testing.T) {
	const most = 8
	var refused atomic.Int64
	l, _ := serve(t, Config{ConnsMax: most, IdleTimeout: 10 * late, Refuse: func() { refused.Add(1) }})
	var held []net.Conn
	for i := range most {
		c := dial(t, l, false)
		if got := hear(c, whole); got != "200" {
			t.Fatalf("connection %d hears %s", i, got)
		}
		held = append(held, c)
	}
	l.age()
	if got := hear(dial(t, l, false), whole); got == "200" {
		t.Error("connections that were idle for a moment only made room")
	}
	l.age(held[3], held[5])
	if _, err := io.WriteString(held[0], whole[:len(whole)-1]); err != nil {
		t.Fatal(err)
	}
	if got := hear(dial(t, l, false), whole); got != "200" {
		t.Fatalf("beside idle connections a new one hears %s", got)
	}
	if got := statuses(t, held[3]); got != "" {
		t.Errorf("the one that was idle longest hears %q", got)
	}
	for i, want := range map[int]string{0: "200", 5: "200"} {
		request := whole
		if i == 0 {
			request = whole[len(whole)-1:]
		}
		if got := hear(held[i], request); got != want {
			t.Errorf("connection %d hears %s", i, got)
		}
	}
	if refused.Load() != l.Refused() || l.Refused() != 1 {
		t.Errorf("%d refused, %d told", l.Refused(), refused.Load())
	}
}

// TestFloodOfConnectionsKeepsNobodyOut: connections that have never said a word are not protected by being new.
func TestFloodOfConnectionsKeepsNobodyOut(t *testing.T) {
	const most = 64
	l, _ := serve(t, Config{ConnsMax: most, IdleTimeout: 10 * late})
	for range 4 * most {
		dial(t, l, false)
	}
	for i := range 10 {
		if got := hear(dial(t, l, false), whole); got != "200" {
			t.Errorf("beside %d silent connections number %d hears %s", 4*most, i, got)
		}
	}
	if n := l.Open(); n > most {
		t.Errorf("%d connections of %d", n, most)
	}
}

// bare is a connection of a listener that nobody reads, and its other end.
func (l *Listener) bare(t *testing.T) (*Conn, net.Conn) {
	ours, theirs := net.Pipe()
	t.Cleanup(func() { ours.Close(); theirs.Close() })
	l.open.Add(1)
	return l.wrap(ours), theirs
}

// TestWhoHasMostMakesRoomFirst: strangers by their address, and known holders by what they have beyond a share.
func TestWhoHasMostMakesRoomFirst(t *testing.T) {
	l := Listen(nil, Config{ConnsMax: 12})
	now := time.Now()
	add := func(addr byte, h *Holder, ago time.Duration, begun bool) *Conn {
		c, _ := l.bare(t)
		c.addr = netip.AddrFrom4([4]byte{192, 0, 2, addr})
		c.holder.Store(h)
		c.begun.Store(begun)
		c.idle.Store(0)
		if ago > 0 {
			c.idle.Store(now.Add(-ago).UnixNano())
		}
		return c
	}
	hog, modest := &Holder{}, &Holder{} // a share is 12/3
	names := map[*Conn]string{
		add(1, nil, time.Second/2, false):    "address 1, younger",
		add(1, nil, 3*time.Second/4, false):  "address 1, older",
		add(1, nil, time.Millisecond, false): "address 1, just come",
		add(1, nil, time.Second/2, true):     "", // just begun
		add(1, nil, 2*time.Second, true):     "address 1, begun long ago",
		add(2, nil, time.Hour, false):        "address 2",
		add(3, hog, time.Second/4, false):    "hog, younger", add(3, hog, time.Second/3, false): "hog, older",
		add(3, hog, 0, false): "", add(3, hog, 0, false): "", add(3, hog, 0, false): "", add(3, hog, 0, false): "",
		add(4, modest, time.Second/2, false): "", add(4, modest, 2*time.Second, false): "modest",
	}
	var got []string
	for _, s := range l.spare(now) {
		got = append(got, names[s.c])
	}
	want := []string{"address 1, begun long ago", "address 1, older", "address 1, younger", "hog, older",
		"address 1, just come", "address 2", "hog, younger", "modest"}
	if !slices.Equal(got, want) {
		t.Errorf("in this order:\n%q, expected\n%q", got, want)
	}
}

// TestConnectionThatIsAskedWhenItIsToEndStays: the bytes were there before it was told.
func TestConnectionThatIsAskedWhenItIsToEndStays(t *testing.T) {
	for _, whole := range []bool{false, true} {
		l := Listen(nil, Config{ConnsMax: 1, IdleTimeout: late, ReadTimeout: late})
		c, theirs := l.bare(t)
		c.idle.Store(1)
		c.holder.Store(&Holder{})
		l.open.Add(1) // somebody has come
		if l.endSpare() != 1 {
			t.Fatal("an idle connection makes no room")
		}
		_ = c.socket.SetReadDeadline(time.Time{}) // as if its bytes had come before
		go func() { _, _ = theirs.Write([]byte("P")) }()
		if n, err := c.Read(make([]byte, 9)); n != 1 || err != nil {
			t.Fatalf("%d, %v", n, err)
		}
		if whole {
			Take(c)
		}
		if l.endSpare() != 0 {
			t.Error("its room is taken to be free")
		}
		go func() { _, _ = theirs.Write([]byte("O")) }()
		if n, err := c.Read(make([]byte, 9)); n != 1 || err != nil {
			t.Errorf("it cannot go on: %d, %v", n, err)
		}
		if err := c.Close(); err != nil || l.Open() != 1 || len(l.conns) != 0 {
			t.Errorf("%v, %d open, %d known", err, l.Open(), len(l.conns))
		}
	}
}

// TestRequestThatDoesNotEndMakesRoom: whoever begins requests on all connections and never ends them keeps nobody out.
func TestRequestThatDoesNotEndMakesRoom(t *testing.T) {
	l := Listen(nil, Config{ConnsMax: 1, IdleTimeout: late, ReadTimeout: late})
	c, theirs := l.bare(t)
	go func() { _, _ = theirs.Write([]byte("P")) }()
	if _, err := c.Read(make([]byte, 9)); err != nil {
		t.Fatal(err)
	}
	l.open.Add(1)
	if l.endSpare() != 0 {
		t.Error("a request that has just begun is cut off")
	}
	c.idle.Store(c.idle.Load() - int64(begunLeast))
	l.lookAgain = time.Time{}
	if l.endSpare() != 1 {
		t.Fatal("a request that does not end makes no room")
	}
	if _, err := c.Read(make([]byte, 9)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("its reader hears %v", err)
	}
	if end := EndOf(c, os.ErrDeadlineExceeded); end != EndSlow {
		t.Errorf("it ends as %v", end)
	}
}

// TestStrangerThatDoesNotTakeItsAnswerMakesRoom: one whose key was right is waited for.
func TestStrangerThatDoesNotTakeItsAnswerMakesRoom(t *testing.T) {
	for _, known := range []bool{false, true} {
		l := Listen(nil, Config{ConnsMax: 1, IdleTimeout: late, ReadTimeout: late})
		c, theirs := l.bare(t)
		go func() { _, _ = theirs.Write([]byte("P")) }()
		if _, err := c.Read(make([]byte, 9)); err != nil {
			t.Fatal(err)
		}
		Take(c)
		if known {
			Own(c, &Holder{})
		}
		wrote := make(chan error, 1)
		go func() {
			_, err := c.Write([]byte("HTTP/1.1 200 OK\r\n"))
			wrote <- err
		}()
		if !known {
			for end := time.Now().Add(late); c.idle.Load() == 0; runtime.Gosched() {
				if time.Now().After(end) {
					t.Fatal("it is not seen that a stranger is being answered")
				}
			}
			c.idle.Store(c.idle.Load() - int64(begunLeast))
		}
		l.open.Add(1)
		if got := l.endSpare(); (got == 0) != known {
			t.Errorf("known %v: %d make room", known, got)
		}
		if known {
			go func() { _, _ = io.Copy(io.Discard, theirs) }()
		}
		if err := <-wrote; (err == nil) != known {
			t.Errorf("known %v: the answer: %v", known, err)
		}
	}
}

// TestConnectionWithUnreadBytesIsNotIdle: nobody has had time for the request yet.
func TestConnectionWithUnreadBytesIsNotIdle(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells")
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	l := Listen(ln, Config{ConnsMax: 1})
	client := dial(t, l, false)
	ours, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	c := ours.(*Conn)
	fmt.Fprint(client, whole)
	for end := time.Now().Add(late); !c.came.unread(); runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatal("the bytes have not come")
		}
	}
	l.open.Add(1)
	if c.idle.Store(1); l.endSpare() != 0 {
		t.Error("it was told to end")
	}
	if _, err := c.Read(make([]byte, 4096)); err != nil {
		t.Errorf("its request is lost: %v", err)
	}
}

func TestNetworkOfAnAddress(t *testing.T) {
	for addr, want := range map[string]string{"192.0.2.7": "192.0.2.7", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::"} {
		if got := Network(netip.MustParseAddr(addr)).String(); got != want {
			t.Errorf("%s: %s, expected %s", addr, got, want)
		}
	}
}
