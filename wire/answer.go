// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"unicode/utf8"

	"clearpost/lead"
)

// Receipt is a buyer's answer as read. Its byte slices may lie in the body that was read and live as long as it does.
type Receipt struct {
	Outcome   lead.Outcome // Accepted: every success condition held. Otherwise what Refusal stands for
	Refusal   lead.Refusal // 1–99: the buyer said no; from 100 on: there is no answer that we understand. Zero if accepted
	Price     lead.Money   // in whole cents, rounded once
	HasPrice  bool         // a positive price stands there
	Token     []byte       // at most TokenBytesMax
	Reference []byte       // at most ReferenceBytesMax
	Reason    []byte       // at most ReasonBytesMax; the buyer's words
	Rule      string       // the part of the spec that decided, such as "success[1]"; see Answer.Explain
}

// answerFormat is how an answer's body is read.
type answerFormat uint8

const (
	answerJSON answerFormat = iota
	answerForm
	answerText
)

// Answer is a compiled AnswerSpec. It never changes and may be used by any number of callers at once.
type Answer struct {
	post       bool
	format     answerFormat
	conditions []condition
	price      *value
	token      *value
	reference  *value
	reason     *value
	reasons    []reason
	types      []string

	paths []answerPath // by number
	root  *keyNode     // JSON: the same paths as a tree
}

// answerPath is a place in an answer.
type answerPath struct {
	text   string // as configured
	part   int    // text: the number of a part, or -1
	weight weight
	absent bool // a success needs that nothing is there
}

// weight is what a second value at a path does.
type weight uint8

const (
	weightNone     weight = iota // the first stands
	weightPrice                  // there is no price; for posts, since an accepting answer is a sale whatever its price
	weightDecisive               // the answer is unclear
)

// condition is a compiled ConditionSpec.
type condition struct {
	rule   string
	status []int
	test   testKind
	path   int // -1: the whole body
	exact  bool
	values []string
	words  []string
}

type testKind uint8

const (
	testNone testKind = iota // only the status
	testEquals
	testPresent
	testAbsent
	testWords
)

// value is a compiled ValueSpec.
type value struct {
	paths    []int
	cents    bool
	optional bool
	whole    bool // text: the whole body
}

type reason struct {
	rule    string
	match   string // in lower case
	refusal lead.Refusal
}

// Rules that are no part of a spec's lists.
const (
	ruleSuccess     = "success"
	rulePrice       = "price"
	ruleToken       = "token"
	ruleStatus      = "status"
	ruleContentType = "content_types"
	ruleSize        = "size"
	ruleForm        = "well-formed"
	ruleTorn        = "whole"
	ruleTwice       = "twice"
)

// GivesPrice tells whether the spec has a rule for the price.
func (a *Answer) GivesPrice() bool { return a.price != nil }

// GivesToken tells whether the spec has a rule for the token.
func (a *Answer) GivesToken() bool { return a.token != nil }

// Read reads an answer whose end is not proven: it may be the beginning of a longer one, cut where the connection ended. JSON proves
// its own end. A form or a text cannot, so it is never accepted here: it is a TornAnswer. See ReadWhole.
//
// The order: an oversized body; a status that is an error (a 4xx is still searched for a configured reason) unless some condition lists
// it; a content type that is not allowed; a body that is not well-formed; a decisive value that is there twice; the conditions. When one
// fails, the first of the reasons that matches decides; without one a value that says otherwise is the buyer's no, and anything else is
// an UnclearAnswer. When all hold, a ping still needs its price and its token.
func (a *Answer) Read(status int, contentType, body []byte) Receipt {
	return a.read(status, contentType, body, false)
}

// ReadWhole is Read for an answer whose end the HTTP framing has proven: Content-Length bytes, or the last chunk, have arrived.
func (a *Answer) ReadWhole(status int, contentType, body []byte) Receipt {
	return a.read(status, contentType, body, true)
}

