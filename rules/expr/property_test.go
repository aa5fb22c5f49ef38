// SPDX-License-Identifier: Apache-2.0

package expr

import (
	"fmt"
	"strings"
	"testing"

	library "github.com/expr-lang/expr"
	"pgregory.net/rapid"

	"clearpost/lead"
)

// world is a complete lead and the like, once as facts and once as the library's own machine has them: names with
// underscores in place of points, numbers as float64, which has room for those that are drawn here.
type world struct {
	line string // as setFacts reads it
	env  map[string]any
}

func drawWorld(t *rapid.T) world {
	w := world{env: map[string]any{"source_id": "acme", "now_hour": 15, "now_minute": 30, "now_weekday": "fri",
		"now_date": "2026-11-27"}}
	var parts []string
	put := func(field, sent string, value any) {
		parts = append(parts, field+"="+sent)
		w.env["lead_"+strings.ReplaceAll(field, ".", "_")] = value
	}
	whole := func(field string, from, to int) {
		n := rapid.IntRange(from, to).Draw(t, field)
		put(field, fmt.Sprint(n), n)
	}
	quarters := func(field string) {
		n := float64(rapid.IntRange(-400, 400).Draw(t, field)) / 4
		put(field, fmt.Sprint(n), n)
	}
	word := func(field string, words ...string) {
		s := rapid.SampledFrom(words).Draw(t, field)
		put(field, s, s)
	}
	whole("age", 16, 110)
	whole("cars", 0, 9)
	whole("drivers", 1, 4)
	quarters("income")
	quarters("debt")
	quarters("score")
	for _, f := range []string{"homeowner", "married"} {
		b := rapid.Bool().Draw(t, f)
		put(f, fmt.Sprint(b), b)
	}
	word("state", "CA", "TX", "NY")
	word("provider", "Geico", "State Farm", "none of them")
	word("note", "refi", "re finance", "buy", "x")
	word("city", "austin", "new york")
	word("move_date", "2026-11-26", "2026-11-27", "2026-12-31")
	word("sub_id", "fb-17", "fb-18", "g")
	w.env["source_sub_id"] = w.env["lead_sub_id"]
	area := rapid.SampledFrom([]string{"212", "512"}).Draw(t, "area")
	put("phone", area+"-555-2368", "+1"+area+"5552368")
	w.env["lead_phone_area"] = area
	sold := rapid.IntRange(0, 3).Draw(t, "sold")
	price := float64(rapid.IntRange(0, 400).Draw(t, "price")) / 4
	w.env["tier"], w.env["sold"], w.env["price"] = "premium", sold, price
	parts = append(parts, fmt.Sprintf("offer=premium %d %.2f", sold, price))
	w.line = strings.Join(parts, "; ")
	return w
}

// drawing writes an expression, with $ in place of the points of names.
type drawing struct {
	t *rapid.T
	n int
}

func (d *drawing) pick(of ...string) string { return rapid.SampledFrom(of).Draw(d.t, d.label()) }

func (d *drawing) label() string {
	d.n++
	return fmt.Sprint("choice ", d.n)
}

func (d *drawing) whole(depth int) string {
	if depth == 0 || d.pick("leaf", "leaf", "more") == "leaf" {
		return d.pick("lead$age", "lead$cars", "lead$drivers", "now$hour", "now$minute", "sold", "0", "1", "2", "30",
			"1_000", "0x10")
	}
	switch d.pick("+", "-", "*", "%", "neg") {
	case "+":
		return "(" + d.whole(depth-1) + " + " + d.whole(depth-1) + ")"
	case "-":
		return "(" + d.whole(depth-1) + " - " + d.whole(depth-1) + ")"
	case "*":
		return d.whole(depth-1) + " * " + d.whole(depth-1)
	case "%":
		return "(" + d.whole(depth-1) + " % lead$drivers)"
	}
	return "-(" + d.whole(depth-1) + ")"
}

func (d *drawing) number(depth int) string {
	if depth == 0 || d.pick("leaf", "leaf", "whole", "more") == "leaf" {
		return d.pick("lead$income", "lead$debt", "lead$score", "price", "0.25", "12.50", "1.5e1", "7", "99.75")
	}
	switch d.pick("whole", "+", "-", "*") {
	case "whole":
		return d.whole(depth - 1)
	case "+":
		return "(" + d.number(depth-1) + " + " + d.number(depth-1) + ")"
	case "-":
		return "(" + d.number(depth-1) + " - " + d.number(depth-1) + ")"
	}
	return d.number(0) + " * " + d.whole(0)
}

