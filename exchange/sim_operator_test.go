// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"slices"
	"time"

	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/ledger"
)

// operate is what an operator does: it finds out the truth of an attempt, corrects what has ended, pauses, or changes
// the configuration.
func (w *world) operate(x *rig) {
	switch w.plan.IntN(6) {
	case 0:
		w.resolve(x)
	case 5:
		w.importSold(x)
	case 1:
		w.note("operator: pause or resume")
		id, on := simCampaigns[w.plan.IntN(len(simCampaigns))], w.plan.IntN(2) == 0
		w.does(x, func(e *exchange.Exchange) { _, _, _ = e.Pause("campaign:"+id, on, "paid late", "ann") })
	case 2:
		w.reload(x)
	case 3:
		w.does(x, func(*exchange.Exchange) { w.lookAfter(x) })
	default:
		w.change(x)
	}
}

// does has an operator do something that may wait for the ledger.
func (w *world) does(x *rig, do func(*exchange.Exchange)) {
	e := x.Exchange
	w.busy.Go(func() { do(e) })
}

func (w *world) reload(x *rig) {
	w.note("operator: another configuration")
	w.market = w.market.next(w.plan)
	x.Reload(w.market.setup(w))
	w.inForce(x)
}

// importSold has a duplicate rule know somebody whom another system has sold, as was found out just now.
func (w *world) importSold(x *rig) {
	_, v := w.whom()
	rule, ago := simRules[w.plan.IntN(len(simRules))], time.Duration(w.plan.IntN(150))*time.Minute
	row := exchange.SoldBefore{Rule: rule.name(), At: x.Exchange.Now().Add(-ago), Values: v, Ref: v["email"]}
	w.does(x, func(e *exchange.Exchange) {
		if out, err := e.ImportSold([]exchange.SoldBefore{row}, false, "moved", "ann"); err == nil && !out[0].Known {
			w.note("operator: sold by another system")
		}
	})
}

// resolve asks a buyer what became of an open attempt.
func (w *world) resolve(x *rig) {
	which := w.plan.Uint64()
	if x.Exchange.Available() != nil {
		return
	}
	open := x.Open()
	if len(open) == 0 {
		return
	}
	o := open[which%uint64(len(open))]
	p := exchangetest.All[*ledger.Posting](x, o.Lead)
	i := slices.IndexFunc(p, func(p *ledger.Posting) bool { return p.Attempt == o.Attempt })
	w.mu.Lock()
	truth := w.book[p[i].Buyer+" "+o.Lead.String()]
	w.mu.Unlock()
	r := exchange.Resolution{Attempt: o.Attempt, Accepted: truth.yes, Why: "asked"}
	if truth.yes {
		r.Price, r.Reference = &truth.price, truth.reference
	}
	w.does(x, func(e *exchange.Exchange) {
		if _, err := e.Resolve(r); err == nil {
			w.note("operator: an attempt resolved")
		}
	})
}

// change has a settled attempt have ended otherwise, or cost something else.
func (w *world) change(x *rig) {
	kind, which, price := w.plan.IntN(5), w.plan.Uint64(), lead.Money(w.plan.IntN(2000))*lead.Cent
	var attempts []lead.ID
	if err := x.Ledger.Scan(1, func(r ledger.Record) error {
		if r.Kind != ledger.KindPosted {
			return nil
		}
		ev, err := ledger.Decode(r.Bytes)
		if err == nil {
			attempts = append(attempts, ev.(*ledger.Posted).Attempt)
		}
		return err
	}); err != nil || len(attempts) == 0 {
		return
	}
	name := attempts[which%uint64(len(attempts))].String()
	w.does(x, func(e *exchange.Exchange) {
		var changed bool
		var err error
		switch kind {
		case 0:
			_, changed, err = e.Correct(exchange.Correction{Name: name, Why: "given back"}, time.Second)
		case 1:
			_, changed, err = e.Correct(exchange.Correction{Name: name, Accepted: true, Price: &price, Reference: "inv",
				Why: "on its invoice"}, time.Second)
		case 2:
			_, changed, err = e.Rebook(exchange.Rebooking{Name: name, Price: &price, Why: "agreed"}, time.Second)
		case 3:
			_, changed, err = e.Rebook(exchange.Rebooking{Name: name, Payout: &price, Why: "promised"}, time.Second)
		default:
			none := lead.Money(0)
			_, changed, err = e.Rebook(exchange.Rebooking{Name: name, Price: &none, Payout: &none, Why: "void"},
				time.Second)
		}
		if changed && err == nil {
			w.note("operator: " + []string{"a sale given back", "a sale after all", "another price", "another payout",
				"void"}[kind])
		}
	})
}
