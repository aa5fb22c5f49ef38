// SPDX-License-Identifier: Apache-2.0

package queue

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/goccy/go-json"
)

// keepWait is how long what lines have done is gathered before it is kept. A crash loses it: that is sent again, under
// the same ids.
const keepWait = time.Second

// foldName is the name of the places of all lines; the dead messages of each have a file of their own.
const foldName = "hooks"

func (x *line) foldName() string { return "hook-" + x.name }

// places is the part of all lines that outlives the process.
type places struct {
	At    uint64           `json:"at"`
	Lines map[string]place `json:"lines"`
}

// place is that of one line.
type place struct {
	Next uint64 `json:"next"`
	Sent int64  `json:"sent"`
}

// deadKept is the dead messages of one line.
type deadKept struct {
	Dead  []Dead `json:"dead,omitempty"`
	Again []Dead `json:"again,omitempty"`
	Lost  int64  `json:"lost,omitempty"`
}

// read reads the places. What lies behind the ledger's end, as where that was restored, begins at its end.
func (q *Lines) read() error {
	q.durable = math.MaxUint64
	var kept places
	switch b, err := q.cfg.Ledger.Fold(foldName); {
	case err != nil:
		return fmt.Errorf("read the places of webhooks: %w", err)
	case b == nil:
		return nil
	default:
		if err := json.Unmarshal(b, &kept); err != nil {
			return fmt.Errorf("the places of webhooks in file fold-%s cannot be read: %w", foldName, err)
		}
	}
	end := q.cfg.Ledger.LastSeq() + 1
	if kept.At > end {
		q.cfg.Log.Error("webhooks had been told of more events than the ledger has: they go on at its end", "at",
			kept.At, "end", end)
	}
	q.at, q.was = min(kept.At, end), kept.Lines
	for name, p := range q.was {
		p.Next = min(p.Next, end)
		q.was[name] = p
		q.durable = min(q.durable, p.Next)
	}
	return nil
}

// readDead reads the dead messages of a line. The caller holds the lock.
func (x *line) readDead() error {
	b, err := x.q.cfg.Ledger.Fold(x.foldName())
	if err != nil || b == nil {
		return err
	}
	var kept deadKept
	if err := json.Unmarshal(b, &kept); err != nil {
		return fmt.Errorf("the dead messages of webhook %s in file fold-%s cannot be read: %w", x.name,
			x.foldName(), err)
	}
	x.dead, x.again, x.lost = kept.Dead, kept.Again, kept.Lost
	return nil
}

// touch says that there is something to keep. The caller holds the lock.
func (q *Lines) touch() {
	q.dirty = true
	nudge(q.changed)
}

// keepOften keeps what has changed, a while after it has, until the context ends.
func (q *Lines) keepOften(ctx context.Context) {
	for {
		select {
		case <-q.changed:
		case <-ctx.Done():
			return
		}
		pause(ctx, nil, keepWait)
		if err := q.keep(); err != nil {
			q.cfg.Log.Error("the places of webhooks cannot be kept: it is tried again", "err", err)
			pause(ctx, nil, makeWait)
		}
	}
}

// keep stores what has changed: dead messages before the places that have passed them.
func (q *Lines) keep() (err error) {
	q.keeping.Lock()
	defer q.keeping.Unlock()
	q.mu.Lock()
	if !q.dirty {
		q.mu.Unlock()
		return nil
	}
	q.dirty = false
	now := places{At: q.at, Lines: map[string]place{}}
	durable := uint64(math.MaxUint64)
	dead := map[*line]deadKept{}
	for name, x := range q.by {
		now.Lines[name] = place{x.place(), x.sent}
		durable = min(durable, x.place())
		if x.deadChanged {
			dead[x] = deadKept{slices.Clone(x.dead), slices.Clone(x.again), x.lost}
			x.deadChanged = false
		}
	}
	q.mu.Unlock()
	defer func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		if err == nil {
			q.durable = durable
			return
		}
		for x := range dead {
			x.deadChanged = true
		}
		q.touch()
	}()
	for x, kept := range dead {
		b, e := json.Marshal(&kept)
		if e == nil {
			e = q.cfg.Ledger.KeepFold(x.foldName(), b)
		}
		err = errors.Join(err, e)
	}
	if err != nil {
		return err
	}
	b, err := json.Marshal(&now)
	if err != nil {
		return err
	}
	return q.cfg.Ledger.KeepFold(foldName, b)
}
