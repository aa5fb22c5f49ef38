// SPDX-License-Identifier: Apache-2.0

package clearpost_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"clearpost/exchange/intake"
	"clearpost/exchange/intake/posting"
	"clearpost/lead"
)

var (
	quoted    = regexp.MustCompile("`([^`\n]+)`")
	fenced    = regexp.MustCompile("(?ms)^```.*?^```")
	wordChars = regexp.MustCompile(`^[A-Za-z0-9_./-]+$`)
)

// pathsIn lists the texts of a document that are meant as paths of the repository: quoted words that begin with one of
// its folders, and words that end like the name of a file of ours.
func pathsIn(text string, folders []string) []string {
	var out []string
	add := func(w string) {
		w = strings.TrimSuffix(w, "/")
		first, _, deep := strings.Cut(w, "/")
		switch path.Ext(w) {
		case ".go", ".md":
		default:
			if !deep || !slices.Contains(folders, first) {
				return
			}
		}
		if wordChars.MatchString(w) && !strings.HasPrefix(w, "/") && !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	text = fenced.ReplaceAllString(text, "")
	for _, m := range quoted.FindAllStringSubmatch(text, -1) {
		add(m[1])
	}
	for _, w := range strings.FieldsFunc(quoted.ReplaceAllString(text, " "), func(r rune) bool {
		return strings.ContainsRune(" \t\n()[],;:|<>", r)
	}) {
		add(strings.TrimRight(w, "."))
	}
	return out
}

func TestDocumentsNameWhatIsThere(t *testing.T) {
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	var folders []string
	for _, e := range entries {
		if e.IsDir() {
			folders = append(folders, e.Name())
		}
	}
	texts, _ := files()
	named := 0
	for doc, text := range texts {
		if path.Ext(doc) != ".md" {
			continue
		}
		for _, p := range pathsIn(string(text), folders) {
			named++
			_, err := os.Stat(p)
			if errors.Is(err, fs.ErrNotExist) {
				_, err = os.Stat(path.Join(path.Dir(doc), p)) // a link beside the document
			}
			if err != nil {
				t.Errorf("%s names %s, which is not there", doc, p)
			}
		}
	}
	if named < 10 {
		t.Errorf("only %d paths found in all documents: does the test still see them?", named)
	}
}

// anchors are those of a document's headings, as renderers of Markdown make them.
func anchors(text string) map[string]bool {
	out := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
		out[strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
				return unicode.ToLower(r)
			}
			return -1
		}, m[1])] = true
	}
	return out
}

// A link leads to a file that is there, and if it names a heading, to one.
func TestLinksOfDocumentsLeadSomewhere(t *testing.T) {
	texts, _ := files()
	link := regexp.MustCompile(`\]\(([^()\s:#]*)(?:#([^()\s]+))?\)`)
	linked := map[string]bool{}
	for doc, text := range texts {
		if path.Ext(doc) != ".md" {
			continue
		}
		for _, m := range link.FindAllStringSubmatch(fenced.ReplaceAllString(string(text), ""), -1) {
			to := doc
			if m[1] != "" {
				to = path.Join(path.Dir(doc), m[1])
				linked[to] = true
			}
			if _, err := os.Stat(to); err != nil {
				t.Errorf("%s links to %s, which is not there", doc, to)
			}
			if m[2] != "" && !anchors(string(texts[to]))[m[2]] {
				t.Errorf("%s links to %s#%s, where no such heading is", doc, to, m[2])
			}
		}
	}
	for doc := range texts {
		if strings.HasPrefix(doc, "docs/") && path.Ext(doc) == ".md" && !linked[doc] {
			t.Errorf("no document links to %s", doc)
		}
	}
}

func TestArchitectureNamesEveryPackage(t *testing.T) {
	texts, _ := files()
	text, ok := texts["ARCHITECTURE.md"]
	if !ok {
		t.Fatal("there is no ARCHITECTURE.md")
	}
	for dir := range below {
		if !regexp.MustCompile(`(^|[^a-z/])` + regexp.QuoteMeta(dir) + `([^a-z]|$)`).Match(text) {
			t.Errorf("ARCHITECTURE.md does not name %s", dir)
		}
	}
}

