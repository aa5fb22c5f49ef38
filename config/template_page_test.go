// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"clearpost/buyers/templates"
	"clearpost/lead"
)

var rewritePages = flag.Bool("rewrite-pages", false, "write the pages that templates become")

// plainVertical has canonical fields, and one of its own of each kind that a page treats in its way.
const plainVertical = `id: plain
name: Plain
currency: USD
fields:
  - {name: zip, required: ping}
  - {name: state, required: ping, derive: zip.state}
  - {name: first_name, required: post}
  - {name: last_name, required: post}
  - {name: email, required: post}
  - {name: phone, required: post}
  - {name: homeowner, type: boolean}
  - {name: birth, type: dob, personal: true, required: post}
person_key: [phone]
ping_ttl_s: 300
ping_deadline_ms: 1000
post_total_ms: 10000
`

func pageDir(t *testing.T, more ...change) string {
	return writeConfig(t, append([]change{{"verticals/plain.yaml", "", plainVertical}}, more...)...)
}

// exampleSettings sets what must be set to what the template gives as an example.
func exampleSettings(t *testing.T, name string) []Setting {
	t.Helper()
	tpl, err := readTemplate("", name)
	if err != nil {
		t.Fatal(err)
	}
	var set []Setting
	for _, p := range tpl.list() {
		if p.About == "" || p.Example == "" && p.Default == nil {
			t.Errorf("%s: the parameter %s says not what it is for, or has no example", name, p.Name)
		}
		if p.Default == nil && !p.Secret {
			set = append(set, Setting{p.Name, p.Example})
		}
	}
	return set
}

// Every template becomes a page whose requests are those that stand in testdata, byte for byte, and whose examples
// hold.
func TestEveryTemplateBecomesAPage(t *testing.T) {
	dir := pageDir(t)
	for _, name := range templates.Names() {
		t.Run(name, func(t *testing.T) {
			b := NewBuyer{ID: "oak-" + name, Name: "Oak", Vertical: "plain", Template: name,
				Set: exampleSettings(t, name)}
			p, err := NewBuyerPage(dir, Options{}, b)
			if err != nil {
				t.Fatal(err)
			}
			if p.Examples < 3 {
				t.Errorf("%d examples", p.Examples)
			}
			file := filepath.Join("testdata", "pages", name+".yaml")
			if *rewritePages {
				if err := os.WriteFile(file, p.Text, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if string(want) != string(p.Text) {
				t.Errorf("the page is not %s (-rewrite-pages writes it):\n%s", file, p.Text)
			}
			b.Expand = true
			whole, err := NewBuyerPage(dir, Options{}, b)
			if err != nil {
				t.Fatal(err)
			}
			short, long := string(p.Text), string(whole.Text)
			if strings.Contains(long, "template:") ||
				long[strings.Index(long, "    examples:"):] != short[strings.Index(short, "    examples:"):] {
				t.Errorf("written out it is another buyer:\n%s", long)
			}
		})
	}
}

// A page is made for each vertical of the examples, with the vertical's own fields in its requests.
func TestPagesForTheVerticalsOfTheExamples(t *testing.T) {
	for _, vertical := range []string{"auto", "solar", "home_services", "mortgage"} {
		p, err := NewBuyerPage(examplesDir, Options{}, NewBuyer{ID: "oak", Vertical: vertical, Template: "xml",
			Set: exampleSettings(t, "xml")})
		if err != nil {
			t.Fatalf("%s: %v", vertical, err)
		}
		if n := strings.Count(string(p.Text), "to: details."); n < 10 || len(p.Variables) != 1 ||
			p.Variables[0] != "OAK_KEY" {
			t.Errorf("%s: %d own fields, variables %v", vertical, n, p.Variables)
		}
	}
}

func TestAFixedPricePage(t *testing.T) {
	price := 12 * lead.Unit
	b := NewBuyer{ID: "oak", Vertical: "plain", Template: "form", Set: exampleSettings(t, "form"), Price: &price,
		NoPing: true, Private: true}
	dir := pageDir(t)
	p, err := NewBuyerPage(dir, Options{}, b)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Write(dir); err != nil {
		t.Fatal(err)
	}
	cfg, err := Load(dir, func(name string) (string, bool) { return "x", name == "OAK_KEY" })
	if err != nil {
		t.Fatal(err)
	}
	c := cfg.Exchange.Book.Campaign("oak-plain")
	if c == nil || c.Ping != nil || c.Price != price || !c.Buyer.AllowPrivate || cfg.Examples.Err() != nil ||
		strings.Count(string(p.Text), "&id=") != 1 {
		t.Errorf("not a buyer with a fixed price that is not asked: %+v\n%s", c, p.Text)
	}
	if err := p.Write(dir); !errors.Is(err, ErrBuyerThere) {
		t.Errorf("written over: %v", err)
	}
	if names, _ := filepath.Glob(filepath.Join(dir, "buyers", ".*")); names != nil {
		t.Errorf("left behind: %v", names)
	}
	b.Price = nil
	if _, err := NewBuyerPage(dir, Options{}, b); err == nil {
		t.Error("a buyer without a ping and a price")
	}
}

// What keeps a page from being made is told, and nothing is written.
func TestPagesThatAreNotMade(t *testing.T) {
	for name, c := range map[string]struct {
		b    NewBuyer
		more []change
		says string
	}{
		"no such template": {NewBuyer{ID: "oak", Vertical: "plain", Template: "jsn"}, nil,
			`no template "jsn": did you mean "json"?`},
		"no such vertical": {NewBuyer{ID: "oak", Vertical: "plane", Template: "json"}, nil, `no vertical "plane"`},
		"no such parameter": {NewBuyer{ID: "oak", Vertical: "plain", Template: "soap", Set: []Setting{{"ulr", "x"}}},
			nil, `no parameter "ulr"`},
		"missing": {NewBuyer{ID: "oak", Vertical: "plain", Template: "soap"}, nil,
			"--set url=…   address of the service, such as https://buyer.example/LeadService.asmx"},
		"no URL": {NewBuyer{ID: "oak", Vertical: "plain", Template: "json", Set: []Setting{{"ping_url", "buyer"},
			{"post_url", "https://buyer.example/"}}}, nil, "expected an http or https URL"},
		"a bad id": {NewBuyer{ID: "../oak", Vertical: "plain", Template: "json"}, nil, "letters, digits"},
		"a broken folder": {NewBuyer{ID: "oak", Vertical: "plain", Template: "json"},
			[]change{{"buyers/broken.yaml", "", "id: [\n"}}, "buyers/broken.yaml"},
		"an id that is taken": {NewBuyer{ID: "one", Vertical: "plain", Template: "json",
			Set: []Setting{{"ping_url", "https://b.example/"}, {"post_url", "https://b.example/"}}},
			[]change{{"buyers/other.yaml", "", "id: one\ncampaigns: []\n"}}, "no other"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := pageDir(t, c.more...)
			before, _ := filepath.Glob(filepath.Join(dir, "*", "*"))
			_, err := NewBuyerPage(dir, Options{}, c.b)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("no %q in %v", c.says, err)
			}
			if after, _ := filepath.Glob(filepath.Join(dir, "*", "*")); !slices.Equal(before, after) {
				t.Errorf("files changed: %v", after)
			}
		})
	}
}

