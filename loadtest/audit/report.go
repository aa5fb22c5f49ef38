// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"fmt"
	"strings"
)

// Finding is one contradiction.
type Finding struct {
	Rule   string `json:"rule"`
	Lead   string `json:"lead_id,omitempty"`
	Detail string `json:"detail"`
}

// The rules, by what was found.
const (
	RuleUnreadable   = "unreadable"      // an event is no JSON, of an unknown kind, or lacks its ids
	RuleEventTwice   = "event_twice"     // two events have one event_id
	RulePingTwice    = "ping_twice"      // two pings have one lead id
	RuleNoPing       = "no_ping"         // a lead was posted or settled that was never pinged
	RuleQuoteSum     = "quote_sum"       // a quote is not the sum of its winners' payouts
	RuleNoQuote      = "no_quote"        // a lead was posted whose ping found nobody
	RuleQuoteExpired = "quote_expired"   // a lead was posted for a post that came after its quote's end
	RuleQuoteBroken  = "quote_broken"    // an exclusive sale paid something else than was quoted
	RulePayout       = "payout_terms"    // a one-shot sale pays other than the margin of its posting leaves
	RuleMargin       = "negative_margin" // a payout is above the price
	RuleAttemptTwice = "attempt_twice"   // two postings have one attempt id
	RuleNoPosting    = "no_posting"      // an attempt ended that never began, or of another lead or campaign
	RuleEndedTwice   = "ended_twice"     // an attempt that had ended ended again
	RuleTerms        = "terms"           // a posting has no positive sell_limit, max_sold or price
	// more sales, certain or possible, than promised to a buyer or allowed
	RuleOversold = "oversold"
	// a lead was sent to a buyer while another one's answer was awaited or unknown, and not at the same time
	RuleSentOn    = "sent_on"
	RuleSameBuyer = "same_buyer" // a lead was sent to a buyer that had it, or may have it
	RuleCapPassed = "cap_passed" // a window holds more accepted or possible leads than its cap
	RuleNotFull   = "not_full"   // a cap has refused a lead, and none that concerns it was full
	// an attempt that nobody has found out about counts as something that its campaign does not say, or too early
	RuleAssumed       = "assumed"
	RuleChargeMissing = "charge_missing" // a posting did not charge a cap of its campaign or buyer
	RuleChargeUnknown = "charge_unknown" // a posting charged something that is no cap of its campaign or buyer
	RuleChargeWindow  = "charge_window"  // a posting charged another window than its time falls into
	RuleChargeChanged = "charge_changed" // an attempt ended with other charges than it began with
	// a request was sent again for an attempt that had ended, on other terms, or its answer was not heeded
	RuleResend     = "resend"
	RuleBidEnded   = "bid_ended"   // a quote lasts longer than a bid that it counts on
	RuleSettledSum = "settled_sum" // a settlement's payout or revenue is not the sum of its sales
	// a settlement lists a sale that is no accepted attempt, or with other figures
	RuleSettledSale    = "settled_sale"
	RuleSaleNotSettled = "sale_not_settled" // an accepted attempt stands in no settlement
	// a settlement says failure while an attempt is open or unknown, or pending while none is
	RuleSettledOpen      = "settled_open"
	RuleDeferred         = "deferred"             // a lead waits that is sold, or may be, or has its end
	RuleSettledEmpty     = "settled_empty"        // a success without sales, or a failure with sales
	RuleSuccessWithdrawn = "success_withdrawn"    // a success was replaced by something less
	RuleNotInBook        = "not_in_book"          // a sale of ours that the buyer does not have
	RuleBookPrice        = "book_price"           // the buyer has it at another price
	RuleBookReference    = "book_reference"       // the buyer has it under another reference
	RuleBookTwice        = "book_twice"           // a buyer accepted one lead twice
	RuleBookNoLead       = "book_without_lead"    // a buyer was sent something without a lead id
	RuleBookNoPosting    = "book_without_posting" // a buyer was sent a lead without a posting in the ledger
	RuleSentTwice        = "sent_twice"           // a buyer saw more posts of a lead than there are postings
	RuleNotSentArrived   = "not_sent_arrived"     // a buyer saw a post that is booked as not sent
	RuleRefusedInLedger  = "refused_in_ledger"    // a buyer accepted what is booked as refused
	RuleAnswerUnknown    = "answer_not_in_ledger" // a seller was answered what the ledger does not hold
	RuleAnswerFigures    = "answer_differs"       // the ledger has other figures than the seller was told
	RuleAnswerFailure    = "failure_but_sold"     // a seller heard failure of a lead that is sold, or may be
	RuleAnswerPending    = "pending_lost"         // a seller heard pending and nothing is open, unknown or settled
	RuleSoldAgain        = "person_sold_again"    // a person was sold within the time in which a repeat is refused
	RuleTakenTwice       = "taken_twice"          // who takes nobody twice has had a person twice in its time
	// an attempt lacks the mark of a duplicate rule that it is held to, or persons and marks are not one to one
	RuleMarkMissing = "mark_missing"
	// a duplicate rule has refused a lead for one that did not have the person, or not then
	RuleNoDuplicate     = "no_duplicate"
	RuleUnavailableSold = "unavailable_but_sold" // a call was answered 503 and nothing else, and something came of it
	RuleKeyTwice        = "key_sold_twice"       // one Idempotency-Key of a source has brought two sold leads
	// an event or an answer is marked as a test's otherwise than its lead's ping
	RuleTestMixed = "test_mixed"
	// a test lead has charges, money or a sale, or a real one ends as a test
	RuleTestCounts = "test_counts"
	// a return of what was not sold, that follows nothing, is too late or too much, or with other money than its terms
	// make
	RuleReturn = "return"
	// a lead was resubmitted that was sold, or may be, or twice; or of two that tell of each other only one does
	RuleResubmitted = "resubmitted"
	// a row stands in two files, or in none that is stored, or a lead was delivered in two files of a campaign
	RuleFile    = "file"
	RulePayment = "payment" // a payment of nobody or of nothing, or one that was booked before
	// a buyer was asked or sent something though it is stopped, its bid counts otherwise than it pays, or how it pays
	// does not follow what was before
	RuleStanding       = "standing"
	RuleStatement      = "statement"       // a statement has another number, opening or sum than it has to have
	RuleConfig         = "config"          // the configuration that an event names does not explain it
	RuleNotShipped     = "not_shipped"     // an event that did not come out of Kafka
	RuleShippedDiffers = "shipped_differs" // an event came out of Kafka with other bytes
	RuleShippedUnknown = "shipped_unknown" // Kafka has an event that the ledger does not have
)

