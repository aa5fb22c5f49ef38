// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/goccy/go-json"
)

// runApplier takes what is stored into the views. It is the only writer of the views' events, and drops old ones.
func (l *Ledger) runApplier() {
	flush, retain := time.NewTicker(l.in.flushEvery), time.NewTicker(l.in.retainEvery)
	defer flush.Stop()
	defer retain.Stop()
	a := applier{l: l, flushed: l.views.applied.Load()}
	for {
		select {
		case <-l.viewsDue:
			select {
			case <-time.After(l.in.applyEvery):
			case <-l.stop:
			}
			a.apply()
		case <-flush.C:
			a.apply()
			a.flush()
		case <-retain.C:
			if err := a.retain(); err != nil {
				l.log.Error("dropping old events", "err", err)
			}
		case <-l.stop:
			a.apply()
			return
		}
	}
}

// applier is the state of that goroutine.
type applier struct {
	l         *Ledger
	pending   []fact // the overlay's elder generation, as long as the views do not take it
	flushed   uint64
	forgotten string // the day before which counts were forgotten, and the hour of the last event then
}

func (a *applier) apply() {
	l := a.l
	if len(a.pending) == 0 {
		a.pending = l.overlay.turn()
	}
	if len(a.pending) == 0 {
		return
	}
	if err := l.views.apply(a.pending, a.pending[len(a.pending)-1].seq); err != nil {
		err = fmt.Errorf("the views cannot be written: %w", err)
		l.viewsBroken.Store(&err)
		l.log.Error("the views cannot be written", "err", err)
		return
	}
	if !l.viewsDead.Load() {
		l.viewsBroken.Store(nil)
	}
	l.overlay.drop(a.pending)
	a.pending = nil
}

// flush lets the views' memory go to disk, so that little is replayed at the next start.
func (a *applier) flush() {
	if n := a.l.views.applied.Load(); n != a.flushed {
		a.flushed = n
		a.l.views.flushSoon()
	}
}

const replayBatch = 2000

// openLog opens the views and the log, refuses a log that has lost events, and brings the views up to its end.
func (l *Ledger) openLog() error {
	bad := l.views.open()
	w, err := l.witnesses()
	if err != nil && l.views.isOpen() { // they are damaged
		bad = errors.Join(err, l.views.close())
		w, err = l.witnesses()
	}
	if err != nil {
		return err
	}
	filling, err := l.filling()
	if err != nil {
		return err
	}
	l.journal.expect, l.journal.filling = w.to, filling
	if err := l.journal.open(); err != nil {
		return fmt.Errorf("ledger: open the log: %w", l.tellLost(err, w))
	}
	if filling {
		if err := l.refill(); err != nil {
			return err
		}
	}
	return l.loadViews(bad)
}

// loadViews brings the views up to the end of the log. Views that do not fit the log, or could not be opened, are built
// anew.
func (l *Ledger) loadViews(bad error) error {
	first, last, err := l.journal.bounds()
	if err != nil {
		return err
	}
	base, err := readBase(l.cfg.Dir)
	if err != nil {
		return err
	}
	why := l.viewsFit(bad, first, last)
	if why != "" {
		if last > 0 {
			l.log.Warn("building the views anew from the log", "why", why, "events", last-first+1)
		}
		if err := l.seedViews(first, base); err != nil {
			return err
		}
	}
	if l.state, err = l.views.load(); err != nil {
		return fmt.Errorf("ledger: load the views: %w", err)
	}
	l.first.Store(first)
	l.last.Store(last)
	if err := l.replay(last); err != nil {
		return err
	}
	if err := l.countQueue(); err != nil {
		return fmt.Errorf("ledger: count the queue: %w", err)
	}
	return l.readLastTime(first, last)
}

// viewsFit tells why the views cannot be used, or "".
func (l *Ledger) viewsFit(bad error, first, last uint64) string {
	if bad != nil {
		return bad.Error()
	}
	version, found, err := l.views.version()
	applied := l.views.applied.Load()
	switch {
	case l.in.rebuild:
		return "it was asked for"
	case err != nil:
		return err.Error()
	case !found:
		return "they are new"
	case version != viewsVersion:
		return fmt.Sprintf("they have version %d", version)
	case applied+1 < first:
		return fmt.Sprintf("they are at seq %d and the log begins at %d", applied, first)
	}
	return ""
}

