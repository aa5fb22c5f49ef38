// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/raft-wal/types"

	"clearpost/lead"
)

// Verdict is what Verify found.
type Verdict struct {
	Dir      string     `json:"dir"`
	First    uint64     `json:"first_seq"` // 0: the log is empty
	Last     uint64     `json:"last_seq"`
	Events   uint64     `json:"events"` // that can be read
	Bytes    int64      `json:"bytes"`
	Applied  uint64     `json:"applied_seq"` // the views go up to it
	Shipped  uint64     `json:"shipped_seq"`
	LostUpTo uint64     `json:"lost_up_to_seq,omitempty"` // events up to it may have been given up
	GivenUp  uint64     `json:"given_up,omitempty"`       // events that stand in the place of lost ones
	Lost     bool       `json:"lost"`                     // a start refuses this log
	Problems []*Problem `json:"problems"`                 // at most 1,000
	More     int        `json:"more_problems,omitempty"`
}

// Problem is something that is not as it should be.
type Problem struct {
	In   string `json:"in"` // log, views or sums
	Seq  uint64 `json:"seq,omitempty"`
	Lead string `json:"lead_id,omitempty"`
	Text string `json:"text"`
}

const problemsMax = 1000

// Verify reads a whole log with its sums, and compares the views with it: that they find each event, and that the
// counts of caps, open attempts and pauses are what the events amount to. It changes nothing, and needs the directory
// for itself. The error tells why it could not be done.
func Verify(cfg Config, progress Progress) (Verdict, error) {
	return verify(cfg, inside{vfs: cfg.Disk, progress: progress})
}

func verify(cfg Config, in inside) (v Verdict, err error) {
	cfg.Kafka, cfg.Retention = nil, Retention{}
	l, err := prepare(cfg, in)
	if err != nil {
		return v, err
	}
	c := verifier{l: l, v: Verdict{Dir: cfg.Dir, Problems: []*Problem{}}, state: newState()}
	err = errors.Join(c.run(), l.views.close(), l.lock.Close())
	return c.v, err
}

// RebuildViews makes the views anew from the log. The cursor of Kafka and the state of a dropped front are kept.
func RebuildViews(cfg Config, progress Progress) error {
	cfg.Kafka, cfg.Retention = nil, Retention{}
	l, err := open(cfg, inside{vfs: cfg.Disk, rebuild: true, progress: progress})
	if err != nil {
		return err
	}
	return l.Close()
}

type verifier struct {
	l       *Ledger
	v       Verdict
	state   *state // as the log amounts to
	counted uint64 // up to which seq the base counts
	views   bool   // they can be read
	indexed uint64 // events of the log that the views should know
}

func (c *verifier) problem(p Problem) {
	if len(c.v.Problems) < problemsMax {
		c.v.Problems = append(c.v.Problems, &p)
		return
	}
	c.v.More++
}

func (c *verifier) run() error {
	l := c.l
	if err := l.views.open(); err != nil {
		c.problem(Problem{In: "views", Text: "they cannot be read: " + err.Error()})
	} else {
		c.views, c.v.Applied, c.v.Shipped = true, l.views.applied.Load(), l.shipped()
	}
	w, err := l.witnesses()
	if err != nil && c.views {
		c.views = false
		c.problem(Problem{In: "views", Text: "they cannot be read: " + err.Error()})
		_ = l.views.close() // what it has to say is no news
		w, err = l.witnesses()
	}
	if err != nil {
		return err
	}
	l.journal.expect = w.to
	if l.journal.filling, err = l.filling(); err != nil {
		return err
	}
	if l.journal.filling {
		c.problem(Problem{In: "log", Text: "a recovery was broken off: the next start ends it"})
	}
	if c.v.LostUpTo, err = l.LostUpTo(); err != nil {
		return err
	}
	meta := types.MetaStore(stampedMeta{l.in.newMeta()})
	t, err := l.journal.lookAtTail(meta)
	err = errors.Join(err, meta.Close())
	if err == nil {
		err = l.tellLost(l.journal.lost(&t), w)
	}
	if errors.Is(err, ErrLost) {
		c.v.Lost = true
		c.problem(Problem{In: "log", Text: strings.TrimSuffix(err.Error(), "\n"+wayOn)})
	} else if err != nil {
		return err
	}
	if len(t.state.Segments) == 0 {
		return nil
	}
	return c.compare(&t)
}

func (c *verifier) compare(t *tail) error {
	c.v.First, c.v.Last = t.state.Segments[0].MinIndex, t.last
	files, err := segmentFiles(c.l.journal.dir)
	if err != nil {
		return err
	}
	for _, f := range files {
		c.v.Bytes += f.bytes
	}
	if err := c.seed(); err != nil {
		return err
	}
	if err := c.l.journal.eachStored(t, c.take, func(d *Damaged, _ types.SegmentInfo, _ span) error {
		c.v.Lost = true
		c.indexed++ // the views may know it
		c.problem(Problem{In: "log", Seq: d.Seq, Text: fmt.Sprintf("cannot be read: %s at byte %d: %s",
			filepath.Base(d.File), d.Offset, d.Err)})
		return nil
	}); err != nil {
		return err
	}
	if !c.views {
		return nil
	}
	if err := errors.Join(c.compareIndex(), c.compareState()); err != nil {
		c.problem(Problem{In: "views", Text: "they cannot be read: " + err.Error()})
	}
	return nil
}

