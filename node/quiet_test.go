// SPDX-License-Identifier: Apache-2.0

package node

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"strings"
	"testing"
	"time"

	"clearpost/config"
)

// quietLog writes records of chosen times and keeps what passes.
func quietLog() (log func(at time.Duration, level slog.Level, msg string, args ...any), out *bytes.Buffer) {
	log, out, _ = quietLogAndEnd()
	return log, out
}

// quietLogAndEnd is quietLog with what the node does when it stops.
func quietLogAndEnd() (log func(at time.Duration, level slog.Level, msg string, args ...any), out *bytes.Buffer,
	end func()) {
	out = &bytes.Buffer{}
	q := newQuiet(slog.NewTextHandler(out, nil))
	h := q.WithAttrs([]slog.Attr{slog.String("node", "n1")})
	begin := time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)
	return func(at time.Duration, level slog.Level, msg string, args ...any) {
			r := slog.NewRecord(begin.Add(at), level, msg, 0)
			r.Add(args...)
			if err := h.Handle(context.Background(), r); err != nil {
				panic(err)
			}
		}, out, func() {
			if err := q.flush(context.Background()); err != nil {
				panic(err)
			}
		}
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

// TestEachLineIsAccountedForAtTheEnd: what is only counted when the node stops is told then, once, by a line of each
// kind.
func TestEachLineIsAccountedForAtTheEnd(t *testing.T) {
	log, out, end := quietLogAndEnd()
	sent := map[string]int{}
	at := time.Duration(0)
	say := func(n int, msg, key string, value func(i int) any) {
		for i := range n {
			at += time.Millisecond
			sent[msg]++
			log(at, slog.LevelError, msg, key, value(i))
		}
	}
	say(7, "views", "err", func(int) any { return "no space left" })
	say(5, "rotate", "err", func(i int) any { return fmt.Sprintf("creating object %06d: no space", i) })
	say(3, "slow", "after", func(i int) any { return time.Duration(i) })
	say(1, "alone", "err", func(int) any { return "once" })
	say(3*quietLines, "waits", "attempt", func(i int) any { return i / 2 }) // each twice: more than are remembered
	end()
	got := map[string]int{}
	written := map[string]int{}
	for _, l := range lines(out) {
		var repeated int
		if _, after, ok := strings.Cut(l, "repeated="); ok {
			fmt.Sscan(after, &repeated)
		}
		for msg := range sent {
			if strings.Contains(l, "msg="+msg+" ") {
				got[msg] += 1 + repeated
				written[msg]++
			}
		}
		if !strings.Contains(l, "node=n1") {
			t.Errorf("not written as the others: %s", l)
		}
	}
	if !maps.Equal(got, sent) {
		t.Errorf("%v are accounted for, %v were logged", got, sent)
	}
	for msg, most := range map[string]int{"views": 2, "rotate": 2, "slow": 2, "alone": 1} {
		if written[msg] != most {
			t.Errorf("%s: %d lines, expected %d", msg, written[msg], most)
		}
	}
	before := out.Len()
	if end(); out.Len() != before {
		t.Errorf("a second end writes %q", out.String()[before:])
	}
}

// TestStopWritesWhatWasOnlyCounted: also what is logged while the ledger closes.
func TestStopWritesWhatWasOnlyCounted(t *testing.T) {
	h := build(t, "", nil, script("b", 25*dollar))
	if err := h.node.Stop(); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(h.dir, os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	out := &bytes.Buffer{}
	n, err := New(cfg, slog.New(slog.NewTextHandler(out, nil)), false)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		n.log.Error("the disk is full")
	}
	if got := strings.Count(out.String(), "the disk is full"); got != 1 {
		t.Errorf("written %d times before the end", got)
	}
	if err := n.Stop(); err != nil {
		t.Fatal(err)
	}
	got := strings.Count(out.String(), "the disk is full")
	if got != 2 || !strings.Contains(out.String(), "repeated=1") {
		t.Errorf("written %d times in all:\n%s", got, out)
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
	h := newQuiet(slog.DiscardHandler)
	for i := range 5 * quietLines {
		r := slog.NewRecord(time.Unix(int64(i/7), 0), slog.LevelError, fmt.Sprint("m", i), 0)
		h.state.take(&r, slog.DiscardHandler)
	}
	if n, m := len(h.state.lines), len(h.state.bulk); n > quietLines || m > quietLines {
		t.Errorf("%d lines and %d messages", n, m)
	}
}