func (a *Answer) read(status int, contentType, body []byte, whole bool) Receipt {
	if len(body) > AnswerBytesMax {
		return refuse(lead.OversizedAnswer, ruleSize)
	}
	listed := a.lists(status)
	if !listed && (status < 200 || status > 299) {
		return a.readError(status, body)
	}
	if !listed && status == 204 && !a.post {
		return refuse(lead.NoBid, ruleStatus)
	}
	if len(a.types) > 0 && !a.allows(contentType) {
		return refuse(lead.BadContentType, ruleContentType)
	}
	var f found
	if !a.find(&f, body) {
		return refuse(lead.MalformedAnswer, ruleForm)
	}
	r := Receipt{Reason: a.reasonIn(&f), Reference: a.referenceIn(&f)}
	switch {
	case !whole && a.format != answerJSON:
		r.refuse(lead.TornAnswer, ruleTorn)
	case f.twice:
		r.refuse(lead.UnclearAnswer, ruleTwice)
	default:
		a.judge(&r, &f, status)
	}
	return r
}

// judge decides over a well-formed body.
func (a *Answer) judge(r *Receipt, f *found, status int) {
	rule, clear := "", false
	for i := range a.conditions {
		c := &a.conditions[i]
		holds, no := c.holds(f, status, a.post)
		if holds {
			continue
		}
		if rule == "" {
			rule = c.rule
		}
		clear = clear || no
	}
	if rule != "" {
		a.refuseByReason(r, f, rule, clear)
		return
	}
	if a.price != nil {
		r.Price, r.HasPrice = a.priceIn(f)
	}
	if a.token != nil {
		r.Token = a.tokenIn(f)
	}
	switch {
	case !a.post && a.price != nil && !r.HasPrice:
		r.refuse(lead.MissingPrice, rulePrice)
	case !a.post && a.token != nil && !a.token.optional && r.Token == nil:
		r.refuse(lead.UnclearAnswer, ruleToken)
	default:
		r.Outcome, r.Rule = lead.Accepted, ruleSuccess
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

// readError reads an answer with a status that is an error. Business refusals come with 4xx too, so their reasons are looked for.
func (a *Answer) readError(status int, body []byte) Receipt {
	if status >= 300 && status < 400 {
		return refuse(lead.RedirectAnswer, ruleStatus)
	}
	r := refuse(lead.ServerError, ruleStatus)
	var f found
	if status < 400 || status > 499 || !a.find(&f, body) {
		return r
	}
	r.Reason = a.reasonIn(&f)
	if m := a.matchReason(&f); m != nil && !f.twice {
		r.refuse(m.refusal, m.rule)
	}
	return r
}

func refuse(no lead.Refusal, rule string) Receipt {
	var r Receipt
	r.refuse(no, rule)
	return r
}

func (r *Receipt) refuse(no lead.Refusal, rule string) {
	r.Outcome, r.Refusal, r.Rule = no.Outcome(), no, rule
}

// lists tells whether some condition names the status.
func (a *Answer) lists(status int) bool {
	for i := range a.conditions {
		if hasStatus(a.conditions[i].status, status) {
			return true
		}
	}
	return false
}

func hasStatus(list []int, status int) bool {
	for _, s := range list {
		if s == status {
			return true
		}
	}
	return false
}

func (a *Answer) allows(contentType []byte) bool {
	media := contentType
	if i := bytes.IndexByte(media, ';'); i >= 0 {
		media = media[:i]
	}
	media = trim(media)
	for _, t := range a.types {
		if equalFold(t, media) {
			return true
		}
	}
	return false
}

// holds tells whether the condition holds; if not, no tells whether the answer is a clear "no" and not merely something else.
func (c *condition) holds(f *found, status int, post bool) (holds, no bool) {
	if len(c.status) > 0 && !hasStatus(c.status, status) {
		return false, false
	}
	if c.test == testNone {
		return true, false
	}
	p := f.whole()
	if c.path >= 0 {
		p = f.at[c.path]
	}
	switch c.test {
	case testPresent:
		return p.filled(), !post
	case testAbsent:
		return !p.filled(), true
	}
	if !p.single() {
		return false, false
	}
	var buf [256]byte
	text := trim(f.decode(buf[:0], p))
	if c.test == testWords {
		said, against := findWords(text, c.words)
		return said && !against, !said && against
	}
	for _, v := range c.values {
		if c.exact && string(text) == v || !c.exact && equalFold(text, v) {
			return true, false
		}
	}
	return false, len(text) > 0
}

// priceIn reads the price from the first of its places that holds something.
func (a *Answer) priceIn(f *found) (lead.Money, bool) {
	p := f.first(a.price)
	if f.priceTwice || p.kind != foundString && p.kind != foundNumber {
		return 0, false
	}
	var buf [64]byte
	return parsePrice(trim(f.decode(buf[:0], p)), a.price.cents)
}

// tokenIn is the token as it stands; nil if there is none, or none that could be sent back.
func (a *Answer) tokenIn(f *found) []byte {
	p := f.first(a.token)
	if p.kind != foundString && p.kind != foundNumber {
		return nil
	}
	t := f.decode(nil, p)
	if len(t) == 0 || len(t) > TokenBytesMax || !clean(t) {
		return nil
	}
	return t
}

func (a *Answer) referenceIn(f *found) []byte {
	if a.reference == nil {
		return nil
	}
	p := f.first(a.reference)
	if p.kind != foundString && p.kind != foundNumber {
		return nil
	}
	return shorten(f.decode(nil, p), ReferenceBytesMax)
}

// reasonIn is what the buyer says, cut and cleaned; a list or an object as its JSON.
func (a *Answer) reasonIn(f *found) []byte {
	if a.reason == nil {
		return nil
	}
	p := f.first(a.reason)
	if !p.filled() {
		return nil
	}
	return shorten(f.decode(nil, p), ReasonBytesMax)
}

// matchReason finds the first configured reason within the whole of what the buyer says.
func (a *Answer) matchReason(f *found) *reason {
	if a.reason == nil || len(a.reasons) == 0 {
		return nil
	}
	p := f.first(a.reason)
	if !p.filled() {
		return nil
	}
	text := f.decode(nil, p)
	for i := range a.reasons {
		if containsFold(text, a.reasons[i].match) {
			return &a.reasons[i]
		}
	}
	return nil
}

// clean tells whether a text is UTF-8 without control characters.
func clean(b []byte) bool {
	ascii := true
	for _, c := range b {
		if c < 0x20 || c == 0x7f {
			return false
		}
		ascii = ascii && c < utf8.RuneSelf
	}
	return ascii || utf8.Valid(b)
}

// shorten cuts a text at a rune's end and replaces control characters by spaces and what is not UTF-8 by U+FFFD. It returns nil for
// empty text, and what it was given if that is fine.
func shorten(b []byte, most int) []byte {
	b = trim(b)
	if len(b) > most {
		n := most
		for n > 0 && !utf8.RuneStart(b[n]) {
			n--
		}
		b = b[:n]
	}
	if len(b) == 0 {
		return nil
	}
	if clean(b) {
		return b
	}
	out := make([]byte, 0, most)
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r < 0x20 || r == 0x7f {
			r = ' '
		}
		if len(out)+utf8.RuneLen(r) > most {
			break
		}
		out = utf8.AppendRune(out, r)
		i += n
	}
	return out
}

// containsFold finds a text in lower case without regard to the case of ASCII letters.
func containsFold(s []byte, lowered string) bool {
	for i := 0; i+len(lowered) <= len(s); i++ {
		if equalFold(s[i:i+len(lowered)], lowered) {
			return true
		}
	}
	return false
}