// A template of the configuration's own serves as one of the binary, answers and all.
func TestPagesFromATemplateOfOnesOwn(t *testing.T) {
	own := `about: two lines
params: [{name: url, about: where, example: "https://x.example/"}]
others: more.$(field)
campaign:
  ping:
    request: {url: $(url), fields: [{to: zip, from: zip}]}
    answer: {success: [{path: ok, equals: true}], price: {path: price}}
  post:
    request: {url: $(url), fields: [{to: "what's: it", template: "a\nb #{{ zip }}"}]}
    answer: {success: [{path: ok, equals: true}]}
answers:
  - {name: "it's \"so\": yes", ping: {body: "{\n \"ok\": true,\n\t\"price\": 2}"}}
`
	dir := pageDir(t, change{"templates/mine.yaml", "", own})
	list, err := Templates(dir)
	if i := slices.IndexFunc(list, func(x Template) bool { return x.Name == "mine" && x.Own }); err != nil || i < 0 {
		t.Fatalf("not listed: %v, %v", list, err)
	}
	for _, expand := range []bool{false, true} {
		p, err := NewBuyerPage(dir, Options{}, NewBuyer{ID: "oak", Vertical: "plain", Template: "mine",
			Set: []Setting{{"url", "https://x.example/?a=1&b=%23"}}, Expand: expand})
		if err == nil && (p.Examples != 1 || !strings.Contains(string(p.Text), "more.homeowner")) {
			t.Errorf("%d examples in\n%s", p.Examples, p.Text)
		}
		if err != nil {
			t.Errorf("expand %v: %v", expand, err)
		}
	}
}
