// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"time"

	"clearpost/books"
	"clearpost/exchange"
	"clearpost/lead"
	"clearpost/ledger"
)

// simZone is that of the market's buyers.
var simZone = func() *time.Location {
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		panic(err)
	}
	return zone
}()

// dun looks how a buyer pays, by all that the ledger has and by the buyer's terms, and puts it into force; or anything
// is put into force, until somebody looks again: in days the simulation is short.
func (w *world) dun(x *rig) {
	buyer := simCampaigns[w.plan.IntN(len(simCampaigns))] + "-co"
	is := []string{ledger.PaysWell, ledger.PaysLate, ledger.PaysSlowly, ledger.PaysNothing, "", ""}[w.plan.IntN(6)]
	if x.Exchange.Available() != nil {
		return
	}
	s := owes(x, buyer)
	if is != "" && s.Overdue == 0 && is != ledger.PaysWell {
		s.Overdue, s.Owes = dollar, dollar
	}
	if is != "" {
		s.Is = is
	}
	w.does(x, func(e *exchange.Exchange) {
		switch changed, err := e.Stands(buyer, s); {
		case err != nil:
			w.note("standings: not written")
		case changed:
			w.note("standings: " + s.Is)
		default:
			w.note("standings: stood so already")
		}
	})
}

// owes reckons how a buyer stands now that pays on the day of the sale.
func owes(x *rig, buyer string) *ledger.Standing {
	r, upTo := &books.Receivable{}, uint64(0)
	day := func(at time.Time) time.Time {
		y, m, d := at.In(simZone).Date()
		return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	}
	_ = x.Ledger.Scan(1, func(rec ledger.Record) error {
		upTo = rec.Seq
		ev, err := ledger.Decode(rec.Bytes)
		if err != nil {
			return err
		}
		for _, e := range books.Of(ev) {
			if e.Account != "buyer:"+buyer {
				continue
			}
			on := day(time.UnixMicro(rec.At))
			if adj, ok := ev.(*ledger.Adjusted); ok && adj.Date != "" {
				if on, err = time.Parse(time.DateOnly, adj.Date); err != nil {
					return err
				}
			}
			r.Add(e.Kind, on, e.Amount)
		}
		return nil
	})
	today := day(x.Exchange.Now())
	age := r.On(today, func(sold time.Time) time.Time { return sold })
	out := &ledger.Standing{Is: age.Pays(&books.LateRule{SlowAfter: 0, StopAfter: 1, Least: lead.Cent}),
		Day: today.Format(time.DateOnly), Overdue: age.Overdue, Owes: age.Owes, Days: age.Days, UpTo: upTo}
	if age.Overdue > 0 {
		out.Due = age.Due.Format(time.DateOnly)
	}
	return out
}
