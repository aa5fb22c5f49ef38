// SPDX-License-Identifier: Apache-2.0

package config

import (
	"slices"
	"strings"
	"testing"
)

// What the binary knows of the world can be replaced, and what is wrong in a list or a key has its place.
func TestListsAndLimitsOfFields(t *testing.T) {
	cfg, err := Load(writeConfig(t, change{"lists/area_codes.txt", "",
		"# ours\nUS fixed_or_mobile 212 436\nUS toll_free 800\n"}, change{"lists/zip_states.txt", "",
		"02861 MA # Pawtucket\n42223 TN KY\n"}, change{"lists/missing.txt", "",
		"kein\nn/a\n"}), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{areaCodesFile, zipStatesFile, missingFile} {
		if cfg.Files[name] == nil {
			t.Errorf("%s is not among the files of the configuration", name)
		}
	}
	_, err = Load(writeConfig(t, change{"lists/area_codes.txt", "", "US fixed_or_mobile 212\nUS mobile 911\n"},
		change{"lists/zip_states.txt", "", "\n02861 Massachusets\n"}, change{"lists/missing.txt", "",
			strings.Repeat("x", 33)}, change{"verticals/auto.yaml", "person_key: [phone]",
			`  - {name: a, type: text, max_bytes: 16385}
  - {name: b, type: integer, max_bytes: 10}
  - {name: c, type: text, invalid: keep}
  - {name: d, type: text, required: ping, invalid: raw}
invalid: keep
person_key: [phone]`}), nil)
	got := places(t, err)
	for _, want := range []string{"lists/area_codes.txt:2:1: expected a country",
		"lists/zip_states.txt:2:1: expected a postal code", "lists/missing.txt:1:1: expected one word",
		`verticals/auto.yaml:9:38: "16385"`, `verticals/auto.yaml:10:41: "10"`, `verticals/auto.yaml:11:36: "keep"`,
		`verticals/auto.yaml:12:52: "raw"`, `verticals/auto.yaml:13:10: "keep"`} {
		if !slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, want) }) {
			t.Errorf("no %q in\n%s", want, strings.Join(got, "\n"))
		}
	}
}
