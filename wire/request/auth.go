// SPDX-License-Identifier: Apache-2.0

package request

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
)

// scheme is a way in which a request shows who sends it: a row of the table below.
//
// What is the same in every request, compile and body write as constants, in both readings: with the secrets, and with
// their placeholders. What is known only when a request is rendered has the other columns: head for the value of a
// header, with redact for what is kept in its place, and sign for what is made of the whole request.
type scheme struct {
	key   string // of AuthSpec
	given func(a *AuthSpec) bool
	// compile puts constants into the head and the URL, and asks for the places of values that come later.
	compile func(c *compiler, a *AuthSpec)
	// body puts a field behind those of the body.
	body func(c *compiler, a *AuthSpec)
	// head is the value of the header for which compile has called liveHeader; empty: the header is left out.
	head func(now credentials) ([]byte, error)
	// redact is what stands for head's value in what is kept of a request.
	redact func(now credentials) string
	// sign appends the signature of what is signed; compile has said where it goes, and how long it is.
	sign func(s *signer, dst, signed []byte) []byte
}

// schemes are the ways to authenticate, in the order in which their headers stand.
var schemes = []scheme{
	{key: "header", given: func(a *AuthSpec) bool { return a.Header != nil }, compile: compileSecretHeader},
	{key: "basic", given: func(a *AuthSpec) bool { return a.Basic != nil }, compile: compileBasic},
	{key: "bearer", given: func(a *AuthSpec) bool { return a.Bearer != "" }, compile: compileBearer},
	{key: "query", given: func(a *AuthSpec) bool { return a.Query != nil }, compile: compileSecretQuery},
	{key: "oauth2", given: func(a *AuthSpec) bool { return a.OAuth2 != nil }, compile: compileOAuth2,
		head: accessToken, redact: func(credentials) string { return "${oauth2}" }},
	{key: "cookies", given: func(a *AuthSpec) bool { return a.Cookies }, compile: compileCookies,
		head: cookies, redact: cookiesHolder},
	{key: "hmac", given: func(a *AuthSpec) bool { return a.HMAC != nil }, compile: compileHMAC, sign: (*signer).hmac},
	{key: "body", given: func(a *AuthSpec) bool { return a.Body != nil }, body: compileSecretField},
}

// credentials are what the schemes need that is known only when a request is rendered.
type credentials struct{ bearer, cookies []byte }

// secretHolder stands for a secret that was written into the file as it is.
const secretHolder = "***"

// compileAuth adds what the schemes put into the head and the URL.
func (c *compiler) compileAuth() {
	for i := range schemes {
		if s := &schemes[i]; c.spec.Auth != nil && s.compile != nil && s.given(c.spec.Auth) {
			c.scheme = s
			s.compile(c, c.spec.Auth)
		}
	}
}

// authBody adds what the schemes put behind the fields of the body.
func (c *compiler) authBody() {
	for i := range schemes {
		if s := &schemes[i]; c.spec.Auth != nil && s.body != nil && s.given(c.spec.Auth) {
			s.body(c, c.spec.Auth)
		}
	}
}

// liveHeader adds a header whose value the scheme that is being compiled gives at each rendering; before is the
// header's name with all that always stands before the value.
func (c *compiler) liveHeader(before string) {
	c.part(headPart{kind: headLive, name: before, scheme: c.scheme})
}

// appendLive writes a header whose value a scheme gives.
func (h *headPart) appendLive(dst []byte, p *pass) []byte {
	now := credentials{bearer: p.Bearer, cookies: p.Cookies}
	if p.redact {
		if shown := h.scheme.redact(now); shown != "" {
			dst = append(append(append(dst, h.name...), shown...), '\r', '\n')
		}
		return dst
	}
	value, err := h.scheme.head(now)
	if err != nil {
		p.err = err
		return dst
	}
	if len(value) == 0 {
		return dst
	}
	p.over = p.over || len(value) > HeaderBytesMax
	dst = appendHeader(append(dst, h.name...), value)
	return append(dst, '\r', '\n')
}

// secret resolves a text that is a secret as a whole: one that is written out is hidden too.
func (c *compiler) secret(path, s string) (secretText, bool) {
	if s == "" {
		c.bad(path, "", "a value, such as ${env:NAME}")
		return secretText{}, false
	}
	t, err := resolve(s, c.opt)
	if err != nil {
		c.bad(path, "", "%s", err)
		return secretText{}, false
	}
	hidden := true
	size := 0
	for _, p := range t.parts {
		hidden = hidden && p.holder == ""
		size += len(p.plain)
	}
	if size == 0 || size > HeaderBytesMax {
		c.bad(path, "", "1 to %d bytes", HeaderBytesMax)
		return secretText{}, false
	}
	if hidden {
		t.parts[0].holder = secretHolder
	}
	return t, true
}

