// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/goccy/go-yaml"

	"clearpost/buyers"
	"clearpost/lead"
)

func TestWhatFollowsFromAMistakeIsNotReported(t *testing.T) {
	for _, test := range []struct {
		name    string
		changes []change
		want    string
	}{
		{"a vertical that cannot be read", []change{{"verticals/auto.yaml", "id: auto", "id: {auto"}},
			"verticals/auto.yaml:1:6: YAML: could not find flow map content"},
		{"a vertical without an id", []change{{"verticals/auto.yaml", "id: auto\n", "name: Auto\n"}},
			"verticals/auto.yaml:1:1: id is not there: expected the vertical's id"},
		{"a field of no known type, with a campaign that tests it",
			[]change{{"verticals/auto.yaml", "integer", "number"}},
			`verticals/auto.yaml:5:11: "number": expected one of ` + strings.Join(lead.TypeNames(), ", ")},
		{"an unknown key where a needed one is missing",
			[]change{{"buyers/one.yaml", "vertical: auto", "vertcal: auto"}},
			`buyers/one.yaml:5:5: unknown key "vertcal": did you mean "vertical"?`},
		{"a buyer's zone, with caps that lean on it",
			[]change{{"buyers/one.yaml", "America/Chicago", "America/Chigaco"}},
			`buyers/one.yaml:2:11: "America/Chigaco": expected an IANA zone such as America/New_York: there is no "America/Chigaco"`}, {"a list that is none", []change{{"buyers/one.yaml", "[02134, 90210]", "02134"}},
			`buyers/one.yaml:8:26: expected a list, found 02134`},
	} {
		_, err := Load(writeConfig(t, test.changes...), nil)
		if got := places(t, err); !slices.Equal(got, []string{test.want}) {
			t.Errorf("%s: got\n  %s\nwant\n  %s", test.name, strings.Join(got, "\n  "), test.want)
		}
	}
}

func TestAnchorsAndMergeKeys(t *testing.T) {
	cfg, err := Load(writeConfig(t,
		change{"buyers/one.yaml", "    post:\n", "    post: &post\n"},
		change{"buyers/one.yaml", "{field: age, min: 25, max: 70}", "&age {field: age, min: 25, max: 70}"},
		change{"buyers/one.yaml", "", `  - id: one-more
    vertical: auto
    price: 12
    criteria: [{<<: *age, min: 30}]
    post: {<<: [*post], timeout_ms: 70}
`}), nil)
	if err != nil {
		t.Fatal(err)
	}
	c := cfg.Exchange.Book.Campaign("one-more")
	if c.Criteria[0].Min != 30 || c.Criteria[0].Max != 70 || c.Post.Timeout.Milliseconds() != 70 {
		t.Errorf("criterion %+v, timeout %v", c.Criteria[0], c.Post.Timeout)
	}
	if addr, _, _ := c.Post.Request.Host(); addr != "one.example:443" {
		t.Errorf("it posts to %s", addr)
	}
	if first := cfg.Exchange.Book.Campaign("one-auto"); first.Criteria[1].Min != 25 {
		t.Errorf("the anchor's own value has changed: %+v", first.Criteria[1])
	}
}

func TestSecrets(t *testing.T) {
	env := func(name string) (string, bool) {
		v, ok := map[string]string{"KEY": "key-from-environment", "EMPTY": ""}[name]
		return v, ok
	}
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, []byte("token-from-a-file\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	load := func(key string) (string, []string) {
		dir := writeConfig(t, change{"sources/acme.yaml", "acme-key-1", `"` + key + `"`},
			change{"secrets/good", "", "key-from-a-file\n"}, change{"secrets/empty", "", "\n"})
		for link, to := range map[string]string{"in": "good", "out": outside} {
			if err := os.Symlink(to, filepath.Join(dir, "secrets", link)); err != nil {
				t.Fatal(err)
			}
		}
		cfg, err := Load(dir, env)
		if err != nil {
			return "", places(t, err)
		}
		if strings.Contains(string(cfg.Files["sources/acme.yaml"]), "from") {
			t.Errorf("%s: the secret stands in the stored file", key)
		}
		return cfg.Hash, nil
	}
	_, plain := load("plain-key")
	if plain != nil {
		t.Fatal(plain)
	}
	for _, good := range []string{"${env:KEY}", "${file:secrets/good}", "${file:secrets/in}", "${file:" + outside + "}",
		"pre-${env:KEY}-post", "$${not-one}"} {
		if _, got := load(good); got != nil {
			t.Errorf("%s: %v", good, got)
		}
	}
	for bad, want := range map[string]string{
		"${env:NONE}":             "the environment variable NONE is not set or empty",
		"${env:EMPTY}":            "the environment variable EMPTY is not set or empty",
		"${file:secrets/none}":    "the file secrets/none cannot be read: no such file or directory",
		"${file:secrets/empty}":   "the file secrets/empty is empty",
		"${file:secrets}":         "the file secrets cannot be read: it is not a regular file",
		"${file:../outside}":      "the file ../outside cannot be read: path escapes from parent",
		"${file:secrets/out}":     "the file secrets/out cannot be read: path escapes from parent",
		"${vault:x}":              "expected ${env:NAME} or ${file:PATH}",
		"${env:KEY and no brace":  "a closing brace is missing after ${",
		"${file:secrets/../good}": "the file secrets/../good cannot be read: no such file or directory",
	} {
		if _, got := load(bad); len(got) != 1 || got[0] != "sources/acme.yaml:2:8: secret: "+want {
			t.Errorf("%s: %v, expected %s", bad, got, want)
		}
	}
}

