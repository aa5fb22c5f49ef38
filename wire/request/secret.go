// SPDX-License-Identifier: Apache-2.0

package request

import (
	"fmt"
	"strings"
)

// secretText is a text with its placeholders resolved, in both readings: with the secrets, and as the file has it.
type secretText struct {
	parts []textPart
}

// textPart is plain text, or a secret with its placeholder.
type textPart struct {
	plain  string
	holder string // the placeholder, empty for plain text
}

// resolve splits a text at its placeholders. The error names a placeholder, never a secret.
func resolve(s string, opt Options) (secretText, error) {
	var t secretText
	plain := ""
	for {
		at := strings.Index(s, "${")
		if at < 0 {
			plain += s
			break
		}
		if at > 0 && s[at-1] == '$' {
			plain += s[:at-1] + "${"
			s = s[at+2:]
			continue
		}
		end := strings.IndexByte(s[at:], '}')
		if end < 0 {
			return t, fmt.Errorf("a closing brace after ${ (write $${ for a plain ${)")
		}
		holder := s[at : at+end+1]
		if !printable(holder) || !strings.HasPrefix(holder, "${env:") && !strings.HasPrefix(holder, "${file:") {
			return t, fmt.Errorf("${env:NAME} or ${file:PATH}, not %q (write $${ for a plain ${)", holder)
		}
		var value string
		ok := false
		if opt.Secrets != nil {
			value, ok = opt.Secrets(holder)
		}
		if !ok {
			return t, fmt.Errorf("a secret behind %s: it is not set", holder)
		}
		plain += s[:at]
		if plain != "" {
			t.parts = append(t.parts, textPart{plain: plain})
		}
		t.parts = append(t.parts, textPart{plain: value, holder: holder})
		plain, s = "", s[at+end+1:]
	}
	if plain != "" {
		t.parts = append(t.parts, textPart{plain: plain})
	}
	return t, nil
}

// escape appends a text in some encoding.
type escape func(dst []byte, s string) []byte

func asIs(dst []byte, s string) []byte { return append(dst, s...) }

// encode puts the plain parts, the secrets and the placeholders each through an escape.
func (t secretText) encode(plain, secret, holder escape) constant {
	c := constant{plain: []byte{}, redacted: []byte{}}
	for _, p := range t.parts {
		if p.holder == "" {
			c.plain = plain(c.plain, p.plain)
			c.redacted = plain(c.redacted, p.plain)
			continue
		}
		c.plain = secret(c.plain, p.plain)
		c.redacted = holder(c.redacted, p.holder)
	}
	return c
}

// constant is a text as it stands in a request, already encoded, in both readings.
type constant struct{ plain, redacted []byte }

func (c *constant) append(dst []byte, redact bool) []byte {
	if redact {
		return append(dst, c.redacted...)
	}
	return append(dst, c.plain...)
}

func (c *constant) text(redact bool) []byte {
	if redact {
		return c.redacted
	}
	return c.plain
}

// add puts another behind it.
func (c *constant) add(o constant) {
	c.plain = append(c.plain, o.plain...)
	c.redacted = append(c.redacted, o.redacted...)
}

// addText puts a text that is no secret behind it.
func (c *constant) addText(s string) {
	c.plain = append(c.plain, s...)
	c.redacted = append(c.redacted, s...)
}
