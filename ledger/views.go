// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/goccy/go-json"

	"clearpost/lead"
)

// viewsVersion changes with the layout of the keys; views of another version are built anew.
const viewsVersion = 4

// views is what is derived from events and kept on disk. It has no log of its own: each batch carries the seq up to
// which it goes, so a crash leaves the views as of some earlier seq, and the rest is taken from the log again. Only the
// applier writes (and the shipper its cursor).
type views struct {
	dir     string
	log     *slog.Logger
	onFatal func(why string)
	disk    vfs.FS              // nil: the machine's own
	rest    func(time.Duration) // nil: time.Sleep
	virtual bool                // see Config

	mu      sync.RWMutex // held for writing while db changes
	db      *pebble.DB   // nil after close
	applied atomic.Uint64
	scratch []byte // the applier's
}

func (v *views) open() error {
	opts := &pebble.Options{
		DisableWAL:         true,
		FormatMajorVersion: pebble.FormatNewest,
		Logger:             v.logger(),
		Merger:             countMerger,
		CacheSize:          32 << 20,
		MemTableSize:       16 << 20,
		MaxOpenFiles:       512,
	}
	// Pebble would have the process end, or whoever reads wait for ever: the read fails, and no new business is taken.
	opts.EventListener = &pebble.EventListener{DataCorruption: func(info pebble.DataCorruptionInfo) {
		v.log.Error("the views are damaged: a start with fresh ones builds them from the log", "path", info.Path,
			"err", info.Details)
	}}
	for i := range opts.Levels {
		opts.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	disk := &viewsDisk{FS: v.disk, rest: v.rest}
	if disk.FS == nil {
		disk.FS = vfs.Default
	}
	if disk.rest == nil {
		disk.rest = time.Sleep
	}
	opts.FS = disk
	opts.EnsureDefaults() // it sets whom a slow disk is reported to, before the disk is watched
	if v.virtual {
		opts.Experimental.CompactionScheduler = pebble.NewConcurrencyLimitSchedulerWithNoPeriodicGrantingForTest()
	} else {
		opts.WithFSDefaults()
	}
	db, err := pebble.Open(v.dir, opts)
	if err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.db = db
	n, _, err := v.number("applied")
	v.applied.Store(n)
	return err
}

func (v *views) logger() pebbleLogger { return pebbleLogger{v.log, v.onFatal} }

// close makes everything durable.
func (v *views) close() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.db == nil {
		return nil
	}
	err := errors.Join(v.db.Flush(), v.db.Close())
	v.db = nil
	return err
}

// wipe makes empty views of the current version.
func (v *views) wipe() error {
	if err := v.close(); err != nil {
		v.log.Warn("closing views that are to be built anew", "err", err)
	}
	if err := os.RemoveAll(v.dir); err != nil {
		return err
	}
	if err := v.open(); err != nil {
		return err
	}
	return v.setNumber("version", viewsVersion)
}

func metaKey(name string) []byte { return append([]byte{keyMeta}, name...) }

// get copies a value. The caller holds mu.
func (v *views) get(key []byte) ([]byte, bool, error) {
	if v.db == nil {
		return nil, false, ErrClosed
	}
	b, c, err := v.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	return slices.Clone(b), true, c.Close()
}

func (v *views) number(name string) (uint64, bool, error) {
	b, ok, err := v.get(metaKey(name))
	if err != nil || !ok {
		return 0, false, err
	}
	if len(b) != 8 {
		return 0, false, fmt.Errorf("ledger: views: %s has %d bytes", name, len(b))
	}
	return binary.BigEndian.Uint64(b), true, nil
}

func (v *views) version() (n uint64, found bool, err error) { return v.locked("version") }

// cursor is the seq up to which Kafka had the events when the views were last durable.
func (v *views) cursor() (n uint64, found bool, err error) { return v.locked("ship") }

// counted is the seq up to which events must not be counted again.
func (v *views) counted() (uint64, error) {
	n, _, err := v.locked("counted")
	return n, err
}

func (v *views) locked(name string) (uint64, bool, error) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.number(name)
}

func (v *views) setNumber(name string, n uint64) error {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if v.db == nil {
		return ErrClosed
	}
	return v.db.Set(metaKey(name), binary.BigEndian.AppendUint64(nil, n), pebble.NoSync)
}

