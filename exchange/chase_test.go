// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"context"
	"fmt"
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
		c.add(lead.ID{1}, lead.ID{9}, "sun", 2*time.Second)
		c.add(lead.ID{2}, lead.ID{9}, "sun", time.Second) // sooner than what the queue waits for
		c.add(lead.ID{1}, lead.ID{9}, "sun", 0)           // known: it is not taken twice
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
		c.add(lead.ID{3}, lead.ID{9}, "sun", time.Hour)
		cancel()
		running.wait() // what is not due does not hold the end up
	})
}

// A buyer that does not answer takes some of the workers, and no more: the attempts of others are looked at when it is
// their time.
func TestABuyerThatDoesNotAnswerHoldsUpNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		begin := time.Now()
		var mu sync.Mutex
		var at []time.Duration // steps of the other one
		slow := 0
		c := newChaser(ctx, func(x chase) time.Duration {
			if x.buyer == "moon" {
				mu.Lock()
				defer mu.Unlock()
				at = append(at, time.Since(begin))
				return 10 * time.Second
			}
			time.Sleep(time.Minute)
			mu.Lock()
			defer mu.Unlock()
			slow++
			return 0
		})
		var running running
		c.run(&running)
		for n := range 10 * chaseWorkers {
			c.add(lead.ID{1, byte(n), byte(n >> 8)}, lead.ID{9}, "sun", time.Second)
		}
		c.add(lead.ID{2}, lead.ID{8}, "moon", 2*time.Second)
		time.Sleep(33 * time.Second)
		synctest.Wait()
		mu.Lock() // the next step of either comes while this one sleeps
		if fmt.Sprint(at) != "[2s 12s 22s 32s]" {
			t.Errorf("steps at %v", at)
		}
		mu.Unlock()
		time.Sleep(10 * chaseWorkers / chaseOfBuyer * time.Minute)
		synctest.Wait()
		mu.Lock()
		if slow != 10*chaseWorkers || c.open() != 1 || len(c.held) > 0 || len(c.hands) > 0 {
			t.Errorf("%d steps of the slow one, %d pursued, %v held back, %v in hands", slow, c.open(), c.held, c.hands)
		}
		mu.Unlock()
		cancel()
		running.wait()
	})
}
