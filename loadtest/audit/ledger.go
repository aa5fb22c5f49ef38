// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"math"
	"slices"
)

// auditor is the state of one Run.
type auditor struct {
	report      *Report
	findingsMax int
	configs     map[string]*Config
	capsUnder   func(config string) ([]Cap, error)
	under       map[string]map[string]*capState // by configuration and title

	caps     []capState
	losses   bool // quotes may be above prices
	all      bool // all calls are among the answers
	alone    bool // nothing was under way beside each call
	capByKey map[string][]int
	capsOf   map[string][]int
	windows  map[windowKey]*windowUse

	leads    map[id]pinged
	tests    map[id]*testTrip
	trips    []trip
	attempts map[id]*attempt
	names    map[string]string // one copy of each buyer's and campaign's id
	resends  map[id]*resend
	events   map[id]seenEvent
	books    map[bookKey]*booked
	bought   map[string]bool // books that were given
	keys     map[sourceKey]id
	calls    map[sourceKey]*heard
	repeats  map[[2]string]*Repeat // by source and vertical
	persons  map[id]somebody
	tally    map[string]int64 // of returns, by key and window
	payments map[payment]bool // that were booked
	anew     map[id]id        // by lead: as which it was resubmitted
	offered  map[id]resubmission
	files    map[id]*fileOf

	statements statements
	whole      bool
	journal    journal
	chains     map[[2]string]id    // by buyer and its own buyer's reference: the attempt that is given back by it
	standings  map[string]standing // of buyers, the last ones
	seq        int                 // of the event that is judged
	uniques    *uniques            // nil: there are no duplicate rules
}

// pinged is what is kept of every lead.
type pinged struct {
	quote     int64 // micros
	expiresAt int64 // microseconds; 0 is none
	trip      int32 // index in trips plus one; 0 is none
	pinged    bool
	oneShot   bool
	quoted    bool
	test      bool
	currency  uint8 // as of journal.currencies
}

// trip is what is kept of a lead that was posted.
type trip struct {
	lead     id
	call     sourceKey // whose events come
	attempts []*attempt
	settled  []settlement
	said     map[string]bool // what its seller was told while the lead waited in the queue
	waits    bool            // it does so now
	// something was corrected: answers may be withdrawn, and need not be what was quoted
	corrected bool
}

type attempt struct {
	id              id
	call            sourceKey // under which it was made; without a key: nobody can tell
	campaign, buyer string
	source          string
	brand           string // who buys in the end, where several of the buyer's legs may
	price, payout   int64  // as posted; of an accepted one as booked
	bid             int64
	answerPrice     int64
	booking         *booking // nil in events of earlier versions
	reference       string
	maxSold, limit  int
	round           int // 0: it went out alone
	outcome         outcome
	at              int64 // microseconds: when it was made
	assumed         bool  // nobody has found out how it ended: it counts as its campaign says
	charges         []charge
	counted         []counted
	settled         bool // stands in the last settlement
	corrected       bool // it stands as somebody found out, or agreed, after it had ended
	untold          bool // no settlement has come since
	resends         []*resend
	returned        *returned // nil: nobody has wanted to give it back
	batch           bool      // it waits for a file
	file            id        // the last of which it is a row; zero: of none
}

type settlement struct {
	result, reason string
	payout         int64
	sales          []sale
}

type outcome uint8

const (
	open outcome = iota
	unknown
	accepted
	refused
	notSent
)

// standing attempts are sales, or may be.
func (o outcome) standing() bool { return o <= accepted }

// readOutcome also tells whether the name is one of an attempt that ended.
func readOutcome(name string) (outcome, bool) {
	switch name {
	case "accepted":
		return accepted, true
	case "unknown":
		return unknown, true
	case "rejected", "duplicate", "invalid":
		return refused, true
	case "not_sent":
		return notSent, true
	}
	return open, false
}

