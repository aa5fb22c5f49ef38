// SPDX-License-Identifier: Apache-2.0

package intake

import "clearpost/exchange"

// profile is a way to be spoken to that sellers know from elsewhere: its own paths, names and answers.
type profile struct {
	name  string
	key   string            // the name under which the request holds the key, in lower case
	alias map[string]string // their names → ours
	root  string            // of answers in XML
	xml   bool              // answers are XML unless the request wants JSON

	answer  func(r *exchange.Reply, ping bool) (status int, v any)
	trouble func(status int, t *trouble, ping bool) (int, any)
}

func (p *profile) keyName() string {
	if p == nil {
		return "key"
	}
	return p.key
}

func (p *profile) names() map[string]string {
	if p == nil {
		return nil
	}
	return p.alias
}

// profiles are all but our own, by name.
var profiles = map[string]*profile{}
