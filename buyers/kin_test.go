// SPDX-License-Identifier: Apache-2.0

package buyers

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"testing"

	"clearpost/lead"
	"clearpost/wire"
	"clearpost/wire/answer"
	"clearpost/wire/request"
)

func TestCompaniesAndCompetitorGroups(t *testing.T) {
	schemas := map[string]*lead.Schema{"auto": testSchema(t)}
	specs := []BuyerSpec{{ID: "alone"}, {ID: "west", Parent: "holding"}, {ID: "east", Parent: "holding"},
		{ID: "shop", Parent: "west", CompetitorGroups: []string{"agents"}},
		{ID: "holding", CompetitorGroups: []string{"carriers", "agents"}},
		{ID: "other", Parent: "elsewhere", CompetitorGroups: []string{"carriers"}}}
	// A book of the same buyers in another order, which takes them over from the first.
	c := NewCompiler(schemas, Options{})
	var compiled []*Compiled
	for i := range specs {
		x, ds := c.Add(&specs[i])
		if ds != nil {
			t.Fatal(ds)
		}
		compiled = append(compiled, x)
	}
	again := NewCompiler(schemas, Options{})
	for _, x := range slices.Backward(compiled) {
		if !again.Again(x) {
			t.Fatalf("%s cannot be taken over", x.Buyer.ID)
		}
	}
	for _, book := range []*Book{c.Book(), again.Book()} {
		company := func(id string) int32 { return book.Company(book.Buyer(id)) }
		groups := func(id string) uint64 { return book.GroupsOf("gone", book.Buyer(id)) }
		if company("alone") != 0 || company("west") == 0 || company("other") == 0 ||
			company("other") == company("west") {
			t.Errorf("companies: alone %d, west %d, other %d", company("alone"), company("west"), company("other"))
		}
		for _, id := range []string{"east", "shop", "holding"} {
			if company(id) != company("west") {
				t.Errorf("%s is of company %d, west of %d", id, company(id), company("west"))
			}
		}
		if groups("alone") != 0 || groups("shop")&groups("other") != 0 || groups("shop")&groups("holding") == 0 ||
			groups("other")&groups("holding") == 0 {
			t.Errorf("groups: alone %b, shop %b, holding %b, other %b", groups("alone"), groups("shop"),
				groups("holding"), groups("other"))
		}
	}
}

// Groups of campaigns count among all groups, also where they are taken over from another book.
func TestGroupsOfCampaignsCount(t *testing.T) {
	schemas := map[string]*lead.Schema{"auto": testSchema(t)}
	price := 10 * lead.Unit
	with := func(id string, groups ...string) *BuyerSpec {
		return &BuyerSpec{ID: id, Campaigns: []CampaignSpec{{ID: id + "-main", Vertical: "auto", Price: &price,
			CompetitorGroups: groups, Post: &EndpointSpec{Request: request.Spec{URL: "https://b.example/post",
				Fields: []request.FieldSpec{{To: "zip", From: "zip"}}}, Answer: answer.Spec{
				Success: []answer.ConditionSpec{{Path: "ok", Equals: wire.Text("true")}}}}}}}
	}
	first, second := NewCompiler(schemas, Options{}), NewCompiler(schemas, Options{})
	var last *Compiled
	for i := range 5 {
		var names []string
		for n := range 13 {
			names = append(names, fmt.Sprintf("g%d-%d", i, n))
		}
		x, ds := first.Add(with(fmt.Sprint("b", i), names...))
		if full := i == 4; full != (len(ds) > 0) {
			t.Fatalf("buyer %d: %v", i, ds)
		} else if !full {
			if last = x; !second.Again(x) {
				t.Fatalf("buyer %d is not taken over", i)
			}
		}
	}
	many := strings.Fields("a b c d e f g h i j k l m")
	if _, ds := second.Add(with("more", many...)); len(ds) == 0 {
		t.Error("65 groups where 64 are allowed")
	}
	third := NewCompiler(schemas, Options{})
	if !third.Again(last) {
		t.Fatal("it is not taken over")
	}
	book := third.Book()
	if c := book.Campaign(last.Campaigns[0].ID); bits.OnesCount64(book.Groups(c)) != 13 {
		t.Errorf("groups %b", book.Groups(c))
	}
}

func TestMistakesInCompaniesAndGroups(t *testing.T) {
	names := func(from, to int) (out []string) {
		for i := from; i < to; i++ {
			out = append(out, fmt.Sprint("g", i))
		}
		return out
	}
	specs := []BuyerSpec{{ID: "a", Parent: "a", CompetitorGroups: []string{"x", "x", "no good"}},
		{ID: "b", Parent: "not/good"}, {ID: "c", CompetitorGroups: names(0, 17)}}
	for i := range 4 {
		specs = append(specs, BuyerSpec{ID: fmt.Sprint("d", i), CompetitorGroups: names(16*i, 16*i+16)})
	}
	_, ds := Compile(specs, nil, Options{})
	var got []string
	for _, d := range ds {
		got = append(got, d.Path+" "+d.Value+": "+d.Expected)
	}
	want := []string{"[0].parent a: the name of another company: a buyer is not its own parent",
		"[0].competitor_groups[1] x: each group once", "[0].competitor_groups[2] no good: " + IDRule,
		"[1].parent not/good: " + IDRule, "[2].competitor_groups 17 groups: at most 16",
		"[6].competitor_groups[15] g63: at most 64 groups in all"} // x is the 64th
	if !slices.Equal(got, want) {
		t.Errorf("mistakes:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	full, c := NewCompiler(nil, Options{}), NewCompiler(nil, Options{})
	x, _ := c.Add(&BuyerSpec{ID: "one", CompetitorGroups: []string{"more"}})
	for i := range specs[3:] {
		full.Add(&specs[3+i])
	}
	if full.Again(x) {
		t.Error("a 65th group is taken over")
	}
}
