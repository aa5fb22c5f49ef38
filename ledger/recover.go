// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/goccy/go-json"
	"github.com/hashicorp/raft"
	"github.com/hashicorp/raft-wal/segment"
	"github.com/hashicorp/raft-wal/types"

	"clearpost/lead"
)

// Recovery says how Recover goes on from lost events.
type Recovery struct {
	AcceptLoss bool   // what cannot be taken back is given up
	By         string // who said so
	// calls each with what Kafka has, by seq, any order; nil: it is not asked. Only with KafkaConfig.Private at
	// PrivateKeep: else what was shipped is not what was stored
	Shipped func(each func(seq uint64, event []byte) error) error
}

// Recovered is what Recover did. Numbers are 0 where there was nothing to do.
type Recovered struct {
	Relisted  bool   // the list of the log's files was made anew
	From, To  uint64 // numbers behind the log's end
	TakenBack uint64 // events that were still in the files
	Shipped   uint64 // events that Kafka had
	Damaged   uint64 // records within the log that could not be read
	Lost      uint64 // events given up
}

// Recover makes up for lost events in a directory that Open refuses with ErrLost. What can be read stays or is taken
// back under its number. In the place of what is given up stands an event that says so, of the lead where the views
// know it, and its number is never used again; counts of caps, open attempts and pauses stay as the views have them.
// Where something is missing and AcceptLoss is not set, it returns an ErrLost and has changed nothing but the list of
// files. It may be broken off at any time and begun again.
func Recover(cfg Config, how Recovery) (done Recovered, err error) {
	return recoverLog(cfg, inside{vfs: cfg.Disk}, how)
}

func recoverLog(cfg Config, in inside, how Recovery) (done Recovered, err error) {
	cfg.Kafka, cfg.Retention = nil, Retention{}
	l, err := prepare(cfg, in)
	if err != nil {
		return done, err
	}
	r := mending{l: l, how: how, found: map[uint64][]byte{}}
	err = errors.Join(r.run(), l.journal.close(), l.views.close(), l.lock.Close())
	if err != nil {
		return r.done, err
	}
	if l, err = open(cfg, in); err != nil {
		return r.done, err
	}
	return r.done, l.Close()
}

// mending is one Recover at work.
type mending struct {
	l     *Ledger
	how   Recovery
	done  Recovered
	t     tail
	lost  *Lost // nil: the log ends where it should
	bad   []damagedSpan
	found map[uint64][]byte // seq → event, from Kafka
	first error             // what is not to be had without AcceptLoss
	last  int64             // time of the last readable event, microseconds
}

type damagedSpan struct {
	*Damaged
	info types.SegmentInfo
	span span
}

func (r *mending) run() error {
	l := r.l
	if bad := l.views.open(); bad != nil {
		l.log.Warn("the views cannot be read: leads of lost events cannot be named", "err", bad)
	}
	if on, err := l.filling(); on || err != nil {
		return err // Open goes on with it
	}
	w, err := l.witnesses()
	if err != nil {
		return err
	}
	l.journal.expect = w.to
	if err := r.look(); err != nil {
		return err
	}
	err = l.tellLost(l.journal.lost(&r.t), w)
	errors.As(err, &r.lost)
	if err := r.readThrough(); err != nil {
		return err
	}
	if r.lost == nil && len(r.bad) == 0 {
		return nil
	}
	if err := r.askKafka(); err != nil {
		return err
	}
	gone := r.missing()
	if gone > 0 && !r.how.AcceptLoss {
		return r.first
	}
	if r.done.Lost = gone; gone > 0 {
		if err := r.keepState(); err != nil {
			return err
		}
	}
	if err := r.mend(); err != nil || r.lost == nil {
		return err
	}
	return r.writeRefill()
}

// look finds the log's end, and makes the list of its files where that is missing.
func (r *mending) look() error {
	look := func() error {
		meta := types.MetaStore(stampedMeta{r.l.in.newMeta()})
		var err error
		r.t, err = r.l.journal.lookAtTail(meta)
		return errors.Join(err, meta.Close())
	}
	err := look()
	var lost *Lost
	if !errors.As(err, &lost) || !lost.NoMeta {
		return err
	}
	if err := r.l.journal.relist(); err != nil {
		return err
	}
	r.done.Relisted = true
	return look()
}

// readThrough finds the records that cannot be read.
func (r *mending) readThrough() error {
	return r.l.journal.eachStored(&r.t, func(rec Record) error {
		r.last = max(r.last, rec.At)
		return nil
	}, func(d *Damaged, info types.SegmentInfo, s span) error {
		r.bad = append(r.bad, damagedSpan{d, info, s})
		return nil
	})
}

