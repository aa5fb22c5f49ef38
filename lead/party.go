// SPDX-License-Identifier: Apache-2.0

package lead

import (
	"strings"
	"unicode"
)

// Party is a company as it stands on statements: whoever runs the exchange, a buyer, a source.
type Party struct {
	Name    string   `json:"name"`
	Address []string `json:"address,omitempty"` // lines
	TaxID   string   `json:"tax_id,omitempty"`
	Email   string   `json:"email,omitempty"`
	PayTo   []string `json:"pay_to,omitempty"` // lines: how it is paid
}

// Printable tells whether a text is one line that can be printed: valid, and without control characters.
func Printable(text string) bool {
	return !strings.ContainsFunc(strings.ToValidUTF8(text, "\x00"), unicode.IsControl)
}
