// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"sync"
	"time"
)

// lateLine is where late answers wait for a worker. Thousands of calls end at the same moment where buyers answer at
// their deadline: each of those connections is worth more than a dial, and has its answer a moment later. One of a
// buyer that says nothing is not, so that none waits long.
type lateLine struct {
	most int           // that wait
	wait time.Duration // how long one does: lateWaitMax but in tests

	mu     sync.Mutex
	line   []*lateRead // guarded by mu, as all that follows; the first has waited longest
	head   int         // of line: those before it have left
	timer  *time.Timer // runs while somebody waits
	closed bool
}

// lateWaitMax is how long a connection waits for a late worker.
const lateWaitMax = 500 * time.Millisecond

// join lets a late answer wait, unless too many do.
func (q *lateLine) join(l *lateRead) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || len(q.line)-q.head >= q.most {
		return false
	}
	l.waits = time.Now().Add(q.wait)
	if q.head == len(q.line) {
		q.line, q.head = q.line[:0], 0
		if q.timer == nil {
			q.timer = time.AfterFunc(q.wait, q.drop)
		} else {
			q.timer.Reset(q.wait)
		}
	} else if q.head > len(q.line)/2 && len(q.line) == cap(q.line) {
		n := copy(q.line, q.line[q.head:])
		clear(q.line[n:])
		q.line, q.head = q.line[:n], 0
	}
	q.line = append(q.line, l)
	return true
}

// next takes the one that has waited longest; nil: none waits.
func (q *lateLine) next() *lateRead {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.take()
}

func (q *lateLine) take() *lateRead {
	if q.head == len(q.line) {
		return nil
	}
	l := q.line[q.head]
	q.line[q.head] = nil
	q.head++
	return l
}

// drop ends those that have waited too long; all of them once the line is closed.
func (q *lateLine) drop() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.head < len(q.line) {
		if left := time.Until(q.line[q.head].waits); left > 0 && !q.closed {
			q.timer.Reset(left)
			return
		}
		l := q.take()
		q.mu.Unlock() // a connection that ends lets another begin
		l.target.counts.lateDropped.Add(1)
		l.end(false)
		q.mu.Lock()
	}
}

// close ends the line, and those in it.
func (q *lateLine) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.drop()
}
