// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// answers is a node that gives each path its answer, and what a verb prints of it.
func answers(t *testing.T, by map[string]string) (o *ops, e *env, out, errs *bytes.Buffer) {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, ok := by[r.URL.Path]
		if !ok {
			t.Errorf("it asks for %s", r.URL)
		}
		w.Write([]byte(text)) //nolint:errcheck // the verb tells
	}))
	t.Cleanup(srv.Close)
	out, errs = &bytes.Buffer{}, &bytes.Buffer{}
	return &ops{base: srv.URL}, &env{ctx: t.Context(), out: out, err: errs}, out, errs
}

// Accounts that do not add up are a failure, however they are printed.
func TestBooksThatDoNotAddUpAreAFailure(t *testing.T) {
	for _, asJSON := range []bool{false, true} {
		o, e, out, _ := answers(t, map[string]string{"/v1/view/catch-up": "{}", "/v1/standings": "[]",
			"/v1/books": `{"accounts":[{"account":"buyer:a","currency":"USD","amount_micros":1000000}]}`})
		err := (&booksCmd{JSON: asJSON}).tell(e, o, "")
		if err == nil || !strings.Contains(err.Error(), "add up to 1.00") ||
			!strings.Contains(out.String(), "buyer:a") {
			t.Errorf("as JSON %v: %v\n%s", asJSON, err, out)
		}
	}
}

// A list that is cut says so; one that ends at its limit does not.
func TestAListThatIsCutSaysSo(t *testing.T) {
	type page struct {
		Items []string `json:"items"`
	}
	o, e, out, errs := answers(t, map[string]string{"/v1/list": `{"items":["a","b","c"]}`})
	for limit, more := range map[int]bool{0: false, 2: true, 3: false} {
		out.Reset()
		errs.Reset()
		err := listing[page, string]{path: "/v1/list", of: func(p *page) ([]string, uint64) { return p.Items, 0 },
			limit: limit, head: "X", row: func(s string) string { return s }}.print(e, o)
		if err != nil || strings.Contains(errs.String(), "there are more") != more {
			t.Errorf("limit %d: %v %q", limit, err, errs)
		}
	}
}

// A buyer's note is its own, whatever it begins with.
func TestNotesOfReturnsAreKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "returns.csv")
	if err := os.WriteFile(path, []byte("reference,reason,note\nR-1,quality,file closed by the client\nR-2,quality,\n"),
		0o600); err != nil {
		t.Fatal(err)
	}
	list, err := (&returnCmd{CSV: path}).list(&env{})
	if err != nil || len(list) != 2 || list[0].Note != "file closed by the client" || list[1].Note != "" {
		t.Errorf("%+v, %v", list, err)
	}
}

// What is written does not go over the statement that it is about, nor over something else that is written.
func TestReconcileWritesOverNothingOfItsOwn(t *testing.T) {
	dir := t.TempDir()
	statement := filepath.Join(dir, "october.csv")
	if err := os.WriteFile(statement, []byte("reference,price\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link.csv")
	if err := os.Symlink(statement, link); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "out")
	for _, c := range []struct {
		csv, html string
		ok        bool
	}{{statement, "", false}, {"", link, false}, {out, out, false}, {out, filepath.Join(dir, "page"), true}} {
		err := (&reconcileCmd{File: statement, CSV: c.csv, HTML: c.html}).apart()
		if (err == nil) != c.ok {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
