// SPDX-License-Identifier: Apache-2.0

package conform

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"clearpost/buyers"
	"clearpost/lead"
	"clearpost/wire/answer"
	"clearpost/wire/request"
)

// MockConfig says whose part the mock plays, and what it does wrong on purpose.
type MockConfig struct {
	Campaign *buyers.Campaign
	Sample   *lead.Lead // what requests look like where no example has a lead of its own
	Reject   bool       // refuse everything, by an example of a refusal
	Slow     time.Duration
	FailRate float64 // the part of requests, 0 to 1, that ends with a status 500 or a closed connection, in turn
	Seed     uint64  // of FailRate

	// Log hears of each request, with no personal data; nil: nobody does.
	Log func(Served)
}

// Served is one request that a mock has answered.
type Served struct {
	Method, Path string
	Call         string // ping or post; empty where it is neither
	Status       int
	Outcome      lead.Outcome // how the campaign reads the answer
	Refusal      lead.Refusal
	Price        string
	Note         string // why this answer
	// criteria of the campaign that the lead does not meet, as far as the request shows: the exchange would not ask
	Unmet []string
}

// rememberMax is how many leads, tokens and posts a mock remembers, each; then it forgets all.
const rememberMax = 100_000

// Mock is a buyer as a server. It answers by its campaign's examples: those of a lead that it is sent exactly, else the
// first that accepts, with a token and a reference of its own each time. A request without a required value, with a
// token that it never gave, or of a person that it has bought already is refused by an example of such a refusal; a
// post that comes again with its attempt's id hears its first answer again.
type Mock struct {
	cfg        MockConfig
	ping, post *side

	mu     sync.Mutex // guards what follows
	rand   *rand.Rand
	fails  int
	count  int
	tokens map[string]bool
	bought map[string]bool
	given  map[string]*reply // by the post's own key
}

// side is one of the two calls.
type side struct {
	name    string
	e       *buyers.Endpoint
	shape   *shape // of the lead of the first example
	answers []*example
	accept  *example // the first that accepts; nil if none does
	mirrors []mirror
}

// answer is what an example answers.
type example struct {
	name    string
	spec    *buyers.ExampleAnswerSpec
	receipt answer.Receipt
	shape   *shape // of the example's own lead; nil if it has none
}

// reply is what is sent back.
type reply struct {
	answer *example
	body   string
	note   string
}

// called tells why a campaign's posts reach nobody who could answer them.
func called(c *buyers.Campaign) error {
	if c.Batch != nil || c.Post.Mail != nil {
		return fmt.Errorf("campaign %s takes its leads in files or by e-mail: there is no call that a buyer answers",
			c.ID)
	}
	return nil
}

// NewMock makes a mock. It fails if the campaign has no example of an answer that accepts a post.
func NewMock(cfg MockConfig) (*Mock, error) {
	m := &Mock{cfg: cfg, rand: rand.New(rand.NewPCG(cfg.Seed, 1))}
	m.forget()
	c := cfg.Campaign
	if err := called(c); err != nil {
		return nil, err
	}
	var err error
	if c.Ping != nil {
		if m.ping, err = newSide(&cfg, "ping", c.Ping, lead.AtPing); err != nil {
			return nil, err
		}
	}
	if m.post, err = newSide(&cfg, "post", c.Post, lead.AtPing|lead.AtPost); err != nil {
		return nil, err
	}
	for _, s := range []*side{m.ping, m.post} {
		if s != nil && s.accept == nil {
			return nil, fmt.Errorf("campaign %s has no example of an answer that accepts a %s: a mock answers by its "+
				"examples", c.ID, s.name)
		}
	}
	return m, nil
}

func newSide(cfg *MockConfig, name string, e *buyers.Endpoint, stage lead.Stage) (*side, error) {
	s := &side{name: name, e: e}
	post := name == "post"
	in := buyers.SampleInputs(cfg.Sample, cfg.Campaign.Vertical, post)
	for i, x := range cfg.Campaign.Examples {
		if x.Own() {
			in = x.Inputs(cfg.Campaign, post)
		}
		k := x.Ping
		if post {
			k = x.Post
		}
		if k != nil && k.Answer != nil {
			a := &example{name: x.Name, spec: k.Answer, receipt: k.Read(e.Answer)}
			if x.Own() && i > 0 {
				var err error
				if a.shape, err = shapeOf(e, in, stage); err != nil {
					return nil, fmt.Errorf("example %q: %w", x.Name, err)
				}
			}
			s.answers = append(s.answers, a)
			if s.accept == nil && a.receipt.Outcome == lead.Accepted {
				s.accept = a
			}
		}
		if s.shape == nil && x.Own() {
			var err error
			if s.shape, err = shapeOf(e, in, stage); err != nil {
				return nil, fmt.Errorf("example %q: %w", x.Name, err)
			}
		}
	}
	var err error
	if s.shape == nil {
		s.shape, err = shapeOf(e, in, stage)
	}
	s.mirrors = mirrors(e, in)
	return s, err
}

