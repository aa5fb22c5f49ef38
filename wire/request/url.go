// SPDX-License-Identifier: Apache-2.0

package request

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// compileURL splits the URL at the end of the authority, which must hold neither secret nor template, so that one look
// at the file tells where leads go.
func (c *compiler) compileURL() {
	shown := c.spec.URL
	if strings.Contains(shown, "@") {
		shown = "" // a password may stand there
	}
	bad := func(format string, args ...any) { c.bad("url", shown, format, args...) }
	if c.spec.URL == "" {
		bad("an http or https URL")
		return
	}
	first, _, _ := strings.Cut(c.spec.URL, "{{")
	t, err := resolve(first, c.opt)
	if err != nil {
		bad("%s", err)
		return
	}
	line := c.template(templatePlace{path: "url", secret: appendPercent, hidden: shown == ""}, c.spec.URL)
	if line == nil {
		return
	}
	whole := "" // with an x for each value
	for _, p := range line.pieces {
		if whole += string(p.lit.plain); p.expr != nil {
			whole += "x"
		}
	}
	if len(whole) > URLBytesMax {
		bad("at most %d bytes", URLBytesMax)
		return
	}
	end, ok := 0, false
	if len(t.parts) > 0 {
		end, ok = authorityEnd(t.parts[0])
	}
	if !ok && (len(t.parts) != 1 || t.parts[0].holder != "" || len(line.pieces) > 1) {
		bad("no secret and no template before the path: scheme, host and port are written out")
		return
	}
	if err := c.setHost(whole); err != nil {
		bad("%s", err)
		return
	}
	lit := &line.pieces[0].lit
	lit.plain = append([]byte(c.method+" "), rootSlash(lit.plain[end:])...)
	lit.redacted = append([]byte(c.method+" "), rootSlash(lit.redacted[end:])...)
	c.out.line, c.out.moves = *line, len(line.pieces) > 1
	switch at := strings.IndexByte(whole, '?'); {
	case at < 0:
		c.out.mark = "?"
	case at < len(whole)-1 && whole[len(whole)-1] != '&':
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
func (c *compiler) setHost(raw string) error {
	for i := 0; i < len(raw); i++ {
		if raw[i] <= ' ' || raw[i] > 0x7e || strings.IndexByte("\"<>\\^`{|}", raw[i]) >= 0 {
			return fmt.Errorf("a URL in printable ASCII: percent-encode every other sign, and < > \" \\ ^ ` { | }")
		}
	}
	u, err := url.Parse(raw)
	if err != nil {
		return fmt.Errorf("a well-formed http or https URL")
	}
	c.out.name = strings.ToLower(u.Hostname())
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
	case !validHost(c.out.name):
		return fmt.Errorf("a host name or an IP address")
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return fmt.Errorf("a port from 1 to 65535")
	}
	name := c.out.name
	if strings.Contains(name, ":") {
		name = "[" + name + "]"
	}
	c.out.addr = name + ":" + port
	c.out.host = c.hostHeader()
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

// hostHeader is the address without the port that goes without saying.
func (c *compiler) hostHeader() string {
	if c.out.tls {
		return strings.TrimSuffix(c.out.addr, ":443")
	}
	return strings.TrimSuffix(c.out.addr, ":80")
}