func newAuditor(o Options) (*auditor, error) {
	if o.FindingsMax <= 0 {
		o.FindingsMax = 100
	}
	a := &auditor{
		report: &Report{OK: true, ByRule: map[string]int{}, Counts: Counts{
			Events: map[string]int{}, Attempts: map[string]int{}, Answers: map[string]int{}},
			Accounts: map[string]*Account{}},
		findingsMax: o.FindingsMax, configs: o.Configs, capsUnder: o.CapsUnder,
		under: map[string]map[string]*capState{}, losses: o.Losses, all: o.EveryCall, alone: o.Alone,
		capByKey: map[string][]int{}, capsOf: map[string][]int{}, windows: map[windowKey]*windowUse{},
		leads: map[id]pinged{}, tests: map[id]*testTrip{}, attempts: map[id]*attempt{}, resends: map[id]*resend{},
		names: map[string]string{}, events: map[id]seenEvent{}, books: map[bookKey]*booked{}, bought: map[string]bool{},
		keys: map[sourceKey]id{}, calls: map[sourceKey]*heard{}, repeats: map[[2]string]*Repeat{},
		persons: map[id]somebody{}, tally: map[string]int64{}, payments: map[payment]bool{},
		standings: map[string]standing{}, whole: o.Whole, chains: map[[2]string]id{},
		journal: journal{currencies: []string{""}, lines: map[string][]line{}},
		anew:    map[id]id{}, offered: map[id]resubmission{}, files: map[id]*fileOf{},
	}
	a.addRepeats(o.Repeats)
	a.uniques = newUniques(&o)
	return a, a.addCaps(o.Caps)
}

func (a *auditor) name(s string) string {
	if n, ok := a.names[s]; ok {
		return n
	}
	a.names[s] = s
	return s
}

// event takes the next event of the ledger.
func (a *auditor) event(b []byte) {
	a.seq++
	e, err := readEvent(b)
	if err != nil {
		a.found(RuleUnreadable, id{}, "event: %v", err)
		return
	}
	if e.EventID == (id{}) {
		a.found(RuleUnreadable, e.Lead, "an event of kind %q has no event_id", e.Kind)
		return
	}
	if _, twice := a.events[e.EventID]; twice {
		a.found(RuleEventTwice, e.Lead, "event %s stands in the ledger twice", e.EventID)
	}
	a.events[e.EventID] = seenEvent{hash: hash(b)}
	a.report.Counts.Events[e.Kind]++
	if e.Lead == (id{}) && e.Kind != "adjusted" {
		a.found(RuleUnreadable, id{}, "event %s of kind %q has no lead_id", e.EventID, e.Kind)
		return
	}
	if e.Lead != (id{}) {
		if a.mixed(e) {
			return
		}
		if e.Test {
			a.testEvent(e)
			return
		}
		a.realEvent(e)
		a.explain(e, b)
		a.person(e, b)
	}
	a.calledBy(e)
	switch e.Kind {
	case "pinged":
		a.ping(e)
		a.askedOf(e, b)
		a.pings(e)
		a.offeredAnew(e)
	case "posting":
		a.posting(e)
		a.sentTo(e)
	case "posted":
		a.ended(e)
	case "settled":
		a.settle(e)
	case "deferred":
		a.deferred(e)
	case "adjusted":
		a.adjusted(e, b)
	default:
		a.found(RuleUnreadable, e.Lead, "event %s has the unknown kind %q", e.EventID, e.Kind)
	}
	a.uniquesOf(e, b)
	a.refusedFull(e, b)
}

// adjusted takes what a person, or the exchange, has changed.
func (a *auditor) adjusted(e *event, b []byte) {
	switch e.Adjustment {
	case "resolved":
		a.ended(e)
	case "corrected", "rebooked":
		a.corrected(e)
	case "return_asked", "returned", "return_denied", "return_revoked", "replaced":
		a.givesBack(e)
	case "resubmitted":
		a.wentOn(e)
	case "stated":
		a.stated(e)
	case "standing":
		a.stands(e)
	case "batched":
		a.batched(e)
	case "file":
		a.fileStands(e)
	case "paid_out":
		a.paidOut(e)
	case "deposited", "imported":
		if e.Adjustment == "deposited" {
			a.paid(e)
		}
		for _, ch := range e.Charges {
			a.add(windowKey{ch.Cap, ch.Window}, ch.N)
		}
		if a.uniques != nil {
			a.uniques.soldElse(e, a.seq, b)
		}
	}
}

