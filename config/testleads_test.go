// SPDX-License-Identifier: Apache-2.0

package config

import (
	"slices"
	"strings"
	"testing"

	"clearpost/lead"
	"clearpost/wire/request"
)

func TestTestsAreConfigured(t *testing.T) {
	cfg, err := Load(writeConfig(t,
		change{"verticals/auto.yaml", "person_key: [phone]",
			"unknown_fields: keep\ntest_price: 12.50\ntest_zips: {\"00001\": accepted, \"00002-0001\": " +
				"No_Bids}\nperson_key: [phone]"},
		change{"sources/acme.yaml", "verticals: [auto]",
			"verticals: [auto]\ntests: true\naliases: {probe: test, end: test_result}"},
		change{"buyers/one.yaml", "price: 0010.50",
			"price: 10.50\n    test: {post_url: 'https://staging.one.example/post', fields: [{to: zip, value: " +
				"'00000'}]}"},
	), nil)
	if err != nil {
		t.Fatal(err)
	}
	v := cfg.Exchange.Verticals[0]
	if !v.KeepUnknown || v.Tests.Price != 12*lead.Unit+50*lead.Cent || v.Tests.ZIPs["00001"] != lead.TestSold ||
		v.Tests.ZIPs["00002"] != lead.TestNoBids || len(v.Tests.ZIPs) != 2 {
		t.Errorf("vertical %+v", v.Tests)
	}
	if !cfg.Exchange.Sources[0].Tests {
		t.Error("the source may send no tests")
	}
	c := cfg.Exchange.Book.Campaign("one-auto")
	if c.AsTest == nil || !c.AsTest.Tests || c.AsTest.ID != c.ID || c.AsTest.Index != c.Index ||
		len(c.AsTest.Caps) != 0 {
		t.Fatalf("campaign %+v, its tests %+v", c, c.AsTest)
	}
	if addr, _, _ := c.AsTest.Post.Request.Host(); addr != "staging.one.example:443" {
		t.Errorf("tests go to %s", addr)
	}
	if live, _, _ := c.Post.Request.Host(); live == "staging.one.example:443" {
		t.Errorf("real leads go to %s", live)
	}
}

// A request that says by itself what is a test needs nothing besides.
func TestARequestMayMarkTestsItself(t *testing.T) {
	for _, field := range []string{"{to: is_test, from: test}",
		"{to: is_test, value: true, when: {field: test, equals: true}}"} {
		cfg, err := Load(writeConfig(t, change{"buyers/one.yaml", "price: 0010.50", "price: 10.50\n    test: {}"},
			change{"buyers/one.yaml", "{to: zip, from: zip}", "{to: zip, from: zip}\n          - " + field}), nil)
		if err != nil {
			t.Fatal(err)
		}
		c := cfg.Exchange.Book.Campaign("one-auto")
		var l lead.Lead
		l.Reset(cfg.Exchange.Verticals[0].Schema)
		for isTest, call := range map[bool]*request.Request{false: c.Post.Request, true: c.AsTest.Post.Request} {
			b, err := call.AppendHTTP(nil, &request.Inputs{Lead: &l, Test: isTest})
			if err != nil || strings.Contains(string(b), `"is_test":true`) != isTest {
				t.Errorf("%s, test %v: %s, %v", field, isTest, b, err)
			}
		}
	}
}

func TestMistakesOfTestsHavePlaces(t *testing.T) {
	campaign := func(test string) change {
		return change{"buyers/one.yaml", "price: 0010.50", "price: 10.50\n    test: " + test}
	}
	for _, c := range []struct {
		change change
		want   []string
	}{
		{change{"verticals/auto.yaml", "person_key: [phone]",
			"unknown_fields: maybe\ntest_price: 0.001\ntest_zips: {\"1\": accepted, \"00001\": sold}\nperson_key: " +
				"[phone]"}, []string{`verticals/auto.yaml:9:17: "maybe": expected drop or keep`,
			`verticals/auto.yaml:10:13: "0.001": expected a price`,
			`verticals/auto.yaml:11:18: "1": expected a postal code`,
			`verticals/auto.yaml:11:37: "sold": expected one of accepted`}},
		{campaign("{}"), []string{`buyers/one.yaml:7:11: post_url is not there: expected the URL for tests`}},
		{campaign("{fields: [{to: zip, from: zip}]}"),
			[]string{`buyers/one.yaml:7:11: post_url is not there: expected the URL for tests`}},
		{campaign("{ping_url: 'https://a.example/', post_url: 'https://a.example/'}"),
			[]string{`buyers/one.yaml:7:22: "https://a.example/": expected no ping_url`}},
		{campaign("{post_url: staging}"), []string{`buyers/one.yaml:7:22: "staging": expected`}},
		{campaign("{fields: [{to: mark, value: 1}, {to: a, from: nothing}]}"),
			[]string{`buyers/one.yaml:7:57: "nothing": expected`}},
	} {
		_, err := Load(writeConfig(t, c.change), nil)
		got := places(t, err)
		for _, want := range c.want {
			if len(got) != len(c.want) || !slices.ContainsFunc(got, func(s string) bool {
				return strings.HasPrefix(s, want)
			}) {
				t.Errorf("%s: no %q in\n%s", c.change.new, want, strings.Join(got, "\n"))
			}
		}
	}
}
