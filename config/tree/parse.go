// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Limits of a file. What is beyond them is a problem, and the file is not read.
const (
	TokensMax = 150000 // YAML tokens of one file
	NodesMax  = 200000 // YAML values of one file, each use of an anchor counted in full
	DepthMax  = 32     // nesting of values
)

// Parse fills Root, which stays nil where there is a problem with the file as a whole. The library reads some odd texts
// in time that grows with their square, and nests without limit, so what is out of all proportion is refused by its
// tokens first.
func (f *File) Parse(ps *Problems) {
	defer func() {
		if r := recover(); r != nil {
			f.Root = nil
			f.problem(ps, nil, "", "the YAML of this file cannot be read: %v", r)
		}
	}()
	text := strings.TrimPrefix(string(f.Text), "\ufeff") // some editors begin a file with this mark
	if i := invalidUTF8(text); i >= 0 {
		at := &token.Token{Position: &token.Position{Line: strings.Count(text[:i], "\n") + 1,
			Column: utf8.RuneCountInString(text[strings.LastIndexByte(text[:i], '\n')+1:i]) + 1}}
		f.problem(ps, at, "", "the file is not text in UTF-8")
		return
	}
	tokens := lexer.Tokenize(text)
	if tk, why := disproportionate(tokens); why != "" {
		f.problem(ps, tk, "", "%s", why)
		return
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		var syntax yaml.Error
		if errors.As(err, &syntax) {
			f.problem(ps, syntax.GetToken(), "", "YAML: %s", syntax.GetMessage())
		} else {
			f.problem(ps, nil, "", "YAML: %v", err)
		}
		return
	}
	var body ast.Node
	for _, d := range file.Docs {
		if d.Body == nil || d.Body.Type() == ast.DirectiveType {
			continue
		}
		if body != nil {
			f.problem(ps, FirstToken(d.Body), "", "a second document: a file holds one")
			return
		}
		body = d.Body
	}
	if body == nil {
		f.problem(ps, nil, "", "the file is empty")
		return
	}
	r := resolver{ps: ps, f: f, budget: NodesMax, anchors: map[string]anchored{}}
	f.Root, _ = r.resolve(body, 0)
	if r.broken {
		f.Root = nil
	}
}

// invalidUTF8 is the position of the first byte that is not UTF-8, -1 if there is none.
func invalidUTF8(s string) int {
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return -1
}

// disproportionate finds what no configuration needs and what would make the parser slow or nest too deep.
func disproportionate(tokens token.Tokens) (*token.Token, string) {
	if len(tokens) > TokensMax {
		return tokens[TokensMax], fmt.Sprintf("the file has %d YAML tokens: expected at most %d", len(tokens),
			TokensMax)
	}
	const marksMax = 500 // anchors, aliases, tags and explicit keys
	flow, marks, entries, line := 0, 0, 0, 0
	for _, tk := range tokens {
		if tk.Position != nil && tk.Position.Line != line {
			line, entries = tk.Position.Line, 0
		}
		switch tk.Type {
		case token.SequenceStartType, token.MappingStartType:
			flow++
		case token.SequenceEndType, token.MappingEndType:
			flow--
		case token.SequenceEntryType:
			entries++
		case token.MappingValueType:
			if tk.Position != nil && tk.Position.IndentNum > 40*DepthMax {
				return tk, "nested too deep"
			}
		case token.AnchorType, token.AliasType, token.TagType, token.MappingKeyType, token.MergeKeyType:
			marks++
		}
		if flow > DepthMax || entries > DepthMax {
			return tk, fmt.Sprintf("nested deeper than %d levels", DepthMax)
		}
		if marks > marksMax {
			return tk, fmt.Sprintf("more than %d anchors, aliases and tags in one file", marksMax)
		}
	}
	return nil, ""
}

// anchored is the value of an anchor and how many values it holds.
type anchored struct {
	node ast.Node
	size int
}

