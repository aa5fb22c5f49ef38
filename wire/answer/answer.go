// SPDX-License-Identifier: Apache-2.0

package answer

import (
	"bytes"
	"regexp"
	"time"

	"github.com/andybalholm/cascadia"
	"github.com/antchfx/xpath"

	"clearpost/lead"
	"clearpost/wire"
)

// Receipt is a buyer's answer as read. Its byte slices may lie in the body that was read and live as long as it does.
type Receipt struct {
	// Accepted: a success. Otherwise what Refusal stands for; of a post Unknown for what is no clear no
	Outcome lead.Outcome
	// 1–99: the buyer said no; from 100 on: there is no answer that we understand. Zero if accepted
	Refusal   lead.Refusal
	Price     lead.Money    // in whole cents, rounded once
	HasPrice  bool          // a positive price stands there, or Fallback
	Fallback  bool          // post: Price is the fallback of the rules, since the answer has no positive price
	PriceSaid []byte        // post: what stands in the place of the price where that is no positive price, cut
	Token     []byte        // at most TokenBytesMax
	Reference []byte        // at most ReferenceBytesMax
	Reason    []byte        // at most ReasonBytesMax; the buyer's words
	Redirect  []byte        // an http or https URL for the consumer, at most RedirectBytesMax
	ExpiresIn time.Duration // how long the bid stands, if the buyer gave a time span
	ExpiresAt time.Time     // until when the bid stands, if the buyer gave a time
	Legs      []Leg         // the offers of a ping's answer, at most LegsMax; nil without a legs rule
	Ends      []LegEnd      // what an accepting answer to a post says of the legs, at most LegsMax; see End
	Captures  []wire.Captured
	Rule      string // the part of the spec that decided, such as "success[1]"; see Answer.Explain
	Said      bool   // post: a rule or a reason of the campaign says no
	Repeat    bool   // post, not accepted: it speaks of a duplicate or of something earlier
	Doubt     string // post: why the outcome is unknown although the answer is whole; else empty
}

// Leg is one offer of several in a buyer's answer to a ping.
type Leg struct {
	Price   lead.Money // positive, in whole cents
	MaxSold int        // how many may buy the lead, this sale included; 1 is exclusive, 0 is not said
	Brand   []byte     // at most BrandBytesMax
	Token   []byte     // at most TokenBytesMax
}

// LegEnd is what the answer to a post says of one leg.
type LegEnd struct {
	Outcome   lead.Outcome // Accepted, Rejected, or Unknown where neither is said clearly
	Price     lead.Money   // in whole cents
	HasPrice  bool         // a positive price stands there
	Token     []byte       // at most TokenBytesMax
	Reference []byte       // at most ReferenceBytesMax
	Reason    []byte       // at most ReasonBytesMax
}

// End is what an accepting answer says of the leg of a token: nothing proves what is said nowhere, or twice.
func (r *Receipt) End(token []byte) (out LegEnd) {
	out.Outcome, out.Token = lead.Unknown, token
	some := false
	for i := range r.Ends {
		if len(token) == 0 || !bytes.Equal(r.Ends[i].Token, token) {
			continue
		}
		if some {
			return LegEnd{Outcome: lead.Unknown, Token: token}
		}
		out, some = r.Ends[i], true
	}
	return out
}

// format is how an answer's body is read.
type format uint8

const (
	formatJSON format = iota
	formatForm
	formatText
	formatXML
	formatHTML
	formats // how many there are
)

var formatNames = [formats]string{"json", "form", "text", "xml", "html"}