func (a *auditor) ping(e *event) {
	l := a.leads[e.Lead]
	if l.pinged {
		a.found(RulePingTwice, e.Lead, "pinged twice, the second time by event %s", e.EventID)
	}
	l.pinged, l.oneShot, l.quoted = true, e.oneShot, e.Result == "success"
	l.quote, l.expiresAt, l.currency = e.Price, e.expiresAt, a.journal.currencyOf(e.Currency)
	a.leads[e.Lead] = l
	if l.quoted {
		a.report.Counts.Quoted++
		if e.winnerSum != e.Price {
			a.found(RuleQuoteSum, e.Lead, "quoted %s, the payouts of %d winners add up to %s", money(e.Price),
				e.winners, money(e.winnerSum))
		}
	}
	if l.quoted && e.bidEnds != 0 && e.bidEnds < e.expiresAt {
		a.found(RuleBidEnded, e.Lead, "the quote ends later than a bid that it counts on, by %d µs",
			e.expiresAt-e.bidEnds)
	}
	if e.lossMaker != "" && !a.losses {
		a.found(RuleMargin, e.Lead, "the payout for the bid of %s is above its price", e.lossMaker)
	}
}

// trip returns the state of a posted lead, made on first use. It is valid until the next call.
func (a *auditor) trip(lead id) *trip {
	l := a.leads[lead]
	if l.trip == 0 {
		a.trips = append(a.trips, trip{lead: lead})
		l.trip = int32(len(a.trips))
		a.leads[lead] = l
	}
	return &a.trips[l.trip-1]
}

func (a *auditor) posting(e *event) {
	if l := a.leads[e.Lead]; !l.pinged {
		a.found(RuleNoPing, e.Lead, "attempt %s of a lead that was never pinged", e.Attempt)
	} else {
		if !l.oneShot && !l.quoted {
			a.found(RuleNoQuote, e.Lead, "attempt %s of a lead whose ping found nobody", e.Attempt)
		}
		if e.Post != nil && !l.oneShot && l.expiresAt != 0 && e.Post.ReceivedAt.UnixMicro() > l.expiresAt {
			a.found(RuleQuoteExpired, e.Lead, "attempt %s: the post came at %s, after the quote's end", e.Attempt,
				e.Post.ReceivedAt)
		}
	}
	if e.Attempt == (id{}) || a.attempts[e.Attempt] != nil {
		a.found(RuleAttemptTwice, e.Lead, "attempt %s has no id of its own", e.Attempt)
		return
	}
	if e.SellLimit < 1 || e.MaxSold < 1 || e.Price <= 0 {
		a.found(RuleTerms, e.Lead, "attempt %s has sell_limit %d, max_sold %d and price %s", e.Attempt, e.SellLimit,
			e.MaxSold, money(e.Price))
	}
	if e.Payout > e.Price && (e.Terms == nil || !e.Terms.Loss) {
		a.found(RuleMargin, e.Lead, "attempt %s pays %s out of %s", e.Attempt, money(e.Payout), money(e.Price))
	}
	if e.Again == "resend" {
		a.resent(e)
		return
	}
	t := a.trip(e.Lead)
	a.slots(e, t)
	p := &attempt{id: e.Attempt, call: t.call, campaign: a.name(e.Campaign), buyer: a.name(e.Buyer), brand: e.Brand,
		source: a.name(e.Source),
		price:  e.Price, payout: e.Payout, bid: e.Price, at: e.At.UnixMicro(), maxSold: e.MaxSold,
		batch: e.Batch, limit: e.SellLimit, round: e.Round, charges: e.Charges, booking: e.Terms}
	p.counted = a.charge(e)
	for i := range p.charges {
		p.charges[i].Cap, p.charges[i].Window = a.name(p.charges[i].Cap), a.name(p.charges[i].Window)
	}
	t.attempts = append(t.attempts, p)
	a.attempts[e.Attempt] = p
}