// seedViews makes views as of the event before the log's first.
func (l *Ledger) seedViews(first uint64, base *baseState) error {
	if first > 1 && base == nil {
		return fmt.Errorf("ledger: the views are lost, and the log begins at seq %d without %s: counts of caps "+
			"cannot be known", first, baseName)
	}
	shipped, found, err := l.views.cursor()
	if err != nil {
		l.log.Warn("the Kafka cursor is lost: events are shipped again", "err", err)
	}
	if err := l.views.wipe(); err != nil {
		return err
	}
	if base != nil {
		if !found {
			shipped = base.Shipped
		}
		if err := l.views.seed(base); err != nil {
			return err
		}
	}
	if first > 0 {
		if err := l.views.apply(nil, first-1); err != nil {
			return err
		}
	}
	return l.views.setNumber("ship", shipped)
}

// replay applies the events that the views have not seen. Those up to the base's seq are in its counts already: of them
// only the indexes are built.
func (l *Ledger) replay(last uint64) error {
	counted, err := l.views.counted()
	if err != nil {
		return err
	}
	facts := make([]fact, 0, replayBatch)
	from := l.views.applied.Load() + 1
	for seq := from; seq <= last; seq++ {
		rec, err := l.journal.read(seq)
		if err != nil {
			return err
		}
		f := l.readFact(rec)
		if seq <= counted {
			f.change = nil
		}
		if f.change != nil {
			l.state.take(f.change)
		}
		if facts = append(facts, f); len(facts) == replayBatch || seq == last {
			if err := l.views.apply(facts, seq); err != nil {
				return fmt.Errorf("ledger: replay: %w", err)
			}
			l.in.progress("events taken into the views", seq-from+1, last-from+1)
			facts = facts[:0]
		}
	}
	return nil
}

// readLastTime looks at the last records: callers that appended at once need not stand in the order of their times.
func (l *Ledger) readLastTime(first, last uint64) error {
	const enough = 256
	for seq := max(first, last-min(last, enough)+1); seq != 0 && seq <= last; seq++ {
		rec, err := l.journal.read(seq)
		if err != nil {
			return err
		}
		l.lastTime.Store(max(l.lastTime.Load(), rec.At))
	}
	return nil
}

// baseState is what the dropped front of the log amounts to, and what could not be computed from the rest: written
// before the front is dropped, read when views are built anew. It is as of Seq, which may be past the drop.
type baseState struct {
	Seq     uint64               `json:"seq"`
	Shipped uint64               `json:"shipped"`
	Counts  []baseCount          `json:"counts"`
	Open    []OpenAttempt        `json:"open"`
	Pauses  map[string]PauseInfo `json:"pauses"`
}

type baseCount struct {
	Cap    string `json:"cap"`
	Window string `json:"window"`
	N      int64  `json:"n"`
}

const baseName = "base.json"

func readBase(dir string) (*baseState, error) {
	b, err := os.ReadFile(filepath.Join(dir, baseName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	s := &baseState{}
	if err := json.Unmarshal(b, s); err != nil {
		return nil, fmt.Errorf("ledger: %s: %w", baseName, err)
	}
	return s, nil
}

func writeBase(dir string, seq, shipped uint64, st *state) error {
	s := baseState{Seq: seq, Shipped: shipped, Open: st.unresolved(), Pauses: st.paused()}
	st.eachCount(func(cap, window string, n int64) { s.Counts = append(s.Counts, baseCount{cap, window, n}) })
	b, err := json.Marshal(&s)
	if err != nil {
		return err
	}
	return writeFile(dir, baseName, b)
}

// writeFile replaces a file, durably and at once.
func writeFile(dir, name string, b []byte) error {
	tmp, err := os.CreateTemp(dir, name+".tmp-*")
	if err != nil {
		return err
	}
	_, err = tmp.Write(b)
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), filepath.Join(dir, name))
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp.Name()))
	}
	return syncDir(dir)
}
