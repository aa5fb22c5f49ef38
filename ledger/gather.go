// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"sync"

	"github.com/hashicorp/raft"
)

// batchBytesMax is where a batch takes no more groups. A group itself may be larger.
const batchBytesMax = 8 << 20

// group is what one Append stores, all or none. Its memory is used again once its fate is known.
type group struct {
	entries []entry
	buf     []byte
	err     error
}

type entry struct {
	log  raft.Log // Data is a record of its own: the cursors keep it
	fact fact
}

func (g *group) reset() {
	clear(g.entries)
	g.entries, g.err = g.entries[:0], nil
	if cap(g.buf) > 1<<20 {
		g.buf = nil
	}
	g.buf = g.buf[:0]
}

// batch is what is stored with one sync. All its callers wait for done.
type batch struct {
	groups []*group
	bytes  int
	done   chan struct{}
}

// gather collects groups while the writer is busy.
type gather struct {
	mu      sync.Mutex
	batches []*batch
	closed  bool
	wake    chan struct{} // holds one
}

// join adds a group to the batch that is being gathered.
func (q *gather) join(g *group) (*batch, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return nil, ErrClosed
	}
	n := len(q.batches)
	if n == 0 || q.batches[n-1].bytes >= batchBytesMax {
		q.batches = append(q.batches, &batch{done: make(chan struct{})})
		n++
	}
	b := q.batches[n-1]
	b.groups = append(b.groups, g)
	b.bytes += len(g.buf)
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return b, nil
}

// take returns what has gathered and begins anew with spare, and whether more can come.
func (q *gather) take(spare []*batch) (batches []*batch, closed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	batches = q.batches
	q.batches = spare[:0]
	return batches, q.closed
}

func (q *gather) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
}
