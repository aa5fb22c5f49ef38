// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"time"
)

// quiet passes log lines on, but for warnings and errors that repeat: what is wrong once is mostly wrong for each ping,
// and a log that is flooded fills the disk that may be what is wrong. Of lines that say the same of the same the first
// is written. Those that follow are counted; one of them is written, with the number of those that were not as
// `repeated`, when a pause is over that doubles from quietMin to quietMax for as long as they go on. Lines of one
// message that differ in what they are about are written up to quietBurst, and go the same way then.
type quiet struct {
	next  slog.Handler
	state *quietState
}

const (
	quietMin   = time.Second
	quietMax   = 10 * time.Minute
	quietOver  = time.Minute
	quietBurst = 100  // lines of one message
	quietLines = 1000 // that are remembered; beyond, those that are silent longest are forgotten
)

type quietState struct {
	mu    sync.Mutex
	lines map[string]*quietLine // guarded by mu: by message and error
	bulk  map[string]*quietLine // guarded by mu: by message
}

type quietLine struct {
	told   time.Time     // when it was written last
	pause  time.Duration // until it is written again
	missed int           // since
	last   time.Time     // when it came last
	burst  int           // written without a pause
}

func newQuiet(next slog.Handler) slog.Handler {
	return &quiet{next, &quietState{lines: map[string]*quietLine{}, bulk: map[string]*quietLine{}}}
}

// Enabled implements slog.Handler.
func (q *quiet) Enabled(ctx context.Context, l slog.Level) bool { return q.next.Enabled(ctx, l) }

// WithAttrs implements slog.Handler.
func (q *quiet) WithAttrs(as []slog.Attr) slog.Handler { return &quiet{q.next.WithAttrs(as), q.state} }

// WithGroup implements slog.Handler.
func (q *quiet) WithGroup(name string) slog.Handler { return &quiet{q.next.WithGroup(name), q.state} }

// Handle implements slog.Handler.
func (q *quiet) Handle(ctx context.Context, r slog.Record) error {
	if r.Level < slog.LevelWarn {
		return q.next.Handle(ctx, r)
	}
	missed, write := q.state.take(&r)
	if !write {
		return nil
	}
	if missed > 0 {
		r = r.Clone()
		r.AddAttrs(slog.Int("repeated", missed))
	}
	return q.next.Handle(ctx, r)
}

// take says whether a line is written, and how many like it were not since the last.
func (s *quietState) take(r *slog.Record) (missed int, write bool) {
	key := r.Message
	about := "" // what the line is of, where it is of something: two of them are not the same
	r.Attrs(func(a slog.Attr) bool {
		if a.Key != "took" && a.Key != "at" {
			about += "\x00" + a.Key + "=" + a.Value.String()
		}
		return true
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	if missed, write = pass(s.lines, key+about, r.Time, 1); !write {
		return 0, false
	}
	more, write := pass(s.bulk, key, r.Time, quietBurst)
	if !write {
		s.bulk[key].missed += missed
	}
	return missed + more, write
}

// pass counts a line, of which burst are written before the first pause.
func pass(lines map[string]*quietLine, key string, at time.Time, burst int) (missed int, write bool) {
	l := lines[key]
	if l == nil {
		if len(lines) >= quietLines {
			forget(lines)
		}
		l = &quietLine{pause: quietMin, last: at}
		lines[key] = l
	}
	if at.Sub(l.last) > max(2*l.pause, quietOver) { // it was over
		l.pause, l.burst = quietMin, 0
	}
	l.last = at
	switch {
	case l.burst < burst:
		l.burst++
	case at.Sub(l.told) < l.pause:
		l.missed++
		return 0, false
	default:
		l.pause = min(2*l.pause, quietMax)
	}
	missed, l.missed, l.told = l.missed, 0, at
	return missed, true
}

// forget drops those that have been silent for the longer half of the time, at least one.
func forget(lines map[string]*quietLine) {
	var oldest, newest time.Time
	for _, l := range lines {
		if oldest.IsZero() || l.last.Before(oldest) {
			oldest = l.last
		}
		if l.last.After(newest) {
			newest = l.last
		}
	}
	middle := oldest.Add(newest.Sub(oldest) / 2)
	maps.DeleteFunc(lines, func(_ string, l *quietLine) bool { return !l.last.After(middle) })
}
