// SPDX-License-Identifier: Apache-2.0

package intake_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/config"
	verrors "github.com/pb33f/libopenapi-validator/errors"

	"clearpost/exchange/intake"
	"clearpost/exchange/intake/posting"
)

// description is an OpenAPI document to which requests and answers are held.
type description struct {
	t       *testing.T
	check   validator.Validator
	paths   map[string]map[string]map[string][]string // pattern → method → documented statuses → media types
	reached map[string]bool                           // "METHOD pattern status"
}

func openAPI(t *testing.T, text []byte) *description {
	t.Helper()
	doc, err := libopenapi.NewDocument(text)
	if err != nil {
		t.Fatal(err)
	}
	check, errs := validator.NewValidator(doc, config.WithStrictMode(), config.WithStrictIgnoredHeadersExtra("Server",
		"Connection"), config.WithFormatAssertions(), config.WithoutSecurityValidation())
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	if ok, errs := check.ValidateDocument(); !ok {
		t.Fatalf("the document is not OpenAPI 3.1:\n%s", problems(errs))
	}
	var plain object
	if err := yaml.Unmarshal(text, &plain); err != nil {
		t.Fatal(err)
	}
	paths := map[string]map[string]map[string][]string{}
	d := &description{t: t, check: check, paths: paths, reached: map[string]bool{}}
	for path, item := range plain.at("paths") {
		d.paths[path] = map[string]map[string][]string{}
		for method, op := range object(item.(map[string]any)) {
			if method == "parameters" {
				continue
			}
			statuses := map[string][]string{}
			for status, r := range object(op.(map[string]any)).at("responses") {
				answer := object(r.(map[string]any))
				if ref, ok := answer["$ref"].(string); ok {
					answer = plain.at("components", "responses", ref[strings.LastIndex(ref, "/")+1:])
				}
				statuses[status] = slices.Sorted(maps.Keys(answer.at("content")))
			}
			d.paths[path][strings.ToUpper(method)] = statuses
		}
	}
	return d
}

// object is a YAML object.
type object map[string]any

// at is the object under a key in the object under a key, and so on; empty where there is none.
func (o object) at(keys ...string) object {
	for _, k := range keys {
		o, _ = o[k].(map[string]any)
	}
	return o
}

// fromXML makes of an answer in XML the one that JSON would have been, by the names that are no text.
func fromXML(t *testing.T, body []byte) (root string, value any) {
	t.Helper()
	dec := xml.NewDecoder(bytes.NewReader(body))
	for {
		tok, err := dec.Token()
		if err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		if start, ok := tok.(xml.StartElement); ok {
			return start.Name.Local, elementOf(t, dec, start.Name.Local)
		}
	}
}

func elementOf(t *testing.T, dec *xml.Decoder, name string) any {
	t.Helper()
	members, list, text := map[string]any{}, []any{}, ""
	for {
		tok, err := dec.Token()
		if err != nil {
			t.Fatal(err)
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			v := elementOf(t, dec, tok.Name.Local)
			members[tok.Name.Local] = v
			list = append(list, v)
		case xml.CharData:
			text += string(tok)
		case xml.EndElement:
			isList := slices.Contains([]string{"sales", "errors", "leads", "fields"}, name) || name == "unknown" &&
				len(list) > 0
			switch {
			case isList:
				return list
			case len(members) > 0:
				return members
			case name == "price":
				n, err := strconv.ParseFloat(text, 64)
				if err != nil {
					t.Fatal(err)
				}
				return n
			case slices.Contains([]string{"test", "missing", "valid", "made", "unknown_kept"}, name):
				return text == "true"
			}
			return text
		}
	}
}

func problems(errs []*verrors.ValidationError) string {
	var b strings.Builder
	for _, e := range errs {
		fmt.Fprintf(&b, "  %s: %s\n", e.Message, e.Reason)
		for _, s := range e.SchemaValidationErrors {
			fmt.Fprintf(&b, "    %s %s\n", s.FieldPath, s.Reason)
		}
	}
	return b.String()
}

