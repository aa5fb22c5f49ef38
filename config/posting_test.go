// SPDX-License-Identifier: Apache-2.0

package config

import (
	"strings"
	"testing"
)

func TestPostingSpecsAreConfigured(t *testing.T) {
	secret := strings.Repeat("s", 32)
	dir := writeConfig(t, change{"clearpost.yaml", "",
		"specs: {url: 'https://leads.example/x/', secret: " + secret + "}\n"})
	cfg, err := Load(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.SpecURL != "https://leads.example/x" || cfg.SpecSecret != secret {
		t.Errorf("url %q, secret %q", cfg.SpecURL, cfg.SpecSecret)
	}
	_, err = Load(writeConfig(t, change{"clearpost.yaml", "",
		"specs: {url: 'https://me@leads.example', secret: hush}\n"}), nil)
	got := strings.Join(places(t, err), "\n")
	if !strings.Contains(got, "expected an address such as https://leads.example") ||
		!strings.Contains(got, "expected 32 to 256 characters") || strings.Contains(err.Error(), "hush") {
		t.Errorf("%v", err)
	}
	for url, want := range map[string]string{"http://a:80/": "http://a:80", "ftp://a": "", "https://a?b": "",
		"https://a/#b": "", "https://": "", "https://" + strings.Repeat("a", 512): "", "https://a/'": ""} {
		if got := CleanURL(url); got != want {
			t.Errorf("%.40s becomes %q, want %q", url, got, want)
		}
	}
}

// Links without a configured secret open by one that is kept, so that they are the same after a restart.
func TestLinksToSpecsStay(t *testing.T) {
	cfg := &Config{DataDir: t.TempDir()}
	one, err := cfg.SpecLinks()
	if err != nil {
		t.Fatal(err)
	}
	again, err := cfg.SpecLinks()
	if err != nil || one.Token("s", "v") != again.Token("s", "v") {
		t.Errorf("another link: %v", err)
	}
	cfg.SpecSecret = strings.Repeat("x", 32)
	if other, err := cfg.SpecLinks(); err != nil || other.Token("s", "v") == one.Token("s", "v") {
		t.Errorf("the configured secret makes the same link: %v", err)
	}
}
