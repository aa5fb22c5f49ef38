// SPDX-License-Identifier: Apache-2.0

package posting

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func document() *Document {
	return &Document{Source: "acme", SourceName: "Acme", Vertical: "solar", VerticalName: "Solar", Currency: "USD",
		Auth: []string{"a header"}, Calls: []Call{{ID: "ping", Methods: []string{"POST"}, Path: "/v1/solar/ping",
			Says: "asks"}}, Fields: []Field{{Name: "zip", Type: "postal_code", Says: "a ZIP", Required: AtPing,
			Own: []string{"plz"}},
			{Name: "roof", Type: "enum", Values: []Value{{Value: "flat", Also: []string{"f"}}, {Value: "tile"}}}},
		Names: []Name{{Name: "key", Where: "all", Says: "yours"}}, Reasons: []Named{{"no_bids", "nobody bids"}},
		Statuses: []Named{{"200", "fine"}}, Terms: []Named{{"rate", "10"}}}
}

func TestDiffNamesEveryChange(t *testing.T) {
	if d := Diff(document(), document()); d != nil {
		t.Errorf("nothing changed: %v", d)
	}
	for _, c := range []struct {
		change func(d *Document)
		want   string
	}{
		{func(d *Document) { d.Profile = "boberdoo" }, "profile: boberdoo (was none)"},
		{func(d *Document) { d.Currency = "EUR" }, "currency: EUR (was USD)"},
		{func(d *Document) { d.VerticalName = "Sun" }, "vertical: Sun (was Solar)"},
		{func(d *Document) { d.SourceName = "Acme 2" }, "source: Acme 2 (was Acme)"},
		{func(d *Document) { d.Auth = nil }, "key: no longer: a header"},
		{func(d *Document) { d.Calls[0].Methods = []string{"POST", "GET"} }, "call /v1/solar/ping ping: new: GET"},
		{func(d *Document) { d.Calls[0].Path = "/x" }, "call /x ping: new; call /v1/solar/ping ping: removed"},
		{func(d *Document) { d.Fields[0].Required = AtPost }, "field zip: required at post (was required at ping)"},
		{func(d *Document) { d.Fields[0].Type = "text" }, "field zip, type: text (was postal_code)"},
		{func(d *Document) { d.Fields[0].Says = "a code" }, "field zip: a code (was a ZIP)"},
		{func(d *Document) { d.Fields[0].Own = nil }, "field zip, your names: no longer: plz"},
		{func(d *Document) { d.Fields[0].Min = "3" }, "field zip, least: 3 (was none)"},
		{func(d *Document) { d.Fields[0].Max = "3" }, "field zip, most: 3 (was none)"},
		{func(d *Document) { d.Fields[0].Default = "3" }, "field zip, default: 3 (was none)"},
		{func(d *Document) { d.Fields[0].Derived = "a.b" }, "field zip, derived from: a.b (was none)"},
		{func(d *Document) { d.Fields[0].Personal = true }, "field zip, personal: yes (was no)"},
		{func(d *Document) { d.Fields[0].Also = []string{"code"} }, "field zip, other names: new: code"},
		{func(d *Document) { d.Fields[0].Words = []Value{{Value: "1"}} }, "field zip, your words: new: 1"},
		{func(d *Document) { d.Fields[1].Values = d.Fields[1].Values[:1] }, "field roof, values: no longer: tile"},
		{func(d *Document) { d.Fields[1].Values[0].Also = nil }, "field roof, values, words for flat: no longer: f"},
		{func(d *Document) { d.Fields = d.Fields[:1] }, "field roof: removed"},
		{func(d *Document) {
			d.Fields = append(d.Fields, Field{Name: "new", Required: AtPost, Says: "text"})
		}, "field new: new, required at post: text"},
		{func(d *Document) { d.Rules = []string{"one of both"} }, "rule: new: one of both"},
		{func(d *Document) { d.Names[0].Where = "post" }, "name key, where: post (was all)"},
		{func(d *Document) { d.Names[0].Also = []string{"Key"} }, "name key: new: Key"},
		{func(d *Document) { d.Reasons = nil }, "reason no_bids: removed"},
		{func(d *Document) { d.Statuses[0].Says = "good" }, "status 200: good (was fine)"},
		{func(d *Document) { d.Terms[0].Says = "20" }, "term rate: 20 (was 10)"},
		{func(d *Document) { d.Tests = []Named{{"flag", "set"}} }, "test leads flag: new: set"},
	} {
		d := document()
		c.change(d)
		var got []string
		for _, ch := range Diff(document(), d) {
			got = append(got, ch.Subject+": "+ch.What)
		}
		if text := strings.Join(got, "; "); text != c.want {
			t.Errorf("got %q, want %q", text, c.want)
		}
		if d.Hash() == document().Hash() {
			t.Errorf("%s: the hash is the same", c.want)
		}
	}
}

