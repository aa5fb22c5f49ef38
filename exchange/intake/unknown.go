// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"clearpost/exchange"
	"clearpost/lead"
)

// Limits of what is kept of names that the vertical does not know. What is above them is dropped.
const (
	UnknownMax           = 32      // names
	UnknownNameBytesMax  = 128     // of one name: longer ones are not kept
	UnknownValueBytesMax = 512     // of one value: longer ones are cut
	UnknownBytesMax      = 4 << 10 // of all names and values together
)

// keep keeps a pair that nobody knows, as sent. Objects and lists with objects are kept by what stands in them.
func (v *envelope) keep(name string, val gjson.Result) {
	said := strings.TrimSpace(single(val))
	if val.Type == gjson.Null || said == "" || val.IsObject() || val.IsArray() &&
		slices.ContainsFunc(val.Array(), func(e gjson.Result) bool {
			return e.Type == gjson.JSON
		}) {
		return
	}
	if len(v.unknown) == UnknownMax || len(name) > UnknownNameBytesMax || name == "" ||
		strings.HasSuffix(lower(name), googleKey) {
		return // a key is kept nowhere, also where it does not count as one
	}
	name = plainLine(name)
	if slices.ContainsFunc(v.unknown, func(f exchange.FieldValue) bool { return f.Name == name }) {
		return
	}
	if len(said) > UnknownValueBytesMax {
		said = said[:UnknownValueBytesMax]
	}
	said = strings.Clone(strings.ToValidUTF8(said, "\ufffd"))
	if looksLikeSSN(name, said) {
		said = string(lead.MaskSSN(&lead.Field{Type: lead.TypeText}, nil))
	}
	if v.unknownBytes += len(name) + len(said); v.unknownBytes > UnknownBytesMax {
		return
	}
	v.unknown = append(v.unknown, exchange.FieldValue{Name: name, Value: said})
}

// looksLikeSSN tells whether a value may be a social security number, which is kept nowhere.
func looksLikeSSN(name, value string) bool {
	name = lower(name)
	if strings.Contains(name, "ssn") || strings.Contains(name, "social_sec") || strings.Contains(name, "socialsec") {
		return true
	}
	if len(value) != len("000-00-0000") {
		return false
	}
	for i := range len(value) {
		dash := i == 3 || i == 6
		if c := value[i]; dash && c != '-' && c != ' ' || !dash && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// plainLine copies a name, with a question mark for what does not print.
func plainLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\ufffd' || r >= 0x80 && r < 0xa0 {
			return '?'
		}
		return r
	}, strings.Clone(s))
}
