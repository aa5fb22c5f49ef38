// SPDX-License-Identifier: Apache-2.0

package loadtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"clearpost/lead"
	"clearpost/loadtest/audit"
)

// exchange is a make-believe exchange that buys everything and remembers what it has said.
type exchange struct {
	t      *testing.T
	mu     sync.Mutex
	n      int
	quotes map[string]string // ping id → body of the post's answer, once given
	keys   map[string]string
	asked  []asked
	meddle func(w http.ResponseWriter, r *http.Request, body map[string]any) bool // true: it has answered
}

type asked struct {
	path, auth, key string
	body            map[string]any
}

func newExchange(t *testing.T) (*exchange, string) {
	e := &exchange{t: t, quotes: map[string]string{}, keys: map[string]string{}}
	s := httptest.NewServer(e)
	t.Cleanup(s.Close)
	return e, s.URL
}

// ServeHTTP implements http.Handler.
func (e *exchange) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body map[string]any
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		e.t.Error(err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	a := asked{r.URL.Path, r.Header.Get("Authorization"), r.Header.Get("Idempotency-Key"), body}
	e.asked = append(e.asked, a)
	if e.meddle != nil && e.meddle(w, r, body) {
		return
	}
	e.n++
	id := fmt.Sprintf("0193aaaa-0000-7000-8000-%012d", e.n)
	sold := fmt.Sprintf(`{"result":"success","lead_id":"%s","id":"ref-%d","price":22.50}`, id, e.n)
	switch {
	case strings.HasSuffix(a.path, "/ping"):
		e.quotes[id] = ""
		fmt.Fprintf(w,
			`{"result":"success","ping_id":"%s","price":22.5,"currency":"USD","expires_at":"2026-11-23T00:00:00Z"}`, id)
	case strings.HasSuffix(a.path, "/post"):
		ping, _ := body["ping_id"].(string)
		was, known := e.quotes[ping]
		switch {
		case !known:
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"errors":[]}`)
		case was == "":
			e.quotes[ping] = strings.Replace(sold, id, ping, 1)
			fallthrough
		default:
			fmt.Fprint(w, e.quotes[ping])
		}
	default:
		if was := e.keys[a.key]; a.key != "" && was != "" {
			fmt.Fprint(w, was)
			return
		}
		e.keys[a.key] = sold
		fmt.Fprint(w, sold)
	}
}

func sources() []Source {
	return []Source{{ID: "acme", Key: "k1", Verticals: []string{"auto", "solar"}},
		{ID: "bolt", Key: "k2", Verticals: []string{"solar"}}}
}

func run(t *testing.T, c Config) *Result {
	t.Helper()
	g, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	r, err := g.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRunSeenFromBothSides(t *testing.T) {
	e, url := newExchange(t)
	var lines bytes.Buffer
	var heard []audit.Answer
	r := run(t, Config{BaseURL: url, Sources: sources(), Seed: 4, Rate: 2000, Trips: 120, OneShot: 0.3, Post: 0.9,
		Keyed: 0.7, Repeat: 0.5, Double: 0.4, Again: 0.2, Think: [2]time.Duration{0, time.Millisecond}, Answers: &lines,
		OnAnswer: func(a audit.Answer) {
			heard = append(heard, a)
		}})
	sent := r.Ping.Sent + r.Post.Sent + r.Lead.Sent
	if sent != len(e.asked) || r.Dropped != 0 || r.Disagreed != 0 || r.Repeats == 0 || r.Ping.Lost+r.Post.Lost+
		r.Lead.Lost != 0 {
		t.Fatalf("asked %d, result %+v", len(e.asked), r)
	}
	if r.Ping.Results["success"] != r.Ping.Sent || r.Post.Status["200"] != r.Post.Sent ||
		r.Lead.Latency.Count != int64(r.Lead.Sent) {
		t.Errorf("result %+v", r)
	}
	sold := map[string]bool{}
	var back []audit.Answer
	if err := audit.JSONLines[audit.Answer](&lines)(func(a audit.Answer) error {
		back = append(back, a)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if len(back) != sent || len(heard) != sent {
		t.Fatalf("%d lines and %d calls for %d answers", len(back), len(heard), sent)
	}
	for _, a := range back {
		if a.Price != int64(2250*lead.Cent) || a.Result != "success" || a.Lead == "" || a.Source == "" ||
			a.Op != audit.OpPing && a.Reference == "" {
			t.Fatalf("%+v", a)
		}
		if a.Op != audit.OpPing {
			sold[a.Lead] = true
		}
	}
	if r.Sold != len(sold) || r.Paid != lead.Money(len(sold))*2250*lead.Cent {
		t.Errorf("sold %d for %v, want %d", r.Sold, r.Paid, len(sold))
	}
	checkAsked(t, e.asked)
}

// checkAsked holds the requests to the seller API.
func checkAsked(t *testing.T, all []asked) {
	t.Helper()
	kinds := map[string]int{}
	for _, a := range all {
		_, contact := a.body["phone"]
		_, risk := a.body["zip"]
		_, ping := a.body["ping_id"]
		id, _ := a.body["seller_lead_id"].(string)
		want := map[string][3]bool{"ping": {false, true, false}, "post": {true, false, true},
			"leads": {true, true, false}}
		p := strings.Split(a.path, "/")
		if len(p) != 4 || p[1] != "v1" || [3]bool{contact, risk, ping} != want[p[3]] || id == "" {
			t.Fatalf("%s: %+v", a.path, a.body)
		}
		if _, car := a.body["vehicle_make"]; car != (p[2] == "auto" && risk) {
			t.Fatalf("%s: %+v", a.path, a.body)
		}
		source, _, _ := strings.Cut(id, "-")
		if a.auth != map[string]string{"acme": "Bearer k1", "bolt": "Bearer k2"}[source] || source == "bolt" &&
			p[2] == "auto" {
			t.Fatalf("%s of %s with %q", a.path, source, a.auth)
		}
		if a.key != "" && (a.key != "key-"+id || p[3] == "ping") {
			t.Fatalf("%s with key %q", a.path, a.key)
		}
		kinds[p[2]+" "+p[3]]++
	}
	if len(kinds) != 6 {
		t.Errorf("calls %v", kinds)
	}
}

func TestSameSeedSameRequests(t *testing.T) {
	bodies := func(seed uint64) map[string]bool {
		e, url := newExchange(t)
		run(t, Config{BaseURL: url, Sources: sources(), Seed: seed, Rate: 5000, Even: true, Trips: 30, Again: 0.3})
		out := map[string]bool{}
		for _, a := range e.asked {
			delete(a.body, "timestamp")
			out[fmt.Sprint(a.path, a.auth, a.key, a.body)] = true
		}
		return out
	}
	one, again := bodies(1), bodies(1)
	for b := range one {
		if !again[b] {
			t.Fatalf("only one of two runs sent %s", b)
		}
	}
	for b := range bodies(2) {
		if one[b] {
			t.Fatalf("two seeds sent %s", b)
		}
	}
}

func TestAnotherStoryIsSeen(t *testing.T) {
	e, url := newExchange(t)
	n := 0
	e.meddle = func(w http.ResponseWriter, r *http.Request, body map[string]any) bool {
		if !strings.HasSuffix(r.URL.Path, "/post") {
			return false
		}
		n++
		fmt.Fprintf(w, `{"result":"success","lead_id":"%v","id":"r","price":%d.00}`, body["ping_id"], n)
		return true
	}
	r := run(t, Config{BaseURL: url, Sources: sources(), Rate: 1000, Trips: 5, Post: 1, Double: 1, Repeat: 1})
	if r.Repeats != 10 || r.Disagreed != 10 {
		t.Errorf("%d repeats, %d disagree", r.Repeats, r.Disagreed)
	}
}

func TestPendingIsNoOtherStory(t *testing.T) {
	e, url := newExchange(t)
	n := 0
	e.meddle = func(w http.ResponseWriter, r *http.Request, body map[string]any) bool {
		if n++; n%2 == 0 {
			w.WriteHeader(http.StatusAccepted)
			fmt.Fprintf(w, `{"result":"pending","lead_id":"%v","status_url":"x"}`, body["ping_id"])
			return true
		}
		return false
	}
	r := run(t, Config{BaseURL: url, Sources: sources(), Rate: 1000, Even: true, Trips: 1, Post: 1, Repeat: 1})
	if r.Repeats != 1 || r.Disagreed != 0 || r.Post.Results["pending"] != 1 || r.Post.Status["202"] != 1 {
		t.Errorf("%+v", r)
	}
}

func TestLatencyCountsFromWhenDue(t *testing.T) {
	_, url := newExchange(t)
	g, err := New(Config{BaseURL: url, Sources: sources(), Rate: 1})
	if err != nil {
		t.Fatal(err)
	}
	tr := trip{g: g, d: newDice(1, 1), due: time.Now().Add(-3 * time.Second)}
	tr.run(context.Background())
	if l := g.Result().Ping.Latency; l.Count != 1 || l.P50 < 3000 || l.Max > 60_000 {
		t.Errorf("%+v", l)
	}
}

func TestTooManyOutstandingAreDropped(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		// The end of the connection is noticed only when the body has been read.
		if _, err := io.Copy(io.Discard, r.Body); err == nil {
			<-r.Context().Done()
		}
	}))
	defer s.Close()
	r := run(t, Config{BaseURL: s.URL, Sources: sources(), Rate: 10_000, Even: true, Trips: 12, OutstandingMax: 3,
		Timeout: 500 * time.Millisecond})
	if r.Dropped != 9 || r.Ping.Sent != 3 || r.Ping.Lost != 3 || r.Ping.Latency.Count != 0 {
		t.Errorf("%+v", r)
	}
}

func TestLostCallsAreRetriedWhereThatIsSafe(t *testing.T) {
	e, url := newExchange(t)
	seen := map[string]int{}
	e.meddle = func(w http.ResponseWriter, r *http.Request, body map[string]any) bool {
		k := fmt.Sprint(r.URL.Path, body["seller_lead_id"])
		if seen[k]++; seen[k] == 2 && strings.HasSuffix(r.URL.Path, "/post") {
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprint(w, `{"errors":[]}`)
			return true
		}
		if seen[k] > 1 || strings.HasSuffix(r.URL.Path, "/ping") {
			return false
		}
		panic(http.ErrAbortHandler)
	}
	r := run(t, Config{BaseURL: url, Sources: sources(), Rate: 1000, Trips: 20, Post: 1, OneShot: 0.5, Retries: 2})
	// A post is lost, refused, then answered; a one-shot without a key is lost for good.
	trips := r.Ping.Sent
	if r.Post.Sent != 3*trips || r.Post.Lost != trips || r.Post.Status["503"] != trips ||
		r.Post.Results["success"] != trips || trips == 0 {
		t.Errorf("posts %+v", r.Post)
	}
	if r.Lead.Sent == 0 || r.Lead.Lost != r.Lead.Sent || r.Lead.Sent+trips != 20 {
		t.Errorf("leads %+v", r.Lead)
	}
}

func TestEndOfTheContextCutsThinking(t *testing.T) {
	_, url := newExchange(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	g, err := New(Config{BaseURL: url, Sources: sources(), Rate: 1000, Post: 1, Think: [2]time.Duration{time.Hour,
		time.Hour}, OnAnswer: func(audit.Answer) { cancel() }})
	if err != nil {
		t.Fatal(err)
	}
	r, err := g.Run(ctx)
	if err != nil || r.Ping.Results["success"] == 0 || r.Post.Sent != 0 {
		t.Errorf("%v %+v", err, r)
	}
}

func TestRunEndsByTime(t *testing.T) {
	_, url := newExchange(t)
	r := run(t, Config{BaseURL: url, Sources: sources(), Rate: 200, For: 200 * time.Millisecond})
	if r.Ping.Sent == 0 || r.Ping.Sent > 200 || r.TookMS < 200 {
		t.Errorf("%+v", r)
	}
}

func TestUnwritableAnswersAreAnError(t *testing.T) {
	_, url := newExchange(t)
	pr, pw := io.Pipe()
	full := errors.New("disk full")
	pr.CloseWithError(full)
	g, err := New(Config{BaseURL: url, Sources: sources(), Rate: 1000, Trips: 3, Answers: pw})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Run(t.Context()); !errors.Is(err, full) {
		t.Errorf("%v", err)
	}
}

func TestConfigIsChecked(t *testing.T) {
	for name, change := range map[string]func(c *Config){
		"url":      func(c *Config) { c.BaseURL = "localhost" },
		"sources":  func(c *Config) { c.Sources = nil },
		"vertical": func(c *Config) { c.Sources = []Source{{ID: "x", Verticals: []string{"boats"}}} },
		"none":     func(c *Config) { c.Sources = []Source{{ID: "x"}} },
		"rate":     func(c *Config) { c.Rate = 0 },
		"share":    func(c *Config) { c.Post = 1.1 },
	} {
		c := Config{BaseURL: "http://127.0.0.1:1", Sources: sources(), Rate: 1}
		change(&c)
		if _, err := New(c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestAnswersAreReadExactly(t *testing.T) {
	a, err := readAnswer(200, []byte(`{"result":"success","lead_id":"L","id":"a","price":40.10,"sales":[{"id":"a","price":30.05},{"id":"b","price":10.05}]}`))
	if err != nil || a.Price != 40_100_000 || len(a.Sales) != 2 ||
		a.Sales[1] != (audit.SaleSeen{Reference: "b", Price: 10_050_000}) {
		t.Errorf("%v %+v", err, a)
	}
	for _, bad := range []string{``, `{"price":1`, `{"price":"x"}`, `{"price":1e3}`, `{"sales":[{"price":"1"}]}`} {
		if _, err := readAnswer(200, []byte(bad)); err == nil {
			t.Errorf("%s was read", bad)
		}
	}
}
