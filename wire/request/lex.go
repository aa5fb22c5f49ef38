// SPDX-License-Identifier: Apache-2.0

package request

import (
	"fmt"
	"strings"
)

// tokenKind is a kind of token within an expression.
type tokenKind uint8

const (
	tokenWord tokenKind = iota
	tokenText           // in quotes
	tokenPipe
)

type token struct {
	kind tokenKind
	text string
}

// lexExpression splits what follows {{ up to the closing }}, or a whole text where closed is false.
func lexExpression(s string, closed bool) (out []token, rest string, err error) {
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case isSpace(c):
			i++
		case closed && strings.HasPrefix(s[i:], "}}"):
			return out, s[i+2:], nil
		case c == '|':
			out = append(out, token{tokenPipe, "|"})
			i++
		case c == '"' || c == '\'':
			text, n, ok := lexText(s[i:])
			if !ok {
				return nil, "", fmt.Errorf("a closing %c in the expression", c)
			}
			out = append(out, token{tokenText, text})
			i += n
		default:
			n := 0
			for i+n < len(s) && !isSpace(s[i+n]) && strings.IndexByte("|\"'{}", s[i+n]) < 0 {
				n++
			}
			if n == 0 {
				return nil, "", fmt.Errorf("no %c within an expression: a text with it stands in quotes", c)
			}
			out = append(out, token{tokenWord, s[i : i+n]})
			i += n
		}
		if len(out) > 4*FiltersMax+2*MapEntriesMax {
			return nil, "", fmt.Errorf("a shorter expression")
		}
	}
	if closed {
		return nil, "", fmt.Errorf("}} after each {{ (a plain {{ is written {{ '{{' }})")
	}
	return out, "", nil
}

// lexText reads a text in quotes and tells how many bytes it took; a backslash takes the next sign as it is, \n and \t
// apart.
func lexText(s string) (string, int, bool) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; c {
		case s[0]:
			return b.String(), i + 1, true
		case '\\':
			if i++; i == len(s) {
				return "", 0, false
			}
			switch s[i] {
			case 'n':
				b.WriteByte('\n')
			case 't':
				b.WriteByte('\t')
			default:
				b.WriteByte(s[i])
			}
		default:
			b.WriteByte(c)
		}
	}
	return "", 0, false
}
