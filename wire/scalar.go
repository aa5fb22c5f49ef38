// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// ScalarKind tells how YAML reads a single value.
type ScalarKind uint8

// The kinds. A ScalarNone is a list, an object or null where one value is expected: compiling reports it.
const (
	ScalarNone ScalarKind = iota
	ScalarString
	ScalarNumber
	ScalarBoolean
)

// Scalar is a single value of a YAML file with its text as written, so that 007 and 1.10 stay what they are.
type Scalar struct {
	Text string
	Kind ScalarKind
}

// Text makes a string.
func Text(s string) *Scalar { return &Scalar{Text: s, Kind: ScalarString} }

// String is the value's text.
func (s Scalar) String() string { return s.Text }

// UnmarshalYAML takes any single value. It never fails: what is no single value is reported when the spec is compiled.
func (s *Scalar) UnmarshalYAML(n ast.Node) error {
	*s = scalarOf(n)
	return nil
}

// Scalars is one value or a list of them.
type Scalars []Scalar

// UnmarshalYAML takes a single value or a list.
func (s *Scalars) UnmarshalYAML(n ast.Node) error {
	*s = Scalars{}
	if a, ok := n.(*ast.AnchorNode); ok {
		n = a.Value
	}
	switch n := n.(type) {
	case *ast.NullNode:
	case *ast.SequenceNode:
		for _, v := range n.Values {
			*s = append(*s, scalarOf(v))
		}
	default:
		*s = append(*s, scalarOf(n))
	}
	return nil
}

func scalarOf(n ast.Node) Scalar {
	switch n := n.(type) {
	case *ast.StringNode:
		return Scalar{n.Value, ScalarString}
	case *ast.LiteralNode:
		return Scalar{n.Value.Value, ScalarString}
	case *ast.IntegerNode:
		return Scalar{n.GetToken().Value, ScalarNumber}
	case *ast.FloatNode:
		return Scalar{n.GetToken().Value, ScalarNumber}
	case *ast.BoolNode:
		return Scalar{strings.ToLower(n.GetToken().Value), ScalarBoolean}
	case *ast.AnchorNode:
		return scalarOf(n.Value)
	}
	return Scalar{Text: n.String()}
}

// MapEntry is one entry of a ValueMap.
type MapEntry struct {
	From string
	To   Scalar
}

// ValueMap maps values, in the order of the file, with its keys as written.
type ValueMap []MapEntry

// UnmarshalYAML takes a mapping of single values.
func (m *ValueMap) UnmarshalYAML(n ast.Node) error {
	*m = ValueMap{}
	for from, to := range pairsOf(n) {
		*m = append(*m, MapEntry{from, to})
	}
	return nil
}

// Header is one header of a request.
type Header struct {
	Name  string
	Value Scalar
}

// Headers are the headers of a request, in the order of the file.
type Headers []Header

// UnmarshalYAML takes a mapping of single values.
func (h *Headers) UnmarshalYAML(n ast.Node) error {
	*h = Headers{}
	for name, v := range pairsOf(n) {
		*h = append(*h, Header{name, v})
	}
	return nil
}

// pairsOf lists the pairs of a mapping. Anything else yields one pair without a name, which compiling reports.
func pairsOf(n ast.Node) func(func(string, Scalar) bool) {
	return func(yield func(string, Scalar) bool) {
		if a, ok := n.(*ast.AnchorNode); ok {
			n = a.Value
		}
		var values []*ast.MappingValueNode
		switch m := n.(type) {
		case *ast.MappingNode:
			values = m.Values
		case *ast.MappingValueNode:
			values = []*ast.MappingValueNode{m}
		case *ast.NullNode:
			return
		default:
			yield("", Scalar{Text: n.String()})
			return
		}
		for _, v := range values {
			if !yield(scalarOf(v.Key).Text, scalarOf(v.Value)) {
				return
			}
		}
	}
}
