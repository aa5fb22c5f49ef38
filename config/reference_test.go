// SPDX-License-Identifier: Apache-2.0

package config

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode"

	emit "github.com/invopop/jsonschema"
)

var rewriteReference = flag.Bool("rewrite-reference", false, "write docs/configuration.md")

const referenceFile = "../docs/configuration.md"

const referenceIntro = `# Every key of the configuration

Made of the types that read the files: ` + "`go test ./config -run Reference -rewrite-reference`" + ` writes this page. What
the keys are for, with examples, stands in operators.md (clearpost.yaml, verticals, sources) and buyers.md (buyers, templates);
` + "`clearpost schema`" + ` has the same for editors. A value in parentheses at the end is what holds where the key is absent. "List of"
and "names with" hold further values; keys with keys of their own have a section below.
`

// The reference has every key that the loader reads, with the comment at its field.
func TestReferenceIsMadeOfTheTypes(t *testing.T) {
	comments := commentsOf(t, commentedDirs...)
	var b strings.Builder
	b.WriteString(referenceIntro)
	for _, c := range configFiles {
		file := strings.TrimPrefix(c.example, "../buyers/")
		s, types := reflected(t, c.kind, c.spec, comments)
		w := referenceWriter{b: &b, file: file, schema: s, place: map[string]string{}, also: map[string][]string{},
			below: map[string][]string{},
			about: func(def string) string { return withoutName(comments[types[def]]) }}
		w.write()
	}
	if *rewriteReference {
		if err := os.WriteFile(referenceFile, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(referenceFile)
	if err != nil || string(got) != b.String() {
		t.Errorf("%s is not what the types say (%v): go test ./config -run Reference -rewrite-reference",
			referenceFile, err)
	}
}

// referenceWriter writes what may stand in one kind of file, from the top down.
type referenceWriter struct {
	b      *strings.Builder
	file   string
	schema *emit.Schema
	about  func(def string) string // what stands above the type of a definition
	place  map[string]string       // by definition: where it stands first, such as campaigns[].ping
	also   map[string][]string     // and where else
	below  map[string][]string     // by definition: those that stand first at its keys; "" is the file
}

func (w *referenceWriter) write() {
	w.meet(w.schema, "", "")
	fmt.Fprintf(w.b, "\n## %s\n", w.file)
	w.table(w.schema)
	w.sections(w.below[""])
}

// sections writes definitions, each with those below it.
func (w *referenceWriter) sections(defs []string) {
	for _, def := range defs {
		fmt.Fprintf(w.b, "\n### %s: %s\n", w.file, w.place[def])
		if text := w.about(def); text != "" {
			w.b.WriteString("\n" + text)
		}
		if also := w.also[def]; len(also) > 0 {
			w.b.WriteString("\n" + filled("The same stands at `"+strings.Join(also, "`, `")+"`.") + "\n")
		}
		w.table(w.schema.Definitions[def])
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

func (w *referenceWriter) table(s *emit.Schema) {
	w.b.WriteString("\n| key | value | meaning |\n|---|---|---|\n")
	for p := s.Properties.Oldest(); p != nil; p = p.Next() {
		name := "`" + p.Key + "`"
		if slices.Contains(s.Required, p.Key) {
			name += " (must be there)"
		}
		fmt.Fprintf(w.b, "| %s | %s | %s |\n", name, w.value(p.Value),
			strings.ReplaceAll(p.Value.Description, "|", `\|`))
	}
}

// value says what may stand at a key.
func (w *referenceWriter) value(s *emit.Schema) string {
	switch {
	case s.Ref != "":
		to := w.place[strings.TrimPrefix(s.Ref, "#/$defs/")]
		return fmt.Sprintf("[keys](#%s)", slug(w.file+": "+to))
	case s.Enum != nil:
		var words []string
		for _, v := range s.Enum {
			words = append(words, fmt.Sprintf("`%v`", v))
		}
		return strings.Join(words, ", ")
	case s.Items != nil:
		return "list of " + w.value(s.Items)
	case s.AdditionalProperties != nil:
		return "names with " + w.value(s.AdditionalProperties)
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

// filled breaks a paragraph into lines.
func filled(text string) string {
	var b strings.Builder
	used := 0
	for i, word := range strings.Fields(text) {
		switch {
		case i == 0:
		case used+1+len(word) > 120:
			b.WriteByte('\n')
			used = 0
		default:
			b.WriteByte(' ')
			used++
		}
		b.WriteString(word)
		used += len(word)
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
