// SPDX-License-Identifier: Apache-2.0

package request

import (
	"net/url"
	"strings"
)

// OAuth2 is how a token is got by client credentials. It holds secrets, which its String leaves out.
type OAuth2 struct {
	TokenURL     string
	ClientID     string
	ClientSecret string
	Scopes       []string
	Audience     string // empty: none is sent
	InBody       bool   // id and secret stand in the form, not in a Basic header
}

// String names the token's URL only.
func (o *OAuth2) String() string { return "oauth2 " + o.TokenURL }

// GoString is String.
func (o *OAuth2) GoString() string { return o.String() }

// compileOAuth2 leaves room for the access token of the moment, and says how one is got.
func compileOAuth2(c *compiler, a *AuthSpec) {
	if !c.headerFree("auth.oauth2", "Authorization") {
		return
	}
	s := a.OAuth2
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
	c.out.oauth2 = o
	c.liveHeader("Authorization: Bearer ")
}

// accessToken is the token of the moment. Without one that a header can carry there is no request.
func accessToken(now credentials) ([]byte, error) {
	if len(now.bearer) == 0 || len(now.bearer) > HeaderBytesMax {
		return nil, ErrBearer
	}
	for _, c := range now.bearer {
		if c <= ' ' || c > 0x7e {
			return nil, ErrBearer
		}
	}
	return now.bearer, nil
}