// conforms holds an answer to what the document says of the operation that was meant. method is that of the operation:
// a request with one that no operation has is told so by the one it is near to.
func (d *description) conforms(pattern, method string, req *http.Request, resp *http.Response, body []byte) {
	d.t.Helper()
	status := fmt.Sprint(resp.StatusCode)
	kinds, ok := d.paths[pattern][method][status]
	if status == "431" || status == "500" { // what any request may meet
		kinds, ok = d.paths[pattern][method]["default"]
	}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if !ok || !slices.Contains(kinds, kind) {
		d.t.Errorf("%s %s: status %s as %s is not documented: %s", method, pattern, status, kind, body)
		return
	}
	d.reached[method+" "+pattern+" "+status] = true
	as := req.Clone(req.Context())
	as.Method = method
	if strings.HasPrefix(pattern, "/spec/") && status == "200" { // a document, which has its own tests
		return
	}
	held := body
	if kind == "application/xml" {
		root, value := fromXML(d.t, body)
		if root == "response" && profileOf(pattern) == "boberdoo" {
			value = map[string]any{"response": value}
		}
		var err error
		if held, err = json.Marshal(value); err != nil {
			d.t.Fatal(err)
		}
		resp.Header.Set("Content-Type", "application/json")
	}
	resp.Body = io.NopCloser(bytes.NewReader(held))
	if ok, errs := d.check.ValidateHttpResponse(as, resp); !ok {
		d.t.Errorf("%s %s answered %s %s\n%s\n%s", method, req.URL, status, resp.Header.Get("Content-Type"), body,
			problems(errs))
	}
}

// Every path and method of the server stands in the file, and nothing else does.
func TestOpenAPIHasEveryRoute(t *testing.T) {
	d := openAPI(t, intake.OpenAPI())
	var have, want []string
	for path, methods := range d.paths {
		for m := range methods {
			have = append(have, m+" "+path)
		}
	}
	for path, methods := range intake.Routes() {
		for _, m := range methods {
			want = append(want, m+" "+path)
		}
	}
	slices.Sort(have)
	slices.Sort(want)
	if !slices.Equal(have, want) {
		t.Errorf("exchange/intake/openapi.yaml has\n %v\nthe server has\n %v", have, want)
	}
}

// openDoors is a sellers' door with sources in every state, and the calls that can be made to it.
type openDoors struct {
	*house
	*description
	n int
}

var profileNames = []string{"own", "leadconduit", "boberdoo", "leadspedia"}

func openDoor(t *testing.T) *openDoors {
	t.Helper()
	h := build(t, "test_zips: {\"00001\": accepted}\n", nil, script("b", 25*dollar))
	for _, p := range profileNames {
		for state, more := range map[string]string{"main": "tests: true\nallow_get: true", "post": "",
			"paused": "allow_get: true", "slow": "allow_get: true\nrate: {per_second: 0.0001, burst: 1}"} {
			if p != "own" {
				more += "\nprofile: " + p
			}
			id := p + "-" + state
			h.write("sources/"+id+".yaml",
				fmt.Sprintf("id: %[1]s\nkeys: [%[1]s-key-0123456789]\nverticals: [solar]\nmargin: {percent: 20}\n"+
					"%[2]s\n", id, more))
		}
	}
	h.write("buyers/b.yaml", h.read("buyers/b.yaml")+"keys: [b-key-0123456789]\nreturns:\n  window_hours: 24\n  "+
		"reasons: [{name: wrong_number, approve: auto}, {name: quality}]\n")
	h.restart()
	d := &openDoors{house: h, description: openAPI(t, intake.OpenAPI())}
	_, text := d.make(call{pattern: "/v1/{vertical}/ping", method: "POST", source: "paused",
		values: url.Values{"zip": {"10001"}}})
	for _, p := range profileNames {
		h.pause(p+"-paused", true)
	}
	for _, method := range []string{"POST", "GET"} { // of a source that pinged before it was paused
		values := url.Values{"ping_id": {uuid.FindString(text)}, "phone": {"2127365000"}}
		if status, text := d.make(call{pattern: "/v1/{vertical}/post", method: method, source: "paused",
			values: values}); status != 503 {
			t.Fatalf("a post of a paused source: %d %s", status, text)
		}
	}
	return d
}

// call is a request that is meant for one operation.
type call struct {
	pattern, method string
	source          string // its state: main, post, paused, slow
	send            string // the method, where it is not that of the operation
	vertical        string
	values          url.Values
	body            string // in place of values
	header          []string
	id              string // of /v1/leads/{id}
}

func profileOf(pattern string) string {
	for _, p := range profileNames {
		if strings.HasPrefix(pattern, "/"+p+"/") {
			return p
		}
	}
	if strings.HasPrefix(pattern, "/flows/") {
		return "leadconduit"
	}
	return "own"
}