// Answer is a compiled Spec. It never changes and may be used by any number of callers at once.
type Answer struct {
	post       bool
	format     format
	rules      []outcomeRule
	conditions []condition // the short form
	price      *value
	token      *value
	reference  *value
	reason     *value
	redirect   *value
	expires    *value
	legs       *legs
	captures   []capture // by name
	reasons    []reason
	types      []string
	inside     []wrapper
	bare       bool // text: the short form asks for nothing in the body

	notTaken    []statusRange // post: statuses that say that the lead was not taken
	unclearIsNo bool          // post: what no rule knows, and nothing in it speaks for a sale, is a no

	paths []docPath // by number
	root  *keyNode  // JSON: the same paths as a tree

	auto *[formats]*Answer // format auto: the same spec for each format
}

// docPath is a place in an answer.
type docPath struct {
	text   string // as configured
	part   int    // text: the number of a part, or -1
	weight weight
	absent bool // a condition needs that nothing is there
	tested bool // a condition looks at it
	valued bool // a value that decides is taken from it
	never  bool // format auto: a path of another format
	regex  *regexp.Regexp
	xpath  *xpath.Expr
	css    cascadia.Matcher
	shape  cssShape // of css
	cost   int      // of regex, for a byte
	attr   string   // HTML: the attribute in place of the text
	leaf   string   // XML: the last name of the path
	join   *string
	steps  []keyStep // JSON
}

// weight is what a second value at a path does.
type weight uint8

const (
	weightNone     weight = iota // the first stands
	weightPrice                  // there is no price; for posts, since an accepting answer is a sale whatever its price
	weightDecisive               // the answer is unclear
)

// value is a compiled ValueSpec.
type value struct {
	paths    []int
	money    moneyForm
	zero     policy
	missing  policy
	unit     timeUnit
	join     *string
	optional bool
	fallback lead.Money // price of a post; 0: none
	whole    bool       // text and HTML: the whole text
}

// policy is what becomes of a ping's acceptance whose price is 0 or is not there.
type policy uint8

const (
	policyRefuse policy = iota
	policyNoBid
	policyFixed
)

type reason struct {
	rule    string
	match   string // in lower case
	equals  string
	regex   *regexp.Regexp
	refusal lead.Refusal
}

// Rules that are no part of a spec's lists.
const (
	ruleSuccess     = "success"
	rulePrice       = "price"
	ruleToken       = "token"
	ruleLegs        = "legs"
	ruleStatus      = "status"
	ruleContentType = "content_types"
	ruleSize        = "size"
	ruleForm        = "well-formed"
	ruleTorn        = "whole"
	ruleTwice       = "twice"
	ruleNone        = "rules" // none of the rules matched
)

// GivesPrice tells whether the spec has a rule for the price, of the answer or of its legs.
func (a *Answer) GivesPrice() bool {
	return a.price != nil || a.legs != nil && a.legs.leg.price != nil
}

// GivesLegs tells whether an answer may have several offers, each with a number of sales of its own.
func (a *Answer) GivesLegs() bool { return a.legs != nil && !a.post }

// SellsSeveral tells whether several legs of an answer may buy the lead.
func (a *Answer) SellsSeveral() bool { return a.legs != nil && a.legs.several }

// GivesEnds tells whether the answer to a post says what became of each leg.
func (a *Answer) GivesEnds() bool { return a.post && a.legs != nil }

// GivesToken tells whether the spec has a rule for the token, of the answer or of its legs.
func (a *Answer) GivesToken() bool { return a.token != nil || a.legs != nil && a.legs.leg.token != nil }

// NeedsFixedPrice tells whether an answer may be a bid without a price of its own, so that its campaign must have a
// fixed one.
func (a *Answer) NeedsFixedPrice() bool {
	return !a.post && a.price != nil && (a.price.zero == policyFixed || a.price.missing == policyFixed)
}

