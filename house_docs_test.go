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
	_, table, _ := strings.Cut(string(texts["docs/sellers.md"]), "\n## Reasons\n")
	var doc []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|").FindAllStringSubmatch(table, -1) {
		doc = append(doc, m[1])
	}
	if !slices.Equal(doc, want) {
		t.Errorf("docs/sellers.md lists\n %v\nthe table in lead/refusal.go publishes\n %v", doc, want)
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
	got := regexp.MustCompile(`(?m)^\| [0-9]+ \| .*$`).FindAllString(string(texts["docs/analysts.md"]), -1)
	if !slices.Equal(got, want) {
		t.Errorf("the table of refusals in docs/analysts.md is not that of lead/refusal.go; expected\n%s",
			strings.Join(want, "\n"))
	}
}

// Every key that a configuration may have is told in the reference.
func TestReferenceHasEveryKeyOfTheConfiguration(t *testing.T) {
	refs := map[string]string{
		"config/keys.go": "docs/operators.md", "buyers/spec.go": "docs/buyers.md",
		"buyers/example_spec.go": "docs/buyers.md", "rules/spec.go": "docs/buyers.md",
		"rules/rate.go":        "docs/operators.md",
		"wire/request_spec.go": "docs/buyers.md", "wire/answer_spec.go": "docs/buyers.md",
	}
	texts, _ := files()
	tag := regexp.MustCompile("`yaml:\"([a-z_]+)")
	for spec, doc := range refs {
		keys := tag.FindAllStringSubmatch(string(texts[spec]), -1)
		if len(keys) == 0 {
			t.Errorf("%s: no key of the configuration found: did it move?", spec)
		}
		for _, k := range keys {
			word := regexp.MustCompile(`[^a-z_]` + k[1] + `[^a-z_]`)
			if !word.Match(texts[doc]) {
				t.Errorf("%s does not tell of the key %s in %s", doc, k[1], spec)
			}
		}
	}
}

func TestReferenceHasEveryVerb(t *testing.T) {
	texts, _ := files()
	_, verbs, _ := strings.Cut(string(texts["cmd/clearpost/main.go"]), "type cli struct {")
	verbs, _, _ = strings.Cut(verbs, "\n}")
	found := regexp.MustCompile(`(?m)^\t([A-Z][a-z]+) +[a-z]+Cmd`).FindAllStringSubmatch(verbs, -1)
	if len(found) < 5 {
		t.Fatalf("%d verbs found in cmd/clearpost/main.go: did they move?", len(found))
	}
	_, table, _ := strings.Cut(string(texts["docs/operators.md"]), "\n## Verbs\n")
	table, _, _ = strings.Cut(table, "\n## ")
	var told, have []string
	for _, row := range regexp.MustCompile(`(?m)^\| ([^|]+) \|`).FindAllStringSubmatch(table, -1) {
		for _, m := range regexp.MustCompile("`([a-z]+)").FindAllStringSubmatch(row[1], -1) {
			told = append(told, m[1])
		}
	}
	for _, v := range found {
		have = append(have, strings.ToLower(v[1]))
	}
	slices.Sort(told)
	slices.Sort(have)
	if !slices.Equal(told, have) {
		t.Errorf("docs/operators.md tells of the verbs\n %v\nthe command has\n %v", told, have)
	}
}

// What a posting spec says of statuses and reasons is what docs/sellers.md says.
func TestPostingSpecsSayWhatTheSellersDocumentSays(t *testing.T) {
	texts, _ := files()
	rows := func(title string, row *regexp.Regexp) (out []posting.Named) {
		_, table, _ := strings.Cut(string(texts["docs/sellers.md"]), "\n## "+title+"\n")
		table, _, _ = strings.Cut(table, "\n## ")
		for _, m := range row.FindAllStringSubmatch(table, -1) {
			name := strings.TrimSpace(strings.NewReplacer("`", "", ",", "", " |", "").Replace(m[1]))
			out = append(out, posting.Named{Name: name, Says: m[2]})
		}
		return out
	}
	for _, c := range []struct {
		title string
		row   *regexp.Regexp
		have  []posting.Named
	}{
		{"Status codes", regexp.MustCompile(`(?m)^\| ([0-9]{3} \|[^|]*) \| (.*) \|$`), intake.StatusMeanings()},
		{"Reasons", regexp.MustCompile("(?m)^\\| (`[a-z_]+`) \\| (.*) \\|$"), intake.Reasons()},
	} {
		want := rows(c.title, c.row)
		if len(want) < 5 {
			t.Fatalf("%s: %d rows found in docs/sellers.md: did it move?", c.title, len(want))
		}
		if !slices.Equal(want, c.have) {
			t.Errorf("%s: docs/sellers.md has\n%s\nexchange/intake/spec_words.go has\n%s", c.title, named(want),
				named(c.have))
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
