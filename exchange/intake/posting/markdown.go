// SPDX-License-Identifier: Apache-2.0

package posting

import (
	"bytes"
	_ "embed"
	"strings"
	"text/template"
)

//go:embed page.md.tmpl
var pageMD string

var markdown = template.Must(template.New("page.md").Funcs(template.FuncMap{
	"text":   plainMD,
	"list":   func(list []string) string { return plainMD(strings.Join(list, ", ")) },
	"ticked": ticked,
	"values": func(list []Value) string {
		var out []string
		for _, v := range list {
			text := ticked([]string{v.Value})
			if len(v.Also) > 0 {
				text += " (also " + plainMD(strings.Join(v.Also, ", ")) + ")"
			}
			out = append(out, text)
		}
		return strings.Join(out, ", ")
	},
	"notes": func(f fieldView) string {
		var out []string
		if f.Personal {
			out = append(out, "personal")
		}
		if f.Derived != "" {
			out = append(out, "where it is not sent, made from `"+f.Derived+"`")
		}
		if f.Default != "" {
			out = append(out, "where it is not sent, "+ticked([]string{f.Default}))
		}
		return strings.Join(out, "; ")
	},
}).Parse(pageMD))

// plainMD keeps a text from being read as Markdown, also in a table.
func plainMD(s string) string {
	var b strings.Builder
	for _, c := range strings.Join(strings.Fields(s), " ") {
		if strings.ContainsRune("\\`*_[]<>|#", c) {
			b.WriteByte('\\')
		}
		b.WriteRune(c)
	}
	return b.String()
}

// ticked writes names as code, in a table too.
func ticked(list []string) string {
	var out []string
	for _, s := range list {
		if strings.ContainsAny(s, "`|") {
			out = append(out, plainMD(s))
			continue
		}
		out = append(out, "`"+s+"`")
	}
	return strings.Join(out, ", ")
}

// Markdown writes the spec as Markdown.
func (p *Page) Markdown() ([]byte, error) {
	var b bytes.Buffer
	err := markdown.Execute(&b, p.view())
	return b.Bytes(), err
}
