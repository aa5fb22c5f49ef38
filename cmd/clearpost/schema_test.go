// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-json"
)

func TestSchemasOfEveryKind(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	must(t, "schema", "--out", dir)
	kinds := strings.Fields(must(t, "schema"))
	if len(kinds) != 13 {
		t.Fatalf("%d kinds", len(kinds))
	}
	for _, k := range kinds {
		file, err := os.ReadFile(filepath.Join(dir, k+".schema.json"))
		if out := must(t, "schema", k); err != nil || out != string(file) || !json.Valid(file) ||
			!strings.Contains(out, "properties") {
			t.Errorf("%s: %v, %.80s", k, err, out)
		}
	}
	for _, args := range [][]string{{"colour"}, {"buyer", "--out", dir}} {
		if code, _, errOut := clearpost(t, append([]string{"schema"}, args...)...); code != exitFailed || errOut == "" {
			t.Errorf("%v: exit %d, %q", args, code, errOut)
		}
	}
}