// Read reads an answer whose end is not proven: it may be the beginning of a longer one, cut where the connection
// ended. JSON and XML prove their own end. Forms, texts and HTML cannot, so they are never accepted here: they are a
// TornAnswer. See ReadWhole.
//
// The order: an oversized body; a status that is an error (with a 4xx the rules that refuse and the reasons are asked
// all the same) unless some condition names it; a content type that is not allowed; a body that is not well-formed; a
// decisive value that is there twice; the rules in their order; the conditions of the short form. When none holds, the
// first of the reasons that matches decides; without one a value that says otherwise is the buyer's no, and anything
// else is an UnclearAnswer. An acceptance needs a status 2xx, or a condition that holds and names the status; at a ping
// it still needs its price and its token. At a post the rules that refuse and the reasons are asked whatever the status
// is, and what is no clear no is unknown: see clearOrUnknown.
func (a *Answer) Read(status int, contentType, body []byte) Receipt {
	return a.read(status, contentType, body, false)
}

// ReadWhole is Read for an answer whose end the HTTP framing has proven: Content-Length bytes, or the last chunk, have
// arrived.
func (a *Answer) ReadWhole(status int, contentType, body []byte) Receipt {
	return a.read(status, contentType, body, true)
}

func (a *Answer) read(status int, contentType, body []byte, whole bool) Receipt {
	var f found
	if a.auto != nil && len(body) <= BytesMax {
		a, contentType, body = a.choose(contentType, body)
	}
	r, readable := a.readInto(&f, status, contentType, body, whole)
	if a.post {
		a.clearOrUnknown(&r, &f, status, body, readable)
		a.orSomeLeg(&r, &f, readable)
	}
	return r
}

// readInto reads an answer. readable tells that f holds what stands at the paths.
func (a *Answer) readInto(f *found, status int, contentType, body []byte, whole bool) (r Receipt, readable bool) {
	if len(body) > BytesMax {
		return refuse(lead.OversizedAnswer, ruleSize), false
	}
	listed, good := a.lists(status), status >= 200 && status <= 299
	switch {
	case listed || good || a.post:
	case status >= 300 && status < 400:
		return refuse(lead.RedirectAnswer, ruleStatus), false
	case status < 400 || status > 499:
		return refuse(lead.ServerError, ruleStatus), false
	}
	if !listed && status == 204 && !a.post {
		return refuse(lead.NoBid, ruleStatus), false
	}
	if (listed || good) && len(a.types) > 0 && !a.allows(contentType) {
		return refuse(lead.BadContentType, ruleContentType), false
	}
	if !a.find(f, contentType, body) {
		return a.unreadable(status, listed || good), false
	}
	r = Receipt{Reason: a.reasonIn(f), Reference: a.referenceIn(f)}
	switch {
	case !listed && !good:
		a.judgeError(&r, f, status)
	case !whole && a.format != formatJSON && a.format != formatXML || !whole && (f.unwrapped || bareNumber(f.body)):
		r.refuse(lead.TornAnswer, ruleTorn)
	case f.twice:
		r.refuse(lead.UnclearAnswer, ruleTwice)
	default:
		a.judge(&r, f, status)
	}
	if f.overflows {
		return a.unreadable(status, listed || good), false
	}
	return r, true
}

// bareNumber tells whether a document is nothing but a number: further digits may be missing.
func bareNumber(body []byte) bool {
	i := skipSpace(body, 0)
	return i < len(body) && (body[i] == '-' || isDigit(body[i]))
}

// judge decides over a well-formed body.
func (a *Answer) judge(r *Receipt, f *found, status int) {
	if i := a.firstRule(f, status); i >= 0 {
		a.apply(r, f, &a.rules[i])
		return
	}
	if len(a.conditions) == 0 {
		a.unmatched(r, f, status)
		return
	}
	rule, clear, named := "", false, false
	for i := range a.conditions {
		c := &a.conditions[i]
		v := c.holds(f, status, a.post)
		if v.holds {
			named = named || v.named
			continue
		}
		if rule == "" {
			rule = c.rule
		}
		clear = clear || v.no
	}
	switch {
	case rule != "":
		a.refuseByReason(r, f, rule, clear)
	case (status < 200 || status > 299) && !named:
		r.refuse(lead.ServerError, ruleStatus)
	case a.bare && saysNo(f.body):
		a.refuseByReason(r, f, ruleSuccess, false)
	default:
		a.accept(r, f, ruleSuccess)
	}
}

