// SPDX-License-Identifier: Apache-2.0

package audit

import "github.com/tidwall/gjson"

// seenEvent is an event of the ledger.
type seenEvent struct {
	hash    uint64 // of its bytes
	shipped bool
}

// shipped takes one record as read from Kafka.
func (a *auditor) shipped(b []byte) {
	i, ok := parseID(gjson.GetBytes(b, "event_id").Str)
	if !ok {
		a.found(RuleShippedUnknown, id{}, "Kafka has a record without an event id: %.60q", b)
		return
	}
	e, ok := a.events[i]
	switch {
	case !ok:
		a.found(RuleShippedUnknown, id{}, "Kafka has event %s, the ledger does not", i)
		return
	case e.hash != hash(b):
		a.found(RuleShippedDiffers, id{}, "event %s has other bytes in Kafka than in the ledger", i)
	}
	if !e.shipped {
		e.shipped = true
		a.events[i] = e
		a.report.Counts.Shipped++
	}
}

func (a *auditor) finishShipped() {
	for i, e := range a.events {
		if !e.shipped {
			a.found(RuleNotShipped, id{}, "event %s did not come out of Kafka", i)
		}
	}
}
