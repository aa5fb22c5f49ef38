// SPDX-License-Identifier: Apache-2.0

// Package clearpost_test holds the rules of the house: which package may import which, who may speak to the network and
// read a clock, how long files and functions may be, and that the documents name what is there. CONTRIBUTING.md says
// them in words.
package clearpost_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const module = "clearpost"

// goFile is one parsed file of the repository.
type goFile struct {
	path string // with slashes, from the root
	dir  string // "." is the root
	test bool
	text []byte
	ast  *ast.File
}

var fset = token.NewFileSet()

// files are all text files of the repository that people write, by path, and all Go files, parsed once. Build tags
// do not matter: a file behind a tag is held to the same rules.
var files = sync.OnceValues(func() (texts map[string][]byte, gofiles []*goFile) {
	texts = map[string][]byte{}
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		p = filepath.ToSlash(p)
		if d.IsDir() {
			if p == ".git" || p == "data" || p == "bin" || p == "examples/data" || d.Name() == "testdata" {
				return fs.SkipDir
			}
			return nil
		}
		switch path.Ext(p) {
		case ".go", ".md", ".yaml", ".yml", ".json", ".xml":
		default:
			if d.Name() != "Makefile" && path.Dir(p) != ".ci" {
				return nil
			}
		}
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		texts[p] = b
		if path.Ext(p) != ".go" {
			return nil
		}
		f, err := parser.ParseFile(fset, p, b, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		gofiles = append(gofiles, &goFile{p, path.Dir(p), strings.HasSuffix(p, "_test.go"), b, f})
		return nil
	})
	if err != nil {
		panic(err)
	}
	return texts, gofiles
})

// goFiles fails the test that looks at nothing.
func goFiles(t *testing.T) []*goFile {
	_, gofiles := files()
	if len(gofiles) < 10 {
		t.Fatalf("%d Go files found: is this the root of the repository?", len(gofiles))
	}
	return gofiles
}

// at is where a node stands, for messages.
func at(n ast.Node) token.Position { return fset.Position(n.Pos()) }

// importPath is the path that an import names.
func importPath(s *ast.ImportSpec) string {
	p, err := strconv.Unquote(s.Path.Value)
	if err != nil {
		panic(err)
	}
	return p
}

// localName is the name under which a file knows an import, or "" if it does not import it.
func (f *goFile) localName(imported string) string {
	for _, s := range f.ast.Imports {
		if importPath(s) != imported {
			continue
		}
		if s.Name != nil {
			return s.Name.Name
		}
		return path.Base(imported)
	}
	return ""
}

// calledOf is the name X where n is a use of pkg.X, else "".
func calledOf(n ast.Node, pkg string) string {
	sel, ok := n.(*ast.SelectorExpr)
	if !ok || pkg == "" {
		return ""
	}
	if id, ok := sel.X.(*ast.Ident); ok && id.Name == pkg {
		return sel.Sel.Name
	}
	return ""
}

func TestEveryGoFileBeginsWithItsLicense(t *testing.T) {
	const line = "// SPDX-License-Identifier: Apache-2.0\n"
	for _, f := range goFiles(t) {
		if !bytes.HasPrefix(f.text, []byte(line)) {
			t.Errorf("%s: the first line must be %q", f.path, strings.TrimSpace(line))
		}
	}
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	said := map[string]bool{}
	for _, f := range goFiles(t) {
		if f.test {
			continue
		}
		want := "Package " + f.ast.Name.Name + " "
		if f.ast.Name.Name == "main" {
			want = "Command " + path.Base(f.dir) + " "
		}
		ok := strings.HasPrefix(f.ast.Doc.Text(), want)
		if f.ast.Doc != nil && !ok {
			t.Errorf("%s: the comment above `package` must begin with %q", f.path, want)
		}
		said[f.dir] = said[f.dir] || ok
	}
	for dir, ok := range said {
		if !ok {
			t.Errorf("%s: no file has a comment above `package` that says what the package is for", dir)
		}
	}
}