// saysNo tells whether a text that needs to say nothing says no all the same: an error page, or a word against a
// success.
func saysNo(text []byte) bool {
	if b := trim(text); len(b) > 0 && b[0] == '<' {
		return true
	}
	_, against := findWords(text, nil, false)
	return against
}

// accept takes out of an accepting answer what goes with it. A ping's bid needs a price and a token where there are
// rules for them.
func (a *Answer) accept(r *Receipt, f *found, rule string) {
	r.Outcome, r.Rule = lead.Accepted, rule
	zero := false
	if a.price != nil {
		r.Price, r.HasPrice, zero = a.priceIn(f)
		if a.post && !r.HasPrice {
			a.fallBack(r, f)
		}
	}
	if a.token != nil {
		r.Token = a.tokenIn(f)
	}
	if a.redirect != nil {
		r.Redirect = a.redirectIn(f)
	}
	if a.post {
		a.takeEnds(r, f)
		return
	}
	if a.expires != nil {
		r.ExpiresIn, r.ExpiresAt = a.expiryIn(f)
	}
	if a.legs != nil {
		a.takeLegs(r, f)
	}
	a.takeCaptures(r, f)
	switch {
	case r.Outcome != lead.Accepted:
	case a.price != nil && !r.HasPrice && len(r.Legs) == 0:
		a.withoutPrice(r, f, zero)
	case a.token != nil && !a.token.optional && r.Token == nil:
		r.refuse(lead.UnclearAnswer, ruleToken)
	}
}

// withoutPrice is what becomes of a ping's acceptance without a positive price.
func (a *Answer) withoutPrice(r *Receipt, f *found, zero bool) {
	p := policyRefuse
	switch {
	case zero:
		p = a.price.zero
	case !f.priceTwice && !f.first(a.price).filled():
		p = a.price.missing
	}
	switch {
	case p == policyNoBid:
		r.refuse(lead.NoBid, rulePrice)
	case p == policyRefuse:
		r.refuse(lead.MissingPrice, rulePrice)
	case a.token != nil && !a.token.optional && r.Token == nil:
		r.refuse(lead.UnclearAnswer, ruleToken)
	}
}

// refuseByReason names the refusal of an answer whose condition failed.
func (a *Answer) refuseByReason(r *Receipt, f *found, rule string, clear bool) {
	if m := a.matchReason(f); m != nil {
		r.refuse(m.refusal, m.rule)
		return
	}
	switch {
	case !clear:
		r.refuse(lead.UnclearAnswer, rule)
	case a.post:
		r.refuse(lead.BuyerRejected, rule)
	default:
		r.refuse(lead.NoBid, rule)
	}
}

func refuse(no lead.Refusal, rule string) Receipt {
	var r Receipt
	r.refuse(no, rule)
	return r
}

// refuse makes the receipt one that is not sold.
func (r *Receipt) refuse(no lead.Refusal, rule string) {
	r.Outcome, r.Refusal, r.Rule = no.Outcome(), no, rule
	r.Legs, r.Ends, r.Redirect = nil, nil, nil
}

// lists tells whether some condition names the status.
func (a *Answer) lists(status int) bool {
	for i := range a.conditions {
		if a.conditions[i].names(status) {
			return true
		}
	}
	for i := range a.rules {
		if a.rules[i].when.names(status) {
			return true
		}
	}
	return false
}

func (a *Answer) allows(contentType []byte) bool {
	media := mediaType(contentType)
	for _, t := range a.types {
		if equalFold(t, media) {
			return true
		}
	}
	return false
}

// mediaType is a content type without its parameters.
func mediaType(contentType []byte) []byte {
	if i := bytes.IndexByte(contentType, ';'); i >= 0 {
		contentType = contentType[:i]
	}
	return trim(contentType)
}
