// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-json"

	"clearpost/lead"
)

// goodFiles are a small configuration without a mistake. Tests change a part of it.
var goodFiles = map[string]string{
	"clearpost.yaml": `node: n1
listen: 127.0.0.1:8080
admin: {listen: 127.0.0.1:8081}
`,
	"verticals/auto.yaml": `id: auto
fields:
  - {name: zip, required: ping}
  - name: age
    type: integer
    min: 16
    max: 110
  - {name: gender, type: enum, values: [F, M]}
person_key: [phone]
`,
	"sources/acme.yaml": `id: acme
keys: [acme-key-1]
verticals: [auto]
margin: {percent: 12.5}
rate: {per_second: 0.5}
`,
	"buyers/one.yaml": `id: one
timezone: America/Chicago
campaigns:
  - id: one-auto
    vertical: auto
    price: 0010.50
    criteria:
      - {field: zip, in: [02134, 90210]}
      - {field: age, min: 25, max: 70}
    caps:
      - {per: day, limit: 10}
    post:
      request:
        url: https://one.example/post
        headers:
          X-Api.Key: abc
        fields:
          - {to: zip, from: zip}
      answer:
        success: [{path: ok, equals: true}]
`,
}

// change is a piece of a file and what stands in its place. An empty old puts new at the end; a file that is not there
// is made.
type change struct{ file, old, new string }

func writeConfig(t testing.TB, changes ...change) string {
	t.Helper()
	dir := t.TempDir()
	files := maps.Clone(goodFiles)
	for _, c := range changes {
		if c.old == "" {
			files[c.file] += c.new
			continue
		}
		if strings.Count(files[c.file], c.old) != 1 {
			t.Fatalf("%q stands %d times in %s", c.old, strings.Count(files[c.file], c.old), c.file)
		}
		files[c.file] = strings.Replace(files[c.file], c.old, c.new, 1)
	}
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

// places lists problems as file:line:col: message.
func places(t testing.TB, err error) []string {
	t.Helper()
	var ce *Error
	if err != nil && !errors.As(err, &ce) {
		t.Fatalf("%T: %v", err, err)
	}
	var out []string
	if ce != nil {
		for _, p := range ce.Problems {
			out = append(out, fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.Message))
		}
	}
	return out
}