// Lines of the changelog begin with what they are, and stand in that order under each heading.
func TestChangelogIsInOrder(t *testing.T) {
	texts, _ := files()
	kinds := []string{"[CHANGE]", "[FEATURE]", "[FIX]"}
	entries, last := 0, 0
	for i, line := range strings.Split(string(texts["CHANGELOG.md"]), "\n") {
		if strings.HasPrefix(line, "#") {
			last = 0
		}
		item, ok := strings.CutPrefix(line, "- ")
		if !ok {
			continue
		}
		entries++
		word, _, _ := strings.Cut(item, " ")
		kind := slices.Index(kinds, word)
		if kind < last {
			t.Errorf("CHANGELOG.md:%d: %q: expected one of %v, in this order", i+1, word, kinds)
		}
		last = max(kind, 0)
	}
	if entries == 0 {
		t.Error("no entry found in CHANGELOG.md")
	}
}

// The reasons that sellers hear are listed three times: in code, for people and for machines.
func TestPublishedReasonsAreTheSameEverywhere(t *testing.T) {
	var want []string
	for _, r := range lead.Refusals() {
		// What is published as "pending" is no reason of a failure.
		if r.Published != "pending" && !slices.Contains(want, r.Published) {
			want = append(want, r.Published)
		}
	}
	slices.Sort(want)
	texts, _ := files()
	_, table, _ := strings.Cut(string(texts["docs/reference/seller-status.md"]), "\n## Reasons\n")
	var doc []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|").FindAllStringSubmatch(table, -1) {
		doc = append(doc, m[1])
	}
	if !slices.Equal(doc, want) {
		t.Errorf("docs/reference/seller-status.md lists\n %v\nthe table in lead/refusal.go publishes\n %v", doc, want)
	}
	_, list, _ := strings.Cut(string(texts["exchange/intake/openapi.yaml"]), "\n    Reason:\n")
	var api []string
	for line := range strings.Lines(list) {
		if item, ok := strings.CutPrefix(line, "        - "); ok {
			api = append(api, strings.TrimSpace(item))
		} else if len(api) > 0 {
			break
		}
	}
	if !slices.Equal(api, want) {
		t.Errorf("exchange/intake/openapi.yaml lists\n %v\nthe table in lead/refusal.go publishes\n %v", api, want)
	}
}

func TestAnalystsReadOfEveryRefusal(t *testing.T) {
	var want []string
	for _, r := range lead.Refusals() {
		want = append(want, fmt.Sprintf("| %d | `%s` | %s |", r.Number, r.Name, r.Meaning))
	}
	texts, _ := files()
	got := regexp.MustCompile(`(?m)^\| [0-9]+ \| .*$`).FindAllString(string(texts["docs/reference/refusals.md"]), -1)
	if !slices.Equal(got, want) {
		t.Errorf("the table of refusals in docs/reference/refusals.md is not that of lead/refusal.go; expected\n%s",
			strings.Join(want, "\n"))
	}
}

// Every key that a configuration may have is told on a page that people have written.
func TestReferenceHasEveryKeyOfTheConfiguration(t *testing.T) {
	refs := map[string][]string{
		"config/keys.go":         {"node", "verticals", "field-types", "sources", "templates"},
		"buyers/spec.go":         {"buyers", "requests", "templates", "unknown-outcomes", "examples"},
		"buyers/example_spec.go": {"examples"}, "rules/spec.go": {"buyers"}, "rules/rate.go": {"sources", "requests"},
		"wire/request/spec.go": {"requests", "request-formats", "conditions-and-filters", "authentication"},
		"batch/spec.go":        {"leads-in-files"},
		"wire/answer/spec.go":  {"answers", "answer-rules", "unknown-outcomes", "../explanation/outcomes"},
	}
	texts, _ := files()
	tag := regexp.MustCompile("`yaml:\"([a-z_]+)")
	for spec, pages := range refs {
		keys := tag.FindAllStringSubmatch(string(texts[spec]), -1)
		if len(keys) == 0 {
			t.Errorf("%s: no key of the configuration found: did it move?", spec)
		}
		var told strings.Builder
		for _, page := range pages {
			told.Write(texts[path.Join("docs/reference", page+".md")])
		}
		for _, k := range keys {
			word := regexp.MustCompile(`[^a-z_]` + k[1] + `[^a-z_]`)
			if !word.MatchString(told.String()) {
				t.Errorf("docs/reference: %v do not tell of the key %s in %s", pages, k[1], spec)
			}
		}
	}
}