func (d *drawing) condition(depth int) string {
	if depth > 0 {
		switch a := d.condition(depth - 1); d.pick("leaf", "&&", "||", "not", "?:", "same") {
		case "&&":
			return "(" + a + " && " + d.condition(depth-1) + ")"
		case "||":
			return "(" + a + " or " + d.condition(depth-1) + ")"
		case "not":
			return "!(" + a + ")"
		case "?:":
			return "(" + a + " ? " + d.condition(depth-1) + " : " + d.condition(depth-1) + ")"
		case "same":
			return "((" + a + ") " + d.pick("==", "!=") + " (" + d.condition(depth-1) + "))"
		default:
			return a
		}
	}
	relation := d.pick("==", "!=", "<", "<=", ">", ">=")
	switch d.pick("flag", "whole", "number", "quotient", "text", "texts", "date", "in", "in numbers", "range", "find") {
	case "flag":
		return d.pick("lead$homeowner", "lead$married == true", "false != lead$married")
	case "whole":
		return "lead$age " + d.pick("<", ">=", "==", "!=") + d.pick(" 35", " 64", " 17") +
			" || " + d.whole(1) + " " + relation + " lead$cars + " + d.whole(1)
	case "number":
		return "lead$score + " + d.number(2) + " " + relation + " " + d.number(2)
	case "quotient": // by powers of two, so that a float64 has room
		return "lead$debt / " + d.pick("2", "-4", "0.5") + " " + relation + " " + d.number(1)
	case "text":
		return d.pick("lead$state", "lead$state") + d.pick(" == ", " != ") + d.pick(`"CA"`, `"TX"`)
	case "texts":
		return d.pick(`lead$phone$area == "212"`, `lead$provider != "State Farm"`, `source$sub_id == "fb-17"`,
			`lead$city == "austin"`, `lower(lead$note) == "refi"`, `tier == "premium"`, `now$weekday != "fri"`,
			`source$id == lead$note`, `"acme" == source$id`)
	case "date":
		return d.pick(`lead$move_date `, `now$date `) + relation + d.pick(` "2026-11-27"`, ` "2026-12-31"`, ` now$date`)
	case "in":
		return d.pick("lead$state", "lead$state") + d.pick(" in ", " not in ") + d.pick(`["CA"]`, `["TX", "NY"]`)
	case "in numbers":
		return d.pick("lead$score", "lead$cars", "lead$cars + 1") + d.pick(" in ", " not in ") +
			d.pick(`[1, 2, 3]`, `[0, 0.25, 0.5, 7]`)
	case "range":
		return "lead$cars + " + d.whole(1) + d.pick(" in ", " not in ") + d.pick("0..3", "16..40", "30..30")
	}
	return d.pick("lead$note", "lead$city", "lead$phone") + " " + d.pick(`contains "e"`, `startsWith "re"`,
		`endsWith "k"`, `matches "^[a-r+]"`, `not contains "512"`)
}

// Of complete leads, the evaluator says what the library's own machine says.
func TestEvaluatorAgreesWithTheLibrary(t *testing.T) {
	s, zone := testSchema(t), newYork(t)
	rapid.Check(t, func(t *rapid.T) {
		w, d := drawWorld(t), drawing{t: t}
		drawn := d.condition(3) + ` && lead$age > 0`
		text := strings.ReplaceAll(drawn, "$", ".")
		e, ds := Compile(text, s, Options{Zone: zone, Offer: Tier | Sold | Price})
		if ds != nil {
			t.Fatalf("%s: %v", text, ds)
		}
		program, err := library.Compile(strings.ReplaceAll(drawn, "$", "_"), library.Env(w.env), library.AsBool())
		if err != nil {
			t.Fatal(err)
		}
		want, err := library.Run(program, w.env)
		if err != nil {
			t.Fatal(err)
		}
		var in Facts
		setFacts(t, &in, s, w.line)
		for _, in.Stage = range []lead.Stage{lead.AtPing, lead.AtPost} {
			if got := e.Evaluate(&in); (got == Yes) != want.(bool) || got != Yes && got != No {
				t.Fatalf("%s\n%s: %v, the library says %v", text, explained(e, &in), got, want)
			}
			if (e.Misses(&in, false) == 0) != want.(bool) || (e.Misses(&in, true) == 0) == want.(bool) {
				t.Fatalf("%s\n%s: misses %d, and of the opposite %d", text, explained(e, &in), e.Misses(&in, false),
					e.Misses(&in, true))
			}
		}
	})
}

// What is known of a partial lead at its ping stands, whatever comes with the post.
func TestWhatIsKnownAtPingStands(t *testing.T) {
	s, zone := testSchema(t), newYork(t)
	rapid.Check(t, func(t *rapid.T) {
		w, d := drawWorld(t), drawing{t: t}
		drawn := d.condition(3) + d.pick(" && ", " || ") + d.pick("lead$homeowner", "lead$phone$valid",
			"lead$note$present", "lead$debt / lead$income < 2", "lead$cars % (lead$drivers - 1) == 0")
		e, ds := Compile(strings.ReplaceAll(drawn, "$", "."), s, Options{Zone: zone, Offer: Tier | Sold | Price})
		if ds != nil {
			t.Fatalf("%s: %v", drawn, ds)
		}
		var kept, later []string
		for _, kv := range strings.Split(w.line, "; ") {
			field, _, _ := strings.Cut(kv, "=")
			switch required := field == "age" || field == "state"; {
			case required || rapid.Bool().Draw(t, field+" at ping"):
				kept = append(kept, kv)
			case field == "offer" || rapid.Bool().Draw(t, field+" at post"):
				later = append(later, kv)
			}
		}
		var in Facts
		setFacts(t, &in, s, strings.Join(kept, "; "))
		in.Stage = lead.AtPing
		before := e.Evaluate(&in)
		setFacts(t, &in, s, strings.Join(append(kept, later...), "; "))
		in.Stage = lead.AtPost
		after := e.Evaluate(&in)
		if after&^before != 0 || after != Yes && after != No && after != Failed {
			t.Fatalf("%s\n%s: %v at ping, then %v", drawn, explained(e, &in), before, after)
		}
	})
}
