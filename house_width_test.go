// SPDX-License-Identifier: Apache-2.0

package clearpost_test

import (
	"go/ast"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
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

// proseMax is the widest line of a document. Code is as wide as it must be, and so is a single word; a table with wider
// rows would be better a list.
const proseMax = 140

func TestProseIsNotWide(t *testing.T) {
	docs, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"docs", "bench", "loadtest"} {
		err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
			if strings.HasSuffix(path, ".md") {
				docs = append(docs, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range docs {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		code := false
		for i, line := range strings.Split(string(text), "\n") {
			if strings.HasPrefix(strings.TrimSpace(line), "```") {
				code = !code
			}
			if n := utf8.RuneCountInString(line); n > proseMax && !code && len(strings.Fields(line)) > 1 {
				t.Errorf("%s:%d: %d columns: at most %d", path, i+1, n, proseMax)
			}
		}
	}
}