func TestLoadTakesWhatIsRight(t *testing.T) {
	cfg, err := Load(writeConfig(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	c := cfg.Exchange.Book.Campaign("one-auto")
	if c == nil || c.Price != 10*lead.Unit+50*lead.Cent || c.Criteria[0].Values[0] != "02134" || c.MaxSold != 1 {
		t.Errorf("campaign %+v", c)
	}
	s := cfg.Exchange.Sources[0]
	if s.Margin.PPM != 125000 || s.RatePerSecond != 0.5 || s.Burst != 1 {
		t.Errorf("source %+v", s)
	}
	if cfg.Limits.BodyBytesMax != 64<<10 || cfg.Limits.FreeBytesMin != 512<<20 || cfg.Exchange.Node != "n1" ||
		cfg.Kafka != nil {
		t.Errorf("config %+v", cfg)
	}
	if len(cfg.Files) != 4 || string(cfg.Files["buyers/one.yaml"]) != goodFiles["buyers/one.yaml"] {
		t.Errorf("files %v", slices.Sorted(maps.Keys(cfg.Files)))
	}
	if cfg.DataDir != filepath.Join(cfg.Dir, "data") {
		t.Errorf("data directory %s", cfg.DataDir)
	}
}

func TestTenMistakesInSeveralFilesAreAllReported(t *testing.T) {
	dir := writeConfig(t,
		change{"clearpost.yaml", "listen: 127.0.0.1:8080\n", "listne: 127.0.0.1:8080\n"}, // 1 unknown key
		change{"verticals/auto.yaml", "type: integer", "type: intger"},                   // 2 unknown type
		// 3 a number that is none
		change{"verticals/auto.yaml", "", "sell_limit: three\n"},
		// 4 dangling reference
		change{"sources/acme.yaml", "verticals: [auto]", "verticals: [auto, boats]"},
		// 5 secret that is not set
		change{"sources/acme.yaml", "[acme-key-1]", "[\"${env:ACME_KEY}\"]"},
		change{"buyers/one.yaml", "America/Chicago", "EST"},                                        // 6 bad zone
		change{"buyers/one.yaml", "price: 0010.50", "price: 10.50\n    max_sold: 2\n    price: 9"}, // 7 duplicate key
		change{"buyers/one.yaml", "{field: zip, in", "{field: zpi, in"},                            // 8 unknown field
		// 9 id of another file
		change{"buyers/two.yaml", "", "id: one\n"},
		change{"buyers/three.yaml", "", "id: three\ncampaigns:\n  - id: [\n"}, // 10 syntax
	)
	_, err := Load(dir, nil)
	want := []string{
		`buyers/one.yaml:2:11: "EST": expected an IANA zone: write America/New_York`,
		`buyers/one.yaml:8:5: key "price" stands twice in one mapping: first at line 6`,
		`buyers/one.yaml:10:17: "zpi": expected a field of vertical auto, by its name or an alias: did you mean "zip"?`,
		`buyers/three.yaml:3:9: YAML: sequence end token ']' not found`,
		`buyers/two.yaml:1:5: "one": expected an id that no other buyer or campaign has: it stands at buyers/one.yaml:1 already`,
		`clearpost.yaml:2:1: unknown key "listne": did you mean "listen"?`,
		`sources/acme.yaml:2:8: secret: the environment variable ACME_KEY is not set or empty`,
		`sources/acme.yaml:3:19: "boats": expected the id of a vertical that is configured`,
		`verticals/auto.yaml:5:11: "intger": expected a type: did you mean "integer"?`,
		`verticals/auto.yaml:10:13: expected a whole number, found the text "three"`,
	}
	if got := places(t, err); !slices.Equal(got, want) {
		t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
	const shown = `buyers/one.yaml:2:11: "EST": expected an IANA zone: write America/New_York
    timezone: EST
              ^
`
	if text := err.Error(); !strings.HasPrefix(text, shown) || !strings.HasSuffix(text, "\n10 problems") {
		t.Errorf("shown as\n%s", text)
	}
	var back Error
	if ce := (*Error)(nil); !errors.As(err, &ce) {
		t.Fatal("no *Error")
	} else if jsonErr := json.Unmarshal(ce.JSON(), &back); jsonErr != nil || !slices.Equal(back.Problems, ce.Problems) {
		t.Errorf("JSON %s: %v", ce.JSON(), jsonErr)
	}
}

func TestEachMistakeHasItsPlace(t *testing.T) {
	const one, auto, acme, top = "buyers/one.yaml", "verticals/auto.yaml", "sources/acme.yaml", "clearpost.yaml"
	for _, test := range []struct {
		name    string
		changes []change
		want    []string // place and the beginning of the message
	}{
		{"key of a nested spec", []change{{one, "{to: zip, from: zip}", "{to: zip, form: zip}"}},
			[]string{one + `:18:23: unknown key "form": did you mean "from"?`}},
		{"unknown key of a list", []change{{one, "caps:\n", "caps:\n      - {per: day, limit: 5, zune: UTC}\n"}},
			[]string{one + `:11:30: unknown key "zune": did you mean "zone"?`, one +
				`:12:15: "day": expected one cap per day`}},
		{"list for text", []change{{one, "id: one-auto", "id: [a, b]"}},
			[]string{one + ":4:9: expected text, found a list"}},
		{"nothing for text", []change{{one, "vertical: auto", "vertical:"}},
			[]string{one + ":5:5: expected text, found nothing"}},
		{"text for a list", []change{{acme, "[auto]", "auto"}},
			[]string{acme + `:3:12: expected a list, found the text "auto"`}},
		{"text for a mapping", []change{{acme, "{percent: 12.5}", "20%"}},
			[]string{acme + `:4:9: expected keys with values, found the text "20%"`}},
		{"text for a boolean", []change{{one, "timezone", "allow_private_addresses: yes please\ntimezone"}},
			[]string{one + `:2:26: expected true or false, found the text "yes please"`}},
		{"float for a whole number", []change{{one, "limit: 10", "limit: 1.5"}},
			[]string{one + ":11:27: expected a whole number, found 1.5"}},
		{"price in an exponent", []change{{one, "0010.50", "1.5e1"}},
			[]string{one + `:6:12: "1.5e1": expected a decimal amount`}},
		{"price of a part of a cent", []change{{one, "0010.50", "1.005"}},
			[]string{one + `:6:12: "1.005": expected a price of at least 0.01 in whole cents`}},
		{"number too large", []change{{one, "limit: 10", "limit: 99999999999999999999"}},
			[]string{one + ":11:27: expected a whole number"}},
		{"bad criterion value", []change{{one, "02134, 90210", "02134, 9021"}},
			[]string{one + `:8:34: "9021": expected a US ZIP code`}},
		{"range on a list type", []change{{one, "{field: age, min: 25, max: 70}", "{field: zip, min: 1}"}},
			[]string{one + `:9:17: "zip": expected a list`}},
		{"crossed range", []change{{one, "min: 25", "min: 75"}},
			[]string{one + `:9:27: "75": expected at most max, which is 70`}},
		{"a secure Kafka", []change{{top, "",
			"kafka: {brokers: [\"k:9093\"], compression: fast, private: hide, tls: {ca: none.pem}, sasl: {mechanism: " +
				"gssapi, user: u}}\n"}}, []string{top + `:4:43: "fast": expected one of none, gzip, snappy, lz4, zstd`,
			top +
				`:4:58: "hide": expected one of keep, drop, own_topic`, top +
				`:4:74: "none.pem": expected a PEM file of certificates (no such file or directory)`, top +
				`:4:91: password is not there: expected a text`, top +
				`:4:103: "gssapi": expected one of plain, scram-sha-256, scram-sha-512`}},
		{"alias of nothing", []change{{acme, "", "aliases: {plz: zap, 'a.[b': zip}\n"}},
			[]string{acme + `:6:16: "zap": expected a field of one of its verticals`}},
		{"alias for the API's own", []change{{acme, "", "aliases: {Key: zip}\n"}},
			[]string{acme + `:6:16: "Key": expected another name: the seller API uses this one itself`}},
		{"alias of the key", []change{{acme, "", "aliases: {token: key}\n"}},
			[]string{acme + `:6:18: "key": expected a field of one of its verticals`}},
		{"alias twice", []change{{acme, "", "aliases: {'a[b]': zip, A.B: age}\n"}},
			[]string{acme + `:6:19: "a[b]": expected each name once: it is read like "A.B"`}},
		{"profile of nobody", []change{{acme, "", "profile: leadsped\n"}},
			[]string{acme + `:6:10: "leadsped": expected one of clearpost, boberdoo, leadconduit, leadspedia`}},
		{"values of nothing", []change{{acme, "", "values: {sex: {m: M}}\n"}},
			[]string{acme + `:6:15: "sex": expected a field of one of its verticals`}},
		{"value that the field refuses", []change{{acme, "", "values: {gender: {1: M, 2: W, 3: ''}}\n"}},
			[]string{acme + `:6:28: "W": expected one of F, M`}},
		{"value twice", []change{{acme, "", "values: {gender: {a: M, A: F}}\n"}},
			[]string{acme + `:6:22: "a": expected each value once: it is read like "A"`}},
		{"no post", []change{{one, "    post:\n", "    ping:\n"}},
			[]string{one + ":4:5: post is not there: expected the call that delivers the lead"}},
		{"no price and no ping", []change{{one, "    price: 0010.50\n", ""}},
			[]string{one + ":4:5: expected a fixed `price`, or a `ping` that asks for one"}},
		{"unknown vertical", []change{{one, "vertical: auto", "vertical: atuo"}},
			[]string{one + `:5:15: "atuo": expected the id of a vertical that is configured (auto)`}},
		{"unknown from", []change{{one, "from: zip", "from: zap"}}, []string{one + `:18:29: "zap": expected a field`}},
		{"bad url", []change{{one, "https://one.example/post", "one.example/post"}},
			[]string{one + `:14:14: "one.example/post": expected`}},
		{"missing secret in a dotted header", []change{{one, "X-Api.Key: abc", "X-Api.Key: \"${file:no/such}\""}},
			[]string{one + `:16:22: "${file:no/such}": expected a secret behind ${file:no/such}: it is not set (the file no/such cannot be read: no such file or directory)`}},
		{"pay", []change{{one, "price: 0010.50", "price: 10\n    pay: later"}},
			[]string{one + `:7:10: "later": expected ping_price or post_price`}},
		{"token from nowhere", []change{{one, "from: zip", "from: token"}},
			[]string{one + ":18:11: expected no field `from: token`"}},
		{"bad id", []change{{one, "id: one-auto", "id: one auto"}},
			[]string{one + `:4:9: "one auto": expected an id of`}},
		{"campaign called as its buyer", []change{{one, "id: one-auto", "id: one"}},
			[]string{one + `:4:9: "one": expected an id that no other buyer or campaign has: it stands at buyers/one.yaml:1 already`}},
		{"source called as a campaign", []change{{acme, "id: acme", "id: one-auto"}},
			[]string{acme + `:1:5: "one-auto": expected an id that no buyer or campaign has: it stands at buyers/one.yaml:4 already`}},
		{"source twice", []change{{"sources/b.yaml", "", "id: acme\nkeys: [acme-key-2]\nverticals: [auto]\n"}},
			[]string{`sources/b.yaml:1:5: "acme": expected an id that no other source has: it stands at sources/acme.yaml:1 already`}},
		{"key twice", []change{{"sources/b.yaml", "", "id: b\nkeys: [acme-key-1]\nverticals: [auto]\n"}},
			[]string{"sources/b.yaml:2:8: this key is in use already at sources/acme.yaml:2"}},
		{"short key", []change{{acme, "acme-key-1", "short"}},
			[]string{acme + ":2:8: expected a key of 8 to 256 characters"}},
		{"margin", []change{{acme, "12.5", "101"}}, []string{acme + `:4:19: "101.00": expected 0 to 100`}},
		{"rate", []change{{acme, "0.5", "0"}}, []string{acme + `:5:20: "0.00": expected requests a second`}},
		{"vertical twice", []change{{"verticals/b.yaml", "", "id: auto\n"}},
			[]string{`verticals/b.yaml:1:5: "auto": expected an id that no other vertical has: it stands at verticals/auto.yaml:1 already`}},
		{"field twice", []change{{auto, "person_key", "  - {name: age, type: text}\nperson_key"}},
			[]string{auto + `:9:12: field "age": defined twice`}},
		{"type of a built-in field", []change{{auto, "name: zip,", "name: zip, type: text,"}},
			[]string{auto + `:3:12: field "zip": type text: the built-in field has type postal_code`}},
		{"enum value twice", []change{{auto, "[F, M]", "[F, f]"}}, []string{auto + `:8:12: field "gender": value "f"`}},
		{"required", []change{{auto, "required: ping", "required: always"}},
			[]string{auto + `:3:27: "always": expected ping or post`}},
		{"bound that is none", []change{{auto, "min: 16", "min: young"}},
			[]string{auto + `:6:10: "young": expected a whole number`}},
		{"bound of a type without order", []change{{auto, "type: enum,", "type: enum, max: 3,"}},
			[]string{auto + `:8:37: "3": expected no min and max: type enum has no order`}},
		{"person key", []change{{auto, "[phone]", "[phone, fone]"}},
			[]string{auto + `:9:21: "fone": expected a field of vertical auto`}},
		{"dedupe", []change{{auto, "person_key: [phone]",
			"person_key: [phone]\ndedupe_hours: 1\ndedupe: {person_key: [zip], window_hours: 2, scope: world, " +
				"refuse: bought, identical_pings: never}\non_change: shrug"}},
			[]string{auto + `:9:13: "phone": expected person_key or dedupe.person_key, not both`, auto +
				`:10:15: "1": expected dedupe_hours or dedupe.window_hours, not both`, auto +
				`:11:53: "world": expected source or vertical`, auto +
				`:11:68: "bought": expected sold, received or none`, auto +
				`:11:93: "never": expected same_quote or own_auction`, auto +
				`:12:12: "shrug": expected refuse or keep`}},
		{"hash of a person key", []change{{auto, "[phone]", `["phone|zip", "zip|phone", "phone|none"]`}},
			[]string{auto + `:9:14: "phone|zip": expected a field of type phone or email, then one of type hash`, auto +
				`:9:27: "zip|phone"`, auto + `:9:40: "none": expected a field of vertical auto`}},
		{"dedupe of a source",
			[]change{{acme, "verticals: [auto]", "verticals: [auto]\ndedupe: {person_key: [fone], window_hours: -1}"}},
			[]string{acme + `:4:23: "fone": expected a field of vertical auto`, acme +
				`:4:44: "-1": expected 0 to 87840`}},
		{"currency", []change{{auto, "person_key", "currency: dollars\nperson_key"}},
			[]string{auto + `:9:11: "dollars": expected a currency's ISO code`}},
		{"limit", []change{{auto, "person_key", "ping_ttl_s: 0\nperson_key"}},
			[]string{auto + `:9:13: "0": expected 1 to 604800`}},
		{"vertical called leads", []change{{"verticals/b.yaml", "", "id: leads\n"}},
			[]string{`verticals/b.yaml:1:5: "leads": expected another id`}},
		{"address", []change{{top, "127.0.0.1:8080", "localhost"}},
			[]string{top + `:2:9: "localhost": expected an address`}},
		{"one address for both", []change{{top, "127.0.0.1:8081", "127.0.0.1:8080"}},
			[]string{top + `:3:17: "127.0.0.1:8080": expected another address than listen`}},
		{"no brokers", []change{{top, "", "kafka: {linger_ms: 1}\n"}},
			[]string{top + ":4:8: brokers is not there: expected at least one broker", top +
				`:4:20: "1": expected 100 to 60000`}},
		{"alias of nothing", []change{{acme, "[auto]", "*all"}},
			[]string{acme + ":3:12: alias *all: no such anchor above it"}},
		{"tag", []change{{acme, "[auto]", "!!seq [auto]"}},
			[]string{acme + ":3:12: tag !!seq: tags are not used here"}},
		{"two documents", []change{{acme, "", "---\nid: b\n"}}, []string{acme + ":7:1: a second document"}},
		{"empty file", []change{{"buyers/none.yaml", "", "# nobody\n"}},
			[]string{"buyers/none.yaml:0:0: the file is empty"}},
		{"not a mapping", []change{{"buyers/list.yaml", "", "- id: a\n"}},
			[]string{"buyers/list.yaml:1:1: expected keys with values, found a list"}},
		{"misspelled folder", []change{{"buyer/x.yaml", "", "id: x\n"}},
			[]string{`buyer:0:0: nothing reads this folder: did you mean "buyers"?`}},
		{"stray file", []change{{"acme.yml", "", "id: x\n"}}, []string{"acme.yml:0:0: nothing reads this file"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Load(writeConfig(t, test.changes...), nil)
			got := places(t, err)
			ok := len(got) == len(test.want)
			for i := 0; ok && i < len(got); i++ {
				ok = strings.HasPrefix(got[i], test.want[i])
			}
			if !ok {
				t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(test.want, "\n  "))
			}
		})
	}
}
