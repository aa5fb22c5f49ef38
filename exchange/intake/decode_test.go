// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tidwall/gjson"

	"clearpost/lead"
)

// list is a taker that writes down what it takes.
type list []string

func (l *list) pair(name, val gjson.Result) bool {
	*l = append(*l, fmt.Sprintf("%s %d %s %s", name.Str, val.Type, val.Raw, val.Str))
	return true
}

func (l *list) problem(field, expected string) { *l = append(*l, field+": "+expected) }
func (l *list) found() int                     { return 0 }
func (l *list) knows(string, int) bool         { return false }
func (l *list) unpacks(string) bool            { return false }

func (l *list) selected(name, val gjson.Result, _ bool) bool { return l.pair(name, val) }

// pairs lists what a walk finds.
func pairs(body string, p payload) (list, bool) {
	var l list
	p.body = []byte(body)
	ok := walk(&p, &l) == nil
	return l, ok
}

func flatPairs(body string) (list, bool) {
	var l list
	ok := flat([]byte(body), l.pair)
	return l, ok
}

// What flat takes, it takes exactly as the general walk does.
func FuzzFlat(f *testing.F) {
	for _, s := range []string{`{}`, ` { } `, `{"a":1}`, "{\"a\" : \"x\" ,\n\"b\":null,\"c\":true,\"d\":false}",
		`{"a":-0.50,"b":0}`, `{"a":01}`, `{"a":1e3}`, `{"a":1.}`, `{"a":-}`, `{"a":.5}`, `{"a":"\u0041"}`, `{"a":[1]}`,
		`{"a":{}}`, `{"a":1,}`, `{"a" 1}`, `{"a":1}x`, `{,}`, `{"a":tru}`, `{"a":truex}`, `[]`, ``, `{`, `{"`, `{"a"`,
		`{"a":`, `{"a":1`, `{"a":"é"}`, "{\"a\":\"\xff\"}", "{\"a\":\"\n\"}", `{"a":1 "b":2}`, `{"a":1}}`, `{"":""}`,
		`{"a":--1}`, `{"a":+1}`, "\xef\xbb\xbf{}", `{"` +
			strings.Repeat("n", PathBytesMax) + `":1}`, `{"` +
			strings.Repeat("n", PathBytesMax+1) + `":1}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		got, ok := flatPairs(body)
		if !ok {
			return
		}
		want, valid := pairs(body, payload{})
		if !valid || !slices.Equal(got, want) {
			t.Errorf("%q: flat found %q, walk %q, %v", body, got, want, valid)
		}
	})
}

func TestFlatTakesWhatSellersSend(t *testing.T) {
	body := `{"zip":"10001", "age": 44, "bill": -180.50, "opt_in": true, "dui": false, "sr22": null}`
	if list, ok := flatPairs(body); !ok || len(list) != 6 {
		t.Errorf("got %q, %v", list, ok)
	}
}

func TestDecodeIsTheSameBothWays(t *testing.T) {
	schema, errs := lead.NewSchema("auto", []lead.Field{{Name: "age", Type: lead.TypeInteger}})
	if errs != nil {
		t.Fatal(errs)
	}
	many := strings.Repeat(`"x":1,`, PairsMax)
	for _, body := range []string{`{"zip":"10001","age":44,"seller_lead_id":"a","min_price":"12.50"}`,
		`{"ZIP":"10001","zip_code":"10002"}`, `{"key":"a","key":"b"}`, `{"max_wait_ms":0}`, `{` + many + `"age":1}`,
		`{"lead_id":"1","age":[1]}`} {
		var l [2]lead.Lead
		var v [2]envelope
		for i, b := range []string{body, body[:1] + `"\u0078":0,` + body[1:]} { // an escape in a name that nobody knows
			l[i].Reset(schema)
			if decode(&payload{body: []byte(b)}, &names{}, &l[i], &v[i]) != nil {
				t.Fatalf("%s is refused", b)
			}
		}
		if got, want := fmt.Sprintf("%+v %+v", v[0], l[0].Problems(0)), fmt.Sprintf("%+v %+v", v[1],
			l[1].Problems(0)); got != want {
			t.Errorf("%.80s\n got %s\nwant %s", body, got, want)
		}
		for i := range l[0].Len() {
			if string(l[0].Value(i)) != string(l[1].Value(i)) {
				t.Errorf("%.80s: field %d: %q and %q", body, i, l[0].Value(i), l[1].Value(i))
			}
		}
	}
}

// The 25-field lead of a JSON seller.
func BenchmarkDecode(b *testing.B) {
	var own []lead.Field
	body := `{"first_name":"Jane","last_name":"Roe","email":"jane@example.com","phone":"(212) 736-5000","zip":"10001","state":"NY","opt_in":true,` +
		`"timestamp":"2026-01-31T15:04:05Z","source_url":"https://example.com/a","ip_address":"203.0.113.9","city":"New York"`
	for i := range 14 {
		own = append(own, lead.Field{Name: fmt.Sprintf("own_%d", i), Type: lead.TypeInteger})
		body += fmt.Sprintf(`,"own_%d":%d`, i, i*37)
	}
	schema, errs := lead.NewSchema("auto", own)
	if errs != nil {
		b.Fatal(errs)
	}
	p, n := payload{body: []byte(body + "}")}, &names{}
	var l lead.Lead
	var v envelope
	b.ReportAllocs()
	for b.Loop() {
		l.Reset(schema)
		v = envelope{}
		if no := decode(&p, n, &l, &v); no != nil {
			b.Fatal(no)
		}
	}
}
