// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"clearpost/lead"
	"clearpost/wire/request"
)

func TestRulesOfACampaignAreFoundByItsID(t *testing.T) {
	cfg, err := Load(writeConfig(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := cfg.Rules("one-auto", true)
	if err != nil {
		t.Fatal(err)
	}
	if r.Campaign != "one-auto" || r.Vertical != "auto" || r.Request == nil || r.Answer == nil || r.Schema == nil ||
		r.Example || r.Inputs.Lead == nil {
		t.Errorf("%+v", r)
	}
	out, err := r.Request.AppendRedacted(nil, &r.Inputs)
	if err != nil || !strings.Contains(string(out), "POST /post") {
		t.Errorf("%s, %v", out, err)
	}
	var l lead.Lead
	l.Reset(r.Schema)
	zip, _ := r.Schema.Position("zip")
	l.Set(zip, []byte("10001"))
	if why := r.Unmet(&request.Inputs{Lead: &l}, lead.AtPost); len(why) != 2 ||
		why[0] != "zip is 10001, expected one of 02134, 90210 (buyers/one.yaml:8:9, criteria[0])" ||
		why[1] != "age is missing, expected from 25 to 70 (buyers/one.yaml:9:9, criteria[1])" {
		t.Errorf("a lead of another ZIP code: %q", why)
	}
	for _, c := range []struct {
		campaign string
		post     bool
		want     string
	}{
		{"one-auto", false, "its price is fixed"},
		{"one-atuo", true, `no campaign "one-atuo": did you mean "one-auto"?`},
	} {
		if _, err := cfg.Rules(c.campaign, c.post); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.campaign, err)
		}
	}
}

// A file of rules may be a buyer's page, a campaign or one endpoint, with or without a configuration that knows its
// fields.
func TestRulesOfAFile(t *testing.T) {
	endpoint := "request: {url: 'https://b.example/p', auth: {bearer: '${env:KEY}'}, fields: [{to: z, from: zip}, " +
		"{to: b, from: birth_day.year}]}\nanswer: {success: [{path: ok, equals: true}]}\n"
	indented := func(by string, text string) string {
		return by + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n"+by) + "\n"
	}
	campaign := "id: c1\nvertical: auto\nprice: 7\npost:\n" + indented("  ", endpoint) +
		"examples: [{name: e, lead: {zip: '10001', eyes: brown}}]\n"
	page := "id: b\ncampaigns:\n  - id: c0\n    post: {answer: {success: [{path: x, exists: true}]}}\n  -\n" +
		indented("    ", campaign)
	cfg, err := Load(writeConfig(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	key := func(name string) (string, bool) { return "hush-hush", name == "KEY" }
	for name, c := range map[string]struct {
		text string
		opt  RulesOptions
		want string // campaign, vertical, price and birth's type; or a part of the error
	}{
		"an endpoint":             {endpoint, RulesOptions{Env: key, Post: true}, "rules.yaml any 25.00 dob"},
		"a ping":                  {endpoint, RulesOptions{Env: key}, "rules.yaml any 0.00 dob"},
		"a campaign":              {campaign, RulesOptions{Env: key, Post: true}, "c1 auto 7.00 dob"},
		"a page":                  {page, RulesOptions{Env: key, Post: true, Campaign: "c1"}, "c1 auto 7.00 dob"},
		"the first of a page":     {page, RulesOptions{Env: key, Post: true}, "c0 any 25.00 "},
		"no secret, only shown":   {endpoint, RulesOptions{Redacted: true}, "rules.yaml any 0.00 dob"},
		"no secret":               {endpoint, RulesOptions{}, "is not set"},
		"a campaign without ping": {campaign, RulesOptions{Env: key}, "ping is not there: expected the call"},
		"not on the page":         {page, RulesOptions{Env: key, Campaign: "c2"}, `no campaign "c2"`},
		"a field of no vertical":  {campaign, RulesOptions{Env: key, Post: true, Config: cfg}, "birth_day"},
		"no YAML":                 {"[", RulesOptions{}, "rules.yaml:1:1"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "rules.yaml")
			if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			r, err := LoadRules(file, c.opt)
			if err != nil {
				if !strings.Contains(err.Error(), c.want) {
					t.Errorf("%q is not in %v", c.want, err)
				}
				return
			}
			typ := ""
			if pos, ok := r.Schema.Position("birth_day"); ok {
				typ = r.Schema.Fields[pos].Type.String()
			}
			got := strings.Join([]string{r.Campaign, r.Vertical, r.Inputs.Price.String(), typ}, " ")
			if got != c.want || r.Answer == nil {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	if _, err := LoadRules(filepath.Join(t.TempDir(), "none.yaml"), RulesOptions{}); err == nil ||
		!strings.HasPrefix(err.Error(), "none.yaml: ") {
		t.Errorf("a file that is not there: %v", err)
	}
}

// Without their secrets a configuration is read for what sends nothing: it is told what is missing, and for whom.
func TestAbsentSecretsAreNamedWhereTheyMayBe(t *testing.T) {
	dir := writeConfig(t, change{"buyers/one.yaml", "X-Api.Key: abc", "X-Api.Key: '${env:ONE_KEY}'"})
	if _, err := LoadWith(dir, Options{}); err == nil {
		t.Error("a secret that is not there is taken for one")
	}
	cfg, err := LoadWith(dir, Options{Placeholders: true})
	if err != nil {
		t.Fatal(err)
	}
	if mine := cfg.UnsetFor("one-auto"); strings.Join(cfg.Unset, " ") != "${env:ONE_KEY}" ||
		!slices.Equal(mine, cfg.Unset) || len(cfg.UnsetFor("other")) != 0 {
		t.Errorf("unset %q, of one-auto %q, of another %q", cfg.Unset, cfg.UnsetFor("one-auto"), cfg.UnsetFor("other"))
	}
	if s := standInFor("${env:ONE_KEY}"); !IsStandIn(s) || s == standInFor("${env:TWO}") || IsStandIn("secret") {
		t.Errorf("%q stands in for a secret", s)
	}
}

// An example that does not hold is told with its place, and is no mistake of the file.
func TestExamplesThatDoNotHoldAreTold(t *testing.T) {
	cfg, err := Load(writeConfig(t, change{"buyers/one.yaml", "", `    examples:
      - name: sold
        lead: {zip: "02134", age: 40}
        post: {answer: {body: '{"ok":false}'}, receipt: {outcome: accepted}}
`}), nil)
	if err != nil {
		t.Fatal(err)
	}
	var bad *ExamplesError
	if err := cfg.Examples.Err(); !errors.As(err, &bad) || bad.Ran != 1 || len(bad.Failures) == 0 {
		t.Fatalf("%v", err)
	}
	p := bad.Failures[0].Problem()
	if p.File != "buyers/one.yaml" || p.Line < 20 ||
		!strings.Contains(p.Message, `campaign one-auto, example "sold", post`) || !strings.Contains(bad.Error(), "accepted") || !strings.Contains(bad.Error(), "of 1 examples") {
		t.Errorf("%+v\n%v", p, bad)
	}
	cfg.DropFiles()
	if cfg.Files != nil || cfg.Exchange.Book.Campaign("one-auto").Examples != nil {
		t.Error("files and examples are kept")
	}
}
