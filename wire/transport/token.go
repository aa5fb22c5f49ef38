// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// Bounds of fetching a token.
const (
	TokenBytesMax       = 4096             // of an access token: a longer one is none
	tokenAnswerBytesMax = 64 << 10         // of the token endpoint's answer
	tokenFetchMax       = 10 * time.Second // for one fetch
	tokenLifeUnknown    = 30 * time.Minute // how often a token is renewed whose answer names no end
	tokenRetryMin       = time.Second      // between fetches, and the first pause after a failure
	tokenRetryMax       = time.Minute
)

// TokenConfig says where access tokens come from: OAuth 2.0 with client credentials.
type TokenConfig struct {
	URL          string // of the token endpoint
	ClientID     string
	ClientSecret string
	Scopes       []string
	InBody       bool        // id and secret stand in the form; else in a Basic header
	Params       url.Values  // further parameters, such as audience
	TLSConfig    *tls.Config // optional
	AllowPrivate bool        // the token endpoint may stand at an address that is not on the public Internet
}

// key tells configurations apart, without holding the secret.
func (c *TokenConfig) key() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %q %q %v %v %p", c.URL, c.ClientID, c.ClientSecret, c.Scopes,
		c.Params.Encode(), c.InBody, c.AllowPrivate, c.TLSConfig))
	return string(sum[:])
}

// Tokens keeps one access token at hand: fetched ahead, renewed before its end by a goroutine of its own, never by a
// call. All methods may be called at any time by anyone.
type Tokens struct {
	client *Client
	source clientcredentials.Config
	http   *http.Client
	key    string
	ctx    context.Context
	stop   context.CancelFunc
	start  sync.Once
	wake   chan struct{} // asks for a fetch soon; holds one

	now     atomic.Pointer[token]
	mu      sync.Mutex
	changed chan struct{} // guarded by mu; closed and replaced at each end of a fetch
	problem atomic.Pointer[string]
	fetched atomic.Uint64
	failed  atomic.Uint64
}

type token struct {
	text  []byte
	until time.Time // not used from then on; zero: unknown
	renew time.Time
}

// Tokens gives the keeper of the tokens of a configuration; equal configurations share one. Nothing is fetched before
// Start.
func (c *Client) Tokens(cfg TokenConfig) (*Tokens, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		// its text may hold a secret
		return nil, errors.New("transport: the token URL is no absolute http or https URL")
	}
	key := cfg.key()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, errors.New("transport: the client is closed")
	}
	if t := c.tokens[key]; t != nil {
		return t, nil
	}
	d := c.dialer(cfg.AllowPrivate)
	dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
		return d.DialContext(ctx, network, addr)
	}
	t := &Tokens{client: c, key: key, wake: make(chan struct{}, 1), changed: make(chan struct{}),
		source: clientcredentials.Config{ClientID: cfg.ClientID, ClientSecret: cfg.ClientSecret, TokenURL: cfg.URL,
			Scopes: slices.Clone(cfg.Scopes), EndpointParams: cfg.Params, AuthStyle: oauth2.AuthStyleInHeader}}
	if cfg.InBody {
		t.source.AuthStyle = oauth2.AuthStyleInParams
	}
	t.http = &http.Client{
		Timeout:       tokenFetchMax,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: bounded{&http.Transport{DialContext: dial, TLSClientConfig: tokenTLS(cfg.TLSConfig),
			DisableKeepAlives: true, TLSHandshakeTimeout: tokenFetchMax, MaxResponseHeaderBytes: tokenAnswerBytesMax}},
	}
	t.ctx, t.stop = context.WithCancel(c.ctx)
	c.tokens[key] = t
	return t, nil
}

func tokenTLS(own *tls.Config) *tls.Config {
	cfg := &tls.Config{}
	if own != nil {
		cfg = own.Clone()
	}
	cfg.MinVersion = max(cfg.MinVersion, tls.VersionTLS12)
	return cfg
}

// KeepTokens ends the renewal of all tokens but these. Those that it ends can still be read by calls that began before.
func (c *Client) KeepTokens(keep []*Tokens) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, t := range c.tokens {
		if !slices.Contains(keep, t) {
			t.stop()
			delete(c.tokens, key)
		}
	}
}

// Start fetches the first token and keeps it fresh from now on. It does not wait. Again is the same as once.
func (t *Tokens) Start() {
	t.start.Do(func() {
		t.client.mu.Lock()
		defer t.client.mu.Unlock()
		if !t.client.closed {
			t.client.renewal.Go(t.run)
		}
	})
}

// Bearer is the token of the moment, nil if there is none that may be used. It must not be changed.
func (t *Tokens) Bearer() []byte {
	k := t.now.Load()
	if k == nil || !k.until.IsZero() && !time.Now().Before(k.until) {
		return nil
	}
	return k.text
}

// Reject says that the buyer did not take a token: it is not used again, and another is fetched in the background.
func (t *Tokens) Reject(text []byte) {
	if k := t.now.Load(); k != nil && string(k.text) == string(text) {
		t.now.CompareAndSwap(k, nil)
	}
	t.ask()
}

