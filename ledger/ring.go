// SPDX-License-Identifier: Apache-2.0

package ledger

import "sync"

// ring keeps the most recent records for those who follow the log closely.
type ring struct {
	mu       sync.Mutex
	slots    []Record // len is a power of two
	head, n  int      // the oldest, how many
	bytes    int
	bytesMax int
}

// push takes records that follow the last one pushed, and forgets the oldest beyond the limit.
func (r *ring) push(recs []Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, rec := range recs {
		if r.n == len(r.slots) {
			r.grow()
		}
		r.slots[(r.head+r.n)&(len(r.slots)-1)] = rec
		r.n++
		r.bytes += len(rec.Bytes)
		for r.bytes > r.bytesMax && r.n > 1 {
			old := &r.slots[r.head]
			r.bytes -= len(old.Bytes)
			*old = Record{}
			r.head = (r.head + 1) & (len(r.slots) - 1)
			r.n--
		}
	}
}

func (r *ring) grow() {
	slots := make([]Record, max(2*len(r.slots), 1024))
	for i := range r.n {
		slots[i] = r.slots[(r.head+i)&(len(r.slots)-1)]
	}
	r.slots, r.head = slots, 0
}

// get appends the records from a seq on, at most n of them and no more once their bytes reach bytesMax. It reports
// false if the ring no longer has that seq, or has it not yet.
func (r *ring) get(dst []Record, from uint64, n, bytesMax int) ([]Record, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.n == 0 {
		return dst, false
	}
	first := r.slots[r.head].Seq
	if from < first || from >= first+uint64(r.n) {
		return dst, false
	}
	for i := int(from - first); i < r.n && n > 0 && bytesMax > 0; i++ {
		rec := r.slots[(r.head+i)&(len(r.slots)-1)]
		dst = append(dst, rec)
		n--
		bytesMax -= len(rec.Bytes)
	}
	return dst, true
}

// signal tells waiters that something was stored. It costs nothing while nobody waits.
type signal struct {
	mu sync.Mutex
	ch chan struct{}
}

// next is closed by the next tell.
func (n *signal) next() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ch == nil {
		n.ch = make(chan struct{})
	}
	return n.ch
}

func (n *signal) tell() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ch != nil {
		close(n.ch)
		n.ch = nil
	}
}
