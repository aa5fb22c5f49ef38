// SPDX-License-Identifier: Apache-2.0

package carrier

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"clearpost/batch"
)

// httpPlace is a URL that takes uploads.
type httpPlace struct {
	handed
	h      *batch.HTTP
	client *http.Client
}

func openHTTP(h *batch.HTTP, allowPrivate bool) (*httpPlace, error) {
	u, err := url.Parse(strings.ReplaceAll(h.URL, "{name}", "name"))
	if err != nil {
		return nil, err
	}
	t, err := httpTransport(u.Host, h.CA, h.Timeout, allowPrivate)
	if err != nil {
		return nil, err
	}
	stay := func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse // a file goes where it was told to
	}
	return &httpPlace{h: h, client: &http.Client{Transport: t, CheckRedirect: stay}}, nil
}

// answerMax is how much of an answer is read.
const answerMax = 4 << 10

// Store implements batch.Place.
func (p *httpPlace) Store(ctx context.Context, f *batch.File) error {
	to := strings.ReplaceAll(p.h.URL, "{name}", url.PathEscape(f.Name))
	r, err := http.NewRequestWithContext(ctx, p.h.Method, to, bytes.NewReader(f.Bytes))
	if err != nil {
		return withoutURL(err)
	}
	r.Header.Set("Content-Type", mediaType(f.Name))
	r.Header.Set("User-Agent", "clearpost")
	r.Header.Set("Idempotency-Key", f.ID.String())
	r.Header.Set("X-File-Name", f.Name)
	r.Header.Set("X-File-SHA256", f.SHA256)
	for name, value := range p.h.Headers {
		r.Header.Set(name, value)
	}
	whole := &uploads{RoundTripper: p.client.Transport}
	r.Body, r.GetBody = &watchedBody{r.Body, r.ContentLength, &whole.whole}, nil
	resp, err := p.client.Do(r)
	switch {
	case err != nil && !whole.whole.Load():
		return withoutURL(err)
	case err != nil:
		return errors.Join(batch.ErrUnclear, withoutURL(err))
	}
	defer resp.Body.Close()
	_, torn := io.Copy(io.Discard, io.LimitReader(resp.Body, answerMax))
	switch code := resp.StatusCode; {
	case code >= 200 && code <= 299 && torn == nil:
		return nil
	case code >= 400 && code <= 499, code == http.StatusTemporaryRedirect, code == http.StatusPermanentRedirect:
		return fmt.Errorf("HTTP status %d", code)
	default:
		return errors.Join(batch.ErrUnclear, fmt.Errorf("HTTP status %d", code), torn)
	}
}

// withoutURL is an error that does not tell where the request went: what lets it in may stand there, and errors go into
// logs and events.
func withoutURL(err error) error {
	var at *url.Error
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}

// Repeats implements batch.Place: PUT names the file, so that twice is once.
func (p *httpPlace) Repeats() bool { return p.h.Method == http.MethodPut }
