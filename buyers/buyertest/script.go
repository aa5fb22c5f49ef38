// SPDX-License-Identifier: Apache-2.0

package buyertest

import (
	"fmt"
	"time"

	"clearpost/lead"
)

// Endpoint is one of the two calls that a buyer answers.
type Endpoint uint8

// The endpoints. Their names stand in the path: /<buyer>/ping and /<buyer>/post.
const (
	Ping Endpoint = iota
	Post
)

// String is the endpoint's name in the path.
func (e Endpoint) String() string {
	if e == Ping {
		return "ping"
	}
	return "post"
}

// Script is how one simulated buyer behaves. It is read when the buyer is added and not changed afterwards.
type Script struct {
	// ID names the buyer in the path, in its book and in its references. It must be that of the buyer in the exchange's
	// configuration where an audit is to match the two.
	ID string

	Ping Rule
	Post Rule

	// Lead tells where a request carries the exchange's lead id: a gjson path in a JSON body, or the name of a form or
	// query field. Posts are counted and booked by it.
	Lead string
	// Token, if set, tells where a post carries the token of the ping answer. A post without a token of ours is refused
	// with ReasonBadToken, and the price is the one that was bid under the token.
	Token string
	// TokenStyle is how tokens look.
	TokenStyle TokenStyle
	// Key, if set, tells where a post carries its idempotency key: the name of a header after "header:", else as for
	// Lead. A post with the key of an earlier one that was booked is not decided again: it gets the first one's answer.
	Key string
	// Person, if set, tells where a post carries what this buyer knows people by (a phone number, an e-mail address).
	Person string
	// Duplicates makes the buyer refuse a person that it has accepted before, with the first reference and time.
	Duplicates bool
	// Reference makes the reference of the n-th accepted post (from 1). Nil: "<ID>-<n>", n of six digits at least.
	Reference func(n uint64) string
	// PriceDrop is the part of the price, in ppm, by which FaultPriceDrop lowers it. 0 means 300000.
	PriceDrop int64
	// Sure, if set, tells the requests that never meet a fault.
	Sure func(*Request) bool
	// Faults to begin with; Buyer.SetFault changes them later.
	PingFaults, PostFaults map[Fault]float64
}

// Rule is how a buyer decides on one endpoint and how it says so.
type Rule struct {
	Latency Latency
	// Yes is the probability of a bid (ping) or of an acceptance (post), from 0 to 1.
	Yes float64
	// Min and Max bound the price, evenly spread over whole cents, both ends included. Of a post's rule they are used
	// only where the post carries no token of ours.
	Min, Max lead.Money
	// Range, if set, gives the bounds by request instead.
	Range func(r *Request) (min, max lead.Money)
	// Alone, of a ping, is what it pays in hundredths of its price to have the lead alone; 0: it makes no such offer.
	Alone int64
	// Decide, if set, has the last word: it may change what Yes, Min and Max have led to.
	Decide func(r *Request, d *Decision)
	// Reasons are drawn from, each as often as its weight says, where the answer is no. Empty: ReasonNo.
	Reasons []Weighted
	// Format writes the answer. Nil: FormatJSON.
	Format Format
}

// Weighted is a reason and how often it is given relative to the others.
type Weighted struct {
	Reason string
	Weight int
}

// The reasons that the farm itself gives; a script may use any other. A format puts them into the buyer's own words.
const (
	ReasonNo        = "no"
	ReasonDuplicate = "duplicate"
	ReasonBadToken  = "bad_token"
	ReasonNoLead    = "no_lead"
)

// Decision is what a buyer has decided about one request.
type Decision struct {
	Yes   bool
	Price lead.Money
	Token string // ping, yes
	// ping, yes, where the rule has Alone: that offer, and its token
	Alone      lead.Money
	AloneToken string
	Reference  string    // post: of the acceptance, or of the earlier one for ReasonDuplicate
	Reason     string    // no
	Since      time.Time // when the person was accepted first, for ReasonDuplicate
	N          uint64    // the number of this call at this endpoint, from 1
}

// Answer is what goes back over the wire. Body has been emptied and may be appended to.
type Answer struct {
	Status int // 200 unless set
	Type   string
	Body   []byte
}

// Format writes a decision in a buyer's own words. It runs on many goroutines at once.
type Format func(a *Answer, r *Request, d *Decision)

func (s *Script) validate() error {
	if s.ID == "" {
		return fmt.Errorf("buyertest: a script has no id")
	}
	for i := 0; i < len(s.ID); i++ {
		c := s.ID[i]
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.') {
			return fmt.Errorf("buyertest: id %q: expected only a–z, 0–9, dots, hyphens and underscores", s.ID)
		}
	}
	for _, ep := range []Endpoint{Ping, Post} {
		r := s.rule(ep)
		if r.Yes < 0 || r.Yes > 1 {
			return fmt.Errorf("buyertest: %s: %s: probability %v: expected 0 to 1", s.ID, ep, r.Yes)
		}
		if r.Min < 0 || r.Max < r.Min {
			return fmt.Errorf("buyertest: %s: %s: prices %v to %v: expected a range", s.ID, ep, r.Min, r.Max)
		}
		if err := r.Latency.validate(); err != nil {
			return fmt.Errorf("buyertest: %s: %s: %w", s.ID, ep, err)
		}
	}
	if s.PriceDrop < 0 || s.PriceDrop > 1_000_000 {
		return fmt.Errorf("buyertest: %s: price drop of %d ppm: expected 0 to 1000000", s.ID, s.PriceDrop)
	}
	return nil
}

func (s *Script) rule(ep Endpoint) *Rule {
	if ep == Ping {
		return &s.Ping
	}
	return &s.Post
}
