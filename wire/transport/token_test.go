// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// issuer is a token endpoint that counts what it hands out.
func issuer(t *testing.T, handle func(w http.ResponseWriter, r *http.Request, n int64)) (*httptest.Server,
	*atomic.Int64) {
	t.Helper()
	n := &atomic.Int64{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handle(w, r, n.Add(1)) }))
	t.Cleanup(s.Close)
	return s, n
}

func grant(w http.ResponseWriter, _ *http.Request, n int64) {
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"access_token":"tok-%d","token_type":"Bearer","expires_in":3600}`, n)
}

func tokens(t *testing.T, c *Client, cfg TokenConfig) *Tokens {
	t.Helper()
	cfg.ClientID, cfg.ClientSecret = "exchange", "s3cret-value"
	k, err := c.Tokens(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// eventually waits for what another goroutine brings about.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(plenty); time.Now().Before(end); <-tick.C {
		if cond() {
			return
		}
	}
	t.Fatalf("not in time: %s", what)
}

func TestTokenIsFetchedAheadAndShared(t *testing.T) {
	var auth atomic.Value
	s, n := issuer(t, func(w http.ResponseWriter, r *http.Request, n int64) {
		auth.Store(r.Header.Get("Authorization") + " " + r.FormValue("grant_type") + " " + r.FormValue("scope"))
		grant(w, r, n)
	})
	c := client(t, Config{})
	k := tokens(t, c, TokenConfig{URL: s.URL, AllowPrivate: true, Scopes: []string{"leads", "pings"}})
	if k.Bearer() != nil {
		t.Error("a token before the start")
	}
	k.Start()
	k.Start()
	eventually(t, "the first token", func() bool { return string(k.Bearer()) == "tok-1" })
	want := "Basic " + base64.StdEncoding.EncodeToString([]byte("exchange:s3cret-value")) +
		" client_credentials leads pings"
	if got := auth.Load(); got != want {
		t.Errorf("asked with %q, want %q", got, want)
	}
	if tokens(t, c, TokenConfig{URL: s.URL, AllowPrivate: true, Scopes: []string{"leads", "pings"}}) != k {
		t.Error("an equal configuration has a keeper of its own")
	}
	if tokens(t, c, TokenConfig{URL: s.URL, AllowPrivate: true, Scopes: []string{"leads"}}) == k {
		t.Error("another scope shares the token")
	}
	if n.Load() != 1 {
		t.Errorf("%d fetches", n.Load())
	}
}

func TestRejectedTokenIsReplaced(t *testing.T) {
	s, _ := issuer(t, grant)
	k := tokens(t, client(t, Config{}), TokenConfig{URL: s.URL, AllowPrivate: true})
	k.Start()
	eventually(t, "the first token", func() bool { return k.Bearer() != nil })
	old := k.Bearer()
	ctx, cancel := context.WithTimeout(t.Context(), plenty)
	defer cancel()
	if b := k.Renew(ctx, old); string(b) != "tok-2" {
		t.Fatalf("renewed to %q", b)
	}
	k.Reject(old) // by another call that had it too
	if b := k.Bearer(); string(b) != "tok-2" {
		t.Errorf("a late rejection of the old one took %q away", b)
	}
}

func TestTokenIsRenewedBeforeItsEnd(t *testing.T) {
	s, _ := issuer(t, func(w http.ResponseWriter, _ *http.Request, n int64) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"access_token":"tok-%d","token_type":"bearer","expires_in":2}`, n)
	})
	k := tokens(t, client(t, Config{}), TokenConfig{URL: s.URL, AllowPrivate: true})
	k.Start()
	eventually(t, "the first token", func() bool { return string(k.Bearer()) == "tok-1" })
	eventually(t, "the second, with never a moment without", func() bool {
		b := k.Bearer()
		if b == nil {
			t.Fatal("no token between two")
		}
		return string(b) == "tok-2"
	})
}

func TestTokenFailuresTellNoSecrets(t *testing.T) {
	var hits atomic.Int64
	trap := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
	defer trap.Close()
	cases := map[string]struct {
		handle func(w http.ResponseWriter, r *http.Request, n int64)
		why    string
	}{
		"refused": {func(w http.ResponseWriter, _ *http.Request, _ int64) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(401)
			fmt.Fprint(w, `{"error":"invalid_client","error_description":"s3cret-value is wrong"}`)
		}, "the token endpoint answered 401 (invalid_client)"},
		"a code of its own": {func(w http.ResponseWriter, _ *http.Request, _ int64) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(400)
			fmt.Fprint(w, `{"error":"s3cret-value"}`)
		}, "the token endpoint answered 400"},
		"redirect": {func(w http.ResponseWriter, r *http.Request, _ int64) {
			http.Redirect(w, r, trap.URL, http.StatusTemporaryRedirect)
		}, "the token endpoint answered 307"},
		"endless": {func(w http.ResponseWriter, _ *http.Request, _ int64) {
			fmt.Fprint(w, strings.Repeat("s3cret-value", 10000))
		}, errAnswerTooLarge.Error()},
		"no token": {func(w http.ResponseWriter, _ *http.Request, _ int64) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"token":"s3cret-value"}`)
		}, "the token endpoint's answer holds no token"},
		"a token that breaks headers": {func(w http.ResponseWriter, _ *http.Request, _ int64) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"access_token":"a\r\nX-Evil: 1","token_type":"bearer"}`)
		}, errTokenText.Error()},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s, _ := issuer(t, tc.handle)
			k := tokens(t, client(t, Config{}), TokenConfig{URL: s.URL, AllowPrivate: true})
			k.Start()
			eventually(t, "a failure", func() bool { return k.Problem() != "" })
			if k.Problem() != tc.why || k.Bearer() != nil {
				t.Errorf("got %q and token %q, want %q", k.Problem(), k.Bearer(), tc.why)
			}
		})
	}
	if hits.Load() != 0 {
		t.Error("a redirect of the credentials was followed")
	}
}

func TestTokensAreEndedWithTheirConfiguration(t *testing.T) {
	s, n := issuer(t, grant)
	c := client(t, Config{})
	k := tokens(t, c, TokenConfig{URL: s.URL, AllowPrivate: true})
	k.Start()
	eventually(t, "the first token", func() bool { return k.Bearer() != nil })
	c.KeepTokens(nil)
	if string(k.Bearer()) != "tok-1" {
		t.Error("a call that began before has no token any more")
	}
	ctx, cancel := context.WithTimeout(t.Context(), plenty)
	defer cancel()
	if b := k.Renew(ctx, []byte("tok-1")); b != nil || n.Load() != 1 {
		t.Errorf("renewed after its end: %q, %d fetches", b, n.Load())
	}
}
