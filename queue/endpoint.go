// SPDX-License-Identifier: Apache-2.0

package queue

import (
	"bytes"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Endpoint is where a line's messages go. It never changes.
type Endpoint struct {
	URL          *url.URL
	Secrets      []Secret // at least one
	Timeout      time.Duration
	For          time.Duration // how long a message is sent again and again, from its event on
	AllowPrivate bool          // the URL may be one within the own network
}

// Addr is the host and the port that the endpoint listens at.
func (p *Endpoint) Addr() string {
	port := p.URL.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[p.URL.Scheme]
	}
	return p.URL.Hostname() + ":" + port
}

// Request is the whole request of a message that is sent at a time, signed. It asks for a connection of its own.
func (p *Endpoint) Request(m *Message, now time.Time) ([]byte, error) {
	h, err := Sign(m, now, p.Secrets)
	if err != nil {
		return nil, err
	}
	h.Set("Content-Type", "application/json")
	h.Set("User-Agent", "clearpost")
	h.Set("Connection", "close")
	req, err := http.NewRequest(http.MethodPost, p.URL.String(), bytes.NewReader(m.Body))
	if err != nil {
		return nil, err
	}
	req.Header = h
	var b bytes.Buffer
	if err := req.Write(&b); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// passing are the statuses below 500 that say something of the endpoint, or of the moment, and not of the message: a
// route or a key that is not set up yet, a server that has too much to do.
var passing = map[int]bool{http.StatusUnauthorized: true, http.StatusForbidden: true, http.StatusNotFound: true,
	http.StatusProxyAuthRequired: true, http.StatusRequestTimeout: true, http.StatusMisdirectedRequest: true,
	http.StatusLocked: true, http.StatusTooEarly: true, http.StatusTooManyRequests: true}

// Judge tells what an answer's status means. retryAfter is its header Retry-After, in seconds or as a date; what it
// holds otherwise counts as nothing.
func Judge(status int, retryAfter string, now time.Time) Answer {
	if status >= 200 && status <= 299 {
		return Answer{Taken: true, Heard: true}
	}
	a := Answer{Heard: true, Why: "HTTP status " + strconv.Itoa(status)}
	a.Never = status >= 400 && status <= 499 && !passing[status]
	retryAfter = strings.TrimSpace(retryAfter)
	if n, err := strconv.ParseUint(retryAfter, 10, 31); err == nil {
		a.After = time.Duration(n) * time.Second
	} else if at, err := http.ParseTime(retryAfter); err == nil {
		a.After = max(at.Sub(now), 0)
	}
	return a
}
