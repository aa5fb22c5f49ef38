// SPDX-License-Identifier: Apache-2.0

// Package buyers holds the standing orders of the companies that buy: campaigns, compiled from their configuration, and
// an index that tells which of them want a lead. It keeps no state: caps are counted in capstore, pauses in the
// exchange.
package buyers

import (
	"fmt"

	"clearpost/batch"
	"clearpost/lead"
	"clearpost/rules"
	"clearpost/wire/answer"
	"clearpost/wire/request"
)

// Limits of a buyer's configuration.
const (
	IDBytesMax      = 64     // of a buyer's or campaign's id
	NameBytesMax    = 200    // of a buyer's name
	CampaignsMax    = 100000 // in one book
	CriteriaMax     = 64     // of one campaign
	MaxSoldMax      = 100
	InFlightDefault = 200 // outbound calls of one buyer at once, where the buyer does not say
	InFlightMost    = 100000
	TimeoutMSMost   = 120000
)

// BuyerSpec is a buyer as it stands in a file.
type BuyerSpec struct {
	// stands in events, caps and pauses; it must not change
	ID           string `yaml:"id"`
	Name         string `yaml:"name"`                    // for people
	Timezone     string `yaml:"timezone"`                // IANA name; of caps and schedules that name none
	InFlightMax  int    `yaml:"in_flight_max"`           // calls at once; absent or 0: 200
	AllowPrivate bool   `yaml:"allow_private_addresses"` // may be reached at private and loopback addresses
	// the company that it belongs to, by a buyer's id or any other name: one of its buyers gets a lead
	Parent string `yaml:"parent"`
	// names of groups of which no two buyers get the same lead
	CompetitorGroups []string        `yaml:"competitor_groups"`
	Caps             []rules.CapSpec `yaml:"caps"` // over all its campaigns
	// duplicate rules over all its campaigns: who is not bought again for a time; absent: nobody is remembered
	Duplicates []rules.UniqueSpec `yaml:"duplicates"`
	// it buys while its balance and its credit cover the price; absent: it has an account without a limit
	Balance *BalanceSpec `yaml:"balance"`
	// which leads it may give back, and what it gets for them; absent: none, but by an operator
	Returns *ReturnsSpec `yaml:"returns"`
	Company *CompanySpec `yaml:"company"` // what it is called on its statements; absent: its name alone
	// its keys for the buyers' side of the API, best as ${env:NAME}; several while one is replaced by another
	Keys []string `yaml:"keys"`
	// when it takes leads, all its campaigns; absent: always
	Schedule *rules.ScheduleSpec `yaml:"schedule"`
	// what the exchange keeps of its prices; absent: as the source or the vertical has it
	Margin *MarginSpec `yaml:"margin"`
	// what its bids count as in auctions, such as 0.90 where it returns much; it pays what it bids (1)
	Multiplier *lead.Money `yaml:"bid_multiplier"`
	// how it pays: fast goes first where bids are worth the same, slow wins only where nobody else can, never is left
	// alone (usual)
	Pays string `yaml:"pays"`
	// when it has to pay what it has bought; absent: it is overdue with nothing
	Terms *TermsSpec `yaml:"terms"`
	// what becomes of it while something is overdue; absent: nothing, it is told only
	Standing  *StandingSpec  `yaml:"standing"`
	Campaigns []CampaignSpec `yaml:"campaigns"` // its standing orders
}

// BalanceSpec is an account that a buyer pays into: `clearpost balance` tells of it and books deposits.
type BalanceSpec struct {
	// how far the balance may fall below zero; absent: it is paid beforehand
	Credit *lead.Money `yaml:"credit_limit"`
}

// CampaignSpec is a campaign as it stands in a buyer's file.
type CampaignSpec struct {
	ID       string `yaml:"id"`       // unique in the configuration
	Vertical string `yaml:"vertical"` // the id of the kind of lead that it buys
	// from which the campaign starts; its own keys stand above the template's
	Template string `yaml:"template"`
	// the template's parameters; they are taken before the campaign is compiled
	Set    map[string]string `yaml:"set"`
	Labels []string          `yaml:"labels"` // names by which plans have it, together with others: label:NAME
	// names of groups, besides its buyer's, of which no two campaigns of different buyers get the same lead
	CompetitorGroups []string `yaml:"competitor_groups"`
	// primary, backup or overflow: by it plans have it, as role:NAME. By itself it does nothing
	Role  string      `yaml:"role"`
	Price *lead.Money `yaml:"price"` // fixed price; absent: the ping's answer quotes one
	// fixed prices for some leads: the first that is for a lead stands in place of price
	Prices []PriceSpec `yaml:"prices"`
	MaxBid *lead.Money `yaml:"max_bid"` // a quoted price above it is taken for a mistake, and refused
	Floor  *lead.Money `yaml:"floor"`   // a quoted price below it is refused
	// what the exchange keeps of its prices; absent: as the buyer, the source or the vertical has it
	Margin *MarginSpec `yaml:"margin"`
	// what its bids count as in auctions, times that of its buyer (1)
	Multiplier *lead.Money `yaml:"bid_multiplier"`
	// sales of the lead it accepts in all, its own included; absent, 0 and 1: exclusive
	MaxSold  int                   `yaml:"max_sold"`
	Criteria []rules.CriterionSpec `yaml:"criteria"` // what a lead must be: all must hold
	// the sole right to the leads of some places: no other company gets one that this campaign wants
	Territory *TerritorySpec  `yaml:"territory"`
	Caps      []rules.CapSpec `yaml:"caps"` // its own, beside its buyer's
	// duplicate rules of its own, beside its buyer's
	Duplicates []rules.UniqueSpec `yaml:"duplicates"`
	// when it takes leads, while its buyer's schedule is open too; absent: always
	Schedule *rules.ScheduleSpec `yaml:"schedule"`
	// calls at once, pings and posts together, within the buyer's; absent or 0: the buyer's alone
	InFlight int          `yaml:"in_flight_max"`
	Breaker  *BreakerSpec `yaml:"breaker"` // when it is left alone because its pings fail; absent: never
	Unknown  UnknownSpec  `yaml:"unknown"` // what becomes of an attempt without a known outcome
	Defer    *DeferSpec   `yaml:"defer"`   // leads that it cannot have now wait for it; absent: none does
	// how old a lead may be that has waited for another campaign or is resubmitted, in minutes from when it came whole;
	// absent: as old as `defer` lets leads become, else as long as a quote of the vertical stands
	LeadAgeMaxM *int `yaml:"lead_age_max_m"`
	// which price is booked where the post's answer names another (ping_price)
	Pay      string        `yaml:"pay"`
	Ping     *EndpointSpec `yaml:"ping"`     // the call that asks for a bid
	Post     *EndpointSpec `yaml:"post"`     // the call that delivers the lead
	Batch    *batch.Spec   `yaml:"batch"`    // in place of post: its leads are delivered in files
	Test     *TestSpec     `yaml:"test"`     // how test leads are sent; absent: none are
	Examples []ExampleSpec `yaml:"examples"` // worked examples, which are its tests
}

