// SPDX-License-Identifier: Apache-2.0

package node

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// quietLog writes records of chosen times and keeps what passes.
func quietLog() (log func(at time.Duration, level slog.Level, msg string, args ...any), out *bytes.Buffer) {
	out = &bytes.Buffer{}
	h := newQuiet(slog.NewTextHandler(out, nil)).WithAttrs(nil)
	begin := time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)
	return func(at time.Duration, level slog.Level, msg string, args ...any) {
		r := slog.NewRecord(begin.Add(at), level, msg, 0)
		r.Add(args...)
		if err := h.Handle(context.Background(), r); err != nil {
			panic(err)
		}
	}, out
}

func lines(out *bytes.Buffer) []string {
	return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
}

// A disk that is full for half an hour, tried 2000 times a second, is some lines and not three million; each of them
// that was left out is counted.
func TestErrorsThatRepeatAreWrittenOnceAndThenCounted(t *testing.T) {
	log, out := quietLog()
	const n = 400_000
	for i := range n {
		log(time.Duration(i)*30*time.Minute/n, slog.LevelError, "views", "err", "no space left on device")
	}
	log(2*time.Hour, slog.LevelError, "views", "err", "no space left on device")
	got := lines(out)
	if len(got) < 8 || len(got) > 14 || strings.Contains(got[0], "repeated=") {
		t.Errorf("%d lines, the first %s", len(got), got[0])
	}
	all := 0
	for _, l := range got {
		var missed int
		if _, after, ok := strings.Cut(l, "repeated="); ok {
			fmt.Sscan(after, &missed)
		}
		all += 1 + missed
	}
	if all != n+1 {
		t.Errorf("%d are accounted for, %d were written", all, n+1)
	}
	if log(2*time.Hour+time.Hour, slog.LevelError, "views", "err", "no space left on device"); strings.Contains(
		lines(out)[len(got)], "repeated=") {
		t.Errorf("after a rest: %s", lines(out)[len(got)])
	}
}

// Lines that are about something else each are told, up to a number; what is no warning is never left out, and what
// differs is not the same.
func TestLinesThatDifferAreNotTakenForRepeats(t *testing.T) {
	log, out := quietLog()
	for i := range 1000 {
		log(0, slog.LevelInfo, "begun", "n", 1)
		log(0, slog.LevelWarn, "attempt waits", "attempt", i)
	}
	log(0, slog.LevelError, "attempt waits", "err", "disk")
	log(0, slog.LevelError, "another", "err", "disk")
	count := map[string]int{}
	for _, l := range lines(out) {
		for _, msg := range []string{"begun", "attempt waits", "another"} {
			if strings.Contains(l, msg) {
				count[msg]++
			}
		}
	}
	if count["begun"] != 1000 || count["attempt waits"] != quietBurst || count["another"] != 1 {
		t.Errorf("written: %v", count)
	}
}

// What is remembered is bounded, whatever is logged.
func TestQuietRemembersNoMoreThanItMay(t *testing.T) {
	h := newQuiet(slog.DiscardHandler).(*quiet)
	for i := range 5 * quietLines {
		r := slog.NewRecord(time.Unix(int64(i/7), 0), slog.LevelError, fmt.Sprint("m", i), 0)
		h.state.take(&r)
	}
	if n, m := len(h.state.lines), len(h.state.bulk); n > quietLines || m > quietLines {
		t.Errorf("%d lines and %d messages", n, m)
	}
}
