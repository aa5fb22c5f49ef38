// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-json"
	"github.com/tidwall/gjson"
	"github.com/valyala/fasthttp"

	"clearpost/exchange"
	"clearpost/lead"
)

const maxForTests = 1 << 16

func solar(t testing.TB) *lead.Schema {
	t.Helper()
	s, errs := lead.NewSchema("solar", []lead.Field{{Name: "owner", Type: lead.TypeEnum,
		Values: []string{"own", "rent"}}, {Name: "loan.amount", Type: lead.TypeInteger},
		{Name: "jobs", Type: lead.TypeList, Of: lead.TypeText}})
	if errs != nil {
		t.Fatal(errs)
	}
	return s
}

// take unpacks and decodes a request's body; what cannot be read gives its code.
func take(t testing.TB, n *names, contentType, encoding string, body []byte) (l lead.Lead, v envelope, code string) {
	t.Helper()
	return takeAs(solar(t), n, contentType, encoding, body)
}

// takeFor is take for a source.
func takeFor(t testing.TB, s *lead.Schema, src *exchange.Source, contentType string, body []byte) (lead.Lead, envelope,
	string) {
	t.Helper()
	return takeAs(s, newNames(s, src), contentType, "", body)
}

func takeAs(s *lead.Schema, n *names, contentType, encoding string, body []byte) (l lead.Lead, v envelope,
	code string) {
	var h fasthttp.RequestHeader
	h.SetContentType(contentType)
	h.SetContentEncoding(encoding)
	l.Reset(s)
	n.readAs(&l)
	p, no := unpack(&h, body, maxForTests)
	if no == nil {
		no = decode(&p, n, &l, &v)
	}
	if no != nil {
		code = fmt.Sprint(no.status, " ", no.code)
	}
	return l, v, code
}

// told writes down what a lead holds and what is wrong with it.
func told(l *lead.Lead, v *envelope) string {
	var b strings.Builder
	for i := range l.Len() {
		if l.Slot(i).State == lead.Valid {
			fmt.Fprintf(&b, "%s=%s ", l.Schema().Fields[i].Name, l.Normal(i))
		}
	}
	if v.sellerLeadID != "" {
		fmt.Fprintf(&b, "id=%s ", v.sellerLeadID)
	}
	for _, p := range append(slices.Clone(v.errors), l.Problems(0)...) {
		fmt.Fprintf(&b, "!%s:%s ", p.Field, p.Value)
	}
	return strings.TrimSpace(b.String())
}

func multi(parts ...string) string {
	return "--b\r\nContent-Disposition: form-data; " +
		strings.Join(parts, "\r\n--b\r\nContent-Disposition: form-data; ") + "\r\n--b--\r\n"
}

const (
	asJSON  = "application/json"
	asForm  = "application/x-www-form-urlencoded"
	asXML   = "text/xml"
	asMulti = "multipart/form-data; boundary=b"
)

