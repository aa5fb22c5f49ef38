// SPDX-License-Identifier: Apache-2.0

package config

import (
	"net/url"
	"path/filepath"
	"strings"

	"clearpost/config/tree"
	"clearpost/exchange/intake/posting"
)

// specURLMax bounds the address of the exchange in posting specs, in bytes.
const specURLMax = 512

// specs reads what is said about posting specs.
func (l *loader) specs(f *tree.File, spec *specsSpec, cfg *Config) {
	if v, ok := l.expand(f, "specs.url", spec.URL); ok && v != "" && !IsStandIn(v) {
		if cfg.SpecURL = CleanURL(v); cfg.SpecURL == "" {
			l.bad(f, "specs.url", v, "an address such as https://leads.example, without user, query and fragment")
		}
	}
	if v, ok := l.expand(f, "specs.secret", spec.Secret); ok && v != "" {
		if cfg.SpecSecret = v; len(v) < 32 || len(v) > 256 || strings.ContainsAny(v, " \t\r\n") {
			l.badSecret(f, "specs.secret", "expected 32 to 256 characters without space")
		}
	}
}

// CleanURL is the address of an exchange without a slash at its end; empty if the text is none.
func CleanURL(text string) string {
	u, err := url.Parse(text)
	if err != nil || len(text) > specURLMax || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" ||
		u.User != nil || u.RawQuery != "" || u.Fragment != "" ||
		strings.ContainsAny(text, " '\"<>`\\") {
		return ""
	}
	return strings.TrimRight(text, "/")
}

// SpecHistory is where the versions of the posting specs are kept.
func (c *Config) SpecHistory() *posting.History {
	return posting.NewHistory(filepath.Join(c.DataDir, "specs"))
}

// SpecLinks makes the links to posting specs. Without a configured secret one is made and kept in DataDir.
func (c *Config) SpecLinks() (*posting.Links, error) {
	if c.SpecSecret != "" {
		return posting.NewLinks(c.SpecSecret), nil
	}
	s, err := posting.Secret(c.DataDir)
	if err != nil {
		return nil, err
	}
	return posting.NewLinks(s), nil
}
