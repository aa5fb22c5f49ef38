// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"fmt"
	"time"

	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/loadtest/audit"
)

// verdict is what a buyer has decided about a lead. It stands, however often it is asked.
type verdict struct {
	yes       bool
	price     lead.Money
	reference string
}

// bid is a buyer's answer to a ping.
func (w *world) bid(r *exchangetest.Request) exchangetest.Answer {
	after := time.Duration(w.draw(500)) * time.Millisecond // some come too late
	switch w.draw(12) {
	case 0:
		return exchangetest.Decline("no").In(after)
	case 1:
		return exchangetest.Silence()
	case 2:
		return exchangetest.Answer{Body: "<html>busy</html>", Status: 503}
	}
	price := lead.Money(500+w.draw(2000)) * lead.Cent
	w.mu.Lock()
	w.bids[r.Campaign+" "+r.Field("ref")] = price
	w.mu.Unlock()
	return exchangetest.Bid(price).In(after)
}

// take is a buyer's answer to a post: what it says, and what stands in its own book.
func (w *world) take(r *exchangetest.Request) exchangetest.Answer {
	ref, id := fmt.Sprint("r", w.draw(1<<30)), r.Field("ref")
	key := r.Campaign + "-co " + id
	after := time.Duration(w.draw(900)) * time.Millisecond
	w.mu.Lock()
	before, again := w.book[key]
	price, bid := w.bids[r.Campaign+" "+id]
	w.mu.Unlock()
	if again {
		return w.takeAgain(r, before).In(after)
	}
	if a, ok := w.later(r); ok {
		return a.In(after)
	}
	var said []any
	if !bid { // it has a list price, and says which
		price = lead.Money(500+w.draw(2000)) * lead.Cent
		said = []any{"price", price}
	}
	book := func(yes bool, answer exchangetest.Answer, what string) exchangetest.Answer {
		w.write(r, verdict{yes, price, ref}, what)
		return answer
	}
	yes := exchangetest.Accept(ref, said...)
	switch n := w.draw(20); {
	case n < 4:
		return book(false, exchangetest.Decline("no").In(after), "no")
	case n == 4:
		w.note("buyer: not reached")
		return exchangetest.Unreachable()
	case n == 5:
		return book(true, exchangetest.Silence(), "yes, unheard")
	case n == 6:
		return book(false, exchangetest.Silence(), "silence")
	case n == 7:
		return book(true, exchangetest.Torn(yes.Body[:len(yes.Body)/2]), "yes, torn")
	case n == 8:
		return book(w.draw(2) == 0, exchangetest.Answer{Body: "<p>Thank you</p>"}.In(after), "unclear")
	case n == 9:
		return book(true, yes.In(time.Hour), "yes, too late")
	case n < 13:
		price = max(price+lead.Money(w.draw(400)-200)*lead.Cent, lead.Cent)
		return book(true, exchangetest.Accept(ref, "price", price).In(after), "yes, at another price")
	}
	return book(true, yes.In(after), "yes")
}

// write writes a post into its buyer's book.
func (w *world) write(r *exchangetest.Request, v verdict, what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.did["buyer: "+what]++
	x := audit.Receipt{Buyer: r.Campaign + "-co", Lead: r.Field("ref"), Accepted: v.yes, At: r.At}
	if v.yes {
		x.Price, x.Reference = int64(v.price), v.reference
	}
	w.book[x.Buyer+" "+x.Lead] = v
	w.receipts = append(w.receipts, x)
}

// takeAgain is the answer to a post that was there before: what it was, without another entry of a sale.
func (w *world) takeAgain(r *exchangetest.Request, v verdict) exchangetest.Answer {
	w.mu.Lock()
	w.did["buyer: the same request again"]++
	w.receipts = append(w.receipts, audit.Receipt{Buyer: r.Campaign + "-co", Lead: r.Field("ref"), At: r.At})
	w.mu.Unlock()
	switch {
	case w.draw(3) == 0:
		return exchangetest.Silence()
	case v.yes:
		return exchangetest.Accept(v.reference, "price", v.price)
	}
	return exchangetest.Decline("no")
}

// status is a buyer's answer to the question what became of a lead.
func (w *world) status(r *exchangetest.Request) exchangetest.Answer {
	w.mu.Lock()
	v := w.book[r.Campaign+"-co "+r.Field("ref")]
	w.did["buyer: asked for the status"]++
	w.mu.Unlock()
	switch {
	case w.draw(3) == 0:
		return exchangetest.Silence()
	case v.yes:
		return exchangetest.Accept(v.reference, "price", v.price)
	}
	return exchangetest.Decline("no")
}
