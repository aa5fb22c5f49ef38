// SPDX-License-Identifier: Apache-2.0

package carrier_test

import (
	"crypto/md5"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"clearpost/batch"
)

// bucket is one object of a server that removes and copies as S3 does: under conditions.
type bucket struct {
	mu   sync.Mutex
	text string // "": there is none
}

func (b *bucket) put(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.text = text
}

func (b *bucket) get() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text
}

func (b *bucket) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	sum := md5.Sum([]byte(b.text))
	tag := `"` + hex.EncodeToString(sum[:]) + `"`
	want := r.Header.Get("If-Match") + r.Header.Get("X-Amz-Copy-Source-If-Match")
	switch {
	case b.text == "" && r.Method != http.MethodPut:
		w.WriteHeader(http.StatusNotFound)
	case want != "" && strings.Trim(want, `"`) != strings.Trim(tag, `"`):
		w.WriteHeader(http.StatusPreconditionFailed)
	case r.Method == http.MethodDelete:
		b.text = ""
		w.WriteHeader(http.StatusNoContent)
	case r.Method == http.MethodPut:
		_, _ = w.Write([]byte(`<CopyObjectResult><ETag>` + tag + `</ETag></CopyObjectResult>`))
	default:
		w.Header().Set("ETag", tag)
		w.Header().Set("Last-Modified", time.Now().UTC().Format(http.TimeFormat))
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(b.text))
	}
}

// An object goes only as long as it is the one that was read.
func TestAnObjectGoesAsItWasRead(t *testing.T) {
	b := &bucket{}
	server := httptest.NewServer(b)
	defer server.Close()
	r := response(t, t.TempDir(), nil)
	r.To = batch.To{S3: &batch.S3{Host: strings.TrimPrefix(server.URL, "http://"), Region: "us-east-1", Bucket: "leads",
		Prefix: "in/", AccessKey: "a", SecretKey: "b", PathStyle: true, Timeout: 5 * time.Second}, AllowPrivate: true}
	box, err := newFiles(t).Inbox(t.Context(), r)
	try(t, "open", err)
	defer box.Close()
	for name, away := range map[string]func() error{
		"remove": func() error { return box.Remove(t.Context(), "result-1") },
		"move":   func() error { return box.Move(t.Context(), "result-1", "read/", "result-1.read") },
	} {
		b.put("first")
		text, err := box.Fetch(t.Context(), "result-1")
		if err != nil || string(text) != "first" {
			t.Fatalf("%s: %q, %v", name, text, err)
		}
		b.put("second")
		if err := away(); !errors.Is(err, batch.ErrChanged) || b.get() != "second" {
			t.Errorf("%s what was not read: %v, %q is left", name, err, b.get())
		}
		if text, err := box.Fetch(t.Context(), "result-1"); err != nil || string(text) != "second" {
			t.Fatalf("%s: %q, %v", name, text, err)
		}
		if err := away(); err != nil || b.get() != "" {
			t.Errorf("%s: %v, %q is left", name, err, b.get())
		}
	}
}
