// SPDX-License-Identifier: Apache-2.0

package report

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// ErrBusy is returned where so many questions are being answered that this one has waited in vain.
var ErrBusy = errors.New("report: too many questions at once")

// askWait is how long a question waits for its turn, or for the database while a new one is put in its place.
const askWait = 5 * time.Second

// ask has a question answered by a connection that only reads, within a time. Heavy ones are answered one after the
// other, so that they take no more than one core of those that pings need.
func (v *View) ask(ctx context.Context, within time.Duration, heavy bool,
	f func(context.Context, *sql.DB) error) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	wait := time.NewTimer(askWait)
	defer wait.Stop()
	select {
	case v.asking <- struct{}{}:
	case <-wait.C:
		return ErrBusy
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-v.asking }()
	if heavy {
		select {
		case v.adding <- struct{}{}:
		case <-wait.C:
			return ErrBusy
		case <-ctx.Done():
			return ctx.Err()
		}
		defer func() { <-v.adding }()
	}
	for again := time.NewTicker(20 * time.Millisecond); ; {
		if db := v.reads.Load(); db != nil {
			again.Stop()
			err := f(ctx, db)
			if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return fmt.Errorf("it was given up after %s: ask for less", within)
			}
			if damaged(err) { // where the follower does not come: it has no reason to begin anew by itself
				return fmt.Errorf("the view is damaged; clearpost report rebuild makes it anew from the ledger: %w",
					err)
			}
			return err
		}
		select {
		case <-again.C:
		case <-wait.C:
			again.Stop()
			return ErrBusy
		case <-v.ctx.Done():
			again.Stop()
			return ErrClosed
		}
	}
}