// seed begins with what a dropped front amounts to.
func (c *verifier) seed() error {
	base, err := readBase(c.l.cfg.Dir)
	if err != nil {
		return err
	}
	if base == nil {
		if c.v.First > 1 {
			c.problem(Problem{In: "sums", Text: fmt.Sprintf("the log begins at event %d without %s: counts cannot be "+
				"compared", c.v.First, baseName)})
		}
		return nil
	}
	c.counted = base.Seq
	for _, n := range base.Counts {
		c.state.counts[window{n.Cap, n.Window}] = n.N
	}
	for _, o := range base.Open {
		c.state.open[o.Attempt] = &o
	}
	maps.Copy(c.state.pauses, base.Pauses)
	return nil
}

// take looks at one event of the log.
func (c *verifier) take(rec Record) error {
	c.v.Events++
	if c.v.Events%10_000 == 0 {
		c.l.in.progress("events read", rec.Seq-c.v.First+1, c.v.Last-c.v.First+1)
	}
	e, err := Decode(rec.Bytes)
	if err != nil {
		c.problem(Problem{In: "log", Seq: rec.Seq, Lead: rec.Lead.String(), Text: "cannot be decoded: " + err.Error()})
	} else if adj, ok := e.(*Adjusted); ok && adj.Adjustment == AdjustLost {
		c.v.GivenUp++
	}
	if !c.views || rec.Seq > c.v.Applied {
		return nil
	}
	f := c.l.readFact(rec)
	if rec.Seq > c.counted && f.change != nil {
		c.state.take(f.change)
	}
	if f.lead.IsZero() {
		return nil
	}
	c.indexed++
	v := c.l.views
	v.mu.RLock()
	_, ok, err := v.get(appendLeadKey(nil, f.lead, rec.Seq))
	v.mu.RUnlock()
	switch {
	case err != nil:
		c.views = false
		c.problem(Problem{In: "views", Seq: rec.Seq, Text: "they cannot be read: " + err.Error()})
	case !ok:
		c.problem(Problem{In: "views", Seq: rec.Seq, Lead: f.lead.String(),
			Text: "the lead's event is not found by it"})
	}
	return nil
}

// compareIndex looks for what the views know and the log does not have.
func (c *verifier) compareIndex() error {
	n := uint64(0)
	err := c.l.views.each([]byte{keyLead}, false, func(k, _ []byte) bool {
		if len(k) != 1+16+8 {
			return true
		}
		switch seq := seqAtEnd(k); {
		case seq < c.v.First || seq > c.v.Last:
			if seq > c.v.LostUpTo { // else it was given up with the whole log
				c.problem(Problem{In: "views", Seq: seq, Lead: lead.ID(k[1:17]).String(),
					Text: "they know an event that the log does not have"})
			}
		default:
			n++
		}
		return true
	})
	if err == nil && n > c.indexed {
		c.problem(Problem{In: "views", Text: fmt.Sprintf("they know %d events of leads, and the log has %d", n,
			c.indexed)})
	}
	return err
}

// compareState compares what is counted, open and paused.
func (c *verifier) compareState() error {
	have, err := c.l.views.load()
	if err != nil {
		return err
	}
	// What a start forgets need not be there.
	day := time.Now().Add(-max(windowsKept, time.Duration(c.l.count.Load()))).UTC().Format(time.DateOnly)
	c.state.forgetWindows(day, time.Now())
	have.forgetWindows(day, time.Now())
	windows := maps.Clone(c.state.counts)
	maps.Copy(windows, have.counts)
	for w := range windows {
		if a, b := c.state.counts[w], have.counts[w]; a != b {
			c.problem(Problem{In: "sums", Text: fmt.Sprintf("cap %s in its window %s: the events come to %d, the "+
				"views have %d", w.cap, w.name, a, b)})
		}
	}
	for id, o := range c.state.open {
		if have.open[id] == nil {
			c.problem(Problem{In: "sums", Lead: o.Lead.String(), Text: "attempt " + id.String() +
				" has no end, and is not open in the views"})
		}
	}
	for id, o := range have.open {
		if c.state.open[id] == nil {
			c.problem(Problem{In: "sums", Lead: o.Lead.String(), Text: "attempt " + id.String() +
				" is open in the views, and has an end"})
		}
	}
	if a, b := slices.Sorted(maps.Keys(c.state.pauses)), slices.Sorted(maps.Keys(have.pauses)); !slices.Equal(a, b) {
		c.problem(Problem{In: "sums", Text: fmt.Sprintf("paused are %v, by the views %v", a, b)})
	}
	return nil
}
