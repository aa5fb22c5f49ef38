// SPDX-License-Identifier: Apache-2.0

package answer

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"clearpost/lead"
)

// hostile is one answer of testdata/hostile and the receipt that it must have. A file has a line each of: spec NAME
// (testdata/hostile/specs), status N, type T, torn (the end is not proven), body "…" and repeat N "…" (parts of the
// body, in their order), receipt.
type hostile struct {
	path, spec  string
	status      int
	contentType string
	torn        bool
	body        []byte
	receipt     string
}

func readHostile(t testing.TB, path string) *hostile {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	h := &hostile{path: path}
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		key, rest, _ := strings.Cut(line, " ")
		n := 1
		switch key {
		case "spec":
			h.spec = rest
		case "status":
			h.status, err = strconv.Atoi(rest)
		case "type":
			h.contentType = rest
		case "torn":
			h.torn = true
		case "receipt":
			h.receipt = rest
		case "repeat":
			times, part, _ := strings.Cut(rest, " ")
			if n, err = strconv.Atoi(times); err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			rest = part
			fallthrough
		case "body":
			var part string
			part, err = strconv.Unquote(rest)
			h.body = append(h.body, strings.Repeat(part, n)...)
		default:
			err = fmt.Errorf("unknown line %q", line)
		}
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
	}
	return h
}

func (h *hostile) read(a *Answer) Receipt {
	if h.torn {
		return a.Read(h.status, []byte(h.contentType), h.body)
	}
	return a.ReadWhole(h.status, []byte(h.contentType), h.body)
}

// hostileCases reads the corpus and compiles its specs.
func hostileCases(t testing.TB) ([]*hostile, map[string]*Answer) {
	t.Helper()
	paths, err := filepath.Glob("testdata/hostile/*.txt")
	if err != nil || len(paths) < 150 {
		t.Fatalf("%d files (%v): expected at least 150", len(paths), err)
	}
	as := map[string]*Answer{}
	var out []*hostile
	for _, p := range paths {
		h := readHostile(t, p)
		if as[h.spec] == nil {
			spec, err := os.ReadFile("testdata/hostile/specs/" + h.spec + ".yaml")
			if err != nil {
				t.Fatal(err)
			}
			as[h.spec] = compileAnswer(t, string(spec), strings.HasSuffix(h.spec, "-post"))
		}
		out = append(out, h)
	}
	return out, as
}

// TestHostileAnswers: every answer of the corpus has its stated receipt, an explanation and a trace that ends with the
// rule that decided.
func TestHostileAnswers(t *testing.T) {
	cases, as := hostileCases(t)
	rewrite := flag.Lookup("rewrite").Value.String() == "true"
	for _, h := range cases {
		a := as[h.spec]
		kept := bytes.Clone(h.body)
		r := h.read(a)
		got := strings.TrimSpace(showReceipt(r))
		switch {
		case rewrite && got != h.receipt:
			text, err := os.ReadFile(h.path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(h.path, bytes.Replace(text, []byte("receipt "+h.receipt+"\n"),
				[]byte("receipt "+got+"\n"), 1), 0o600); err != nil {
				t.Fatal(err)
			}
		case got != h.receipt:
			t.Errorf("%s:\n got      %s\n expected %s", h.path, got, h.receipt)
		}
		if !bytes.Equal(kept, h.body) {
			t.Errorf("%s: the body was changed", h.path)
		}
		whole := a.ReadWhole(h.status, []byte(h.contentType), h.body)
		trace := a.Trace(h.status, []byte(h.contentType), h.body)
		if last := trace[len(trace)-1]; last.Rule != whole.Rule || !last.Matched || last.Why == "" {
			t.Errorf("%s: the trace ends with %+v, decided by %s", h.path, last, whole.Rule)
		}
		if a.Explain(h.status, []byte(h.contentType), h.body) == "" {
			t.Errorf("%s: no explanation", h.path)
		}
	}
}

// TestTruncatedAnswersAreNotSold: no proper beginning of an accepted answer of the corpus is accepted while its end is
// not proven; of JSON and XML not even where it is. A beginning that lacks nothing but space, or what stands behind the
// document, is a whole one.
func TestTruncatedAnswersAreNotSold(t *testing.T) {
	cases, as := hostileCases(t)
	accepted := 0
	for _, h := range cases {
		a := as[h.spec]
		if h.read(a).Outcome != lead.Accepted || len(h.body) > 10_000 {
			continue
		}
		accepted++
		ends := strings.HasPrefix(h.spec, "json") || strings.HasPrefix(h.spec, "legs") ||
			strings.HasPrefix(h.spec, "xml")
		for n := range len(bytes.TrimRight(h.body, " \t\r\n")) {
			part := h.body[:n]
			if r := a.Read(h.status, []byte(h.contentType), part); r.Outcome == lead.Accepted {
				t.Fatalf("%s: accepted without a proven end: %q", h.path, part)
			}
			if r := a.ReadWhole(h.status, []byte(h.contentType), part); r.Outcome == lead.Accepted && ends {
				t.Fatalf("%s: accepted: %q", h.path, part)
			}
		}
	}
	if accepted < 30 {
		t.Fatalf("%d accepted answers in the corpus: too few to say anything", accepted)
	}
}
