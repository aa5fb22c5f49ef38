// SPDX-License-Identifier: Apache-2.0

package clearpost_test

import (
	"os"
	"strings"
	"testing"
)

// Each mistake of tools/mutants is still one that can be made: the lines that it changes stand in their file, once.
func TestMutantsFitTheTree(t *testing.T) {
	b, err := os.ReadFile("tools/mutants/table.txt")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for block := range strings.SplitSeq(strings.TrimSpace(string(b)), "\n\n") {
		var name, file string
		var old []string
		for line := range strings.SplitSeq(block, "\n") {
			switch {
			case strings.HasPrefix(line, "-"):
				old = append(old, line[1:])
			case strings.HasPrefix(line, "name "):
				name = line[len("name "):]
			case strings.HasPrefix(line, "file "):
				file = line[len("file "):]
			}
		}
		if file == "" {
			continue // a remark
		}
		n++
		text, err := os.ReadFile(file)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if k := strings.Count(string(text), strings.Join(old, "\n")); k != 1 {
			t.Errorf("%s: its lines stand in %s %d times, want once", name, file, k)
		}
	}
	if n < 40 {
		t.Errorf("%d mistakes, want 40 at least", n)
	}
}
