// SPDX-License-Identifier: Apache-2.0

package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// everyKey is a buyer's page with the keys of requests, answers and policies, as JSON, which is YAML too.
const everyKey = `{"id":"odd","name":"Odd","caps":[{"per":"total","limit":5}],"in_flight_max":5,"campaigns":[{"id":"odd-main","vertical":"auto","max_sold":1,
"in_flight_max":2,"breaker":{"failures_percent":50,"requests_min":5,"window_s":10,"open_s":5,"probes":1,"simulate_only":true},"pay":"ping_price",
"unknown":{"status":{"after_ms":1,"every_ms":100,"for_s":5,"timeout_ms":50,"request":{"method":"GET","url":"https://a.example/s","format":"query","fields":[{"to":"id","from":"lead_id"}]},
"answer":{"rules":[{"outcome":"accepted","when":{"path":"s","equals":"sold"}}]}}},
"ping":{"timeout_ms":50,"rate":{"per_second":5,"burst":5},"request":{"method":"POST","url":"https://a.example/ping","format":"json","headers":{"X-A":"b"},
"fields":[{"to":"zip","from":"zip"},{"to":"k","value":"v","when":{"any":[{"field":"zip","exists":true},{"not":{"field":"age","min":30,"max":40}}]}}],
"auth":{"oauth2":{"token_url":"https://a.example/t","client_id":"us","client_secret":"hush-hush-hush","scopes":["a"]}}},
"answer":{"format":"auto","inside":["pre"],"rules":[{"outcome":"accepted","when":{"all":[{"path":"s","in":["ok"]},{"not":{"path":"e","exists":true}},{"status":["2xx"]},{"path":"n","greater":0}]}},
{"outcome":"rejected","when":{"path":"s","contains":["no"],"part_of_word":true},"refusal":"duplicate"}],"price":{"paths":["p","q"],"unit":"cents","currency":"USD","decimal":"point","zero":"refuse","missing":"no_bid"},
"token":{"path":"t","optional":true},"reason":{"path":"r","join":"; "},"reasons":[{"match":"dup","refusal":"duplicate"},{"regex":"a|b","published":"duplicate"}],
"expires":{"path":"x","unit":"seconds"},"content_types":["application/json"],"legs":{"list":"l","when":{"path":"o","equals":true},"price":{"path":"p"},"max_sold":{"path":"m"},"brand":{"path":"b"},"token":{"path":"t"}}}},
"post":{"timeout_ms":50,"backup_url":"https://b.example/post","idempotency":{"header":"Idempotency-Key"},"request":{"method":"POST","url":"https://a.example/post","format":"form",
"fields":[{"to":"zip","from":"zip","map":{"02134":"x"},"default":"d","missing":"empty"}],"auth":{"cookies":true,"hmac":{"key":"hush-hush-hush","header":"X-Sign"}}},
"answer":{"success":[{"path":"s","equals":"ok"}],"reference":{"path":"i"},"redirect":{"path":"u"}}},
"test":{"ping_url":"https://a.example/tp","post_url":"https://a.example/tt","fields":[{"to":"test","value":"1"}]}}]}`

// odd calls fn for each place of a document, with the document in which something odd stands there.
func odd(doc any, fn func(where string, with any)) {
	values := []any{nil, []any{nil}, map[string]any{"": nil}, "\u0000", -1, strings.Repeat("x", 5000)}
	var walk func(where string, v any, put func(any))
	walk = func(where string, v any, put func(any)) {
		for _, o := range values {
			put(o)
			fn(fmt.Sprintf("%s = %.20v", where, o), doc)
		}
		put(v)
		switch v := v.(type) {
		case map[string]any:
			for k, kid := range v {
				walk(where+"."+k, kid, func(x any) { v[k] = x })
			}
		case []any:
			for i, kid := range v {
				walk(fmt.Sprintf("%s[%d]", where, i), kid, func(x any) { v[i] = x })
			}
		}
	}
	for k, v := range doc.(map[string]any) {
		walk(k, v, func(x any) { doc.(map[string]any)[k] = x })
	}
}

// TestOddValuesOfABuyersPageAreProblemsWithAPlace: whatever stands at a key, loading does not panic, and each problem
// has its place, what was expected, and no secret.
func TestOddValuesOfABuyersPageAreProblemsWithAPlace(t *testing.T) {
	var doc any
	if err := json.Unmarshal([]byte(everyKey), &doc); err != nil {
		t.Fatal(err)
	}
	dir := writeConfig(t)
	name := filepath.Join(dir, "buyers", "odd.yaml")
	load := func(where string, doc any) (err error) {
		defer func() {
			if r := recover(); r != nil {
				t.Errorf("%s: panic: %v", where, r)
			}
		}()
		text, err := json.MarshalIndent(doc, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err = Load(dir, nil)
		return err
	}
	if err := load("as it is", doc); err != nil {
		t.Errorf("as it is: %v", err)
	}
	refused, taken := 0, 0
	odd(doc, func(where string, doc any) {
		err := load(where, doc)
		var ps *Error
		switch {
		case err == nil:
			taken++
			return
		case !errors.As(err, &ps):
			t.Errorf("%s: %v", where, err)
			return
		}
		refused++
		for _, p := range ps.Problems {
			if p.Line == 0 || p.Column == 0 || p.File == "" || !strings.Contains(p.Message, " ") ||
				strings.Contains(p.String(), "hush-hush") || len(p.String()) > 2000 {
				t.Errorf("%s: %.300q", where, p.String())
			}
		}
	})
	if refused < 500 || taken < 20 {
		t.Errorf("%d refused, %d taken", refused, taken)
	}
}

// TestExcerptsShowNoSecrets: a mistake on the line of a secret, or in the name of its key, does not bring it into a
// log.
func TestExcerptsShowNoSecrets(t *testing.T) {
	for _, auth := range []string{
		"{oauth2: {token_url: nowhere, client_id: us, client_secret: hush-hush-hush}}",
		"{oauth2: {token_url: 'https://a.example/t', client_id: us, client_secert: hush-hush-hush}}",
		"{basic: {user: us, pasword: hush-hush-hush}}",
		"{basic: {usr: us, password: 'hush-hush-hush'}}",
		"{hmac: {key: hush-hush-hush, headr: X-Sign}}",
		"{baerer: hush-hush-hush}",
	} {
		_, err := Load(writeConfig(t, change{"buyers/one.yaml", "",
			"  - id: one-more\n    vertical: auto\n    price: 12\n    post:\n      request: {url: " +
				"'https://a.example/p', auth: " + auth +
				"}\n      answer: {success: [{path: s, equals: ok}]}\n"}), nil)
		if err == nil || strings.Contains(err.Error(), "hush-hush") {
			t.Errorf("%s: %v", auth, err)
		}
	}
}
