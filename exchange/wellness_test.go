// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"clearpost/buyers"
	"clearpost/lead"
)

// A buyer that begins to fail is one line, however many calls fail at once and however long, and its recovery another.
func TestFailingBuyerIsToldOnce(t *testing.T) {
	var out bytes.Buffer
	var mu sync.Mutex
	e := &Exchange{log: slog.New(slog.NewTextHandler(&locked{&out, &mu}, nil))}
	l := &LiveCampaign{Campaign: &buyers.Campaign{ID: "a-main", Buyer: &buyers.Buyer{ID: "a"}}}
	w, now := &wellness{}, time.Now()
	for range failsAt - 1 {
		w.note(e, l, "pings", lead.TimedOut, now)
	}
	w.note(e, l, "pings", lead.NoRefusal, now)
	if out.Len() != 0 {
		t.Errorf("nine in a row: %s", out.String())
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				w.note(e, l, "pings", lead.TimedOut, now)
			}
		})
	}
	all.Wait()
	w.note(e, l, "pings", lead.NoRefusal, now.Add(90*time.Second))
	w.note(e, l, "pings", lead.NoRefusal, now.Add(91*time.Second))
	text := out.String()
	if strings.Count(text, "\n") != 2 || strings.Count(text, "level=WARN") != 2 ||
		!strings.Contains(text, "begun to fail") || !strings.Contains(text, "last=timed_out") ||
		!strings.Contains(text, "well again") || !strings.Contains(text, "after=1m30s") ||
		!strings.Contains(text, "campaign=a-main") {
		t.Errorf("told: %s", text)
	}
}

type locked struct {
	to *bytes.Buffer
	mu *sync.Mutex
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.to.Write(p)
}

func TestLatencyIsCountedBelowItsBound(t *testing.T) {
	var h Latency
	for _, took := range []time.Duration{0, 5 * time.Millisecond, 5001 * time.Microsecond, time.Second,
		2 * time.Minute} {
		h.add(took)
	}
	n, seconds, below := h.Read()
	if n != 5 || seconds < 121.01 || seconds > 121.02 || below[0.005] != 2 || below[0.01] != 3 || below[1] != 4 ||
		below[60] != 4 {
		t.Errorf("%d in %v s: %v", n, seconds, below)
	}
}
