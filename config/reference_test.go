// SPDX-License-Identifier: Apache-2.0

package config

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	emit "github.com/invopop/jsonschema"
)

var rewriteReference = flag.Bool("rewrite-reference", false, "write docs/reference/keys")

const referenceDir = "../docs/reference/keys"

// referencePages are the pages of the reference. A section stands on the page of its kind of file whose place is the
// longest beginning of its own.
var referencePages = []struct{ kind, at, file, title string }{
	{"clearpost", "", "node.md", "Keys of clearpost.yaml"},
	{"vertical", "", "verticals.md", "Keys of verticals/*.yaml"},
	{"source", "", "sources.md", "Keys of sources/*.yaml"},
	{"buyer", "", "buyers.md", "Keys of buyers/*.yaml: buyers and campaigns"},
	{"buyer", "campaigns[].ping", "calls.md", "Keys of buyers/*.yaml: calls and requests"},
	{"buyer", "campaigns[].ping.answer", "answers.md", "Keys of buyers/*.yaml: answers"},
	{"buyer", "campaigns[].batch", "batch.md", "Keys of buyers/*.yaml: leads in files"},
	{"buyer", "campaigns[].examples[]", "examples.md", "Keys of buyers/*.yaml: examples"},
	{"template", "", "templates.md", "Keys of templates/*.yaml"},
	{"statement", "", "statements.md", "Keys of statements/*.yaml: how statements of buyers are read"},
}

const referenceIntro = `
Made of the types that read the files: ` + "`go test ./config -run Reference -rewrite-reference`" + ` writes this page. A value in
parentheses at the end is what holds where the key is absent. "List of" and "names with" hold further values; keys with
keys of their own have a section of their own.
`

