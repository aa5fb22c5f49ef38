// SPDX-License-Identifier: Apache-2.0

package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"clearpost/buyers"
)

// reading reads a directory as a reload does, after another reading.
func reading(t *testing.T, dir string, env map[string]string, before *Config) (*Config, error) {
	t.Helper()
	var kept *pages
	if before != nil {
		kept = before.pages
	}
	return loadAfter(dir, Options{Env: func(name string) (string, bool) { v, ok := env[name]; return v, ok }}, kept)
}

func mustRead(t *testing.T, dir string, env map[string]string, before *Config) *Config {
	t.Helper()
	c, err := reading(t, dir, env, before)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// other is the page of buyer one under another id.
func other(page, id string) string {
	return strings.NewReplacer("timezone", "timezone", "one", id).Replace(page)
}

// put writes a file of a configuration, or takes it away if it is to be empty.
func put(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	err := os.WriteFile(path, []byte(text), 0o600)
	if text == "" {
		err = os.Remove(path)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestPagesAreTakenOverExactlyWhereNothingOfTheirsHasChanged: what comes of a reading after another one is what a first
// reading gives; a page is compiled anew if, and only if, what it leans on has changed.
func TestPagesAreTakenOverExactlyWhereNothingOfTheirsHasChanged(t *testing.T) {
	two := strings.NewReplacer("timezone", "timezone", "one", "two", "X-Api.Key: abc",
		"X-Api.Key: '${env:TWO_KEY}'").Replace(goodFiles["buyers/one.yaml"])
	byTemplate := "id: three\ntimezone: America/New_York\ncampaigns:\n  - {id: three-list, vertical: auto, price: " +
		"3.00, template: json, ping: null," +
		" set: {ping_url: '', post_url: 'https://three.example/post', key: k}}\n"
	for _, tt := range []struct {
		name   string
		change func(t *testing.T, dir string, env map[string]string)
		anew   string // the campaigns that are compiled again
	}{
		{"nothing", func(*testing.T, string, map[string]string) {}, ""},
		{"another source's margin", func(t *testing.T, dir string, _ map[string]string) {
			put(t, dir, "sources/acme.yaml", strings.Replace(goodFiles["sources/acme.yaml"], "12.5", "20", 1))
		}, ""},
		{"a page", func(t *testing.T, dir string, _ map[string]string) {
			put(t, dir, "buyers/one.yaml", strings.Replace(goodFiles["buyers/one.yaml"], "10.50", "11.50", 1))
		}, "one-auto"},
		{"a page before the others", func(t *testing.T, dir string, _ map[string]string) {
			put(t, dir, "buyers/a.yaml", other(goodFiles["buyers/one.yaml"], "first"))
		}, "first-auto"},
		{"a page is gone", func(t *testing.T, dir string, _ map[string]string) {
			put(t, dir, "buyers/one.yaml", "")
		}, ""},
		{"a secret", func(_ *testing.T, _ string, env map[string]string) { env["TWO_KEY"] = "other" }, "two-auto"},
		{"a vertical", func(t *testing.T, dir string, _ map[string]string) {
			put(t, dir, "verticals/auto.yaml", goodFiles["verticals/auto.yaml"]+"ping_deadline_ms: 500\n")
		}, "one-auto three-list two-auto"},
		{"a template of its own in place of that of the binary", func(t *testing.T, dir string, _ map[string]string) {
			if err := os.Mkdir(filepath.Join(dir, "templates"), 0o700); err != nil {
				t.Fatal(err)
			}
			put(t, dir, "templates/json.yaml",
				"about: a\nparams: [{name: ping_url, about: a, example: a}, {name: post_url, about: b, example: b},"+
					" {name: key, about: c, example: c}]\ncampaign: {post: {request: {url: $(post_url), fields: [{to: "+
					"zip, from: zip}]},"+
					" answer: {success: [{path: ok, equals: true}]}}}\n")
		}, "one-auto three-list two-auto"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := writeConfig(t, change{"buyers/two.yaml", "", two}, change{"buyers/three.yaml", "", byTemplate})
			env := map[string]string{"TWO_KEY": "secret"}
			before := mustRead(t, dir, env, nil)
			tt.change(t, dir, env)
			now, fresh := mustRead(t, dir, env, before), mustRead(t, dir, env, nil)
			if now.Hash != fresh.Hash || now.secrets != fresh.secrets || now.Examples.Ran != fresh.Examples.Ran {
				t.Errorf("it differs from a first reading: %s, %s", now.Hash, fresh.Hash)
			}
			book, want := now.Exchange.Book, fresh.Exchange.Book
			if len(book.Campaigns) != len(want.Campaigns) || len(book.Buyers) != len(want.Buyers) {
				t.Fatalf("%d campaigns of %d buyers, want %d of %d", len(book.Campaigns), len(book.Buyers),
					len(want.Campaigns), len(want.Buyers))
			}
			var anew []string
			for i, c := range book.Campaigns {
				w := want.Campaigns[i]
				if c.ID != w.ID || c.Price != w.Price || c.Index != w.Index || c.Buyer != book.Buyers[c.Buyer.Index] ||
					book.Campaign(c.ID) != c || c.Post.Timeout != w.Post.Timeout {
					t.Errorf("campaign %d is %+v, want %+v", i, c, w)
				}
				if was := before.Exchange.Book.Campaign(c.ID); was == nil || was.Post.Request != c.Post.Request {
					anew = append(anew, c.ID)
				}
			}
			if got := strings.Join(anew, " "); got != tt.anew {
				t.Errorf("compiled anew: %q, want %q", got, tt.anew)
			}
			for _, c := range before.Exchange.Book.Campaigns {
				if before.Exchange.Book.Campaigns[c.Index] != c ||
					before.Exchange.Book.Buyers[c.Buyer.Index] != c.Buyer {
					t.Errorf("the book before has changed: %s", c.ID)
				}
			}
		})
	}
}

func TestIDsOfPagesThatAreTakenOverAreTaken(t *testing.T) {
	dir := writeConfig(t)
	before := mustRead(t, dir, nil, nil)
	put(t, dir, "buyers/copy.yaml", goodFiles["buyers/one.yaml"])
	put(t, dir, "sources/one.yaml", strings.ReplaceAll(goodFiles["sources/acme.yaml"], "acme", "one"))
	_, again := reading(t, dir, nil, before)
	_, first := reading(t, dir, nil, nil)
	if again == nil || again.Error() != first.Error() ||
		strings.Count(again.Error(), "stands at buyers/copy.yaml:") != 3 {
		t.Errorf("after another reading: %v\nfirst: %v", again, first)
	}
}

// TestACampaignAtAnotherPositionTakesItsTestAlong: tests are looked up by the position of their campaign.
func TestACampaignAtAnotherPositionTakesItsTestAlong(t *testing.T) {
	page := strings.Replace(goodFiles["buyers/one.yaml"], "    post:\n",
		"    test: {post_url: https://one.example/test}\n    post:\n", 1)
	dir := writeConfig(t, change{"buyers/two.yaml", "", other(page, "two")})
	before := mustRead(t, dir, nil, nil)
	put(t, dir, "buyers/a.yaml", other(page, "first"))
	c := mustRead(t, dir, nil, before).Exchange.Book.Campaign("two-auto")
	was := before.Exchange.Book.Campaign("two-auto")
	check := func(c *buyers.Campaign, index int32) {
		t.Helper()
		if c.Index != index || c.AsTest == nil || c.AsTest.Index != index || c.AsTest.Buyer != c.Buyer {
			t.Errorf("campaign %+v with test %+v, want position %d", c, c.AsTest, index)
		}
	}
	check(c, 2)
	check(was, 1)
}
