// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// How long the count of a window is kept: of days and longer ones, by the clock, after the day on which it began, or as
// long as days count together (CountAtLeast); of hours and minutes, by the last event, after its beginning. Nothing is
// held any more in the latter by then.
const (
	windowsKept = 62 * 24 * time.Hour
	hoursKept   = 48 * time.Hour
	minutesKept = time.Hour
)

// retain forgets counts of windows long gone, and drops whole files from the front of the log as far as Retention asks
// and the views, the shipper and the open attempts allow.
func (a *applier) retain() error {
	l := a.l
	a.apply()
	kept := max(windowsKept, time.Duration(l.count.Load()))
	from, last := l.forgetFrom(), l.LastTime()
	if last.After(from) {
		last = from // an event of a clock that was ahead makes no hour of today an old one
	}
	day := from.Add(-kept).UTC().Format(time.DateOnly)
	if look := day + last.UTC().Format("T15"); look != a.forgotten {
		if err := l.views.forgetCounts(l.state.forgetWindows(day, last)); err != nil {
			return err
		}
		a.forgotten = look
	}
	if r := l.cfg.Retention; r.Age <= 0 && r.Bytes <= 0 {
		return nil
	}
	durable := l.views.applied.Load()
	if len(a.pending) == 0 {
		var err error
		if durable, err = l.views.flush(); err != nil {
			return err
		}
	}
	limit, err := l.dropLimit(durable)
	if err != nil {
		return err
	}
	cut, held, err := l.chooseCut(limit)
	if err != nil {
		return err
	}
	l.tellHeld(held)
	if cut <= l.first.Load() || len(a.pending) > 0 || !l.dropping.TryLock() {
		return nil
	}
	defer l.dropping.Unlock()
	st, err := l.views.load()
	if err != nil {
		return err
	}
	if err := writeBase(l.cfg.Dir, durable, l.shipped(), st); err != nil {
		return err
	}
	if err := l.forget(l.first.Load(), cut); err != nil {
		return err
	}
	if err := l.journal.dropBefore(cut); err != nil {
		return err
	}
	l.log.Info("dropped old events", "from_seq", l.first.Load(), "before_seq", cut)
	l.first.Store(cut)
	return nil
}

// forgetFrom is the time from which the windows of caps are counted back when they are forgotten: that of the clock,
// but not long after the last event. A clock that is far ahead must not make anything old, also when it was so from the
// start.
func (l *Ledger) forgetFrom() time.Time {
	now := l.now()
	if last := l.LastTime(); !last.IsZero() && now.Sub(last) > forgetAfter {
		return last.Add(forgetAfter)
	}
	return now
}

// forgetAfter is how far ahead of the last event the time counts where something is forgotten.
const forgetAfter = 7 * 24 * time.Hour

// keeper is who still needs the events from a seq on.
type keeper struct {
	by  string
	seq uint64
}

func (k *keeper) atMost(by string, seq uint64) {
	if seq < k.seq {
		*k = keeper{by, seq}
	}
}

// dropLimit is the first seq that must be kept, and for whom: what the views do not have durably, what Kafka does not,
// what a follower has not seen, and all of a lead with an open attempt.
func (l *Ledger) dropLimit(durable uint64) (keeper, error) {
	limit := keeper{"the end of the log", l.last.Load()}
	limit.atMost("the views", durable)
	if l.ship != nil {
		limit.atMost("Kafka", l.ship.shipped.Load()+1)
	}
	for _, o := range l.state.unresolved() {
		seqs, err := l.seqs(o.Lead)
		if err != nil {
			return limit, err
		}
		if len(seqs) > 0 {
			limit.atMost("the open attempt "+o.Attempt.String(), seqs[0])
		}
	}
	l.followed.limit(&limit, l.now())
	return limit, nil
}

// CountAtLeast raises Retention.Days: a later configuration's caps may look further back. It never lowers it.
func (l *Ledger) CountAtLeast(d time.Duration) { raise(&l.count, d) }

// KeepAtLeast raises Retention.Least: a later configuration's quotes may last longer. It never lowers it.
func (l *Ledger) KeepAtLeast(d time.Duration) { raise(&l.keep, d) }

func raise(to *atomic.Int64, d time.Duration) {
	for was := to.Load(); int64(d) > was && !to.CompareAndSwap(was, int64(d)); was = to.Load() {
	}
}

type segmentFile struct {
	base, id uint64
	bytes    int64
}

