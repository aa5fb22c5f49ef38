// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/goccy/go-yaml/ast"

	"clearpost/lead"
)

// parsed is a file that must be right.
func parsed(t *testing.T, text string) *File {
	t.Helper()
	var ps Problems
	f := NewFile("a.yaml", []byte(text))
	if f.Parse(&ps); ps.Count() > 0 {
		t.Fatal(ps.Err())
	}
	return f
}

// outline writes a tree in a line.
func outline(n ast.Node) string {
	switch n := n.(type) {
	case *ast.MappingNode:
		var kids []string
		for _, kv := range n.Values {
			kids = append(kids, kv.Key.GetToken().Value+"="+outline(kv.Value))
		}
		return "{" + strings.Join(kids, " ") + "}"
	case *ast.SequenceNode:
		var kids []string
		for _, v := range n.Values {
			kids = append(kids, outline(v))
		}
		return "[" + strings.Join(kids, " ") + "]"
	}
	text, kind := Scalar(n)
	if kind == None {
		return "-"
	}
	return text
}

func TestAnchorsBecomeWhatTheyStandFor(t *testing.T) {
	f := parsed(t, "base: &b {x: 1, y: 2}\none: *b\ntwo: {<<: *b, y: 3}\nthree:\n  <<: [*b, {z: 4}]\n")
	want := "{base={x=1 y=2} one={x=1 y=2} two={y=3 x=1} three={x=1 y=2 z=4}}"
	if got := outline(f.Root); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestPathsHavePlaces(t *testing.T) {
	f := parsed(t, "a:\n  - b: 1\n    X-Key.a: two\n  - \nc: {d: 3}\n")
	for _, c := range []struct{ path, place, missing string }{
		{"a[0].b", "2:8", ""},
		{"a[0].X-Key.a", "3:14", ""},
		{"a[0].X-Key", "2:5", "X-Key"},
		{"a[1]", "4:4", ""},
		{"a[2].b", "2:3", "[2].b"},
		{"c.d", "5:8", ""},
		{"c.e.f", "5:4", "e.f"},
		{"", "1:1", ""},
	} {
		tk, _, missing := Locate(f.Root, c.path)
		if got := fmt.Sprintf("%d:%d", tk.Position.Line, tk.Position.Column); got != c.place || missing != c.missing {
			t.Errorf("%s stands at %s and misses %q, want %s and %q", c.path, got, missing, c.place, c.missing)
		}
	}
}

// A null takes away, fields are merged by their places, and every other list is the upper one's.
func TestMergePutsTheUpperOnTop(t *testing.T) {
	base := parsed(t, "url: one\nping: {ms: 5, list: [1, 2]}\ngone: 1\n"+
		"fields: [{to: a, from: x}, {to: b, from: y}, {to: a, from: z}]\n")
	over := parsed(t, "ping: {list: [3]}\ngone: null\n"+
		"fields: [{to: a, from: q}, {to: c, from: r}, {to: a, from: s}]\nnew: 7\n")
	Merge(base.Root.(*ast.MappingNode), over.Root.(*ast.MappingNode))
	want := "{url=one ping={ms=5 list=[3]} fields=[{to=a from=q} {to=a from=s} {to=b from=y} {to=c from=r}] new=7}"
	if got := outline(base.Root); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

type decoded struct {
	Zip   string         `yaml:"zip"`
	Price lead.Money     `yaml:"price"`
	Many  []int          `yaml:"many"`
	By    map[string]int `yaml:"by"`
	On    *bool          `yaml:"on"`
}

func TestDecodeTakesTextAsWritten(t *testing.T) {
	var got decoded
	var ps Problems
	parsed(t, "zip: 02134\nprice: 22.50\nmany: [1, 2]\nby: {a: 1}\non: true\n").Decode(&ps, &got)
	on := true
	want := decoded{Zip: "02134", Price: 22_500_000, Many: []int{1, 2}, By: map[string]int{"a": 1}, On: &on}
	if err := ps.Err(); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
}

// Every mistake is told at its place, and what only follows from one is not.
func TestDecodeTellsEveryMistake(t *testing.T) {
	var ps Problems
	f := parsed(t, "zip: [1]\nprize: 3\nprice: much\nmany: [1, two]\nby: {a: x}\non: maybe\n")
	f.Decode(&ps, new(decoded))
	f.Report(&ps, "price", "", "expected a price", false)     // was told already
	f.Report(&ps, "zip", "", "expected a zip", false)         // was told already
	f.Report(&ps, "tax", "", "expected the rate", false)      // may be what an unknown key was to be
	f.Report(&ps, "many[0]", "1", "expected 2 or more", true) // is another one
	var all *Error
	if !errors.As(ps.Err(), &all) {
		t.Fatal("no *Error")
	}
	var got []string
	for _, p := range all.Problems {
		got = append(got, fmt.Sprintf("%d:%d %s %s", p.Line, p.Column, p.Path, p.Message))
	}
	want := []string{
		`1:6 zip expected text, found a list`,
		`2:1 prize unknown key "prize": did you mean "price"?`,
		`3:8 price "much": expected a decimal amount such as 12.50, at most 6 decimals and at most 1000000000`,
		`4:8 many[0] "1": expected 2 or more`,
		`4:11 many[1] expected a whole number, found the text "two"`,
		`5:9 by.a expected a whole number, found the text "x"`,
		`6:5 on expected true or false, found the text "maybe"`,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if x := all.Problems[3].Excerpt; strings.Contains(x, "two") || !strings.HasSuffix(x, "\n       ^") {
		t.Errorf("a hidden excerpt is %q", x)
	}
}

func TestProblemsAreToldOnceAndWithinALimit(t *testing.T) {
	var ps Problems
	for i := range ProblemsMax + 7 {
		p := Problem{File: "a", Line: i + 1, Message: "m"}
		ps.Add(p)
		if p.Path = "another way to it"; i < ProblemsMax {
			ps.Add(p)
		}
	}
	var all *Error
	if ps.Count() != ProblemsMax+7 || !errors.As(ps.Err(), &all) || len(all.Problems) != ProblemsMax+1 {
		t.Errorf("%d problems, %d told", ps.Count(), len(all.Problems))
	}
}
