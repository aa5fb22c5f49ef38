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

// pairs lists what a walk finds.
func pairs(walk func([]byte, func(name, val gjson.Result) bool) bool, body string) (list []string, ok bool) {
	ok = walk([]byte(body), func(name, val gjson.Result) bool {
		list = append(list, fmt.Sprintf("%s %d %s %s", name.Str, val.Type, val.Raw, val.Str))
		return true
	})
	return list, ok
}

// What flat takes, it takes exactly as the general walk does.
func FuzzFlat(f *testing.F) {
	for _, s := range []string{`{}`, ` { } `, `{"a":1}`, "{\"a\" : \"x\" ,\n\"b\":null,\"c\":true,\"d\":false}", `{"a":-0.50,"b":0}`, `{"a":01}`, `{"a":1e3}`, `{"a":1.}`, `{"a":-}`,
		`{"a":.5}`, `{"a":"\u0041"}`, `{"a":[1]}`, `{"a":{}}`, `{"a":1,}`, `{"a" 1}`, `{"a":1}x`, `{,}`, `{"a":tru}`, `{"a":truex}`, `[]`, ``, `{`, `{"`, `{"a"`, `{"a":`, `{"a":1`,
		`{"a":"é"}`, "{\"a\":\"\xff\"}", "{\"a\":\"\n\"}", `{"a":1 "b":2}`, `{"a":1}}`, `{"":""}`, `{"a":--1}`, `{"a":+1}`, "\xef\xbb\xbf{}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		got, ok := pairs(flat, body)
		if !ok {
			return
		}
		want, valid := pairs(walk, body)
		if !valid || !slices.Equal(got, want) {
			t.Errorf("%q: flat found %q, walk %q, %v", body, got, want, valid)
		}
	})
}

func TestFlatTakesWhatSellersSend(t *testing.T) {
	body := `{"zip":"10001", "age": 44, "bill": -180.50, "opt_in": true, "dui": false, "sr22": null}`
	if list, ok := pairs(flat, body); !ok || len(list) != 6 {
		t.Errorf("got %q, %v", list, ok)
	}
}

func TestDecodeIsTheSameBothWays(t *testing.T) {
	schema, errs := lead.NewSchema("auto", []lead.Field{{Name: "age", Type: lead.TypeInteger}})
	if errs != nil {
		t.Fatal(errs)
	}
	many := strings.Repeat(`"x":1,`, PairsMax)
	for _, body := range []string{`{"zip":"10001","age":44,"seller_lead_id":"a","min_price":"12.50"}`, `{"ZIP":"10001","zip_code":"10002"}`,
		`{"key":"a","key":"b"}`, `{"max_wait_ms":0}`, `{` + many + `"age":1}`, `{"lead_id":"1","age":[1]}`} {
		var l [2]lead.Lead
		var v [2]envelope
		for i, b := range []string{body, body[:1] + `"\u0078":0,` + body[1:]} { // an escape in a name that nobody knows
			l[i].Reset(schema)
			if !decode([]byte(b), &l[i], &v[i]) {
				t.Fatalf("%s is refused", b)
			}
		}
		if got, want := fmt.Sprintf("%+v %+v", v[0], l[0].Problems(0)), fmt.Sprintf("%+v %+v", v[1], l[1].Problems(0)); got != want {
			t.Errorf("%.80s\n got %s\nwant %s", body, got, want)
		}
		for i := range l[0].Len() {
			if string(l[0].Value(i)) != string(l[1].Value(i)) {
				t.Errorf("%.80s: field %d: %q and %q", body, i, l[0].Value(i), l[1].Value(i))
			}
		}
	}
}
