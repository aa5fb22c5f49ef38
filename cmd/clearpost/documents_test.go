// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// TestDocumentsPrintCommandsThatAre takes every call of clearpost in the documents and has the parser of calls read it:
// the verb and its flags are there, and nothing that it needs is left out. What the commands do is tried elsewhere.
func TestDocumentsPrintCommandsThatAre(t *testing.T) {
	docs := []string{"../../README.md", "../../CONTRIBUTING.md"}
	err := filepath.WalkDir("../../docs", func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".md") {
			docs = append(docs, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for _, doc := range docs {
		b, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		texts[strings.TrimPrefix(doc, "../../")] = string(b)
	}
	t.Chdir(t.TempDir())
	for _, dir := range []string{"my", "conf", "DIR", "NEW", "examples/plans/waterfall", "examples/plans/priority"} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile("bids.txt", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for doc, text := range texts {
		for _, line := range commandLines(text) {
			seen++
			if err := parseCommand(line, here); err != nil {
				t.Errorf("%s prints %q: %v", doc, line, err)
			}
		}
	}
	if seen < 30 {
		t.Errorf("%d commands found: does the test still see them?", seen)
	}
}

var (
	called = regexp.MustCompile(`(?:^|[ (]|\./|cmd/)clearpost +([a-z](?:"[^"]*"|'[^']*'|[^|&>#)"'])*)`)
	word   = regexp.MustCompile(`"[^"]*"|'[^']*'|\S+`)
)

// commandLines are the calls of clearpost in a document's blocks of shell, without what a shell takes for itself.
func commandLines(text string) (out []string) {
	block, shell := false, false
	for _, line := range strings.Split(strings.ReplaceAll(text, "\\\n", " "), "\n") {
		if lang, fence := strings.CutPrefix(line, "```"); fence {
			block = !block
			shell = block && (lang == "" || lang == "sh")
			continue
		}
		if !shell {
			continue
		}
		for _, m := range called.FindAllStringSubmatch(line, -1) {
			out = append(out, strings.TrimSpace(m[1]))
		}
	}
	return out
}

func parseCommand(line, here string) error {
	args := word.FindAllString(line, -1)
	for i, a := range args {
		if args[i] = strings.Trim(a, `"'`); strings.HasPrefix(a, "/tmp/") {
			args[i] = here
		}
		if a == "ROW" {
			args[i] = "018f3c2e-7c1a-7e55-9d6b-0a1b2c3d4e5f"
		}
	}
	var c cli
	k, err := kong.New(&c, kong.Name("clearpost"), kong.Writers(io.Discard, io.Discard), kong.Exit(func(int) {}))
	if err != nil {
		return err
	}
	if slices.Equal(args, []string{"VERB", "--help"}) {
		return nil
	}
	_, err = k.Parse(withNegatives(args))
	return err
}
