// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// Locate finds the place of a path such as "campaigns[0].ping.request.headers.X-Key" in a resolved tree. Where the path
// leads to something that is not there, it is the place of the last value on the way, and rest is what is missing. Keys
// may hold dots and brackets themselves: the longest key that fits is taken.
func Locate(root ast.Node, path string) (tk *token.Token, found, rest string) {
	tk, _, found, rest = locate(root, path)
	return tk, found, rest
}

// locate is Locate, and tells the key of the value too, nil where it has none.
func locate(root ast.Node, path string) (tk, key *token.Token, found, rest string) {
	n, rest := root, path
	tk = FirstToken(root)
	for rest != "" {
		next, k, after := step(n, rest)
		if next == nil {
			break
		}
		tk, key = FirstToken(next), k
		if IsNull(next) && key != nil {
			tk = key
		}
		n, rest = next, after
	}
	return tk, key, strings.TrimSuffix(path[:len(path)-len(rest)], "."), rest
}

// step goes one step along the path: to the value, its key if it has one, and what is left of the path.
func step(n ast.Node, path string) (ast.Node, *token.Token, string) {
	switch n := n.(type) {
	case *ast.SequenceNode:
		end := strings.IndexByte(path, ']')
		if path[0] != '[' || end < 0 {
			return nil, nil, ""
		}
		i, err := strconv.Atoi(path[1:end])
		if err != nil || i < 0 || i >= len(n.Values) {
			return nil, nil, ""
		}
		return n.Values[i], nil, strings.TrimPrefix(path[end+1:], ".")
	case *ast.MappingNode:
		var value ast.Node
		var key *token.Token
		after, longest := "", -1
		for _, kv := range n.Values {
			k := kv.Key.GetToken()
			left, ok := strings.CutPrefix(path, k.Value)
			if !ok || len(k.Value) <= longest || left != "" && left[0] != '.' && left[0] != '[' {
				continue
			}
			value, key, after, longest = kv.Value, k, strings.TrimPrefix(left, "."), len(k.Value)
		}
		return value, key, after
	case *ast.StringNode, *ast.LiteralNode:
		if left, ok := strings.CutPrefix(path, "[0]"); ok { // a text in place of a list of one
			return n, nil, strings.TrimPrefix(left, ".")
		}
	}
	return nil, nil, ""
}
