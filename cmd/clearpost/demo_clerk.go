// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-json"

	"clearpost/buyers/buyertest"
	"clearpost/exchange/admin"
	"clearpost/lead"
)

// demoClerk is what is done about money while the demo's sellers send: a buyer gives leads back through its side of the
// API, the operator decides what waits and grants what is good will, buyers pay what they owe. All of it goes through
// the doors that users have.
type demoClerk struct {
	d    *demo
	ops  *ops
	http http.Client
	seen map[string]int // of each buyer's book
	pays int            // rounds of payments so far
	told demoClerked
}

// demoClerked is what the clerk has come to.
type demoClerked struct {
	Asked    int            `json:"asked"`    // returns that the buyer has sent
	Answers  map[string]int `json:"answers"`  // to them, by result; of refused ones "refused: " and the reason
	Decided  map[string]int `json:"decided"`  // what waited, by what the operator made of it
	Goodwill int            `json:"goodwill"` // returns that the operator has granted without being asked
	Payments int            `json:"payments"`
	Payouts  int            `json:"payouts"`          // to sources
	Failed   []string       `json:"failed,omitempty"` // what could not be done; the demo fails then
}

// Who does what. demoGiver has returns on its page, and a key.
const (
	demoGiver      = "brightroof"
	demoGiverKey   = "demo-brightroof-buyer"
	demoPrepaid    = "coverlane"  // it has a balance, and deposits
	demoUnreliable = "leadspring" // it pays nothing
	demoGoodwill   = "sunharvest" // it gets something back out of good will
)

// demoClerkEvery is how often the clerk looks; every demoPayEvery-th time buyers pay. A sale is given back when it is
// so old that it stands in the ledger.
const (
	demoClerkEvery = time.Second
	demoPayEvery   = 5
	demoSaleAge    = time.Second
)

func newDemoClerk(d *demo) *demoClerk {
	return &demoClerk{d: d, ops: &ops{base: "http://" + d.node.AdminAddr, token: d.node.Token()},
		http: http.Client{Timeout: 30 * time.Second}, seen: map[string]int{},
		told: demoClerked{Answers: map[string]int{}, Decided: map[string]int{}}}
}

// run works until the sellers have stopped.
func (c *demoClerk) run(ctx context.Context) {
	tick := time.NewTicker(demoClerkEvery)
	defer tick.Stop()
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		c.round(ctx, time.Now().Add(-demoSaleAge), n%demoPayEvery == 0)
	}
}

// last is what is done when the sellers have stopped: of all that was sold till then, and everybody pays.
func (c *demoClerk) last() {
	ctx, cancel := context.WithTimeout(context.Background(), drainMax)
	defer cancel()
	c.round(ctx, time.Now(), true)
	c.http.CloseIdleConnections()
	c.ops.http.CloseIdleConnections()
}

// round does what there is to do about sales of until then. What ends with the sellers is no failure.
func (c *demoClerk) round(ctx context.Context, until time.Time, pay bool) {
	for _, do := range []func(context.Context, time.Time) error{c.giveBack, c.goodwill,
		func(ctx context.Context, _ time.Time) error {
			if !pay {
				return nil
			}
			return c.pay(ctx)
		}} {
		if err := do(ctx, until); err != nil && ctx.Err() == nil && len(c.told.Failed) < defectsTold {
			c.told.Failed = append(c.told.Failed, err.Error())
		}
	}
}

// sold are the sales in a buyer's book that the clerk has not looked at.
func (c *demoClerk) sold(buyer string, until time.Time) (out []buyertest.Receipt) {
	for _, r := range c.d.farm.Buyer(buyer).Book.From(c.seen[buyer]) {
		if r.At.After(until) {
			break
		}
		c.seen[buyer]++
		if r.Accepted && r.Fault == "" { // of what was not answered well nobody knows yet what it was
			out = append(out, r)
		}
	}
	return out
}

// dice is a number that hangs on nothing but the seed and the sale.
func (c *demoClerk) dice(r *buyertest.Receipt) uint64 {
	h := fnv.New64a()
	fmt.Fprint(h, c.d.cmd.Seed, r.Reference, r.Buyer)
	return h.Sum64()
}

type demoReturn struct {
	Reference string `json:"reference"`
	Reason    string `json:"reason"`
	Note      string `json:"note,omitempty"`
}

// giveBack has the buyer give back one sale in three, and one of them twice; the operator decides what waits.
func (c *demoClerk) giveBack(ctx context.Context, until time.Time) error {
	var back []demoReturn
	for _, r := range c.sold(demoGiver, until) {
		n := c.dice(&r)
		if n%3 > 0 {
			continue
		}
		reasons := []string{"wrong_number", "not_interested", "duplicate"}
		one := demoReturn{Reference: r.Reference, Reason: reasons[n>>8%3], Note: "by the demo"}
		if back = append(back, one); n>>16%4 == 0 {
			back = append(back, one)
		}
	}
	for len(back) > 0 {
		few := back[:min(len(back), 50)]
		back = back[len(few):]
		if err := c.send(ctx, few); err != nil {
			return err
		}
	}
	return nil
}

