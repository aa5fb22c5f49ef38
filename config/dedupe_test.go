// SPDX-License-Identifier: Apache-2.0

package config

import (
	"strings"
	"testing"
)

// Persons may not be remembered for longer than their events are kept.
func TestRetentionCoversTheLongestWindow(t *testing.T) {
	for _, c := range []struct{ days, vertical, source, want string }{
		{"30", "", "", ""}, // 720 hours
		{"29", "", "", `expected at least 30: persons are to be remembered for 720 hours (dedupe, duplicates)`},
		{"29", "dedupe_hours: 696\n", "", ""},
		{"29", "dedupe: {refuse: none}\n", "", ""},
		{"30", "", "dedupe: {window_hours: 721}\n",
			`expected at least 31: persons are to be remembered for 721 hours (dedupe, duplicates)`},
	} {
		_, err := Load(writeConfig(t, change{"clearpost.yaml", "", "limits: {retention_days: " + c.days + "}\n"},
			change{"verticals/auto.yaml", "", c.vertical}, change{"sources/acme.yaml", "", c.source}), nil)
		if got := strings.Join(places(t, err), "\n"); !strings.HasSuffix(got, c.want) || (got == "") != (c.want == "") {
			t.Errorf("%+v: %s", c, got)
		}
	}
}
