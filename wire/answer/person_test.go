// SPDX-License-Identifier: Apache-2.0

package answer

import (
	"strings"
	"testing"

	"clearpost/lead"
)

// TestAnswersThatAPersonWouldCallNo: none of these bodies is an acceptance, though the word for one stands in each.
func TestAnswersThatAPersonWouldCallNo(t *testing.T) {
	const (
		words   = "format: text\nsuccess: [{contains: accepted}]"
		label   = "format: text\nsuccess: [{path: status, equals: accepted}]"
		regex   = "format: text\nsuccess: [{regex: accepted}]"
		exists  = "success: [{path: id, exists: true}]"
		auto    = "format: auto\nrules: [{outcome: accepted, when: {path: status, equals: accepted}}]"
		code    = "format: text\nsuccess: [{status: 200}]"
		pre     = "inside: [pre]\nsuccess: [{path: status, equals: accepted}]"
		numeric = "success: [{path: $, greater: 0}]"
	)
	for _, c := range []struct{ spec, body string }{
		{words, "Unfortunately this lead is accepted by nobody"},
		{words, "Your lead could not be accepted"},
		{words, "Acceptance pending, to be accepted later"},
		{words, "accepted: sorry, we are closed"},
		{words, "We regret that only leads from CA are accepted"},
		{label, "status: accepted pending review"},
		{label, "status: Accepted - duplicate"},
		{label, "Error: status=accepted was not reached"},
		{regex, "not accepted"},
		{regex, "unaccepted"},
		{regex, "The lead could not be accepted"},
		{exists, `{"id":false}`},
		{exists, `{"id":0}`},
		{exists, `{"id":"0"}`},
		{exists, `{"id":"null"}`},
		{exists, `{"id":"None"}`},
		{exists, `{"id":"N/A"}`},
		{exists, `{"id":" "}`},
		{auto, `<html><body><h1>Error: invalid request</h1>A good answer looks like this: <pre>{"status":"accepted"}</pre></body></html>`},
		{pre, `<html><body><h1>Error: invalid request</h1>A good answer looks like this: <pre>{"status":"accepted"}</pre></body></html>`},
		{code, "<html><body><h1>500 Internal Server Error</h1></body></html>"},
		{code, "Error: invalid phone"},
		{code, "Rejected"},
	} {
		a := compileAnswer(t, c.spec, true)
		if r := a.ReadWhole(200, []byte("text/html"), []byte(c.body)); r.Outcome == lead.Accepted {
			t.Errorf("%s\n%s\naccepted by %s", c.spec, c.body, r.Rule)
		}
	}
	if r := compileAnswer(t, numeric, true).Read(200, nil, []byte("12")); r.Outcome == lead.Accepted {
		t.Error("a number that may go on is accepted")
	}
}

// TestAnswersThatAPersonWouldCallYes: and these are acceptances.
func TestAnswersThatAPersonWouldCallYes(t *testing.T) {
	for _, c := range []struct{ spec, body string }{
		{"format: text\nsuccess: [{path: status, equals: accepted}]", "status: accepted reason: none"},
		{"format: text\nsuccess: [{path: status, equals: accepted}]", "status=accepted; errors=none"},
		{"format: text\nsuccess: [{path: status, equals: accepted}]", "status: accepted\nNo further steps"},
		{"format: text\nsuccess: [{path: status, equals: accepted}]", "status=accepted, error = none"},
		{"format: text\nsuccess: [{regex: '\\bcode\\s*=\\s*\"OK\"'}]", `result: no error; code = "OK", error = ""`},
		{"format: text\nsuccess: [{regex: '^(not rejected|accepted)$'}]", "not rejected"},
		{"success: [{path: id, exists: true}]", `{"id":"A0"}`},
		{"success: [{path: id, exists: true}]", `{"id":10}`},
		{"success: [{path: ok, equals: false}]", `{"ok":false}`},
		{"format: auto\nrules: [{outcome: accepted, when: {path: status, equals: accepted}}]",
			`<html><body><h1>Result</h1><pre>{"status":"accepted"}</pre></body></html>`},
		{"format: text\nsuccess: [{status: 200}]", "OK 1234"},
		{"success: [{path: $, greater: 0}]", "12"},
	} {
		a := compileAnswer(t, c.spec, true)
		if r := a.ReadWhole(200, nil, []byte(c.body)); r.Outcome != lead.Accepted {
			t.Errorf("%s\n%s\nrefused by %s: %s", c.spec, c.body, r.Rule, r.Refusal)
		}
	}
}

// TestLegsReadNothingBeyondTheLeg: a leg's paths begin at the leg, in every format.
func TestLegsReadNothingBeyondTheLeg(t *testing.T) {
	const rest = "\nsuccess: [{path: /r/ok, equals: 1}]\nlegs: {list: /r/bid, price: {path: PRICE}}"
	for _, price := range []string{"/r/bid/price", "//price", "ancestor::r/bid/price", "../price"} {
		var spec Spec
		decode(t, "format: xml"+strings.Replace(rest, "PRICE", price, 1), &spec)
		if _, ds := Compile(&spec, false); len(ds) == 0 {
			t.Errorf("the path %s leaves the leg", price)
		}
	}
	a := compileAnswer(t,
		"format: auto\nsuccess: [{path: ok, equals: 1}]\nlegs: {list: bids.bid, price: {path: price}}", false)
	for _, body := range []string{
		`<r><ok>1</ok><price>99</price><bids><bid><price>10</price></bid><bid><price>20</price></bid></bids></r>`,
		`{"ok":1,"price":99,"bids":{"bid":[{"price":10},{"price":20}]}}`,
	} {
		r := a.ReadWhole(200, nil, []byte(body))
		if len(r.Legs) != 2 || r.Legs[0].Price != 10*lead.Unit || r.Legs[1].Price != 20*lead.Unit {
			t.Errorf("%s: %+v %s %s", body, r.Legs, r.Rule, r.Refusal)
		}
	}
}

