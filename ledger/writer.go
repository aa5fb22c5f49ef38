// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"fmt"
	"time"

	"github.com/hashicorp/raft"
)

// writer is the one goroutine that stores. Its fields are its own.
type writer struct {
	l     *Ledger
	next  uint64 // seq of the next event
	logs  []*raft.Log
	recs  []Record
	facts []fact
	last  time.Time // when the last sync began
	spare []*batch
}

// run stores what gathers until the ledger closes.
func (w *writer) run() {
	for range w.l.gather.wake {
		if wait := w.l.cfg.SyncEvery - time.Since(w.last); wait > 0 && wait <= w.l.cfg.SyncEvery {
			time.Sleep(wait) // syncs cost, bytes do not: let more gather
		}
		batches, closed := w.l.gather.take(w.spare)
		for i, b := range batches {
			w.commit(b)
			batches[i] = nil
		}
		w.spare = batches
		if closed {
			return
		}
	}
}

// commit stores a batch with one sync and answers its callers.
func (w *writer) commit(b *batch) {
	if err := w.l.broken.Load(); err != nil {
		b.answer(fmt.Errorf("%w: %w", ErrUnavailable, *err))
		return
	}
	w.last = time.Now()
	w.logs = w.logs[:0]
	seq := w.next
	for _, g := range b.groups {
		for i := range g.entries {
			g.entries[i].log.Index = seq
			w.logs = append(w.logs, &g.entries[i].log)
			seq++
		}
	}
	err := w.l.journal.store(w.logs)
	w.l.syncs.Add(1)
	if err != nil {
		w.recover(b, err)
		return
	}
	w.publish(b.groups)
	b.answer(nil)
}

// answer tells all callers of the batch the same.
func (b *batch) answer(err error) {
	for _, g := range b.groups {
		g.err = err
	}
	close(b.done)
}

// uncertain tells each caller of the batch that nobody can tell yet.
func (b *batch) uncertain(cause error) []*Uncertain {
	told := make([]*Uncertain, len(b.groups))
	for i, g := range b.groups {
		told[i] = newUncertain(cause)
		g.err = told[i]
	}
	close(b.done)
	return told
}

// publish makes stored groups visible, before their callers hear of it.
func (w *writer) publish(groups []*group) {
	l := w.l
	w.recs, w.facts = w.recs[:0], w.facts[:0]
	bytes, latest := 0, l.lastTime.Load()
	for _, g := range groups {
		for i := range g.entries {
			e := &g.entries[i]
			rec := viewRecord(e.log.Data)
			e.fact.seq = rec.Seq
			if e.fact.change != nil {
				l.state.take(e.fact.change)
			}
			w.recs = append(w.recs, rec)
			w.facts = append(w.facts, e.fact)
			bytes += len(rec.Bytes)
			latest = max(latest, rec.At)
			w.next = rec.Seq + 1
		}
	}
	if len(w.recs) == 0 {
		return
	}
	for i := range w.facts {
		for _, key := range w.facts[i].refs {
			if key[0] == keyPerson {
				l.persons.add(key)
			}
		}
		for _, key := range w.facts[i].marks {
			l.persons.add(key)
		}
	}
	l.overlay.add(w.facts)
	l.ring.push(w.recs)
	l.lastTime.Store(latest)
	l.first.CompareAndSwap(0, w.recs[0].Seq)
	l.last.Store(w.next - 1)
	l.appended.Add(uint64(len(w.recs)))
	l.appendedBytes.Add(uint64(bytes))
	clear(w.recs)
	clear(w.facts)
	l.stored.tell()
	select {
	case l.viewsDue <- struct{}{}:
	default:
	}
}

// recover follows a failed write. The log is closed and opened again, which makes its end what the disk really holds,
// and the groups are looked up there: a write that failed may have been stored all the same. Nothing is written again.
// If the log does not come back soon, the callers hear that nobody can tell, and the writer keeps trying; what it finds
// then is published like anything else.
func (w *writer) recover(b *batch, cause error) {
	l := w.l
	l.appendErrors.Add(1)
	why := fmt.Errorf("writing the log failed: %w", cause)
	l.broken.Store(&why)
	l.log.Error("writing the log failed; reading back what it holds", "err", cause)
	began := time.Now()
	var told []*Uncertain // one a group, once the callers have heard that nobody can tell
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		stored, err := w.readBack(b)
		if err == nil {
			l.broken.Store(nil) // before the callers hear: what they append next is welcome
			w.answer(b, stored, told, why)
			break
		}
		l.log.Error("the log does not come back", "err", err)
		closing := w.refuseGathered(why)
		if told == nil && (closing || time.Since(began) > l.in.patience) {
			told = b.uncertain(fmt.Errorf("%w: %w", cause, err))
		}
		if closing {
			for _, u := range told {
				u.tell(false, true)
			}
			return
		}
		time.Sleep(pause)
	}
	l.log.Info("the log works again", "last_seq", l.last.Load())
}

// answer publishes the groups that are stored and answers each caller, or, where the callers were told that nobody can
// tell, those who wait for more: the groups' results are no longer ours to write then.
func (w *writer) answer(b *batch, stored []bool, told []*Uncertain, why error) {
	found := make([]*group, 0, len(b.groups))
	for i, g := range b.groups {
		if stored[i] {
			found = append(found, g)
		}
	}
	w.publish(found)
	if told != nil {
		for i, u := range told {
			u.tell(stored[i], false)
		}
		return
	}
	for i, g := range b.groups {
		g.err = nil
		if !stored[i] {
			g.err = fmt.Errorf("%w: %w", ErrUnavailable, why)
		}
	}
	close(b.done)
}

// refuseGathered answers those who joined before the log broke: nothing of theirs was written.
func (w *writer) refuseGathered(why error) (closing bool) {
	batches, closing := w.l.gather.take(nil)
	for _, b := range batches {
		b.answer(fmt.Errorf("%w: %w", ErrUnavailable, why))
	}
	return closing
}

// readBack opens the log again and tells of each group whether it is stored, by its event ids.
func (w *writer) readBack(b *batch) (stored []bool, err error) {
	if err := w.l.journal.reopen(); err != nil {
		return nil, err
	}
	w.l.reopens.Add(1)
	_, last, err := w.l.journal.bounds()
	if err != nil {
		return nil, err
	}
	total := 0
	for _, g := range b.groups {
		n := 0
		for i := range g.entries {
			ok, err := w.holds(&g.entries[i], last)
			if err != nil {
				return nil, err
			}
			if ok {
				n++
			}
		}
		if n != 0 && n != len(g.entries) {
			return nil, fmt.Errorf("ledger: seq %d: %d of a group of %d are stored", g.entries[0].log.Index, n,
				len(g.entries))
		}
		stored = append(stored, n > 0)
		total += n
	}
	if last+1 != w.next+uint64(total) {
		return nil, fmt.Errorf("ledger: the log ends at seq %d, expected %d", last, w.next+uint64(total)-1)
	}
	return stored, nil
}

func (w *writer) holds(e *entry, last uint64) (bool, error) {
	if e.log.Index > last {
		return false, nil
	}
	rec, err := w.l.journal.read(e.log.Index)
	if err != nil {
		return false, err
	}
	if mine := viewRecord(e.log.Data); rec.EventID != mine.EventID {
		return false, fmt.Errorf("ledger: seq %d holds event %s, expected %s", e.log.Index, rec.EventID, mine.EventID)
	}
	return true, nil
}
