// SPDX-License-Identifier: Apache-2.0

package config

import (
	"slices"
	"strings"
	"testing"
	"time"

	"clearpost/lead"
	"clearpost/rules"
)

func TestVerticalsHaveDerivedFieldsDefaultsAndRules(t *testing.T) {
	cfg, err := Load(writeConfig(t,
		change{"verticals/auto.yaml", "    min: 16\n", "    derive: dob.age\n    min: 16\n"},
		change{"verticals/auto.yaml", "person_key: [phone]", `  - {name: dob, type: dob, personal: true}
  - {name: state, derive: zip.state}
  - {name: language, type: enum, values: [en, es], synonyms: {English: en}, default: english}
  - {name: services, type: list, of: enum, values: [roof, windows]}
  - {name: insured, type: boolean}
  - {name: insurer, type: text}
region: GB
date_order: day_first
rules:
  - {together: [zip, state]}
  - {any: [phone, email], stage: ping}
  - {require: [insurer], when: insured, in: [yes]}
person_key: [phone]`},
		change{"buyers/one.yaml", "{field: zip, in: [02134, 90210]}", "{field: zip.prefix, in: [021]}"},
		change{"buyers/one.yaml", "{to: zip, from: zip}", "{to: state, from: state.name}"},
		change{"lists/free_domains.txt", "", "example.com # ours\n"},
	), nil)
	if err != nil {
		t.Fatal(err)
	}
	s := cfg.Exchange.Verticals[0].Schema
	var l lead.Lead
	l.Reset(s)
	l.SetNow(time.Date(2026, 2, 28, 0, 0, 0, 0, time.UTC))
	set := func(name, value string) {
		pos, _ := s.Position(name)
		l.Set(pos, []byte(value))
	}
	for name, value := range map[string]string{"zip": "02134", "dob": "3/4/1990", "email": "jane@example.com",
		"insured": "y", "phone": "020 7946 0958", "services": "roof"} {
		set(name, value)
	}
	l.Finish()
	for name, want := range map[string]string{"state": "MA", "dob": "1990-04-03", "age": "35", "language": "en",
		"phone": "+442079460958", "services": `["roof"]`} {
		if pos, _ := s.Position(name); string(l.Normal(pos)) != want {
			t.Errorf("%s is %q, want %q", name, l.Normal(pos), want)
		}
	}
	email, _ := s.Position("email")
	if v, _ := l.AppendPart(nil, email, lead.PartFree); string(v) != "true" {
		t.Errorf("the configuration's list is not the one: free is %q", v)
	}
	if p := l.Problems(lead.AtPing | lead.AtPost); len(p) != 1 || p[0].Field != "insurer" {
		t.Errorf("problems %+v", p)
	}
	if c := cfg.Exchange.Book.Campaign("one-auto"); c.Criteria[0].Test(&rules.Facts{Lead: &l}) != rules.Met {
		t.Error(c.Criteria[0].Explain(&rules.Facts{Lead: &l}))
	}
	if cfg.Files["lists/free_domains.txt"] == nil {
		t.Error("the list is not among the files of the configuration")
	}
}

func TestMistakesOfVerticalsHavePlaces(t *testing.T) {
	_, err := Load(writeConfig(t,
		change{"verticals/auto.yaml", "person_key: [phone]", `  - {name: ssn, type: ssn}
  - {name: things, type: list, of: thing}
region: XX
date_order: year_first
person_key: [ssn]`},
		change{"lists/free_domains.txt", "", "example.com\nexample\n"},
		change{"lists/frei.txt", "", "example.com\n"},
	), nil)
	got := places(t, err)
	for _, want := range []string{"lists/frei.txt:0:0: nothing reads this file",
		"lists/free_domains.txt:2:1: expected one domain name a line", "verticals/auto.yaml:10:36: ",
		`verticals/auto.yaml:11:9: "XX"`, `verticals/auto.yaml:12:13: "year_first"`,
		`verticals/auto.yaml:13:14: "ssn"`} {
		if !slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, want) }) {
			t.Errorf("no %q in\n%s", want, strings.Join(got, "\n"))
		}
	}
	_, err = Load(writeConfig(t, change{"verticals/auto.yaml", "person_key: [phone]",
		"rules:\n  - {any: [colour]}\n  - {order: [age, zip]}\nperson_key: [phone]"}), nil)
	if got = places(t, err); len(got) != 2 || !strings.HasPrefix(got[0], "verticals/auto.yaml:10:5") ||
		!strings.HasPrefix(got[1], "verticals/auto.yaml:11:5") {
		t.Errorf("%q", got)
	}
	_, err = Load(writeConfig(t, change{"verticals/auto.yaml", "person_key: [phone]",
		"  - {name: a, type: integer, derive: dob.age}\n  - {name: b, type: integer, default: many}\nperson_key: " +
			"[phone]"}), nil)
	if got = places(t, err); len(got) != 2 {
		t.Errorf("%q", got)
	}
}

// A person may come by the hash of a key field: the one that is named with it, or the one that is derived from it.
func TestPersonKeysKnowTheirHashes(t *testing.T) {
	for name, key := range map[string]string{
		"named":     "  - {name: h, type: hash, personal: true}\nperson_key: [phone|h]",
		"derived":   "  - {name: h, type: hash, personal: true, derive: phone.md5}\nperson_key: [phone]",
		"no hash":   "  - {name: other, type: hash, personal: true}\nperson_key: [phone]",
		"another's": "  - {name: other, type: hash, personal: true, derive: email.md5}\nperson_key: [phone]"} {
		cfg, err := Load(writeConfig(t, change{"verticals/auto.yaml", "person_key: [phone]", key}), nil)
		if err != nil {
			t.Fatal(err)
		}
		v := cfg.Exchange.Verticals[0]
		h, there := v.Schema.Position("h")
		if !there {
			h = -1
		}
		if k := v.Dedupe.Key; len(k) != 1 || v.Schema.Fields[k[0].Pos].Name != "phone" || k[0].Hash != h {
			t.Errorf("%s: %+v, want the hash at %d", name, k, h)
		}
	}
}