// resolver puts the values of aliases and merge keys where they are used, and reports duplicate keys. What it makes is
// a tree of mappings, lists and single values only, in which one node may stand in several places.
type resolver struct {
	ps      *Problems
	f       *File
	anchors map[string]anchored
	budget  int
	broken  bool // the tree cannot be used
}

func (r *resolver) stop(n ast.Node, format string, a ...any) (ast.Node, int) {
	if !r.broken {
		r.f.problem(r.ps, FirstToken(n), "", format, a...)
	}
	r.broken = true
	return ast.Null(n.GetToken()), 1
}

func (r *resolver) resolve(n ast.Node, depth int) (ast.Node, int) {
	if r.broken {
		return n, 0
	}
	if r.budget--; r.budget < 0 {
		return r.stop(n, "more than %d values in one file, each use of an anchor counted in full", NodesMax)
	}
	if depth > DepthMax {
		return r.stop(n, "nested deeper than %d levels", DepthMax)
	}
	switch n := n.(type) {
	case *ast.AnchorNode:
		v, size := r.resolve(n.Value, depth)
		r.anchors[n.Name.GetToken().Value] = anchored{v, size}
		return v, size
	case *ast.AliasNode:
		a, ok := r.anchors[n.Value.GetToken().Value]
		if !ok {
			return r.stop(n, "alias *%s: no such anchor above it", n.Value.GetToken().Value)
		}
		r.budget -= a.size
		return a.node, a.size
	case *ast.TagNode:
		return r.stop(n, "tag %s: tags are not used here; quote a value to make it text", n.GetToken().Value)
	case *ast.MappingValueNode:
		return r.mapping(&ast.MappingNode{BaseNode: n.BaseNode, Start: n.Start, Values: []*ast.MappingValueNode{n}},
			depth)
	case *ast.MappingNode:
		return r.mapping(n, depth)
	case *ast.SequenceNode:
		size := 1
		for i := range n.Values {
			var s int
			n.Values[i], s = r.resolve(n.Values[i], depth+1)
			size += s
		}
		return n, size
	}
	return n, 1
}

func (r *resolver) mapping(n *ast.MappingNode, depth int) (ast.Node, int) {
	size := 1
	first := map[string]*token.Token{}
	var merges []ast.Node
	values := make([]*ast.MappingValueNode, 0, len(n.Values))
	for _, kv := range n.Values {
		v, s := r.resolve(kv.Value, depth+1)
		if r.broken {
			return n, size
		}
		size += s
		kv.Value = v
		if kv.Key.IsMergeKey() {
			merges = append(merges, v)
			continue
		}
		if _, scalar := kv.Key.(ast.ScalarNode); !scalar {
			return r.stop(kv.Key, "expected a plain key")
		}
		tk := kv.Key.GetToken()
		if was, dup := first[tk.Value]; dup {
			r.f.problem(r.ps, tk, "", "key %q stands twice in one mapping: first at line %d", tk.Value,
				was.Position.Line)
			continue
		}
		first[tk.Value] = tk
		values = append(values, kv)
	}
	for _, m := range merges {
		list := []ast.Node{m}
		if s, ok := m.(*ast.SequenceNode); ok {
			list = s.Values
		}
		for _, from := range list {
			mn, ok := from.(*ast.MappingNode)
			if !ok {
				return r.stop(from, "<<: expected a mapping, or a list of mappings")
			}
			for _, kv := range mn.Values {
				if tk := kv.Key.GetToken(); first[tk.Value] == nil {
					first[tk.Value] = tk
					values = append(values, kv)
				}
			}
		}
	}
	n.Values = values
	return n, size
}

// FirstToken is the first token of what a node says: of a mapping its first key, of a list in lines its first dash.
func FirstToken(n ast.Node) *token.Token {
	switch n := n.(type) {
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return FirstToken(n.Values[0].Key)
		}
	case *ast.MappingValueNode:
		return FirstToken(n.Key)
	}
	if n == nil {
		return nil
	}
	return n.GetToken()
}
