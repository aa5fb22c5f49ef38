// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"strings"
	"time"

	"github.com/valyala/fasthttp"
	"golang.org/x/time/rate"

	"clearpost/exchange"
	"clearpost/exchange/door"
)

// book is the accounts of one configuration. It never changes: a request finds its account in one, and stays with it.
type book struct {
	keys   map[[32]byte]*account
	ids    map[string]*account      // of each source one, by its id
	limits map[string]*rate.Limiter // by source; those without a limit are left out
	seats  map[string]*seat         // by source
	buyers map[[32]byte]*buyerAccount
}

// buyerAccount is a buyer under one of its keys.
type buyerAccount struct {
	id    string
	on    *exchange.Snapshot
	hash  [32]byte
	limit *rate.Limiter
	seat  *seat
}

// Requests of a buyer.
const (
	buyerPerSecond = 10
	buyerBurst     = 20
)

// takeBuyers makes the accounts of buyers. Their limiters go on by their ids.
func (b *book) takeBuyers(v *exchange.Snapshot, before *book) {
	b.buyers = map[[32]byte]*buyerAccount{}
	old := map[string]*buyerAccount{}
	for _, a := range before.buyers {
		old[a.id] = a
	}
	for _, y := range v.Config().Book.Buyers {
		a := buyerAccount{id: y.ID, on: v, limit: rate.NewLimiter(buyerPerSecond, buyerBurst), seat: &seat{}}
		if was := old[y.ID]; was != nil {
			a.limit, a.seat = was.limit, was.seat
		}
		for _, h := range y.KeyHashes {
			k := a
			k.hash = h
			b.buyers[h] = &k
		}
	}
}

// account is a source under one of its keys, and the configuration that it was found in.
type account struct {
	*exchange.Source
	on    *exchange.Snapshot
	hash  [32]byte
	names map[string]*names // by vertical
	limit *rate.Limiter
	reads *rate.Limiter // of its account
	seat  *seat
	alone bool // there is no other source
}

// newBook makes the accounts of a view. The limiters of the book before, and what they have counted, go on.
func newBook(v *exchange.Snapshot, before *book) *book {
	b := &book{keys: map[[32]byte]*account{}, ids: map[string]*account{}, limits: map[string]*rate.Limiter{},
		seats: map[string]*seat{}}
	b.takeBuyers(v, before)
	for _, src := range v.Config().Sources {
		a := account{Source: src, on: v, names: map[string]*names{}, limit: rate.NewLimiter(rate.Inf, 0),
			seat: before.seats[src.ID], alone: len(v.Config().Sources) == 1}
		if was := before.ids[src.ID]; was != nil {
			a.reads = was.reads
		} else {
			a.reads = rate.NewLimiter(readsPerSecond, readsBurst)
		}
		if a.seat == nil {
			a.seat = &seat{}
		}
		b.seats[src.ID] = a.seat
		if src.RatePerSecond > 0 {
			a.limit = before.limiter(src)
			b.limits[src.ID] = a.limit
		}
		for _, id := range src.Verticals {
			if vertical := v.Vertical(id); vertical != nil {
				a.names[id] = newNames(vertical.Schema, src)
				a.names[id].keep = vertical.KeepUnknown
			}
		}
		b.ids[src.ID] = &a
		for _, h := range src.KeyHashes {
			k := a
			k.hash = h
			b.keys[h] = &k
		}
	}
	return b
}

// limiter is the source's of this book with the limits put into force, or a new one.
func (b *book) limiter(src *exchange.Source) *rate.Limiter {
	per, burst := rate.Limit(src.RatePerSecond), max(src.Burst, 1)
	l := b.limits[src.ID]
	if l == nil {
		return rate.NewLimiter(per, burst)
	}
	l.SetLimit(per)
	l.SetBurst(burst)
	return l
}

// account finds who sent this: by Authorization: Bearer, X-Api-Key, or the key in the body. It answers 401 or 429
// itself.
func (s *Server) account(ctx *fasthttp.RequestCtx, bodyKey string) *account {
	key := headerKey(ctx)
	if len(key) == 0 {
		key = []byte(bodyKey)
	}
	if len(key) == 0 || len(key) > KeyBytesMax {
		s.unauthorized(ctx)
		return nil
	}
	h := sha256.Sum256(key)
	a := s.book.Load().keys[h]
	if a == nil || subtle.ConstantTimeCompare(a.hash[:], h[:]) != 1 {
		if !s.stranger(ctx) {
			s.unauthorized(ctx)
		}
		return nil
	}
	door.Own(ctx.Conn(), &a.seat.holder)
	if !s.origin(ctx, a) {
		return nil
	}
	if !a.limit.Allow() {
		s.places.note(ShedRate, time.Now())
		s.later(ctx, 429, "rate_limited", fmt.Sprintf("more than %g requests a second", a.RatePerSecond),
			time.Duration(float64(time.Second)/a.RatePerSecond))
		return nil
	}
	return a
}

// headerKey is the key in the headers of a request, empty if there is none.
func headerKey(ctx *fasthttp.RequestCtx) []byte {
	if auth := ctx.Request.Header.Peek("Authorization"); len(auth) > 7 &&
		strings.EqualFold(string(auth[:7]), "bearer ") {
		return auth[7:]
	}
	return ctx.Request.Header.Peek("X-Api-Key")
}

// stranger answers 429 where there are too many unknown keys from an address; else it answers nothing and is false.
func (s *Server) stranger(ctx *fasthttp.RequestCtx) bool {
	if addr, _ := s.client(ctx); s.strange.allow(addr) {
		return false
	}
	s.places.note(ShedUnknownKeys, time.Now())
	s.later(ctx, 429, "rate_limited", "too many requests with a key that is not known, from your address", time.Second)
	return true
}

// buyer finds the buyer whose key a request shows, and which its path names. It answers 401 or 429 itself: of another
// buyer it tells as little as of none.
func (s *Server) buyer(ctx *fasthttp.RequestCtx, id string) *buyerAccount {
	key := headerKey(ctx)
	h := sha256.Sum256(key)
	a := s.book.Load().buyers[h]
	known := a != nil && subtle.ConstantTimeCompare(a.hash[:], h[:]) == 1 && a.id == id
	if len(key) == 0 || len(key) > KeyBytesMax || !known {
		if len(key) > 0 && s.stranger(ctx) {
			return nil
		}
		ctx.Response.Header.Set("WWW-Authenticate", "Bearer")
		s.fail(ctx, 401, "unauthorized",
			"expected a key of the buyer in the path: Authorization: Bearer KEY, or X-Api-Key")
		return nil
	}
	door.Own(ctx.Conn(), &a.seat.holder)
	if !a.limit.Allow() {
		s.places.note(ShedRate, time.Now())
		s.later(ctx, 429, "rate_limited", fmt.Sprintf("more than %d requests a second", buyerPerSecond), time.Second)
		return nil
	}
	return a
}

// isKey tells whether a text is the key that the account was found by.
func (a *account) isKey(key string) bool {
	h := sha256.Sum256([]byte(key))
	return subtle.ConstantTimeCompare(a.hash[:], h[:]) == 1
}
