// SPDX-License-Identifier: Apache-2.0

package node

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"clearpost/lead"
	"clearpost/ledger"
)

// reader is a buyer that answers its posts with one text after the other, and the last for ever after.
type reader struct {
	posts atomic.Int64
	keys  chan string
}

func (b *reader) serve(t *testing.T, answers ...string) string {
	t.Helper()
	b.keys = make(chan string, 100)
	mux := http.NewServeMux()
	mux.HandleFunc("/ping", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"ok":true,"price":25}`) })
	mux.HandleFunc("/post", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		b.keys <- r.Header.Get("Idempotency-Key")
		answer := answers[min(int(b.posts.Add(1)), len(answers))-1]
		status, rest, _ := strings.Cut(answer, " ")
		switch status {
		case "502":
			w.WriteHeader(502)
		case "gzip":
			w.Header().Set("Content-Encoding", "gzip")
		}
		fmt.Fprint(w, rest)
	})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return srv.URL
}

const wordsYAML = `
id: w
name: W
allow_private_addresses: true
campaigns:
  - id: w-main
    vertical: solar
    caps: [{per: total, limit: 5}]
    UNKNOWN
    ping:
      request: {url: URL/ping, fields: [{to: zip, from: zip}]}
      answer: {success: [{path: ok, equals: true}], price: {path: price}}
    post:
      idempotency: {header: Idempotency-Key}
      request: {url: URL/post, fields: [{to: phone, from: phone}]}
      answer:
        rules: [{outcome: accepted, when: {path: s, equals: sold}}, {outcome: queued, when: {path: s, equals: review}}, {outcome: rejected, when: {path: s, equals: no}}]
`

func buildWords(t *testing.T, unknown string, answers ...string) (*house, *reader) {
	t.Helper()
	b := &reader{}
	url := b.serve(t, answers...)
	h := build(t, "", map[string]string{"z": "criteria: [{field: zip, in: ['99999']}]"}, script("z", 5*dollar))
	h.write("buyers/w.yaml", strings.NewReplacer("URL", url, "UNKNOWN", unknown).Replace(wordsYAML))
	h.restart()
	return h, b
}

// TestQueuedLeadIsNotSentAgain: a buyer that has taken a lead to decide later has it; the same request again could sell
// it twice.
func TestQueuedLeadIsNotSentAgain(t *testing.T) {
	const resend = "unknown: {resend: {times: 5, after_ms: 0, every_ms: 100}}"
	for _, answers := range [][]string{{`200 {"s":"review"}`}, {`502 x`, `200 {"s":"review"}`}} {
		h, b := buildWords(t, resend, answers...)
		p := h.quote(20)
		h.expect(h.post(p.PingID, "2127365000"), 202, ledger.ResultPending)
		want := int64(len(answers))
		eventually(t, "it is queued", func() bool { return b.posts.Load() >= want })
		eventually(t, "nobody pursues it", func() bool { return h.node.Exchange.Pursued() == 0 })
		if n := b.posts.Load(); n != want {
			t.Errorf("%v: posted %d times", answers, n)
		}
		h.restart()
		eventually(t, "nobody pursues it after a restart", func() bool { return h.node.Exchange.Pursued() == 0 })
		if n := b.posts.Load(); n != want {
			t.Errorf("%v: posted %d times after a restart", answers, n)
		}
		h.settles(p.PingID, ledger.ResultPending)
		h.resolve(map[string]string{"outcome": "accepted"})
		h.settles(p.PingID, ledger.ResultSuccess)
	}
}

// TestResendOfAnOldAttemptWaitsForAPerson: after its time nobody sends a lead again, for a buyer does not know a key
// for ever.
func TestResendOfAnOldAttemptWaitsForAPerson(t *testing.T) {
	h, b := buildWords(t, "unknown: {resend: {times: 100, after_ms: 0, every_ms: 100, for_s: 1}}", "502 x")
	p := h.quote(20)
	h.expect(h.post(p.PingID, "2127365000"), 202, ledger.ResultPending)
	eventually(t, "nobody pursues it", func() bool { return h.node.Exchange.Pursued() == 0 })
	sent := b.posts.Load()
	h.restart()
	eventually(t, "nobody pursues it", func() bool { return h.node.Exchange.Pursued() == 0 })
	if n := b.posts.Load(); n != sent || n < 2 || n > 20 {
		t.Errorf("posted %d times, and %d after a restart", sent, n)
	}
	first := <-b.keys
	for range b.posts.Load() - 1 {
		if k := <-b.keys; k != first || k == "" {
			t.Errorf("key %q, first %q", k, first)
		}
	}
}

// TestCompressedAnswersAreUnknown: a body that is declared as compressed and is not says nothing, whatever its bytes
// look like.
func TestCompressedAnswersAreUnknown(t *testing.T) {
	h, b := buildWords(t, "unknown: hold", `gzip {"s":"sold"}`)
	p := h.quote(20)
	h.expect(h.post(p.PingID, "2127365000"), 202, ledger.ResultPending)
	if no := last[*ledger.Posted](h, p.PingID); no.Refusal != lead.BadCoding || b.posts.Load() != 1 {
		t.Errorf("%+v after %d posts", no, b.posts.Load())
	}
}
