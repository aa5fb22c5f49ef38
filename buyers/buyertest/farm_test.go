// SPDX-License-Identifier: Apache-2.0

package buyertest

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"clearpost/lead"
)

func plainBuyer(id string) Script {
	return Script{
		ID: id, Lead: "lead", Person: "phone", Token: "token",
		Ping: Rule{Yes: 1, Min: 10 * lead.Unit, Max: 20 * lead.Unit},
		Post: Rule{Yes: 1},
	}
}

func newFarm(t *testing.T, c Config) *Farm {
	t.Helper()
	f, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func client(t *testing.T) *http.Client {
	tr := &http.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 20 * time.Second, CheckRedirect: func(*http.Request,
		[]*http.Request) error {
		return http.ErrUseLastResponse
	}}
}

// send posts a JSON body and returns status, type and body.
func send(c *http.Client, url, body string) (int, string, string, error) {
	resp, err := c.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		return 0, "", "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, resp.Header.Get("Content-Type"), string(b), err
}

func must(t *testing.T, c *http.Client, url, body string) string {
	t.Helper()
	status, _, b, err := send(c, url, body)
	if err != nil || status != 200 {
		t.Fatalf("status %d, %v, %s", status, err, b)
	}
	return b
}

func TestPingThenPost(t *testing.T) {
	var lines bytes.Buffer
	f := newFarm(t, Config{Seed: 7, Books: &lines, Buyers: []Script{plainBuyer("sunco")}})
	c := client(t)
	bid := must(t, c, f.URL("sunco", Ping), `{"lead":"L1"}`)
	price, err := lead.ParseMoney([]byte(gjson.Get(bid, "price").Raw))
	if err != nil || price < 10*lead.Unit || price > 20*lead.Unit || price%lead.Cent != 0 {
		t.Fatalf("bid %s", bid)
	}
	receipt := must(t, c, f.URL("sunco", Post), fmt.Sprintf(`{"lead":"L1","phone":"2125550123","token":%q}`,
		gjson.Get(bid, "token").String()))
	if gjson.Get(receipt, "price").Raw != price.String() || gjson.Get(receipt, "reference").String() != "sunco-000001" {
		t.Errorf("bid %s, receipt %s", bid, receipt)
	}
	b := f.Buyer("sunco")
	if b.Book.Posts("L1") != 1 || b.Book.Accepted("L1") != 1 || b.Calls(Ping) != 1 || b.Calls(Post) != 1 ||
		b.Bids() != 1 {
		t.Errorf("book %+v", b.Book.Receipts())
	}
	must(t, c, f.URL("sunco", Post), `{"lead":"L1","phone":"2125550123","token":"made up"}`)
	if b.Book.Posts("L1") != 2 || b.Book.Accepted("L1") != 1 || b.Book.Of("L1")[1].Reason != ReasonBadToken {
		t.Errorf("book %+v", b.Book.Receipts())
	}
	if got := f.AcceptedBy("L1"); len(got) != 1 || got[0].Price != price || got[0].Person != "2125550123" {
		t.Errorf("accepted by %+v", got)
	}
	posts, accepted, revenue := b.Book.Totals()
	if posts != 2 || accepted != 1 || revenue != price {
		t.Errorf("totals %d %d %v", posts, accepted, revenue)
	}
	var dump bytes.Buffer
	if err := b.Book.WriteJSON(&dump); err != nil || !bytes.Equal(dump.Bytes(), lines.Bytes()) {
		t.Errorf("the file has\n%s\nthe book\n%s", &lines, &dump)
	}
	var r Receipt
	if err := json.Unmarshal(bytes.SplitN(lines.Bytes(), []byte("\n"), 2)[0], &r); err != nil || !r.Accepted ||
		r.Lead != "L1" || r.Buyer != "sunco" || r.Price != price {
		t.Errorf("%v %+v", err, r)
	}
}

