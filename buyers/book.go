// SPDX-License-Identifier: Apache-2.0

package buyers

import (
	"fmt"
	"slices"
	"sort"
	"time"

	"clearpost/auction"
	"clearpost/batch"
	"clearpost/lead"
	"clearpost/rules"
	"clearpost/wire/answer"
	"clearpost/wire/request"
)

// Buyer is a company that buys.
type Buyer struct {
	Index        int32 // position in Book.Buyers
	ID           string
	Name         string
	File         string // in which its criteria stand; empty: nobody has said
	InFlightMax  int    // outbound calls at once, pings and posts together; at least 1
	AllowPrivate bool
	Caps         []rules.Cap
	Uniques      []rules.Unique // their fields are looked up by campaign
	Parent       string         // the company that it belongs to, a buyer's id or another name; "" = by itself
	// it and any other buyer of one of them never have the same lead
	CompetitorGroups []string
	Hours            *Hours // nil: always

	Margin     *auction.Margin // nil: that of the source or the vertical
	Multiplier int64           // what its bids count as, in ppm
	Standing   auction.Standing
	PaysNever  bool     // its campaigns are left alone, as if they were paused
	Terms      *Terms   // when it has to pay; nil: nobody has said
	PayRule    *PayRule // what becomes of it where it does not; nil: nothing

	Returns   *Returns    // nil: it gives nothing back
	Company   *lead.Party // on its statements; nil: its name alone
	KeyHashes [][32]byte  // SHA-256 of each of its API keys: the keys themselves are not kept
}

// Hours are a schedule and where it stands.
type Hours struct {
	*rules.Schedule
	Place string // the path of its page in the specs, for where nobody knows the file

	places map[string]filePlace // by entry, such as closed[1]; "" is the schedule's own
}

// filePlace is a place in a file, line and column counted from 1.
type filePlace struct {
	file         string
	line, column int32
}

// At is where an entry stands, such as "buyers/acme.yaml:12:14, schedule.closed[1]".
func (h *Hours) At(entry string) string {
	at, ok := h.places[entry]
	if !ok {
		at, ok = h.places[""]
	}
	if !ok {
		return h.Place + ", schedule." + entry
	}
	return fmt.Sprintf("%s:%d:%d, schedule.%s", at.file, at.line, at.column, entry)
}

// Endpoint is one outbound call of a campaign.
type Endpoint struct {
	Request *request.Request
	Answer  *answer.Answer
	Timeout time.Duration    // never 0: the vertical's own bound where the campaign has none
	Rate    *Rate            // nil: not limited
	Backup  *request.Request // posts: the same request to another URL, for when not a byte went to the first; nil: none
	// posts: they go by e-mail, and the request is its head and its text; nil: they go where the request says
	Mail *batch.Mail
}

// Rate bounds calls over time.
type Rate struct {
	Every time.Duration // between calls on average, above 0
	Burst int           // calls at once, at least 1
}

// Unknown says what becomes of an attempt whose outcome is not known: the buyer is asked at a status URL, or the same
// request is sent again, or neither; and what it counts as when nobody has found out.
type Unknown struct {
	Status *Endpoint     // nil: resend, if Times is not 0
	Times  int           // of resends, at most
	After  time.Duration // from the attempt's end to the first step
	Every  time.Duration // between steps
	For    time.Duration // from the attempt's beginning: no step is taken after it

	CountsAs    lead.Outcome  // Accepted or Rejected; OutcomeNone: it waits for a person
	CountsAfter time.Duration // from the attempt's beginning
}

// Breaker says when a campaign whose pings fail is left alone.
type Breaker struct {
	FailuresPPM  int64         // share of failed calls in the window at which it opens
	RequestsMin  int           // calls in the window before it judges
	Window       time.Duration // how long a call's end counts
	Open         time.Duration // how long it refuses before it probes
	Probes       int           // calls that must all end well for it to close
	SimulateOnly bool          // it counts and refuses nothing
}

// Campaign is one standing order of a buyer. It never changes and may be shared.
type Campaign struct {
	Index    int32 // position in Book.Campaigns
	ID       string
	Buyer    *Buyer
	Vertical string
	Labels   []string // each once
	Role     string   // one of Roles, or ""
	// it and a campaign of another buyer with one of them never have the same lead; its buyer's count too
	CompetitorGroups []string
	Criteria         []rules.Criterion
	Territory        *Territory // nil: it has no sole right
	Fixed            bool       // Price is what it bids; a ping, if there is one, only asks whether it wants the lead
	Price            lead.Money // in whole cents; zero unless Fixed
	Prices           []PriceRule
	MaxBid           lead.Money      // of a quoted price; 0: any
	Floor            lead.Money      // likewise; 0: none
	Margin           *auction.Margin // its own, else its buyer's; nil: that of the source or the vertical
	MarginOf         string          // whose it is: campaign or buyer
	Multiplier       int64           // what its bids count as, in ppm: its own and its buyer's
	MaxSold          int             // sales of the lead in all, its own included; 1 = exclusive
	Ping             *Endpoint       // nil: it is not asked. Then Fixed holds
	Post             *Endpoint
	// its leads go into files; Post has the row for a request, which nobody sends. nil: they are posted
	Batch *batch.Batch
	// several legs of its ping's answer may buy the lead, each brand once, and go into one post
	Several     bool
	Caps        []rules.Cap    // its own, then its buyer's
	Uniques     []rules.Unique // its own, then its buyer's
	Hours       []*Hours       // its own, then its buyer's: it is asked while all are open. None: always
	InFlightMax int            // calls at once within the buyer's limit; 0 = the buyer's alone
	Breaker     *Breaker       // of its pings; nil: none
	IfUnknown   *Unknown       // nil: an attempt without a known outcome waits for a person
	Defer       *Defer         // leads that it cannot have now wait for it; nil: none does
	AgeMax      time.Duration  // of leads that have waited or are resubmitted; 0: see AgeMost
	// fields that decide whether and for how much it bids: those of its criteria and its ping, and their origins
	Uses         lead.Positions
	PayPostPrice bool       // where the post's answer names a price, that one is booked, not the bid
	Examples     []*Example // its tests; nothing of the trip looks at them
	Tests        bool       // it is the AsTest of a campaign, whose id and index it has
	// the campaign as test leads have it: its calls are marked or go elsewhere, and it has no caps. nil: no test
	// reaches it
	AsTest *Campaign
}

// Test tells whether a lead meets all criteria, and if not, the position of the first that it does not meet (-1 if it
// meets all). Criteria that wait for the post pass. It allocates nothing.
func (c *Campaign) Test(f *rules.Facts) (ok bool, firstUnmet int) {
	for i := range c.Criteria {
		if c.Criteria[i].Test(f) == rules.Unmet {
			return false, i
		}
	}
	return true, -1
}

// Sources lists the ids of sources that its criteria name, each once.
func (c *Campaign) Sources() (ids []string) {
	var add func(cs []rules.Criterion)
	add = func(cs []rules.Criterion) {
		for i := range cs {
			if k := &cs[i]; k.About == rules.OfSource && (k.Kind == rules.List || k.Kind == rules.NotList) {
				ids = append(ids, k.Values...)
			}
			add(cs[i].Of)
		}
	}
	add(c.Criteria)
	slices.Sort(ids)
	return slices.Compact(ids)
}

// Unmet is a criterion that a lead does not meet.
type Unmet struct {
	Why   string // such as "state is NV, expected one of CA, AZ", personal values masked
	Place string // such as "buyers/acme.yaml:12:9, criteria[1]"
}

// Unmet finds the criteria that a lead does not meet, in their order; all of them, or the first.
func (c *Campaign) Unmet(f *rules.Facts, all bool) (out []Unmet) {
	for i := range c.Criteria {
		k := &c.Criteria[i]
		if k.Test(f) != rules.Unmet {
			continue
		}
		u := Unmet{Why: k.Explain(f), Place: c.PlaceOf(k, fmt.Sprintf("criteria[%d]", i))}
		if out = append(out, u); !all {
			break
		}
	}
	return out
}

// PlaceOf is where a criterion of the campaign's page stands, whose path there is known.
func (c *Campaign) PlaceOf(k *rules.Criterion, path string) string {
	if k.Line == 0 {
		return path
	}
	return fmt.Sprintf("%s:%d:%d, %s", c.Buyer.File, k.Line, k.Column, path)
}

// Why explains each criterion that a lead does not meet. It is empty if the lead meets all.
func (c *Campaign) Why(f *rules.Facts) (out []string) {
	for _, u := range c.Unmet(f, true) {
		out = append(out, u.Why)
	}
	return out
}

// Closed is a schedule that is closed.
type Closed struct {
	Why   string // such as "closed: thanksgiving, opens Fri 2026-11-27 08:00 America/New_York"
	Place string // of the entry that closes it, such as "buyers/acme.yaml:12:14, schedule.closed[1]"
}

// Closed tells which schedules keep the campaign from being asked at a time; empty where none does. A bid that stands
// is honoured all the same.
func (c *Campaign) Closed(now time.Time) (out []Closed) {
	for _, h := range c.Hours {
		why, at := h.Why(now)
		if why == "" {
			continue
		}
		out = append(out, Closed{h.Explain(now), h.At(at)})
	}
	return out
}

// Book is all buyers with their campaigns. It never changes after Compile and may be shared.
type Book struct {
	Buyers    []*Buyer
	Campaigns []*Campaign

	campaigns map[string]*Campaign
	buyers    map[string]*Buyer
	indexes   map[string]*Index
	kin       []kin
	groups    []uint64 // by campaign
}

// Campaign finds a campaign by its id, nil if there is none.
func (b *Book) Campaign(id string) *Campaign { return b.campaigns[id] }

// Buyer finds a buyer by its id, nil if there is none.
func (b *Book) Buyer(id string) *Buyer { return b.buyers[id] }

// Index is the eligibility index of a vertical; of one that no campaign buys it is empty, never nil.
func (b *Book) Index(vertical string) *Index {
	if ix := b.indexes[vertical]; ix != nil {
		return ix
	}
	return &noCampaigns
}

var noCampaigns Index

// seal makes what is looked up of a book whose lists are complete.
func (b *Book) seal(schemas map[string]*lead.Schema) {
	b.campaigns = make(map[string]*Campaign, len(b.Campaigns))
	b.buyers = make(map[string]*Buyer, len(b.Buyers))
	b.indexes = map[string]*Index{}
	for _, y := range b.Buyers {
		b.buyers[y.ID] = y
	}
	b.sealKin()
	of := map[string][]*Campaign{}
	for _, c := range b.Campaigns {
		b.campaigns[c.ID] = c
		of[c.Vertical] = append(of[c.Vertical], c)
	}
	for v, list := range of {
		sort.Slice(list, func(i, j int) bool { return list[i].Index < list[j].Index })
		b.indexes[v] = newIndex(list, schemas[v])
	}
}
