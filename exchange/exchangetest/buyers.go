// SPDX-License-Identifier: Apache-2.0

package exchangetest

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/goccy/go-json"

	"clearpost/lead"
	"clearpost/wire/transport"
)

// Request is one call as its buyer gets it.
type Request struct {
	Campaign string // whose call it is, by the path of its URL
	Call     string // Ping, Post, Backup, Status, or what else a URL names
	Path     string
	Header   http.Header
	Body     string
	Bytes    string // the whole request
	At       time.Time
}

// The calls of the campaigns that Campaign makes.
const (
	Ping   = "ping"
	Post   = "post"
	Backup = "backup"
	Status = "status"
)

// Field is a field of the body's JSON object as text, "" if it is not there.
func (r *Request) Field(name string) string {
	var all map[string]any
	if json.Unmarshal([]byte(r.Body), &all) != nil || all[name] == nil {
		return ""
	}
	return fmt.Sprint(all[name])
}

// Answer is what becomes of a call. The zero Answer is an empty body with status 200.
type Answer struct {
	After  time.Duration // from the call's beginning; where the call's time is over before, it is timed out
	Status int           // 0 is 200
	Type   string        // "" is application/json
	Body   string
	Loose  bool   // only the connection's end ends the body
	Cookie string // what the answer sets, as the value of a Cookie header
	Later  string // the header Retry-After of a 429 or 503

	Refusal lead.Refusal // there is no whole answer; Body is the part of a post's that came
	Unsent  bool         // with Refusal: not a byte went out
}

// In is the answer after a time.
func (a Answer) In(d time.Duration) Answer {
	a.After = d
	return a
}

// Buyer answers calls. It runs on the goroutine that makes the call, and may wait for whatever it likes.
type Buyer func(*Request) Answer

// Always gives the same answer to all calls.
func Always(a Answer) Buyer { return func(*Request) Answer { return a } }

// Script gives the answers one after the other, and the last one from then on.
func Script(answers ...Answer) Buyer {
	var mu sync.Mutex
	next := 0
	return func(*Request) Answer {
		mu.Lock()
		defer mu.Unlock()
		a := answers[min(next, len(answers)-1)]
		next++
		return a
	}
}

// Says is an answer of JSON with these names and values: strings stay strings, lead.Money is an amount.
func Says(pairs ...any) Answer {
	var b strings.Builder
	for i := 0; i < len(pairs); i += 2 {
		value, err := json.Marshal(pairs[i+1])
		if m, ok := pairs[i+1].(lead.Money); ok {
			value, err = m.Append(nil), nil
		}
		if err != nil {
			panic(err)
		}
		fmt.Fprintf(&b, ",%q:%s", pairs[i], value)
	}
	return Answer{Body: "{" + strings.TrimPrefix(b.String(), ",") + "}"}
}

// Bid is the answer of a ping that bids, with more names and values.
func Bid(price lead.Money, more ...any) Answer {
	return Says(append([]any{"status", "accepted", "price", price}, more...)...)
}

// Accept is the answer of a post that is a sale, with more names and values.
func Accept(reference string, more ...any) Answer {
	return Says(append([]any{"status", "accepted", "reference", reference}, more...)...)
}

// Decline is a clear no to a ping or a post.
func Decline(reason string) Answer { return Says("status", "rejected", "reason", reason) }

// Silence takes the request and never answers.
func Silence() Answer { return Answer{After: 1 << 62} }

// Unreachable is a buyer that no connection can be made to.
func Unreachable() Answer { return Answer{Refusal: lead.Unreachable, Unsent: true} }

// Torn is a connection that ends within an answer.
func Torn(part string) Answer { return Answer{Refusal: lead.TornAnswer, Body: part} }

// Buyers stand where the transport does: an exchange.Caller whose buyers are functions. All methods may be called by
// any goroutine.
type Buyers struct {
	now func() time.Time // the wall clock by which deadlines are set

	mu     sync.Mutex
	buyers map[string]Buyer // guarded by mu: by campaign and call
	calls  []Request        // guarded by mu
}

// Set has a campaign's calls of one kind answered by b from now on.
func (s *Buyers) Set(campaign, call string, b Buyer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.buyers[campaign+"/"+call] = b
}

// Calls are the calls of a kind that a campaign has got so far, oldest first.
func (s *Buyers) Calls(campaign, call string) (out []Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.calls {
		if r.Campaign == campaign && r.Call == call {
			out = append(out, r)
		}
	}
	return out
}

// Forget forgets the calls so far.
func (s *Buyers) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = nil
}

