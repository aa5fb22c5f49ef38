// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"slices"
	"time"

	"clearpost/auction"
	"clearpost/buyers"
	"clearpost/lead"
	"clearpost/rules"
)

// Plan is how a vertical's leads are sold.
type Plan struct {
	SellLimit int        // standing sales of one lead, at most; 1 = exclusive
	Floor     lead.Money // a bid below it is refused
	Routing   *Routing   // tiers, for the leads of sources without a plan of their own; nil: there are none
}

// Vertical is a kind of lead: its fields, its person key and its deadlines. It never changes after loading.
type Vertical struct {
	ID           string
	Name         string
	Currency     string // ISO 4217
	Schema       *lead.Schema
	Dedupe       Dedupe
	PingTTL      time.Duration // how long a quote stands
	PingDeadline time.Duration // from a ping's arrival to the last bid counted
	PostTotal    time.Duration // for all attempts of one post together
	Plan         Plan
	Economy      Economy
	Margin       *auction.Margin // of what neither source, buyer nor campaign has one for; nil: nothing is kept
	KeepUnknown  bool            // what sellers send and the schema does not know is kept as sent
	Tests        TestRules
	OnChange     OnChange
	// position of the list in which sellers name who must not have the lead, plus one; 0: there is none
	Exclusions  int
	Caps        []rules.Cap    // of all its leads
	Uniques     []rules.Unique // likewise
	Remediation *Remediation   // where unsold leads go, besides the list of them; nil: nowhere
	Learned     *Valuation     // nil: bids count by their prices, and nothing is learned
}

// DateOrder says how dates in numbers are read.
type DateOrder uint8

// Orders of dates.
const (
	DateOrderUnset DateOrder = iota // as the vertical has it
	MonthFirst
	DayFirst
)

// Source is a seller's account. It never changes after loading.
type Source struct {
	ID            string
	Name          string
	KeyHashes     [][32]byte      // SHA-256 of each API key: the keys themselves are not kept
	Verticals     []string        // ids; a source may send no others
	Caps          []rules.Cap     // of its leads, in all verticals together
	Uniques       []rules.Unique  // likewise; their fields are looked up by vertical
	Schedule      *rules.Schedule // its leads are taken while it is open; nil: always
	Margin        *auction.Margin // of what neither buyer nor campaign has one for; nil: the vertical's
	Floor         lead.Money      // a bid for its leads below it is refused, besides the vertical's
	Queue         QueuePolicy     // of its leads that could be delivered later
	Reprice       bool            // where nobody left covers the quote, its leads are sold for the payout that is left
	RatePerSecond float64         // requests a second on average; 0 = not limited
	Burst         int             // requests at once, at least 1 where there is a rate
	Tests         bool            // it may send test leads
	Excluded      []string        // who must not have its leads: buyers, their parents, and brands; in small letters
	AllowGet      bool            // it may send leads in a query string
	// its posts need not name their ping: a lead of a person with a live quote of the source's is that quote's
	UnnamedPosts bool
	Profile      string // whose words it speaks and hears beside ours; "" = none
	// how long a post's answer may take where the seller does not say; 0 = the vertical's PostTotal
	MaxWait time.Duration

	OnChange OnChange   // OnChangeUnset: as the vertical has it
	Dedupe   []*Dedupe  // by position in Verticals; where it ends or has nil, the vertical's holds
	Plans    []*Routing // likewise

	Company    *lead.Party // on statements; nil: its name alone
	ReturnsPPM int64       // the share of its payout that it gives back where the buyer gets the price back; 0: none
	Webhook    *Webhook    // what becomes of its leads is told there; nil: nowhere
	SpecPublic bool        // anybody may read its posting specs

	// names under which it sends a whole document in JSON as a text, beside those that everybody may use
	Unpack    []string
	Unescape  []string       // what it puts into values, undone in this order: html, backslash
	ZIPZeros  bool           // its ZIP codes may lack the zeros at their beginning
	Origins   []string       // of pages whose scripts may send its leads, or "*"; none: without CORS
	DateOrder DateOrder      // how it writes dates in numbers
	Zone      *time.Location // of its times without one; nil is UTC

	Aliases map[string]string            // its names of fields → ours
	Values  map[string]map[string]string // by field: its values → ours
}

// Routing is the plan by which the source's leads of a vertical are sold: its own, else the vertical's; nil: there is
// none.
func (s *Source) Routing(v *Vertical) *Routing {
	if i := slices.Index(s.Verticals, v.ID); i >= 0 && i < len(s.Plans) && s.Plans[i] != nil {
		return s.Plans[i]
	}
	return v.Plan.Routing
}

