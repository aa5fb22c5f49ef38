// SPDX-License-Identifier: Apache-2.0

package intake_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/net/html"

	"clearpost/config"
	"clearpost/exchange"
	"clearpost/exchange/intake"
	"clearpost/exchange/intake/posting"
)

// richYAML has a field of most types, and rules, so that a posting spec has much to tell.
const richYAML = `
id: rich
name: Rich & <Odd>
currency: USD
fields:
  - {name: zip, required: ping}
  - {name: state, required: ping, derive: zip.state}
  - {name: phone, required: post}
  - {name: email, required: post}
  - {name: first_name, required: post}
  - {name: ssn, type: ssn, required: post, personal: true}
  - {name: cert, type: certificate, required: post}
  - {name: homeowner, type: enum, required: ping, values: [own, rent], synonyms: {Proprietaire: own}}
  - {name: loan, type: money, required: ping, min: "1000", max: "5000.50"}
  - {name: rate, type: decimal}
  - {name: income, type: range}
  - {name: needs, type: list, of: enum, values: [roof, "solar|panel", "Bob's \"best\""]}
  - {name: born, type: dob, personal: true}
  - {name: moved, type: date}
  - {name: best_time, type: time}
  - {name: low, type: integer, required: ping}
  - {name: high, type: integer, required: ping}
  - {name: roof_age, type: integer}
  - {name: plan, type: enum, values: [a, b], default: b}
rules:
  - {together: [zip, state]}
  - {order: [low, high]}
  - {require: [roof_age], when: homeowner, in: [own], stage: ping}
  - {any: [address, city]}
person_key: [phone]
sell_limit: 2
test_zips: {"00001": accepted, "00002": no_bids}
`

// specHouse has a source of every profile, one with words of its own, and one that anybody may read about.
func specHouse(t *testing.T) *house {
	t.Helper()
	h := build(t, "", nil, script("hidden-buyer", 25*dollar))
	h.write("verticals/rich.yaml", richYAML)
	source := "id: %[1]s\nname: %[1]s\nkeys: [%[1]s-key-0123456789]\nverticals: [solar, rich]\nmargin: {percent: " +
		"37.77, fixed: 0.1313}\n%[2]s\n"
	own := "aliases: {Postleitzahl: zip, \"contact[tel]\": phone, KennNr: seller_lead_id}\nvalues: {homeowner: {O: " +
		"own, \"n/a\": \"\"}}\n"
	for id, more := range map[string]string{
		"own":         "allow_get: true\n" + own,
		"tester":      "tests: true\nprofile: boberdoo\n" + own,
		"leadconduit": "profile: leadconduit\nallow_get: true\n" + own,
		"boberdoo":    "profile: boberdoo\n" + own,
		"leadspedia":  "profile: leadspedia\ntests: true",
		"open":        "spec: public",
	} {
		h.write("sources/"+id+".yaml", fmt.Sprintf(source, id, more))
	}
	h.restart()
	return h
}