// Everything of a document that a seller may build on is in its hash, and so in a version.
func TestEveryPartOfADocumentIsCompared(t *testing.T) {
	told := map[string]bool{"Source": true, "Vertical": true} // they name the document
	typ := reflect.TypeFor[Document]()
	for i := range typ.NumField() {
		name := typ.Field(i).Name
		d := document()
		switch f := reflect.ValueOf(d).Elem().Field(i); {
		case told[name]:
			continue
		case f.Kind() == reflect.String:
			f.SetString(f.String() + "x")
		case f.Len() > 0:
			f.SetLen(f.Len() - 1)
		default:
			f.Set(reflect.MakeSlice(f.Type(), 1, 1))
		}
		if Diff(document(), d) == nil {
			t.Errorf("a change of %s is told by nobody", name)
		}
	}
}

func TestHistoryKeepsWhatDiffers(t *testing.T) {
	dir := t.TempDir()
	h := NewHistory(dir)
	day := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	change := func(n int) *Document {
		d := document()
		d.Terms[0].Says = fmt.Sprint(n)
		return d
	}
	if s, err := h.Steps(change(0)); err != nil || len(s) != 1 || s[0].Number != 1 || !s[0].Since.IsZero() {
		t.Fatalf("before any version: %+v, %v", s, err)
	}
	for i := range 14 {
		for range 2 {
			v, err := h.Keep(change(i), day.AddDate(0, 0, i))
			if err != nil || v.Number != i+1 || !v.Since.Equal(day.AddDate(0, 0, i)) {
				t.Fatalf("%+v, %v", v, err)
			}
		}
	}
	steps, err := NewHistory(dir).Steps(change(13))
	if err != nil || len(steps) != ShownMax || steps[0].Number != 14 || len(steps[ShownMax-1].Changes) != 1 {
		t.Fatalf("%+v, %v", steps, err)
	}
	if steps, _ = h.Steps(change(3)); steps[0].Number != 15 || !steps[0].Since.IsZero() ||
		steps[0].Changes[0].What != "3 (was 13)" {
		t.Errorf("a document that is not in force: %+v", steps[0])
	}
	if v, err := h.Keep(change(3), day); err != nil || v.Number != 15 {
		t.Errorf("an earlier content again is a new version: %+v, %v", v, err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "acme", "solar", ".new-*")); left != nil {
		t.Errorf("left behind: %v", left)
	}
	for _, bad := range []string{"{", `{"number":15}`, `{"number":3,"document":{}}`,
		strings.Repeat("x", VersionBytesMax+1)} {
		if err := os.WriteFile(filepath.Join(dir, "acme", "solar", "15.json"), []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Keep(change(20), day); err == nil {
			t.Errorf("%.30s: taken for a version", bad)
		}
		if _, err := h.Steps(change(20)); err == nil {
			t.Errorf("%.30s: taken for a version", bad)
		}
	}
	for _, id := range []string{"..", "a/b", "", `a\b`} {
		d := document()
		if d.Source = id; id == "" {
			d.Vertical = "../x"
		}
		if _, err := h.Keep(d, day); err == nil {
			t.Errorf("%q: kept outside", id)
		}
	}
}

func TestLinksOpenOneSpec(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	first, err := Secret(dir)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := Secret(dir); err != nil || again != first {
		t.Fatalf("%q, then %q, %v", first, again, err)
	}
	l := NewLinks(first)
	token := l.Token("a", "b")
	if !NewLinks(first).Opens(token, "a", "b") || l.Opens(token, "a", "c") || l.Opens(token, "b", "a") ||
		l.Opens("", "a", "b") ||
		l.Opens(token[1:], "a", "b") || NewLinks(first+"x").Opens(token, "a", "b") {
		t.Error("a token opens something else than its spec")
	}
}

// What a configuration says stands in the page and the Markdown as text, whatever it looks like.
func TestTextStaysText(t *testing.T) {
	d := document()
	odd := "<script>alert(1)</script> | `code` *b* [x](javascript:y)"
	d.SourceName, d.Fields[0].Says, d.Fields[1].Values[0].Value, d.Rules, d.Terms[0].Says = odd, odd, odd,
		[]string{odd}, odd
	p := &Page{Document: d, Samples: &Samples{Requests: []Request{{Title: odd, Call: "ping", Method: "POST",
		Path: "/v1/it's", Body: "it's"}}}, Base: "https://x.example"}
	html, err := p.HTML()
	if err != nil || strings.Count(string(html), "<script>") != 1 ||
		!strings.Contains(string(html), "it&#39;\\&#39;&#39;s") {
		t.Errorf("the page: %v", err)
	}
	md, err := p.Markdown()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(md)) {
		if cells := strings.Count(strings.ReplaceAll(line, `\|`, ""), "|"); strings.HasPrefix(line, "| `") &&
			cells != 7 && cells != 3 && cells != 5 {
			t.Errorf("a row falls apart: %s", line)
		}
	}
}
