// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"clearpost/lead"
)

type requestCompiler struct {
	spec    *RequestSpec
	schema  *lead.Schema
	post    bool
	opt     CompileOptions
	out     *Request
	method  string
	defects []lead.Defect
	probe   lead.Lead // normalises the keys of maps
}

func (c *requestCompiler) bad(path, value, format string, args ...any) {
	c.defects = append(c.defects, lead.Defect{Path: path, Value: value, Expected: fmt.Sprintf(format, args...)})
}

func (c *requestCompiler) compile() {
	c.compileMethod()
	c.compileURL()
	c.compileHeaders()
	if len(c.spec.Fields) > FieldsMax {
		c.bad("fields", strconv.Itoa(len(c.spec.Fields)), "at most %d fields", FieldsMax)
		return
	}
	root := &node{kind: nodeObject}
	if len(c.spec.Fields) > 0 {
		root.kind = nodeLeaf // the first path decides between an object and a list
	}
	for i := range c.spec.Fields {
		c.compileField(root, i)
	}
	if c.out.body != bodyJSON {
		return
	}
	root.order(func(spec, index int) {
		c.bad(fmt.Sprintf("fields[%d].to", spec), c.spec.Fields[spec].To, "a list without holes: nothing goes to index %d", index)
	})
	c.out.root = root
}

func (c *requestCompiler) compileMethod() {
	c.method = c.spec.Method
	switch c.method {
	case "":
		c.method = "POST"
	case "GET", "POST", "PUT":
	default:
		c.bad("method", c.method, "one of GET, POST, PUT")
	}
	c.out.get = c.method == "GET"
	switch c.spec.Format {
	case "", "json":
		c.out.body = bodyJSON
		if c.out.get {
			c.bad("format", "json", "form or query with GET, which has no body")
		}
	case "form":
		c.out.body = bodyForm
		if c.out.get {
			c.out.body = bodyQuery
		}
	case "query":
		c.out.body = bodyQuery
	default:
		c.bad("format", c.spec.Format, "one of json, form, query")
	}
}

// compileURL splits the URL at the end of the authority, which must hold no secret, so that one look at the file tells where leads go.
func (c *requestCompiler) compileURL() {
	shown := c.spec.URL
	if strings.Contains(shown, "@") {
		shown = "" // a password may stand there
	}
	bad := func(format string, args ...any) { c.bad("url", shown, format, args...) }
	if c.spec.URL == "" {
		bad("an http or https URL")
		return
	}
	t, err := resolve(c.spec.URL, c.opt)
	if err != nil {
		bad("%s", err)
		return
	}
	whole := t.encode(asIs, appendPercent, asIs)
	if len(whole.plain) > URLBytesMax {
		bad("at most %d bytes", URLBytesMax)
		return
	}
	end, ok := authorityEnd(t.parts[0])
	if !ok && (len(t.parts) > 1 || t.parts[0].holder != "") {
		bad("no secret before the path: scheme, host and port are written out")
		return
	}
	if err := c.setHost(string(whole.plain)); err != nil {
		bad("%s", err)
		return
	}
	target := constant{append([]byte(c.method+" "), rootSlash(whole.plain[end:])...), append([]byte(c.method+" "), rootSlash(whole.redacted[end:])...)}
	c.out.line = target
	switch at := strings.IndexByte(string(whole.plain), '?'); {
	case at < 0:
		c.out.mark = "?"
	case at < len(whole.plain)-1 && whole.plain[len(whole.plain)-1] != '&':
		c.out.mark = "&"
	}
}

// authorityEnd finds where path or query begin in the first part of a URL; false if the part ends before.
func authorityEnd(p textPart) (int, bool) {
	if p.holder != "" {
		return 0, false
	}
	at := strings.Index(p.plain, "://")
	if at < 0 {
		return 0, false
	}
	at += len("://")
	n := strings.IndexAny(p.plain[at:], "/?#")
	if n < 0 {
		return len(p.plain), false
	}
	return at + n, true
}

func rootSlash(target []byte) []byte {
	if len(target) == 0 || target[0] != '/' {
		return append([]byte("/"), target...)
	}
	return target
}