// send sends returns as the buyer does.
func (c *demoClerk) send(ctx context.Context, few []demoReturn) error {
	b, err := json.Marshal(map[string]any{"returns": few})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, "POST", "http://"+c.d.node.SellerAddr+"/v1/buyers/"+demoGiver+
		"/returns", bytes.NewReader(b))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+demoGiverKey)
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if b, err = io.ReadAll(io.LimitReader(resp.Body, 1<<20)); err != nil {
		return err
	}
	var got struct {
		Returns []struct {
			Result    string `json:"result"`
			Reference string `json:"reference"`
			Reason    string `json:"reason"`
		} `json:"returns"`
	}
	if err := json.Unmarshal(b, &got); err != nil || resp.StatusCode != 200 || len(got.Returns) != len(few) {
		return fmt.Errorf("returns of %s: HTTP %d, %.200s", demoGiver, resp.StatusCode, b)
	}
	c.told.Asked += len(few)
	waits := map[string]bool{}
	for i, r := range got.Returns {
		if r.Result == "refused" {
			r.Result += ": " + r.Reason
		}
		c.told.Answers[r.Result]++
		if r.Result == "waiting" {
			waits[few[i].Reference] = true
		}
	}
	for _, ref := range slices.Sorted(maps.Keys(waits)) {
		if err := c.decide(ctx, ref); err != nil {
			return err
		}
	}
	return nil
}

// decide grants two of three returns that wait, one of them in part, and denies the rest.
func (c *demoClerk) decide(ctx context.Context, ref string) error {
	in := admin.DecideIn{Name: demoGiver + ":" + ref, What: "approve", Why: "looked at", By: "demo"}
	switch (c.told.Decided["approve"] + c.told.Decided["deny"] + c.told.Decided["approve in part"]) % 3 {
	case 1:
		in.What, in.Why = "deny", "the person has confirmed"
	case 2:
		in.Credit = "5.00"
	}
	if err := c.patiently(ctx, "/v1/returns/decide", in); err != nil {
		return fmt.Errorf("%s the return of %s: %w", in.What, ref, err)
	}
	if in.Credit != "" {
		in.What += " in part"
	}
	c.told.Decided[in.What]++
	return nil
}

// goodwill has the operator give back one sale in forty of a buyer that has no right to it.
func (c *demoClerk) goodwill(ctx context.Context, until time.Time) error {
	for _, r := range c.sold(demoGoodwill, until) {
		if c.dice(&r)%40 > 0 {
			continue
		}
		in := admin.ReturnIn{Name: demoGoodwill + ":" + r.Reference, Reason: "goodwill", Grant: true, By: "demo"}
		var no *refusedError
		err := c.patiently(ctx, "/v1/returns", in)
		if errors.As(err, &no) && no.status < 500 {
			continue // such as a sale whose buyer was not heard: it is not known as one
		}
		if err != nil {
			return fmt.Errorf("give %s back: %w", in.Name, err)
		}
		c.told.Goodwill++
	}
	return nil
}

// patiently has something done about a sale, again where its lead is under way at this moment.
func (c *demoClerk) patiently(ctx context.Context, path string, in any) error {
	for try := 0; ; try++ {
		var got admin.Changed
		var no *refusedError
		err := c.ops.call(ctx, "POST", path, in, &got)
		if !errors.As(err, &no) || no.status != 409 || try == 5 {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// pay has buyers pay what they owe: the one with a balance deposits it, one pays a part, one nothing. Sources are paid
// half of what they are owed.
func (c *demoClerk) pay(ctx context.Context) error {
	var trial admin.Trial
	if err := c.ops.call(ctx, "GET", "/v1/books", nil, &trial); err != nil {
		return fmt.Errorf("read the books: %w", err)
	}
	c.pays++
	for _, b := range trial.Accounts {
		if source, ok := strings.CutPrefix(b.Account, "source:"); ok {
			if err := c.payOut(ctx, source, (-b.Amount / 2).FloorCents()); err != nil {
				return err
			}
			continue
		}
		buyer, ok := strings.CutPrefix(b.Account, "buyer:")
		due := b.Amount.FloorCents()
		if buyer == demoGoodwill {
			due = (due / 2).FloorCents()
		}
		if !ok || due <= 0 || buyer == demoUnreliable {
			continue
		}
		if err := c.payFor(ctx, buyer, due); err != nil {
			return fmt.Errorf("%s pays %s: %w", buyer, due, err)
		}
		c.told.Payments++
	}
	return nil
}

// payOut pays a source what it is owed.
func (c *demoClerk) payOut(ctx context.Context, source string, due lead.Money) error {
	if due <= 0 {
		return nil
	}
	in := admin.Payment{Source: source, Amount: due.String(), Ref: fmt.Sprintf("demo-%d", c.pays), Why: "payout",
		By: "demo"}
	if err := c.ops.call(ctx, "POST", "/v1/payments", in, &admin.Paid{}); err != nil {
		return fmt.Errorf("pay %s to %s: %w", due, source, err)
	}
	c.told.Payouts++
	return nil
}

func (c *demoClerk) payFor(ctx context.Context, buyer string, due lead.Money) error {
	ref := fmt.Sprintf("demo-%d", c.pays)
	if buyer == demoPrepaid {
		in := admin.Deposit{Buyer: buyer, Amount: due.String(), Ref: ref, Why: "deposit", By: "demo"}
		return c.ops.call(ctx, "POST", "/v1/balances", in, &admin.Booked{})
	}
	in := admin.Payment{Buyer: buyer, Amount: due.String(), Ref: ref, Why: "payment", By: "demo"}
	return c.ops.call(ctx, "POST", "/v1/payments", in, &admin.Paid{})
}