// items are the items of a list in Markdown, each on one line, without its dash.
func items(text string) (out []string) {
	open := false
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		rest, more := strings.CutPrefix(line, "  ")
		if item, ok := strings.CutPrefix(line, "- "); ok {
			out, open = append(out, item), true
		} else if open = open && more; open {
			out[len(out)-1] += " " + rest
		}
	}
	return out
}

func TestReferenceHasEveryVerb(t *testing.T) {
	texts, _ := files()
	_, verbs, _ := strings.Cut(string(texts["cmd/clearpost/main.go"]), "type cli struct {")
	verbs, _, _ = strings.Cut(verbs, "\n}")
	found := regexp.MustCompile(`(?m)^\t([A-Z][A-Za-z]+) +[a-z]+Cmd`).FindAllStringSubmatch(verbs, -1)
	if len(found) < 5 {
		t.Fatalf("%d verbs found in cmd/clearpost/main.go: did they move?", len(found))
	}
	var told, have []string
	list, _, _ := strings.Cut(string(texts["docs/reference/verbs.md"]), "\n## Which exchange")
	for _, item := range items(list) {
		head, _, _ := strings.Cut(item, ": ")
		for _, m := range regexp.MustCompile("`([a-z]+)").FindAllStringSubmatch(head, -1) {
			told = append(told, m[1])
		}
	}
	for _, v := range found {
		have = append(have, strings.ToLower(v[1]))
	}
	slices.Sort(told)
	slices.Sort(have)
	if told = slices.Compact(told); !slices.Equal(told, have) {
		t.Errorf("docs/reference/verbs.md tells of the verbs\n %v\nthe command has\n %v", told, have)
	}
}

// What a posting spec says of statuses and reasons is what docs/reference/seller-status.md says.
func TestPostingSpecsSayWhatTheSellersDocumentSays(t *testing.T) {
	texts, _ := files()
	_, statuses, _ := strings.Cut(string(texts["docs/reference/seller-status.md"]), "\n## Status codes\n")
	statuses, reasons, _ := strings.Cut(statuses, "\n## Reasons\n")
	told := func(list []string, row *regexp.Regexp) (out []posting.Named) {
		for _, item := range list {
			if m := row.FindStringSubmatch(item); m != nil {
				out = append(out, posting.Named{Name: strings.NewReplacer("`", "", ",", "").Replace(m[1]), Says: m[2]})
			}
		}
		return out
	}
	for _, c := range []struct {
		title string
		want  []posting.Named
		have  []posting.Named
	}{
		{"Status codes", told(items(statuses), regexp.MustCompile(`^([0-9]{3}[^:]*): (.*)$`)), intake.StatusMeanings()},
		{"Reasons", told(strings.Split(reasons, "\n"), regexp.MustCompile("^\\| (`[a-z_]+`) \\| (.*) \\|$")),
			intake.Reasons()},
	} {
		if len(c.want) < 5 {
			t.Fatalf("%s: %d rows found in docs/reference/seller-status.md: did it move?", c.title, len(c.want))
		}
		if !slices.Equal(c.want, c.have) {
			t.Errorf("%s: docs/reference/seller-status.md has\n%s\nexchange/intake/spec_words.go has\n%s", c.title,
				named(c.want), named(c.have))
		}
	}
}

func named(list []posting.Named) string {
	var b strings.Builder
	for _, n := range list {
		fmt.Fprintf(&b, "  %s: %s\n", n.Name, n.Says)
	}
	return b.String()
}
