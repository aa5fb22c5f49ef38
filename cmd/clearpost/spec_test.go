// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"clearpost/config"
	"clearpost/examples"
)

func TestSpecNamesTheAddressThatSellersReach(t *testing.T) {
	for want, cfg := range map[string]*config.Config{"http://127.0.0.1:8080": {Listen: "127.0.0.1:8080"},
		"http://localhost:80":   {Listen: ":80"},
		"https://localhost:443": {Listen: "0.0.0.0:443", TLS: &config.KeyFiles{}},
		"https://leads.example": {Listen: ":80", SpecURL: "https://leads.example"}} {
		if got, err := (&specCmd{}).base(cfg); got != want || err != nil {
			t.Errorf("%s, %v: want %s", got, err, want)
		}
	}
}

func TestSpecIsWrittenWithoutARunningExchange(t *testing.T) {
	dir := t.TempDir()
	if err := examples.Write(dir); err != nil {
		t.Fatal(err)
	}
	for format, want := range map[string]string{"html": "<!DOCTYPE html>",
		"md": "# Auto insurance: posting spec for Quote Mill", "openapi": "openapi: 3.1.0",
		"openapi-json": `{"openapi": "3.1.0"`} {
		out := must(t, "spec", "quotemill", "auto", dir, "--format", format, "--url", "https://leads.example/")
		if !strings.HasPrefix(out, want) || !strings.Contains(out, "https://leads.example") ||
			strings.Contains(out, "leads.example//") {
			t.Errorf("%s: %.300s", format, out)
		}
	}
	file := filepath.Join(t.TempDir(), "spec.html")
	if out := must(t, "spec", "quotemill", "auto", dir, "-o", file); out != "" {
		t.Errorf("printed beside the file: %.100s", out)
	}
	if b, err := os.ReadFile(file); err != nil || !strings.HasPrefix(string(b), "<!DOCTYPE html>") {
		t.Errorf("%v: %.100s", err, b)
	}
	if _, err := os.Stat(filepath.Join(dir, "data")); !os.IsNotExist(err) {
		t.Errorf("writing a spec left something in data_dir: %v", err)
	}
	link := must(t, "spec", "quotemill", "auto", dir, "--link")
	if !regexp.MustCompile(`^http://127\.0\.0\.1:8080/spec/quotemill/auto\?token=[A-Za-z0-9_-]{24}\n$`).MatchString(
		link) {
		t.Errorf("link: %q", link)
	}
	if again := must(t, "spec", "quotemill", "auto", dir, "--link"); again != link {
		t.Errorf("another link: %q", again)
	}
	if code, out, _ := clearpost(t, "spec", "quotemill", "auto", dir, "--diff"); code != exitFailed ||
		!strings.Contains(out, "no version was in force yet") {
		t.Errorf("--diff: %d %s", code, out)
	}
	for _, c := range []struct {
		want string
		code int
		args []string
	}{
		{"no source", exitFailed, []string{"nobody", "auto", dir}},
		{`has no vertical "auto": it has solar`, exitFailed, []string{"sunpath", "auto", dir}},
		{"expected an address", exitFailed, []string{"quotemill", "auto", dir, "--url", "ftp://x"}},
		{"--format must be one of", exitUsage, []string{"quotemill", "auto", dir, "--format", "pdf"}},
		{"can't be used together", exitUsage, []string{"quotemill", "auto", dir, "--link", "--diff"}},
	} {
		if code, _, errOut := clearpost(t, append([]string{"spec"}, c.args...)...); code != c.code ||
			!strings.Contains(errOut, c.want) {
			t.Errorf("%v: %d %q", c.args, code, errOut)
		}
	}
}
