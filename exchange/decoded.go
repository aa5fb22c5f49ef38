// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"github.com/dgraph-io/ristretto/v2"

	"clearpost/ledger"
)

// decodedBytesMax bounds the encoded size of the events whose decoded form is kept.
const decodedBytesMax = 16 << 20

// decoded keeps events that were read back lately, by their number. A history is folded anew each time somebody asks
// for it, so that it is never stale; but sellers who poll a pending lead, or repeat a post, ask for the same few events
// again and again, and an event never changes once it has a number. What is lost here is decoded again.
type decoded struct {
	cache *ristretto.Cache[uint64, ledger.Event]
}

func newDecoded() (decoded, error) {
	c, err := ristretto.NewCache(&ristretto.Config[uint64, ledger.Event]{NumCounters: 10 * decodedBytesMax / 1024,
		MaxCost: decodedBytesMax, BufferItems: 64})
	return decoded{c}, err
}

// event is the record's event. It is shared: nobody may change it.
func (d decoded) event(r ledger.Record) (ledger.Event, error) {
	if ev, ok := d.cache.Get(r.Seq); ok {
		return ev, nil
	}
	ev, err := ledger.Decode(r.Bytes)
	if err == nil {
		d.cache.Set(r.Seq, ev, int64(len(r.Bytes)))
	}
	return ev, err
}

func (d decoded) close() { d.cache.Close() }
