// SPDX-License-Identifier: Apache-2.0

package request

import (
	"fmt"
	"strings"

	"clearpost/wire"
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

// constant encodes a constant, a default or a value of a map as it stands in the body; nil if it has a defect.
func (c *compiler) constant(path string, v wire.Scalar, s *FieldSpec, enc encoding) *constant {
	if v.Kind == wire.ScalarNone {
		c.bad(path, v.Text, "a single value")
		return nil
	}
	t, err := resolve(v.Text, c.opt)
	if err != nil {
		c.bad(path, v.Text, "%s", err)
		return nil
	}
	plain := t.encode(asIs, asIs, asIs).plain
	if len(plain) > ConstantBytesMax {
		c.bad(path, "", "at most %d bytes, secrets included", ConstantBytesMax)
		return nil
	}
	if enc != encodeJSON {
		k := t.encode(escapeOf(enc), escapeOf(enc), holderOf(enc))
		return &k
	}
	kind, err := constantKind(v, s.Type)
	if err != nil {
		c.bad(path, v.Text, "%s", err)
		return nil
	}
	fits := true
	switch kind {
	case wire.ScalarNumber:
		fits = validNumber(plain)
	case wire.ScalarBoolean:
		fits = string(plain) == "true" || string(plain) == "false"
	default:
		k := t.encode(appendJSON[string], appendJSON[string], appendJSON[string])
		return &constant{quote(k.plain), quote(k.redacted)}
	}
	if !fits && v.Kind == wire.ScalarString {
		c.bad(path, v.Text, "a %s, as the field's type says", s.Type)
		return nil
	}
	if !fits {
		c.bad(path, v.Text, "a number as JSON writes them, such as 5 or 12.50; in quotes it is sent as text")
		return nil
	}
	k := t.encode(asIs, asIs, func(dst []byte, h string) []byte {
		return append(append(append(dst, '"'), appendJSON(nil, h)...), '"')
	})
	return &k
}

// constantKind decides how JSON shows a constant in a field of a type.
func constantKind(v wire.Scalar, typ string) (wire.ScalarKind, error) {
	switch {
	case typ == "string":
		return wire.ScalarString, nil
	case typ == "number" && v.Kind == wire.ScalarBoolean, typ == "boolean" && v.Kind == wire.ScalarNumber:
		return 0, fmt.Errorf("a %s, as the field's type says", typ)
	case typ == "number":
		return wire.ScalarNumber, nil
	case typ == "boolean":
		return wire.ScalarBoolean, nil
	}
	return v.Kind, nil
}

func quote(b []byte) []byte { return append(append([]byte{'"'}, b...), '"') }
