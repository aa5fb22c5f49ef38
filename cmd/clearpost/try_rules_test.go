// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-json"

	"clearpost/buyers"
	"clearpost/examples"
)

const rulesFile = `
request:
  url: https://api.example.com/p
  headers: {X-Key: "${env:CLEARPOST_TEST_UNSET}"}
  fields: [{to: color, from: widget_color}, {to: born, from: dob, format: MM/DD/YYYY}, {to: area, from: home_phone.area}]
answer:
  success: [{path: ok, equals: 1}]
  price: {path: p}
`

// tryWith runs a verb with a text on its standard input.
func tryWith(t *testing.T, c interface{ Run(*env) error }, in string) (out, errOut string) {
	t.Helper()
	var o, e bytes.Buffer
	if err := c.Run(&env{in: strings.NewReader(in), out: &o, err: &e}); err != nil {
		t.Fatalf("%+v: %v\n%s", c, err, e.String())
	}
	return o.String(), e.String()
}

func write(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestTryRequestOfAConfiguration(t *testing.T) {
	dir := t.TempDir()
	if err := examples.Write(dir); err != nil {
		t.Fatal(err)
	}
	out := must(t, "try", "request", "harborline-standard", "--post", "-d", dir)
	req, err := http.ReadRequest(bufio.NewReader(strings.NewReader(out)))
	if err != nil {
		t.Fatal(err)
	}
	if body, _ := io.ReadAll(req.Body); req.URL.Path != "/harborline/post" ||
		!strings.Contains(string(body), `"quoteRef":"HB-8812"`) {
		t.Errorf("%s\n%s", req.URL, body)
	}
	out = must(t, "try", "request", "harborline-standard", "--post", "-d", dir, "--token", `t"1`, "--at",
		"2026-03-04T05:06:07Z", "--price", "3", "--source", "me")
	if !strings.Contains(out, `"quoteRef":"t\"1"`) {
		t.Error(out)
	}
	// What --example prints is an example that holds.
	out = must(t, "try", "request", "coverlane-auto", "--ping", "-d", dir, "--example")
	file := filepath.Join(dir, "buyers", "coverlane.yaml")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, append(b, strings.Replace(out, "name: a lead", "name: pasted", 1)...),
		0o600); err != nil {
		t.Fatal(err)
	}
	if out := must(t, "check", dir); !strings.Contains(out, "48 examples") {
		t.Error(out)
	}
	for _, args := range [][]string{{"harborline-standard", "-d", dir}, {"nobody", "--ping", "-d", dir},
		{"--ping", "-d", dir}, {"brightroof-fixed", "--ping", "-d", dir}, {"coverlane-auto", "--ping", "-d", dir,
			"--price", "x"}, {"coverlane-auto", "--ping", "-d", dir, "--at", "noon"},
		{"coverlane-auto", "/no/such/lead", "--ping", "-d", dir}} {
		if code, _, errOut := clearpost(t, append([]string{"try", "request"}, args...)...); code != exitFailed ||
			errOut == "" {
			t.Errorf("%v: exit %d, %q", args, code, errOut)
		}
	}
}

func TestTryRequestOfRulesAlone(t *testing.T) {
	file := write(t, rulesFile)
	out, notes := tryWith(t, &tryRequestCmd{Campaign: "-", tryRules: tryRules{Ping: true, Rules: file}},
		"zip=90210&dob=3/22/84&colour=red")
	if !strings.HasSuffix(out, "\r\n\r\n"+`{"born":"03/22/1984"}`) ||
		!strings.Contains(out, "X-Key: ${env:CLEARPOST_TEST_UNSET}\r\n") {
		t.Error(out)
	}
	if !strings.Contains(notes, "no value for: widget_color, home_phone") ||
		!strings.Contains(notes, "colour: expected a field") {
		t.Error(notes)
	}
	var got struct {
		Method, URL, Body, Curl string
		Missing, Problems       []string
	}
	out, _ = tryWith(t, &tryRequestCmd{tryRules: tryRules{Ping: true, Rules: file, JSON: true}}, "")
	if err := json.Unmarshal([]byte(out), &got); err != nil ||
		got.Body != `{"color":"sample","born":"03/22/1991","area":"602"}` || len(got.Missing) != 0 ||
		!strings.HasPrefix(got.Curl, "curl ") {
		t.Errorf("%v: %s", err, out)
	}
	if code, _, errOut := clearpost(t, "try", "request", "--ping", "--rules", file, "--secrets"); code != exitFailed ||
		!strings.Contains(errOut, "rules.yaml:4:") {
		t.Errorf("exit %d, %s", code, errOut)
	}
	page := write(t, "id: b\ncampaigns:\n  - id: one\n    ping: {request: {url: 'http://a.example/1'}}\n  - id: "+
		"two\n    price: 7\n    post:\n"+
		"      request: {url: 'http://a.example/2', fields: [{to: p, from: price}, {to: n, from: nick}]}\n    "+
		"examples: [{name: x, lead: {nick: joe}}]\n")
	if out := must(t, "try", "request", "two", "--post", "--rules", page); !strings.HasSuffix(out,
		`{"p":7.00,"n":"joe"}`) {
		t.Error(out)
	}
	from := write(t, "template: json\nset: {ping_url: 'https://b.example/ping', post_url: 'https://b.example/post', "+
		"key: '${env:CLEARPOST_TEST_UNSET}'}\n")
	if out := must(t, "try", "request", "--ping", "--rules", from); !strings.HasPrefix(out,
		"POST /ping HTTP/1.1\r\nHost: b.example\r\nX-Api-Key: ${env:CLEARPOST_TEST_UNSET}\r\n") {
		t.Error(out)
	}
	for _, args := range [][]string{{"three", "--post"}, {"one", "--post"}} {
		if code, _, errOut := clearpost(t, append(append([]string{"try", "request"}, args...), "--rules",
			page)...); code != exitFailed || errOut == "" {
			t.Errorf("%v: exit %d, %q", args, code, errOut)
		}
	}
}