// TestSpec says how the calls of a campaign differ where the lead is a test. Each call needs another URL, or a mark of
// its own.
type TestSpec struct {
	PingURL string   `yaml:"ping_url"` // in place of ping.request.url
	PostURL string   `yaml:"post_url"` // in place of post.request.url, or batch.to.http.url
	PostTo  []string `yaml:"post_to"`  // in place of post.mail.to, or batch.to.mail.to
	// in place of the folder in batch.to; s3: of the prefix
	Folder string              `yaml:"folder"`
	Fields []request.FieldSpec `yaml:"fields"` // besides those of the request, in pings and posts
}

// EndpointSpec is one outbound call: how it is made and how its answer is read.
type EndpointSpec struct {
	TimeoutMS int             `yaml:"timeout_ms"`  // of one call; absent or 0: as long as the vertical allows
	Rate      *rules.RateSpec `yaml:"rate"`        // of its calls; absent: as many as there are leads
	BackupURL string          `yaml:"backup_url"`  // posts: where to when no byte went to the request's URL
	Key       *KeySpec        `yaml:"idempotency"` // posts: how the request carries a key of its own
	Mail      *LetterSpec     `yaml:"mail"`        // posts: by e-mail, in place of the request's URL
	Request   request.Spec    `yaml:"request"`     // what is sent
	Answer    answer.Spec     `yaml:"answer"`      // how what comes back is read
}

// BreakerSpec says when a campaign whose pings fail is left alone. Absent numbers take their defaults.
type BreakerSpec struct {
	FailuresPercent *int `yaml:"failures_percent"` // of the calls in the window, 1 to 100 (50)
	RequestsMin     *int `yaml:"requests_min"`     // calls in the window before it judges (20)
	WindowS         *int `yaml:"window_s"`         // over which calls are counted, in seconds (30)
	OpenS           *int `yaml:"open_s"`           // how long it refuses before it probes, in seconds (15)
	Probes          *int `yaml:"probes"`           // calls that must all end well for it to close (3)
	SimulateOnly    bool `yaml:"simulate_only"`    // counts and reports, and refuses nothing
}

// KeySpec says where a post carries its idempotency key: the id of the first attempt, the same when the request is sent
// again.
type KeySpec struct {
	Header string `yaml:"header"` // that carries the key
}

// UnknownSpec says what becomes of an attempt without a known outcome. It has `status` or `resend`, not both; without
// keys, and by the word `hold`, the attempt waits for a person. The word `resend` is a resend with the defaults.
type UnknownSpec struct {
	Status *StatusSpec `yaml:"status"` // the buyer is asked what became of the lead
	Resend *ResendSpec `yaml:"resend"` // the same request is sent again
	Then   *ThenSpec   `yaml:"then"`   // what it counts as if nobody has found out
}

// ThenSpec says what an attempt counts as whose outcome nobody has found out.
type ThenSpec struct {
	CountsAs string `yaml:"counts_as"` // accepted, at the bid, or rejected
	AfterH   int    `yaml:"after_h"`   // hours from the attempt's beginning
}

// TakeWord reads the policies that are written as one word.
func (u *UnknownSpec) TakeWord(word string) error {
	switch word {
	case "hold":
	case "resend":
		u.Resend = &ResendSpec{}
	default:
		return fmt.Errorf("expected `hold`, `resend`, or keys with values: `status`, `resend`, `then`")
	}
	return nil
}

// StatusSpec asks the buyer what became of a lead.
type StatusSpec struct {
	Request   request.Spec `yaml:"request"`    // what is sent
	Answer    answer.Spec  `yaml:"answer"`     // how what comes back is read
	TimeoutMS *int         `yaml:"timeout_ms"` // of one call (5000)
	AfterMS   *int         `yaml:"after_ms"`   // from the attempt's end to the first call (2000)
	EveryMS   *int         `yaml:"every_ms"`   // between calls (10000)
	ForS      *int         `yaml:"for_s"`      // from the attempt's beginning to the last call (3600)
}

// ResendSpec sends the same request again.
type ResendSpec struct {
	Times   *int `yaml:"times"`    // how often at most (3)
	AfterMS *int `yaml:"after_ms"` // from the attempt's end to the first (2000)
	EveryMS *int `yaml:"every_ms"` // between them (10000)
	// from the attempt's beginning to the last (3600); a buyer does not know a key for ever
	ForS *int `yaml:"for_s"`
}