// apply takes the facts of events up to a seq, all or none.
func (v *views) apply(facts []fact, upTo uint64) error {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if v.db == nil {
		return ErrClosed
	}
	b := v.db.NewBatchWithSize(128 * (len(facts) + 1))
	defer b.Close()
	for i := range facts {
		if err := v.put(b, &facts[i]); err != nil {
			return err
		}
	}
	if err := b.Set(metaKey("applied"), binary.BigEndian.AppendUint64(nil, upTo), nil); err != nil {
		return err
	}
	if err := b.Commit(pebble.NoSync); err != nil {
		return err
	}
	v.applied.Store(upTo)
	return nil
}

func (v *views) put(b *pebble.Batch, f *fact) error {
	var err error
	set := func(key, value []byte) {
		if err == nil {
			err = b.Set(key, value, nil)
		}
	}
	if !f.lead.IsZero() {
		v.scratch = appendLeadKey(v.scratch[:0], f.lead, f.seq)
		set(v.scratch, nil)
	}
	r := ref{f.lead, f.at, f.seq}
	point := func(key string) {
		n := len(key)
		v.scratch = r.append(append(v.scratch[:0], key...))
		set(v.scratch[:n], v.scratch[n:])
	}
	if f.idem != "" {
		point(f.idem)
	}
	for _, key := range f.refs {
		point(key)
	}
	for _, key := range f.sold {
		k := append([]byte(key), f.lead[:]...)
		if f.gone && err == nil {
			err = b.Delete(k, nil)
		} else {
			set(k, r.append(nil))
		}
	}
	if len(f.marks) > 0 {
		suffix, of := f.marked()
		for _, key := range f.marks {
			set(append([]byte(key), suffix[:]...), of.append(nil))
		}
	}
	if f.seller != "" {
		v.scratch = appendSeq(append(v.scratch[:0], f.seller...), f.seq)
		set(v.scratch, f.lead[:])
	}
	if f.change != nil && err == nil {
		err = putChange(b, f.change)
	}
	if err == nil && (f.enters != nil || f.leaves != nil) {
		err = putQueue(b, f)
	}
	return err
}

func putChange(b *pebble.Batch, c *change) error {
	var errs []error
	open := append([]byte{keyOpen}, c.attempt.Attempt[:]...)
	switch {
	case c.closed:
		errs = append(errs, b.Delete(open, nil))
	case c.opened != nil:
		v, err := json.Marshal(c.opened)
		errs = append(errs, err, b.Set(open, v, nil))
	}
	for _, ch := range c.charges {
		errs = append(errs, b.Merge(appendCountKey(nil, ch.Cap, ch.Window), countValue(ch.N), nil))
	}
	pause := append([]byte{keyPause}, c.subject...)
	switch c.adjustment {
	case AdjustPaused:
		v, err := json.Marshal(c.pause)
		errs = append(errs, err, b.Set(pause, v, nil))
	case AdjustResumed:
		errs = append(errs, b.Delete(pause, nil))
	}
	return errors.Join(errs...)
}

func appendLeadKey(dst []byte, id lead.ID, seq uint64) []byte {
	return appendSeq(append(append(dst, keyLead), id[:]...), seq)
}

func appendSeq(dst []byte, seq uint64) []byte { return binary.BigEndian.AppendUint64(dst, seq) }

func seqAtEnd(key []byte) uint64 { return binary.BigEndian.Uint64(key[len(key)-8:]) }

// seed puts the state of a dropped front into new views.
func (v *views) seed(base *baseState) error {
	v.mu.RLock()
	defer v.mu.RUnlock()
	b := v.db.NewBatch()
	defer b.Close()
	for _, c := range base.Counts {
		if err := b.Merge(appendCountKey(nil, c.Cap, c.Window), countValue(c.N), nil); err != nil {
			return err
		}
	}
	for i := range base.Open {
		if err := putChange(b, &change{attempt: base.Open[i], opened: &base.Open[i]}); err != nil {
			return err
		}
	}
	for subject, p := range base.Pauses {
		if err := putChange(b, &change{adjustment: AdjustPaused, subject: subject, pause: p}); err != nil {
			return err
		}
	}
	if err := b.Set(metaKey("counted"), appendSeq(nil, base.Seq), nil); err != nil {
		return err
	}
	return b.Commit(pebble.NoSync)
}