// SellLimit is how often a lead of the source may be sold in all.
func (s *Source) SellLimit(v *Vertical) int {
	if r := s.Routing(v); r != nil {
		return r.SellLimit()
	}
	return v.Plan.SellLimit
}

// Config is everything that decides, read from one configuration.
type Config struct {
	Node      string // name of this node in events
	Hash      string // of the configuration, 32 hexadecimal digits
	Verticals []*Vertical
	Sources   []*Source
	Book      *buyers.Book
	Parents   []Parent
	Company   Company // whoever runs it, on statements
}

// Parent is a company that others belong to, and that has caps of its own.
type Parent struct {
	ID      string
	Caps    []rules.Cap    // of all buyers that belong to it
	Uniques []rules.Unique // likewise; their fields are looked up by vertical
}

// ParentsOf finds the companies with caps that a buyer belongs to, directly or over further parents, itself included.
func ParentsOf(c *Config) func(*buyers.Buyer) []*Parent {
	above, capped := map[string]string{}, map[string]*Parent{}
	for _, y := range c.Book.Buyers {
		above[y.ID] = y.Parent
	}
	for i := range c.Parents {
		capped[c.Parents[i].ID] = &c.Parents[i]
	}
	return func(b *buyers.Buyer) (out []*Parent) {
		seen := map[string]bool{}
		for id := b.ID; id != "" && !seen[id]; id = above[id] {
			if seen[id] = true; capped[id] != nil {
				out = append(out, capped[id])
			}
		}
		return out
	}
}

// Wanted changes an example lead of a vertical, given as texts by position, so that one campaign at least wants it from
// a source: it gives the texts that differ. ok is false where none wants a lead like it.
func (c *Config) Wanted(v *Vertical, src *Source, texts []string, now time.Time) (changed map[int]string, ok bool) {
	if c == nil || c.Book == nil {
		return nil, false
	}
	return c.Book.Wanted(v.Schema, v.ID, src.ID, texts, now)
}

// OnChange says what becomes of a post that sends another value than its ping for a field by which the ping was priced.
type OnChange uint8

// The ways. For a source, OnChangeUnset leaves it to the vertical; for a vertical it refuses.
const (
	OnChangeUnset  OnChange = iota
	OnChangeRefuse          // the post is not taken, and consumes nothing
	OnChangeKeep            // the ping's value stands, and the event names the field
)

func (s *Source) onChange(v *Vertical) OnChange {
	if s.OnChange != OnChangeUnset {
		return s.OnChange
	}
	return v.OnChange
}

// Dedupe says by what a person is known, and which leads of a person are repeats.
type Dedupe struct {
	Key         rules.PersonKey // fields that name a person together; none: nobody is ever known
	Window      time.Duration   // how long a lead is remembered; 0: no lead is a repeat of another
	Scope       Scope
	Refuse      Refuse
	OwnAuctions bool // a ping that repeats another one has an auction of its own, and not the other's quote
}

// Scope says whose earlier leads count.
type Scope uint8

// The scopes.
const (
	ScopeSource   Scope = iota // those of the same source
	ScopeVertical              // those of all sources of the vertical
)

// Refuse says which earlier leads make a later one of the same person a repeat, which nobody is asked about.
type Refuse uint8

// The choices.
const (
	RefuseSold     Refuse = iota // those that are sold, or may be
	RefuseReceived               // all that were received whole, by a post or in one shot
	RefuseNone
)

// DedupeOf is what holds for a source's leads of a vertical: its own rule, else the vertical's. It must not be changed.
func (s *Source) DedupeOf(v *Vertical) *Dedupe {
	for i, d := range s.Dedupe {
		if d != nil && s.Verticals[i] == v.ID {
			return d
		}
	}
	return &v.Dedupe
}

// TestAsk is what a request says about being a test. The zero value is a real lead.
type TestAsk struct {
	On    bool
	Field string          // the name that said so, as sent: for messages
	Want  lead.TestResult // the result that is asked for, TestAny if none is
}

// TestRules are how a vertical answers test leads that no buyer is asked about.
type TestRules struct {
	Price lead.Money                 // what a campaign without a fixed price is taken to bid; in whole cents
	ZIPs  map[string]lead.TestResult // by normal postal code: such a lead is a test, and asks for this result
	ZIP   int                        // position of the field with the postal code
}
