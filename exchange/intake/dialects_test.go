// SPDX-License-Identifier: Apache-2.0

package intake_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/goccy/go-json"

	"clearpost/lead"
	"clearpost/ledger"
)

// said is an answer as it came.
type said struct {
	status int
	header http.Header
	text   string
}

// tell makes one request to the sellers' door without any header of its own. Headers are "Name: value".
func (h *house) tell(method, path, body string, headers ...string) said {
	h.t.Helper()
	req, err := http.NewRequest(method, "http://"+h.addr+path, strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	for _, x := range headers {
		k, v, _ := strings.Cut(x, ": ")
		req.Header.Set(k, v)
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return said{resp.StatusCode, resp.Header, string(b)}
}

// canonical is a lead as its ping's event has it, personal fields too, without what differs from lead to lead.
func (h *house) canonical(id string) string {
	h.t.Helper()
	ev := last[*ledger.Pinged](h, id)
	b, err := json.Marshal([]any{ev.Fields, ev.Raw, ev.Private.Fields, ev.Private.Raw, ev.Private.Person})
	if err != nil {
		h.t.Fatal(err)
	}
	return string(b)
}

func gzipped(t *testing.T, body string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(body)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

const (
	keyHeader = "X-Api-Key: acme-key-0123456789"
	formType  = "Content-Type: application/x-www-form-urlencoded"
	jsonType  = "Content-Type: application/json"
	xmlType   = "Content-Type: text/xml"
)

// dialectSource is a source with words of its own.
const dialectSource = "id: acme\nkeys: [acme-key-0123456789]\nverticals: [solar]\nmargin: {percent: 20}\nallow_get: " +
	"true\n" +
	"aliases: {Postleitzahl: zip, 'person[tel]': phone, lebensjahre: age}\nvalues: {age: {\"over forty\": 41, none: " +
	"\"\"}}\n"

// One lead in every dialect is the same lead and the same sale.
func TestOneLeadInEveryDialect(t *testing.T) {
	h := build(t, "", nil, script("b", 25*dollar))
	h.write("verticals/solar.yaml", strings.Replace(verticalYAML, "dedupe_hours: 24", "dedupe_hours: 0", 1))
	h.write("sources/acme.yaml", dialectSource)
	h.restart()
	const boundary = "Content-Type: multipart/form-data; boundary=b"
	part := func(name, value string) string {
		return "--b\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value + "\r\n"
	}
	plain := `{"first_name":"Zoë","phone":"(212) 736-5000","zip":"10001","age":41}`
	latin := strings.ReplaceAll(plain, "ë", "\xeb")
	form := "first_name=Zo%C3%AB&phone=%28212%29+736-5000&zip=10001&age=41"
	first := ""
	for _, c := range []struct {
		name, method, query, body string
		headers                   []string
	}{
		{"JSON", "POST", "", plain, []string{jsonType}},
		{"JSON that is escaped", "POST", "",
			`{"first_name":"Zo\u00eb","phone":"(212) 736-5000","zip":"10001","age":41}`, []string{jsonType}},
		{"nested JSON", "POST", "", `{"lead":{"contact":{"first_name":"Zoë","phone":["(212) 736-5000"]},"home":{"zip":"10001"}},"age":"41"}`, []string{jsonType}},
		{"JSON in Latin 1", "POST", "", latin, []string{"Content-Type: application/json; charset=iso-8859-1"}},
		{"JSON in gzip", "POST", "", gzipped(t, plain), []string{jsonType, "Content-Encoding: gzip"}},
		{"form", "POST", "", form, []string{formType}},
		{"form in Latin 1", "POST", "", strings.ReplaceAll(form, "%C3%AB", "%EB"),
			[]string{formType + "; charset=latin1"}},
		{"form in gzip", "POST", "", gzipped(t, form), []string{formType, "Content-Encoding: gzip"}},
		{"parts", "POST", "", part("first_name", "Zoë") + part("phone", "(212) 736-5000") + part("zip", "10001") +
			part("age", "41") + "--b--\r\n", []string{boundary}},
		{"XML", "POST", "", `<lead><first_name>Zoë</first_name><phone>(212) 736-5000</phone><zip>10001</zip><age>41</age></lead>`, []string{xmlType}},
		{"nested XML", "POST", "",
			`<?xml version="1.0" encoding="ISO-8859-1"?><r><lead age="41"><contact><first_name>Zo` + "\xeb" +
				`</first_name><phone>(212) 736-5000</phone></contact><zip><![CDATA[10001]]></zip></lead></r>`,
			[]string{xmlType}}, {"query", "GET", "?" + form, "", nil},
		{"aliases", "POST", "", `{"FIRST_NAME":"Zoë","person":{"tel":"(212) 736-5000"},"postleitzahl":"10001","Lebensjahre":41}`, []string{jsonType}},
		{"aliases in a form", "POST", "", "fname=Zo%C3%AB&person[tel]=(212)+736-5000&postleitzahl=10001&lebensjahre=41",
			[]string{formType}},
		{"a value of the source's own", "POST", "",
			`{"first_name":"Zoë","phone":"(212) 736-5000","zip":"10001","age":"Over Forty"}`, []string{jsonType}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h.t = t
			a := h.call(c.method, "/v1/solar/leads"+c.query, c.body, append([]string{"Content-Type: "},
				c.headers...)...)
			h.expect(a, 200, lead.ResultSuccess)
			if a.Price != 20 || !strings.HasPrefix(a.ID, "b-") {
				t.Errorf("sale: %s", a.text)
			}
			got := h.canonical(a.LeadID)
			if first == "" {
				first = got
			}
			if got != first {
				t.Errorf("got  %s\nwant %s", got, first)
			}
			p := h.call(c.method, "/v1/solar/ping"+c.query, c.body, append([]string{"Content-Type: "}, c.headers...)...)
			h.expect(p, 200, lead.ResultSuccess)
			if got := h.canonical(p.PingID); got != first || p.Price != 20 {
				t.Errorf("ping: got %s %s\nwant %s", p.text, got, first)
			}
		})
	}
}

func TestGetIsForSourcesThatMay(t *testing.T) {
	h := build(t, "", nil, script("b", 25*dollar))
	if a := h.tell("GET", "/v1/solar/ping?zip=10001", "", keyHeader); a.status != 405 ||
		a.header.Get("Allow") != "POST" {
		t.Errorf("a source that may not: %+v", a)
	}
	h.write("sources/acme.yaml", dialectSource)
	h.restart()
	if a := h.tell("GET", "/v1/solar/ping?zip=10001&key=acme-key-0123456789", ""); a.status != 200 ||
		!strings.Contains(a.text, `"price":20.00`) || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("with the key in the query: %+v", a)
	}
	if a := h.tell("GET", "/v1/solar/ping?zip=10001", ""); a.status != 401 {
		t.Errorf("without a key: %+v", a)
	}
	if a := h.tell("POST", "/v1/solar/ping", `{"zip":"10001"}`, keyHeader,
		"Content-Type: application/x-www-form-urlencoded"); a.status != 400 ||
		!strings.Contains(a.text, "bad_form") || !strings.Contains(a.text, "Content-Type: application/json") {
		t.Errorf("JSON as curl -d declares it: %+v", a)
	}
	if a := h.tell("GET", "/v1/solar/ping?zip=%zz", "", keyHeader); a.status != 400 ||
		!strings.Contains(a.text, "bad_form") {
		t.Errorf("a query that is not well formed: %+v", a)
	}
	first := h.tell("GET", "/v1/solar/ping?zip=10001", "", keyHeader, "Idempotency-Key: k")
	if again := h.tell("GET", "/v1/solar/ping?zip=10001", "", keyHeader,
		"Idempotency-Key: k"); again.text != first.text {
		t.Errorf("again: %s, first %s", again.text, first.text)
	}
	if other := h.tell("GET", "/v1/solar/ping?zip=10002", "", keyHeader, "Idempotency-Key: k"); other.status != 409 {
		t.Errorf("another query with the same key: %+v", other)
	}
	if a := h.tell("PUT", "/v1/solar/ping", "{}", keyHeader, jsonType); a.status != 405 {
		t.Errorf("PUT: %+v", a)
	}
}

func TestAnswersAreWrittenAsAsked(t *testing.T) {
	h := build(t, "", nil, script("b", 25*dollar))
	for _, c := range []struct {
		path, body string
		headers    []string
		status     int
		kind, want string
	}{
		{"/v1/solar/ping", `{"zip":"10001"}`, []string{jsonType, "Accept: application/xml"}, 200,
			"application/xml; charset=utf-8", "<price>20.00</price><currency>USD</currency><expires_at>"},
		{"/v1/solar/ping?format=xml", `{"zip":"10001"}`, []string{jsonType, "Accept: text/html"}, 200,
			"application/xml; charset=utf-8", "<answer><result>success</result><ping_id>"},
		{"/v1/solar/ping?format=json", `<l><zip>10001</zip></l>`, []string{xmlType, "Accept: text/xml"}, 200,
			"application/json", `{"result":"success","ping_id":`},
		{"/v1/solar/ping", `zip=10001&format=xml`, []string{formType}, 200, "application/xml; charset=utf-8",
			"<result>success</result>"},
		{"/v1/solar/ping", `zip=1&format=xml`, []string{formType}, 400, "application/xml; charset=utf-8",
			"<errors><error><field>zip</field><value>1</value><expected>a US ZIP code of 5 or 9 digits"},
		{"/v1/solar/ping", `zip=10001&format=csv`, []string{formType}, 400, "application/json",
			`{"field":"format","value":"csv","expected":"json or xml"}`},
		{"/v1/solar/ping?format=csv", `{}`, []string{jsonType}, 400, "application/json",
			"expected format=json or format=xml"},
		{"/v1/solar/ping", `{}`, []string{jsonType, "Accept: text/html"}, 406, "application/json",
			`"reason":"not_acceptable"`},
		{"/v1/solar/post", `<l><ping_id>0193b2c4-0000-7000-8000-000000000000</ping_id></l>`,
			[]string{xmlType, "Accept: text/xml"}, 404, "application/xml; charset=utf-8", "<reason>not_found</reason>"},
	} {
		a := h.tell("POST", c.path, c.body, append(c.headers, keyHeader)...)
		if a.status != c.status || a.header.Get("Content-Type") != c.kind || !strings.Contains(a.text, c.want) {
			t.Errorf("%s %s: got %d %s %s\nwant %d %s %s", c.path, c.body, a.status, a.header.Get("Content-Type"),
				a.text, c.status, c.kind, c.want)
		}
	}
	if a := h.tell("GET", "/v1/leads?seller_lead_id=x&format=xml", "",
		keyHeader); a.text != `<?xml version="1.0" encoding="UTF-8"?>`+"\n<answer><leads></leads></answer>" {
		t.Errorf("an empty list: %+v", a)
	}
}

func TestBrowsersAreSentOn(t *testing.T) {
	h := build(t, "", nil, script("b", 25*dollar))
	thanks := url.QueryEscape("https://form.example/thanks?a=1")
	form := "zip=10001&phone=212-736-50%02d&key=acme-key-0123456789"
	a := h.tell("POST", "/v1/solar/leads", fmt.Sprintf(form, 0)+"&redirect_url="+thanks, formType)
	to := a.header.Get("Location")
	if a.status != 303 || !strings.HasPrefix(to, "https://form.example/thanks?a=1&result=success&lead_id=") ||
		strings.Contains(to, "20.00") {
		t.Errorf("by a field: %+v", a)
	}
	if a = h.tell("POST", "/v1/solar/leads?redirect_url="+thanks, fmt.Sprintf(form, 1), formType); a.status != 303 {
		t.Errorf("by the query: %+v", a)
	}
	if a = h.tell("POST", "/v1/solar/leads", fmt.Sprintf(form, 2)+"&redirect_url=javascript:alert(1)",
		formType); a.status != 400 || !strings.Contains(a.text, `"field":"redirect_url"`) {
		t.Errorf("to a script: %+v", a)
	}
	if a = h.tell("POST", "/v1/solar/leads?redirect_url="+thanks,
		`{"zip":"10001","phone":"2127365003","redirect_url":"https://form.example"}`, jsonType,
		keyHeader); a.status != 200 || a.header.Get("Location") != "" {
		t.Errorf("an API call: %+v", a)
	}
	if a = h.tell("POST", "/v1/solar/leads", "zip=1&key=acme-key-0123456789&redirect_url="+thanks,
		formType); a.status != 400 {
		t.Errorf("a lead that cannot be used: %+v", a)
	}
	if a = h.tell("POST", "/v1/solar/ping", "zip=10001&key=acme-key-0123456789&redirect_url="+thanks,
		formType); a.status != 200 {
		t.Errorf("a ping: %+v", a)
	}
}

// What is wrong with a lead is listed at once in any dialect, and personal values are masked.
func TestEveryDialectListsEveryProblemAtOnce(t *testing.T) {
	h := build(t, "", nil, script("b", 25*dollar))
	for kind, body := range map[string]string{
		jsonType: `{"a":{"email":"not.an-address"},"phone":"555-SECRET","age":"old","zip":"1","min_price":"lots"}`,
		formType: "a[email]=not.an-address&phone=555-SECRET&age=old&zip=1&min_price=lots",
		xmlType: "<l><a><email>not.an-address</email></a><phone>555-SECRET</phone>" +
			"<age>old</age><zip>1</zip><min_price>lots</min_price></l>",
	} {
		a := h.tell("POST", "/v1/solar/ping", body, kind, keyHeader)
		for _, field := range []string{"email", "phone", "age", "zip", "min_price"} {
			if a.status != 400 || !strings.Contains(a.text, `"field":"`+field+`"`) {
				t.Errorf("%s: %s is not listed: %d %s", kind, field, a.status, a.text)
			}
		}
		if strings.Contains(a.text, "SECRET") || strings.Contains(a.text, "not.an") {
			t.Errorf("%s: a personal value is told: %s", kind, a.text)
		}
	}
	// What is missing, and what came twice, with the rest: each field once.
	a := h.call("POST", "/v1/solar/leads", `{"a":{"phone":"2127365000"},"b":{"phone":"2127365001"},"max_wait_ms":0}`)
	var fields []string
	for _, e := range a.Errors {
		fields = append(fields, e.Field)
	}
	if a.status != 400 || strings.Join(fields, " ") != "max_wait_ms phone zip" {
		t.Errorf("got %d %s", a.status, a.text)
	}
}