// make sends a call, holds the answer to the document, and gives it back.
func (d *openDoors) make(c call) (int, string) {
	d.house.t.Helper()
	profile := profileOf(c.pattern)
	source := profile + "-" + cmp.Or(c.source, "main")
	vertical := cmp.Or(c.vertical, "solar")
	to := strings.NewReplacer("{vertical}", vertical, "{source}", source, "{id}", c.id).Replace(c.pattern)
	method, body := cmp.Or(c.send, c.method), c.body
	head := http.Header{"X-Api-Key": {source + "-key-0123456789"}}
	switch {
	case method == "GET" || method == "DELETE":
		to += "?" + c.values.Encode()
	case body == "":
		body = c.values.Encode()
		head.Set("Content-Type", "application/x-www-form-urlencoded")
	default:
		head.Set("Content-Type", "application/json")
	}
	for _, x := range c.header {
		k, v, _ := strings.Cut(x, ": ")
		head.Set(k, v)
	}
	req, err := http.NewRequest(method, "http://"+d.addr+to, strings.NewReader(body))
	if err != nil {
		d.house.t.Fatal(err)
	}
	req.Header = head
	resp, err := noRedirects.Do(req)
	if err != nil {
		d.house.t.Fatalf("%s %s: %v", method, to, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		d.house.t.Fatal(err)
	}
	d.conforms(c.pattern, c.method, req, resp, b)
	return resp.StatusCode, string(b)
}

var noRedirects = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error {
	return http.ErrUseLastResponse
}}

// values are those of a good request to an operation.
func (d *openDoors) good(pattern string, post bool, also ...string) url.Values {
	d.n++
	v := url.Values{"zip": {"10001"}, "first_name": {fmt.Sprintf("Jane %d", d.n)}}
	ofPing := url.Values{"zip": {"10001"}, "Mode": {"ping"}}
	for _, name := range also {
		ofPing.Set(name, "1")
	}
	names := map[string]string{"own": "ping_id", "leadconduit": "lead_id", "boberdoo": "Lead_ID",
		"leadspedia": "lp_ping_id"}
	profile := profileOf(pattern)
	if !strings.Contains(pattern, "/ping") {
		v.Set("phone", fmt.Sprintf("212736%04d", d.n))
	}
	if profile == "boberdoo" {
		v.Set("Mode", "full")
	}
	if pattern == "/v1/{vertical}/post" || post {
		ping := map[string]string{"own": "/v1/{vertical}/ping",
			"leadconduit": "/flows/{vertical}/sources/{source}/ping", "boberdoo": pattern,
			"leadspedia": "/leadspedia/{vertical}/ping.do"}[profile]
		_, text := d.make(call{pattern: ping, method: "POST", values: ofPing})
		v.Set(names[profile], uuid.FindString(text))
		if profile == "boberdoo" {
			v.Set("Mode", "post")
		}
	}
	return v
}

// Each operation is brought to each status that the file documents for it, and every answer is as the file says.
func TestServerAnswersAsItsOpenAPIFileSays(t *testing.T) {
	t.Parallel()
	d := openDoor(t)
	for pattern, methods := range d.paths {
		for method := range methods {
			if intake.Routes()[pattern][0] == "GET" && len(intake.Routes()[pattern]) == 2 {
				d.leadStatuses(pattern, method)
			}
		}
	}
	d.otherStatuses()
	// What cannot be brought about from outside.
	never := func(op, status string) bool {
		return status == "default" || status == "503" && (strings.Contains(op, "/v1/leads") ||
			strings.Contains(op, "/returns") || strings.Contains(op, "/spec/") || strings.Contains(op, "/openapi.yaml"))
	}
	for pattern, methods := range d.paths {
		for method, statuses := range methods {
			for status := range statuses {
				if op := method + " " + pattern; !d.reached[op+" "+status] && !never(op, status) {
					t.Errorf("%s: the file documents %s, which no request here has met", op, status)
				}
			}
		}
	}
}

