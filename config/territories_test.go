// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"strings"
	"testing"
)

// A place belongs to one company: what two claim is refused at the place where the second does.
func TestTerritoriesThatOverlapAreRefused(t *testing.T) {
	page := func(id, more, territory, criteria string) change {
		return change{"buyers/" + id + ".yaml", "", fmt.Sprintf(`id: %s
%scampaigns:
  - id: %s-x
    vertical: auto
    price: 10
    territory: {of: [%s]}
    criteria: [%s]
    post: {request: {url: "https://m.example/p"}, answer: {success: [{path: ok, equals: true}]}}
`, id, more, id, territory, criteria)}
	}
	files := []change{{"lists/west.txt", "", "94110\n94111\n"}, {"lists/east.txt", "", "10001\n"}}
	for name, c := range map[string]struct{ a, b, more, criteriaA, criteriaB, told string }{
		"the same state": {a: "{field: state, in: [CA, NV]}", b: "{field: state, in: [TX, California]}",
			told: `buyers/bolt.yaml:6:22: state CA: expected a place to which no other company has the sole ` +
				`right: campaign acme2-x of buyer acme2 has it (buyers/acme2.yaml:3`},
		"others":            {a: "{field: state, in: [CA, NV]}", b: "{field: state, in: [TX]}"},
		"one company":       {a: "{field: state, in: [CA]}", b: "{field: state, in: [CA]}", more: "parent: group\n"},
		"a ZIP of a state":  {a: "{field: state, in: [CA]}", b: "{field: zip, in: ['94110']}", told: "zip 94110: "},
		"a state with ZIPs": {a: "{field: zip, in: ['94110']}", b: "{field: state, in: [CA]}", told: "state CA: "},
		"a file": {a: "{field: zip, in_file: west.txt}", b: "{field: zip, in: ['94111']}",
			told: "zip 94111: "},
		"two files": {a: "{field: zip, in_file: west.txt}", b: "{field: zip, in_file: east.txt}"},
		"criteria keep them apart": {a: "{field: state, in: [CA]}", b: "{field: state, in: [CA]}",
			criteriaA: "{field: age, max: 30}", criteriaB: "{field: age, min: 31}"},
		"no place": {a: "{field: age, min: 3}", b: "{field: state, in: [CA]}",
			told: "expected a list of places: a field of the lead with `in` or `in_file`"},
	} {
		t.Run(name, func(t *testing.T) {
			changes := append([]change{page("acme2", c.more, c.a, c.criteriaA), page("bolt", c.more, c.b, c.criteriaB)},
				files...)
			_, err := Load(writeConfig(t, changes...), nil)
			switch {
			case c.told == "" && err != nil && strings.Contains(err.Error(), "sole right"):
				t.Error(err)
			case c.told != "" && (err == nil || !strings.Contains(err.Error(), c.told)):
				t.Errorf("no %q in %v", c.told, err)
			}
		})
	}
}
