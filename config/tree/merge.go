// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"slices"

	"github.com/goccy/go-yaml/ast"
)

// Merge puts a mapping above another: what both have is merged where both are mappings; a list `fields` is merged by
// where its fields go; anything else is the upper one's. A null takes away. base becomes the result and is
// returned.
func Merge(base, over *ast.MappingNode) *ast.MappingNode {
	for _, kv := range over.Values {
		name := kv.Key.GetToken().Value
		was := KeyOf(base, name)
		switch {
		case was == nil:
			base.Values = append(base.Values, kv)
			continue
		case IsNull(kv.Value):
			base.Values = slices.DeleteFunc(base.Values, func(o *ast.MappingValueNode) bool { return o == was })
			continue
		}
		bm, ok1 := was.Value.(*ast.MappingNode)
		om, ok2 := kv.Value.(*ast.MappingNode)
		bl, ok3 := was.Value.(*ast.SequenceNode)
		ol, ok4 := kv.Value.(*ast.SequenceNode)
		switch {
		case ok1 && ok2:
			Merge(bm, om)
		case ok3 && ok4 && name == "fields":
			bl.Values = mergedFields(bl.Values, ol.Values)
		default:
			was.Key, was.Value = kv.Key, kv.Value
		}
	}
	return base
}

// mergedFields puts the upper list's fields in the place of those that go to the same place, and the others behind.
// Several fields may share a place, each with its condition: all of the upper list's take the place of all of the
// base's.
func mergedFields(base, over []ast.Node) []ast.Node {
	goesTo := func(n ast.Node) string {
		m, ok := n.(*ast.MappingNode)
		if !ok {
			return ""
		}
		place := ""
		for _, name := range []string{"to", "in"} {
			if kv := KeyOf(m, name); kv != nil {
				text, _ := Scalar(kv.Value)
				place += name + ":" + text + " "
			}
		}
		return place
	}
	last := map[string]ast.Node{} // by place: the upper list's last field that stands there
	for _, n := range over {
		to := goesTo(n)
		at := slices.IndexFunc(base, func(b ast.Node) bool {
			return to != "" && (b == last[to] || last[to] == nil && goesTo(b) == to)
		})
		switch {
		case at < 0:
			base = append(base, n)
		case last[to] != nil:
			base = slices.Insert(base, at+1, n)
		default:
			base[at] = n
			base = append(base[:at+1:at+1], slices.DeleteFunc(slices.Clone(base[at+1:]), func(b ast.Node) bool {
				return goesTo(b) == to
			})...)
		}
		last[to] = n
	}
	return base
}

// KeyOf finds a key of a mapping, nil if it is not there.
func KeyOf(m *ast.MappingNode, name string) *ast.MappingValueNode {
	for _, kv := range m.Values {
		if kv.Key.GetToken().Value == name {
			return kv
		}
	}
	return nil
}

// Child is the value of a key of a node, nil if there is none.
func Child(n ast.Node, name string) ast.Node {
	if m, ok := n.(*ast.MappingNode); ok {
		if kv := KeyOf(m, name); kv != nil {
			return kv.Value
		}
	}
	return nil
}

// WithoutKeys is a mapping without some of its keys; m stays as it is.
func WithoutKeys(m *ast.MappingNode, names ...string) *ast.MappingNode {
	rest := *m
	rest.Values = slices.DeleteFunc(slices.Clone(m.Values), func(kv *ast.MappingValueNode) bool {
		return slices.Contains(names, kv.Key.GetToken().Value)
	})
	return &rest
}
