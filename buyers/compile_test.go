// SPDX-License-Identifier: Apache-2.0

package buyers

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"clearpost/lead"
	"clearpost/rules"
	"clearpost/wire"
	"clearpost/wire/answer"
	"clearpost/wire/request"
)

func requestOf(from ...string) request.Spec {
	r := request.Spec{URL: "https://buyer.example/call"}
	for _, f := range from {
		r.Fields = append(r.Fields, request.FieldSpec{To: f, From: f})
	}
	return r
}

func answerOf(price, token string) answer.Spec {
	a := answer.Spec{Success: []answer.ConditionSpec{{Path: "status", Equals: wire.Text("ok")}}}
	if price != "" {
		a.Price = &answer.ValueSpec{Path: price}
	}
	if token != "" {
		a.Token = &answer.ValueSpec{Path: token}
	}
	return a
}

// quoted is a campaign that asks for a price and carries the token into the post.
func quoted(id string) CampaignSpec {
	return CampaignSpec{ID: id, Vertical: "auto",
		Ping: &EndpointSpec{Request: requestOf("zip"), Answer: answerOf("bid", "id"), TimeoutMS: 250},
		Post: &EndpointSpec{Request: requestOf("zip", "token"), Answer: answerOf("paid", "")}}
}

func TestCompile(t *testing.T) {
	price := 12 * lead.Unit
	fixed := CampaignSpec{ID: "b-fixed", Vertical: "auto", Price: &price, MaxSold: 3, Pay: "post_price",
		Criteria: []rules.CriterionSpec{{Field: "state", In: []string{"CA"}}},
		Caps:     []rules.CapSpec{{Per: "hour", Limit: 5}, {Per: "day", Limit: 9, Zone: "America/Denver"}},
		Post:     &EndpointSpec{Request: requestOf("zip"), Answer: answerOf("paid", "")}}
	specs := []BuyerSpec{
		{ID: "a", Campaigns: []CampaignSpec{quoted("a-1")}},
		{ID: "b", Name: "Bee", Timezone: "America/Chicago", InFlightMax: 7, AllowPrivate: true,
			Caps: []rules.CapSpec{{Per: "total", Limit: 100}}, Campaigns: []CampaignSpec{fixed, quoted("b-2")}}}
	book, ds := Compile(specs, map[string]*lead.Schema{"auto": testSchema(t)}, Options{
		Deadlines: func(string) (time.Duration, time.Duration) { return 700 * time.Millisecond, 9 * time.Second }})
	if ds != nil {
		t.Fatal(ds)
	}
	a, b := book.Campaign("a-1"), book.Campaign("b-fixed")
	if a.Buyer.Name != "a" || a.Buyer.InFlightMax != InFlightDefault || a.Fixed || a.MaxSold != 1 ||
		a.Ping.Timeout != 250*time.Millisecond || a.Post.Timeout != 9*time.Second {
		t.Errorf("a-1 is %+v of %+v", a, a.Buyer)
	}
	if b.Index != 1 || b.Buyer.Index != 1 || !b.Fixed || b.Price != price || !b.PayPostPrice || b.Ping != nil ||
		b.Buyer.InFlightMax != 7 || !b.Buyer.AllowPrivate {
		t.Errorf("b-fixed is %+v of %+v", b, b.Buyer)
	}
	var caps []string
	for _, c := range b.Caps {
		caps = append(caps, fmt.Sprint(c.Key, " ", c.Limit.Most))
		if zone := c.Window.Zone.String(); c.Window.Per == rules.Hour && zone != "America/Chicago" ||
			c.Window.Per == rules.Day && zone != "America/Denver" {
			t.Errorf("cap %s counts in %s", c.Key, zone)
		}
	}
	if want := []string{"campaign:b-fixed:hour 5", "campaign:b-fixed:day 9", "buyer:b:total 100"}; !slices.Equal(caps,
		want) {
		t.Errorf("b-fixed has caps %q", caps)
	}
	if book.Campaign("none") != nil || book.Buyer("none") != nil || book.Buyer("b") != b.Buyer ||
		len(book.Buyers) != 2 || len(book.Campaigns) != 3 {
		t.Errorf("the book is %+v", book)
	}
	var l lead.Lead
	l.Reset(testSchema(t))
	pos, _ := l.Schema().Position("state")
	l.Set(pos, []byte("NV"))
	f := rules.Facts{Lead: &l, Stage: lead.AtPing}
	if got := book.Index("auto").Eligible(nil, &f); !slices.Equal(got, []int32{0, 2}) {
		t.Errorf("in Nevada %v are eligible", got)
	}
	l.Set(pos, []byte("CA"))
	if got := book.Index("auto").Eligible(nil, &f); !slices.Equal(got, []int32{0, 1, 2}) {
		t.Errorf("in California %v are eligible", got)
	}
	if got := book.Index("boats").Eligible(nil, &f); len(got) != 0 {
		t.Errorf("of a vertical that nobody buys %v are eligible", got)
	}
}