func TestHashIsOfNamesAndContents(t *testing.T) {
	hash := func(value string, changes ...change) string {
		cfg,
			err := Load(writeConfig(t, append(changes, change{"sources/acme.yaml", "acme-key-1", "\"${env:KEY}\""})...),
			func(string) (string, bool) {
				return value, true
			})
		if err != nil {
			t.Fatal(err)
		}
		return cfg.Hash
	}
	base := hash("secret-number-one")
	if other := hash("secret-number-two"); other != base {
		t.Error("another secret changes the hash")
	}
	if other := hash("secret-number-one", change{"clearpost.yaml", "", "# a comment\n"}); other == base {
		t.Error("another content does not change the hash")
	}
	text := strings.ReplaceAll(goodFiles["verticals/auto.yaml"], "id: auto", "id: moto")
	a, b := hash("secret-number-one", change{"verticals/a.yaml", "", text}),
		hash("secret-number-one", change{"verticals/b.yaml", "", text})
	if a == b {
		t.Error("another file name does not change the hash")
	}
}

func TestConfigurationsOutOfProportionAreRefused(t *testing.T) {
	bomb := "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := 1; i < 9; i++ {
		bomb += fmt.Sprintf("a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 10),
			", "))
	}
	for name, test := range map[string]struct{ text, want string }{
		"alias bomb":       {bomb, "more than 200000 values"},
		"deep flow":        {"id: " + strings.Repeat("[", 100000), "nested deeper than 32 levels"},
		"deep dashes":      {strings.Repeat("- ", 100000), "nested deeper than 32 levels"},
		"deep block":       {deepBlock(200), "nested deeper than 32 levels"},
		"many anchors":     {strings.Repeat("&a ", 1000), "anchors, aliases and tags in one file"},
		"many explicit":    {strings.Repeat("? ", 100000), "anchors, aliases and tags in one file"},
		"many tokens":      {"id: [" + strings.Repeat("1,", 200000) + "1]", "YAML tokens: expected at most"},
		"large":            {"id: " + strings.Repeat("x", FileBytesMax), "it is larger than 1048576 bytes"},
		"anchor of itself": {"id: &a [*a]\n", "alias *a: no such anchor above it"},
		"not UTF-8":        {"id: b\nname: \xff\n", "the file is not text in UTF-8"},
		"an explicit key":  {"? x\n: y\n", "expected a plain key"},
	} {
		_, err := Load(writeConfig(t, change{"buyers/hostile.yaml", "", test.text}), nil)
		if got := places(t, err); len(got) != 1 || !strings.HasPrefix(got[0], "buyers/hostile.yaml:") ||
			!strings.Contains(got[0], test.want) {
			t.Errorf("%s: got %q, expected %q", name, got, test.want)
		}
	}
}

func deepBlock(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%sk:\n", strings.Repeat(" ", i))
	}
	return b.String()
}

