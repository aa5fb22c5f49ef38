// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"strings"
	"testing"

	"clearpost/auction"
	"clearpost/lead"
)

// quotesInPing is the ping of a campaign that quotes its price.
const quotesInPing = `    ping:
      request: {url: "https://one.example/ping", fields: [{to: zip, from: zip}]}
      answer: {success: [{path: ok, equals: true}], price: {path: price}}
`

func TestPricesAndMarginsAreRead(t *testing.T) {
	cfg, err := Load(writeConfig(t,
		change{"buyers/one.yaml", "id: one\n", "id: one\npays: fast\nbid_multiplier: 0.9\nmargin: {fixed: 2}\n"},
		change{"buyers/one.yaml", "price: 0010.50\n", `price: 10.50
    bid_multiplier: 0.5
    prices:
      - {price: 20, when: 'lead.age < 30'}
      - {price: 15, when: [{field: gender, in: [F]}]}
`}, change{"sources/acme.yaml", "{percent: 12.5}", "{percent: 10, minimum: 1, bands: [{from: 50, fixed: 3}]}\n" +
			"floor: 4\non_reject: reprice"},
		change{"verticals/auto.yaml", "", "margin: {percent: -5, allow_loss: true}\n"}), nil)
	if err != nil {
		t.Fatal(err)
	}
	c, s, v := cfg.Exchange.Book.Campaign("one-auto"), cfg.Exchange.Sources[0], cfg.Exchange.Verticals[0]
	if c.Margin == nil || c.Margin.Fixed != 2*lead.Unit || c.MarginOf != "buyer" || c.Multiplier != 450_000 ||
		c.Buyer.Standing != auction.FastPayer || len(c.Prices) != 2 || c.HighestPrice() != 20*lead.Unit {
		t.Errorf("%+v", c)
	}
	if s.Floor != 4*lead.Unit || !s.Reprice || fmt.Sprint(*s.Margin) !=
		"{100000 0.00 1.00 [{50.00 0 3.00 0.00}] false}" {
		t.Errorf("%+v, %+v", s, *s.Margin)
	}
	if v.Margin == nil || v.Margin.PPM != -50_000 || !v.Margin.Loss {
		t.Errorf("%+v", v.Margin)
	}
	for _, name := range []string{"gender", "age"} {
		if pos, _ := v.Schema.Position(name); !c.Uses.Has(pos) {
			t.Errorf("the price hangs on %s, and a post may change it", name)
		}
	}
}

func TestMistakesInPricesAndMarginsAreReportedWithTheirPlaces(t *testing.T) {
	const one, acme = "buyers/one.yaml", "sources/acme.yaml"
	for name, c := range map[string]struct {
		old, new string // in the buyer's file, or the source's where that has old
		want     []string
	}{
		"rule without a price": {"price: 0010.50", "price: 9\n    prices: [{when: 'lead.age < 30'}]",
			[]string{one + ":7:14: price is not there: expected a price of at least 0.01"}},
		"rule without criteria": {"price: 0010.50", "price: 9\n    prices: [{price: 3}]",
			[]string{one + ":7:14: when is not there: expected criteria of the leads that the price is for"}},
		"field that is none": {"price: 0010.50", "price: 9\n    prices:\n      - {price: 3, when: 'lead.agee < 30'}",
			[]string{one + ":8:26: \"lead.agee\": expected a field of vertical auto"}},
		"criterion that is none": {"price: 0010.50",
			"price: 9\n    prices:\n      - {price: 3, when: [{field: zpi, in: [1]}]}",
			[]string{one + ":8:35: \"zpi\": expected a field of vertical auto"}},
		"price in parts of a cent": {"price: 0010.50", "price: 9\n    prices: [{price: 3.005, when: 'lead.age < 30'}]",
			[]string{one + ":7:22: \"3.005\": expected a price of at least 0.01 in whole cents"}},
		"bounds of a list price": {"price: 0010.50", "price: 9\n    floor: 3\n    max_bid: 20",
			[]string{one + ":8:14: \"20.00\": expected no max_bid where there is a fixed `price`"}},
		"bounds that exclude all": {"    price: 0010.50\n", "    floor: 30\n    max_bid: 20\n" + quotesInPing,
			[]string{one + ":7:14: \"20.00\": expected an amount that is not below the campaign's floor, 30.00"}},
		"multiplier": {"price: 0010.50", "price: 9\n    bid_multiplier: 90",
			[]string{one + ":7:21: \"90.00\": expected 0.01 to 10.00, such as 0.90"}},
		"standing": {"timezone:", "pays: sometimes\ntimezone:",
			[]string{one + ":2:7: \"sometimes\": expected fast, usual, slow or never"}},
		"margin of a buyer": {"timezone:", "margin: {percent: 120}\ntimezone:",
			[]string{one + ":2:19: \"120.00\": expected 0 to 100, with at most 4 decimals"}},
		"margin of a campaign": {"price: 0010.50", "price: 9\n    margin: {fixed: -1}",
			[]string{one + ":7:21: \"-1.00\": expected an amount that is not negative"}},
		"bands out of order": {"{percent: 12.5}", "{bands: [{from: 20, percent: 5}, {from: 20}]}",
			[]string{acme + ":4:49: \"20.00\": expected a price above 20.00, where the one before begins"}},
		"minimum": {"{percent: 12.5}", "{minimum: -3}",
			[]string{acme + ":4:19: \"-3.00\": expected an amount that is not negative"}},
		"a loss that is not allowed": {"{percent: 12.5}", "{percent: -5}",
			[]string{acme + ":4:19: \"-5.00\": expected 0 to 100"}},
		"a loss of more than the price": {"{percent: 12.5}", "{percent: -105, allow_loss: true}",
			[]string{acme + ":4:19: \"-105.00\": expected -100 to 100"}},
		"on_reject": {"rate:", "on_reject: shrug\nrate:",
			[]string{acme + ":5:12: \"shrug\": expected fail or reprice"}},
		"floor of a source": {"rate:", "floor: -1\nrate:",
			[]string{acme + ":5:8: \"-1.00\": expected an amount that is not"}},
	} {
		file := one
		if strings.Contains(goodFiles[acme], c.old) {
			file = acme
		}
		_, err := Load(writeConfig(t, change{file, c.old, c.new}), nil)
		got := places(t, err)
		if len(got) != len(c.want) || len(got) > 0 && !strings.HasPrefix(got[0], c.want[0]) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
