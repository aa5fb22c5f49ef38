// SPDX-License-Identifier: Apache-2.0

package config

import (
	"os"
	"strings"
	"testing"
)

func TestMistakesAboutASourcesHabitsAreNamed(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"unescape: [html, html]", "expected html or backslash, each once"},
		{"unescape: [url]", "expected html or backslash, each once"},
		{"unpack: [\" a\"]", "expected a name of 1 to 128 bytes"},
		{"origins: [forms.example]", "expected an origin as browsers write it"},
		{"origins: [\"https://forms.example/\"]", "expected an origin as browsers write it"},
		{"origins: [\"https://Forms.example\"]", "expected an origin as browsers write it"},
		{"origins: [\"https://forms.example:443\"]", "expected an origin as browsers write it"},
		{"origins: [\"*\", \"https://forms.example\"]", "expected an origin as browsers write it"},
		{"date_order: year_first", "expected month_first or day_first"},
		{"timezone: EST", "America/New_York"},
	} {
		_, err := Load(writeConfig(t, change{"sources/acme.yaml", "", c.text + "\n"}), os.LookupEnv)
		if got := strings.Join(places(t, err), "\n"); !strings.Contains(got, c.want) || strings.Count(got, "\n") > 0 {
			t.Errorf("%s: %s", c.text, got)
		}
	}
}
