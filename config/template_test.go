// SPDX-License-Identifier: Apache-2.0

package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"clearpost/buyers/templates"
	"clearpost/lead"
	"clearpost/wire/request"
)

const templated = `id: two
campaigns:
  - id: two-auto
    vertical: auto
    price: 12.00
    template: json
    set: {ping_url: "https://two.example/ping", post_url: "https://two.example/post?a=$(x)", key: "${env:TWO}", key_header: X-Two, timeout_ms: 700}
    ping: null
    post:
      timeout_ms: 900
      request:
        fields:
          - {to: id, value: fixed}
          - {to: age, from: age}
`

func templateDir(t *testing.T, page string, more ...change) string {
	return writeConfig(t, append([]change{{"buyers/two.yaml", "", page}}, more...)...)
}

func secretTwo(name string) (string, bool) { return "two-secret", name == "TWO" }

func TestTemplateBecomesACampaign(t *testing.T) {
	cfg, err := Load(templateDir(t, templated), secretTwo)
	if err != nil {
		t.Fatal(err)
	}
	c := cfg.Exchange.Book.Campaign("two-auto")
	if c.Ping != nil || c.Post.Timeout.Milliseconds() != 900 || c.Price != 12*lead.Unit {
		t.Errorf("the campaign's own keys do not stand above the template's: %+v", c)
	}
	l := &lead.Lead{}
	l.Reset(cfg.Exchange.Verticals[0].Schema)
	for name, value := range map[string]string{"first_name": "Ann", "phone": "2127365000", "age": "41"} {
		pos, _ := l.Schema().Position(name)
		l.Set(pos, []byte(value))
	}
	got, err := c.Post.Request.AppendHTTP(nil, &request.Inputs{Lead: l})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"POST /post?a=$(x) HTTP/1.1\r\nHost: two.example\r\nX-Two: two-secret\r\n",
		`{"id":"fixed","first_name":"Ann","phone":"2127365000","age":41}`} {
		if !strings.Contains(string(got), want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	text, _ := templates.Text("json")
	if string(cfg.Files["templates/json.yaml"]) != string(text) {
		t.Error("the template is no part of the configuration that is kept")
	}
}

// A template of the configuration's own stands above one of the binary, and is part of the hash.
func TestTemplatesOfOnesOwn(t *testing.T) {
	own := `params: [{name: url}, {name: want, default: "yes"}, {name: zips}]
campaign:
  price: 3.00
  criteria: [{field: zip, in: $(zips)}]
  post:
    request: {url: $(url), format: form, fields: [{to: zip, from: zip}]}
    answer: {success: [{path: ok, equals: $(want)}]}
`
	page := "id: two\ncampaigns:\n  - {id: two-auto, vertical: auto, template: json, set: {url: " +
		"'https://two.example/', zips: [10001, 10002]}}\n"
	dir := templateDir(t, page, change{"templates/json.yaml", "", own})
	cfg, err := Load(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c := cfg.Exchange.Book.Campaign("two-auto"); len(c.Criteria) != 1 || len(c.Criteria[0].Values) != 2 ||
		c.Post.Answer.Read(200, nil, []byte(`{"ok":"yes"}`)).Outcome != lead.Accepted {
		t.Errorf("got %+v", c)
	}
	if err := os.WriteFile(filepath.Join(dir, "templates", "json.yaml"),
		[]byte(strings.Replace(own, "3.00", "4.00", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	other, err := Load(dir, nil)
	if err != nil || other.Hash == cfg.Hash {
		t.Errorf("another template has the same hash: %v", err)
	}
}

// Several fields may share a place, each with its condition: the page's stand above all of the template's there, and
// nowhere else.
func TestTemplateFieldsThatShareAPlace(t *testing.T) {
	own := `campaign:
  price: 3.00
  post:
    request:
      url: https://two.example/
      fields:
        - {to: size, value: small, when: {field: age, max: 17}}
        - {to: size, value: large}
        - {to: zip, from: zip}
        - {to: zip, in: query, from: zip}
    answer: {success: [{path: ok, equals: 1}]}
`
	page := `id: two
campaigns:
  - id: two-auto
    vertical: auto
    template: json
    post:
      request:
        fields:
          - {to: size, value: 1, when: {field: age, max: 20}}
          - {to: size, value: 2, when: {field: age, max: 60}}
          - {to: size, value: 3}
          - {to: zip, in: query, value: none}
`
	cfg, err := Load(templateDir(t, page, change{"templates/json.yaml", "", own}), nil)
	if err != nil {
		t.Fatal(err)
	}
	l := &lead.Lead{}
	for age, want := range map[string]string{"18": `{"size":1,"zip":"10001"}`, "41": `{"size":2,"zip":"10001"}`,
		"70": `{"size":3,"zip":"10001"}`} {
		l.Reset(cfg.Exchange.Verticals[0].Schema)
		for name, value := range map[string]string{"zip": "10001", "age": age} {
			pos, _ := l.Schema().Position(name)
			l.Set(pos, []byte(value))
		}
		got, err := cfg.Exchange.Book.Campaign("two-auto").Post.Request.AppendHTTP(nil, &request.Inputs{Lead: l})
		if err != nil || !strings.HasPrefix(string(got), "POST /?zip=none HTTP/1.1\r\n") ||
			!strings.HasSuffix(string(got), want) {
			t.Errorf("%v: %s, not %s", err, got, want)
		}
	}
}

func TestTemplateMistakesHaveAPlace(t *testing.T) {
	for name, c := range map[string]struct {
		old, new string
		more     []change
		want     []string
	}{
		"unknown template": {"template: json", "template: jsno", nil,
			[]string{`buyers/two.yaml:6:15: "jsno": expected one of `}},
		"unknown parameter": {"timeout_ms: 700", "timeout: 700", nil, []string{`buyers/two.yaml:7:`,
			`"timeout": expected a parameter of the template: ping_url, post_url, key, key_header, accepted, timeout_ms`}},
		"missing parameter": {"key: \"${env:TWO}\", ", "", nil,
			[]string{"buyers/two.yaml:6:15: expected `set: {key: …}`: the API key"}},
		"set is no mapping": {"set: {", "set: [{", nil, []string{"buyers/two.yaml"}},
		"a field that the vertical lacks": {"vertical: auto", "vertical: bare",
			[]change{{"verticals/bare.yaml", "", "id: bare\nfields: [{name: own, type: text}]\n"}},
			[]string{`buyers/two.yaml:14:`, `"age": expected a field of the vertical`}},
		"a template with a mistake": {"template: json", "template: own",
			[]change{{"templates/own.yaml", "",
				"params: [{name: ping_url}, {name: post_url}, {name: key}, {name: key_header}, {name: " +
					"timeout_ms}]\ncampaign:\n  post:\n    request: {url: $(post_url), fields: [{to: a, from: nope}]}\n"}}, []string{`buyers/two.yaml:6:15: "nope": expected a field of the vertical`, "(in template own, post.request.fields[0].from)", "answer.success is not there"}}, "a template without a campaign": {"template: json", "template: own",
			[]change{{"templates/own.yaml", "", "about: nothing\n"}}, []string{"templates/own.yaml", "campaign"}},
		"a template with unknown keys": {"template: json", "template: own",
			[]change{{"templates/own.yaml", "", "campain: {}\ncampaign: {}\n"}},
			[]string{`templates/own.yaml:1:1: unknown key "campain"`}},
	} {
		t.Run(name, func(t *testing.T) {
			page := strings.Replace(templated, c.old, c.new, 1)
			if name == "set is no mapping" {
				page = strings.Replace(page, "700}", "700}]", 1)
			}
			_, err := Load(templateDir(t, page, c.more...), secretTwo)
			if err == nil {
				t.Fatal("taken")
			}
			for _, want := range c.want {
				if !strings.Contains(strings.Join(places(t, err), "\n"), want) {
					t.Errorf("no %q in\n%v", want, err)
				}
			}
		})
	}
}
