// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"time"
	"unsafe"

	"clearpost/auction"
	"clearpost/exchange/claims"
	"clearpost/exchange/history"
	"clearpost/exchange/limits"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/rules"
	"clearpost/wire/request"
	"clearpost/wire/transport"
)

// Ping is one inbound ping, or a one-shot lead, with all the memory that its auction needs. Get one from NewPing, fill
// the first group, call Ping or LeadNow, and give it back with Release. Nothing of it may be kept after that.
type Ping struct {
	Source         *Source
	Vertical       *Vertical
	Lead           lead.Lead
	SellerLeadID   string
	IdempotencyKey string
	BodyHash       string // of the request's body, when there is an IdempotencyKey
	MinPrice       lead.Money
	ReceivedAt     time.Time
	Waited         time.Duration // since ReceivedAt, when the trip begins: it is part of the time that buyers have
	MaxWait        time.Duration // how long the answer may take; 0 = as long as the vertical says
	Test           TestAsk
	Extra          Fields // what the schema does not know, as sent, where the vertical keeps it

	reply    Reply
	on       *Snapshot
	index    *verticalIndex // of the vertical
	id       lead.ID
	rule     *Dedupe
	who      history.Identity
	what     content // what was sent, and the same in hexadecimal; empty where no repeat is looked for
	whatText string
	whatHex  [2 * len(content{})]byte
	flight   *flight      // guarded by the quote table's shard: who waits for this ping
	no       lead.Refusal // why there is no bid, if there is none
	details  string       // more of that, for the seller
	facts    rules.Facts  // by which criteria are judged
	eligible []int32
	route    *route           // the plan by which the lead is sold; nil: there are no tiers
	excluded excludes         // who must not have the lead
	rights   []*LiveCampaign  // that have the sole right to it
	rightIDs []string         // their ids
	closed   uint64           // bit i: tier i is not for the lead
	turns    []uint64         // by tier of the plan
	bids     []ledger.Bid     // one per campaign that was asked, or not asked for a reason that hangs on state
	bidders  []*LiveCampaign  // by bid
	calls    []transport.Call // one per bid that has a call; reused
	live     []*transport.Call
	asked    []asked // by live call
	requests []byte
	entries  []auction.Bid
	terms    auction.Terms
	// on paper: how a call ends, as somebody assumes, in place of what comes back; nil on trips
	assumed    func(*ledger.Bid, *LiveCampaign) lead.Refusal
	awayAs     func(*LiveCampaign) bool // likewise: whether a campaign could not take leads
	result     auction.Result
	event      ledger.Pinged
	learned    ledger.Learned // event.Learned, where the vertical learns
	segment    []byte
	factors    []int64
	valued     []auction.Bid  // entries by value, where it only observes
	would      auction.Result // of those
	scratch    []byte
	told       told          // by what caps tell apart what they count
	charges    []lead.Charge // of caps on pings
	known      []knownAs     // to duplicate rules
	inputs     request.Inputs
	closer     closer
	lapTier    int             // tier by tier: whose campaigns are asked now
	lapsMore   bool            // and others come after it if it cannot sell
	shut       []int32         // campaigns that are closed and let leads wait
	slow       []*LiveCampaign // that were skipped so far, while nobody is asked
	patient    bool            // they are asked all the same
	prospects  []prospect
	begun      time.Time     // when the lead came, by the wall clock
	until, lap time.Time     // when all calls end, and those that are made now
	waited     time.Duration // for buyers and for the ledger: not our own time
}

// asked is what belongs to a call.
type asked struct {
	bid    int32
	ended  bool // there is a bid or a refusal of it
	pass   limits.Pass
	bearer []byte
}

// closer hears of the ends of the calls from one on.
type closer struct {
	e     *Exchange
	p     *Ping
	from  int
	begun time.Time
}

// What a Ping keeps for its next trip: one that was larger must not stay large for ever.
const (
	requestsKept = 64 << 10 // bytes of rendered requests, and of scratch
	callsKept    = 256
	answerTaken  = 4 << 10 // bytes of one answer
)

// trim lets go of what only an unusual trip needs.
func (p *Ping) trim() {
	if cap(p.requests) > requestsKept {
		p.requests = nil
	}
	if cap(p.scratch) > requestsKept {
		p.scratch = nil
	}
	if cap(p.calls) > callsKept {
		p.calls, p.live, p.asked, p.bids, p.bidders, p.eligible, p.entries, p.result = nil, nil, nil, nil, nil, nil,
			nil, auction.Result{}
		p.factors, p.valued, p.would = nil, nil, auction.Result{}
	}
	for i := range p.calls {
		if c := &p.calls[i]; cap(c.Body) > answerTaken {
			c.Body = nil
		}
	}
	p.Lead.Trim(requestsKept)
}

// PostIn is one inbound post. Its lead and strings must be the caller's own: a trip may outlive the request.
type PostIn struct {
	On             *Snapshot // the configuration to run on: Source and Vertical belong to it
	Source         *Source
	Vertical       *Vertical
	PingID         lead.ID
	Lead           *lead.Lead // what the post brought
	SellerLeadID   string
	IdempotencyKey string
	BodyHash       string
	ReceivedAt     time.Time
	Waited         time.Duration // since ReceivedAt: it is part of MaxWait
	MaxWait        time.Duration // how long the answer may take; 0 = the source's, else the vertical's time for posts
	Test           TestAsk
	Extra          Fields // what the schema does not know, as sent, where the vertical keeps it
	// what is wrong with the request besides the lead: it is refused, together with what is wrong with that
	Problems []lead.Problem
}

// underWay is what others find where a request has claimed something: a delivery of a lead, from its claim to its end,
// or a request that nobody waits for. A delivery may go on after its seller has heard "pending".
type underWay struct {
	done  chan struct{} // closed when reply and fault stand; nil: nobody waits for it
	reply Reply
	fault *Fault
}

// heldClaims is what a request has claimed: the names of leads, keys and contents, and persons.
type heldClaims = claims.Claims[underWay]

// flight is what waits for a ping under way. It is made by the first who waits.
type flight struct {
	done  chan struct{}
	reply Reply
	fault *Fault
}

// content names what a ping has sent.
type content [16]byte

var noLead lead.ID

// view reads bytes as a string for as long as the ping's memory lasts.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
