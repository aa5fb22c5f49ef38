// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// storm is what open-loop sellers saw: they send at a rate, whatever became of what they have sent before.
type storm struct {
	Quotes, Failures, Shed, Other int
	Unsent                        int // all connections that sellers have were taken
	Limited                       int // of the others: 429
	Late                          int // of quotes and failures: took longer than was allowed
	// how many that were due in a second, from the first on, were late, shed or something else
	Hurt    map[int]int
	Example string

	// Of what was let in (quotes and failures): the whole time, from when it was due; and of that the node's part, from
	// the write of the request to the moment at which the kernel had the answer for the seller.
	Whole, Node spread
	ShedNode    spread // the node's part of what was sent away
	Connect     spread // a new connection: the kernel's part of the node
	// The sellers' own part: from when a request was due, or its connection was made, to its write, and from the
	// answer's arrival to its reading.
	Own spread
}

// spread is how long something took, in parts of all.
type spread struct{ P50, P99, P999, Max time.Duration }

func spreadOf(d []time.Duration) (s spread) {
	slices.Sort(d)
	if n := len(d); n > 0 {
		s = spread{d[n/2], d[n*99/100], d[n*999/1000], d[n-1]}
	}
	return s
}

// seen is one request's way.
type seen struct {
	due, connecting, connected, written, arrived, heard time.Time

	fresh  bool // the connection is new
	status int
	quote  bool
	text   string
}

// storm sends c.N pings a second for c.MS milliseconds, on at most c.Conns connections.
func (s *sellers) storm(c command) (any, error) {
	var (
		mu    sync.Mutex
		idle  []*line
		all   = make([]*seen, 0, c.N*c.MS/1000)
		lines int
		wg    sync.WaitGroup
		out   storm
		begun = time.Now()
	)
	tick := time.NewTimer(time.Hour)
	defer tick.Stop()
	for i := range c.N * c.MS / 1000 {
		x := &seen{due: begun.Add(time.Duration(i) * time.Second / time.Duration(c.N))}
		if wait := time.Until(x.due); wait > 0 {
			tick.Reset(wait)
			<-tick.C
		}
		mu.Lock()
		var l *line
		if n := len(idle); n > 0 {
			l, idle = idle[n-1], idle[:n-1]
		} else if lines++; lines > c.Conns {
			lines--
			mu.Unlock()
			out.Unsent++
			continue
		}
		all = append(all, x)
		mu.Unlock()
		wg.Go(func() {
			l = s.send(l, c.Addr, i, x)
			mu.Lock()
			defer mu.Unlock()
			if l != nil {
				idle = append(idle, l)
			} else {
				lines--
			}
		})
	}
	wg.Wait()
	for _, l := range idle {
		l.conn.Close()
	}
	out.sum(all, time.Duration(c.Late)*time.Millisecond)
	return out, nil
}

// sum counts what was seen. late is 0 where nothing is.
func (out *storm) sum(all []*seen, late time.Duration) {
	var whole, node, away, own, connect []time.Duration
	out.Hurt = map[int]int{}
	for _, x := range all {
		if x.status != 200 || late > 0 && x.arrived.Sub(x.written) > late {
			out.Hurt[int(x.due.Sub(all[0].due)/time.Second)]++
		}
		if x.fresh && !x.connected.IsZero() {
			connect = append(connect, x.connected.Sub(x.connecting))
		}
		if x.heard.IsZero() {
			out.Other++
			out.Example = x.text
			continue
		}
		took := x.arrived.Sub(x.written)
		own = append(own, x.heard.Sub(x.due)-took-x.connected.Sub(x.connecting))
		switch {
		case x.status == 503:
			out.Shed++
			away = append(away, took)
			continue
		case x.status == 429:
			out.Limited++
			out.Other++
			continue
		case x.status != 200:
			out.Other++
			out.Example = x.text
			continue
		case x.quote:
			out.Quotes++
		default:
			out.Failures++
			out.Example = x.text
		}
		if late > 0 && took > late {
			out.Late++
		}
		whole, node = append(whole, x.heard.Sub(x.due)), append(node, took)
	}
	out.Whole, out.Node, out.ShedNode = spreadOf(whole), spreadOf(node), spreadOf(away)
	out.Own, out.Connect = spreadOf(own), spreadOf(connect)
}

