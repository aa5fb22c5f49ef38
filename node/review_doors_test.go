// SPDX-License-Identifier: Apache-2.0

package node

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"clearpost/exchange/intake"
	"clearpost/ledger"
)

func TestSellerWhoReadsNothingIsCutOff(t *testing.T) {
	h := build(t, "", nil, script("b", 25*dollar))
	door := intake.New(intake.Config{WriteTimeout: 50 * time.Millisecond}, h.node.Exchange,
		slog.New(slog.NewTextHandler(io.Discard, nil)))
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- door.Serve(ln) }()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	// Answers pile up until neither side's buffers take more. That the door has closed shows as a failing write.
	ask := []byte(strings.Repeat(
		"GET /v1/leads/x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer acme-key-0123456789\r\n\r\n", 1000))
	for err == nil {
		_, err = c.Write(ask)
	}
	if e := net.Error(nil); errors.As(err, &e) && e.Timeout() {
		t.Errorf("the door still waits for a seller who does not read: %v", err)
	}
	c.Close()
	if err := door.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}

func TestOperatorsDoorNeedsTheToken(t *testing.T) {
	h := build(t, "", nil, script("b", 25*dollar))
	seq := h.node.Ledger.LastSeq()
	for _, call := range []string{"GET /metrics", "GET /v1/status", "GET /v1/unresolved", "GET /v1/events",
		"GET /v1/explain/x", "POST /v1/pause", "POST /v1/resume", "POST /v1/resolve", "GET /nothing",
		"GET /healthz/../v1/status", "GET //v1/status"} {
		for _, auth := range []string{"", "Bearer ", "Bearer x", "Basic " + h.node.Token(), "Bearer " + h.node.Token() +
			" ", "Bearer  " + h.node.Token(), h.node.Token()} {
			method, path, _ := strings.Cut(call, " ")
			c, err := net.Dial("tcp", h.node.AdminAddr)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(c, "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 33\r\nAuthorization: "+
				"%s\r\n\r\n"+`{"subject":"buyer:b","why":"mine"}`, method, path, auth)
			resp, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil {
				t.Fatal(err)
			}
			// Space at the end of a header's value is no part of it.
			if ok := strings.TrimSpace(auth) == "Bearer "+h.node.Token(); ok == (resp.StatusCode == 401) {
				t.Errorf("%s with %q: %d", call, auth, resp.StatusCode)
			}
			c.Close()
		}
	}
	if got := h.node.Ledger.LastSeq(); got > seq+2 { // the pause and the resume with the token
		t.Errorf("%d events were written", got-seq)
	}
}

func TestBodiesMadeToHurtAreAnsweredLikeOthers(t *testing.T) {
	h := build(t, "", nil, script("b", 25*dollar))
	for name, body := range map[string]string{
		"long number":  `{"zip":"10001","x":1` + strings.Repeat("0", 60000) + `}`,
		"far exponent": `{"zip":"10001","x":1e999999999}`,
		"no UTF-8":     "{\"zip\":\"10001\",\"x\":\"\xff\xfe\"}",
		"null bytes":   `{"zip":"10001","x":"\u0000"}`,
	} {
		if a := h.ping(body); a.status != 200 || a.Result != ledger.ResultSuccess {
			t.Errorf("%s: %d %s", name, a.status, a.text)
		}
	}
	for name, body := range map[string]string{
		"deep lists": `{"zip":"10001","x":` + strings.Repeat("[", 30000) + strings.Repeat("]", 30000) + `}`,
		"deep objects": `{"zip":"10001","x":` + strings.Repeat(`{"a":`, 9000) + "1" +
			strings.Repeat("}", 9000) + `}`,
		"open lists":           `{"zip":"10001","x":` + strings.Repeat("[", 60000),
		"age of 60,000 digits": `{"zip":"10001","age":1` + strings.Repeat("0", 60000) + `}`,
		"age with an exponent": `{"zip":"10001","age":1e9}`, "city with a null": `{"zip":"10001","city":"a\u0000b"}`,
		"city that is no UTF-8": "{\"zip\":\"10001\",\"city\":\"\xff\"}",
		"wait beyond int64":     `{"zip":"10001","max_wait_ms":99999999999999999999}`,
		"price beyond int64":    `{"zip":"10001","min_price":99999999999999999999}`,
		"negative price":        `{"zip":"10001","min_price":-1}`, "513 names": `{"zip":"10001"` +
			strings.Repeat(`,"x":1`, 513) + `}`,
	} {
		if a := h.ping(body); a.status != 400 {
			t.Errorf("%s: %d %s", name, a.status, a.text)
		}
	}
}
