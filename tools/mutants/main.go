// SPDX-License-Identifier: Apache-2.0

// Command mutants makes one mistake in the engine at a time, has the tests that must find it run, and tells which did.
// A mistake that no test finds is one that the tests allow. Each stands in table.txt: what it is, where, which tests,
// the lines as they are and as they are mistaken. The tree itself is not changed: go test takes the mistaken file as an
// overlay.
//
//	go -C tools run ./mutants            all
//	go -C tools run ./mutants 3 cap      number 3, and those whose name has "cap"
package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

//go:embed table.txt
var table string

type mutant struct {
	name, file string
	tests      []string // of go test
	old, new   string
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	root, err := filepath.Abs("..")
	if err != nil {
		return err
	}
	all, err := parse(table)
	if err != nil {
		return err
	}
	survive := 0
	for i, m := range all {
		if !chosen(i+1, m.name, args) {
			continue
		}
		begin := time.Now()
		found, err := m.try(root)
		switch {
		case err != nil:
			return fmt.Errorf("%d %s: %w", i+1, m.name, err)
		case found == "":
			survive++
			found = "NO TEST FINDS IT"
		}
		fmt.Printf("%3d  %-62s %s (%.0f s)\n", i+1, m.name, found, time.Since(begin).Seconds())
	}
	if survive > 0 {
		return fmt.Errorf("%d survive", survive)
	}
	return nil
}

func chosen(n int, name string, args []string) bool {
	for _, a := range args {
		if k, err := strconv.Atoi(a); err == nil && k == n || err != nil && strings.Contains(name, a) {
			return true
		}
	}
	return len(args) == 0
}

// parse reads the table: blocks with an empty line between them. Lines that begin with - are as they stand, with + as
// they are mistaken.
func parse(text string) (out []mutant, err error) {
	for block := range strings.SplitSeq(text, "\n\n") {
		var m mutant
		var old, mistaken []string
		for line := range strings.SplitSeq(block, "\n") {
			key, rest, _ := strings.Cut(line, " ")
			switch {
			case line == "", strings.HasPrefix(line, "//"):
			case strings.HasPrefix(line, "-"):
				old = append(old, line[1:])
			case strings.HasPrefix(line, "+"):
				mistaken = append(mistaken, line[1:])
			case key == "name":
				m.name = rest
			case key == "file":
				m.file = rest
			case key == "test":
				m.tests = strings.Fields(rest)
			default:
				return nil, fmt.Errorf("table: %q: expected name, file, test, - or +", line)
			}
		}
		if m.name == "" && m.file == "" && old == nil {
			continue // a remark
		}
		m.old, m.new = strings.Join(old, "\n"), strings.Join(mistaken, "\n")
		if m.name == "" || m.file == "" || len(m.tests) == 0 || m.old == "" || m.old == m.new {
			return nil, fmt.Errorf("table: %q: expected name, file, test, and lines that differ", m.name)
		}
		out = append(out, m)
	}
	return out, nil
}

var failed = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)

// try makes the mistake, and names the first test that finds it; "" if none does.
func (m *mutant) try(root string) (found string, err error) {
	path := filepath.Join(root, filepath.FromSlash(m.file))
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	if n := bytes.Count(text, []byte(m.old)); n != 1 {
		return "", fmt.Errorf("%s has these lines %d times, want once", m.file, n)
	}
	dir, err := os.MkdirTemp("", "mutant")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	mistaken, overlay := filepath.Join(dir, "mutant.go"), filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(mistaken, bytes.Replace(text, []byte(m.old), []byte(m.new), 1), 0o600); err != nil {
		return "", err
	}
	replace := fmt.Sprintf(`{"Replace": {%q: %q}}`, path, mistaken)
	if err := os.WriteFile(overlay, []byte(replace), 0o600); err != nil {
		return "", err
	}
	args := append([]string{"test", "-overlay", overlay, "-count", "1", "-timeout", "5m"}, m.tests...)
	cmd := exec.Command("go", args...)
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	switch by := failed.FindSubmatch(out); {
	case err == nil:
		return "", nil
	case bytes.Contains(out, []byte("[build failed]")), bytes.Contains(out, []byte("[setup failed]")):
		return "", fmt.Errorf("it does not compile:\n%s", out)
	case by != nil:
		return string(by[1]), nil
	case bytes.Contains(out, []byte("panic:")):
		return "a panic", nil
	}
	return "", fmt.Errorf("go test: %w\n%s", err, out)
}