// forget empties the memory.
func (m *Mock) forget() {
	m.tokens, m.bought, m.given = map[string]bool{}, map[string]bool{}, map[string]*reply{}
}

// ServeHTTP implements http.Handler.
func (m *Mock) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	served := Served{Method: r.Method, Path: r.URL.Path}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, request.BytesMax))
	if err != nil {
		m.say(w, &served, http.StatusRequestEntityTooLarge, "the request cannot be read: "+err.Error())
		return
	}
	if m.cfg.Slow > 0 && !wait(r.Context(), m.cfg.Slow) {
		return
	}
	if m.fail(w, &served) {
		return
	}
	var headers [][2]string
	for name, values := range r.Header {
		headers = append(headers, [2]string{name, strings.Join(values, ", ")})
	}
	got, err := flatten(r.URL.RawQuery, headers, string(body))
	s := m.side(r.Method, r.URL.EscapedPath(), got)
	if s == nil {
		m.say(w, &served, http.StatusNotFound, "neither the ping nor the post goes here")
		return
	}
	served.Call = s.name
	var out *reply
	if err != nil {
		out = s.refuse("the body is not well-formed", invalid)
	} else {
		out = m.decide(s, got)
		served.Unmet = s.unmet(m.cfg.Campaign, m.cfg.Sample.Schema(), got)
	}
	if out.answer == nil {
		m.say(w, &served, http.StatusBadRequest, out.note)
		return
	}
	a := out.answer.spec
	for _, h := range a.Headers {
		w.Header().Add(h.Name, h.Value.Text)
	}
	w.Header().Set("Content-Type", a.Type)
	if a.Type == "" {
		w.Header()["Content-Type"] = nil
	}
	if a.Status != http.StatusNoContent && a.Status != http.StatusNotModified {
		w.Header().Set("Content-Length", fmt.Sprint(len(out.body)))
	}
	receipt := s.e.Answer.ReadWhole(a.Status, []byte(a.Type), []byte(out.body))
	served.Status, served.Outcome, served.Refusal, served.Note = a.Status, receipt.Outcome, receipt.Refusal, out.note
	if receipt.HasPrice {
		served.Price = receipt.Price.String()
	}
	w.WriteHeader(a.Status)
	_, _ = io.WriteString(w, out.body) // who has hung up hears nothing
	m.log(&served)
}

// wait sleeps unless the caller goes away.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// say answers for the mock itself, where no example fits.
func (m *Mock) say(w http.ResponseWriter, s *Served, status int, note string) {
	s.Status, s.Note = status, note
	http.Error(w, "clearpost mock: "+note, status)
	m.log(s)
}

func (m *Mock) log(s *Served) {
	if m.cfg.Log != nil {
		m.cfg.Log(*s)
	}
}

// fail breaks some requests off, where it is told to.
func (m *Mock) fail(w http.ResponseWriter, s *Served) bool {
	m.mu.Lock()
	failing := m.cfg.FailRate > 0 && m.rand.Float64() < m.cfg.FailRate
	if failing {
		m.fails++
	}
	cut := m.fails%2 == 0
	m.mu.Unlock()
	if !failing {
		return false
	}
	if !cut {
		m.say(w, s, http.StatusInternalServerError, "a failure on purpose")
		return true
	}
	s.Note = "the connection is closed on purpose"
	m.log(s)
	if h, ok := w.(http.Hijacker); ok {
		if c, _, err := h.Hijack(); err == nil {
			_ = c.Close()
			return true
		}
	}
	panic(http.ErrAbortHandler) // which closes the connection too
}

// side finds which call a request is: by method and path, and where both calls share them by what it holds.
func (m *Mock) side(method, path string, got pairs) *side {
	var best *side
	most := 0
	for _, s := range []*side{m.ping, m.post} {
		if s == nil {
			continue
		}
		if n := s.shape.fits(method, path, got); n > most && n > 9000 {
			best, most = s, n
		}
	}
	return best
}

// errNoExample is said where no example has the answer that would fit.
var errNoExample = errors.New("no example has an answer for that")
