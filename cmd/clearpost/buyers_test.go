// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"clearpost/examples"
)

// A page is written once, what is missing is told, and the directory is sound afterwards.
func TestBuyersAdd(t *testing.T) {
	dir := t.TempDir()
	if err := examples.Write(dir); err != nil {
		t.Fatal(err)
	}
	add := []string{"buyers", "add", "-d", dir, "--id", "oakline", "--vertical", "solar", "--template", "leadspedia"}
	full := append(add[:len(add):len(add)], "--set", "url=https://oakline.example", "--set", "campaign_id=5f1e7a3c")
	said := func(want int, args ...string) string {
		t.Helper()
		var out, errOut strings.Builder
		if code := run(args, &out, &errOut); code != want {
			t.Fatalf("%v: exit code %d\n%s%s", args, code, &out, &errOut)
		}
		return out.String() + errOut.String()
	}
	page := filepath.Join(dir, "buyers", "oakline.yaml")
	if s := said(exitFailed, add...); !strings.Contains(s, "--set url=…") ||
		!strings.Contains(s, "--set campaign_id=…") || strings.Contains(s, "campaign_key") {
		t.Errorf("what is missing: %s", s)
	}
	if s := said(exitOK, append(full, "--stdout")...); !strings.HasPrefix(s, "# ") ||
		!strings.Contains(s, "id: oakline-solar") {
		t.Errorf("not a page:\n%s", s)
	}
	if _, err := os.Stat(page); err == nil {
		t.Error("--stdout has written")
	}
	if s := said(exitOK, full...); !strings.Contains(s, "export OAKLINE_KEY=") ||
		!strings.Contains(s, "campaign oakline-solar, 4 examples") {
		t.Errorf("what is next: %s", s)
	}
	was, _ := os.ReadFile(page)
	if s := said(exitFailed, full...); !strings.Contains(s, "oakline.yaml: there is such a file already") {
		t.Errorf("a second one: %s", s)
	}
	if now, _ := os.ReadFile(page); string(now) != string(was) {
		t.Error("the page was written over")
	}
	for _, args := range [][]string{{"check", dir}, {"check", dir, "--json"}, {"spec", "quotemill", "solar", dir,
		"--format", "md"}, {"try", "request", "oakline-solar", "--post", "-d", dir},
		{"try", "response", "oakline-solar", "--post", "-d",
			dir, "--status", "200", page}} {
		if s := said(exitOK, args...); !strings.Contains(s, "${env:OAKLINE_KEY}") || strings.Contains(s, "unset-") {
			t.Errorf("%v without the variable: %s", args, s)
		}
	}
	for _, args := range [][]string{{"check", dir, "--secrets"}, {"serve", dir}} {
		if s := said(exitFailed, args...); !strings.Contains(s, "the environment variable OAKLINE_KEY is not set") {
			t.Errorf("%v without the variable: %s", args, s)
		}
	}
	for _, verb := range [][]string{{"mock", "oakline-solar", "-d", dir, "--listen", "127.0.0.1:0"},
		{"probe", "oakline-solar", "-d", dir, "--to", "http://127.0.0.1:9", "--allow-private"}} {
		if s := said(exitFailed, verb...); !strings.Contains(s,
			"campaign oakline-solar needs what is not set here: ${env:OAKLINE_KEY}") {
			t.Errorf("%v without the variable: %s", verb, s)
		}
	}
	if s := said(exitFailed, "probe", "brightroof-fixed", "-d", dir, "--to", "http://127.0.0.1:9",
		"--allow-private"); !strings.Contains(s, "brightroof-fixed: ") {
		t.Errorf("another buyer's probe needs the variable: %s", s)
	}
	t.Setenv("OAKLINE_KEY", "k")
	said(exitOK, "check", dir)
	if s := said(exitOK, "try", "request", "oakline-solar", "--post", "-d", dir); !strings.Contains(s,
		"lp_campaign_key=${env:OAKLINE_KEY}") || !strings.Contains(s, "/post.do") {
		t.Errorf("the request: %s", s)
	}
}

func TestBuyersTemplates(t *testing.T) {
	var out, errOut strings.Builder
	if code := run([]string{"buyers", "templates"}, &out, &errOut); code != exitOK {
		t.Fatal(errOut.String())
	}
	for _, name := range []string{"json", "form", "xml", "soap", "get", "boberdoo", "leadspedia", "leadprosper",
		"leadconduit", "phonexa", "px", "ringba"} {
		if !strings.Contains("\n"+out.String(), "\n"+name+": ") {
			t.Errorf("no template %s in the list", name)
		}
	}
	out.Reset()
	if code := run([]string{"buyers", "templates", "--json"}, &out, &errOut); code != exitOK ||
		!strings.Contains(out.String(), `"name": "campaign_key"`) {
		t.Errorf("as JSON: %s%s", &out, &errOut)
	}
}

// What init writes works as it is, and is never written over anything.
func TestInit(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "conf")
	var out, errOut strings.Builder
	for _, args := range [][]string{{"init", dir}, {"check", dir}, {"buyers", "add", "-d", dir, "-t", "json", "--id",
		"oak", "--vertical", "solar", "-s", "ping_url=https://oak.example/ping", "-s",
		"post_url=https://oak.example/post", "-s", "key=k"}, {"check", dir}} {
		if code := run(args, &out, &errOut); code != exitOK {
			t.Fatalf("%v: %d\n%s%s", args, code, &out, &errOut)
		}
	}
	if code := run([]string{"init", dir}, &out, &errOut); code != exitFailed ||
		!strings.Contains(errOut.String(), "is not empty") {
		t.Errorf("written over: %d, %s", code, &errOut)
	}
}

func TestBuyersAddTellsOfAnAddressThatIsNotPublic(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "conf")
	must(t, "init", dir)
	for id, c := range map[string]struct {
		host string
		more []string
		told bool
	}{"a": {"127.0.0.1:9900", nil, true}, "b": {"localhost", nil, true}, "c": {"[fd00::1]", nil, true},
		"d": {"10.1.2.3", []string{"--private"}, false},
		"e": {"oakline.example", nil, false}} {
		out := must(t, append([]string{"buyers", "add", "-t", "json", "--id", id, "--vertical", "solar", "-s",
			"key=given", "-d", dir, "-s", "ping_url=http://" + c.host + "/ping", "-s", "post_url=http://" + c.host +
				"/post"}, c.more...)...)
		if strings.Contains(out, "is no public address") != c.told {
			t.Errorf("%s: %s", c.host, out)
		}
	}
}