// Counts is what was looked at. Money is in micros.
type Counts struct {
	Events map[string]int `json:"events"` // by kind
	Leads  int            `json:"leads"`
	Quoted int            `json:"quoted"`
	// leads that are tests; they count in nothing but events, leads and answers
	Tests    int            `json:"tests"`
	Attempts map[string]int `json:"attempts"` // by outcome; "open" has not ended
	Sales    int            `json:"sales"`
	// less what came back to buyers, and what sources gave back
	Revenue int64 `json:"revenue_micros"`
	Payout  int64 `json:"payout_micros"`
	// sales that stand as given back, and what came back for returns
	Returns   int   `json:"returns"`
	Credits   int64 `json:"credits_micros"`
	Clawbacks int64 `json:"clawbacks_micros"`
	// returns that stand, or wait, by what the buyer's own buyer has told
	Chained int `json:"chained_returns"`
	// payments of buyers, and what they come to, less what was paid back
	Payments int   `json:"payments"`
	Paid     int64 `json:"paid_micros"`
	// changes of how buyers pay, and bids that were refused since their buyer had not paid
	Standings int `json:"standings"`
	Unpaid    int `json:"unpaid"`
	// payouts to sources, and what they come to, less what was paid back
	Payouts int   `json:"payouts"`
	PaidOut int64 `json:"paid_out_micros"`
	// PriceDrops counts sales at a lower price than was bid; Losses those of them that bring less than they pay.
	PriceDrops int `json:"price_drops"`
	Losses     int `json:"losses"`
	// attempts that were corrected or booked anew after their end
	Corrections int            `json:"corrections"`
	Windows     int            `json:"cap_windows"`
	Resends     int            `json:"resends"`          // requests sent again
	FullCaps    int            `json:"cap_windows_full"` // windows that reached their cap
	Receipts    int            `json:"receipts"`
	BookedOnly  int            `json:"booked_only"` // accepted by the buyer and unknown to us: legal
	Answers     map[string]int `json:"answers"`     // by call and result
	Shipped     int            `json:"shipped"`     // distinct events
	Explained   int            `json:"explained"`   // events that were held to their configuration
	Deferred    int            `json:"deferred"`    // leads that have waited in the queue
	Files       int            `json:"files"`       // files of leads
	Resubmitted int            `json:"resubmitted"` // unsold leads that were offered anew, as other leads
	Unavailable int            `json:"unavailable"` // calls under a key that heard nothing but 503
	Marked      int            `json:"marked"`      // attempts that were held to duplicate rules
	Again       int            `json:"again"`       // of a rule: attempts of persons that it knew already
	Duplicates  int            `json:"duplicates"`  // refusals by duplicate rules
	// of them, those for a hold that has left no event
	DuplicatesUntold int `json:"duplicates_untold"`
	FullRefusals     int `json:"full_refusals"` // refusals by caps that were held to the counts
	Assumed          int `json:"assumed"`       // attempts that count as their campaign says, since nobody has found out
}

// Report is the verdict with its grounds.
type Report struct {
	OK       bool           `json:"ok"`
	Findings []Finding      `json:"findings,omitempty"` // the first ones
	ByRule   map[string]int `json:"by_rule,omitempty"`  // all
	Counts   Counts         `json:"counts"`
	// what the events come to for each buyer and source, as "buyer:ID" and "source:ID"
	Accounts map[string]*Account `json:"accounts,omitempty"`
}

// Verdict is "ok", or the first findings in one line.
func (r *Report) Verdict() string {
	if r.OK {
		return "ok"
	}
	var s strings.Builder
	total := 0
	for _, n := range r.ByRule {
		total += n
	}
	shown := min(len(r.Findings), 3)
	for i, f := range r.Findings[:shown] {
		if i > 0 {
			s.WriteString("; ")
		}
		s.WriteString(f.String())
	}
	if total > shown {
		fmt.Fprintf(&s, "; and %d more", total-shown)
	}
	return s.String()
}

// String is the finding in one line.
func (f Finding) String() string {
	if f.Lead == "" {
		return f.Rule + ": " + f.Detail
	}
	return f.Rule + ": lead " + f.Lead + ": " + f.Detail
}

func (a *auditor) found(rule string, lead id, format string, args ...any) {
	r := a.report
	r.OK = false
	r.ByRule[rule]++
	if len(r.Findings) >= a.findingsMax {
		return
	}
	f := Finding{Rule: rule, Detail: fmt.Sprintf(format, args...)}
	if lead != (id{}) {
		f.Lead = lead.String()
	}
	r.Findings = append(r.Findings, f)
}