func TestCompileReportsEveryDefect(t *testing.T) {
	tooCheap := lead.Money(1)
	free := lead.Money(0)
	with := func(id string, change func(*CampaignSpec)) CampaignSpec {
		c := quoted(id)
		change(&c)
		return c
	}
	specs := []BuyerSpec{
		{ID: "x", Timezone: "PST", InFlightMax: -1, Caps: []rules.CapSpec{{Per: "fortnight", Limit: 1}},
			Campaigns: []CampaignSpec{
				with("c0", func(c *CampaignSpec) { c.MaxSold = 101; c.Pay = "both" }),
				with("c1", func(c *CampaignSpec) { c.Ping, c.Post.Request = nil, requestOf("zip") }),
				with("c2", func(c *CampaignSpec) { c.Ping.Answer.Price = nil }),
				with("c3", func(c *CampaignSpec) { c.Ping.Answer.Token = nil }),
				with("c4", func(c *CampaignSpec) { c.Price = &tooCheap; c.Ping.TimeoutMS = -5 }),
				with("c5", func(c *CampaignSpec) { c.Price = &free; c.Post = nil }),
				with("c6", func(c *CampaignSpec) { c.Pay = "post_price"; c.Post.Answer.Price = nil }),
				with("c7", func(c *CampaignSpec) {
					c.Criteria = []rules.CriterionSpec{{Field: "nonesuch", In: []string{"1"}}}
				}),
				with("c8", func(c *CampaignSpec) { c.Criteria = make([]rules.CriterionSpec, CriteriaMax+1) }),
				with("c9", func(c *CampaignSpec) { c.Vertical = "boats" }),
				with("c10", func(c *CampaignSpec) { c.Vertical = "" }),
			}},
		{ID: "x", Campaigns: []CampaignSpec{quoted("c0"), quoted("no good"), quoted("")}},
		{ID: strings.Repeat("y", IDBytesMax+1), Name: strings.Repeat("n", NameBytesMax+1)},
	}
	_, ds := Compile(specs, map[string]*lead.Schema{"auto": testSchema(t)}, Options{})
	var got []string
	for _, d := range ds {
		got = append(got, d.Path)
	}
	want := []string{
		"[0].in_flight_max", "[0].timezone", "[0].caps[0].per",
		"[0].campaigns[0].max_sold", "[0].campaigns[0].pay",
		"[0].campaigns[1]",
		"[0].campaigns[2].ping.answer.price",
		"[0].campaigns[3].post.request.fields",
		"[0].campaigns[4].ping.timeout_ms", "[0].campaigns[4].price",
		"[0].campaigns[5].post", "[0].campaigns[5].price",
		"[0].campaigns[6].pay",
		"[0].campaigns[7].criteria[0].field",
		"[0].campaigns[8].criteria",
		"[0].campaigns[9].vertical", "[0].campaigns[10].vertical",
		"[1].id", "[1].campaigns[0].id", "[1].campaigns[1].id", "[1].campaigns[2].id",
		"[2].id", "[2].name",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
	for _, d := range ds {
		if d.Expected == "" {
			t.Errorf("%s says nothing", d.Path)
		}
	}
}

func TestBrokenVerticalsAreNotJudgedBy(t *testing.T) {
	broken, unknown := quoted("c0"), quoted("c1")
	broken.Criteria = []rules.CriterionSpec{{Field: "nonesuch", In: []string{"1"}}}
	unknown.Vertical = "boats"
	_, ds := Compile([]BuyerSpec{{ID: "x", Campaigns: []CampaignSpec{broken, unknown}}, {}},
		map[string]*lead.Schema{"auto": nil}, Options{Incomplete: true})
	if len(ds) != 1 || ds[0].Path != "[1].id" {
		t.Errorf("defects %v", ds)
	}
}

// More layers than fit on the stack: one field tested many times, beside others.
func TestIndexOfManyLayers(t *testing.T) {
	s := testSchema(t)
	low, high := "20", "60"
	var many []rules.CriterionSpec
	for i := range CriteriaMax {
		n := fmt.Sprint(1 + i)
		many = append(many, rules.CriterionSpec{Field: "age", Min: &n})
	}
	var list []*Campaign
	for i, specs := range [][]rules.CriterionSpec{many, {{Field: "age", Min: &low, Max: &high},
		{Field: "state", In: []string{"CA"}}, {Field: "zip", In: []string{"90210"}}}} {
		criteria, ds := rules.Compile(specs, s, rules.Options{})
		if ds != nil {
			t.Fatal(ds)
		}
		list = append(list, &Campaign{Index: int32(i), Criteria: criteria})
	}
	ix := newIndex(list, s)
	if len(ix.layers) <= rowsOnStack {
		t.Fatalf("%d layers prove nothing", len(ix.layers))
	}
	for age, want := range map[string][]int32{"10": nil, "30": {1}, "63": nil, "64": {0}, "110": {0}} {
		var l lead.Lead
		l.Reset(s)
		for name, v := range map[string]string{"age": age, "state": "CA", "zip": "90210"} {
			pos, _ := s.Position(name)
			l.Set(pos, []byte(v))
		}
		if got := ix.Eligible(nil, &rules.Facts{Lead: &l, Stage: lead.AtPing}); !slices.Equal(got, want) {
			t.Errorf("at age %s %v are eligible, expected %v", age, got, want)
		}
	}
}
