// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"container/heap"
	"context"
	"sync"
	"time"

	"clearpost/lead"
)

// chaser comes back, time and again, to attempts whose outcome is not known. It keeps times only: what there is to do
// stands in the ledger, and what it does not get to is still there after a restart. A bounded number of workers take
// the steps, and a few of them those of one buyer, so that one who does not answer holds up nobody else's.
type chaser struct {
	step func(chase) time.Duration // takes the next step; until the one after it, 0 = none
	ctx  context.Context

	mu    sync.Mutex
	queue chaseQueue           // guarded by mu
	known map[lead.ID]struct{} // guarded by mu: attempts in the queue, held back or in a worker's hands
	hands map[string]int       // guarded by mu: steps in workers' hands, by buyer
	held  map[string][]chase   // guarded by mu: that are due, of buyers of whom as many are in hands as may be
	wake  chan struct{}        // the head of the queue has changed; holds one
	work  chan chase
}

// chase is one open attempt and when its next step is due. Without an attempt it is a look at all that are open.
type chase struct {
	attempt, lead lead.ID
	buyer         string
	due           time.Time
}

const (
	chasesMax    = 100_000 // open attempts that are pursued at once; the rest wait for a person, or a restart
	chaseWorkers = 32      // steps at once
	chaseOfBuyer = 8       // of them, of one buyer
)

func newChaser(ctx context.Context, step func(chase) time.Duration) *chaser {
	return &chaser{step: step, ctx: ctx, known: map[lead.ID]struct{}{}, hands: map[string]int{},
		held: map[string][]chase{}, wake: make(chan struct{}, 1), work: make(chan chase)}
}

// add has an attempt pursued from then on. It does nothing for one that is known, or when there are too many.
func (c *chaser) add(attempt, id lead.ID, buyer string, after time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.known[attempt]; known || len(c.known) >= chasesMax {
		return known
	}
	c.known[attempt] = struct{}{}
	c.push(chase{attempt, id, buyer, time.Now().Add(after)})
	return true
}

func (c *chaser) push(x chase) {
	heap.Push(&c.queue, x)
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// open is how many attempts are pursued.
func (c *chaser) open() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := len(c.known)
	if _, all := c.known[noLead]; all {
		n--
	}
	return n
}

// run hands out what is due until the context ends. Steps under way then end by themselves.
func (c *chaser) run(running *running) {
	for range chaseWorkers {
		running.Go(c.worker)
	}
	running.Go(func() {
		defer close(c.work)
		timer := time.NewTimer(time.Hour)
		defer timer.Stop()
		for {
			x, wait := c.next()
			if wait <= 0 {
				select {
				case c.work <- x:
				case <-c.ctx.Done():
					return
				}
				continue
			}
			timer.Reset(wait)
			select {
			case <-timer.C:
			case <-c.wake:
			case <-c.ctx.Done():
				return
			}
		}
	})
}

// next takes the first of the queue that is due and may be handed out, else tells how long to wait.
func (c *chaser) next() (chase, time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.queue) > 0 {
		if wait := time.Until(c.queue[0].due); wait > 0 {
			return chase{}, wait
		}
		x := heap.Pop(&c.queue).(chase)
		if c.hands[x.buyer] < chaseOfBuyer {
			c.hands[x.buyer]++
			return x, 0
		}
		c.held[x.buyer] = append(c.held[x.buyer], x)
	}
	return chase{}, time.Hour
}

// back notes that a worker has no step of a buyer in its hands any more: one that was held back has its turn. The
// caller holds the lock.
func (c *chaser) back(buyer string) {
	if c.hands[buyer]--; c.hands[buyer] == 0 {
		delete(c.hands, buyer)
	}
	held := c.held[buyer]
	if len(held) == 0 {
		return
	}
	c.push(held[0])
	if held[0] = (chase{}); len(held) > 1 {
		c.held[buyer] = held[1:]
	} else {
		delete(c.held, buyer)
	}
}

func (c *chaser) worker() {
	for x := range c.work {
		after := c.step(x)
		c.mu.Lock()
		c.back(x.buyer)
		if after > 0 && c.ctx.Err() == nil {
			x.due = time.Now().Add(after)
			c.push(x)
		} else {
			delete(c.known, x.attempt)
		}
		c.mu.Unlock()
	}
}

// chaseQueue is a heap by due time.
type chaseQueue []chase

// Len implements heap.Interface.
func (q chaseQueue) Len() int { return len(q) }

// Less implements heap.Interface.
func (q chaseQueue) Less(i, j int) bool { return q[i].due.Before(q[j].due) }

// Swap implements heap.Interface.
func (q chaseQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }

// Push implements heap.Interface.
func (q *chaseQueue) Push(x any) { *q = append(*q, x.(chase)) }

// Pop implements heap.Interface.
func (q *chaseQueue) Pop() any {
	last := len(*q) - 1
	x := (*q)[last]
	*q = (*q)[:last]
	return x
}
