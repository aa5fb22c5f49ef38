// SPDX-License-Identifier: Apache-2.0

package carrier_test

import (
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"clearpost/batch"
)

// What an answer to an upload proves: 2xx that it is stored, 4xx, and that it has to go elsewhere, that it is not;
// anything else leaves it open: whoever has taken a form may send its sender on to another page.
func TestUploadIsStoredWhenItsAnswerSaysSo(t *testing.T) {
	status, seen := 0, ""
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		seen = r.Method + " " + r.URL.Path + " " + r.Header.Get("X-Key") + " " + string(b)
		if status == 0 {
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(status)
	}))
	t.Cleanup(server.Close)
	ca := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	to := &batch.To{HTTP: &batch.HTTP{URL: server.URL + "/in/{name}", Method: "POST", CA: ca, Timeout: 5 * time.Second,
		Headers: map[string]string{"X-Key": "k"}}, AllowPrivate: true}
	for code, want := range map[int]string{200: "stored", 201: "stored", 303: "unclear", 302: "unclear", 307: "not",
		308: "not", 404: "not", 500: "unclear", 0: "unclear"} {
		status = code
		err := open(t, to).Store(t.Context(), fileOf("a.csv", "text"))
		got := "not"
		switch {
		case err == nil:
			got = "stored"
		case errors.Is(err, batch.ErrUnclear):
			got = "unclear"
		}
		if got != want || seen != "POST /in/a.csv k text" {
			t.Errorf("%d: %s (%v), expected %s; it saw %q", code, got, err, want, seen)
		}
	}
	to.HTTP.CA = ""
	if err := open(t, to).Store(t.Context(), fileOf("a.csv", "text")); err == nil || errors.Is(err, batch.ErrUnclear) {
		t.Errorf("a server that nobody vouches for: %v", err)
	}
}
