// SPDX-License-Identifier: Apache-2.0

package memory

import "clearpost/lead"

// tokens are the last ones that were told, up to a number.
type tokens struct {
	known map[lead.ID]struct{}
	ring  []lead.ID // all that were added, next the oldest once it is full
	next  int
	most  int
}

func newTokens(most int) tokens { return tokens{known: map[lead.ID]struct{}{}, most: most} }

func (t *tokens) have(token lead.ID) bool {
	_, there := t.known[token]
	return there
}

// add reports false where the token is there already.
func (t *tokens) add(token lead.ID) bool {
	if t.have(token) {
		return false
	}
	t.known[token] = struct{}{}
	if len(t.ring) < t.most {
		t.ring = append(t.ring, token)
		return true
	}
	delete(t.known, t.ring[t.next])
	t.ring[t.next] = token
	t.next = (t.next + 1) % t.most
	return true
}
