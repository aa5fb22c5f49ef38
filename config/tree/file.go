// SPDX-License-Identifier: Apache-2.0

// Package tree is a file of YAML as a tree whose values know their places: read with limits, found by paths, merged,
// decoded into Go values, and every mistake in it a Problem with its line and column.
package tree

import (
	"fmt"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// File is one file of the configuration.
type File struct {
	Name string // path in the directory, with slashes
	Text []byte
	Root ast.Node // made by Parse: mappings, lists and single values only; nil where the file could not be parsed

	lines []string

	// What follows from a value that was reported already is not reported again: spoil has the paths of such values,
	// and of mappings with unknown keys; blunt has the paths of what holds such a value.
	spoil, blunt map[string]bool

	from map[*token.Token]string // which tokens come from a template, and from where in it
}

// NewFile is a file that is still to be parsed. It keeps text.
func NewFile(name string, text []byte) *File {
	return &File{Name: name, Text: text, spoil: map[string]bool{}, blunt: map[string]bool{}}
}

// problem reports something at a token.
func (f *File) problem(ps *Problems, tk *token.Token, path, format string, a ...any) {
	ps.Add(f.At(tk, path, fmt.Sprintf(format, a...), false))
}

// At makes a problem of a token's place; a nil token is the file as a whole. hide leaves what stands there out of the
// excerpt.
func (f *File) At(tk *token.Token, path, message string, hide bool) Problem {
	if from := f.from[tk]; from != "" {
		message += " (in " + from + ")"
	}
	if r := []rune(message); len(r) > 10*ExcerptWidth {
		message = string(r[:10*ExcerptWidth]) + "…"
	}
	p := Problem{File: f.Name, Path: path, Message: message}
	if tk != nil && tk.Position != nil {
		p.Line, p.Column = tk.Position.Line, max(tk.Position.Column, 1)
		p.Excerpt = f.excerpt(p.Line, p.Column, hide)
	}
	return p
}

// shown is a value as messages have it: its beginning, if it is long.
func shown(value string) string {
	if r := []rune(value); len(r) > 2*ExcerptWidth {
		return string(r[:2*ExcerptWidth]) + "…"
	}
	return value
}

// Report adds a problem with the value at a path, unless it only follows from one that was reported there already.
// value is what stands there, for the message; empty where it is not to be shown. hide leaves what stands in the file
// out of the excerpt.
func (f *File) Report(ps *Problems, path, value, message string, hide bool) {
	tk, found, missing := Locate(f.Root, path)
	if f.spoil[found] || missing == "" && f.blunt[found] {
		return
	}
	switch {
	case missing != "":
		message = missing + " is not there: " + message
	case value != "":
		message = fmt.Sprintf("%q: %s", shown(value), message)
	}
	ps.Add(f.At(tk, path, message, hide))
}

// Place is a path's place, as file:line, for a message about another one.
func (f *File) Place(path string) string {
	line, _ := f.Position(path)
	if line == 0 {
		return f.Name
	}
	return fmt.Sprintf("%s:%d", f.Name, line)
}

// Position is a path's line and column, counted from 1: those of its key, if it has one. Both are 0 where they are not
// known.
func (f *File) Position(path string) (line, column int) {
	tk, key, _, _ := locate(f.Root, path)
	if key != nil {
		tk = key
	}
	if tk == nil || tk.Position == nil {
		return 0, 0
	}
	return tk.Position.Line, max(tk.Position.Column, 1)
}

// Spoil says that the value at a path was reported, so that what follows from it is not reported as well.
func (f *File) Spoil(path string) { f.spoil[path] = true }

// Came notes that a token is not the file's own, and where it comes from: messages about it say so.
func (f *File) Came(tk *token.Token, from string) {
	if f.from == nil {
		f.from = map[*token.Token]string{}
	}
	f.from[tk] = from
}

// CameFrom is where a token comes from by Came, empty for one of the file's own.
func (f *File) CameFrom(tk *token.Token) string { return f.from[tk] }

// Drop lets go of all but the name and the text.
func (f *File) Drop() {
	f.Root, f.lines, f.from, f.spoil, f.blunt = nil, nil, nil, map[string]bool{}, map[string]bool{}
}