// Limits of length.
const (
	fileLinesMax     = 600
	functionLinesMax = 70
)

// longer lists what is longer than the limit, with its length. It is a ratchet: what stands here may only get shorter,
// and the number goes down with it. Keys are a file, or a file and a function.
var longer = map[string]int{}

func TestFilesAndFunctionsAreShort(t *testing.T) {
	seen := map[string]bool{}
	check := func(key string, lines, limit int) {
		was, listed := longer[key]
		seen[key] = listed
		switch {
		case lines <= limit && listed:
			t.Errorf("%s: %d lines: within the limit of %d now; remove it from the list in house_test.go", key, lines,
				limit)
		case lines > limit && !listed:
			t.Errorf("%s: %d lines: at most %d; split it by what its parts mean", key, lines, limit)
		case listed && lines > was:
			t.Errorf("%s: %d lines: longer than the %d that are tolerated", key, lines, was)
		case listed && lines < was:
			t.Errorf("%s: %d lines: shorter than the %d in house_test.go; lower the number", key, lines, was)
		}
	}
	for _, f := range goFiles(t) {
		check(f.path, bytes.Count(f.text, []byte("\n")), fileLinesMax)
		for _, d := range f.ast.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && !f.test { // a test's length is mostly its table of cases
				check(f.path+" "+funcName(fn), fset.Position(fn.End()).Line-at(fn).Line+1, functionLinesMax)
			}
		}
	}
	for key := range longer {
		if !seen[key] {
			t.Errorf("%s: listed in house_test.go and not there", key)
		}
	}
}

func funcName(fn *ast.FuncDecl) string {
	if fn.Recv == nil || len(fn.Recv.List) == 0 {
		return fn.Name.Name
	}
	recv := fn.Recv.List[0].Type
	if s, ok := recv.(*ast.StarExpr); ok {
		recv = s.X
	}
	switch r := recv.(type) {
	case *ast.IndexExpr:
		recv = r.X
	case *ast.IndexListExpr:
		recv = r.X
	}
	if id, ok := recv.(*ast.Ident); ok {
		return id.Name + "." + fn.Name.Name
	}
	return fn.Name.Name
}

// A test that is skipped without a word hides a hole; one that sleeps is slow and still not sure. Inside a
// synctest bubble time is virtual, so sleeping there is no waiting.
func TestTestsNeitherSleepNorSkipSilently(t *testing.T) {
	for _, f := range goFiles(t) {
		if !f.test {
			continue
		}
		clock, bubble := f.localName("time"), f.localName("testing/synctest")
		ast.Inspect(f.ast, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if calledOf(call.Fun, bubble) == "Test" {
				return false
			}
			if calledOf(call.Fun, clock) == "Sleep" {
				t.Errorf("%s: a test sleeps: wait for a condition, or use testing/synctest", at(call))
			}
			if sel, ok := call.Fun.(*ast.SelectorExpr); ok && skipsSilently(sel.Sel.Name, call.Args) {
				t.Errorf("%s: %s without a reason: say why this test cannot run here", at(call), sel.Sel.Name)
			}
			return true
		})
	}
}

func skipsSilently(name string, args []ast.Expr) bool {
	switch name {
	case "SkipNow":
		return len(args) == 0
	case "Skip", "Skipf":
		if len(args) == 0 {
			return true
		}
		lit, ok := args[0].(*ast.BasicLit)
		return ok && strings.Trim(lit.Value, "`\" ") == ""
	}
	return false
}

func TestNothingIsLeftForLater(t *testing.T) {
	// Put together from halves, so that this file does not name them.
	words := regexp.MustCompile(`\b(` + "TO" + "DO|FIX" + "ME|XX" + `X)\b`)
	texts, _ := files()
	for p, b := range texts {
		for i, line := range strings.Split(string(b), "\n") {
			if w := words.FindString(line); w != "" {
				t.Errorf("%s:%d: %s: finish it, or leave it out", p, i+1, w)
			}
		}
	}
}