// leadStatuses brings a call with a lead to its statuses, answered in JSON and in XML.
func (d *openDoors) leadStatuses(pattern, method string) {
	for _, accept := range []string{"Accept: application/json", "Accept: application/xml"} {
		do := func(c call) string {
			d.house.t.Helper()
			c.pattern, c.method, c.header = pattern, method, append([]string{accept}, c.header...)
			_, text := d.make(c)
			return text
		}
		with := func(v url.Values, more ...string) url.Values {
			for i := 0; i < len(more); i += 2 {
				v.Set(more[i], more[i+1])
			}
			return v
		}
		isPing := strings.Contains(pattern, "/ping")
		for _, asPost := range []bool{false, !isPing && profileOf(pattern) != "own"} {
			v := d.good(pattern, asPost)
			do(call{values: v})
			do(call{values: v})
			do(call{values: with(d.good(pattern, asPost), "debug", "1", "hat", "x")})
			do(call{values: with(d.good(pattern, asPost, "test"), "test_result", "pending")})
			do(call{values: with(d.good(pattern, asPost, "test"), "test_result", "rejected")})
			do(call{values: with(d.good(pattern, asPost, "test"), "test_result", "no_bids")})
			do(call{values: with(d.good(pattern, asPost), "redirect_url", "https://shop.example/thanks")})
			do(call{values: with(d.good(pattern, asPost), "redir_url", "https://shop.example/thanks", "lp_redirect_url",
				"https://shop.example/thanks")})
			old := d.good(pattern, asPost)
			d.ahead.Add(int64(10 * time.Minute))
			do(call{values: old})
		}
		do(call{values: with(d.good(pattern, false), "zip", "x", "age", "7"), header: []string{"X-Clearpost-Debug: 1"}})
		do(call{body: "{", values: url.Values{"format": {"x"}}})
		do(call{values: d.good(pattern, false), header: []string{"X-Api-Key: nobody-key-0123456789"}})
		do(call{values: d.good(pattern, false), vertical: "none"})
		do(call{values: d.good(pattern, false), send: "DELETE"})
		do(call{values: d.good(pattern, false), source: "post"})
		do(call{values: d.good(pattern, false), header: []string{"Accept: image/png"}})
		do(call{values: d.good(pattern, false), header: []string{"Idempotency-Key: " + pattern + method + accept}})
		do(call{values: d.good(pattern, false), header: []string{"Idempotency-Key: " + pattern + method + accept}})
		do(call{values: d.good(pattern, false), source: "paused"})
		do(call{values: d.good(pattern, false), source: "slow"})
		do(call{values: d.good(pattern, false), source: "slow"})
		do(call{values: d.good(pattern, false), header: []string{"X-Long: " + strings.Repeat("x", 20<<10)}})
		if method == "POST" {
			do(call{body: `{"zip":"` + strings.Repeat("1", 70<<10) + `"}`})
			do(call{body: "zip", header: []string{"Content-Type: text/plain"}})
		}
	}
}

