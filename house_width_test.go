// SPDX-License-Identifier: Apache-2.0

package clearpost_test

import (
	"go/ast"
	"go/token"
	"strings"
	"testing"
	"unicode/utf8"
)

// columnsMax is the widest line of Go: a tab counts as 4 columns, any other character as one.
const columnsMax = 120

func columns(line string) int { return utf8.RuneCountInString(line) + 3*strings.Count(line, "\t") }

// Raw strings are left out: they hold fixtures, help texts and the tags of fields, where a line's end would mean
// something.
func TestGoLinesAreNotWide(t *testing.T) {
	for _, f := range goFiles(t) {
		raw := map[int]bool{}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING && l.Value[0] == '`' {
				for i := at(l).Line; i <= fset.Position(l.End()).Line; i++ {
					raw[i] = true
				}
			}
			return true
		})
		for i, line := range strings.Split(string(f.text), "\n") {
			if n := columns(line); n > columnsMax && !raw[i+1] {
				t.Errorf("%s:%d: %d columns: at most %d", f.path, i+1, n, columnsMax)
			}
		}
	}
}
