// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"testing"
	"time"

	"clearpost/lead"
	"clearpost/ledger"
)

func TestFollowerThatHasGoneIsNoticedWithoutEvents(t *testing.T) {
	led, err := ledger.Open(ledger.Config{Dir: t.TempDir(), FreeBytesMin: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer led.Close()
	for _, why := range []string{"b", "a"} {
		if err := led.Append(&ledger.Adjusted{Adjustment: ledger.AdjustPaused, Subject: "buyer:" + why,
			Why: why}); err != nil {
			t.Fatal(err)
		}
	}
	s := &Server{led: led, pulse: time.Millisecond, stop: t.Context()}
	gone := errors.New("gone")
	var seqs []uint64
	beats := 0
	err = s.stream(1, lead.ID{}, true, func(r ledger.Record) error {
		seqs = append(seqs, r.Seq)
		return nil
	}, func() error {
		if beats++; beats == 3 {
			return gone
		}
		return nil
	})
	if !errors.Is(err, gone) || len(seqs) != 2 {
		t.Errorf("ended with %v after events %v: expected each event once, then the failed write", err, seqs)
	}
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	s.stop = stopped
	if err := s.stream(0, lead.ID{}, true, func(ledger.Record) error {
		return nil
	}, func() error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
}

// Events that cannot be read to their end are no whole answer: whoever reads them hears that some are missing.
func TestEventsThatCannotBeReadToTheirEnd(t *testing.T) {
	s := &Server{stop: t.Context(), log: slog.New(slog.DiscardHandler)}
	for _, bad := range []error{nil, errors.New("event 7 cannot be read")} {
		body, to := io.Pipe()
		go s.send(to, func(w *bufio.Writer) error {
			w.WriteString("{}\n")
			return bad
		})
		text, err := io.ReadAll(body)
		if !errors.Is(err, bad) || bad == nil && string(text) != "{}\n" {
			t.Errorf("%q, %v: want %v", text, err, bad)
		}
	}
}