// Whatever comes, the answer is one that the file knows. The inputs are drawn by a seed that is printed.
func TestHostileRequestsAreAnsweredAsTheFileSays(t *testing.T) {
	d := openDoor(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	patterns := slices.DeleteFunc(slices.Sorted(maps.Keys(d.paths)), func(p string) bool {
		return len(intake.Routes()[p]) == 1
	})
	names := []string{"zip", "age", "phone", "first_name", "state", "timestamp", "opt_in", "ping_id", "seller_lead_id",
		"min_price", "max_wait_ms", "format", "test", "test_result", "debug", "redirect_url", "lead_id", "Lead_ID",
		"lp_ping_id", "Mode", "key", "a[b][0]", "contact.phone", "x\x00y", "", "Request"}
	texts := []string{"10001", "x", "", " ", "18", "17", "120", "121", "-1", "1e9", "null", "true", "2127365000", "A-1",
		"ping", "full", "post", "json", "xml", "accepted", "018f3c2e-7c1a-7e55-9d6b-0a1b2c3d4e5f", "https://a.example/",
		"javascript:alert(1)", "😀", "\x00\x1b", "<a>&", strings.Repeat("9", 3000)}
	raws := []string{"1", "0", "-1", "1.5", "1e400", "true", "null", "[]", "[1,2]", `["a"]`, `{"a":1}`,
		`{"a":{"b":[{}]}}`, `""`, `"\ud800"`, "nul", "{"}
	kinds := []string{"application/json", "application/json", "application/x-www-form-urlencoded", "application/xml",
		"multipart/form-data; boundary=b", "text/plain", "", "application/json; charset=utf-16"}
	pick := func(list []string) string { return list[rnd.IntN(len(list))] }
	for range 400 {
		pattern := pick(patterns)
		method := []string{"POST", "POST", "GET"}[rnd.IntN(3)]
		v := url.Values{}
		var members []string
		for range rnd.IntN(6) {
			name := pick(names)
			v.Add(name, pick(texts))
			raw := pick(raws)
			if rnd.IntN(2) == 0 {
				raw = fmt.Sprintf("%q", pick(texts))
			}
			members = append(members, fmt.Sprintf("%q:%s", name, raw))
		}
		c := call{pattern: pattern, method: method, values: v, header: []string{"Accept: " +
			pick([]string{"", "*/*", "application/xml", "application/json", "text/html", "q=;,"})}}
		if method == "POST" {
			kind := pick(kinds)
			switch {
			case strings.Contains(kind, "xml"):
				c.body = "<lead><zip>" + pick(texts) + "</zip><" + pick(names) + ">" + pick(raws) + "</lead>"
			case strings.Contains(kind, "form-"):
				c.body = v.Encode() + "&"
			default:
				c.body = "{" + strings.Join(members, ",") + "}"
			}
			c.header = append(c.header, "Content-Type: "+kind)
		}
		if rnd.IntN(8) == 0 {
			c.header = append(c.header, "Idempotency-Key: "+pick([]string{"k", "k2", strings.Repeat("k", 300)}))
		}
		if d.make(c); t.Failed() {
			t.Fatalf("sent %+v", c)
		}
	}
}

// The OpenAPI document of one source is one, has the calls of that source only, and takes the spec's own examples.
func TestSpecAsOpenAPITakesItsOwnExamples(t *testing.T) {
	if testing.Short() {
		t.Skip("long, and one thing after the other")
	}
	t.Parallel()
	h := specHouse(t)
	for source, paths := range map[string]int{"own": 7, "leadconduit": 9, "boberdoo": 8, "leadspedia": 9, "open": 7} {
		for _, vertical := range []string{"solar", "rich"} {
			text := h.shown(source, vertical, "openapi")
			d := openAPI(t, []byte(text))
			if len(d.paths) != paths || d.paths["/v1/"+vertical+"/ping"] == nil {
				t.Errorf("%s, %s: paths %v", source, vertical, slices.Sorted(maps.Keys(d.paths)))
			}
			if _, get := d.paths["/v1/"+vertical+"/ping"]["GET"]; get != (source == "own" || source == "leadconduit") {
				t.Errorf("%s: GET of a ping is told: %v", source, get)
			}
			doc, err := libopenapi.NewDocument([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			check, errs := validator.NewValidator(doc, config.WithFormatAssertions(),
				config.WithoutSecurityValidation())
			if len(errs) > 0 {
				t.Fatal(errs)
			}
			held := 0
			for _, c := range commands(t, h.shown(source, vertical, "md")) {
				if c.head.Get("Content-Type") != "application/json" || source == "own" &&
					strings.Contains(c.body, "KennNr") {
					continue // what is said in a source's own words is in no schema of ours
				}
				held++
				body := strings.ReplaceAll(c.body, posting.PingPlaceholder, "018f3c2e-7c1a-7e55-9d6b-0a1b2c3d4e5f")
				req, _ := http.NewRequest("POST", c.url, strings.NewReader(body))
				req.Header.Set("Content-Type", "application/json")
				if ok, errs := check.ValidateHttpRequest(req); !ok {
					t.Errorf("%s, %s: %s\n%s\n%s", source, vertical, c.url, body, problems(errs))
				}
				wrong, _ := http.NewRequest("POST", c.url, strings.NewReader("[]"))
				wrong.Header.Set("Content-Type", "application/json")
				if ok, _ := check.ValidateHttpRequest(wrong); ok {
					t.Errorf("%s, %s: %s takes a list for a lead", source, vertical, c.url)
				}
			}
			if held < 3 {
				t.Errorf("%s, %s: %d examples", source, vertical, held)
			}
			var fromYAML, fromJSON object
			if err := yaml.Unmarshal([]byte(text), &fromYAML); err != nil {
				t.Fatal(err)
			}
			if err := yaml.Unmarshal([]byte(h.shown(source, vertical, "openapi-json")), &fromJSON); err != nil {
				t.Fatal(err)
			}
			a, _ := json.Marshal(fromYAML)
			if b, _ := json.Marshal(fromJSON); !bytes.Equal(a, b) {
				t.Errorf("%s, %s: the two forms differ", source, vertical)
			}
		}
	}
}