// send sends one ping, on a connection of its own where there is none, and returns the connection if it may be used
// again.
func (s *sellers) send(l *line, addr string, i int, x *seen) *line {
	var err error
	if l == nil {
		x.fresh, x.connecting = true, time.Now()
		if l, err = newLine(addr); err != nil {
			x.text = err.Error()
			return nil
		}
		x.connected = time.Now()
	}
	req := &s.requests[i%len(s.requests)]
	l.buf = append(l.buf[:0], req.bytes...)
	copy(l.buf[req.id:], fmt.Sprintf("%0*d", idDigits, s.id.Add(1)))
	keep, err := l.ask(x)
	if err != nil {
		x.text = err.Error()
	}
	if err != nil || !keep {
		l.conn.Close()
		return nil
	}
	return l
}

// line is a seller's connection. The kernel says when bytes came: a seller that is busy itself reads them later.
type line struct {
	conn *net.TCPConn
	raw  syscall.RawConn
	buf  []byte
	oob  [128]byte
}

// How long a seller waits.
const (
	connectMax = 10 * time.Second
	answerMax  = 30 * time.Second
)

func newLine(addr string) (*line, error) {
	c, err := net.DialTimeout("tcp", addr, connectMax)
	if err != nil {
		return nil, err
	}
	l := &line{conn: c.(*net.TCPConn)}
	if l.raw, err = l.conn.SyscallConn(); err == nil {
		err = errors.Join(l.raw.Control(func(fd uintptr) {
			err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
		}), err)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return l, nil
}

// ask writes what stands in buf and reads the answer. keep says that the connection stays.
func (l *line) ask(x *seen) (keep bool, err error) {
	if err := l.conn.SetDeadline(time.Now().Add(answerMax)); err != nil {
		return false, err
	}
	x.written = time.Now()
	if _, err := l.conn.Write(l.buf); err != nil {
		return false, err
	}
	l.buf = l.buf[:cap(l.buf)]
	for n := 0; n < len(l.buf); {
		got, at, err := l.read(l.buf[n:])
		if err != nil {
			return false, err
		}
		n += got
		head, body, whole := bytes.Cut(l.buf[:n], []byte("\r\n\r\n"))
		_, size, sized := bytes.Cut(head, []byte("Content-Length: "))
		if !whole || !sized {
			continue
		}
		size, _, _ = bytes.Cut(size, []byte("\r\n"))
		if want, err := strconv.Atoi(string(size)); err != nil || len(body) < want {
			continue
		}
		if x.status, err = strconv.Atoi(string(head[9:12])); err != nil {
			return false, err
		}
		x.heard, x.arrived = time.Now(), at
		x.quote, x.text = quoted(body), string(body)
		return !bytes.Contains(head, []byte("Connection: close")), nil
	}
	return false, errors.New("an answer that does not end")
}

// read reads what has come, and when it came by the kernel's word.
func (l *line) read(b []byte) (n int, at time.Time, err error) {
	var oob int
	e := l.raw.Read(func(fd uintptr) bool {
		n, oob, _, _, err = unix.Recvmsg(int(fd), b, l.oob[:], 0)
		return !errors.Is(err, unix.EAGAIN)
	})
	if err = errors.Join(e, err); err != nil || n == 0 {
		return 0, at, errors.Join(err, io.EOF)
	}
	at = time.Now()
	all, err := unix.ParseSocketControlMessage(l.oob[:oob])
	for _, m := range all {
		if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SCM_TIMESTAMPNS && len(m.Data) >= 16 {
			// seconds and nanoseconds in the machine's order; this bench runs on little-endian ones
			at = time.Unix(int64(binary.LittleEndian.Uint64(m.Data)), int64(binary.LittleEndian.Uint64(m.Data[8:])))
		}
	}
	return n, at, err
}
