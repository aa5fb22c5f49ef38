// SPDX-License-Identifier: Apache-2.0

package lead

import (
	"fmt"
	"sort"
)

// Refusal is a named "no". Its number stands in events; its name stands in answers, metrics and explanations. The
// ranges follow the shape of OpenRTB's seat-non-bid codes: 1–99 the buyer said no; 100–199 error or timeout; 200–299 we
// did not ask; 300–399 we refused the answer; 500+ our own answer to the seller. Where several hold for one call, the
// first in the order checked stands: not asked, then the transport, then the buyer's words, then our judgement of the
// answer. Zero is "no refusal".
type Refusal uint16

// The refusals.
const (
	NoRefusal Refusal = 0

	// The buyer said no.
	NoBid              Refusal = 1
	BuyerRejected      Refusal = 2
	BuyerDuplicate     Refusal = 3
	BuyerInvalid       Refusal = 4
	InvalidPhone       Refusal = 5
	InvalidEmail       Refusal = 6
	MissingConsent     Refusal = 7
	OutsideServiceArea Refusal = 8
	BuyerQuota         Refusal = 9
	BuyerBadToken      Refusal = 11

	// Error or timeout.
	Unreachable     Refusal = 100
	TLSFailed       Refusal = 101
	TimedOut        Refusal = 102
	ConnectionLost  Refusal = 103
	TornAnswer      Refusal = 104
	OversizedAnswer Refusal = 105
	ServerError     Refusal = 106
	RedirectAnswer  Refusal = 107
	BlockedAddress  Refusal = 108
	WriteFailed     Refusal = 109
	UnknownOutcome  Refusal = 110
	Queued          Refusal = 111
	AwaitsFile      Refusal = 112

	// We did not ask.
	CriteriaMismatch  Refusal = 200
	Closed            Refusal = 201
	CapReached        Refusal = 202
	BudgetSpent       Refusal = 203
	Paused            Refusal = 204
	Throttled         Refusal = 205
	BreakerOpen       Refusal = 206
	Paced             Refusal = 207
	InFlightLimit     Refusal = 208
	NoConnection      Refusal = 209
	WorkersBusy       Refusal = 210
	NoSlot            Refusal = 211
	NoTimeLeft        Refusal = 212
	RenderFailed      Refusal = 213
	NotReached        Refusal = 214
	BuyerSoldAlready  Refusal = 215
	CampaignWithdrawn Refusal = 216
	AuthFailed        Refusal = 217
	BidExpired        Refusal = 218
	NoTestEndpoint    Refusal = 219
	NotBegun          Refusal = 220
	UnmappedValue     Refusal = 221
	SameCompany       Refusal = 222
	Competitor        Refusal = 223
	NoTier            Refusal = 224
	Excluded          Refusal = 225
	Territory         Refusal = 226
	StoreAway         Refusal = 227
	DuplicateRule     Refusal = 228
	NotChosen         Refusal = 230
	TooSlow           Refusal = 231
	EarlierTier       Refusal = 232
	TooOld            Refusal = 233
	Unpaid            Refusal = 234

	// We refused the answer.
	BelowFloor      Refusal = 300
	MalformedAnswer Refusal = 301
	Outbid          Refusal = 303
	MissingPrice    Refusal = 304
	NotCovered      Refusal = 305
	BadContentType  Refusal = 306
	UnclearAnswer   Refusal = 307
	BadCoding       Refusal = 308
	AboveCeiling    Refusal = 309
	ClosedEarly     Refusal = 320

	// Our answer to the seller.
	NoBids       Refusal = 500
	QuoteLost    Refusal = 501
	NoEligible   Refusal = 504
	LeadRepeated Refusal = 505
	NoneOpen     Refusal = 506
	SourceFull   Refusal = 507
	VerticalFull Refusal = 508
)

// RefusalInfo tells what a refusal means, and by which reason sellers hear of it.
type RefusalInfo struct {
	Number    Refusal
	Name      string
	Published string // the seller-facing reason: one of the published list
	Meaning   string
}

