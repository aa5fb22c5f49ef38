// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"
)

// quiet passes log lines on, but for warnings and errors that repeat: what is wrong once is mostly wrong for each ping,
// and a log that is flooded fills the disk that may be what is wrong. Of lines that say the same of the same the first
// is written. Those that follow are counted; one of them is written, with the number of those that were not as
// `repeated`, when a pause is over that doubles from quietMin to quietMax for as long as they go on. Lines of one
// message that differ in what they are about are written up to quietBurst, and go the same way then. Figures make no
// difference: not the time that something took, nor the number of a file in an error. What is still only counted when
// the node stops is written by flush.
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
	held   slog.Record   // the latest of those that were missed
	by     slog.Handler  // who would have written it
}

func newQuiet(next slog.Handler) *quiet {
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
	missed, write := q.state.take(&r, q.next)
	if !write {
		return nil
	}
	return writeRepeated(ctx, q.next, r, missed)
}

// writeRepeated writes a line with the number of those like it that were not.
func writeRepeated(ctx context.Context, to slog.Handler, r slog.Record, missed int) error {
	if missed > 0 {
		r = r.Clone()
		r.AddAttrs(slog.Int("repeated", missed))
	}
	return to.Handle(ctx, r)
}

// flush writes the latest of each kind of lines that are only counted, with the number of the others. It is for the
// end.
func (q *quiet) flush(ctx context.Context) error {
	q.state.mu.Lock()
	var held []*quietLine
	for _, lines := range []map[string]*quietLine{q.state.lines, q.state.bulk} {
		for _, l := range lines {
			if l.missed > 0 {
				held = append(held, l)
			}
		}
		clear(lines)
	}
	q.state.mu.Unlock()
	slices.SortFunc(held, func(a, b *quietLine) int { return a.held.Time.Compare(b.held.Time) })
	var errs []error
	for _, l := range held {
		errs = append(errs, writeRepeated(ctx, l.by, l.held, l.missed-1))
	}
	return errors.Join(errs...)
}

// take says whether a line is written, and how many like it were not since the last. by is who writes it.
func (s *quietState) take(r *slog.Record, by slog.Handler) (missed int, write bool) {
	key := r.Message
	about := []byte(key) // and what the line is of, where it is of something: two of them are not the same
	r.Attrs(func(a slog.Attr) bool {
		switch a.Key {
		case "took", "at", "after", "in_a_row":
		case "err":
			about = appendWithoutFigures(append(about, "\x00err="...), a.Value.String())
		default:
			about = append(append(append(append(about, 0), a.Key...), '='), a.Value.String()...)
		}
		return true
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.makeRoom()
	line, missed, write := pass(s.lines, string(about), r.Time, 1)
	if !write {
		line.held, line.by = r.Clone(), by
		return 0, false
	}
	bulk, more, write := pass(s.bulk, key, r.Time, quietBurst)
	if !write {
		bulk.held, bulk.by = r.Clone(), by
		bulk.missed += missed
	}
	return missed + more, write
}

// appendWithoutFigures appends a text with one sign in place of each number.
func appendWithoutFigures(dst []byte, text string) []byte {
	for i := range len(text) {
		switch c := text[i]; {
		case c < '0' || c > '9':
			dst = append(dst, c)
		case i == 0 || text[i-1] < '0' || text[i-1] > '9':
			dst = append(dst, '#')
		}
	}
	return dst
}

// pass counts a line, of which burst are written before the first pause.
func pass(lines map[string]*quietLine, key string, at time.Time, burst int) (l *quietLine, missed int, write bool) {
	l = lines[key]
	if l == nil {
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
		return l, 0, false
	default:
		l.pause = min(2*l.pause, quietMax)
	}
	missed, l.missed, l.told = l.missed, 0, at
	return l, missed, true
}

// makeRoom forgets where as much is remembered as may be. What was counted of a line counts for its message then.
func (s *quietState) makeRoom() {
	if len(s.lines) >= quietLines {
		for _, l := range forget(s.lines) {
			if m := s.bulk[l.held.Message]; m != nil && l.missed > 0 {
				m.missed += l.missed
				m.held, m.by = l.held, l.by
			}
		}
	}
	if len(s.bulk) >= quietLines {
		forget(s.bulk)
	}
}

// forget drops those that have been silent for the longer half of the time, at least one.
func forget(lines map[string]*quietLine) (dropped []*quietLine) {
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
	maps.DeleteFunc(lines, func(_ string, l *quietLine) bool {
		if l.last.After(middle) {
			return false
		}
		dropped = append(dropped, l)
		return true
	})
	return dropped
}