// headerSecret makes a secret the value of a header.
func (c *compiler) headerSecret(path, name, before, s string) {
	t, ok := c.secret(path, s)
	if !c.headerFree(path, name) || !ok {
		return
	}
	v := t.encode(asIs, asIs, asIs)
	if !printable(string(v.plain)) {
		c.bad(path, "", "printable ASCII in one line")
		return
	}
	line := constant{[]byte(before), []byte(before)}
	line.add(v)
	c.header(name, line)
}

func compileSecretHeader(c *compiler, a *AuthSpec) {
	c.headerSecret("auth.header", a.Header.Name, "", a.Header.Value)
}

func compileBearer(c *compiler, a *AuthSpec) {
	c.headerSecret("auth.bearer", "Authorization", "Bearer ", a.Bearer)
}

func compileBasic(c *compiler, a *AuthSpec) {
	b := a.Basic
	user, err := resolve(b.User, c.opt)
	if err != nil {
		c.bad("auth.basic.user", "", "%s", err)
		return
	}
	password, ok := c.secret("auth.basic.password", b.Password)
	if !c.headerFree("auth.basic", "Authorization") || !ok {
		return
	}
	name, word := user.encode(asIs, asIs, asIs), password.encode(asIs, asIs, asIs)
	if len(name.plain) == 0 || strings.Contains(string(name.plain), ":") || !printable(string(name.redacted)) {
		c.bad("auth.basic.user", "", "a name in printable ASCII without a colon")
		return
	}
	plain := base64.StdEncoding.EncodeToString([]byte(string(name.plain) + ":" + string(word.plain)))
	c.header("Authorization", constant{[]byte("Basic " + plain), []byte("Basic " + string(name.redacted) + ":" +
		string(word.redacted))})
}

// compileSecretQuery puts a parameter behind those that the URL has.
func compileSecretQuery(c *compiler, a *AuthSpec) {
	q := a.Query
	t, ok := c.secret("auth.query.value", q.Value)
	lead, named := c.pairLead("auth.query.name", q.Name, bodyQuery)
	if !ok || !named || len(c.out.line.pieces) == 0 {
		return
	}
	lit := constant{}
	lit.addText(c.out.mark + string(lead[1:]))
	lit.add(t.encode(appendForm[string], appendForm[string], asIs))
	c.out.line.pieces = append(c.out.line.pieces, piece{lit: lit})
	c.out.mark = "&"
}

// compileSecretField puts one more field behind those of the body.
func compileSecretField(c *compiler, a *AuthSpec) {
	b := a.Body
	t, ok := c.secret("auth.body.value", b.Value)
	if !ok {
		return
	}
	put := func(enc encoding) *field {
		k := t.encode(escapeOf(enc), escapeOf(enc), holderOf(enc))
		if enc == encodeJSON {
			k = constant{quote(k.plain), quote(k.redacted)}
		}
		return &field{enc: enc, constant: &k}
	}
	var err error
	switch {
	case c.out.doc == bodyText:
		c.bad("auth.body", "", "nothing here: the body is a template")
	case c.out.doc.pairs():
		c.placePair(put(pairEncoding(c.out.body)), b.Name, "auth.body", c.out.body)
	case c.out.doc.xml():
		var path []xmlStep
		if path, err = c.xmlPath(b.Name); err == nil {
			enc := encodeXML
			if path[len(path)-1].attr {
				enc = encodeAttr
			}
			err = c.xml.root.place(path, put(enc), len(c.spec.Fields))
		}
	default:
		var path []step
		path, err = parsePath(b.Name)
		switch {
		case err != nil:
		case slices.ContainsFunc(path, func(s step) bool { return s.each }):
			err = fmt.Errorf("a path without [*]")
		default:
			err = c.root.place(path, put(encodeJSON), len(c.spec.Fields))
		}
	}
	if err != nil {
		c.bad("auth.body.name", b.Name, "%s", err)
	}
}

// compileCookies leaves room for the cookies of the ping's answer.
func compileCookies(c *compiler, _ *AuthSpec) {
	if !c.post {
		c.bad("auth.cookies", "true", "cookies only in a post: they come from the ping's answer")
	}
	if c.headerFree("auth.cookies", "Cookie") {
		c.out.cookies = true
		c.liveHeader("Cookie: ")
	}
}

// cookies is the value of Cookie, where the answer to the ping has set any.
func cookies(now credentials) ([]byte, error) { return now.cookies, nil }

// cookiesHolder stands for cookies, where there are any.
func cookiesHolder(now credentials) string {
	if len(now.cookies) == 0 {
		return ""
	}
	return "${cookies}"
}