var refusalTable = map[Refusal]RefusalInfo{
	NoBid:          {Name: "no_bid", Published: "no_bids", Meaning: "the buyer answered the ping and did not bid"},
	BuyerRejected:  {Name: "rejected", Published: "rejected", Meaning: "the buyer rejected the post"},
	BuyerDuplicate: {Name: "duplicate", Published: "duplicate", Meaning: "the buyer has this lead already"},
	BuyerInvalid: {Name: "invalid", Published: "invalid_data",
		Meaning: "the buyer found the lead's data invalid"},
	InvalidPhone: {Name: "invalid_phone", Published: "invalid_phone",
		Meaning: "the buyer found the phone number invalid"},
	InvalidEmail: {Name: "invalid_email", Published: "invalid_email",
		Meaning: "the buyer found the e-mail address invalid"},
	MissingConsent: {Name: "missing_consent", Published: "missing_consent",
		Meaning: "the buyer found no proof of consent"},
	OutsideServiceArea: {Name: "outside_service_area", Published: "outside_service_area",
		Meaning: "the buyer does not serve the area"},
	BuyerQuota: {Name: "quota_reached", Published: "quote_lost",
		Meaning: "the buyer says that its own quota is reached"},
	BuyerBadToken: {Name: "bad_token", Published: "rejected",
		Meaning: "the buyer did not know its own ping token"},

	Unreachable: {Name: "unreachable", Published: "buyer_error", Meaning: "no connection could be made"},
	TLSFailed:   {Name: "tls_failed", Published: "buyer_error", Meaning: "the TLS handshake failed"},
	TimedOut:    {Name: "timed_out", Published: "buyer_error", Meaning: "no complete answer by the deadline"},
	ConnectionLost: {Name: "connection_lost", Published: "buyer_error",
		Meaning: "the connection ended before an answer began"},
	TornAnswer: {Name: "torn_answer", Published: "buyer_error",
		Meaning: "the answer ended before it was complete"},
	OversizedAnswer: {Name: "oversized_answer", Published: "buyer_error", Meaning: "the answer is larger than allowed"},
	ServerError: {Name: "server_error", Published: "buyer_error",
		Meaning: "the buyer answered with an HTTP error status"},
	RedirectAnswer: {Name: "redirect", Published: "buyer_error",
		Meaning: "the buyer answered with a redirect, which is not followed"},
	BlockedAddress: {Name: "blocked_address", Published: "buyer_error",
		Meaning: "the buyer's address is private or loopback and not allowed"},
	WriteFailed: {Name: "write_failed", Published: "buyer_error",
		Meaning: "the request could not be written whole"},
	UnknownOutcome: {Name: "unknown", Published: "pending",
		Meaning: "the request may have arrived and no receipt came back"},
	Queued: {Name: "queued", Published: "pending", Meaning: "the buyer took the lead and has not decided yet"},
	AwaitsFile: {Name: "awaits_file", Published: "pending",
		Meaning: "the lead is a row of a file that the buyer gets later"},

	CriteriaMismatch: {Name: "criteria", Published: "no_bids",
		Meaning: "the lead does not meet the campaign's criteria"},
	Closed: {Name: "closed", Published: "no_bids",
		Meaning: "the schedule of the campaign or its buyer is closed"},
	CapReached: {Name: "cap_reached", Published: "no_bids",
		Meaning: "a cap of the campaign, its buyer, its parent company, the source or the vertical is full"},
	BudgetSpent: {Name: "budget_spent", Published: "no_bids",
		Meaning: "so much money is not left of a budget, or of the buyer's balance and credit"},
	Paced: {Name: "paced", Published: "no_bids",
		Meaning: "a cap is spread over its hours, and has given as much as it may by now"},
	Paused:    {Name: "paused", Published: "no_bids", Meaning: "the campaign or its buyer is paused"},
	Throttled: {Name: "throttled", Published: "no_bids", Meaning: "the campaign's calls a second are used up"},
	BreakerOpen: {Name: "breaker_open", Published: "no_bids",
		Meaning: "too many of the campaign's pings failed: it is left alone for a while"},
	InFlightLimit: {Name: "in_flight_limit", Published: "no_bids",
		Meaning: "too many calls to this buyer are in flight"},
	NoConnection: {Name: "no_connection", Published: "no_bids", Meaning: "the buyer's connection pool is used up"},
	WorkersBusy:  {Name: "workers_busy", Published: "no_bids", Meaning: "no worker was free to dial the buyer"},
	NoSlot:       {Name: "no_slot", Published: "quote_lost", Meaning: "the lead has no slot left for this buyer"},
	NoTimeLeft:   {Name: "no_time_left", Published: "quote_lost", Meaning: "the time that was left was used up"},
	RenderFailed: {Name: "render_failed", Published: "buyer_error",
		Meaning: "the request could not be made from this lead"},
	NotReached: {Name: "not_reached", Published: "quote_lost",
		Meaning: "the lead was sold, or stopped, before this campaign's turn"},
	BuyerSoldAlready: {Name: "buyer_has_it", Published: "duplicate",
		Meaning: "this buyer has bought this lead already"},
	CampaignWithdrawn: {Name: "withdrawn", Published: "quote_lost", Meaning: "the campaign is no longer configured"},
	NoTestEndpoint: {Name: "no_test_endpoint", Published: "quote_lost",
		Meaning: "a test lead, and the campaign does not say how tests are sent to it"},
	NotBegun: {Name: "not_begun", Published: "quote_lost",
		Meaning: "the ledger told too late that it has the attempt: it was not sent"},
	UnmappedValue: {Name: "unmapped_value", Published: "no_bids",
		Meaning: "a value map of the campaign has no entry for what the lead has, and map_missing says refuse"},
	AuthFailed: {Name: "auth_failed", Published: "buyer_error",
		Meaning: "there is no access token for the buyer at this moment"},
	BidExpired: {Name: "bid_expired", Published: "quote_lost",
		Meaning: "the buyer's bid had ended before its turn came"},

	SameCompany: {Name: "same_company", Published: "duplicate",
		Meaning: "a buyer of the same parent company has bought this lead already"},
	Competitor: {Name: "competitor", Published: "quote_lost",
		Meaning: "a competitor, by the buyers' groups, has bought this lead already"},
	NoTier: {Name: "no_tier", Published: "no_bids",
		Meaning: "the plan has no tier for this lead that the campaign is in"},

	Excluded: {Name: "excluded", Published: "no_bids",
		Meaning: "the seller has said that this buyer, or the brand of its offer, must not have the lead"},
	Territory: {Name: "territory", Published: "no_bids",
		Meaning: "another company has the sole right to leads of this place"},

	StoreAway: {Name: "store_away", Published: "quote_lost",
		Meaning: "the store of counts did not answer: nothing was sent"},

	DuplicateRule: {Name: "duplicate_rule", Published: "duplicate",
		Meaning: "a duplicate rule (of campaign, buyer, company, source or vertical): it has had this person before"},

	NotChosen: {Name: "not_chosen", Published: "no_bids",
		Meaning: "as many campaigns were pinged as may be, and others were expected to bring more"},
	TooSlow: {Name: "too_slow", Published: "no_bids",
		Meaning: "the campaign's answers to pings usually take longer than there was time"},
	EarlierTier: {Name: "earlier_tier", Published: "no_bids",
		Meaning: "not asked: an earlier tier of the plan took the lead"},

	TooOld: {Name: "too_old", Published: "quote_lost",
		Meaning: "the lead has waited, and is older than the campaign takes"},

	Unpaid: {Name: "unpaid", Published: "no_bids",
		Meaning: "the buyer is stopped by the rule of its page (standing): what it owes is overdue"},

	BelowFloor: {Name: "below_floor", Published: "no_bids",
		Meaning: "the bid is below a floor, or pays the seller less than its minimum"},
	AboveCeiling: {Name: "above_ceiling", Published: "no_bids",
		Meaning: "the bid is above its campaign's maximum or a tier's ceiling"},
	ClosedEarly: {Name: "closed_early", Published: "no_bids",
		Meaning: "the auction ended before it answered: whatever it bid, the winners would have been the same"},
	MalformedAnswer: {Name: "malformed_answer", Published: "buyer_error",
		Meaning: "the answer's body is not well-formed"},
	Outbid:       {Name: "outbid", Published: "no_bids", Meaning: "other bids are worth more"},
	MissingPrice: {Name: "missing_price", Published: "no_bids", Meaning: "the bid has no positive price"},
	NotCovered: {Name: "not_covered", Published: "quote_lost",
		Meaning: "the bid does not cover what the seller was quoted"},
	BadCoding: {Name: "bad_coding", Published: "buyer_error",
		Meaning: "the answer is compressed in a way that is not known, or broken"},
	BadContentType: {Name: "bad_content_type", Published: "buyer_error",
		Meaning: "the answer is declared as a type that is not expected"},
	UnclearAnswer: {Name: "unclear_answer", Published: "rejected",
		Meaning: "no rule of the campaign recognises the answer: a ping is no bid, the outcome of a post is not known"},

	NoBids:       {Name: "no_bids", Published: "no_bids", Meaning: "nobody bids on this lead"},
	QuoteLost:    {Name: "quote_lost", Published: "quote_lost", Meaning: "no buyer took the lead at the quoted price"},
	NoEligible:   {Name: "no_eligible_buyers", Published: "no_bids", Meaning: "no campaign wants a lead like this"},
	LeadRepeated: {Name: "repeated_lead", Published: "duplicate", Meaning: "a lead of this person was received before"},
	SourceFull: {Name: "source_cap", Published: "no_bids",
		Meaning: "a cap or budget of the source is full: nobody was asked"},
	VerticalFull: {Name: "vertical_cap", Published: "no_bids",
		Meaning: "a cap or budget of the vertical is full: nobody was asked"},
	NoneOpen: {Name: "no_open_buyers", Published: "no_bids",
		Meaning: "campaigns want a lead like this, and none of them is open now"},
}

