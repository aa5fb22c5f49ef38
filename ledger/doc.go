// SPDX-License-Identifier: Apache-2.0

// Package ledger is the one durable truth of an exchange: typed events, the log that holds them, the views derived
// from them, and the copy that goes to Kafka.
//
// append.go and writer.go take groups of events from any goroutine and store what gathered during the last sync as
// one batch of the log (journal.go, on raft-wal: segments, checksums, contiguous sequence numbers). After a failed
// write the writer closes the log, opens it again, reads back what is there, and answers each caller truthfully
// (fate.go).
//
// views.go and apply.go keep views on Pebble (lead to events, idempotency keys, seller lead ids, persons, contents
// of one-shot leads, cap counts, open attempts, pauses), written with the sequence number that they reach;
// overlay.go holds what was appended and is not applied yet, so that a lookup sees everything that was acknowledged.
// sieve.go knows in memory whose leads were never received, so that a ping need not read. Where the disk is full
// Pebble would try again without a pause: viewsdisk.go makes it rest.
//
// tidy.go looks at the log's end before anything is changed: a log that ends before what the views, Kafka or its own
// remains (remains.go) prove to have been durable is refused (lost.go). recover.go takes back what can be, and writes
// in the place of the rest that it is lost. verify.go reads all of it (segments.go) and compares.
//
// ship.go copies to Kafka from a cursor: a broker that is away grows a backlog and no latency. retain.go drops old
// events that are applied, shipped and not open. A record that cannot be read is named and set apart
// (unreadable.go). configs.go keeps every configuration by its hash before its first use.
package ledger