// get asks for something without reading it as JSON.
func (h *house) get(path string, headers ...string) (int, http.Header, string) {
	h.t.Helper()
	req, _ := http.NewRequest("GET", "http://"+h.addr+path, nil)
	for _, x := range headers {
		k, v, _ := strings.Cut(x, ": ")
		req.Header.Set(k, v)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(b)
}

// shown is a posting spec as its source reads it.
func (h *house) shown(source, vertical, format string) string {
	h.t.Helper()
	status, _, text := h.get("/spec/"+source+"/"+vertical+"?format="+format, "X-Api-Key: "+source+"-key-0123456789")
	if status != 200 {
		h.t.Fatalf("spec of %s for %s as %s: %d %s", vertical, source, format, status, text)
	}
	return text
}

// command is an example as it stands in a spec.
type command struct {
	call string // ping, post or leads
	url  string
	head http.Header
	body string
}

// commands reads the examples out of a spec in Markdown, as whoever copies them.
func commands(t *testing.T, text string) (out []command) {
	t.Helper()
	_, text, _ = strings.Cut(text, "\n## Examples\n")
	text, _, _ = strings.Cut(text, "\n## Answers\n")
	title := ""
	for _, block := range regexp.MustCompile("(?ms)^### ([A-Z][a-z]+)|^```sh\n(.*?)\n```").FindAllStringSubmatch(text,
		-1) {
		if block[1] != "" {
			title = map[string]string{"Ping": "ping", "Post": "post", "One": "leads"}[block[1]]
			continue
		}
		words := regexp.MustCompile(`(?s)'((?:[^']|'\\'')*)'|(\S+)`).FindAllStringSubmatch(block[2], -1)
		c := command{call: title, head: http.Header{}}
		for i, w := range words {
			value := strings.ReplaceAll(w[1], `'\''`, "'")
			switch before := words[max(i-1, 0)][2]; before {
			case "-sS":
				c.url = value
			case "-H":
				k, v, _ := strings.Cut(value, ": ")
				c.head.Set(k, v)
			case "--data-raw":
				c.body = value
			}
		}
		out = append(out, c)
	}
	return out
}

var uuid = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`)

// do sends an example, with what only the seller knows put in.
func (h *house) do(c command, key, pingID string) (int, string) {
	h.t.Helper()
	known := strings.NewReplacer(posting.KeyPlaceholder, key, posting.PingPlaceholder, pingID)
	method := "POST"
	if c.body == "" {
		method = "GET"
	}
	req, err := http.NewRequest(method, known.Replace(c.url), strings.NewReader(known.Replace(c.body)))
	if err != nil {
		h.t.Fatal(err)
	}
	for k, v := range c.head {
		req.Header.Set(k, known.Replace(v[0]))
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b)
}

// Whoever follows a posting spec to the letter is understood: every example of every dialect, profile and call works.
func TestEveryExampleOfASpecWorks(t *testing.T) {
	t.Parallel()
	h := specHouse(t)
	for source, least := range map[string]int{"own": 18, "leadconduit": 18, "boberdoo": 18, "leadspedia": 15, "open": 9,
		"tester": 18} {
		for _, vertical := range []string{"solar", "rich"} {
			list := commands(t, h.shown(source, vertical, "md"))
			if len(list) < least {
				t.Errorf("%s, %s: %d examples, expected at least %d", source, vertical, len(list), least)
			}
			key := source + "-key-0123456789"
			for _, c := range list {
				pingID := ""
				if c.call == "post" {
					i := slices.IndexFunc(list, func(p command) bool { return p.call == "ping" })
					_, answer := h.do(list[i], key, "")
					pingID = uuid.FindString(answer)
				}
				status, text := h.do(c, key, pingID)
				good := status == 200 || status == 201 && strings.HasSuffix(c.url, "/submit")
				if !good || !uuid.MatchString(text) || strings.Contains(strings.ToLower(text), "error") {
					t.Errorf("%s, %s, %s: %s\n%v\n%s\nanswered %d %s", source, vertical, c.call, c.url, c.head, c.body,
						status, text)
				}
				if tests := source == "tester" ||
					source == "leadspedia"; tests != regexp.MustCompile(`"test":true|<test>true</test>`).MatchString(
					text) {
					t.Errorf("%s: a test is %v, answered %s", source, tests, text)
				}
			}
		}
	}
}

// A spec opens to its own source, with its link, and to everybody where it is public; nobody else hears whether there
// is one.
func TestSpecOpensToItsOwnSource(t *testing.T) {
	h := specHouse(t)
	links, err := h.cfg.SpecLinks()
	if err != nil {
		t.Fatal(err)
	}
	token := func(source, vertical string) string {
		return "?token=" + url.QueryEscape(links.Token(source, vertical))
	}
	for _, c := range []struct {
		path, header string
		want         int
	}{
		{"/spec/own/solar", "Authorization: Bearer own-key-0123456789", 200},
		{"/spec/own/solar", "X-Api-Key: own-key-0123456789", 200},
		{"/spec/own/solar" + token("own", "solar"), "", 200},
		{"/spec/open/solar", "", 200},
		{"/spec/open/solar?token=x", "", 200},
		{"/spec/own/solar", "", 401},
		{"/spec/nobody/solar", "", 401},
		{"/spec/own/nothing", "", 401},
		{"/spec/own/solar?token=", "", 401},
		{"/spec/own/solar" + token("own", "rich"), "", 401},
		{"/spec/own/solar" + token("boberdoo", "solar"), "", 401},
		{"/spec/nobody/solar" + token("nobody", "solar"), "", 401},
		{"/spec/own/solar", "X-Api-Key: wrong-key-0123456789", 401},
		{"/spec/own/solar?key=own-key-0123456789", "", 401},
		{"/spec/own/solar", "X-Api-Key: open-key-0123456789", 404},
		{"/spec/nobody/solar", "X-Api-Key: own-key-0123456789", 404},
		{"/spec/own/nothing", "X-Api-Key: own-key-0123456789", 404},
		{"/spec/open/nothing", "", 404},
		{"/spec/acme/rich", "X-Api-Key: acme-key-0123456789", 404},
		{"/spec/own", "", 404},
		{"/spec/own/solar/more", "", 404},
		{"/spec/open/solar?format=pdf", "", 400},
	} {
		var headers []string
		if c.header != "" {
			headers = append(headers, c.header)
		}
		if status, _, text := h.get(c.path, headers...); status != c.want {
			t.Errorf("%s, %q: %d, want %d: %.200s", c.path, c.header, status, c.want, text)
		}
	}
	if a := h.call("POST", "/spec/own/solar", "{}"); a.status != 405 || a.header.Get("Allow") != "GET" {
		t.Errorf("POST: %d %s", a.status, a.text)
	}
	_, head, text := h.get("/spec/own/solar" + token("own", "solar"))
	if csp := head.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") ||
		head.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("headers: %v", head)
	}
	if !strings.Contains(text, `href="?format=md&amp;token=`+links.Token("own", "solar")) {
		t.Error("the page has no link to its other forms that opens them")
	}
	// All at once: one after the other would be slower than the rate on a busy machine.
	var many atomic.Int32
	var wg sync.WaitGroup
	for range 3 * intake.SpecsBurst {
		wg.Go(func() {
			resp, err := http.Get("http://" + h.addr + "/spec/open/solar")
			if err != nil {
				t.Error(err)
				return
			}
			resp.Body.Close()
			if resp.StatusCode == 429 {
				many.Add(1)
			}
		})
	}
	wg.Wait()
	if many.Load() == 0 {
		t.Error("posting specs can be asked for without end")
	}
}