// segmentFiles lists the log's files, oldest first.
func segmentFiles(dir string) ([]segmentFile, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var out []segmentFile
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".wal") {
			continue
		}
		var s segmentFile
		if _, err := fmt.Sscanf(e.Name(), "%020d-%016x.wal", &s.base, &s.id); err != nil {
			return nil, fmt.Errorf("ledger: file %s in the log: %w", e.Name(), err)
		}
		info, err := e.Info()
		if err != nil {
			continue // dropped meanwhile
		}
		s.bytes = info.Size()
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b segmentFile) int { return int(int64(a.base) - int64(b.base)) })
	return out, nil
}

// chooseCut returns the seq before which whole files can go, 0 if none, and what should go and cannot.
func (l *Ledger) chooseCut(limit keeper) (cut uint64, held *Held, err error) {
	files, err := segmentFiles(filepath.Join(l.cfg.Dir, "log"))
	if err != nil {
		return 0, nil, err
	}
	total := int64(0)
	for _, f := range files {
		total += f.bytes
	}
	r, now := l.cfg.Retention, l.now()
	for i := 0; i+1 < len(files); i++ {
		end := files[i+1].base
		at, err := l.timeBefore(end, files[i].base)
		if err != nil {
			return 0, nil, err
		}
		age := now.Sub(at)
		old := r.Age > 0 && age > r.Age
		if !old && (r.Bytes <= 0 || total <= r.Bytes) {
			break
		}
		least := time.Duration(l.keep.Load())
		young := least > 0 && age <= least
		if end > limit.seq || young || held != nil {
			if held == nil {
				held = &Held{By: limit.by, Seq: limit.seq}
				if end <= limit.seq {
					held.By, held.Seq = "what is younger than a quote may live", files[i].base
				}
			}
			held.Bytes += files[i].bytes
		} else {
			cut = end
		}
		total -= files[i].bytes
	}
	return cut, held, nil
}

// timeBefore is the time of the last event before a seq that can be read.
func (l *Ledger) timeBefore(seq, from uint64) (time.Time, error) {
	for {
		seq--
		rec, err := l.journal.read(seq)
		if err == nil {
			return time.UnixMicro(rec.At), nil
		}
		if !errors.Is(err, ErrLost) || seq <= from {
			return time.Time{}, err
		}
	}
}

// forget removes the index of the events in [from, to) from the views.
func (l *Ledger) forget(from, to uint64) error {
	facts := make([]fact, 0, replayBatch)
	for seq := from; seq < to; seq++ {
		rec, err := l.journal.read(seq)
		switch {
		case errors.Is(err, ErrLost): // what it has in the index stays there, and leads nowhere
			l.log.Error("an event that is dropped cannot be read", "err", err)
			facts = append(facts, fact{seq: seq})
		case err != nil:
			return err
		default:
			facts = append(facts, l.readFact(rec))
		}
		if len(facts) == replayBatch || seq+1 == to {
			if err := l.views.remove(facts, to); err != nil {
				return err
			}
			facts = facts[:0]
		}
	}
	return nil
}

// remove deletes the index entries of facts; those that a later event (at or past upTo) renewed stay.
func (v *views) remove(facts []fact, upTo uint64) error {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if v.db == nil {
		return ErrClosed
	}
	b := v.db.NewBatch()
	defer b.Close()
	for i := range facts {
		f := &facts[i]
		if !f.lead.IsZero() {
			if err := b.Delete(appendLeadKey(nil, f.lead, f.seq), nil); err != nil {
				return err
			}
		}
		if f.seller != "" {
			if err := b.Delete(appendSeq([]byte(f.seller), f.seq), nil); err != nil {
				return err
			}
		}
		keys := slices.Clone(f.refs)
		if !f.lead.IsZero() { // else it is a deposit's or its like's, which must not be booked a second time
			keys = append(keys, f.idem)
		}
		for _, key := range f.sold {
			keys = append(keys, key+string(f.lead[:]))
		}
		suffix, _ := f.marked()
		for _, key := range f.marks {
			keys = append(keys, key+string(suffix[:]))
		}
		for _, key := range keys {
			if key == "" {
				continue
			}
			old, ok, err := v.get([]byte(key))
			if err != nil {
				return err
			}
			if r, fine := parseRef(old); ok && fine && r.seq < upTo {
				if err := b.Delete([]byte(key), nil); err != nil {
					return err
				}
			}
		}
	}
	return b.Commit(pebble.NoSync)
}

func (v *views) forgetCounts(gone []window) error {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if v.db == nil {
		return ErrClosed
	}
	for _, w := range gone {
		if err := v.db.Delete(appendCountKey(nil, w.cap, w.name), pebble.NoSync); err != nil {
			return err
		}
	}
	return nil
}
