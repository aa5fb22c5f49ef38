// SPDX-License-Identifier: Apache-2.0

package answer

import (
	"slices"
	"strings"

	"clearpost/lead"
)

// At a post only a clear no lets the next buyer have the lead: a rule or a reason of the campaign that says no; the
// very place that would say yes, saying something else; or a status that refuses before taking. Whatever else an answer
// is that is no sale, it proves nothing: unknown.

// What may be told of an answer to a post that proves nothing.
const (
	doubtNothing = "nothing in it clearly says no"
	doubtStatus  = "the status does not tell whether the lead was taken"
	doubtQueued  = "the buyer has taken the lead and not decided"
	doubtBody    = "the body cannot be read"
	doubtTwice   = "it says two things at once"
	doubtRule    = "a rule that accepts, and stands first, finds its words too"
)

// refusesBefore tells whether a status is given before anything is done about the request.
func refusesBefore(status int) bool {
	switch status {
	case 400, 401, 403, 404, 405, 413, 414, 415, 422, 429:
		return true
	}
	return false
}

// clearOrUnknown makes the receipt of a post's answer that does not accept unknown where it is no clear no. readable: f
// holds the whole body.
func (a *Answer) clearOrUnknown(r *Receipt, f *found, status int, raw []byte, readable bool) {
	if r.Outcome == lead.Accepted {
		return
	}
	r.Repeat = r.Refusal == lead.BuyerDuplicate || a.speaksOfBefore(f, raw, readable)
	if r.Refusal == lead.Queued {
		r.doubt(doubtQueued)
		return
	}
	if i := a.refusingRule(r.Rule); i >= 0 {
		switch {
		case a.acceptsBefore(i, f, readable):
			r.Refusal = lead.UnclearAnswer
			r.doubt(doubtRule)
		case readable && a.oneAccepts(f):
			r.Refusal = lead.UnclearAnswer
			r.doubt(doubtTwice)
		default:
			r.Said = true
		}
		return
	}
	yes := a.yesIn(f, raw, readable, r.Rule)
	if a.isReason(r.Rule) {
		if r.Said = yes == ""; !r.Said {
			r.Refusal = lead.UnclearAnswer
			r.doubt(yes)
		}
		return
	}
	good := status >= 200 && status <= 299 || a.lists(status)
	no := refusesBefore(status) || hasStatus(a.notTaken, status)
	if good && a.unclearIsNo && r.Refusal != lead.TornAnswer && r.Refusal != lead.OversizedAnswer {
		no = true
	}
	if !no && readable && (good || status >= 400 && status <= 499) && r.Rule != ruleTwice &&
		r.Refusal != lead.TornAnswer {
		if no = a.place(f, status) == saysOther; no && r.Refusal == lead.UnclearAnswer {
			r.Refusal = lead.BuyerRejected
		}
	}
	switch {
	case no && yes == "":
		r.Outcome = r.Refusal.Outcome()
	case no:
		if r.Refusal.ByBuyer() {
			r.Refusal = lead.UnclearAnswer
		}
		r.doubt(yes)
	case !readable:
		r.doubt(doubtBody)
	case r.Rule == ruleTwice:
		r.doubt(doubtTwice)
	case r.Refusal == lead.ServerError || r.Refusal == lead.RedirectAnswer:
		r.doubt(doubtStatus)
	default:
		if r.Refusal.ByBuyer() {
			r.Refusal = lead.UnclearAnswer
		}
		r.doubt(doubtNothing)
	}
}

// doubt makes the receipt unknown.
func (r *Receipt) doubt(why string) { r.Outcome, r.Doubt = lead.Unknown, why }

// refusingRule is the number of the rule of a name if it says no, or -1. A rule with the outcome error says nothing
// about whether the lead was taken.
func (a *Answer) refusingRule(name string) int {
	for i := range a.rules {
		if o := &a.rules[i]; o.name == name && (o.outcome == ruleRejected || o.outcome == ruleDuplicate ||
			o.outcome == ruleInvalid) {
			return i
		}
	}
	return -1
}

func (a *Answer) isReason(rule string) bool {
	for i := range a.reasons {
		if a.reasons[i].rule == rule {
			return true
		}
	}
	return false
}

// acceptsBefore tells whether a rule before the n-th accepts what the body says, but for the status, or for a word
// elsewhere in a text: a text has no places, so that a rule that finds a word of refusal in it may have found what is
// about something else.
func (a *Answer) acceptsBefore(n int, f *found, readable bool) bool {
	for i := 0; readable && i < n; i++ {
		if o := &a.rules[i]; o.outcome == ruleAccepted && (o.when.inBody(f) || a.speaks(&o.when, f, true)) {
			return true
		}
	}
	return false
}