// askKafka takes the missing events from there, which must fit into memory.
func (r *mending) askKafka() error {
	if r.how.Shipped == nil {
		return nil
	}
	want := map[uint64]bool{}
	for _, b := range r.bad {
		want[b.Seq] = true
	}
	from, to := uint64(1), uint64(0)
	have := map[uint64]bool{}
	if r.lost != nil {
		from, to = r.lost.Ends+1, r.lost.To
		for _, x := range r.t.rest.recs {
			have[x.seq] = true
		}
	}
	return r.how.Shipped(func(seq uint64, event []byte) error {
		if !want[seq] && (seq < from || seq > to || have[seq]) {
			return nil
		}
		var of struct {
			Node string `json:"node"`
		}
		if err := json.Unmarshal(event, &of); err != nil || of.Node != r.l.cfg.Node {
			return nil //nolint:nilerr // it is not this node's
		}
		if was, ok := r.found[seq]; ok && !bytes.Equal(was, event) {
			return fmt.Errorf("ledger: Kafka has two events of the number %d of node %s: which of them this ledger "+
				"had cannot be known", seq, of.Node)
		}
		r.found[seq] = slices.Clone(event)
		return nil
	})
}

// missing counts what is not to be had, and says how the start would refuse it.
func (r *mending) missing() (gone uint64) {
	for i, b := range r.bad {
		if _, ok := r.found[b.Seq]; !ok {
			if gone++; r.first == nil {
				r.first = r.bad[i].Damaged
			}
		}
	}
	if r.lost == nil {
		return gone
	}
	have := uint64(0)
	for _, x := range r.t.rest.recs {
		if x.seq <= r.lost.To {
			have++
		}
	}
	for seq := range r.found {
		if seq > r.lost.Ends {
			have++
		}
	}
	if n := r.lost.To - r.lost.Ends; n > have {
		gone += n - have
		r.first = errors.Join(r.first, r.lost)
	}
	return gone
}

// keepState keeps what the views count, for views that are ever built anew, and up to where leads may lack events.
func (r *mending) keepState() error {
	l := r.l
	upTo := r.t.last
	if r.lost != nil {
		upTo = r.lost.To
	}
	base, err := readBase(l.cfg.Dir)
	if err != nil {
		return err
	}
	if applied := l.views.applied.Load(); l.views.isOpen() && applied > 0 && (base == nil || base.Seq <= applied) {
		st, err := l.views.load()
		if err != nil {
			return err
		}
		if err := writeBase(l.cfg.Dir, applied, l.shipped(), st); err != nil {
			return err
		}
	}
	b, err := json.Marshal(losses{UpTo: upTo})
	if err != nil {
		return err
	}
	return writeFile(l.cfg.Dir, lossesName, b)
}

// gone is the event in the place of one that was given up.
func (r *mending) gone(seq uint64, id lead.ID, at time.Time) *Adjusted {
	e := &Adjusted{Head: Head{Lead: id, At: at}, Adjustment: AdjustLost, Subject: fmt.Sprintf("event:%d", seq),
		Why: "lost", By: r.how.By}
	r.l.fill(e)
	return e
}

// record makes the record of a seq.
func record(seq uint64, e Event) []byte {
	b := appendRecord(nil, e)
	binary.LittleEndian.PutUint64(b[atSeq:], seq)
	return b
}

// shippedRecord makes the record of a seq of what Kafka had of it, byte by byte.
func shippedRecord(seq uint64, event []byte) ([]byte, error) {
	e, err := Decode(event)
	if err != nil {
		return nil, fmt.Errorf("ledger: event %d as Kafka has it: %w", seq, err)
	}
	return record(seq, verbatim{e, event}), nil
}

// verbatim is an event whose encoding is known.
type verbatim struct {
	Event
	text []byte
}

func (e verbatim) AppendJSON(dst []byte) []byte { return append(dst, e.text...) }

// mend writes records in the place of those that cannot be read.
func (r *mending) mend() error {
	for _, b := range r.bad {
		var rec []byte
		if event, ok := r.found[b.Seq]; ok {
			var err error
			if rec, err = shippedRecord(b.Seq, event); err != nil {
				return err
			}
			r.done.Shipped++
		} else {
			at := b.Near
			if at.IsZero() {
				at = time.UnixMicro(r.last)
			}
			rec = record(b.Seq, r.gone(b.Seq, lead.ID{}, at))
		}
		if len(rec) > b.span.size {
			return fmt.Errorf("%w\nThe %d bytes there do not hold what would take its place: put the file back from "+
				"a backup", b.Damaged, b.span.size)
		}
		if err := r.overwrite(b, rec); err != nil {
			return err
		}
		r.done.Damaged++
	}
	if len(r.bad) > 0 && r.t.found {
		return r.l.journal.sumHolds(&r.t)
	}
	return nil
}

// overwrite puts a record into a frame, padded with white space, which JSON may end with.
func (r *mending) overwrite(b damagedSpan, rec []byte) (err error) {
	frame := make([]byte, frameHeadSize, frameHeadSize+b.span.size)
	frame[0] = frameEntry
	binary.LittleEndian.PutUint32(frame[4:], uint32(b.span.size))
	frame = append(frame, rec...)
	for len(frame) < frameHeadSize+b.span.size {
		frame = append(frame, ' ')
	}
	rec = frame[frameHeadSize:]
	binary.LittleEndian.PutUint32(rec[atCRC:], crcSum(rec[atSummed:]))
	f, err := r.l.journal.vfs.OpenWriter(r.l.journal.dir, segment.FileName(b.info))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.WriteAt(frame, b.span.off); err != nil {
		return err
	}
	return f.Sync()
}

