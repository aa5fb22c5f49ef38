// SPDX-License-Identifier: Apache-2.0

// Package queue has what the exchange sends of its own accord, after a trip has ended: lines of messages, each to one
// endpoint, in the order of the ledger's events that they are made of. What waits stands in the ledger: a line keeps a
// place there, the seqs of the next few thousand events, and some numbers, so that a million waiting messages take no
// memory, and a crash loses none. A message may be sent twice, always under the same id.
//
// lines.go follows the ledger once for all lines and hands out; line.go is the way of one line's messages; keep.go is
// what outlives the process; endpoint.go and sign.go are the protocol, Standard Webhooks.
package queue

import (
	"time"

	"clearpost/lead"
	"clearpost/ledger"
)

// Message is what one event has to tell one endpoint. It is the same whenever it is made of the event.
type Message struct {
	ID   string // the same whenever it is sent
	Lead lead.ID
	At   time.Time // of its event
	Body []byte
}

// MessageID is the id of the message of an event: it stands as long as the event does, also where the ledger was made
// again from its copy.
func MessageID(r *ledger.Record) string { return "msg_" + r.EventID.String() }

// Answer is what came of sending a message.
type Answer struct {
	Taken bool
	Heard bool          // the endpoint has answered, whatever it said
	Never bool          // not taken: this message will not be, however often it is sent
	Over  bool          // not taken: it is given up at once, which is no fault of the endpoint
	Why   string        // not taken: what happened, without anything of the message
	After time.Duration // not before this time is over; 0: the endpoint has not said
}

// Dead is a message that was given up.
type Dead struct {
	Seq   uint64    `json:"seq"` // of its event
	ID    string    `json:"id"`
	Lead  lead.ID   `json:"lead_id"`
	At    time.Time `json:"at"`   // of its event
	Gone  time.Time `json:"gone"` // when it was given up
	Why   string    `json:"why"`
	Again time.Time `json:"again,omitzero"` // when somebody said that it be sent again
}

// Status is how a line stands.
type Status struct {
	Name    string `json:"name"`
	Next    uint64 `json:"next_seq"` // of the event that it looks at next
	Sent    int64  `json:"sent"`     // since the line began
	Waiting int    `json:"waiting"`  // messages, as far as they are known
	More    bool   `json:"waiting_more,omitempty"`
	Tries   int    `json:"tries"` // in a row that nothing was taken; 0: it takes what comes
	// so many that a message is no longer given up for what the endpoint says of it
	Broken bool       `json:"broken,omitempty"`
	Since  *time.Time `json:"failing_since,omitempty"`
	Why    string     `json:"why,omitempty"` // of the last try
	Again  int        `json:"to_be_replayed,omitempty"`
	Dead   int        `json:"dead"`                // messages that were given up and are listed
	Lost   int64      `json:"forgotten,omitempty"` // that were given up and are not listed any more: they were too many
}

// DeadMax is how many dead messages of a line are listed. Beyond it the oldest are forgotten, and said so in the log.
const DeadMax = 10_000

const (
	// breakAfter is how many tries in a row without success are the endpoint's fault, and not the messages'.
	breakAfter = 5
	// aloneAfter is how often a message is tried alone that the endpoint answers with an error, before the one behind
	// it may show that it is only this one.
	aloneAfter = 5
	// makeTries is how often a message is tried to be made, makeWait apart.
	makeTries = 12
	makeWait  = 5 * time.Second
	// waitingMax is how many seqs of waiting messages a line has in memory. What is behind them it looks for again.
	waitingMax = 4096
)
