// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-json"

	"clearpost/config"
)

// edit changes a text of a file, which must stand in it.
func edit(t *testing.T, name, from, to string) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil || !strings.Contains(string(b), from) {
		t.Fatalf("%s: %v, or it does not hold %q", name, err, from)
	}
	if err := os.WriteFile(name, []byte(strings.ReplaceAll(string(b), from, to)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// checkExamples breaks an example of the configuration, looks at what is said, and mends it.
func checkExamples(t *testing.T, dir string) {
	t.Helper()
	file := filepath.Join(dir, "buyers", "coverlane.yaml")
	edit(t, file, "&fn=Zo%C3%AB", "&fn=Zoe")
	defer edit(t, file, "&fn=Zoe", "&fn=Zo%C3%AB")
	code, out, _ := clearpost(t, "check", dir)
	for _, want := range []string{"buyers/coverlane.yaml:",
		`example "a lead from ping to post", post request.joined: the body differs`,
		"\n    -&fn=Zoe\n    +&fn=Zo%C3%AB\n", "1 expectation does not hold, of"} {
		if code != exitFailed || !strings.Contains(out, want) {
			t.Errorf("exit %d, expected %q in\n%s", code, want, out)
		}
	}
	code, out, _ = clearpost(t, "check", dir, "--json")
	var got struct {
		OK       bool                    `json:"ok"`
		Ran      int                     `json:"examples_run"`
		Failures []config.ExampleFailure `json:"example_failures"`
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil || code != exitFailed || got.OK || len(got.Failures) != 1 ||
		got.Ran < 10 {
		t.Fatalf("exit %d, %v\n%s", code, err, out)
	}
	f := got.Failures[0]
	if f.File != "buyers/coverlane.yaml" || f.Line < 50 || f.Column < 2 ||
		f.Path != "campaigns[0].examples[0].post.request.joined" || f.Diff == "" {
		t.Errorf("%+v", f)
	}
	if code, _, errOut := clearpost(t, "serve", dir); code != exitFailed || !strings.Contains(errOut, "+&fn=Zo%C3%AB") {
		t.Errorf("serve: exit %d, %s", code, errOut)
	}
}
