// SPDX-License-Identifier: Apache-2.0

package carrier

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"clearpost/batch"
)

// s3Place is a bucket. An object is there whole or not at all: nothing is staged.
type s3Place struct {
	handed
	client *minio.Client
	s      *batch.S3
	sent   *uploads
}

// uploads tells of the requests that carry files whether the last one's body went out to its end.
type uploads struct {
	http.RoundTripper
	whole atomic.Bool
}

// onlyTag is the key of a context's value: an object is removed only while this is its tag. The client has no option
// for it; what a server does not know it passes over.
type onlyTag struct{}

// RoundTrip implements http.RoundTripper.
func (u *uploads) RoundTrip(r *http.Request) (*http.Response, error) {
	if tag, ok := r.Context().Value(onlyTag{}).(string); ok && r.Method == http.MethodDelete {
		r = r.Clone(r.Context())
		r.Header.Set("If-Match", `"`+tag+`"`)
	}
	if r.Method == http.MethodPut && r.Body != nil {
		u.whole.Store(false)
		r = r.Clone(r.Context())
		r.Body = &watchedBody{r.Body, r.ContentLength, &u.whole}
	}
	resp, err := u.RoundTripper.RoundTrip(r)
	if err == nil && r.URL.Query().Has("list-type") {
		resp.Body = &short{resp.Body, listMax}
	}
	return resp, err
}

// short is an answer of at most so many bytes.
type short struct {
	io.ReadCloser
	left int
}

func (s *short) Read(p []byte) (int, error) {
	if s.left <= 0 {
		return 0, errTooMuch
	}
	n, err := s.ReadCloser.Read(p[:min(len(p), s.left)])
	s.left -= n
	return n, err
}

// watchedBody notes when as much was read of it as it has.
type watchedBody struct {
	io.ReadCloser
	left  int64
	whole *atomic.Bool
}

func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left <= 0 || errors.Is(err, io.EOF) {
		b.whole.Store(true)
	}
	return n, err
}

// httpTransport makes a connection of its own for each request. Answers are the bytes that the server has, and no more
// than it sends.
func httpTransport(host, ca string, timeout time.Duration, allowPrivate bool) (*http.Transport, error) {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	cfg, err := tlsOf(name, ca)
	if err != nil {
		return nil, err
	}
	return &http.Transport{TLSClientConfig: cfg, DisableKeepAlives: true, DisableCompression: true,
		ResponseHeaderTimeout: timeout, TLSHandshakeTimeout: timeout,
		DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
			c, err := dial(ctx, addr, timeout, allowPrivate)
			if err != nil {
				return nil, err
			}
			return c, nil
		}}, nil
}

func openS3(s *batch.S3, allowPrivate bool) (*s3Place, error) {
	t, err := httpTransport(s.Host, s.CA, s.Timeout, allowPrivate)
	if err != nil {
		return nil, err
	}
	t.TLSClientConfig.ServerName = "" // the bucket may stand before the host
	p := &s3Place{s: s, sent: &uploads{RoundTripper: t}}
	lookup := minio.BucketLookupDNS
	if s.PathStyle {
		lookup = minio.BucketLookupPath
	}
	p.client, err = minio.New(s.Host, &minio.Options{Creds: credentials.NewStaticV4(s.AccessKey, s.SecretKey, ""),
		Secure: s.TLS, Transport: p.sent, Region: s.Region, BucketLookup: lookup, MaxRetries: 1})
	return p, err
}

// Look implements batch.Place.
func (p *s3Place) Look(ctx context.Context, f *batch.File) (batch.Standing, error) {
	return look(s3Tree{ctx, p}, f)
}

// s3Tree is a bucket as look wants it. It has no parts.
type s3Tree struct {
	ctx context.Context
	p   *s3Place
}

func (t s3Tree) size(name string) (int64, error) {
	info, err := t.p.client.StatObject(t.ctx, t.p.s.Bucket, t.p.s.Prefix+name, minio.StatObjectOptions{})
	if code := minio.ToErrorResponse(err).StatusCode; err != nil && code == http.StatusNotFound {
		return 0, fs.ErrNotExist
	}
	return info.Size, err
}

func (t s3Tree) open(name string) (io.ReadCloser, error) {
	r, err := t.p.client.GetObject(t.ctx, t.p.s.Bucket, t.p.s.Prefix+name, minio.GetObjectOptions{})
	if err != nil {
		return nil, err
	}
	if _, err = r.Stat(); minio.ToErrorResponse(err).StatusCode == http.StatusForbidden {
		return nil, errors.Join(fs.ErrPermission, r.Close())
	}
	return r, err
}

// Store implements batch.Place: one request, that goes over nothing where the server knows how.
func (p *s3Place) Store(ctx context.Context, f *batch.File) error {
	opt := minio.PutObjectOptions{ContentType: mediaType(f.Name), DisableMultipart: true,
		UserMetadata: map[string]string{"clearpost-file": f.ID.String(), "sha256": f.SHA256}}
	opt.SetMatchETagExcept("*")
	p.sent.whole.Store(false)
	_, err := p.client.PutObject(ctx, p.s.Bucket, p.s.Prefix+f.Name, bytes.NewReader(f.Bytes), int64(len(f.Bytes)), opt)
	if err == nil {
		return nil
	}
	if code := minio.ToErrorResponse(err).StatusCode; code >= 400 && code < 500 || code == 0 && !p.sent.whole.Load() {
		return err // refused, or cut off before all of it was sent
	}
	return errors.Join(batch.ErrUnclear, err)
}

// Repeats implements batch.Place.
func (p *s3Place) Repeats() bool { return false }
