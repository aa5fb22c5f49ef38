// SPDX-License-Identifier: Apache-2.0

package config

import (
	"strings"
	"testing"
)

func TestOperatorsDoorIsWarnedOfBeforeItOpens(t *testing.T) {
	for listen, warned := range map[string]bool{"": false, "127.0.0.1:0": false, "[::1]:8081": false,
		"localhost:8081": false, ":8081": true, "0.0.0.0:8081": true, "10.1.2.3:8081": true} {
		var changes []change
		if listen != "" {
			changes = append(changes, change{"clearpost.yaml", "{listen: 127.0.0.1:8081}", `{listen: "` + listen + `"}`})
		}
		cfg, err := Load(writeConfig(t, changes...), nil)
		if err != nil {
			t.Fatal(listen, err)
		}
		if got := strings.Contains(strings.Join(cfg.Warnings(), "\n"), "admin.listen"); got != warned {
			t.Errorf("%q: %q", listen, cfg.Warnings())
		}
	}
}