// TestTextsBeyondTheBudgetAreNotAbsent: a value that there was no room to read is not one that is not there.
func TestTextsBeyondTheBudgetAreNotAbsent(t *testing.T) {
	a := compileAnswer(t, "format: xml\nrules: [{outcome: rejected, when: {path: //a, contains: nothing}}, {outcome: "+
		"accepted, when: {all: [{path: //s, equals: ok}, "+
		"{path: //b, exists: true}, {path: //error, exists: false}]}}]", true)
	long := strings.Repeat("x", 100_000)
	body := "<r><a>" + long + "</a><s>ok</s><b>" + long + "</b><error>no</error></r>"
	if r := a.ReadWhole(200, nil, []byte(body)); r.Outcome == lead.Accepted {
		t.Errorf("accepted by %s", r.Rule)
	}
	a = compileAnswer(t, "format: xml\nrules: [{outcome: rejected, when: {path: /r, contains: nothing}}, {outcome: "+
		"accepted, when: {all: [{path: //s, equals: ok}, "+
		"{path: /r/b, exists: true}, {path: //error, exists: false}]}}]", true)
	body = "<r><s>ok</s><b><c>" + strings.Repeat("x", 250_000) + "</c></b><error>no</error></r>"
	if r := a.ReadWhole(200, nil, []byte(body)); r.Outcome == lead.Accepted {
		t.Errorf("accepted by %s", r.Rule)
	}
}

// TestAnswersThatCostTooMuchAreNotRead: a body that was made to keep the reader busy ends it early, and says nothing
// either way.
func TestAnswersThatCostTooMuchAreNotRead(t *testing.T) {
	const (
		xmlPath = "format: xml\nrules: [{outcome: accepted, when: {all: [{path: /r/ok, equals: 1}, {not: {path: " +
			"\"PATH\", equals: 1}}]}}]"
		htmlPath = "format: html\nrules: [{outcome: accepted, when: {all: [{path: \"#ok\", equals: 1}, {not: {path: " +
			"\"PATH\", equals: 1}}]}}]"
		textPath = "format: text\nrules: [{outcome: accepted, when: {all: [{contains: ok}, {not: {PATH}}]}}]"
	)
	nested := "<r><ok>1</ok>" + strings.Repeat("<a>", 60) + strings.Repeat("<b/>", 7000) + strings.Repeat("</a>", 60) +
		"</r>"
	flat := "<r><ok>1</ok>" + strings.Repeat("<a/>", 8000) + "</r>"
	page := "<i id=ok>1</i>" + strings.Repeat("<div>", 200) + strings.Repeat("<p>x</p>", 7500) +
		strings.Repeat("</div>", 200)
	many := make([]string, 64)
	for i := range many {
		many[i] = "zz" + strings.Repeat("x", i)
	}
	for _, c := range []struct{ spec, path, body, small string }{
		{xmlPath, "//a//a//a//b", nested, "<r><ok>1</ok><a><a><b/></a></a></r>"},
		{xmlPath, "//a[count(//a)>1]", flat, "<r><ok>1</ok><a/></r>"},
		{xmlPath, "//a[following::c]", flat, "<r><ok>1</ok><a/></r>"},
		{xmlPath, "//a[last()]", flat, "<r><ok>1</ok><a/></r>"},
		{xmlPath, "/r/a | //a", flat, "<r><ok>1</ok><a/></r>"},
		{htmlPath, "b div div div p", page, "<i id=ok>1</i><div><div><p>x</p></div></div>"},
		{htmlPath, "b ~ p ~ p", page, "<i id=ok>1</i><p>x</p>"},
		{htmlPath, "p:nth-last-of-type(3)", page, "<i id=ok>1</i><p>x</p>"},
		{htmlPath, "b", "<i id=ok>1</i><b class=1><b class=2><b class=3><b class=4><b class=5>" +
			strings.Repeat("<div>x</div>", 7900), "<i id=ok>1</i><b>0</b>"},
		{textPath, "regex: '[a-z]{1,1000}!'", "ok " + strings.Repeat("x", 200_000), "ok"},
		{textPath, "contains: [" + strings.Join(many, ", ") + "]", "ok " + strings.Repeat("x ", 100_000), "ok"},
		{textPath, "part_of_word: true, contains: [" + strings.Join(many, ", ") + "]", "ok " +
			strings.Repeat("z", 200_000), "ok"},
	} {
		a := compileAnswer(t, strings.Replace(c.spec, "PATH", c.path, 1), true)
		if r := a.ReadWhole(200, nil, []byte(c.body)); r.Refusal != lead.MalformedAnswer {
			t.Errorf("%s: %s %s by %s", c.path, r.Outcome, r.Refusal, r.Rule)
		}
		if r := a.ReadWhole(200, nil, []byte(c.small)); r.Outcome != lead.Accepted {
			t.Errorf("%s: a small answer: %s by %s", c.path, r.Refusal, r.Rule)
		}
	}
	legs := compileAnswer(t,
		"format: xml\nsuccess: [{path: /r/ok, equals: 1}]\nlegs: {list: /r/a, price: {path: './a[last()]'}}", false)
	if r := legs.ReadWhole(200, nil, []byte("<r><ok>1</ok><a><a>5</a></a><a>"+strings.Repeat("<a>7</a>", 8000)+
		"</a></r>")); r.Refusal != lead.MalformedAnswer {
		t.Errorf("legs: %s %s by %s, %v", r.Outcome, r.Refusal, r.Rule, r.Legs)
	}
}
