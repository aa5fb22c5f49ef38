// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"crypto/sha256"
	"fmt"
	"time"

	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/loadtest/audit"
)

type simLead struct {
	seller string
	id     lead.ID
	values exchangetest.Values
	key    string // of its last post
}

// shot is a whole lead that was sent under a key.
type shot struct {
	seller string
	values exchangetest.Values
	key    string
}

// simCall is one call of a seller.
type simCall struct {
	seller string
	op     string
	key    string // its Idempotency-Key; most have one
	epoch  int    // of the exchange that is called
}

// call begins a call. It has a key of its own, that of an earlier one, or none.
func (w *world) call(seller, op, key string, which uint64) simCall {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls++
	c := simCall{seller: seller, op: op, key: key, epoch: w.epoch}
	if key == "" && which%5 > 0 {
		c.key = fmt.Sprint("k", w.calls)
	}
	if w.dead {
		c.epoch = -1
	}
	return c
}

// simSellers are who sends leads.
var simSellers = []string{"acme", "zeta"}

// whom draws who sends a lead, and whose: of somebody new, or of one who has come before, by this seller or another.
// Two persons each have one e-mail, and the first and the third of four one telephone.
func (w *world) whom() (seller string, v exchangetest.Values) {
	which := w.plan.Uint64()
	seller = simSellers[which%3/2]
	w.mu.Lock()
	defer w.mu.Unlock()
	n := w.persons + 1
	if which>>8%3 == 0 && w.persons > 0 {
		n = 1 + int((which>>16)%uint64(w.persons))
		if which>>12%2 == 0 { // of late
			n = max(1, w.persons-int((which>>16)%8))
		}
		w.did["seller: a person who came before"]++
	} else {
		w.persons = n
	}
	phone := n
	if n%4 == 3 {
		phone = n - 2
	}
	v = person(phone)
	v["email"] = fmt.Sprintf("p%d@example.com", n/2)
	v["zip"] = fmt.Sprint(10001 + n%3)
	return seller, v
}

// sell has a seller do what sellers do, in a goroutine of its own.
func (w *world) sell(x *rig) {
	seller, v := w.whom()
	e, kind, which := x.Exchange, w.plan.IntN(9), w.plan.Uint64()
	w.mu.Lock()
	var again simLead
	if n := len(w.pinged); n > 0 {
		again = w.pinged[which%uint64(n)]
	}
	var before shot
	if n := len(w.shots); n > 0 {
		before = w.shots[which%uint64(n)]
	}
	w.mu.Unlock()
	switch {
	case kind < 2 && !again.id.IsZero(): // a lead that was posted, perhaps, or is being
		if which>>32%2 == 0 {
			again.key = ""
		}
		c := w.call(again.seller, audit.OpPost, again.key, which>>40)
		w.post(x, e, c, again, "seller: posts again")
	case kind == 2:
		w.shoot(x, e, w.call(seller, audit.OpLead, "", which>>40), v, "seller: one shot")
	case kind == 3 && before.key != "":
		w.shoot(x, e, w.call(before.seller, audit.OpLead, before.key, 0), before.values, "seller: one shot again")
	default:
		w.pingAndPost(x, e, seller, v, which)
	}
}

func (w *world) post(x *rig, e *exchange.Exchange, c simCall, l simLead, what string) {
	w.note(what)
	in := x.NewPostOf(l.seller, l.id, l.values)
	in.IdempotencyKey, in.BodyHash = c.key, "post "+l.id.String()
	w.busy.Go(func() {
		r, f := e.Post(in)
		w.hear(c, r, f)
	})
}

func (w *world) shoot(x *rig, e *exchange.Exchange, c simCall, v exchangetest.Values, what string) {
	w.note(what)
	p := x.NewPingOf(c.seller, v)
	p.IdempotencyKey, p.BodyHash = c.key, "lead "+v["phone"]+v["email"]
	if c.key != "" {
		w.mu.Lock()
		w.shots = append(w.shots, shot{c.seller, v, c.key})
		w.mu.Unlock()
	}
	w.busy.Go(func() {
		r, f := e.LeadNow(p)
		w.hear(c, r, f)
	})
}

// tellsEarly is what a ping tells of a person: all, nothing, or the telephone as its hash.
func tellsEarly(v exchangetest.Values, which uint64) exchangetest.Values {
	switch at := (exchangetest.Values{"zip": v["zip"]}); which % 4 {
	case 0:
		return at
	case 1:
		at["phone_hash"] = fmt.Sprintf("%x", sha256.Sum256([]byte(v["phone"])))
		return at
	}
	return v
}

func (w *world) pingAndPost(x *rig, e *exchange.Exchange, seller string, v exchangetest.Values, which uint64) {
	w.note("seller: pings and posts")
	p, c := x.NewPingOf(seller, tellsEarly(v, which>>56)), w.call(seller, audit.OpPing, "", which>>40)
	p.IdempotencyKey, p.BodyHash = c.key, "ping "+v["phone"]+v["email"]
	w.busy.Go(func() {
		r, f := e.Ping(p)
		w.hear(c, r, f)
		if f != nil || r.Result != lead.ResultSuccess {
			return
		}
		<-time.After(time.Duration(w.draw(2000)) * time.Millisecond)
		then := w.call(seller, audit.OpPost, "", which>>48)
		l := simLead{seller, r.LeadID, v, then.key}
		w.mu.Lock()
		w.pinged = append(w.pinged, l)
		w.mu.Unlock()
		if then.epoch != c.epoch {
			return // its exchange has died: it tries again as others do
		}
		// the exchange does not change meanwhile: who starts it anew lets everybody come to a rest first
		in := x.NewPostOf(seller, l.id, l.values)
		in.IdempotencyKey, in.BodyHash = then.key, "post "+l.id.String()
		r, f = e.Post(in)
		w.hear(then, r, f)
	})
}

// hear notes what a seller has heard, which is nothing if its exchange has died meanwhile.
func (w *world) hear(c simCall, r exchange.Reply, f *exchange.Fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	a := audit.Answer{Source: c.seller, Vertical: "solar", Op: c.op, Key: c.key}
	if c.epoch != w.epoch {
		w.did["answer: unheard"]++
		w.answers = append(w.answers, a)
		return
	}
	if f != nil {
		w.did["answer: "+f.Code]++
		if a.Status = 409; f.Kind == exchange.FaultUnavailable {
			a.Status, a.Unsure = 503, f.Unsure
		}
		w.answers = append(w.answers, a)
		return
	}
	w.did["answer: "+c.op+" "+r.Result]++
	w.answers = append(w.answers, toldAs(a, r))
}

// toldAs is an answer with what a reply says.
func toldAs(a audit.Answer, r exchange.Reply) audit.Answer {
	a.Status, a.Result, a.Lead, a.Price, a.Reference = 200, r.Result, r.LeadID.String(), int64(r.Price), r.Reference
	if r.Refusal != lead.NoRefusal {
		a.Reason = r.Refusal.Info().Published
	}
	for _, s := range r.Sales {
		if len(r.Sales) > 1 {
			a.Sales = append(a.Sales, audit.SaleSeen{Reference: s.ID, Price: int64(s.Price)})
		}
	}
	return a
}
