// SPDX-License-Identifier: Apache-2.0

package page

import (
	"errors"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"clearpost/buyers/templates"
	"clearpost/config"
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

// pageDir is a sound configuration with that vertical, and files by their paths in it.
func pageDir(t *testing.T, more map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	files := map[string]string{"clearpost.yaml": "node: n1\n", "verticals/plain.yaml": plainVertical,
		"sources/acme.yaml": "id: acme\nkeys: [acme-key-0123456789]\nverticals: [plain]\nmargin: {percent: 10}\n",
		"buyers/.keep":      ""}
	maps.Copy(files, more)
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// exampleSettings sets what must be set to what the template gives as an example.
func exampleSettings(t *testing.T, name string) []Setting {
	t.Helper()
	tpl, err := config.ReadTemplate("", name)
	if err != nil {
		t.Fatal(err)
	}
	var set []Setting
	for _, p := range params(tpl) {
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
	dir := pageDir(t, nil)
	for _, name := range templates.Names() {
		t.Run(name, func(t *testing.T) {
			b := Buyer{ID: "oak-" + name, Name: "Oak", Vertical: "plain", Template: name,
				Set: exampleSettings(t, name)}
			p, err := Make(dir, config.Options{}, b)
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
			whole, err := Make(dir, config.Options{}, b)
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
		p, err := Make("../../examples", config.Options{}, Buyer{ID: "oak", Vertical: vertical, Template: "xml",
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
	b := Buyer{ID: "oak", Vertical: "plain", Template: "form", Set: exampleSettings(t, "form"), Price: &price,
		NoPing: true, Private: true}
	dir := pageDir(t, nil)
	p, err := Make(dir, config.Options{}, b)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Write(dir); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(dir, func(name string) (string, bool) { return "x", name == "OAK_KEY" })
	if err != nil {
		t.Fatal(err)
	}
	c := cfg.Exchange.Book.Campaign("oak-plain")
	if c == nil || c.Ping != nil || c.Price != price || !c.Buyer.AllowPrivate || cfg.Examples.Err() != nil ||
		strings.Count(string(p.Text), "&id=") != 1 {
		t.Errorf("not a buyer with a fixed price that is not asked: %+v\n%s", c, p.Text)
	}
	if err := p.Write(dir); !errors.Is(err, ErrThere) {
		t.Errorf("written over: %v", err)
	}
	if names, _ := filepath.Glob(filepath.Join(dir, "buyers", ".new*")); names != nil {
		t.Errorf("left behind: %v", names)
	}
	b.Price = nil
	if _, err := Make(dir, config.Options{}, b); err == nil {
		t.Error("a buyer without a ping and a price")
	}
}

// What keeps a page from being made is told, and nothing is written.
func TestPagesThatAreNotMade(t *testing.T) {
	for name, c := range map[string]struct {
		b    Buyer
		more map[string]string
		says string
	}{
		"no such template": {Buyer{ID: "oak", Vertical: "plain", Template: "jsn"}, nil,
			`no template "jsn": did you mean "json"?`},
		"no such vertical": {Buyer{ID: "oak", Vertical: "plane", Template: "json"}, nil, `no vertical "plane"`},
		"no such parameter": {Buyer{ID: "oak", Vertical: "plain", Template: "soap", Set: []Setting{{"ulr", "x"}}},
			nil, `no parameter "ulr"`},
		"missing": {Buyer{ID: "oak", Vertical: "plain", Template: "soap"}, nil,
			"--set url=…   address of the service, such as https://buyer.example/LeadService.asmx"},
		"no URL": {Buyer{ID: "oak", Vertical: "plain", Template: "json", Set: []Setting{{"ping_url", "buyer"},
			{"post_url", "https://buyer.example/"}}}, nil, "expected an http or https URL"},
		"a bad id": {Buyer{ID: "../oak", Vertical: "plain", Template: "json"}, nil, "letters, digits"},
		"a broken folder": {Buyer{ID: "oak", Vertical: "plain", Template: "json"},
			map[string]string{"buyers/broken.yaml": "id: [\n"}, "buyers/broken.yaml"},
		"an id that is taken": {Buyer{ID: "one", Vertical: "plain", Template: "json",
			Set: []Setting{{"ping_url", "https://b.example/"}, {"post_url", "https://b.example/"}}},
			map[string]string{"buyers/other.yaml": "id: one\ncampaigns: []\n"}, "no other"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := pageDir(t, c.more)
			before, _ := filepath.Glob(filepath.Join(dir, "*", "*"))
			_, err := Make(dir, config.Options{}, c.b)
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
	dir := pageDir(t, map[string]string{"templates/mine.yaml": own})
	list, err := Templates(dir)
	if i := slices.IndexFunc(list, func(x Template) bool { return x.Name == "mine" && x.Own }); err != nil || i < 0 {
		t.Fatalf("not listed: %v, %v", list, err)
	}
	for _, expand := range []bool{false, true} {
		p, err := Make(dir, config.Options{}, Buyer{ID: "oak", Vertical: "plain", Template: "mine",
			Set: []Setting{{"url", "https://x.example/?a=1&b=%23"}}, Expand: expand})
		if err == nil && (p.Examples != 1 || !strings.Contains(string(p.Text), "more.homeowner")) {
			t.Errorf("%d examples in\n%s", p.Examples, p.Text)
		}
		if err != nil {
			t.Errorf("expand %v: %v", expand, err)
		}
	}
}
