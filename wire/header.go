// SPDX-License-Identifier: Apache-2.0

package wire

import "strings"

// HeaderName tells whether a text may be the name of a header, or one of the two halves of a media type.
func HeaderName(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' ||
			strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0) {
			return false
		}
	}
	return s != "" && len(s) <= 256
}