// Renew rejects a token and waits for another until the context ends or a fetch fails; nil if there is none.
func (t *Tokens) Renew(ctx context.Context, text []byte) []byte {
	t.mu.Lock()
	end := t.changed
	t.mu.Unlock()
	t.Reject(text)
	for {
		if b := t.Bearer(); b != nil && string(b) != string(text) {
			return b
		}
		select {
		case <-end:
			if b := t.Bearer(); b != nil && string(b) != string(text) {
				return b
			}
			return nil
		case <-ctx.Done():
			return nil
		case <-t.ctx.Done():
			return nil
		}
	}
}

// Problem says why the last fetch failed, without any secret; empty after one that did not.
func (t *Tokens) Problem() string {
	if p := t.problem.Load(); p != nil {
		return *p
	}
	return ""
}

// Fetches counts the tokens that were got, and the fetches that failed.
func (t *Tokens) Fetches() (got, failed uint64) { return t.fetched.Load(), t.failed.Load() }

func (t *Tokens) ask() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// run fetches when a token is due or asked for, at most once in tokenRetryMin, and more and more seldom while it fails.
func (t *Tokens) run() {
	pause := tokenRetryMin
	for {
		begun := time.Now()
		next := pause
		got, err := t.fetch(begun)
		if err != nil {
			text := whyNoToken(err)
			t.problem.Store(&text)
			t.failed.Add(1)
			pause = min(2*pause, tokenRetryMax)
		} else {
			t.problem.Store(nil)
			t.fetched.Add(1)
			pause = tokenRetryMin
			next = max(got.renew.Sub(begun), tokenRetryMin) // not t.now's: a call may have rejected it by now
		}
		t.mu.Lock()
		close(t.changed)
		t.changed = make(chan struct{})
		t.mu.Unlock()
		if !t.rest(begun, next) {
			return
		}
	}
}

// rest waits until a fetch is due; one that is asked for waits only for the least pause. False: the end.
func (t *Tokens) rest(begun time.Time, next time.Duration) bool {
	due := time.NewTimer(time.Until(begun.Add(next)))
	defer due.Stop()
	select {
	case <-due.C:
		return true
	case <-t.ctx.Done():
		return false
	case <-t.wake:
	}
	soon := time.NewTimer(time.Until(begun.Add(tokenRetryMin)))
	defer soon.Stop()
	select {
	case <-soon.C:
		return true
	case <-t.ctx.Done():
		return false
	}
}

func (t *Tokens) fetch(now time.Time) (*token, error) {
	ctx, cancel := context.WithTimeout(context.WithValue(t.ctx, oauth2.HTTPClient, t.http), tokenFetchMax)
	defer cancel()
	got, err := t.source.Token(ctx)
	switch {
	case err != nil:
		return nil, err
	case !usable(got.AccessToken):
		return nil, errTokenText
	}
	k := &token{text: []byte(got.AccessToken), renew: now.Add(tokenLifeUnknown)}
	if !got.Expiry.IsZero() {
		life := got.Expiry.Sub(now)
		k.until, k.renew = got.Expiry.Add(-min(life/20, 5*time.Second)), now.Add(life*4/5)
	}
	t.now.Store(k)
	return k, nil
}

var errTokenText = errors.New("the access token is empty, too long or not of visible ASCII characters")

// usable tells whether a text may stand in an Authorization header.
func usable(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return s != "" && len(s) <= TokenBytesMax
}

// whyNoToken tells what went wrong in words of ours: those of the other side, and the request's URL, may hold secrets.
func whyNoToken(err error) string {
	var refused *oauth2.RetrieveError
	var call *url.Error
	switch {
	case errors.As(err, &refused) && refused.Response != nil:
		switch refused.ErrorCode {
		case "invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type",
			"invalid_scope":
			return fmt.Sprintf("the token endpoint answered %d (%s)", refused.Response.StatusCode, refused.ErrorCode)
		}
		return fmt.Sprintf("the token endpoint answered %d", refused.Response.StatusCode)
	case errors.Is(err, errBlocked):
		return "the token endpoint's address is private or reserved and not allowed"
	case errors.Is(err, errTokenText):
		return err.Error()
	case errors.Is(err, errAnswerTooLarge):
		return errAnswerTooLarge.Error()
	case errors.As(err, &call) && call.Timeout():
		return "the token endpoint did not answer in time"
	case errors.As(err, &call):
		return "the token endpoint cannot be reached"
	}
	return "the token endpoint's answer holds no token"
}

var errAnswerTooLarge = fmt.Errorf("the token endpoint's answer is larger than %d bytes", tokenAnswerBytesMax)

// bounded limits the answers of a transport.
type bounded struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	whole, err := io.ReadAll(io.LimitReader(resp.Body, tokenAnswerBytesMax+1))
	if err == nil && len(whole) > tokenAnswerBytesMax {
		err = errAnswerTooLarge
	}
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(whole))
	return resp, nil
}