// setHost checks the URL and sets the parts of Host. Its errors never show more than the spec does.
func (c *requestCompiler) setHost(raw string) error {
	for i := 0; i < len(raw); i++ {
		if raw[i] <= ' ' || raw[i] > 0x7e || strings.IndexByte("\"<>\\^`{|}", raw[i]) >= 0 {
			return fmt.Errorf("a URL in printable ASCII: percent-encode every other sign, and < > \" \\ ^ ` { | }")
		}
	}
	u, err := url.Parse(raw)
	if err != nil {
		return fmt.Errorf("a well-formed http or https URL")
	}
	c.out.host = strings.ToLower(u.Hostname())
	port := u.Port()
	switch u.Scheme {
	case "http":
		port = or(port, "80")
	case "https":
		port = or(port, "443")
		c.out.tls = true
	default:
		return fmt.Errorf("an http or https URL")
	}
	switch {
	case u.User != nil:
		return fmt.Errorf("no user or password in the URL: send them in a header")
	case u.Fragment != "" || strings.Contains(raw, "#"):
		return fmt.Errorf("no fragment: it is never sent")
	case !validHost(c.out.host):
		return fmt.Errorf("a host name or an IP address")
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return fmt.Errorf("a port from 1 to 65535")
	}
	name := c.out.host
	if strings.Contains(name, ":") {
		name = "[" + name + "]"
	}
	c.out.addr = name + ":" + port
	return nil
}

func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func validHost(h string) bool {
	for i := 0; i < len(h); i++ {
		c := h[i]
		if !(c >= 'a' && c <= 'z' || isDigit(c) || c == '-' || c == '.' || c == '_' || c == ':') {
			return false
		}
	}
	return h != "" && len(h) <= 253
}

// ownHeaders are set by the request itself or would change how the answer is framed.
var ownHeaders = map[string]string{
	"host":              "it comes from the URL",
	"content-length":    "it is counted",
	"transfer-encoding": "the body has a Content-Length",
	"connection":        "the transport decides it",
	"keep-alive":        "the transport decides it",
	"proxy-connection":  "the transport decides it",
	"upgrade":           "the protocol is HTTP/1.1",
	"te":                "answers are read without trailers",
	"trailer":           "there are no trailers",
	"expect":            "the body is sent at once",
	"accept-encoding":   "answers are read uncompressed",
}

func (c *requestCompiler) compileHeaders() {
	if len(c.spec.Headers) > HeadersMax {
		c.bad("headers", strconv.Itoa(len(c.spec.Headers)), "at most %d headers", HeadersMax)
		return
	}
	lines := constant{plain: []byte(" HTTP/1.1\r\nHost: " + c.hostHeader() + "\r\n")}
	lines.redacted = append(lines.redacted, lines.plain...)
	seen := map[string]bool{}
	for _, h := range c.spec.Headers {
		path := "headers"
		if h.Name != "" {
			path = "headers." + h.Name
		}
		low := strings.ToLower(h.Name)
		switch {
		case h.Name == "":
			c.bad(path, h.Value.Text, "a mapping of header names to single values")
			continue
		case !headerName(h.Name):
			c.bad(path, h.Name, "a header name, without spaces")
			continue
		case ownHeaders[low] != "":
			c.bad(path, "", "no such header: %s", ownHeaders[low])
			continue
		case seen[low]:
			c.bad(path, "", "each header once")
			continue
		}
		seen[low] = true
		if v, ok := c.headerValue(path, h.Value); ok {
			lines.plain = append(append(append(lines.plain, h.Name...), ": "...), v.plain...)
			lines.plain = append(lines.plain, "\r\n"...)
			lines.redacted = append(append(append(lines.redacted, h.Name...), ": "...), v.redacted...)
			lines.redacted = append(lines.redacted, "\r\n"...)
		}
	}
	usual := func(name, value string) {
		if !seen[strings.ToLower(name)] && value != "" {
			lines.plain = append(lines.plain, name+": "+value+"\r\n"...)
			lines.redacted = append(lines.redacted, name+": "+value+"\r\n"...)
		}
	}
	usual("User-Agent", "clearpost")
	usual("Accept", "*/*")
	usual("Content-Type", [...]string{bodyJSON: "application/json", bodyForm: "application/x-www-form-urlencoded", bodyQuery: ""}[c.out.body])
	c.out.headers = lines
}

// hostHeader is the address without the port that goes without saying.
func (c *requestCompiler) hostHeader() string {
	if c.out.tls {
		return strings.TrimSuffix(c.out.addr, ":443")
	}
	return strings.TrimSuffix(c.out.addr, ":80")
}

func (c *requestCompiler) headerValue(path string, s Scalar) (constant, bool) {
	if s.Kind == ScalarNone {
		c.bad(path, s.Text, "a single value")
		return constant{}, false
	}
	t, err := resolve(strings.Trim(s.Text, " \t"), c.opt)
	if err != nil {
		c.bad(path, s.Text, "%s", err)
		return constant{}, false
	}
	v := t.encode(asIs, asIs, asIs)
	if len(v.plain) > HeaderBytesMax || !printable(string(v.plain)) {
		c.bad(path, s.Text, "at most %d bytes of printable ASCII in one line, secrets included", HeaderBytesMax)
		return constant{}, false
	}
	return v, true
}

func headerName(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !(isDigit(c) || lower(c) >= 'a' && lower(c) <= 'z' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0) {
			return false
		}
	}
	return s != "" && len(s) <= 256
}