// What is to be stored behind the log's end is first written into a file of its own, whole, so that neither a crash nor
// the next recovery of the log's end loses what was found there. Open stores it and removes it.
const refillName = "refill.log"

// writeRefill writes the events behind the end, in order: those that stand there still, those of Kafka, for each other
// one an event that says it is lost, and one that says it of all.
func (r *mending) writeRefill() (err error) {
	l := r.l
	names := map[uint64]lead.ID{}
	if r.done.Lost > 0 && l.views.isOpen() {
		err := l.eachLost(r.lost.Ends, r.lost.To, func(seq uint64, id lead.ID, _ bool) { names[seq] = id })
		if err != nil {
			return err
		}
	}
	f, err := os.CreateTemp(l.cfg.Dir, refillName+".tmp-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	w := bufio.NewWriterSize(f, 1<<20)
	err = r.refill(w, names)
	if err = errors.Join(err, w.Flush(), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), filepath.Join(l.cfg.Dir, refillName)); err != nil {
		return err
	}
	return syncDir(l.cfg.Dir)
}

func (r *mending) refill(w io.Writer, names map[uint64]lead.ID) (err error) {
	put := func(rec []byte) error {
		_, err := w.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(rec))))
		if err == nil {
			_, err = w.Write(rec)
		}
		return err
	}
	recs := r.t.rest.recs
	var f types.ReadableFile
	if len(recs) > 0 {
		if f, err = r.l.journal.vfs.OpenReader(r.l.journal.dir, segment.FileName(r.t.info)); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
	}
	begun := r.lost.Ends > 0 // a log without events may begin anywhere
	r.done.From, r.done.To = r.lost.Ends+1, r.lost.To
	for seq := r.lost.Ends + 1; seq <= r.lost.To; seq++ {
		for len(recs) > 0 && recs[0].seq < seq {
			recs = recs[1:]
		}
		var rec []byte
		switch event, shipped := r.found[seq]; {
		case len(recs) > 0 && recs[0].seq == seq:
			rec = make([]byte, recs[0].size)
			if _, err := f.ReadAt(rec, recs[0].off); err != nil {
				return err
			}
			r.last = max(r.last, viewRecord(rec).At)
			r.done.TakenBack++
		case shipped:
			if rec, err = shippedRecord(seq, event); err != nil {
				return err
			}
			r.done.Shipped++
		case begun:
			rec = record(seq, r.gone(seq, names[seq], time.UnixMicro(r.last)))
		default:
			continue
		}
		begun = true
		if err := put(rec); err != nil {
			return err
		}
	}
	if r.done.Lost == 0 {
		return nil
	}
	e := r.gone(r.lost.To+1, lead.ID{}, r.l.cfg.Now())
	e.Subject = fmt.Sprintf("events:%d-%d", r.lost.Ends+1, r.lost.To)
	e.Why = fmt.Sprintf("%d events were lost and given up", r.done.Lost)
	return put(record(r.lost.To+1, e))
}

func (l *Ledger) filling() (bool, error) {
	_, err := os.Stat(filepath.Join(l.cfg.Dir, refillName))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// refillAtOnce is how many bytes are stored in one batch.
const refillAtOnce = 4 << 20

// refill stores what a recovery has found, from where the log ends.
func (l *Ledger) refill() error {
	path := filepath.Join(l.cfg.Dir, refillName)
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, last, err := l.journal.bounds()
	if err != nil {
		return err
	}
	var logs []*raft.Log
	size := 0
	store := func() error {
		if len(logs) == 0 {
			return nil
		}
		err := l.journal.store(logs)
		logs, size = nil, 0
		return err
	}
	r := bufio.NewReaderSize(f, 1<<20)
	for {
		var head [4]byte
		if _, err := io.ReadFull(r, head[:]); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return fmt.Errorf("ledger: %s: %w", refillName, err)
		}
		b := make([]byte, binary.LittleEndian.Uint32(head[:]))
		if _, err := io.ReadFull(r, b); err != nil {
			return fmt.Errorf("ledger: %s: %w", refillName, err)
		}
		seq := binary.LittleEndian.Uint64(b[atSeq:])
		if _, err := readRecord(seq, b); err != nil {
			return fmt.Errorf("ledger: %s: %w", refillName, err)
		}
		if seq <= last {
			continue // stored before a crash
		}
		logs = append(logs, &raft.Log{Index: seq, Data: b})
		if size += len(b); size > refillAtOnce {
			if err := store(); err != nil {
				return err
			}
		}
	}
	if err := store(); err != nil {
		return err
	}
	l.journal.filling = false
	if err := os.Remove(path); err != nil {
		return err
	}
	return syncDir(l.cfg.Dir)
}
