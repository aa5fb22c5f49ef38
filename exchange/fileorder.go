// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"bytes"
	"cmp"
	"container/heap"
	"time"

	"clearpost/lead"
)

// rowOrder has what waits for a file, as a heap: the oldest comes first. A row costs the same however many wait.
type rowOrder []orderedRow

type orderedRow struct {
	attempt lead.ID
	at      time.Time
}

func (o rowOrder) Len() int { return len(o) }

func (o rowOrder) Less(i, j int) bool {
	return cmp.Or(o[i].at.Compare(o[j].at), bytes.Compare(o[i].attempt[:], o[j].attempt[:])) < 0
}

func (o rowOrder) Swap(i, j int) { o[i], o[j] = o[j], o[i] }

// Push implements heap.Interface.
func (o *rowOrder) Push(x any) { *o = append(*o, x.(orderedRow)) }

// Pop implements heap.Interface.
func (o *rowOrder) Pop() any {
	last := len(*o) - 1
	x := (*o)[last]
	*o = (*o)[:last]
	return x
}

// oldest takes the oldest row out of the order; false: none is left there.
func (q *fileLines) oldest(ln *fileLine) (x orderedRow, r waitingRow, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(ln.order) == 0 {
		return x, r, false
	}
	x = heap.Pop(&ln.order).(orderedRow)
	return x, ln.waiting[x.attempt], true
}

// stay puts rows back into the order, but those that do not wait any more.
func (q *fileLines) stay(ln *fileLine, rows []orderedRow) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, x := range rows {
		if _, waits := ln.waiting[x.attempt]; waits {
			heap.Push(&ln.order, x)
		}
	}
	if ln.since = (time.Time{}); len(ln.order) > 0 {
		ln.since = ln.order[0].at
	}
}