func TestTryResponse(t *testing.T) {
	file := write(t, rulesFile)
	rules := tryRules{Ping: true, Rules: file, JSON: true}
	for _, c := range []struct {
		cmd  tryResponseCmd
		body string
		want map[string]any
	}{
		{tryResponseCmd{Status: 200}, `{"ok":1,"p":"$2.50"}`, map[string]any{"outcome": "accepted", "price": "2.50",
			"rule": "success"}},
		{tryResponseCmd{Status: 200}, `{"ok":2}`, map[string]any{"outcome": "rejected", "refusal": "no_bid",
			"published": "no_bids", "rule": "success[0]"}},
		{tryResponseCmd{Status: 500}, `{"ok":1,"p":3}`, map[string]any{"refusal": "server_error", "rule": "status"}},
		{tryResponseCmd{Status: 200, Torn: true}, `{"ok":1,"p":3`, map[string]any{"refusal": "malformed_answer"}},
	} {
		c.cmd.Campaign, c.cmd.tryRules = "-", rules
		out, _ := tryWith(t, &c.cmd, c.body)
		var got map[string]any
		if err := json.Unmarshal([]byte(out), &got); err != nil || got["why"] == "" {
			t.Fatalf("%v: %s", err, out)
		}
		for k, v := range c.want {
			if got[k] != v {
				t.Errorf("%s: %s is %v, expected %v", c.body, k, got[k], v)
			}
		}
	}
	post := tryRules{Post: true, Rules: file}
	for status, open := range map[int]bool{200: false, 404: false, 409: false, 302: true, 500: true, 503: true} {
		out, _ := tryWith(t, &tryResponseCmd{Campaign: "-", tryRules: post, Status: status}, `{"ok":2}`)
		if strings.Contains(out, "the post   unknown") != open ||
			strings.HasPrefix(out, "outcome    unknown\n") != open {
			t.Errorf("a post that is answered with %d: %s", status, out)
		}
	}
	if out, _ := tryWith(t, &tryResponseCmd{Campaign: "-", tryRules: post, Status: 404}, `{"ok":1}`); !strings.Contains(
		out, "the post   unknown") {
		t.Errorf("a status that denies what the body affirms: %s", out)
	}
	legs := tryRules{Ping: true, Rules: write(t, rulesFile[:strings.Index(rulesFile, "  price:")]+
		"  legs: {list: offers, price: {path: p}, max_sold: {path: n}, token: {path: id}}\n")}
	out, _ := tryWith(t, &tryResponseCmd{Campaign: "-", tryRules: legs, Status: 200},
		`{"ok":1,"offers":[{"p":2.5,"n":3,"id":"a"},{"p":0,"id":"b"}]}`)
	if !strings.Contains(out, "legs       1\n") ||
		!strings.Contains(out, "leg 1      2.50  max_sold 3  token \"a\"\n") {
		t.Errorf("legs: %s", out)
	}
	rules.JSON = false
	out, _ = tryWith(t, &tryResponseCmd{Campaign: "-", tryRules: rules, Status: 200}, `{"ok":2}`)
	if !strings.Contains(out, "refusal    no_bid\n") || !strings.Contains(out, `why        not sold: no_bid`) {
		t.Error(out)
	}
}

func TestCurlSendsTheSameBytes(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil && os.Getenv("CI") == "" {
		t.Skip("curl is not installed")
	}
	type request struct {
		body []byte
		head http.Header
	}
	arrived := make(chan request, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		arrived <- request{body, r.Header}
	}))
	defer srv.Close()
	for _, want := range []string{"", "a=1&b='x'", "@file", "100%\n\t\\n $HOME `id`", "\x00\x01\xff'%\\"} {
		p := buyers.RequestParts{Method: "PUT", URL: srv.URL + "/a?b='c'&d=$x", Headers: [][2]string{{"Host", "x"},
			{"X-It", `it's "so"`}, {"X-Empty", ""}}, Body: want}
		if out, err := exec.Command("sh", "-c", curlOf(&p)).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", curlOf(&p), err, out)
		}
		if r := <-arrived; string(r.body) != want || r.head.Get("X-It") != `it's "so"` || len(r.head["X-Empty"]) != 1 {
			t.Errorf("sent %q, arrived %q with %v", want, r.body, r.head)
		}
	}
}
