// SPDX-License-Identifier: Apache-2.0

package exchange

// turn is a lock that is held while the ledger is waited for. Who waits for it waits at a channel, so that virtual time
// goes by meanwhile. Make it with newTurn.
type turn chan struct{}

func newTurn() turn { return make(turn, 1) }

// Lock waits for the turn.
func (t turn) Lock() { t <- struct{}{} }

// Unlock gives it to the next.
func (t turn) Unlock() { <-t }
