// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"errors"
	"time"
)

// Uncertain is an ErrUncertain of Append. What became of the group is known once the log can be read again.
type Uncertain struct {
	cause  error
	known  chan struct{} // closed when stored stands, or the ledger is closed
	stored bool
	ended  bool // the ledger was closed before anybody could tell
}

func newUncertain(cause error) *Uncertain {
	return &Uncertain{cause: cause, known: make(chan struct{})}
}

// Error implements error.
func (u *Uncertain) Error() string { return ErrUncertain.Error() + ": " + u.cause.Error() }

// Unwrap lets errors.Is find ErrUncertain.
func (u *Uncertain) Unwrap() []error { return []error{ErrUncertain, u.cause} }

// Stored waits until the log can be read again and tells whether the group is there; if it is not, it never will be,
// and may be appended once more. An error says that the wait ended before (the context's, or ErrClosed): then the next
// Open tells. Any number of callers may wait.
func (u *Uncertain) Stored(ctx context.Context) (bool, error) {
	select {
	case <-u.known:
	case <-ctx.Done():
		return false, ctx.Err()
	}
	if u.ended {
		return false, ErrClosed
	}
	return u.stored, nil
}

// tell ends the wait.
func (u *Uncertain) tell(stored, ended bool) {
	u.stored, u.ended = stored, ended
	close(u.known)
}

// How long Store rests between two tries, at first and at most.
const (
	storeAgain    = 20 * time.Millisecond
	storeAgainMax = 2 * time.Second
)

// Store is Append for what has happened and must be written down: it appends again for as long as the log is away, and
// waits for what nobody can tell. It returns when the group is durable, or with the last error when the context ends or
// nothing can help.
func (l *Ledger) Store(ctx context.Context, events ...Event) error {
	pause := storeAgain
	for {
		err := l.Append(events...)
		var u *Uncertain
		switch {
		case err == nil:
			return nil
		case errors.As(err, &u):
			stored, unknown := u.Stored(ctx)
			if stored {
				return nil
			}
			if unknown != nil {
				return err
			}
		case !errors.Is(err, ErrUnavailable):
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return err
		}
		pause = min(2*pause, storeAgainMax)
	}
}