// The reference has every key that the loader reads, with the comment at its field.
func TestReferenceIsMadeOfTheTypes(t *testing.T) {
	comments := commentsOf(t, commentedDirs...)
	pages := map[string]*strings.Builder{}
	for _, p := range referencePages {
		pages[p.file] = &strings.Builder{}
		pages[p.file].WriteString("# " + p.title + "\n" + referenceIntro)
	}
	for _, c := range configFiles {
		s, types := reflected(t, c.kind, c.spec, comments)
		w := referenceWriter{kind: c.kind, pages: pages, schema: s, place: map[string]string{},
			also: map[string][]string{}, below: map[string][]string{},
			about: func(def string) string { return withoutName(comments[types[def]]) }}
		w.write()
	}
	for file, page := range pages {
		path := filepath.Join(referenceDir, file)
		if *rewriteReference {
			if err := os.WriteFile(path, []byte(page.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(path)
		if err != nil || string(got) != page.String() {
			t.Errorf("%s is not what the types say (%v): go test ./config -run Reference -rewrite-reference", path, err)
		}
	}
}

// referenceWriter writes what may stand in one kind of file, from the top down.
type referenceWriter struct {
	kind   string
	pages  map[string]*strings.Builder // by file
	schema *emit.Schema
	about  func(def string) string // what stands above the type of a definition
	place  map[string]string       // by definition: where it stands first, such as campaigns[].ping
	also   map[string][]string     // and where else
	below  map[string][]string     // by definition: those that stand first at its keys; "" is the file
}

func (w *referenceWriter) write() {
	w.meet(w.schema, "", "")
	w.table(w.schema, w.file(""))
	w.sections(w.below[""])
}

// file is the page on which the section of a place stands.
func (w *referenceWriter) file(place string) string {
	file, longest := "", -1
	for _, p := range referencePages {
		rest, within := strings.CutPrefix(place, p.at)
		within = within && (p.at == "" || rest == "" || rest[0] == '.')
		if p.kind == w.kind && within && len(p.at) > longest {
			file, longest = p.file, len(p.at)
		}
	}
	return file
}

// sections writes definitions, each with those below it.
func (w *referenceWriter) sections(defs []string) {
	for _, def := range defs {
		file := w.file(w.place[def])
		b := w.pages[file]
		fmt.Fprintf(b, "\n## %s\n", w.place[def])
		if text := w.about(def); text != "" {
			b.WriteString("\n" + text)
		}
		if also := w.also[def]; len(also) > 0 {
			b.WriteString("\n" + filled("The same stands at `"+strings.Join(also, "`, `")+"`.", "") + "\n")
		}
		w.table(w.schema.Definitions[def], file)
		w.sections(w.below[def])
	}
}

// meet notes the definitions to which the keys of one lead, and those to which theirs do. A ping comes first: most of
// what a campaign has is looked for there.
func (w *referenceWriter) meet(s *emit.Schema, name, at string) {
	var keys []string
	for p := s.Properties.Oldest(); p != nil; p = p.Next() {
		keys = append(keys, p.Key)
	}
	if i := slices.Index(keys, "ping"); i > 0 {
		keys = append([]string{"ping"}, slices.Delete(keys, i, i+1)...)
	}
	for _, key := range keys {
		v, _ := s.Properties.Get(key)
		path := strings.TrimPrefix(at+"."+key, ".")
		if v.Items != nil {
			v, path = v.Items, path+"[]"
		}
		if v.AdditionalProperties != nil && v.AdditionalProperties.Ref != "" {
			v, path = v.AdditionalProperties, path+".NAME"
		}
		def := strings.TrimPrefix(v.Ref, "#/$defs/")
		switch {
		case def == "":
		case w.place[def] == "":
			w.place[def] = path
			w.below[name] = append(w.below[name], def)
			w.meet(w.schema.Definitions[def], def, path)
		case !strings.HasPrefix(path, w.place[def]): // not within itself
			w.also[def] = append(w.also[def], path)
		}
	}
}

// table writes the keys of a schema as a table, or where a row would be too wide as a list.
func (w *referenceWriter) table(s *emit.Schema, file string) {
	var rows, items []string
	wide := false
	for p := s.Properties.Oldest(); p != nil; p = p.Next() {
		name := "`" + p.Key + "`"
		if slices.Contains(s.Required, p.Key) {
			name += " (must be there)"
		}
		value, about := w.value(p.Value, file), p.Value.Description
		row := fmt.Sprintf("| %s | %s | %s |", name, value, strings.ReplaceAll(about, "|", `\|`))
		item := "- " + name
		for _, part := range []string{value, about} {
			if part != "" {
				item += ": " + part
			}
		}
		rows, items = append(rows, row), append(items, filled(item, "  "))
		wide = wide || utf8.RuneCountInString(row) > referenceColumns
	}
	b := w.pages[file]
	if wide {
		b.WriteString("\n" + strings.Join(items, "\n") + "\n")
		return
	}
	b.WriteString("\n| key | value | meaning |\n|---|---|---|\n" + strings.Join(rows, "\n") + "\n")
}

// value says what may stand at a key.
func (w *referenceWriter) value(s *emit.Schema, file string) string {
	switch {
	case s.Ref != "":
		to := w.place[strings.TrimPrefix(s.Ref, "#/$defs/")]
		page := w.file(to)
		if page == file {
			page = ""
		}
		return fmt.Sprintf("[keys](%s#%s)", page, slug(to))
	case s.Enum != nil:
		var words []string
		for _, v := range s.Enum {
			words = append(words, fmt.Sprintf("`%v`", v))
		}
		return strings.Join(words, ", ")
	case s.Items != nil:
		return "list of " + w.value(s.Items, file)
	case s.AdditionalProperties != nil:
		return "names with " + w.value(s.AdditionalProperties, file)
	case slices.ContainsFunc(s.OneOf, func(o *emit.Schema) bool { return o.Type == "array" }):
		return "text, or list of text"
	case slices.ContainsFunc(s.OneOf, func(o *emit.Schema) bool { return o.Pattern != "" }):
		return "decimal number"
	case s.OneOf != nil:
		return "text"
	}
	return map[string]string{"integer": "whole number", "boolean": "true or false",
		"object": "names with values"}[s.Type]
}

// referenceColumns is the widest line that is written.
const referenceColumns = 140

// filled breaks a paragraph into lines; all but the first begin with indent.
func filled(text, indent string) string {
	var b strings.Builder
	used := 0
	for i, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case used+1+n > referenceColumns:
			b.WriteString("\n" + indent)
			used = len(indent)
		default:
			b.WriteByte(' ')
			used++
		}
		b.WriteString(word)
		used += n
	}
	return b.String()
}

// withoutName is a type's comment without the name with which it begins.
func withoutName(comment string) string {
	_, text, _ := strings.Cut(comment, " ")
	text = strings.TrimPrefix(text, "is ")
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// slug is the anchor that renderers of Markdown give a heading.
func slug(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
			return unicode.ToLower(r)
		}
		return -1
	}, heading)
}