// slots judges whether the lead had a slot left for this posting.
func (a *auditor) slots(e *event, t *trip) {
	n, limit := 1, math.MaxInt
	if e.SellLimit > 0 {
		limit = e.SellLimit
	}
	if e.MaxSold > 0 {
		limit = min(limit, e.MaxSold)
	}
	for _, o := range t.attempts {
		if !o.outcome.standing() {
			continue
		}
		n++
		if o.maxSold > 0 {
			limit = min(limit, o.maxSold)
		}
		if o.outcome != accepted && (e.Round == 0 || o.round != e.Round) {
			a.found(RuleSentOn, e.Lead, "attempt %s to %s while attempt %s is %s", e.Attempt, e.Campaign, o.id,
				outcomeNames[o.outcome])
		}
		if o.buyer == e.Buyer && (o.brand == e.Brand || o.brand == "" || e.Brand == "") {
			a.found(RuleSameBuyer, e.Lead, "attempt %s goes to %s, to which attempt %s is %s", e.Attempt, e.Buyer, o.id,
				outcomeNames[o.outcome])
		}
	}
	if n > limit {
		a.found(RuleOversold, e.Lead, "attempt %s to %s is sale %d, where %d are allowed", e.Attempt, e.Campaign, n,
			limit)
	}
}

var outcomeNames = [...]string{open: "open", unknown: "unknown", accepted: "accepted", refused: "refused",
	notSent: "not_sent"}

// ended takes the end of an attempt: a posted, or an adjusted that resolves it.
func (a *auditor) ended(e *event) {
	if r := a.resends[e.Attempt]; r != nil && e.Kind == "posted" {
		a.resendEnded(e, r)
		return
	}
	p := a.attempts[e.Attempt]
	if p == nil {
		a.found(RuleNoPosting, e.Lead, "attempt %s ended and never began", e.Attempt)
		return
	}
	if t := a.trip(e.Lead); !slices.Contains(t.attempts, p) || e.Campaign != p.campaign || e.Buyer != p.buyer {
		a.found(RuleNoPosting, e.Lead, "attempt %s to %s of %s ended as one of another lead or campaign", e.Attempt,
			p.campaign, p.buyer)
		return
	}
	o, ok := readOutcome(e.Outcome)
	if !ok {
		a.found(RuleUnreadable, e.Lead, "attempt %s ended with the outcome %q", e.Attempt, e.Outcome)
		return
	}
	resolves := e.Kind == "adjusted"
	if p.outcome != open && !(resolves && p.outcome == unknown) {
		a.found(RuleEndedTwice, e.Lead, "attempt %s was %s and ended again as %s", e.Attempt, outcomeNames[p.outcome],
			e.Outcome)
		return
	}
	if !sameCharges(e.Charges, p.charges) {
		a.found(RuleChargeChanged, e.Lead, "attempt %s began with %d charges and ended with %d, or with others",
			e.Attempt, len(p.charges), len(e.Charges))
	}
	if resolves {
		a.told(e, p)
		a.assumed(e, p)
		a.delivered(e, p)
	}
	p.outcome = o
	a.turned(e, p)
	for _, k := range p.counted {
		switch {
		case o == accepted && k.of == "spend":
			a.add(k.windowKey, e.Price-k.n)
		case !o.standing() && (k.of != "attempts" || o == notSent):
			a.add(k.windowKey, -k.n)
		}
	}
	if o == accepted {
		a.accept(e, p, resolves)
	}
}

func (a *auditor) accept(e *event, p *attempt, resolved bool) {
	p.reference, p.answerPrice = e.Reference, e.AnswerPrice
	p.price, p.payout = e.Price, e.Payout
	a.lineOf(e, p, lineSale, p.price, p.payout)
	if resolved {
		p.answerPrice = e.Price
		if r := a.resends[e.FromAttempt]; r != nil && r.answerPrice != 0 {
			p.answerPrice = r.answerPrice
		}
	}
	c := &a.report.Counts
	if p.price < p.bid {
		c.PriceDrops++
	}
	if b := p.booking; b != nil && b.Follows && p.payout != b.payout(p.price) {
		a.found(RulePayout, e.Lead, "attempt %s was sold for %s and pays %s, its terms leave %s", e.Attempt,
			money(p.price), money(p.payout), money(b.payout(p.price)))
	}
	if p.payout > p.price {
		if p.price < p.bid {
			// The quote is a promise that is kept although the buyer broke its own.
			c.Losses++
		} else if p.booking == nil || !p.booking.Loss {
			a.found(RuleMargin, e.Lead, "attempt %s was sold for %s and pays %s", e.Attempt, money(p.price),
				money(p.payout))
		}
	}
}

func sameCharges(x, y []charge) bool {
	if len(x) != len(y) {
		return false
	}
	for _, c := range x {
		if !slices.Contains(y, c) {
			return false
		}
	}
	return true
}
