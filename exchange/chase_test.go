// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"clearpost/lead"
)

func TestChaserComesBackWhenItIsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		begin := time.Now()
		var mu sync.Mutex
		at := map[byte][]time.Duration{}
		c := newChaser(ctx, func(x chase) time.Duration {
			mu.Lock()
			defer mu.Unlock()
			at[x.attempt[0]] = append(at[x.attempt[0]], time.Since(begin))
			if len(at[x.attempt[0]]) == 3 {
				return 0
			}
			return 10 * time.Second
		})
		var running running
		c.run(&running)
		c.add(lead.ID{1}, lead.ID{9}, 2*time.Second)
		c.add(lead.ID{2}, lead.ID{9}, time.Second) // sooner than what the queue waits for
		c.add(lead.ID{1}, lead.ID{9}, 0)           // known: it is not taken twice
		time.Sleep(30 * time.Second)
		synctest.Wait()
		for attempt, first := range map[byte]time.Duration{1: 2 * time.Second, 2: time.Second} {
			got := at[attempt]
			if len(got) != 3 || got[0] != first || got[1] != first+10*time.Second || got[2] != first+20*time.Second {
				t.Errorf("attempt %d: steps at %v", attempt, got)
			}
		}
		if n := c.open(); n != 0 {
			t.Errorf("%d still pursued", n)
		}
		c.add(lead.ID{3}, lead.ID{9}, time.Hour)
		cancel()
		running.wait() // what is not due does not hold the end up
	})
}
