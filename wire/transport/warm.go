// SPDX-License-Identifier: Apache-2.0

package transport

// Warm sees to it that n connections, as far as the target's limit and the dials allow, are idle at once. One worker
// does it, one dial after another, and the caller does not wait. False: no worker was free.
func (t *Target) Warm(n int) bool {
	return t.client.submitFor(t, func() { t.warmUp(n) }) == nil
}

func (t *Target) warmUp(n int) {
	defer t.counts.cold.Add(-1)
	var held []*conn // together, or each would only take what the one before has given back
	for len(held) < n {
		w, err := t.dial(nil)
		if err != nil {
			break
		}
		held = append(held, w)
	}
	for _, w := range held {
		t.giveBack(w, true)
	}
}