// oneAccepts tells whether several values stand at a place that would say yes, and one of them does, whatever the
// others say.
func (a *Answer) oneAccepts(f *found) bool {
	for i := range a.rules {
		if o := &a.rules[i]; o.outcome == ruleAccepted && o.when.oneHolds(f) {
			return true
		}
	}
	for i := range a.conditions {
		if a.conditions[i].oneHolds(f) {
			return true
		}
	}
	return false
}

// oneHolds tells whether one of several values is what a condition for a sale, or one within it, looks for.
func (c *condition) oneHolds(f *found) bool {
	for i := range c.kids {
		if c.kids[i].oneHolds(f) {
			return true
		}
	}
	if !c.strict || !c.test.ofValue() {
		return false
	}
	one := false
	f.several(c, f.firstOf(c), func(e place) {
		holds, _ := c.testsAt(f, e)
		one = one || holds
	})
	return one
}

// inBody tells whether a condition that asks for no status holds.
func (c *condition) inBody(f *found) bool {
	return !c.anyStatus() && c.holds(f, 200, true).holds
}

func (c *condition) anyStatus() bool {
	if len(c.statuses) > 0 {
		return true
	}
	for i := range c.kids {
		if c.kids[i].anyStatus() {
			return true
		}
	}
	return false
}

// speaks tells whether one of the phrases that a condition for a sale looks for is said in a clause of its own,
// whatever stands elsewhere.
func (a *Answer) speaks(c *condition, f *found, inText bool) bool {
	if c.test == testAny || c.test == testAll {
		for i := range c.kids {
			if a.speaks(&c.kids[i], f, inText) {
				return true
			}
		}
	}
	p := f.firstOf(c)
	if c.test != testWords || !c.strict || !p.single() || inText && !c.whole && a.isPlace(c, f, p) {
		return false
	}
	text := f.decode(nil, p)
	if a.format == formatHTML && f.page != nil && (c.whole || !a.isPlace(c, f, p)) {
		text = appendBlocks(nil, f.page)
	}
	if !f.afford(len(text) * c.cost) {
		return true // too much to look at: nobody can tell that it says no
	}
	for from, to := range clauses(text) {
		clause := text[from:to]
		for i, phrase := range c.phrases {
			said := hasPhrase(clause, phrase, c.exact) || c.part && containsFold(clause, foldASCII(c.values[i]))
			if said && !negated(clause) {
				return true
			}
		}
	}
	return false
}

// yesIn tells what in an answer speaks for a sale; empty if nothing does. Where a reason of the campaign decided, its
// own words are left out.
func (a *Answer) yesIn(f *found, raw []byte, readable bool, rule string) string {
	if readable {
		for i := range a.rules {
			if o := &a.rules[i]; o.outcome == ruleAccepted && (o.when.inBody(f) || a.speaks(&o.when, f, false)) {
				return o.name + " finds its words"
			}
		}
		all := len(a.conditions) > 0 && !a.bare
		for i := range a.conditions {
			c := &a.conditions[i]
			if a.speaks(c, f, false) {
				return c.rule + " finds its words"
			}
			all = all && (c.inBody(f) || c.test == testNone)
		}
		if all {
			return "every condition of success holds but for the status"
		}
	}
	var skip []byte
	if a.isReason(rule) && readable {
		if a.reason.whole {
			return ""
		}
		skip = trim(a.words(f))
	}
	word := a.yesWord(f, raw, readable, skip)
	if word == "" {
		return ""
	}
	return `"` + word + `" in it speaks for a sale`
}

// said is what the place that would say yes says.
type said uint8

const (
	saysNothing said = iota // it is not there, or nothing that decides stands there
	saysYes
	saysOther  // it is there and says something else
	saysBeside // something stands where for a sale nothing may stand
	saysMaybe  // it is there, and what it says may be a yes of another kind
)

// place is what the places of the conditions for a sale say.
func (a *Answer) place(f *found, status int) said {
	var all sayings
	for i := range a.rules {
		if o := &a.rules[i]; o.outcome == ruleAccepted {
			all.add(a.placeOf(&o.when, f, status))
		}
	}
	for i := range a.conditions {
		all.add(a.placeOf(&a.conditions[i], f, status))
	}
	return all.sum()
}

// sayings counts what several places say: one that may be a yes makes the answer unclear, and so does an error beside a
// yes; else one that says something else decides.
type sayings [saysMaybe + 1]int

func (s *sayings) add(x said) { s[x]++ }

func (s *sayings) sum() said {
	switch {
	case s[saysMaybe] > 0:
		return saysMaybe
	case s[saysBeside] > 0 && s[saysYes] > 0:
		return saysMaybe
	case s[saysOther] > 0 || s[saysBeside] > 0:
		return saysOther
	case s[saysYes] > 0:
		return saysYes
	}
	return saysNothing
}

