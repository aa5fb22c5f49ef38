// SPDX-License-Identifier: Apache-2.0

package conform

import (
	"maps"
	"slices"
	"strings"
	"time"

	"clearpost/buyers"
	"clearpost/lead"
	"clearpost/wire/request"
)

// shape is what the requests of one call look like, found by rendering it from inputs that differ in one thing at a
// time: so it holds for every format that a request may have.
type shape struct {
	method, path string
	pairs        pairs
	volatile     set // differ from call to call: ids, token, price, time
	token        set // differ with the token
	key          set // differ with the attempt
	person       set // differ with the person's phone and e-mail
	filled       set // differ with the lead
	required     set // hang on a field that the vertical requires at this stage
}

type set map[string]bool

func (s set) add(names set) {
	for n := range names {
		s[n] = true
	}
}

// shapeOf learns the shape of a call around some inputs.
func shapeOf(e *buyers.Endpoint, in request.Inputs, stage lead.Stage) (*shape, error) {
	render := func(in request.Inputs) (*shape, error) {
		b, err := e.Request.AppendHTTP(nil, &in)
		if err != nil {
			return nil, err
		}
		p := buyers.ParseRequest(e.Request, b)
		s := &shape{method: p.Method}
		s.path, _, _ = strings.Cut(p.Target, "?")
		s.pairs, err = flattenTarget(&p)
		return s, err
	}
	s, err := render(in)
	if err != nil {
		return nil, err
	}
	var first error
	vary := func(change func(*request.Inputs)) set {
		other := in
		change(&other)
		o, err := render(other)
		if err != nil {
			if first == nil {
				first = err
			}
			return set{}
		}
		return differ(s.pairs, o.pairs)
	}
	other, _ := lead.ParseID("019bc225-4e88-7abc-9def-0123456789ab")
	s.volatile = vary(func(o *request.Inputs) {
		o.LeadID, o.Source, o.Price, o.Now = other, "another", o.Price+7*lead.Unit,
			o.Now.Add(25*time.Hour+61*time.Second)
	})
	s.token = vary(func(o *request.Inputs) { o.Token = []byte("another-token") })
	s.key = vary(func(o *request.Inputs) {
		if !o.Attempt.IsZero() {
			o.Attempt = other
		}
	})
	s.volatile.add(s.token)
	s.volatile.add(s.key)
	s.person = vary(func(o *request.Inputs) { o.Lead = buyers.Person(o.Lead, 1999, o.Now) })
	s.filled = vary(func(o *request.Inputs) { o.Lead = new(lead.Lead); o.Lead.Reset(in.Lead.Schema()) })
	s.required = set{}
	whole := in
	whole.Lead = buyers.Person(in.Lead, 0, in.Now)
	with, err := render(whole)
	if err != nil {
		return nil, err
	}
	for pos := range in.Lead.Len() {
		if in.Lead.Schema().Fields[pos].Required&stage == 0 || !e.Request.Uses().Has(pos) {
			continue
		}
		o := in
		o.Lead = buyers.Person(in.Lead, 0, in.Now, pos)
		if without, err := render(o); err == nil {
			s.required.add(differ(with.pairs, without.pairs))
		}
	}
	return s, first
}

// flattenTarget takes a rendered request apart.
func flattenTarget(p *buyers.RequestParts) (pairs, error) {
	_, query, _ := strings.Cut(p.Target, "?")
	return flatten(query, p.Headers, p.Body)
}

// differ lists the names whose values differ, or that stand in one of the two only.
func differ(a, b pairs) set {
	out := set{}
	for n, v := range a {
		if w, there := b[n]; !there || w != v {
			out[n] = true
		}
	}
	for n := range b {
		if _, there := a[n]; !there {
			out[n] = true
		}
	}
	return out
}

// fits counts how much a request looks like this shape.
func (s *shape) fits(method, path string, got pairs) int {
	n := 0
	if s.method == method {
		n += 1000
	}
	if s.path == path {
		n += 10000
	}
	for name, v := range s.pairs {
		w, there := got[name]
		switch {
		case !there:
			n--
		case w == v && !s.filled[name]:
			n += 3
		default:
			n++
		}
	}
	for name := range got {
		if _, there := s.pairs[name]; !there {
			n--
		}
	}
	return n
}

// same tells whether a request says the same as this shape, but for what differs from call to call.
func (s *shape) same(got pairs) bool {
	for name := range differ(s.pairs, got) {
		if !s.volatile[name] {
			return false
		}
	}
	return true
}

// of joins the values at some names, for use as a key. It is empty where none has a value.
func (p pairs) of(names set) string {
	some := false
	list := slices.Sorted(maps.Keys(names))
	for i, n := range list {
		some = some || p[n] != ""
		list[i] = p[n]
	}
	if !some {
		return ""
	}
	return strings.Join(list, "\x00")
}
