// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"errors"
	"sync"
	"time"

	"github.com/goccy/go-json"

	"clearpost/lead"
	"clearpost/ledger"
)

// Today is what the ledger has of one day in UTC. Unlike the counts since the start it outlives restarts. Test leads
// are in Tests only.
type Today struct {
	Day     string `json:"day"`
	Pings   int64  `json:"pings"` // pings and one-shot leads
	Quotes  int64  `json:"quotes"`
	Posts   int64  `json:"posts"` // settled posts and one-shot leads, each once, by its last answer of the day
	Sold    int64  `json:"sold"`
	Unsold  int64  `json:"unsold"`
	Pending int64  `json:"pending"`
	// attempts that buyers accepted, or were found to have; corrections and returns count on the day on which
	// they are made: a return takes its money off
	Sales   int64      `json:"sales"`
	Revenue lead.Money `json:"revenue_micros"`
	Payout  lead.Money `json:"payout_micros"`
	Tests   int64      `json:"tests"`
	UpToSeq uint64     `json:"up_to_seq"` // the last event that is counted
	// false while earlier events of the day are still being read: ask again
	Complete bool   `json:"complete"`
	Unread   int64  `json:"unreadable,omitempty"` // events that could not be read
	Error    string `json:"error,omitempty"`
}

// todayFor bounds how long one look reads; the next one goes on where it ended. A node of 1,000 pings a second reads an
// hour of its day in some ten seconds, once.
const todayFor = time.Second

// todayBudget is todayFor. A verb that has opened the ledger of a node that does not run waits until all is read: the
// next verb would begin anew.
func todayBudget(offline bool) time.Duration {
	if offline {
		return time.Hour
	}
	return todayFor
}

// daySoFar counts the day's events as far as they are new since it was asked last.
type daySoFar struct {
	mu      sync.Mutex
	n       Today                // guarded by mu
	next    uint64               // guarded by mu: seq to go on with
	pending map[lead.ID]struct{} // guarded by mu: leads whose last answer today is pending
	budget  time.Duration
}

var errBudget = errors.New("enough for now")

func (t *daySoFar) read(led *ledger.Ledger, now time.Time) *Today {
	t.mu.Lock()
	defer t.mu.Unlock()
	midnight := now.UTC().Truncate(24 * time.Hour)
	if day := midnight.Format(time.DateOnly); day != t.n.Day {
		t.n, t.pending, t.next = Today{Day: day}, map[lead.ID]struct{}{}, 0
	}
	t.n.Error = ""
	if t.next == 0 {
		from, err := led.Since(midnight)
		if err != nil {
			t.n.Error = err.Error()
			out := t.n
			return &out
		}
		t.next = max(from, 1)
		t.n.UpToSeq = t.next - 1
	}
	until := time.Now().Add(t.budget)
	end := midnight.Add(24 * time.Hour).UnixMicro()
	err := led.Scan(t.next, func(r ledger.Record) error {
		if r.At >= midnight.UnixMicro() && r.At < end && t.count(r) != nil {
			t.n.Unread++
		}
		t.next, t.n.UpToSeq = r.Seq+1, r.Seq
		if r.Seq%64 == 0 && time.Now().After(until) {
			return errBudget
		}
		return nil
	})
	t.n.Complete = err == nil
	if err != nil && !errors.Is(err, errBudget) {
		t.n.Error = err.Error()
	}
	out := t.n
	return &out
}

// count adds one event of the day. Money is counted where it is booked: when an attempt is accepted, or found to have
// been.
func (t *daySoFar) count(r ledger.Record) error {
	var ev struct {
		Test       bool         `json:"test"`
		Result     string       `json:"result"`
		Again      string       `json:"again"`
		Adjustment string       `json:"adjustment"`
		Outcome    lead.Outcome `json:"outcome"`
		Price      lead.Money   `json:"price_micros"`
		Payout     lead.Money   `json:"payout_micros"`
		Was        was          `json:"was"`
		Return     *struct {
			Credit   lead.Money `json:"credit_micros"`
			Clawback lead.Money `json:"clawback_micros"`
		} `json:"return"`
	}
	if r.Kind == ledger.KindPosting {
		return nil
	}
	if err := json.Unmarshal(r.Bytes, &ev); err != nil {
		return err
	}
	switch {
	case ev.Test:
		if r.Kind == ledger.KindPinged {
			t.n.Tests++
		}
	case r.Kind == ledger.KindPinged:
		t.n.Pings++
		if ev.Result == lead.ResultSuccess {
			t.n.Quotes++
		}
	case r.Kind == ledger.KindSettled:
		t.settled(r.Lead, ev.Result, &ev.Was)
	case ev.Adjustment == ledger.AdjustCorrected, ev.Adjustment == ledger.AdjustRebooked:
		if ev.Outcome == lead.Accepted {
			t.sale(1, ev.Price, ev.Payout)
		}
		if ev.Was.Outcome == lead.Accepted {
			t.sale(-1, -ev.Was.Price, -ev.Was.Payout)
		}
	case ev.Return != nil:
		t.sale(0, -ev.Return.Credit, -ev.Return.Clawback)
	case ev.Outcome != lead.Accepted:
	case r.Kind == ledger.KindPosted && ev.Again != ledger.AgainResend, r.Kind == ledger.KindAdjusted &&
		ev.Adjustment == ledger.AdjustResolved:
		t.sale(1, ev.Price, ev.Payout)
	}
	return nil
}

// was is what an event replaces: how an attempt stood, or an answer.
type was struct {
	Outcome lead.Outcome `json:"outcome"`
	Price   lead.Money   `json:"price_micros"`
	Payout  lead.Money   `json:"payout_micros"`
	Result  string       `json:"result"`
	At      time.Time    `json:"at"`
}

func (t *daySoFar) sale(n int64, price, payout lead.Money) {
	t.n.Sales, t.n.Revenue, t.n.Payout = t.n.Sales+n, t.n.Revenue+price, t.n.Payout+payout
}

// settled counts the answer to a post. One after pending replaces it, and so does a correction of one of the same day;
// one of another day's is no post of this day.
func (t *daySoFar) settled(id lead.ID, result string, old *was) {
	if old.Result != "" {
		if old.At.UTC().Format(time.DateOnly) != t.n.Day {
			return
		}
		switch t.n.Posts--; old.Result {
		case lead.ResultSuccess:
			t.n.Sold--
		case lead.ResultPending:
			t.n.Pending--
			delete(t.pending, id)
		default:
			t.n.Unsold--
		}
	}
	if _, again := t.pending[id]; again {
		delete(t.pending, id)
		t.n.Pending--
		t.n.Posts--
	}
	t.n.Posts++
	switch result {
	case lead.ResultSuccess:
		t.n.Sold++
	case lead.ResultPending:
		t.n.Pending++
		t.pending[id] = struct{}{}
	default:
		t.n.Unsold++
	}
}
