// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"encoding/binary"
	"math/rand/v2"
	"time"

	"clearpost/lead"
)

// NewID makes the id of a lead, an attempt or an event, a UUID version 7 (RFC 9562 §5.7): 48 bits of milliseconds, 12
// of the fraction of the millisecond so that ids of one moment sort by time, 62 random. It is a name, not a secret: the
// runtime's generator is seeded by the system and takes no lock that all pings share, which the usual library does.
func NewID(t time.Time) lead.ID {
	var id lead.ID
	ms := t.UnixMilli()
	frac := uint64(t.UnixNano()-ms*1_000_000) * 4096 / 1_000_000
	binary.BigEndian.PutUint64(id[:8], uint64(ms)<<16|7<<12|frac&0xfff)
	binary.BigEndian.PutUint64(id[8:], rand.Uint64()>>2|1<<63)
	return id
}
