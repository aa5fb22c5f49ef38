// SPDX-License-Identifier: Apache-2.0

package wire

import "strings"

// Limits of paths, of requests and of answers.
const (
	PathDepthMax = 16  // steps of a path
	PathBytesMax = 256 // bytes of a path or form name
	ListIndexMax = 63  // highest index in a path
)

// TakeKey reads a key up to a dot or a bracket and tells how many bytes it took.
func TakeKey(s string) (string, int) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '.', '[':
			return b.String(), i
		case '\\':
			if i++; i == len(s) {
				return "", i
			}
			b.WriteByte(s[i])
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), len(s)
}
