// SPDX-License-Identifier: Apache-2.0

package request

// text is either way of holding it; nothing here keeps one.
type text interface{ ~string | ~[]byte }

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }
