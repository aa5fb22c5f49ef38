// SPDX-License-Identifier: Apache-2.0

package exchange

import (
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
	KeepUnknown  bool // what sellers send and the schema does not know is kept as sent
	Tests        TestRules
	OnChange     OnChange
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
	Schedule      *rules.Schedule // its leads are taken while it is open; nil: always
	Margin        auction.Margin
	RatePerSecond float64 // requests a second on average; 0 = not limited
	Burst         int     // requests at once, at least 1 where there is a rate
	Tests         bool    // it may send test leads
	AllowGet      bool    // it may send leads in a query string
	// its posts need not name their ping: a lead of a person with a live quote of the source's is that quote's
	UnnamedPosts bool
	Profile      string // whose words it speaks and hears beside ours; "" = none
	// how long a post's answer may take where the seller does not say; 0 = the vertical's PostTotal
	MaxWait time.Duration

	OnChange OnChange  // OnChangeUnset: as the vertical has it
	Dedupe   []*Dedupe // by position in Verticals; where it ends or has nil, the vertical's holds

	SpecPublic bool // anybody may read its posting specs

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

// Config is everything that decides, read from one configuration.
type Config struct {
	Node      string // name of this node in events
	Hash      string // of the configuration, 32 hexadecimal digits
	Verticals []*Vertical
	Sources   []*Source
	Book      *buyers.Book
}

// Wanted changes an example lead of a vertical, given as texts by position, so that one campaign at least wants it from
// a source: it gives the texts that differ. ok is false where none wants a lead like it.
func (c *Config) Wanted(v *Vertical, src *Source, texts []string, now time.Time) (changed map[int]string, ok bool) {
	if c == nil || c.Book == nil {
		return nil, false
	}
	return c.Book.Wanted(v.Schema, v.ID, src.ID, texts, now)
}
