// SPDX-License-Identifier: Apache-2.0

package intake_test

import (
	"bufio"
	"clearpost/exchange/intake"
	"clearpost/lead"
	"clearpost/ledger"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"
)

// Whoever guesses keys is held up, by address; a good key from the same address is not.
func TestUnknownKeysAreHeldUpByAddress(t *testing.T) {
	h := build(t, "", nil, script("b", 25*dollar))
	h.write("clearpost.yaml",
		nodeYAML+"trusted_proxies: [127.0.0.1]\n")
	h.restart()
	ask := func(key, from string) int {
		return h.tell("POST", "/v1/solar/ping", `{"zip":"10001"}`, "Content-Type: application/json", "X-Api-Key: "+key,
			"X-Forwarded-For: "+from).status
	}
	heard := map[int]int{}
	for range 200 {
		heard[ask("wrong-key-0123456789", "203.0.113.9")]++
	}
	if heard[401] < 50 || heard[429] == 0 || heard[401]+heard[429] != 200 {
		t.Errorf("statuses %v", heard)
	}
	if got := ask("acme-key-0123456789", "203.0.113.9"); got != 200 {
		t.Errorf("a good key hears %d", got)
	}
	if got := ask("wrong-key-0123456789", "203.0.113.10"); got != 401 {
		t.Errorf("another address hears %d", got)
	}
}
func TestSellerWhoReadsNothingIsCutOff(t *testing.T) {
	h := build(t, "", nil, script("b", 25*dollar))
	door := intake.New(intake.Config{WriteTimeout: 50 * time.Millisecond}, h.exchange,
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

func TestBodiesMadeToHurtAreAnsweredLikeOthers(t *testing.T) {
	h := build(t, "", nil, script("b", 25*dollar))
	for name, body := range map[string]string{
		"long number":  `{"zip":"10001","x":1` + strings.Repeat("0", 60000) + `}`,
		"far exponent": `{"zip":"10001","x":1e999999999}`,
		"no UTF-8":     "{\"zip\":\"10001\",\"x\":\"\xff\xfe\"}",
		"null bytes":   `{"zip":"10001","x":"\u0000"}`,
	} {
		if a := h.ping(body); a.status != 200 || a.Result != lead.ResultSuccess {
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

// lateListener gives its connections when it is told to, as one does whose process has no time.
type lateListener struct {
	net.Listener
	accepted chan struct{} // a value for each that has come
	give     chan struct{}
}

func (l *lateListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		l.accepted <- struct{}{}
		<-l.give
	}
	return c, err
}

// TestPingThatNobodyHadTimeForIsSentAway: what counts is when its bytes came. A post is taken all the same.
func TestPingThatNobodyHadTimeForIsSentAway(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells when bytes came")
	}
	h := build(t, "", nil, script("b", 25*dollar))
	quote := h.quote(20)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	late := &lateListener{ln, make(chan struct{}, 1), make(chan struct{})}
	go func() { _ = h.door.Serve(late) }() // ends when the node stops
	ask := func(path, body string, wait time.Duration) heard {
		c, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer acme-key-0123456789\r\n"+
			"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", path, len(body), body)
		<-late.accepted
		<-time.After(wait) // the kernel's clock is what is read
		late.give <- struct{}{}
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		out := heard{status: resp.StatusCode, header: resp.Header}
		if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	lone := ask("/v1/solar/ping", `{"zip":"10001","seller_lead_id":"alone"}`, 240*time.Millisecond)
	h.expect(lone, 200, lead.ResultSuccess) // few requests: sending it away would free nothing
	many, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer many.Close()
	<-late.accepted
	late.give <- struct{}{}
	answers := bufio.NewReader(many)
	for range 1000 * runtime.GOMAXPROCS(0) {
		fmt.Fprint(many, "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
		resp, err := http.ReadResponse(answers, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	const tooLong = 300 * time.Millisecond // half of the vertical's 400 ms is 200
	before := h.ledger.LastSeq()
	if a := ask("/v1/solar/ping", `{"zip":"10001"}`, tooLong); a.status != 503 || a.Reason != "too_busy" ||
		a.header.Get("Retry-After") != "1" || h.ledger.LastSeq() != before {
		t.Errorf("it heard %+v", a)
	}
	if l := h.door.Load(); len(l.Sheds) != 1 || l.Sheds[0].Reason != "waited" || l.Sheds[0].Count != 1 {
		t.Errorf("sent away: %+v", l.Sheds)
	}
	post := ask("/v1/solar/post", fmt.Sprintf(`{"ping_id":%q,"phone":"2125550142"}`, quote.PingID), tooLong)
	h.expect(post, 200, lead.ResultSuccess)
	if p := last[*ledger.Posting](h, quote.PingID); p.At.Sub(p.Post.ReceivedAt) < tooLong/2 {
		t.Errorf("received at %v, sent on at %v", p.Post.ReceivedAt, p.At)
	}
}
