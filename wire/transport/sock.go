// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// sock is a TCP connection that can be asked for what is there without waiting, even after a deadline has passed.
// net.Conn cannot: once its deadline is over, Read fails without a look at the socket, and answers that have long
// arrived are lost. It stands below TLS, so that both kinds of connection have it.
//
// One goroutine at a time uses a sock; only closing is allowed from elsewhere.
type sock struct {
	*net.TCPConn
	raw     syscall.RawConn
	fd      int32     // only to ask whether there is something to read: once closed, the number may be another's
	poll    bool      // never wait: Read says errWouldBlock, Write keeps the rest in spill
	blocked bool      // a Read has waited since this was cleared
	due     time.Time // a waiting Read ends then; zero: never
	armed   time.Time // the deadline that the socket has now: set only when a Read must wait, for most need not
	spill   []byte    // what a Write could not get rid of

	// Arguments and results of the two functions below, which are made once a connection and not once a read.
	buf      []byte
	n        int
	err      error
	readNow  func(fd uintptr) bool
	lookNow  func(fd uintptr) bool
	writeNow func(fd uintptr) bool
}

// errWouldBlock is temporary, so that tls.Conn goes on after it, and a timeout, so that whoever waits knows it as one.
var errWouldBlock = wouldBlock{}

type wouldBlock struct{}

func (wouldBlock) Error() string   { return "transport: nothing to read now" }
func (wouldBlock) Timeout() bool   { return true }
func (wouldBlock) Temporary() bool { return true }

// isTimeout tells a read that may go on later from one that has failed.
func isTimeout(err error) bool {
	return errors.Is(err, errWouldBlock) || errors.Is(err, os.ErrDeadlineExceeded)
}

func newSock(tcp *net.TCPConn) (*sock, error) {
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil, err
	}
	s := &sock{TCPConn: tcp, raw: raw}
	if err := raw.Control(func(fd uintptr) { s.fd = int32(fd) }); err != nil {
		return nil, err
	}
	s.readNow, s.lookNow, s.writeNow = s.tryRead, s.look, s.tryWrite
	return s, nil
}

// wait makes reads wait until due.
func (s *sock) wait(due time.Time) { s.poll, s.due = false, due }

// pollOnly makes reads and writes take what can be had at once.
func (s *sock) pollOnly() { s.poll, s.due = true, time.Time{} }

func (s *sock) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if !s.armed.IsZero() && !s.armed.Equal(s.due) {
		if err := s.SetReadDeadline(time.Time{}); err != nil {
			return 0, err
		}
		s.armed = time.Time{}
	}
	s.buf = p
	err := s.raw.Read(s.readNow)
	s.buf = nil
	switch {
	case err != nil:
		return 0, err
	case s.err != nil:
		return 0, s.err
	case s.n == 0:
		return 0, io.EOF
	}
	return s.n, nil
}

// tryRead reads once; false asks the runtime to call it again when there is something to read.
func (s *sock) tryRead(fd uintptr) bool {
	for {
		s.n, s.err = syscall.Read(int(fd), s.buf)
		switch {
		case errors.Is(s.err, syscall.EINTR):
		case !errors.Is(s.err, syscall.EAGAIN):
			return true
		case s.poll:
			s.err = errWouldBlock
			return true
		default:
			s.blocked = true
			if s.armed.IsZero() && !s.due.IsZero() {
				if s.err = s.SetReadDeadline(s.due); s.err != nil {
					return true
				}
				s.armed = s.due
			}
			return false
		}
	}
}

// readable waits until there is something to read, the connection's end included, and tells whether there is by then.
func (s *sock) readable(until time.Time) bool {
	if err := s.SetReadDeadline(until); err != nil {
		return true
	}
	s.armed, s.n = until, 0
	err := s.raw.Read(s.lookNow)
	return s.n > 0 || err != nil && !isTimeout(err)
}

// look is true when there is something to read; false asks the runtime to call it again then.
func (s *sock) look(fd uintptr) bool {
	one := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, err := unix.Poll(one[:], 0)
	if n > 0 || err != nil && !errors.Is(err, syscall.EINTR) {
		s.n = 1
	}
	return s.n > 0
}

// Write writes all. While polling, it never waits: what the socket does not take is kept in spill, counts as written,
// and must be flushed.
func (s *sock) Write(p []byte) (int, error) {
	if !s.poll {
		return s.TCPConn.Write(p)
	}
	if len(s.spill) > 0 {
		s.spill = append(s.spill, p...)
		return len(p), nil
	}
	s.buf = p
	err := s.raw.Write(s.writeNow)
	rest := s.buf
	s.buf = nil
	if err == nil {
		err = s.err
	}
	if err != nil {
		return len(p) - len(rest), err
	}
	s.spill = append(s.spill, rest...)
	return len(p), nil
}

// tryWrite writes what the socket takes at once.
func (s *sock) tryWrite(fd uintptr) bool {
	for len(s.buf) > 0 {
		s.n, s.err = syscall.Write(int(fd), s.buf)
		switch {
		case errors.Is(s.err, syscall.EINTR):
		case errors.Is(s.err, syscall.EAGAIN):
			s.err = nil
			return true
		case s.err != nil:
			return true
		default:
			s.buf = s.buf[s.n:]
		}
	}
	return true
}

// flush writes what is in spill, waiting until due.
func (s *sock) flush(due time.Time) error {
	if err := s.SetWriteDeadline(due); err != nil {
		return err
	}
	_, err := s.TCPConn.Write(s.spill)
	s.spill = nil // of the size of a request that was too large: not worth keeping
	if err != nil {
		return err
	}
	return s.SetWriteDeadline(time.Time{})
}