// flushSoon lets what has been applied go to disk in the background.
func (v *views) flushSoon() {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if v.db == nil {
		return
	}
	if _, err := v.db.AsyncFlush(); err != nil {
		v.log.Error("flushing the views", "err", err)
	}
}

// flush makes durable what has been applied, and returns up to which seq.
func (v *views) flush() (uint64, error) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if v.db == nil {
		return 0, ErrClosed
	}
	n := v.applied.Load()
	return n, v.db.Flush()
}

// each calls fn with the keys and values of a prefix, in order or backwards, until it returns false. The slices live
// for the call.
func (v *views) each(prefix []byte, backwards bool, fn func(key, value []byte) bool) error {
	return v.eachFrom(prefix, prefix, backwards, fn)
}

// eachFrom is each of the keys from one of them on.
func (v *views) eachFrom(prefix, from []byte, backwards bool, fn func(key, value []byte) bool) error {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if v.db == nil {
		return ErrClosed
	}
	it, err := v.db.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: prefixEnd(prefix)})
	if err != nil {
		return err
	}
	first, next := it.First, it.Next
	if backwards {
		first, next = it.Last, it.Prev
	}
	for ok := first(); ok; ok = next() {
		value, err := it.ValueAndErr()
		if err != nil {
			return errors.Join(err, it.Close())
		}
		if !fn(it.Key(), value) {
			break
		}
	}
	return it.Close()
}

func prefixEnd(p []byte) []byte {
	end := slices.Clone(p)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i]++; end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}

func (v *views) latest(key []byte) (ref, bool, error) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	b, ok, err := v.get(key)
	if err != nil || !ok {
		return ref{}, false, err
	}
	r, ok := parseRef(b)
	return r, ok, nil
}

// load reads the state that stands in the views.
func (v *views) load() (*state, error) {
	s := newState()
	var errs []error
	err := v.each([]byte{keyCount}, false, func(k, val []byte) bool {
		parts, ok := splitParts(k, 2)
		if n, ok2 := parseCount(val); ok && ok2 && n != 0 {
			s.counts[window{parts[0], parts[1]}] = n
		}
		return true
	})
	errs = append(errs, err, v.each([]byte{keyOpen}, false, func(_, val []byte) bool {
		o := &OpenAttempt{}
		errs = append(errs, json.Unmarshal(val, o))
		s.open[o.Attempt] = o
		return true
	}), v.each([]byte{keyPause}, false, func(k, val []byte) bool {
		var p PauseInfo
		errs = append(errs, json.Unmarshal(val, &p))
		s.pauses[string(k[1:])] = p
		return true
	}))
	return s, errors.Join(errs...)
}

// countMerger adds: a charge is written without reading the count first.
var countMerger = &pebble.Merger{
	Name: "clearpost.count",
	Merge: func(_, value []byte) (pebble.ValueMerger, error) {
		s := &countSum{}
		return s, s.MergeNewer(value)
	},
}

type countSum struct{ n int64 }

func (s *countSum) MergeNewer(value []byte) error {
	n, ok := parseCount(value)
	if !ok {
		return fmt.Errorf("ledger: views: a count has %d bytes", len(value))
	}
	s.n += n
	return nil
}

func (s *countSum) MergeOlder(value []byte) error { return s.MergeNewer(value) }

func (s *countSum) Finish(bool) ([]byte, io.Closer, error) { return countValue(s.n), nil, nil }

func countValue(n int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }

func parseCount(b []byte) (int64, bool) {
	if len(b) != 8 {
		return 0, false
	}
	return int64(binary.BigEndian.Uint64(b)), true
}

// pebbleLogger passes errors on and drops the rest. Pebble calls Fatalf where it cannot go on, and expects it not to
// return; the process must: the log has everything, and attempts on the wire still have to be written down.
type pebbleLogger struct {
	log     *slog.Logger
	onFatal func(why string)
}

func (p pebbleLogger) Infof(string, ...any) {}

func (p pebbleLogger) Errorf(format string, args ...any) {
	p.log.Error("views", "err", fmt.Sprintf(format, args...))
}

func (p pebbleLogger) Fatalf(format string, args ...any) {
	p.onFatal(fmt.Sprintf(format, args...))
	select {}
}