func TestDialects(t *testing.T) {
	n := newNames(solar(t), &exchange.Source{Aliases: map[string]string{"Ort": "city", "ref[no]": "seller_lead_id",
		"kunde.Name": "last_name"}, Values: map[string]map[string]string{"owner": {"O": "own", "n/a": ""}}})
	deep := strings.Repeat(`{"a":`, DepthMax+1) + "1" + strings.Repeat("}", DepthMax+1)
	for _, c := range []struct{ name, as, body, want string }{
		{"nested", asJSON, `{"contact":{"first_name":"Jane","email":"J@X.com"},"address":{"street":"1 Main St","zip":"10001"}}`, "first_name=Jane email=j@x.com address=1 Main St zip=10001"},
		{"dotted", asJSON, `{"contact.first_name":"Jane","loan.amount":5}`, "first_name=Jane loan.amount=5"},
		{"nested name of a field with a dot", asJSON, `{"loan":{"amount":5}}`, "loan.amount=5"},
		{"the whole name counts", asJSON, `{"spouse":{"first_name":"Joe"},"first_name":"Jane"}`, "first_name=Jane"},
		{"two ends of one name", asJSON, `{"a":{"first_name":"Joe"},"b":{"first_name":"Jane"}}`, "!first_name:"},
		{"a blank end does not count", asJSON, `{"a":{"first_name":" "},"b":{"first_name":"Jane"}}`, "first_name=Jane"},
		{"list of one", asJSON, `{"city":["Rome"],"zip":[]}`, "city=Rome"},
		{"list of several", asJSON, `{"city":["Rome","Bonn"]}`, `!city:["Rome","Bonn"]`},
		{"list of objects", asJSON, `{"people":[{"first_name":"Jane"}]}`, "first_name=Jane"},
		{"list of several objects", asJSON, `{"people":[{"first_name":"Jane"},{"first_name":"Joe"}]}`, "!first_name:"},
		{"list field", asJSON, `{"jobs":["a,b","c"]}`, `jobs=["a,b","c"]`},
		{"list field of one", asJSON, `{"jobs":["a,b"]}`, `jobs=["a,b"]`},
		{"list field in a form", asForm, "jobs[]=a&jobs[]=b&jobs[]=c,d", `jobs=["a","b","c,d"]`},
		{"list field in XML", asXML, "<l><jobs>a</jobs><jobs>b</jobs></l>", `jobs=["a","b"]`},
		{"list field as text", asForm, "jobs=a;b", `jobs=["a","b"]`},
		{"list field twice in JSON", asJSON, `{"jobs":["a"],"jobs":["b"]}`, `!jobs:["b"]`},
		{"elements for a list field", asXML, "<l><jobs><x>a</x></jobs><jobs>b</jobs></l>", "!jobs:b"},
		{"object for a value", asJSON, `{"city":{"x":"Rome"}}`, `!city:{"x":"Rome"}`},
		{"too deep", asJSON, deep, "!body:"},
		{"too many", asJSON, `{"x":{` + strings.Repeat(`"x":1,`, PairsMax) + `"city":"Rome"}}`, "!body:"},
		{"names too long", asJSON, `{"` + strings.Repeat("x", 400) + `":{"` + strings.Repeat("y", 400) + `":1}}`,
			"!body:"},
		{"byte order mark", asJSON, "\xef\xbb\xbf{\"city\":\"Rome\"}", "city=Rome"},
		{"alias", asJSON, `{"ORT":"Rome","kunde":{"name":"Roe"},"ref":{"no":"A-1"}}`, "last_name=Roe city=Rome id=A-1"},
		{"alias and field", asJSON, `{"ort":"Rome","city":"Bonn"}`, "!city:\"Bonn\""},
		{"value map", asJSON, `{"owner":" o "}`, "owner=own"},
		{"value map to nothing", asJSON, `{"owner":"N/A"}`, ""},
		{"value not in the map", asJSON, `{"owner":"Rent"}`, "owner=rent"},
		{"vendor JSON", "application/vnd.x+json; charset=utf-8", `{"city":"Rome"}`, "city=Rome"},
		{"JSON that says UTF-8", "application/json;Charset=UTF-8", `{"city":"Rome"}`, "city=Rome"},
		{"JSON in Latin 1", "application/json; charset=iso-8859-1", "{\"city\":\"Orl\xe9ans\"}", "city=Orléans"},
		{"JSON in UTF-16", "application/json; charset=utf-16le",
			"{\x00\"\x00z\x00i\x00p\x00\"\x00:\x001\x000\x000\x000\x001\x00}\x00", "zip=10001"},
		{"JSON in no UTF-8", asJSON, "{\"city\":\"Orl\xe9ans\"}", "!city:Orl?ans"},

		{"form", asForm, "first_name=Jane&City=New+York&zip=1000%31&x=1&&=&y",
			"first_name=Jane city=New York zip=10001"},
		{"form twice", asForm, "zip=10001&zip_code=10001", "!zip:10001"},
		{"form of brackets", asForm, "contact[first_name]=Jane&city[]=Rome&ref[no]=A-1&x[=1&[y]=2",
			"first_name=Jane city=Rome id=A-1"},
		{"form in Windows 1252", asForm + ";charset=windows-1252", "city=Orl%e9ans&first_name=Zo\xeb",
			"first_name=Zoë city=Orléans"},
		{"form with a mark and no digits", asForm, "city=50%", "400 bad_form"},

		{"parts", asMulti, multi("name=\"city\"\r\n\r\nNew York", "name=zip\r\n\r\n10001"), "city=New York zip=10001"},
		{"part in its own charset", asMulti,
			multi("name=\"city\"\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\r\nOrl\xe9ans"), "city=Orléans"},
		{"file", asMulti, multi("name=\"city\"; filename=\"a.txt\"\r\n\r\nRome", "name=zip\r\n\r\n10001"),
			"zip=10001 !city:"},
		{"no file chosen", asMulti, multi(
			"name=\"photo\"; filename=\"\"\r\nContent-Type: application/octet-stream\r\n\r\n", "name=zip\r\n\r\n10001"),
			"zip=10001"}, {"torn parts", asMulti, multi("name=\"city\"\r\n\r\nRome")[:60], "400 bad_multipart"},
		{"part in base64", asMulti, multi("name=\"city\"\r\nContent-Transfer-Encoding: base64\r\n\r\nUm9tZQ=="),
			"400 bad_multipart"},
		{"part without a name", asMulti, multi("x=y\r\n\r\nRome"), "400 bad_multipart"},
		{"parts without a boundary", "multipart/form-data", "", "415 unsupported_media_type"},

		{"XML", asXML, `<?xml version="1.0"?><lead><city>New <![CDATA[York]]></city><zip>10001</zip><x/></lead>`,
			"city=New York zip=10001"},
		{"nested XML", asXML, `<a:Envelope xmlns:a="urn:x"><a:Body><lead><contact><first_name>Jane &amp; Joe</first_name></contact></lead></a:Body></a:Envelope>`, "first_name=Jane & Joe"},
		{"attributes", "application/xml", `<lead zip="10001"><contact first_name="Jane"/></lead>`,
			"first_name=Jane zip=10001"},
		{"XML twice", asXML, `<lead><zip>10001</zip><zip>10001</zip></lead>`, "!zip:10001"},
		{"nil", asXML, `<l xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><zip xsi:nil="true"/><city>Rome</city></l>`, "city=Rome"},
		{"XML in Latin 1", asXML, "<?xml version='1.0' encoding='ISO-8859-1'?><l><city>Orl\xe9ans</city></l>",
			"city=Orléans"},
		{"elements for a value", asXML, `<l><city><x>Rome</x></city></l>`, "!city:"},
		{"elements and text", asXML, `<l><address>Main <zip>10001</zip></address></l>`, "zip=10001 !address:"},
		{"document type", asXML, `<!DOCTYPE l [<!ENTITY e "Rome">]><l><city>&e;</city></l>`, "400 bad_xml"},
		{"entity", asXML, `<l><city>&e;</city></l>`, "400 bad_xml"},
		{"two roots", asXML, `<l/><l/>`, "400 bad_xml"},
		{"no root", asXML, ``, "400 bad_xml"},
		{"text around", asXML, `<l/>x`, "400 bad_xml"},
		{"torn XML", asXML, `<l><city>Rome</city>`, "400 bad_xml"},
		{"deep XML", asXML, strings.Repeat("<a>", 2000), "!body:"},
		{"XML in no UTF-8", asXML, "<l><city>Orl\xe9ans</city></l>", "400 bad_xml"},

		{"unknown type", "text/plain", "zip=10001", "415 unsupported_media_type"},
		{"no type", "", "zip=10001", "415 unsupported_media_type"},
		{"unknown charset", asJSON + "; charset=ebcdic", "{}", "415 unsupported_charset"},
		{"a charset that is none", asJSON + "; charset=iso-2022-kr", "{}", "415 unsupported_charset"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, v, got := take(t, n, c.as, "", []byte(c.body))
			if got == "" {
				got = told(&l, &v)
			}
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func packed(t testing.TB, w func(io.Writer) io.WriteCloser, body string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := w(&b)
	if _, err := z.Write([]byte(body)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gz(w io.Writer) io.WriteCloser  { return gzip.NewWriter(w) }
func zl(w io.Writer) io.WriteCloser  { return zlib.NewWriter(w) }
func raw(w io.Writer) io.WriteCloser { z, _ := flate.NewWriter(w, 6); return z }

func TestPackedBodies(t *testing.T) {
	body := `{"city":"Rome"}`
	bomb := `{"city":"` + strings.Repeat("x", maxForTests) + `"}`
	for _, c := range []struct {
		encoding string
		body     []byte
		want     string
	}{
		{"gzip", packed(t, gz, body), "city=Rome"},
		{"X-GZIP", packed(t, gz, body), "city=Rome"},
		{"deflate", packed(t, zl, body), "city=Rome"},
		{"deflate", packed(t, raw, body), "city=Rome"},
		{"identity", []byte(body), "city=Rome"},
		{"gzip", packed(t, gz, bomb), "413 body_too_large"},
		{"deflate", packed(t, raw, bomb), "413 body_too_large"},
		{"gzip", []byte(body), "400 bad_encoding"},
		{"gzip", packed(t, gz, body)[:20], "400 bad_encoding"},
		{"gzip", nil, "400 bad_encoding"},
		{"br", []byte(body), "415 unsupported_encoding"},
		{"gzip, gzip", packed(t, gz, body), "415 unsupported_encoding"},
	} {
		l, v, got := take(t, &names{}, asJSON, c.encoding, c.body)
		if got == "" {
			got = told(&l, &v)
		}
		if got != c.want {
			t.Errorf("%s of %d bytes: got %s, want %s", c.encoding, len(c.body), got, c.want)
		}
	}
}

// No bytes make a dialect panic, run out of its limits, or give a name or value that the request does not hold.
func FuzzDialects(f *testing.F) {
	kinds := []string{asJSON, asForm, asXML, asMulti, asForm + "; charset=gbk", "application/xml; charset=utf-16le",
		asMulti + "; charset=big5", "application/json; charset=shift_jis"}
	encodings := []string{"", "gzip", "deflate"}
	for i, s := range []string{`{"a":{"b":[1,{"c":2}]}}`, "a[b]=%41&c=+", `<l a="1"><b>x</b><!-- c --></l>`,
		multi("name=\"a\"\r\n\r\nb"), "a=%b0%a1", "<\x00l\x00/\x00>\x00", "", "{}"} {
		f.Add(uint8(i), uint8(0), []byte(s))
		f.Add(uint8(i), uint8(1), packed(f, gz, s))
		f.Add(uint8(i), uint8(2), packed(f, raw, s))
	}
	for i, s := range map[int]string{0: `{"google_key":"k","user_column_data":[{"column_id":"EMAIL","string_value":"a@example.com"}]}`, 8: `[{"id":"zip","value":1},{"id":"b","values":[]}]`,
		1: `data.json={"zip":["10001"]}`,
		2: `<adf><name part="first">J</name><phone type="a">1</phone><v interest="b"><city>x</city></v></adf>`} {
		f.Add(uint8(i), uint8(0), []byte(s))
	}
	n := newNames(solar(f), &exchange.Source{Unescape: []string{UnescapeHTML, UnescapeBackslash}, ZIPZeros: true,
		Aliases: map[string]string{"a.b": "city", "c": "min_price"},
		Values:  map[string]map[string]string{"city": {"x": "y"}}})
	f.Fuzz(func(t *testing.T, kind, encoding uint8, body []byte) {
		l, v, code := take(t, n, kinds[int(kind)%len(kinds)], encodings[int(encoding)%len(encodings)], body)
		if code == "" {
			_ = told(&l, &v)
		}
		if len(v.errors) > 2*PairsMax {
			t.Errorf("%d errors", len(v.errors))
		}
		for _, e := range v.errors {
			if len(e.Value) > 64 || e.Expected == "" {
				t.Errorf("%+v", e)
			}
		}
	})
}

// What the form's walk takes is what the standard library takes, where that takes everything.
func FuzzForm(f *testing.F) {
	for _, s := range []string{"a=b", "a=%41+b&c", "%", "a=%4", "&&=&", "a=b=c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		if strings.Contains(body, ";") {
			return // the library refuses it, as a separator of old
		}
		var got, want list
		if _, no := walkForm([]byte(body), nil, &got); no != nil {
			return
		}
		for piece := range strings.SplitSeq(body, "&") {
			var args fasthttp.Args
			args.Parse(piece)
			for k, v := range args.All() {
				want.pair(word(plainName(string(k))), word(string(v)))
			}
			if piece == "=" {
				want.pair(word(""), word(""))
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", body, got, want)
		}
	})
}

func TestPlainName(t *testing.T) {
	for name, want := range map[string]string{"a": "a", "a[b]": "a.b", "a[]": "a", "a[0][b]": "a[0].b", "a[b": "a[b",
		"[a]": "[a]", "a[b]c": "a.bc", "a]": "a]"} {
		if got := plainName(name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}

func TestPreferXML(t *testing.T) {
	for _, c := range []struct {
		header string
		want   string
	}{
		{"", "json"}, {"*/*", "json"}, {"application/json", "json"}, {"application/xml", "xml"},
		{"text/xml;q=0.5", "xml"}, {"text/html", "none"}, {"application/xml, application/json", "xml"},
		{"application/json, application/xml", "json"}, {"application/json;q=0.1, */*", "xml"},
		{"application/json;q=0", "none"}, {"application/json;q=0, */*;q=0.1", "xml"},
		{"text/html, application/xml;q=0.9, */*;q=0.8", "xml"}, {"application/*", "json"},
		{"application/xml;q=x", "xml"}, {",;,", "none"},
	} {
		got := "none"
		if isXML, ok := preferXML(c.header, false); ok && isXML {
			got = "xml"
		} else if ok {
			got = "json"
		}
		if got != c.want {
			t.Errorf("%q: got %s, want %s", c.header, got, c.want)
		}
	}
	if isXML, ok := preferXML("*/*", true); !ok || !isXML {
		t.Error("a profile's XML is lost to */*")
	}
}

func TestAnswersInXML(t *testing.T) {
	got := string(appendXML(nil, "answer",
		gjson.Parse(`{"result":"a<b","price":12.50,"sales":[{"id":"x","price":1}],"leads":[]}`)))
	want := `<answer><result>a&lt;b</result><price>12.50</price><sales><sale><id>x</id><price>1</price></sale></sales><leads></leads></answer>`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestRedirectURLs(t *testing.T) {
	for to, ok := range map[string]bool{"https://x.example/thanks?a=1#top": true, "http://x.example": true,
		"ftp://x.example": false, "javascript:alert(1)": false, "//x.example": false, "/thanks": false,
		"https://": false, "https://u:p@x.example": false, "https://x.example/\r\nSet-Cookie: a": false,
		"https://x.example/" +
			strings.Repeat("a", RedirectBytesMax): false} {
		v := envelope{browser: true}
		v.redirect(word(to))
		if (v.redirectURL != "") != ok || (len(v.errors) == 0) != ok {
			t.Errorf("%.40q: taken as %q, %v", to, v.redirectURL, v.errors)
		}
	}
	v := envelope{}
	if v.redirect(word("https://x.example")); v.redirectURL != "" {
		t.Error("a request that no browser makes is sent on")
	}
	if got, want := withResult("https://x.example/a?b=1#c", "success", "7"),
		"https://x.example/a?b=1&result=success&lead_id=7#c"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Whatever stands in the headers and URLs that a request may have, it is taken or refused, and what is taken is within
// its limits.
func FuzzHeaders(f *testing.F) {
	for _, s := range []string{"application/json; charset=utf-8", "multipart/form-data; boundary=\"a b\"",
		"text/xml;q=0.5, */*;q=0", "https://x.example/?a=%zz#b", "text/xml; charset=utf-16", "a[b][0]["} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var p payload
		if params, no := p.media(s); no == nil {
			_, _ = charsetOf(params["charset"])
			if p.dialect == dialectMultipart && (p.boundary == "" || len(p.boundary) > 70) {
				t.Errorf("%q: boundary %q", s, p.boundary)
			}
		}
		if isXML, ok := preferXML(s, false); isXML && !ok {
			t.Errorf("%q: XML that is not allowed", s)
		}
		v := envelope{browser: true}
		if v.redirect(word(s)); v.redirectURL != "" {
			to := withResult(v.redirectURL, "success", "7")
			if !strings.HasPrefix(strings.ToLower(to), "http") || !visible(to) ||
				!strings.Contains(to, "result=success&lead_id=7") {
				t.Errorf("%q leads to %q", s, to)
			}
		}
		if once := plainName(s); len(once) > len(s) {
			t.Errorf("%q grows to %q", s, once)
		}
	})
}

// Any text in an answer comes back out of its XML, but for characters that XML cannot hold.
func FuzzAnswerInXML(f *testing.F) {
	for _, s := range []string{"a<b&c>\"'", "\x00\xff", "]]>", "é\r\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		b, err := json.Marshal(map[string]string{"details": s})
		if err != nil {
			t.Skip("not a text of JSON: " + err.Error())
		}
		var got list
		if no := walkXML(appendXML(nil, "answer", gjson.ParseBytes(b)), &got); no != nil {
			t.Fatalf("%q: %s", s, no.message)
		}
		plain := strings.IndexFunc(s, func(r rune) bool {
			return r < ' ' || r == 0xfffd || r == 0xfffe || r == 0xffff
		}) < 0
		if want := word(s); plain && (len(got) != 1 || got[0] != fmt.Sprintf("details %d %s %s", want.Type, want.Raw,
			want.Str)) {
			t.Errorf("%q comes back as %q", s, got)
		}
	})
}
