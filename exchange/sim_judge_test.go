// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/loadtest/audit"
)

// judge holds all to each other: ledger, books, answers, broker, store and the sellers' status.
func (w *world) judge(x *rig) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	w.counts(x)
	x.Restart()
	w.counts(x)
	w.ask(x)
	w.statuses(x)
	if err := x.Ledger.Drain(ctx); err != nil {
		w.t.Errorf("seed %d, shipping: %v", w.seed, err)
	}
	w.shipped(x)
	var events [][]byte
	if err := x.Ledger.Scan(1, func(r ledger.Record) error {
		events = append(events, bytes.Clone(r.Bytes))
		return nil
	}); err != nil {
		w.t.Fatal(err)
	}
	rep, err := audit.Run(audit.Input{Events: each(events), Receipts: each(w.receipts), Answers: each(w.answers),
		Shipped: x.Broker.Events}, audit.Options{Losses: true, EveryCall: true, Caps: w.market.counted(),
		Configs: w.told,
		Repeats: w.market.persons.repeated()})
	if err != nil || len(rep.Findings) > 0 {
		w.t.Errorf("seed %d, auditor: %v, %s\nevents are kept in %s", w.seed, err, rep.Verdict(), w.keep(events))
	}
	if err != nil {
		return
	}
	w.journal(x, rep)
	w.tally(x, &rep.Counts)
}

// tally counts what was done, and what was judged.
func (w *world) tally(x *rig, c *audit.Counts) {
	for what, n := range x.Faults() {
		w.did[what] += n
	}
	for what, n := range map[string]int{"leads": c.Leads, "sales": c.Sales, "corrections": c.Corrections,
		"windows of caps": c.Windows, "full windows of caps": c.FullCaps, "receipts of buyers": c.Receipts,
		"events shipped": c.Shipped, "events held to their configuration": c.Explained,
		"calls that heard nothing but 503": c.Unavailable, "resends": c.Resends,
		"attempts held to duplicate rules": c.Marked, "attempts of persons known to a rule": c.Again,
		"refusals as duplicates":                               c.Duplicates,
		"refusals as duplicates for a hold that left no event": c.DuplicatesUntold,
		"attempts that count as their campaign says":           c.Assumed, "leads that waited": c.Deferred,
		"returns that stand": c.Returns, "payments": c.Payments, "payouts": c.Payouts,
		"standings of buyers": c.Standings, "bids refused as unpaid": c.Unpaid} {
		w.did["judged: "+what] += n
	}
}

// counts compares what the store counts with what the ledger does.
func (w *world) counts(x *rig) {
	counts := map[string]int64{}
	x.Ledger.Counts(func(key, window string, n int64) { counts[key+" "+window] = n })
	for _, c := range x.Exchange.Caps() {
		window, _, _ := c.Window.At(x.Exchange.Now())
		for _, u := range c.Uses {
			if counts[u.Key+" "+window] != u.Used {
				w.t.Errorf("seed %d: %s in %s: the store has %d, the ledger %d", w.seed, u.Key, window, u.Used,
					counts[u.Key+" "+window])
			}
			w.note("judged: counts of the store")
		}
	}
}

// ask has the sellers that have heard "pending" ask what has become of their leads: who asks after the end of a quote,
// that nobody has an attempt of any more, ends its lead.
func (w *world) ask(x *rig) {
	for _, a := range w.answers {
		if a.Result != lead.ResultPending {
			continue
		}
		id, err := lead.ParseID(a.Lead)
		if err != nil {
			w.t.Fatal(err)
		}
		if _, f := x.Exchange.Status(x.Source(a.Source), id); f != nil {
			w.t.Errorf("seed %d: the status of lead %s: %v", w.seed, id, f)
		}
	}
}

// statuses asks, for every lead that has an answer, what has become of it: that is its last answer, of whatever
// correction.
func (w *world) statuses(x *rig) {
	last := map[lead.ID]*ledger.Settled{}
	if err := x.Ledger.Scan(1, func(r ledger.Record) error {
		if r.Kind != ledger.KindSettled {
			return nil
		}
		ev, err := ledger.Decode(r.Bytes)
		if err == nil {
			last[r.Lead] = ev.(*ledger.Settled)
		}
		return err
	}); err != nil {
		w.t.Fatal(err)
	}
	for id, want := range last {
		r, f := x.Exchange.Status(x.Source(want.Source), id)
		paid, sales := want.Payout, len(want.Sales)
		if want.Result == lead.ResultPending { // it may become more
			paid, sales = 0, 0
		}
		if f != nil || r.Result != want.Result || r.Price != paid || len(r.Sales) != sales {
			w.t.Errorf("seed %d: the status of lead %s is %s of %s (%v), its last answer %s of %s", w.seed, id,
				r.Result, r.Price, f, want.Result, want.Payout)
		}
		w.note("judged: statuses")
	}
}

// each is a list as the auditor reads it.
func each[T any](list []T) audit.Stream[T] {
	return func(do func(T) error) error {
		for _, x := range list {
			if err := do(x); err != nil {
				return err
			}
		}
		return nil
	}
}

// keep writes the events of a run down, and tells where.
func (w *world) keep(events [][]byte) string {
	f, err := os.CreateTemp("", fmt.Sprintf("clearpost-sim-%d-*.jsonl", w.seed))
	if err != nil {
		return err.Error()
	}
	_, err = f.Write(append(bytes.Join(events, []byte("\n")), '\n'))
	if err = errors.Join(err, f.Close()); err != nil {
		return err.Error()
	}
	return f.Name()
}
