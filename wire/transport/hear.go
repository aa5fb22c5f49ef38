// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// How long a Scatter with a listener waits for one answer before it looks whether another has come: longer each time.
const (
	glanceFirst = time.Millisecond
	glanceMost  = 32 * time.Millisecond
)

// heard tells the listener that a call has ended.
func (s *scratch) heard(call *Call) {
	if s.listener != nil && !s.enough && call.Over() {
		s.enough = s.listener.Enough()
	}
}

// hearAll reads the answers of s.order as they come, until there is none left or the listener has heard enough. Those
// that are left are to be finished.
func (s *scratch) hearAll() {
	wait := glanceFirst
	for len(s.order) > 0 && !s.enough {
		if s.hearReady() {
			wait = glanceFirst
			continue
		}
		first := s.order[0].call
		if !s.await(first, wait) {
			wait = min(2*wait, glanceMost)
			continue
		}
		s.order = slices.Delete(s.order, 0, 1)
		s.finish(first)
		s.awaited = false
		s.heard(first)
	}
}

// hearReady finishes the calls that have something to read, and tells whether there were any. Under TLS it may be that
// this is no answer: then the call is waited for.
func (s *scratch) hearReady() (any bool) {
	if len(s.order) < 2 {
		return false
	}
	s.polls = s.polls[:0]
	for i := range s.order {
		s.polls = append(s.polls, unix.PollFd{Fd: s.order[i].call.conn.sock.fd, Events: unix.POLLIN})
	}
	if n, err := unix.Poll(s.polls, 0); n <= 0 || err != nil {
		return false
	}
	at := 0
	s.order = slices.DeleteFunc(s.order, func(t turn) bool {
		at++
		if s.enough || s.polls[at-1].Revents == 0 {
			return false
		}
		s.finish(t.call)
		s.heard(t.call)
		any = true
		return true
	})
	return any
}

// await waits so long for a call, and tells whether something has come of it or its time is up.
func (s *scratch) await(call *Call, most time.Duration) bool {
	until := time.Now().Add(most)
	if len(s.order) == 1 && len(s.waits) == 0 || !until.Before(call.deadline) {
		return true
	}
	s.awaited = call.conn.sock.readable(until)
	s.now = time.Now()
	return s.awaited
}
