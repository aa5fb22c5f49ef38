// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"strconv"
	"strings"
	"time"
)

const (
	tendEvery  = time.Second // how often targets are looked after
	lifeMin    = time.Second // a shorter keep-alive is not worth learning
	lifeMargin = time.Second // an idle connection is closed so long before its peer is said to end it
	baseAhead  = 2           // connections that a target in use has idle, even when no call has come for a while
	aheadMax   = 256         // connections made ahead of demand
	stockTime  = 100 * time.Millisecond
)

// keep is what a target has learned about its connections, and how many are made ahead of demand.
type keep struct {
	idleMax time.Duration // no idle connection is older
	life    time.Duration // how long one is kept: the buyer's Keep-Alive, or what was seen
	said    bool          // the buyer has said it
	used    int           // connections that a call has used up since the last look
	rate    float64       // of that, a second, falling slowly
	took    time.Duration // average of a dial with its handshake
	calls   uint64        // of the target, at the last look
	again   time.Time     // the base is not dialled before
	rounds  int           // of the base that nobody used, in a row
}

func newKeep(idleMax time.Duration) keep { return keep{idleMax: idleMax, life: idleMax} }

// dialled learns how long a dial takes.
func (k *keep) dialled(took time.Duration) {
	if k.took == 0 {
		k.took = took
	}
	k.took += (took - k.took) / 8
}

// found learns from an idle connection that its peer had ended after such a time.
func (k *keep) found(age time.Duration) {
	if !k.said {
		k.life = max(lifeMin, min(k.life, age*3/4))
	}
}

// lived learns from an idle connection that was still alive at the end of its time.
func (k *keep) lived() {
	if !k.said {
		k.life = min(k.idleMax, k.life*5/4)
	}
}

// hear learns from the Keep-Alive header of an answer, such as "timeout=5, max=100".
func (k *keep) hear(header string) {
	for part := range strings.SplitSeq(header, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		if !strings.EqualFold(strings.TrimSpace(name), "timeout") {
			continue
		}
		n, err := strconv.Atoi(strings.Trim(strings.TrimSpace(value), `"`))
		if err != nil || n < 1 || n > 24*60*60 {
			return
		}
		life := time.Duration(n) * time.Second
		k.life, k.said = min(k.idleMax, max(life-lifeMargin, life/2)), true
	}
}

// stock is how many connections should be idle now: for a buyer who ends each connection, what the calls of the next
// dial's time need; for others a base, which is given up for a while when its peer ends it unused again and again.
func (k *keep) stock(now time.Time, calls uint64) int {
	k.rate = max(float64(k.used)/tendEvery.Seconds(), k.rate*0.8)
	k.used = 0
	ahead := min(aheadMax, int(k.rate*max(2*k.took, stockTime).Seconds()+0.5))
	if calls != k.calls {
		k.calls, k.rounds, k.again = calls, 0, time.Time{}
	}
	if calls == 0 || now.Before(k.again) {
		return ahead
	}
	return max(ahead, baseAhead)
}

// unused notes that the base has grown old without a call.
func (k *keep) unused(now time.Time) {
	k.rounds = min(k.rounds+1, 6)
	k.again = now.Add(min(time.Minute, k.life<<k.rounds))
}

// tend looks after the targets until the client is closed.
func (c *Client) tend() {
	defer c.renewal.Done()
	tick := time.NewTicker(tendEvery)
	defer tick.Stop()
	var targets []*Target
	for {
		select {
		case <-c.ctx.Done():
			return
		case <-tick.C:
		}
		targets = targets[:0]
		tight := c.tight.Swap(false)
		c.mu.Lock()
		for _, t := range c.targets {
			targets = append(targets, t)
		}
		c.mu.Unlock()
		for i, t := range targets {
			t.tend(time.Now(), tight)
			targets[i] = nil
		}
		c.feedAll()
	}
}

// tend closes idle connections that have grown old, or that others need, and has new ones made ahead of demand.
func (t *Target) tend(now time.Time, tight bool) {
	p := &t.pool
	p.mu.Lock()
	old, life := 0, p.keep.life
	if tight {
		life = tendEvery
	}
	for old < len(p.idle) && now.Sub(p.idle[old].since) >= life {
		old++
	}
	var aged []*conn
	if old > 0 {
		aged = append(aged, p.idle[:old]...)
		rest := copy(p.idle, p.idle[old:])
		clear(p.idle[rest:])
		p.idle = p.idle[:rest]
		p.open -= old
		if rest == 0 && p.keep.calls == t.counts.calls.Load() {
			p.keep.unused(now)
		}
	}
	p.ahead = 0
	if p.failures == 0 && !tight {
		p.ahead = p.keep.stock(now, t.counts.calls.Load())
	}
	t.dialMore()
	p.mu.Unlock()
	lives := false
	for _, w := range aged {
		lives = w.quiet() || lives
		_ = w.Close()
	}
	if lives {
		p.mu.Lock()
		p.keep.lived()
		p.mu.Unlock()
	}
}