func (a *Answer) placeOf(c *condition, f *found, status int) said {
	if len(c.statuses) > 0 && !hasStatus(c.statuses, status) {
		return saysNothing
	}
	switch c.test {
	case testNone:
		return saysNothing
	case testAny, testAll:
		var kids sayings
		for i := range c.kids {
			kids.add(a.placeOf(&c.kids[i], f, status))
		}
		if c.test == testAny && kids[saysYes] > 0 {
			return saysYes
		}
		return kids.sum()
	case testNot:
		if k := &c.kids[0]; !k.whole && !k.anyStatus() && k.holds(f, status, true).holds {
			return saysBeside
		}
		return saysNothing
	}
	if c.holds(f, status, true).holds {
		if c.whole || c.test == testPresent || c.test == testAbsent || c.test == testEmpty {
			return saysNothing
		}
		return saysYes
	}
	if c.whole {
		return saysNothing
	}
	return a.otherAt(c, f)
}

// otherAt is what stands at the places of a condition that does not hold.
func (a *Answer) otherAt(c *condition, f *found) said {
	p := f.any(c)
	switch c.test {
	case testAbsent, testEmpty:
		if p.filled() {
			return saysBeside
		}
		return saysNothing
	}
	var all sayings
	if c.test != testPresent && f.several(c, p, func(e place) { all.add(a.valueSays(c, f, e)) }) {
		return all.sum()
	}
	if !p.single() || !a.isPlace(c, f, p) {
		return saysNothing
	}
	return a.valueSays(c, f, p)
}

// valueSays is what a value says at a place of a condition that does not hold.
func (a *Answer) valueSays(c *condition, f *found, p place) said {
	if !p.single() {
		return saysNothing
	}
	text := trim(f.value(nil, p))
	switch {
	case len(text) == 0:
		return saysNothing
	case mayBeYes(text):
		return saysMaybe
	case c.test == testPresent && !isNo(text), c.test == testWords && !negated(text):
		return saysNothing
	}
	return saysOther
}

// isPlace tells whether a value stands at a place of its own. In a text that is what an expression's group finds, what
// follows a label and one of : = | as in "status: REJECTED", or one word between marks as in "NO|22": any text has a
// first part.
func (a *Answer) isPlace(c *condition, f *found, p place) bool {
	if a.format == formatHTML {
		return !slices.ContainsFunc(c.paths, func(i int) bool { return wholePage(a.paths[i].text) && f.at[i] == p })
	}
	if a.format != formatText {
		return true
	}
	for _, i := range c.paths {
		if f.at[i] != p {
			continue
		}
		switch q := &a.paths[i]; {
		case q.regex != nil:
			return true
		case q.part >= 0:
			w, end := nextWord(f.body[p.from:p.to], 0)
			return end == len(w) && end == int(p.to-p.from) && marked(f.body)
		}
		at := int(p.from) - 1
		for at >= 0 && (f.body[at] == ' ' || f.body[at] == '\t') {
			at--
		}
		return at >= 0 && (f.body[at] == ':' || f.body[at] == '=' || f.body[at] == '|')
	}
	return false
}

// wholePage tells whether a selector takes the whole page, which is no place of its own.
func wholePage(selector string) bool {
	s := strings.Fields(strings.ToLower(selector))
	return len(s) > 0 && slices.Contains([]string{"body", "html", "*", ":root"}, s[len(s)-1])
}

// marked tells whether a text has marks between parts within a line.
func marked(b []byte) bool {
	for _, c := range b {
		if c == '|' || c == ';' || c == '\t' {
			return true
		}
	}
	return false
}

// LeavesOpen tells what the rules of a post's answer leave to the default, in a sentence; empty if they say of
// something that it is a no.
func (a *Answer) LeavesOpen() string {
	if a.auto != nil {
		a = a.auto[formatJSON]
	}
	if !a.post || a.unclearIsNo || len(a.reasons) > 0 {
		return ""
	}
	places := false
	for i := range a.rules {
		o := &a.rules[i]
		if o.outcome == ruleRejected || o.outcome == ruleDuplicate || o.outcome == ruleInvalid {
			return ""
		}
		places = places || o.outcome == ruleAccepted && o.when.hasPlace()
	}
	for i := range a.conditions {
		places = places || a.conditions[i].hasPlace()
	}
	if places {
		return "no rule and no reason says no: a post is refused only where the place that would say yes says " +
			"something else, or by a status such as 400; " +
			"any other answer that is no sale leaves the lead unknown"
	}
	return "no rule and no reason says no, and no place would say yes: a post is refused only by a status such as " +
		"400; any other answer that is no sale leaves the lead unknown"
}

// hasPlace tells whether a condition asks what stands at a place of its own.
func (c *condition) hasPlace() bool {
	for i := range c.kids {
		if c.kids[i].hasPlace() {
			return true
		}
	}
	return !c.whole && len(c.paths) > 0 && c.test != testPresent && c.test != testAbsent && c.test != testEmpty
}