// Posted are the campaigns that got posts (or posts at their backup URL), in the order of the calls.
func (s *Buyers) Posted() (out []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.calls {
		if r.Call == Post || r.Call == Backup {
			out = append(out, r.Campaign)
		}
	}
	return out
}

// Scatter implements exchange.Caller. The buyers are asked one after the other, and time goes by for all calls at once.
func (s *Buyers) Scatter(calls []*transport.Call, deadline time.Time) {
	s.ScatterUntil(calls, deadline, nil)
}

// ScatterUntil implements exchange.Caller: the calls end one after the other.
func (s *Buyers) ScatterUntil(calls []*transport.Call, deadline time.Time, l transport.Listener) {
	begin := s.now()
	answers, took, order := make([]Answer, len(calls)), make([]time.Duration, len(calls)), make([]int, len(calls))
	for i, c := range calls {
		clear1(c)
		answers[i] = s.ask(c)
	}
	for i, c := range calls {
		took[i], order[i] = answers[i].end(c, deadline.Sub(begin)), i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(took[a], took[b]) })
	enough := false
	for _, i := range order {
		if enough && took[i] > s.now().Sub(begin) {
			calls[i].Refusal, calls[i].Sent, calls[i].Took = lead.ClosedEarly, true, s.now().Sub(begin)
			continue
		}
		time.Sleep(took[i] - s.now().Sub(begin))
		answers[i].finish(calls[i], took[i])
		enough = enough || l != nil && l.Enough()
	}
}

// PostOnce implements exchange.Caller.
func (s *Buyers) PostOnce(c *transport.Call, deadline time.Time) {
	begin := s.now()
	clear1(c)
	if !deadline.After(begin) {
		c.Refusal = lead.NoTimeLeft
		return
	}
	a := s.ask(c)
	took := a.end(c, deadline.Sub(begin))
	time.Sleep(took - s.now().Sub(begin))
	a.finish(c, took)
}

// clear1 empties what an earlier use has left in a call.
func clear1(c *transport.Call) {
	c.Status, c.Type, c.Body, c.Jar, c.RetryAfter = 0, c.Type[:0], c.Body[:0], c.Jar[:0], c.RetryAfter[:0]
	c.Refusal, c.Sent, c.Took, c.Whole, c.Exact = lead.NoRefusal, false, 0, false, true
}

func (s *Buyers) ask(c *transport.Call) Answer {
	r := parse(c.Request)
	s.mu.Lock()
	s.calls = append(s.calls, r)
	b := s.buyers[r.Campaign+"/"+r.Call]
	known := slices.Sorted(maps.Keys(s.buyers))
	s.mu.Unlock()
	if b == nil {
		panic(fmt.Sprintf("no buyer answers %s of %s: there are %v", r.Call, r.Campaign, known))
	}
	return b(&r)
}

// parse takes a request apart. One that is no HTTP is a mistake of the exchange.
func parse(b []byte) Request {
	h, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(b)))
	if err != nil {
		panic(fmt.Sprintf("%v: %q", err, b))
	}
	body, err := io.ReadAll(h.Body)
	if err != nil {
		panic(fmt.Sprintf("%v: %q", err, b))
	}
	call, campaign, _ := strings.Cut(strings.TrimPrefix(h.URL.Path, "/"), "/")
	return Request{Campaign: campaign, Call: call, Path: h.URL.RequestURI(), Header: h.Header, Body: string(body),
		Bytes: string(b), At: time.Now()}
}

// end is when the call ends, from its beginning; left is what its deadline leaves.
func (a *Answer) end(c *transport.Call, left time.Duration) time.Duration {
	if c.Timeout > 0 {
		left = min(left, c.Timeout)
	}
	if a.After >= left {
		*a = Answer{Refusal: lead.TimedOut, Unsent: a.Unsent}
		return max(left, 0)
	}
	return a.After
}

func (a *Answer) finish(c *transport.Call, took time.Duration) {
	c.Took, c.Sent = took, !a.Unsent
	c.Body = append(c.Body, a.Body...)
	if a.Refusal != lead.NoRefusal {
		c.Refusal = a.Refusal
		return
	}
	if c.Status = a.Status; c.Status == 0 {
		c.Status = 200
	}
	c.Type = append(c.Type, "application/json"...)
	if a.Type != "" {
		c.Type = append(c.Type[:0], a.Type...)
	}
	c.Whole = !a.Loose
	if c.Status == 429 || c.Status == 503 {
		c.RetryAfter = append(c.RetryAfter, a.Later...)
	}
	if c.Cookies {
		c.Jar = append(c.Jar, a.Cookie...)
	}
}
