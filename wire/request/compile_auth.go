// SPDX-License-Identifier: Apache-2.0

package request

import (
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"strings"
)

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

// compileAuth adds what auth puts into the head and the URL.
func (c *compiler) compileAuth() {
	a := c.spec.Auth
	if a == nil {
		return
	}
	if a.Header != nil {
		c.headerSecret("auth.header", a.Header.Name, "", a.Header.Value)
	}
	if a.Basic != nil {
		c.basic(a.Basic)
	}
	if a.Bearer != "" {
		c.headerSecret("auth.bearer", "Authorization", "Bearer ", a.Bearer)
	}
	if a.Query != nil {
		c.authQuery(a.Query)
	}
	if a.OAuth2 != nil && c.headerFree("auth.oauth2", "Authorization") {
		c.oauth2(a.OAuth2)
		c.part(headPart{kind: headBearer})
	}
	if a.Cookies {
		if !c.post {
			c.bad("auth.cookies", "true", "cookies only in a post: they come from the ping's answer")
		}
		if c.headerFree("auth.cookies", "Cookie") {
			c.out.cookies = true
			c.part(headPart{kind: headCookies})
		}
	}
	if a.HMAC != nil {
		c.signature(a.HMAC)
	}
}

func (c *compiler) basic(b *BasicSpec) {
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

// authQuery puts a parameter behind those that the URL has.
func (c *compiler) authQuery(q *AuthPairSpec) {
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

// authBody puts one more field behind those of the body.
func (c *compiler) authBody() {
	if c.spec.Auth == nil || c.spec.Auth.Body == nil {
		return
	}
	b := c.spec.Auth.Body
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
		if path, err = parsePath(b.Name); err == nil {
			err = c.root.place(path, put(encodeJSON), len(c.spec.Fields))
		}
	}
	if err != nil {
		c.bad("auth.body.name", b.Name, "%s", err)
	}
}

func (c *compiler) oauth2(s *OAuth2Spec) {
	o := &OAuth2{TokenURL: s.TokenURL, Scopes: s.Scopes, Audience: s.Audience, InBody: s.InBody}
	u, err := url.Parse(s.TokenURL)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.User != nil, u.Fragment != "",
		!validHost(strings.ToLower(u.Hostname())), len(s.TokenURL) > URLBytesMax, !printable(s.TokenURL):
		c.bad("auth.oauth2.token_url", "", "an http or https URL without a user, a password or a fragment")
	}
	for _, scope := range s.Scopes {
		if scope == "" || !printable(scope) || strings.ContainsAny(scope, ` "\`) {
			c.bad("auth.oauth2.scopes", scope, "names of scopes, one an entry")
		}
	}
	if id, ok := c.secret("auth.oauth2.client_id", s.ClientID); ok {
		o.ClientID = string(id.encode(asIs, asIs, asIs).plain)
	}
	if word, ok := c.secret("auth.oauth2.client_secret", s.ClientSecret); ok {
		o.ClientSecret = string(word.encode(asIs, asIs, asIs).plain)
	}
	c.out.bearer, c.out.oauth2 = true, o
}

func (c *compiler) signature(s *SignSpec) {
	out := &signer{}
	algo, ok := algorithmNamed(or(s.Algorithm, "sha256"))
	if !ok {
		c.bad("auth.hmac.algorithm", s.Algorithm, "one of %s", strings.Join(algorithmNames, ", "))
	}
	switch or(s.Encoding, "hex") {
	case "hex":
	case "base64":
		out.digest = digestBase64
	case "base64url":
		out.digest = digestBase64URL
	default:
		c.bad("auth.hmac.encoding", s.Encoding, "one of hex, base64, base64url")
	}
	out.length = out.digest.length(algo.size())
	if key, ok := c.signKey(s); ok {
		out.macs = macPool(algo, key)
	}
	if s.Sign != "" {
		out.text = c.template(templatePlace{path: "auth.hmac.sign", extra: signed}, s.Sign)
	}
	if !printable(s.Prefix) || len(s.Prefix) > FormatBytesMax {
		c.bad("auth.hmac.prefix", s.Prefix, "at most %d signs of printable ASCII", FormatBytesMax)
	}
	switch {
	case (s.Header == "") == (s.Query == ""):
		c.bad("auth.hmac", "", "a header or a query that carries the signature")
	case s.Header != "":
		if c.headerFree("auth.hmac.header", s.Header) {
			c.lines.addText(s.Header + ": " + s.Prefix)
			c.part(headPart{kind: headSignature})
			c.lines.addText("\r\n")
		}
	case out.digest == digestBase64:
		c.bad("auth.hmac.encoding", s.Encoding, "hex or base64url in a URL")
	default:
		if lead, ok := c.pairLead("auth.hmac.query", s.Query, bodyQuery); ok {
			out.query = string(appendForm(lead[1:], s.Prefix))
		}
	}
	c.out.sign = out
}

// signKey reads the key as it is written.
func (c *compiler) signKey(s *SignSpec) ([]byte, bool) {
	t, ok := c.secret("auth.hmac.key", s.Key)
	if !ok {
		return nil, false
	}
	key := t.encode(asIs, asIs, asIs).plain
	var err error
	switch or(s.KeyEncoding, "text") {
	case "text":
	case "hex":
		key, err = hex.DecodeString(string(key))
	case "base64":
		key, err = base64.StdEncoding.DecodeString(string(key))
	default:
		c.bad("auth.hmac.key_encoding", s.KeyEncoding, "one of text, hex, base64")
	}
	if err != nil {
		c.bad("auth.hmac.key", "", "a key in %s, as key_encoding says", s.KeyEncoding)
	}
	return key, err == nil
}
