// SPDX-License-Identifier: Apache-2.0

// Package alerts tells people what needs one: rules of the configuration over what a running exchange knows of itself,
// once a cause, and nothing but what is urgent out of hours.
//
// facts.go looks at the exchange; state.go makes of facts and rules what is to be told, and is pure; watch.go has both
// go on, keeps what was told beside the ledger, so that a restart tells nothing again, and sends (send.go) until it is
// taken. Texts have ids, counts and money in them, and nothing of a lead.
package alerts

import (
	"time"

	"clearpost/lead"
	"clearpost/queue"
	"clearpost/rules"
)

// Config is the alerts of a node. It never changes; nil has none.
type Config struct {
	Hours     *rules.Schedule // when what is not urgent is told; nil: always
	Receivers []Receiver
	Rules     []Rule
}

// Limits of a configuration's alerts.
const (
	ReceiversMax = 20
	RulesMax     = 200
)

// Receiver is who is told: one of its ways is set.
type Receiver struct {
	ID      string
	Webhook *queue.Endpoint
	Command []string // a program by its whole path, and its arguments
	Mail    *Mail
}

// What rules watch.
const (
	OnBalance     = "balance"     // what a buyer may still buy for is less than an amount
	OnCap         = "cap"         // so many percent of a cap are taken
	OnAcceptance  = "acceptance"  // a campaign accepts less of its posts in an hour than in the week before
	OnUnresolved  = "unresolved"  // so many attempts of a campaign wait for an outcome for longer than a time
	OnBuyerDown   = "buyer_down"  // a campaign's calls fail, ten in a row or more, for a time
	OnShipping    = "shipping"    // Kafka is so many events behind, for a time
	OnView        = "view"        // what find and report read is so many events behind, for a time
	OnWebhook     = "webhook"     // a webhook takes nothing for a time, or messages of it were given up
	OnReload      = "reload"      // the configuration's directory was refused when it was read last
	OnUnavailable = "unavailable" // no leads are taken, for a time
	OnOverdue     = "overdue"     // a buyer with terms of payment is overdue, slow or stopped, for a time
)

// Kinds are all that rules may watch.
var Kinds = []string{OnBalance, OnCap, OnAcceptance, OnUnresolved, OnBuyerDown, OnShipping, OnView, OnWebhook, OnReload,
	OnUnavailable, OnOverdue}

// Rule says what is told, and to whom.
type Rule struct {
	ID      string
	On      string     // one of Kinds
	Of      []string   // ids of buyers, campaigns, sources, verticals, parents or webhooks that it is about; nil: all
	Below   lead.Money // of balances
	Percent int        // of caps: taken; of acceptance: how much less, of what it was
	Count   int        // of attempts or events; of acceptance: posts in the hour, at least
	For     time.Duration
	Again   time.Duration // told again after it, as long as it lasts; 0: once
	Over    bool          // its end is told too
	Urgent  bool          // out of hours too
	To      []string      // ids of receivers
}

// Fact is something that rules may be about, as it is now.
type Fact struct {
	On      string
	Subject string     // what it is about; with the rule's id it is the cause
	Of      []string   // the ids that a rule may name
	Amount  lead.Money // of balances
	Percent int
	Count   int
	Since   time.Time   // since when, where that is known
	Times   []time.Time // unresolved: since when each, oldest first
	Text    string      // for people
}

// Breaks tells whether a fact is what a rule is about now. of is how many, where the rule counts.
func (r *Rule) Breaks(f *Fact, now time.Time) (of int, ok bool) {
	if r.On != f.On || !r.about(f) {
		return 0, false
	}
	switch r.On {
	case OnBalance:
		return 0, f.Amount < r.Below
	case OnCap:
		return 0, f.Percent >= r.Percent
	case OnAcceptance:
		return f.Count, f.Count >= r.Count && f.Percent >= r.Percent
	case OnUnresolved:
		for _, t := range f.Times {
			if now.Sub(t) >= r.For {
				of++
			}
		}
		return of, of >= r.Count
	}
	return f.Count, f.Count >= r.Count
}

func (r *Rule) about(f *Fact) bool {
	if len(r.Of) == 0 {
		return true
	}
	for _, id := range r.Of {
		for _, x := range f.Of {
			if id == x {
				return true
			}
		}
	}
	return false
}

// lasts is how long a fact must have been so before it is told: of attempts that is said of each.
func (r *Rule) lasts() time.Duration {
	if r.On == OnUnresolved {
		return 0
	}
	return r.For
}

// calm is how long what was told must be gone before it is over: what comes and goes is one cause.
const calm = 5 * time.Minute

// calmFor is calm, of a rule: a cap's window that has ended does not come again.
func (r *Rule) calmFor() time.Duration {
	if r.On == OnCap {
		return 0
	}
	return calm
}
