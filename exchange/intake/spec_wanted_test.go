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
  - {name: note, type: text}
  - {name: moved, type: date}
  - {name: roof_age, type: integer}
`

// wantingBuyer buys leads that meet the criteria.
const wantingBuyer = `
id: b
timezone: America/New_York
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
		"none":                          "[]",
		"a list of ZIPs":                `[{field: zip, in: ["33130"]}]`,
		"a state by its ZIP":            `[{field: state, in: [TX]}]`,
		"a part of the ZIP":             `[{field: zip.state, in: [NY]}]`,
		"an age by the birthday":        "[{field: age, min: 66, max: 70}]",
		"a radius":                      "[{field: zip, within: 10 mi of 78704}]",
		"an expression":                 `['lead.owner == "own" && lead.bill > 500 && lead.zip.state == "TX" && now.hour in 9..17']`,
		"one of two in an expression":   `['lead.roof_age >= 20 && (lead.note contains "leak" || lead.phone.area == "305")']`,
		"the opposite of an expression": `[{not: 'lead.owner == "rent" || lead.bill <= 100'}]`,
		"an age in an expression":       `['lead.age in 66..70 && lead.zip startsWith "787"']`,
		"an enum":                       "[{field: owner, in: [own]}]",
		"not an enum's first":           "[{field: owner, not_in: [rent]}]",
		"an amount":                     "[{field: bill, min: 500}]",
		"an area code":                  `[{field: phone.area, in: ["305"]}]`,
		"a beginning":                   `[{field: zip, prefix: ["787", "770"]}]`,
		"an end":                        `[{field: email.domain, suffix: .edu}]`,
		"something in it":               `[{field: note, contains: shingle}]`,
		"a pattern":                     `[{field: note, pattern: "^(roof|tile)-[0-9]{3}$"}]`,
		"something sent":                `[{field: roof_age, present: true}]`,
		"nothing sent":                  `[{field: bill, present: false}]`,
		"a date of late":                `[{field: moved, within_last: 2 weeks}]`,
		"a date of long ago":            `[{field: moved, older_than: 3 years}]`,
		"a date between":                `[{field: moved, after: 1999-01-01, before: 1999-01-03}]`,
		"one of two states":             `[{any: [{field: state, in: [TX]}, {field: state, in: [FL]}]}]`,
		"two at once, or none":          `[{any: [{all: [{field: state, in: [TX]}, {field: bill, min: 900}]}, {field: note, in: [x]}]}]`,
		"the opposite":                  `[{not: {field: owner, in: [rent]}}]`,
		"the opposite of two":           `[{not: {any: [{field: owner, in: [rent]}, {field: bill, max: 500}]}}]`,
		"its source":                    `[{field: source, in: [acme]}]`,
		"an hour and a day":             `[{field: time, min: "03:00", max: "03:30"}, {field: weekday, in: [sun]}]`,
		"all together":                  `[{field: state, in: [FL, TX]}, {field: age, min: 66}, {field: owner, in: [own]}, {field: bill, min: 500}, {field: phone.area, in: ["305", "512"]}]`,
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
					f := rules.Facts{Lead: &l, Stage: lead.AtPing | lead.AtPost, Source: src.ID}
					for quarters := range 7 * 24 * 4 {
						f.Now = now.Truncate(time.Hour).Add(time.Duration(quarters) * 15 * time.Minute)
						ok, _ := c.Test(&f)
						found = found || ok
					}
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
