// SPDX-License-Identifier: Apache-2.0

package intake_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"clearpost/config"
	"clearpost/exchange/intake"
	"clearpost/lead"
	"clearpost/rules"
)

const wantedVertical = `
id: solar
fields:
  - {name: phone, required: post}
  - {name: zip, required: ping}
  - {name: state, derive: zip.state}
  - {name: dob, type: dob, required: ping, personal: true}
  - {name: age, type: integer, derive: dob.age, personal: true}
  - {name: owner, type: enum, values: [rent, own], required: ping}
  - {name: bill, type: money}
  - {name: opt_in, required: post}
`

// wantingBuyer buys leads that meet the criteria.
const wantingBuyer = `
id: b
campaigns:
  - id: b-main
    vertical: solar
    price: 25
    criteria: CRITERIA
    post:
      request: {url: "https://b.example/post", fields: [{to: phone, from: phone}]}
      answer: {success: [{path: ok, equals: true}]}
`

// The one-shot example of every posting spec is a lead that a campaign wants, whatever the criteria.
func TestExamplesAreLeadsThatSomebodyWants(t *testing.T) {
	for name, criteria := range map[string]string{
		"none":                   "[]",
		"a list of ZIPs":         `[{field: zip, in: ["33130"]}]`,
		"a state by its ZIP":     `[{field: state, in: [TX]}]`,
		"a part of the ZIP":      `[{field: zip.state, in: [NY]}]`,
		"an age by the birthday": "[{field: age, min: 66, max: 70}]",
		"an enum":                "[{field: owner, in: [own]}]",
		"not an enum's first":    "[{field: owner, not_in: [rent]}]",
		"an amount":              "[{field: bill, min: 500}]",
		"an area code":           `[{field: phone.area, in: ["305"]}]`,
		"all together":           `[{field: state, in: [FL, TX]}, {field: age, min: 66}, {field: owner, in: [own]}, {field: bill, min: 500}, {field: phone.area, in: ["305", "512"]}]`,
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for file, text := range map[string]string{"clearpost.yaml": "node: n1\n",
				"verticals/solar.yaml": wantedVertical,
				"sources/acme.yaml":    "id: acme\nkeys: [acme-key-0123456789]\nverticals: [solar]\n",
				"buyers/b.yaml":        strings.Replace(wantingBuyer, "CRITERIA", criteria, 1)} {
				path := filepath.Join(dir, filepath.FromSlash(file))
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			cfg, err := config.Load(dir, nil)
			if err != nil {
				t.Fatal(err)
			}
			wanted(t, cfg, "b-main")
		})
	}
}

// wanted holds the one-shot examples of each source and vertical to the campaigns; only, if not empty, is the one that
// must want them.
func wanted(t *testing.T, cfg *config.Config, only string) {
	t.Helper()
	now := time.Now()
	for _, src := range cfg.Exchange.Sources {
		for _, v := range cfg.Exchange.Verticals {
			for _, r := range intake.SpecSamples(src, v, &cfg.Exchange, now).Requests {
				if r.Call != "leads" || r.Title != "JSON" || r.Profile {
					continue
				}
				var l lead.Lead
				l.Reset(v.Schema)
				if problems, ok := intake.ReadJSON([]byte(r.Body), &l, now); !ok || len(problems) > 0 ||
					len(l.Problems(lead.AtPing|lead.AtPost)) > 0 {
					t.Errorf("%s of %s: %s: %v %v", v.ID, src.ID, r.Body, problems, l.Problems(lead.AtPing|lead.AtPost))
				}
				buys, found := 0, false
				for _, c := range cfg.Exchange.Book.Campaigns {
					if c.Vertical != v.ID || only != "" && c.ID != only {
						continue
					}
					buys++
					ok, _ := c.Test(&rules.Facts{Lead: &l, Stage: lead.AtPing | lead.AtPost, Now: now, Source: src.ID})
					found = found || ok
				}
				if buys > 0 && !found {
					t.Errorf("nobody wants the example of %s for %s: %s", v.ID, src.ID, r.Body)
				}
			}
		}
	}
}

func TestExamplesOfTheExamplesAreWanted(t *testing.T) {
	cfg, err := config.Load("../../examples", func(name string) (string, bool) { return "secret-0123456789", true })
	if err != nil {
		t.Fatal(err)
	}
	wanted(t, cfg, "")
}
