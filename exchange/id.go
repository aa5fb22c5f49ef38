// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"time"

	"clearpost/lead"
)

// newID makes a UUID version 7 (RFC 9562 §5.7): 48 bits of milliseconds, 12 of the fraction of the millisecond so that ids
// of one moment sort by time, 62 random. The runtime's generator is seeded by the system and takes no lock, which the
// usual library does.
func newID(t time.Time) lead.ID {
	var id lead.ID
	ms := t.UnixMilli()
	frac := uint64(t.UnixNano()-ms*1_000_000) * 4096 / 1_000_000
	binary.BigEndian.PutUint64(id[:8], uint64(ms)<<16|7<<12|frac&0xfff)
	binary.BigEndian.PutUint64(id[8:], rand.Uint64()>>2|1<<63)
	return id
}

// person hashes the fields that name a person: 128 bits of SHA-256 over their names and normal values, in hex. It is empty unless
// all of them are there and valid.
func person(v *Vertical, l *lead.Lead) string {
	if len(v.PersonKey) == 0 {
		return ""
	}
	var buf [1024]byte
	b := buf[:0]
	for _, pos := range v.PersonKey {
		if l.Slot(pos).State != lead.Valid {
			return ""
		}
		b = append(append(b, v.Schema.Fields[pos].Name...), '=')
		b = append(append(b, l.Normal(pos)...), '\n')
	}
	sum := sha256.Sum256(b)
	var out [32]byte
	hex.Encode(out[:], sum[:16])
	return string(out[:])
}