// Info tells all about a refusal; an unlisted number has the name refusal_N.
func (r Refusal) Info() RefusalInfo {
	i, ok := refusalTable[r]
	if !ok {
		i = RefusalInfo{Name: fmt.Sprintf("refusal_%d", uint16(r)), Published: "rejected", Meaning: "not in the table"}
	}
	i.Number = r
	return i
}

// String is the refusal's name.
func (r Refusal) String() string {
	if r == NoRefusal {
		return "none"
	}
	return r.Info().Name
}

// Refusals lists the table in the order of numbers.
func Refusals() []RefusalInfo {
	out := make([]RefusalInfo, 0, len(refusalTable))
	for r := range refusalTable {
		out = append(out, r.Info())
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Number < out[j].Number })
	return out
}

// RefusalByName finds a refusal by its name.
func RefusalByName(name string) (Refusal, bool) {
	for r, i := range refusalTable {
		if i.Name == name {
			return r, true
		}
	}
	return NoRefusal, false
}

// ByBuyer tells whether the number is one of those that a buyer's own words stand for, NoRefusal included: from 100 on
// the answer failed, or the refusal is ours.
func (r Refusal) ByBuyer() bool { return r < Unreachable }

// Outcome tells the outcome of an attempt that a buyer refused for this reason.
func (r Refusal) Outcome() Outcome {
	switch r {
	case BuyerDuplicate:
		return Duplicate
	case BuyerInvalid, InvalidPhone, InvalidEmail:
		return Invalid
	case UnknownOutcome, Queued, AwaitsFile:
		return Unknown
	}
	return Rejected
}
