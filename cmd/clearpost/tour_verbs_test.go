// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// tourShown is a command of the README's tour, and what it shows of its output.
type tourShown struct{ command, output string }

// tourVerbs are the operator's commands of the README's tour, without what the shell does to their output.
func tourVerbs(t *testing.T) (all []string, shown []tourShown) {
	t.Helper()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, tour, _ := strings.Cut(string(readme), "\n## A tour\n")
	tour, _, _ = strings.Cut(tour, "\n## ")
	_, tour, _ = strings.Cut(tour, "Then be the operator")
	for line := range strings.Lines(tour) {
		if line, ok := strings.CutPrefix(line, "./clearpost "); ok {
			line, _, _ = strings.Cut(line, " #")
			line, _, _ = strings.Cut(line, " | ")
			all = append(all, strings.TrimSpace(line))
		}
	}
	for _, m := range regexp.MustCompile("(?s)```sh\n\\./clearpost ([^\n]+)\n```\n\n```text\n(.*?)\n```").
		FindAllStringSubmatch(tour, -1) {
		shown = append(shown, tourShown{m[1], m[2]})
	}
	return all, shown
}

// words are a command's, as a shell takes them.
func words(command string) (out []string) {
	for _, w := range regexp.MustCompile(`'[^']*'|"[^"]*"|\S+`).FindAllString(command, -1) {
		out = append(out, strings.Trim(w, `'"`))
	}
	return out
}

// TestTheToursVerbs takes the tour of the README: its lead is sold, then each of its commands does what it shows.
func TestTheToursVerbs(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("each verb, while a demo runs")
	}
	ping, post, shown := tourCalls(t)
	ctx, end := context.WithCancel(context.Background())
	defer end()
	var said bytes.Buffer
	d := &demo{cmd: &demoCmd{Rate: 60, Seed: 4, Listen: "127.0.0.1:0", Admin: "127.0.0.1:0",
		Data: filepath.Join(t.TempDir(), "demo")}, e: &env{ctx: ctx, out: io.Discard, err: &said}}
	defer func() {
		for i := len(d.down) - 1; i >= 0; i-- {
			if err := d.down[i](); err != nil {
				t.Error(err)
			}
		}
	}()
	if err := d.start(); err != nil {
		t.Fatal(err)
	}
	quote := tourCall(t, d, "ping", ping, shown[0])
	id, _ := quote["ping_id"].(string)
	tourCall(t, d, "post", strings.Replace(post, "PING_ID", id, 1), shown[1])
	sold := make(chan error, 1)
	go func() { _, err := d.sell(); sold <- err }()
	dir := filepath.Join(d.dir, "config")
	all, outputs := tourVerbs(t)
	verbs := map[string]bool{}
	printed := map[string]string{}
	for _, command := range all {
		args := words(command)
		verbs[args[0]] = true
		printed[command] = must(t, append(args, "-d", dir)...)
	}
	for _, verb := range []string{"find", "report", "statement", "explain", "books", "returns"} {
		if !verbs[verb] {
			t.Errorf("the tour has no %s", verb)
		}
	}
	if !strings.Contains(printed["find '(602) 234-0199'"], id) {
		t.Errorf("find: no %s in\n%s", id, printed["find '(602) 234-0199'"])
	}
	if len(outputs) != 3 {
		t.Fatalf("the tour shows %d outputs: %v", len(outputs), outputs)
	}
	for _, o := range outputs {
		for line := range strings.Lines(o.output) {
			if strings.TrimSpace(line) == "" {
				continue
			}
			first := strings.Fields(line)[0]
			if first == "2026-11-23" || first == "sunharvest" || strings.HasPrefix(first, "returns") {
				continue // what there is at the moment
			}
			if !strings.Contains(printed[o.command], first) {
				t.Errorf("%s: no %q in\n%s", o.command, first, printed[o.command])
			}
		}
		header, _, _ := strings.Cut(o.output, "\n")
		if len(strings.Fields(header)) > 4 && !sameWords(header, printed[o.command]) {
			t.Errorf("%s: no header %q in\n%s", o.command, header, printed[o.command])
		}
	}
	end()
	if err := <-sold; err != nil {
		t.Error(err)
	}
}

// aDate is a date as the verbs tell it.
var aDate = regexp.MustCompile(`\d{4}-\d\d-\d\d`)

// sameWords tells whether a text has a line with these words, on whatever day.
func sameWords(line, text string) bool {
	words := func(s string) string {
		return aDate.ReplaceAllString(strings.Join(strings.Fields(s), " "), "DATE")
	}
	for l := range strings.Lines(text) {
		if words(l) == words(line) {
			return true
		}
	}
	return false
}
