// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"sync"
	"time"
)

// Held is what Retention asks to drop and somebody still needs. What is needed wins, however large the log grows, until
// the disk is nearly full and no pings are taken any more.
type Held struct {
	By    string    `json:"by"`       // who needs it
	Seq   uint64    `json:"from_seq"` // from which event on
	Bytes int64     `json:"bytes"`    // of files that should be gone
	Since time.Time `json:"since"`    // of the ledger's time
}

// Follower is who reads the events in their order, beside the views and Kafka. Events from Next on are kept for it, but
// where it alone has held them for Wait: then they go, and it has to do without.
type Follower struct {
	Name string
	Next func() uint64 // the first seq that it needs; called now and then, by one goroutine
	Wait time.Duration // 0: as long as it takes
}

// Keep has events kept for a follower, until the ledger is closed.
func (l *Ledger) Keep(f Follower) {
	l.followed.mu.Lock()
	defer l.followed.mu.Unlock()
	l.followed.all = append(l.followed.all, followed{Follower: f})
}

type followers struct {
	mu  sync.Mutex
	all []followed
}

type followed struct {
	Follower
	holds time.Time // since when it holds what nobody else does; zero: it does not
}

// limit lowers a limit to what followers need.
func (f *followers) limit(k *keeper, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	others := k.seq
	for i := range f.all {
		x := &f.all[i]
		next := x.Next()
		switch {
		case next >= others:
			x.holds = time.Time{}
			continue
		case x.holds.IsZero():
			x.holds = now
		}
		if x.Wait <= 0 || now.Sub(x.holds) < x.Wait {
			k.atMost(x.Name, next)
		}
	}
}

// Held tells what is kept beyond Retention, nil if nothing is.
func (l *Ledger) Held() *Held { return l.held.Load() }

// tellHeld keeps what Held tells, and says once when it begins and when it ends.
func (l *Ledger) tellHeld(h *Held) {
	was := l.held.Load()
	if h != nil {
		h.Since = l.now()
		if was != nil {
			h.Since = was.Since
		}
	}
	l.held.Store(h)
	switch {
	case h != nil && was == nil:
		l.log.Warn("the log is larger or older than it should be: events are still needed, and are kept until they "+
			"are not", "by", h.By, "from_seq", h.Seq, "bytes_over", h.Bytes)
	case h == nil && was != nil:
		l.log.Info("the log is as it should be again", "held_by", was.By, "since", was.Since)
	}
}
