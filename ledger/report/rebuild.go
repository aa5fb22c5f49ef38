// SPDX-License-Identifier: Apache-2.0

package report

import (
	"context"
	"errors"
	"fmt"
)

// rebuild is one under way, or asked for.
type rebuild struct {
	done, of uint64 // events
	ended    chan struct{}
	err      error // once it has ended
}

// ErrLoses is returned where a rebuild would lose what only the view still has.
var ErrLoses = errors.New("the ledger no longer has all events that the view is made of: a new one would begin later")

// Rebuild makes the view anew from the ledger, beside the one that is there, and puts it in its place when it has all
// that the ledger has: until then questions are answered by the old one, as far as that goes. It returns when that is
// done, or the context ends; then it goes on by itself. Where the ledger has dropped events that the view has, it is
// ErrLoses unless loses is set.
func (v *View) Rebuild(ctx context.Context, loses bool) error {
	v.mu.Lock()
	b := v.rebuilt
	if b == nil {
		if first := v.cfg.Ledger.FirstSeq(); v.place.First != 0 && first > v.place.First && !loses {
			v.mu.Unlock()
			return fmt.Errorf("%w: with event %d in place of %d", ErrLoses, first, v.place.First)
		}
		b = &rebuild{ended: make(chan struct{})}
		v.rebuilt = b
	}
	v.mu.Unlock()
	v.Start()
	v.poke()
	select {
	case <-b.ended:
		return b.err
	case <-ctx.Done():
		return ctx.Err()
	case <-v.ctx.Done():
		return ErrClosed
	}
}

func (v *View) wanted() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.rebuilt != nil
}

// rebuild is run by the follower.
func (v *View) rebuild() error {
	err := v.renew()
	v.mu.Lock()
	b := v.rebuilt
	v.rebuilt, v.notRebuilt = nil, ""
	if err != nil {
		v.notRebuilt = err.Error()
	}
	v.mu.Unlock()
	b.err = err
	close(b.ended)
	return err
}

func (v *View) renew() (err error) {
	path := v.path(newName)
	if err := remove(path); err != nil {
		return err
	}
	db, w, p, err := openStore(path, v.key)
	if err != nil {
		return err
	}
	for n := 1; err == nil; n++ {
		var more bool
		more, err = v.take(w, p)
		v.mu.Lock()
		v.rebuilt.done, v.rebuilt.of = p.Next-max(p.First, 1), v.cfg.Ledger.LastSeq()+1-max(p.First, 1)
		v.mu.Unlock()
		if err == nil && (n%durableFrom == 0 || !more) {
			err = w.checkpoint()
		}
		if !more {
			break
		}
	}
	if err = errors.Join(err, w.close(), db.Close()); err != nil {
		return errors.Join(err, remove(path))
	}
	// From here on questions wait for the new one.
	if err := errors.Join(v.closeStore(), rename(path, v.path(fileName))); err != nil {
		return err
	}
	return v.open()
}
