// SPDX-License-Identifier: Apache-2.0

package request

import (
	"strconv"
	"strings"

	"clearpost/wire"
)

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

// compileHeaders puts the head together: the headers of the file in their order, those of auth, and the usual ones.
func (c *compiler) compileHeaders() {
	if len(c.spec.Headers) > HeadersMax {
		c.bad("headers", strconv.Itoa(len(c.spec.Headers)), "at most %d headers", HeadersMax)
		return
	}
	c.lines.addText(" HTTP/1.1\r\nHost: " + c.hostHeader() + "\r\n")
	for _, h := range c.spec.Headers {
		path := "headers"
		if h.Name != "" {
			path = "headers." + h.Name
		}
		if h.Name == "" {
			c.bad(path, h.Value.Text, "a mapping of header names to single values")
			continue
		}
		if !c.headerFree(path, h.Name) {
			continue
		}
		if h.Value.Kind != wire.ScalarNone && isTemplate(h.Value.Text) {
			c.headerTemplate(path, h)
			continue
		}
		if v, ok := c.headerValue(path, h.Value); ok {
			c.header(h.Name, v)
		}
	}
	c.compileAuth()
	usual := func(name, value string) {
		if !c.seen[strings.ToLower(name)] && value != "" {
			c.header(name, constant{[]byte(value), []byte(value)})
		}
	}
	usual("User-Agent", "clearpost")
	usual("Accept", "*/*")
	action := ""
	if c.spec.XML != nil {
		action = c.spec.XML.Action
	}
	switch c.out.body {
	case bodyMultipart:
		if c.seen["content-type"] {
			c.bad("headers.Content-Type", "", "no such header: that of a multipart body names its boundary")
		}
		c.lines.addText("Content-Type: multipart/form-data; boundary=")
		c.part(headPart{kind: headBoundary})
		c.lines.addText("\r\n")
	case bodySOAP11:
		usual("SOAPAction", `"`+action+`"`)
	case bodySOAP12:
		if action != "" {
			usual("Content-Type", `application/soap+xml; charset=utf-8; action="`+action+`"`)
			break
		}
		usual("Content-Type", "application/soap+xml; charset=utf-8")
	}
	if c.out.body != bodySOAP12 {
		usual("Content-Type", contentTypes[c.out.body])
	}
	c.part(headPart{kind: headEnd})
}

var contentTypes = [...]string{bodyJSON: "application/json", bodyForm: "application/x-www-form-urlencoded",
	bodyQuery: "", bodyMultipart: "", bodyXML: "application/xml; charset=utf-8", bodySOAP11: "text/xml; charset=utf-8",
	bodySOAP12: "", bodyText: "text/plain; charset=utf-8"}

// header adds a header that is always the same.
func (c *compiler) header(name string, v constant) {
	c.lines.addText(name + ": ")
	c.lines.add(v)
	c.lines.addText("\r\n")
}

// part adds a piece of the head behind what is always the same.
func (c *compiler) part(p headPart) {
	p.lit = c.lines
	c.lines = constant{}
	c.out.head = append(c.out.head, p)
}

// headerFree checks a header's name, and takes it.
func (c *compiler) headerFree(path, name string) bool {
	low := strings.ToLower(name)
	switch {
	case !wire.HeaderName(name):
		c.bad(path, name, "a header name, without spaces")
		return false
	case ownHeaders[low] != "":
		c.bad(path, "", "no such header: %s", ownHeaders[low])
		return false
	case c.seen[low]:
		c.bad(path, "", "each header once")
		return false
	}
	c.seen[low] = true
	return true
}

func (c *compiler) headerTemplate(path string, h wire.Header) {
	t := c.template(templatePlace{path: path}, strings.Trim(h.Value.Text, " \t"))
	if t == nil {
		return
	}
	sum := 0
	for _, p := range t.pieces {
		if sum += len(p.lit.plain); !printable(string(p.lit.plain)) || !printable(string(p.lit.redacted)) {
			sum = HeaderBytesMax + 1
		}
	}
	if sum > HeaderBytesMax {
		c.bad(path, h.Value.Text, "at most %d bytes of printable ASCII in one line, secrets included", HeaderBytesMax)
		return
	}
	c.part(headPart{kind: headTemplate, name: h.Name + ": ", tmpl: t})
}

func (c *compiler) headerValue(path string, s wire.Scalar) (constant, bool) {
	if s.Kind == wire.ScalarNone {
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