// A spec says nothing of buyers, margins, caps, keys and other sources.
func TestSpecTellsNothingOfOthers(t *testing.T) {
	h := specHouse(t)
	for _, format := range []string{"html", "md", "openapi", "openapi-json"} {
		text := h.shown("own", "rich", format)
		for _, secret := range []string{"hidden-buyer", "37.77", "0.1313", "leadspedia", "boberdoo", "acme",
			"own-key-0123456789", "0123456789\""} {
			if i := strings.Index(text, secret); i >= 0 {
				t.Errorf("%s has %q: …%s…", format, secret, text[max(0, i-60):min(len(text), i+60)])
			}
		}
	}
}

// The page is well-formed, has nothing from elsewhere, and every link of its contents leads somewhere.
func TestSpecPageStandsAlone(t *testing.T) {
	h := specHouse(t)
	for _, source := range []string{"own", "leadconduit", "boberdoo", "leadspedia", "open"} {
		text := h.shown(source, "rich", "html")
		doc, err := html.Parse(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		ids, links := map[string]int{}, []string{}
		for n := range doc.Descendants() {
			for _, a := range n.Attr {
				switch a.Key {
				case "id":
					ids[a.Val]++
				case "href", "src":
					links = append(links, a.Val)
				case "style", "onclick", "onload":
					t.Errorf("%s: %s in a tag, which the policy forbids", source, a.Key)
				}
			}
		}
		for id, n := range ids {
			if n > 1 {
				t.Errorf("%s: %d times the id %s", source, n, id)
			}
		}
		for _, l := range links {
			to, inside := strings.CutPrefix(l, "#")
			if inside && ids[to] == 0 || !inside && !strings.HasPrefix(l, "?format=") {
				t.Errorf("%s: a link to %q", source, l)
			}
		}
		if len(links) < 15 || !strings.Contains(text, "Rich &amp; &lt;Odd&gt;") {
			t.Errorf("%s: %d links; is the page whole?\n%.300s", source, len(links), text)
		}
		checkTags(t, source, text)
	}
}

// checkTags fails where a tag is not closed in its turn: a parser of HTML would mend that in silence.
func checkTags(t *testing.T, source, text string) {
	t.Helper()
	void := []string{"meta", "br", "hr", "img", "link", "input"}
	var open []string
	z := html.NewTokenizer(strings.NewReader(text))
	for {
		switch z.Next() {
		case html.ErrorToken:
			if len(open) > 0 {
				t.Errorf("%s: not closed: %v", source, open)
			}
			return
		case html.StartTagToken:
			if name, _ := z.TagName(); !slices.Contains(void, string(name)) {
				open = append(open, string(name))
			}
		case html.EndTagToken:
			name, _ := z.TagName()
			if len(open) == 0 || open[len(open)-1] != string(name) {
				t.Fatalf("%s: </%s> where %v are open", source, name, open)
			}
			open = open[:len(open)-1]
		}
	}
}

// A changed configuration is a new version, which says what changed; the same one is not.
func TestSpecSaysWhatChanged(t *testing.T) {
	h := specHouse(t)
	if text := h.shown("own", "rich", "md"); !strings.Contains(text, "version 1 of ") ||
		strings.Contains(text, "ersion 2") {
		t.Fatalf("the first version: %.600s", text)
	}
	h.restart()
	if text := h.shown("own", "rich", "md"); strings.Contains(text, "ersion 2") {
		t.Fatalf("nothing changed and there is a new version: %.600s", text)
	}
	changed := strings.NewReplacer("{name: rate, type: decimal}", "{name: rate, type: decimal, required: post}",
		"[own, rent]", "[own, lease]", "  - {name: moved, type: date}\n", "", "max: \"5000.50\"",
		"max: \"6000\"").Replace(richYAML)
	h.write("verticals/rich.yaml", changed+"ping_ttl_s: 600\n")
	h.restart()
	text := h.shown("own", "rich", "md")
	for _, want := range []string{"version 2 of ", "### Version 1 of ",
		`**field rate**: required at post (was optional)`, `**field homeowner, values**: new: lease`, `no longer: rent`,
		`**field moved**: removed`, `**field loan, most**: 6000.00 (was 5000.50)`, `10 minutes`} {
		if !strings.Contains(text, want) {
			t.Errorf("the spec does not say %q", want)
		}
	}
	if t.Failed() {
		t.Log(text[:3000])
	}
	if text := h.shown("own", "solar", "md"); strings.Contains(text, "ersion 2") {
		t.Error("another vertical has a new version")
	}
	steps, err := h.cfg.SpecHistory().Steps(specOf(t, h, "own", "rich"))
	if err != nil || len(steps) != 2 || steps[0].Number != 2 || steps[1].Changes != nil {
		t.Errorf("%+v, %v", steps, err)
	}
	cfg, err := config.Load(h.dir, os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	if got := specIn(t, &cfg.Exchange, cfg.Limits.BodyBytesMax, "own", "rich").Hash(); got != steps[0].Hash {
		t.Errorf("the same files make the hashes %s and %s", steps[0].Hash, got)
	}
}

func specOf(t *testing.T, h *house, source, vertical string) *posting.Document {
	return specIn(t, &h.cfg.Exchange, h.cfg.Limits.BodyBytesMax, source, vertical)
}

func specIn(t *testing.T, x *exchange.Config, bodyBytesMax int, source, vertical string) *posting.Document {
	t.Helper()
	s := slices.IndexFunc(x.Sources, func(s *exchange.Source) bool { return s.ID == source })
	v := slices.IndexFunc(x.Verticals, func(v *exchange.Vertical) bool { return v.ID == vertical })
	return intake.Spec(x.Sources[s], x.Verticals[v], bodyBytesMax)
}
