// SPDX-License-Identifier: Apache-2.0

package config

import (
	"slices"
	"strings"
	"testing"
)

func TestExclusions(t *testing.T) {
	cfg, err := loadPlan(t, "exclusions: not_to\n",
		change{"verticals/auto.yaml", "fields:\n", "fields:\n  - {name: not_to, type: list, of: text}\n"},
		change{"sources/acme.yaml", "", "exclusions: [Acme, \" nobody \"]\n"})
	if err != nil {
		t.Fatal(err)
	}
	v, s := cfg.Exchange.Verticals[0], cfg.Exchange.Sources[0]
	if v.Schema.Fields[v.Exclusions-1].Name != "not_to" || !slices.Equal(s.Excluded, []string{"acme", "nobody"}) {
		t.Errorf("field %d, %q", v.Exclusions, s.Excluded)
	}
	if w := cfg.Warnings(); !slices.ContainsFunc(w, func(w string) bool {
		return strings.Contains(w, `exclusions[1]: no buyer has the id or name "nobody"`)
	}) {
		t.Errorf("warnings: %q", w)
	}
	_, err = loadPlan(t, "exclusions: agee\n", change{"sources/acme.yaml", "", "exclusions: [\"\", x, X]\n"})
	if err == nil {
		t.Fatal("no mistakes")
	}
	for _, want := range []string{`"agee": expected a field of type list`, `expected the id or name of a buyer`,
		`"X": expected each name once`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %v", want, err)
		}
	}
}
