// SPDX-License-Identifier: Apache-2.0

package node

import "clearpost/exchange"

// onChange reads what becomes of a post that changes what its ping was priced by.
func (l *loader) onChange(f *sourceFile, text string) exchange.OnChange {
	switch text {
	case "":
		return exchange.OnChangeUnset
	case "refuse":
		return exchange.OnChangeRefuse
	case "keep":
		return exchange.OnChangeKeep
	}
	l.bad(f, "on_change", text, "refuse or keep")
	return exchange.OnChangeUnset
}
