// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"maps"
	"slices"

	"github.com/goccy/go-json"

	"clearpost/ledger"
)

// capsFold is the name under which the ledger keeps what caps allowed when it was last told.
const capsFold = "caps"

// tellCaps writes down which caps allow something else than when it was last told, are new, or are gone: from then on
// they are counted by that. It is told again where it was cut off between the event and the note of it.
func (e *Exchange) tellCaps(snap *Snapshot) error {
	if e.offline {
		return nil
	}
	is := map[string]string{}
	for _, c := range capsOf(snap) {
		is[c.Title()] = c.String()
	}
	b, err := e.led.Fold(capsFold)
	if err != nil {
		return err
	}
	was := map[string]string{}
	known := b != nil && json.Unmarshal(b, &was) == nil
	if known && maps.Equal(was, is) {
		return nil
	}
	var events []ledger.Event
	names := slices.Concat(slices.Collect(maps.Keys(was)), slices.Collect(maps.Keys(is)))
	slices.Sort(names)
	for _, title := range slices.Compact(names) {
		if known && was[title] != is[title] {
			events = append(events, &ledger.Adjusted{Head: snap.head(ledger.KindAdjusted, noLead, "", "", e.now()),
				Adjustment: ledger.AdjustCap, Subject: "cap:" + title, CapWas: was[title], CapIs: is[title],
				Why: "another configuration", By: byClearpost})
		}
	}
	for part := range slices.Chunk(events, importChunk) {
		if err := e.led.Append(part...); err != nil {
			return err
		}
	}
	if b, err = json.Marshal(is); err != nil {
		return err
	}
	return e.led.KeepFold(capsFold, b)
}