func TestFilesThatAreNoFiles(t *testing.T) {
	dir := writeConfig(t, change{"buyers/sub/two.yaml", "", "id: two\n"}, change{"buyers/.#one.yaml", "",
		"editor's lock: ["}, change{"buyers/README", "", "["})
	if err := syscall.Mkfifo(filepath.Join(dir, "buyers", "pipe.yaml"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("nowhere", filepath.Join(dir, "buyers", "gone.yaml")); err != nil {
		t.Fatal(err)
	}
	_, err := Load(dir, nil)
	want := []string{"buyers/gone.yaml:0:0: the file cannot be read: no such file or directory",
		"buyers/pipe.yaml:0:0: the file cannot be read: it is not a regular file"}
	if got := places(t, err); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	for _, name := range []string{"pipe.yaml", "gone.yaml"} {
		if err := os.Remove(filepath.Join(dir, "buyers", name)); err != nil {
			t.Fatal(err)
		}
	}
	cfg, err := Load(dir, nil)
	if err != nil || cfg.Exchange.Book.Buyer("two") == nil || len(cfg.Files) != 5 {
		t.Errorf("%v, %v", cfg, err)
	}
	_, err = Load(filepath.Join(dir, "none"), nil)
	if got := places(t, err); len(got) == 0 ||
		got[0] != ".:0:0: the configuration's directory cannot be read: no such file or directory" {
		t.Errorf("got %q", got)
	}
	_, err = Load(t.TempDir(), nil)
	if got := places(t, err); len(got) != 4 {
		t.Errorf("an empty directory: %q", got)
	}
}

func TestWindowsFiles(t *testing.T) {
	text := "\ufeff" + strings.ReplaceAll(goodFiles["buyers/one.yaml"], "\n", "\r\n")
	dir := writeConfig(t)
	name := filepath.Join(dir, "buyers", "one.yaml")
	for _, put := range []struct{ text, want string }{
		{text, ""},
		{strings.Replace(text, "price: 0010.50", "price: ten", 1),
			`buyers/one.yaml:6:12: "ten": expected a decimal amount`},
	} {
		if err := os.WriteFile(name, []byte(put.text), 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := Load(dir, nil)
		if got := strings.Join(places(t, err), "\n"); !strings.HasPrefix(got, put.want) ||
			(got == "") != (put.want == "") {
			t.Errorf("got %q, expected %q", got, put.want)
		}
	}
}

// Every type that stands in a file must be one that the decoder knows: it panics on others.
func TestDecoderKnowsEveryType(t *testing.T) {
	seen := map[reflect.Type]bool{}
	var walk func(reflect.Type, string)
	walk = func(typ reflect.Type, path string) {
		if seen[typ] || typ == reflect.TypeFor[lead.Money]() ||
			reflect.PointerTo(typ).Implements(reflect.TypeFor[yaml.NodeUnmarshaler]()) {
			return
		}
		seen[typ] = true
		switch typ.Kind() {
		case reflect.Struct:
			for i := range typ.NumField() {
				f := typ.Field(i)
				if f.Tag.Get("yaml") == "" {
					t.Errorf("%s.%s has no yaml tag", path, f.Name)
				}
				walk(f.Type, path+"."+f.Name)
			}
		case reflect.Slice, reflect.Map, reflect.Pointer:
			walk(typ.Elem(), path)
		case reflect.String, reflect.Bool, reflect.Int, reflect.Int64:
		default:
			t.Errorf("%s is a %s", path, typ)
		}
	}
	for _, spec := range []any{nodeSpec{}, verticalSpec{}, sourceSpec{}, buyers.BuyerSpec{}} {
		walk(reflect.TypeOf(spec), reflect.TypeOf(spec).Name())
	}
	if len(seen) < 20 {
		t.Errorf("only %d types were looked at", len(seen))
	}
}

func FuzzBuyerFile(f *testing.F) {
	f.Add([]byte(goodFiles["buyers/one.yaml"]))
	for _, name := range []string{"harborline", "coverlane", "sunharvest"} {
		b, err := os.ReadFile(filepath.Join(examplesDir, "buyers", name+".yaml"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte("a: &a {<<: *a}\nb: [*a, {<<: [*a]}]\n? x\n: y\n"))
	dir := writeConfig(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(filepath.Join(dir, "buyers", "fuzz.yaml"), text, 0o644); err != nil {
			t.Fatal(err)
		}
		cfg, err := Load(dir, nil)
		if (cfg == nil) == (err == nil) {
			t.Fatalf("configuration %v with error %v", cfg, err)
		}
		for _, p := range places(t, err) {
			if !strings.HasPrefix(p, "buyers/") {
				t.Errorf("%q is no problem of the changed file", p)
			}
		}
	})
}
