// SPDX-License-Identifier: Apache-2.0

package node

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-json"

	"clearpost/buyers/buyertest"
	"clearpost/exchange/admin"
	"clearpost/ledger"
)

// TestStatusSaysWhatIsSentAwayAndWhy: a request that finds no place hears 503 with Retry-After and consumes nothing;
// status and metrics count it by its reason, beside the node's memory.
func TestStatusSaysWhatIsSentAwayAndWhy(t *testing.T) {
	slow := script("b", 25*dollar)
	slow.Ping.Latency = buyertest.Fixed(150 * time.Millisecond)
	h := build(t, "", nil, slow)
	if err := h.node.Stop(); err != nil {
		t.Fatal(err)
	}
	h.edit("clearpost.yaml", "node: n1\n", "node: n1\nlimits: {in_flight_max: 1, memory_mb: 512}\n")
	h.edit("sources/other.yaml", "{per_second: 1000, burst: 1000}", "{per_second: 0.01, burst: 1}")
	h.start()

	first := make(chan heard)
	go func() { first <- h.ping(`{"zip":"10001"}`) }()
	buyer := h.farm.Buyer("b")
	eventually(t, "the buyer is asked", func() bool { return buyer.Calls(buyertest.Ping) == 1 })
	before := h.node.Ledger.LastSeq()
	busy := h.ping(`{"zip":"94110"}`)
	if busy.status != 503 || busy.Reason != "too_busy" || busy.header.Get("Retry-After") != "1" {
		t.Errorf("with no place it heard %+v", busy)
	}
	if h.node.Ledger.LastSeq() != before || buyer.Calls(buyertest.Ping) != 1 {
		t.Error("a request that was sent away has consumed something")
	}
	h.expect(<-first, 200, ledger.ResultSuccess)
	for _, want := range []int{404, 429} { // an unknown lead, then one more than the rate
		if a := h.call("GET", "/v1/leads/01932b7e-3f64-7a51-8d0c-5b1f0f3c2a11", "",
			"Authorization: Bearer other-key-0123456789"); a.status != want {
			t.Errorf("it heard %d, want %d", a.status, want)
		}
	}

	var s admin.Status
	if status := h.admin("GET", "/v1/status", nil, &s); status != 200 || s.Load == nil {
		t.Fatalf("status: %d, %+v", status, s.Load)
	}
	if s.Load.InFlight != 0 || s.Load.InFlightMax != 1 || s.Memory.Limit != 512<<20 ||
		s.Memory.Resident <= s.Memory.Alive || s.Memory.Alive == 0 {
		t.Errorf("memory %+v, load %+v", s.Memory, s.Load)
	}
	for _, reason := range []string{"overloaded", "rate"} {
		found := false
		for _, x := range s.Load.Sheds {
			found = found || x.Reason == reason && x.Count == 1 && time.Since(x.Last) < time.Hour
		}
		if !found || !strings.Contains(h.metrics(), `clearpost_shed_total{reason="`+reason+`"} 1`) {
			t.Errorf("%s is not counted once: %+v", reason, s.Load.Sheds)
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
	go func() { _ = h.node.Intake.Serve(late) }() // ends when the node stops
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
	h.expect(lone, 200, ledger.ResultSuccess) // few connections: sending it away would free nothing
	for range 128*runtime.GOMAXPROCS(0) + 1 {
		c, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		<-late.accepted
		late.give <- struct{}{}
	}
	const tooLong = 300 * time.Millisecond // half of the vertical's 400 ms is 200
	before := h.node.Ledger.LastSeq()
	if a := ask("/v1/solar/ping", `{"zip":"10001"}`, tooLong); a.status != 503 || a.Reason != "too_busy" ||
		a.header.Get("Retry-After") != "1" || h.node.Ledger.LastSeq() != before {
		t.Errorf("it heard %+v", a)
	}
	if l := h.node.Intake.Load(); len(l.Sheds) != 1 || l.Sheds[0].Reason != "waited" || l.Sheds[0].Count != 1 {
		t.Errorf("sent away: %+v", l.Sheds)
	}
	post := ask("/v1/solar/post", fmt.Sprintf(`{"ping_id":%q,"phone":"2125550142"}`, quote.PingID), tooLong)
	h.expect(post, 200, ledger.ResultSuccess)
	if p := last[*ledger.Posting](h, quote.PingID); p.At.Sub(p.Post.ReceivedAt) < tooLong/2 {
		t.Errorf("received at %v, sent on at %v", p.Post.ReceivedAt, p.At)
	}
}

func TestRequestsInFlightFollowTheMemoryThatThereIs(t *testing.T) {
	const mb = 1 << 20
	for _, tt := range []struct {
		limit, used int64
		want        int
	}{
		{100 << 30, mb, InFlightMost},
		{512 * mb, 12 * mb, 500 * mb * waitingPercent / 100 / WaitingBytes},
		{128 * mb, 100 * mb, InFlightLeast},
		{128 * mb, 500 * mb, InFlightLeast},
	} {
		if got := inFlightFor(tt.limit, tt.used); got != tt.want {
			t.Errorf("%d MiB of which %d are in use: %d, want %d", tt.limit/mb, tt.used/mb, got, tt.want)
		}
	}
}