func TestFormAndQuery(t *testing.T) {
	s := plainBuyer("formco")
	s.Ping.Format, s.Post.Format, s.TokenStyle = FormatForm, FormatText, TokenBase64
	f := newFarm(t, Config{Buyers: []Script{s}})
	c := client(t)
	resp, err := c.Get(f.URL("formco", Ping) + "?lead=L9")
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil {
		t.Fatal(err)
	}
	v, err := url.ParseQuery(string(b))
	if err != nil || v.Get("status") != "ok" || resp.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
		t.Fatalf("%v %s", err, b)
	}
	resp, err = c.PostForm(f.URL("formco", Post), url.Values{"lead": {"L9"}, "token": {v.Get("id")}})
	if err != nil {
		t.Fatal(err)
	}
	b, err = io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || string(b) != "ACCEPTED "+v.Get("price")+" formco-000001" {
		t.Errorf("%v %s", err, b)
	}
}

func TestDuplicateMemoryIsExactUnderConcurrency(t *testing.T) {
	s := plainBuyer("sunco")
	s.Duplicates, s.Token = true, ""
	s.Post.Min, s.Post.Max = 5*lead.Unit, 5*lead.Unit
	f := newFarm(t, Config{Buyers: []Script{s}})
	c := client(t)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			if _, _, _, err := send(c, f.URL("sunco", Post), fmt.Sprintf(`{"lead":"L%d","phone":"2125550123"}`,
				i)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	b := f.Buyer("sunco").Book
	posts, accepted, revenue := b.Totals()
	if posts != 16 || accepted != 1 || revenue != 5*lead.Unit {
		t.Fatalf("%d posts, %d accepted, %v", posts, accepted, revenue)
	}
	got := must(t, c, f.URL("sunco", Post), `{"lead":"L99","phone":"2125550123"}`)
	if gjson.Get(got, "reference").String() != "sunco-000001" || !strings.HasPrefix(gjson.Get(got, "reason").String(),
		"Lead previously received 20") {
		t.Errorf("%s", got)
	}
	// An empty person never matches.
	for range 2 {
		if got := must(t, c, f.URL("sunco", Post), `{"lead":"L100"}`); gjson.Get(got, "status").String() != "accepted" {
			t.Errorf("%s", got)
		}
	}
	if got := must(t, c, f.URL("sunco", Post), `{"phone":"2125550199"}`); gjson.Get(got,
		"reason").String() != ReasonNoLead {
		t.Errorf("%s", got)
	}
}

func TestSameSeedSameAnswers(t *testing.T) {
	run := func(seed uint64) (out []string) {
		s := plainBuyer("sunco")
		s.Ping.Yes, s.Ping.Reasons = 0.5, []Weighted{{"area", 3}, {"quota", 1}}
		f := newFarm(t, Config{Seed: seed, Buyers: []Script{s}})
		c := client(t)
		for range 40 {
			out = append(out, must(t, c, f.URL("sunco", Ping), `{"lead":"L"}`))
		}
		return out
	}
	one, again, other := run(1), run(1), run(2)
	if !slices.Equal(one, again) {
		t.Error("the same seed gave other answers")
	}
	if slices.Equal(one, other) {
		t.Error("another seed gave the same answers")
	}
	all := strings.Join(one, "")
	for _, word := range []string{"accepted", "area", "quota"} {
		if !strings.Contains(all, word) {
			t.Errorf("no %q among the answers", word)
		}
	}
}

func TestDecideHasTheLastWord(t *testing.T) {
	s := plainBuyer("sunco")
	s.Ping.Decide = func(r *Request, d *Decision) {
		switch r.Get("state") {
		case "CA":
			d.Yes, d.Price = true, 33*lead.Unit
		default:
			d.Yes, d.Reason = false, "only "+r.Header("X-State")
		}
	}
	f := newFarm(t, Config{Buyers: []Script{s}})
	c := client(t)
	if got := must(t, c, f.URL("sunco", Ping), `{"lead":"L","state":"CA"}`); gjson.Get(got, "price").Raw != "33.00" {
		t.Errorf("%s", got)
	}
	if got := must(t, c, f.URL("sunco", Ping), `{"lead":"L","state":"NV"}`); gjson.Get(got,
		"reason").String() != "only " {
		t.Errorf("%s", got)
	}
}

func TestStrayRequestsAreCounted(t *testing.T) {
	f := newFarm(t, Config{Buyers: []Script{plainBuyer("sunco")}})
	c := client(t)
	for _, path := range []string{"/", "/nobody/ping", "/sunco/pong", "/sunco"} {
		if status, _, _, err := send(c, "http://"+f.Addr()+path, "{}"); err != nil || status != 404 {
			t.Errorf("%s: status %d, %v", path, status, err)
		}
	}
	if f.Stray() != 4 {
		t.Errorf("%d stray requests", f.Stray())
	}
}

func TestConfigIsChecked(t *testing.T) {
	for name, change := range map[string]func(s *Script){
		"no id":       func(s *Script) { s.ID = "" },
		"bad id":      func(s *Script) { s.ID = "a/b" },
		"probability": func(s *Script) { s.Ping.Yes = 1.5 },
		"prices":      func(s *Script) { s.Post.Min = 1 },
		"median":      func(s *Script) { s.Ping.Latency = LogNormal(0, 1) },
		"fixed":       func(s *Script) { s.Ping.Latency = Fixed(-1) },
		"tail":        func(s *Script) { s.Ping.Latency = Fixed(0).WithTail(2, 1) },
		"drop":        func(s *Script) { s.PriceDrop = -1 },
	} {
		s := plainBuyer("sunco")
		change(&s)
		if f, err := New(Config{Buyers: []Script{s}}); err == nil {
			f.Close()
			t.Errorf("%s: no error", name)
		}
	}
	f := newFarm(t, Config{Buyers: []Script{plainBuyer("a")}})
	if _, err := f.Add(plainBuyer("a")); err == nil {
		t.Error("one buyer twice: no error")
	}
	if _, err := f.Add(plainBuyer("b")); err != nil || f.Buyer("b") == nil {
		t.Errorf("added while running: %v", err)
	}
	if _, err := New(Config{Addr: f.Addr()}); err == nil {
		t.Error("an address in use: no error")
	}
}

func TestTLS(t *testing.T) {
	f := newFarm(t, Config{TLS: true, Buyers: []Script{plainBuyer("sunco")}})
	tr := &http.Transport{TLSClientConfig: f.ClientTLS()}
	t.Cleanup(tr.CloseIdleConnections)
	c := &http.Client{Transport: tr, Timeout: 20 * time.Second}
	if got := must(t, c, "https://"+f.TLSAddr()+"/sunco/ping", `{"lead":"L"}`); gjson.Get(got,
		"status").String() != "accepted" {
		t.Errorf("%s", got)
	}
	f.Buyer("sunco").FailNext(Ping, FaultReset, 1)
	if _, _, _, err := send(c, "https://"+f.TLSAddr()+"/sunco/ping", "{}"); err == nil {
		t.Error("a reset under TLS went unseen")
	}
}

func TestStuckTLSNeverEnds(t *testing.T) {
	s, err := NewStuck()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	d := net.Dialer{Timeout: 5 * time.Second}
	raw, err := d.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	if err := raw.SetDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	err = tls.Client(raw, &tls.Config{ServerName: "x"}).Handshake()
	var timeout net.Error
	if !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("handshake: %v", err)
	}
}

func TestRefusedStaysRefused(t *testing.T) {
	r, err := NewRefused()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for range 3 {
		if c, err := net.Dial("tcp", r.Addr()); !errors.Is(err, syscall.ECONNREFUSED) {
			if err == nil {
				c.Close()
			}
			t.Fatalf("%v", err)
		}
	}
}
