// SPDX-License-Identifier: Apache-2.0

package page

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"clearpost/config/tree"
)

// value is what is to be written as YAML: a single value, a list, or keys with values in their order.
type value struct {
	text  string // as it stands in a file: in quotes where it needs them; of a block, its lines
	block bool   // text is several lines, to be written below |-
	list  []value
	keys  []string // those of values
	vals  []value
	kind  byte // kindText, kindList or kindKeys
}

const (
	kindText = 't'
	kindList = 'l'
	kindKeys = 'k'
)

const lineMax = 150 // characters; what fits into a line stands in one

// bare is what YAML reads as the text that it is.
var bare = regexp.MustCompile(`^[A-Za-z_/$][A-Za-z0-9_./()$-]*( [A-Za-z0-9_./()$-]+)*$`)

// bareOpen is what needs no quotes where a value ends with its line.
var bareOpen = regexp.MustCompile(`^(https?://[^\s#{}]*|\$\{(env|file):[A-Za-z0-9_./-]+\})$`)

// otherWords are what looks like a text and is something else.
var otherWords = []string{"true", "false", "null", "yes", "no", "on", "off", "y", "n"}

func textValue(s string) value {
	if bare.MatchString(s) && !slices.Contains(otherWords, strings.ToLower(s)) || bareOpen.MatchString(s) {
		return value{text: s, kind: kindText}
	}
	return value{text: quoteYAML(s), kind: kindText}
}

// rawValue is a number, a boolean or a null, as it is written.
func rawValue(s string) value { return value{text: s, kind: kindText} }

// blockValue is a text of several lines; one that a block cannot hold as it is stands in quotes.
func blockValue(s string) value {
	for line := range strings.Lines(s) {
		if strings.TrimRight(line, "\n") != strings.TrimRight(line, " \t\r\n") ||
			strings.ContainsFunc(line, func(r rune) bool {
				return r != '\n' && r < ' ' || r == 0x7f || r == 0xfffd
			}) {
			return textValue(s)
		}
	}
	if !strings.Contains(s, "\n") || strings.HasSuffix(s, "\n") || strings.HasPrefix(s, " ") {
		return textValue(s)
	}
	return value{text: s, block: true, kind: kindText}
}

// put adds a key.
func (p *value) put(key string, v value) {
	p.kind = kindKeys
	p.keys, p.vals = append(p.keys, key), append(p.vals, v)
}

func (p *value) add(v value) {
	p.kind = kindList
	p.list = append(p.list, v)
}

// quoteYAML writes a quoted YAML string: single quotes where they will do.
func quoteYAML(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool {
		return r < ' ' || r == 0x7f || r == 0xfeff || r == 0x2028 || r == 0x2029
	}) {
		if strings.Contains(s, `"`) || strings.Contains(s, `\`) {
			return "'" + strings.ReplaceAll(s, "'", "''") + "'"
		}
		return `"` + s + `"`
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r == 0xfeff || r == 0x2028 || r == 0x2029:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// valueOf takes a tree of YAML over; a text keeps being one.
func valueOf(n ast.Node) value {
	switch n := n.(type) {
	case *ast.MappingNode:
		p := value{kind: kindKeys}
		for _, kv := range n.Values {
			p.put(kv.Key.GetToken().Value, valueOf(kv.Value))
		}
		return p
	case *ast.SequenceNode:
		p := value{kind: kindList}
		for _, v := range n.Values {
			p.add(valueOf(v))
		}
		return p
	}
	text, kind := tree.Scalar(n)
	switch kind {
	case tree.Text:
		if strings.Contains(text, "\n") {
			return blockValue(text)
		}
		return textValue(text)
	case tree.None:
		return rawValue("null")
	}
	return rawValue(text)
}

// flow writes the value in a line.
func (p *value) flow(b *strings.Builder) {
	switch p.kind {
	case kindText:
		if p.block || bareOpen.MatchString(p.text) {
			b.WriteString(quoteYAML(p.text))
		} else {
			b.WriteString(p.text)
		}
	case kindList:
		b.WriteByte('[')
		for i := range p.list {
			if i > 0 {
				b.WriteString(", ")
			}
			p.list[i].flow(b)
		}
		b.WriteByte(']')
	default:
		b.WriteByte('{')
		for i := range p.keys {
			if i > 0 {
				b.WriteString(", ")
			}
			key := textValue(p.keys[i])
			key.flow(b)
			b.WriteString(": ")
			p.vals[i].flow(b)
		}
		b.WriteByte('}')
	}
}

// inline is the value in a line, if it may stand in one that has so many characters already.
func (p *value) inline(used int) (string, bool) {
	if p.block || slices.ContainsFunc(p.list, func(v value) bool { _, ok := v.inline(used); return !ok }) ||
		slices.ContainsFunc(p.vals, func(v value) bool { _, ok := v.inline(used); return !ok }) {
		return "", false
	}
	var b strings.Builder
	p.flow(&b)
	return b.String(), used+b.Len() <= lineMax
}

// long are keys whose values have lines of their own, however short they are.
var long = []string{"campaigns", "ping", "post", "request", "answer", "fields", "rules", "reasons", "examples", "set"}

// write writes keys and lists a line each, at an indent; what fits into a line stands in one.
func (p *value) write(b *strings.Builder, indent int) {
	pad := strings.Repeat(" ", indent)
	for i := range p.keys {
		b.WriteString(pad)
		p.entry(b, i, indent)
	}
	for i := range p.list {
		v := &p.list[i]
		b.WriteString(pad + "- ")
		named := len(v.keys) > 0 && (v.keys[0] == "name" || v.keys[0] == "id")
		if line, fits := v.inline(indent); v.kind != kindKeys || fits && !named {
			if !fits {
				var long strings.Builder
				v.flow(&long)
				line = long.String()
			}
			b.WriteString(line + "\n")
			continue
		}
		for k := range v.keys {
			if k > 0 {
				b.WriteString(pad + "  ")
			}
			v.entry(b, k, indent+2)
		}
	}
}

// entry writes a key and its value behind an indent that stands there already.
func (p *value) entry(b *strings.Builder, i, indent int) {
	key, v := textValue(p.keys[i]), &p.vals[i]
	b.WriteString(key.text + ":")
	switch {
	case v.block:
		b.WriteString(" |-\n")
		for line := range strings.Lines(v.text) {
			if line != "\n" {
				b.WriteString(strings.Repeat(" ", indent+2))
			}
			b.WriteString(line)
		}
		b.WriteByte('\n')
		return
	case v.kind == kindText:
		b.WriteString(" " + v.text + "\n")
		return
	}
	if line, fits := v.inline(indent + len(key.text) + 2); fits && (!slices.Contains(long, p.keys[i]) ||
		slices.Contains(v.keys, "body")) || len(v.keys)+len(v.list) == 0 {
		b.WriteString(" " + line + "\n")
		return
	}
	b.WriteByte('\n')
	v.write(b, indent+2)
}
