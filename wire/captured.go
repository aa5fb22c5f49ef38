// SPDX-License-Identifier: Apache-2.0

package wire

// Limits of what an answer to a ping may give for the request of its post.
const (
	CapturesMax     = 8   // values of one answer
	CaptureBytesMax = 256 // of one value; a longer one is none
)

// Captured is a named value of an answer to a ping.
type Captured struct {
	Name  string
	Value []byte
}

// ValidCapture tells whether a value may have that name: 1 to 32 of a–z, 0–9 and _, beginning with a letter.
func ValidCapture(name string) bool {
	for i := 0; i < len(name); i++ {
		c := name[i]
		if !(c >= 'a' && c <= 'z' || i > 0 && (c >= '0' && c <= '9' || c == '_')) {
			return false
		}
	}
	return name != "" && len(name) <= 32
}
