// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"slices"
	"strings"
	"time"

	"github.com/tidwall/gjson"
)

// Unique is a duplicate rule: who has it gets no lead by whose fields it has had another one, for a time.
type Unique struct {
	Rule   string // as marks name it: OWNER:FIELD,FIELD
	Who    string // "campaign:ID", "buyer:ID", "parent:ID", "source:ID" or "vertical:ID"
	Buyers []string
	Fields []string // by which a person is known, all of them together: names of fields, without those of hashes
	Window time.Duration
	Posted bool // posts that were refused count, too
}

// lookAge is how long before a trip began, and lookEvents how many events before its own, a lead may have ended by
// which it was still refused: ends wait for the append after them, an append waits for its disk, and clocks are set.
const (
	lookAge    = 10 * time.Minute
	lookEvents = 30
)

// markedMax is so many leads of a mark that the exchange need not look at all of them.
const markedMax = 64

// mark is a name by which a rule knows a person, as events have it.
type mark struct{ rule, name string }

// taken is an attempt by which duplicate rules know its lead.
type taken struct {
	lead  id
	at    int64 // microseconds: when its posting was made
	seq   int   // of that event
	p     *attempt
	marks []mark
	turns []turn // how it stood, oldest first; before the first it stood as one without an end
}

// turn is a change of how an attempt stands.
type turn struct {
	at     int64
	seq    int
	stands bool
}

// soldElse is somebody whom another system has sold.
type soldElse struct {
	at   int64 // microseconds
	told int64 // when that was written down
	seq  int
}

// barred is a lead that a duplicate rule refused, or a campaign of its bids.
type barred struct {
	lead, first id
	rule        string
	from        int64 // microseconds: its trip has begun
	seq         int   // of its event
	held        bool  // a hold has said so: what it saw need not have become durable
	unnamed     bool  // the first one is not told
}

// uniques is what the auditor keeps of duplicate rules.
type uniques struct {
	fields  map[string]int   // of all rules: their places in values
	longest map[string]int64 // by rule: the longest window that it ever had, in microseconds
	posted  map[string]bool  // by rule: posts that were refused have counted at some time
	always  []Unique         // where there is one configuration for all time

	values   map[id][]uint64 // of a lead: hashes of the values, 0 for what has not come
	begun    map[id]int64    // the last call about a lead came then
	byMark   map[mark][]*taken
	byPerson map[mark][]*taken // by the values themselves
	byLead   map[id][]*taken
	of       map[*attempt]*taken
	imported map[mark][]soldElse
	imports  map[string][]int64 // by rule: when another system sold somebody
	refused  []barred
}

func newUniques(o *Options) *uniques {
	u := &uniques{fields: map[string]int{}, longest: map[string]int64{}, posted: map[string]bool{},
		always: o.Uniques,
		values: map[id][]uint64{}, begun: map[id]int64{}, byMark: map[mark][]*taken{},
		byPerson: map[mark][]*taken{}, byLead: map[id][]*taken{}, of: map[*attempt]*taken{},
		imported: map[mark][]soldElse{}, imports: map[string][]int64{}}
	u.know(o.Uniques)
	for _, c := range o.Configs {
		u.know(c.Uniques)
	}
	if len(u.longest) == 0 {
		return nil
	}
	return u
}

func (u *uniques) know(list []Unique) {
	for i := range list {
		r := &list[i]
		for _, f := range r.Fields {
			if _, ok := u.fields[f]; !ok {
				u.fields[f] = len(u.fields)
			}
		}
		u.longest[r.Rule] = max(u.longest[r.Rule], r.Window.Microseconds())
		u.posted[r.Rule] = u.posted[r.Rule] || r.Posted
	}
}

// uniquesOf takes what an event tells of who its lead is about, of the marks that it has, and of what was refused.
func (a *auditor) uniquesOf(e *event, b []byte) {
	u := a.uniques
	if u == nil {
		return
	}
	all := gjson.ParseBytes(b)
	from, at := all, all.Get("received_at")
	if e.Kind != "pinged" {
		from, at = all.Get("post"), all.Get("post.received_at")
	}
	if at.Exists() {
		u.begun[e.Lead] = at.Time().UnixMicro()
	}
	for _, fields := range []gjson.Result{from.Get("fields"), all.Get("private.fields")} {
		fields.ForEach(func(k, v gjson.Result) bool {
			if i, ok := u.fields[k.Str]; ok {
				if u.values[e.Lead] == nil {
					u.values[e.Lead] = make([]uint64, len(u.fields))
				}
				if w := &u.values[e.Lead][i]; *w == 0 {
					*w = hash([]byte(v.Str)) | 1
				}
			}
			return true
		})
	}
	switch e.Kind {
	case "pinged":
		u.refusedBy(e, a.seq, all.Get("bids"), false)
		if e.Refusal == leadRepeated {
			u.repeats(e, a.seq, all.Get("details").Str)
		}
	case "posting":
		u.refusedBy(e, a.seq, all.Get("tried"), true)
		if e.Again != "resend" {
			a.take(e, marksOf(all))
		}
	case "settled":
		u.refusedBy(e, a.seq, all.Get("tried"), true)
	}
}

// soldElse takes what another system has sold.
func (u *uniques) soldElse(e *event, seq int, b []byte) {
	all := gjson.ParseBytes(b)
	at := all.Get("sold_at").Time().UnixMicro()
	for _, m := range marksOf(all) {
		u.imported[m] = append(u.imported[m], soldElse{at, e.At.UnixMicro(), seq})
		u.imports[m.rule] = append(u.imports[m.rule], at)
	}
}

func marksOf(all gjson.Result) (out []mark) {
	all.Get("private.marks").ForEach(func(_, m gjson.Result) bool {
		m.Get("names").ForEach(func(_, name gjson.Result) bool {
			out = append(out, mark{m.Get("rule").Str, name.Str})
			return true
		})
		return true
	})
	return out
}

// person is a lead's values of a rule's fields as one name, "" where one is missing.
func (u *uniques) person(lead id, rule string) string {
	values, out := u.values[lead], []byte(nil)
	_, fields, _ := cutLast(rule, ":")
	for f := range strings.SplitSeq(fields, ",") {
		i, ok := u.fields[f]
		if !ok || values == nil || values[i] == 0 {
			return ""
		}
		for shift := 0; shift < 64; shift += 8 {
			out = append(out, byte(values[i]>>shift))
		}
	}
	return string(out)
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// rulesOf are the rules that an attempt is held to: those of the configuration that its event names.
func (a *auditor) rulesOf(e *event) (out []*Unique) {
	list := a.uniques.always
	if a.configs != nil {
		if list = nil; a.configs[e.Config] != nil {
			list = a.configs[e.Config].Uniques
		}
	}
	for i := range list {
		r := &list[i]
		kind, who, _ := strings.Cut(r.Who, ":")
		own := map[string]string{"campaign": e.Campaign, "buyer": e.Buyer, "source": e.Source, "vertical": e.Vertical}
		if own[kind] == who || kind == "parent" && slices.Contains(r.Buyers, e.Buyer) {
			out = append(out, r)
		}
	}
	return out
}

// take judges an attempt by the duplicate rules that it is held to, and keeps its marks.
func (a *auditor) take(e *event, marks []mark) {
	u, p := a.uniques, a.attempts[e.Attempt]
	if p == nil || u.of[p] != nil {
		return
	}
	t := &taken{lead: e.Lead, at: e.At.UnixMicro(), seq: a.seq, p: p, marks: marks}
	u.of[p], u.byLead[e.Lead] = t, append(u.byLead[e.Lead], t)
	known := map[string]bool{}
	for _, r := range a.rulesOf(e) {
		known[r.Rule] = true
		person := u.person(e.Lead, r.Rule)
		if person != "" && !slices.ContainsFunc(marks, func(m mark) bool { return m.rule == r.Rule }) {
			a.found(RuleMarkMissing, e.Lead, "attempt %s to %s has no mark of the duplicate rule %s", e.Attempt,
				e.Campaign, r.Rule)
		}
		a.takenTwice(e, t, r, person, marks)
	}
	for _, m := range marks {
		known[m.rule] = true
		u.byMark[m] = append(u.byMark[m], t)
	}
	for rule := range known {
		if person := u.person(e.Lead, rule); person != "" {
			k := mark{rule, person}
			a.sameMarks(e, rule, marks, u.byPerson[k])
			u.byPerson[k] = append(u.byPerson[k], t)
		}
	}
	a.report.Counts.Marked++
}

// takenTwice judges one rule: nobody of the same person may be had, or may be, in its time.
func (a *auditor) takenTwice(e *event, t *taken, r *Unique, person string, marks []mark) {
	u, window := a.uniques, r.Window.Microseconds()-2 // an event's time is cut to microseconds
	others := slices.Clone(u.byPerson[mark{r.Rule, person}])
	if person == "" {
		others = nil
	}
	for _, m := range marks {
		if m.rule != r.Rule {
			continue
		}
		others = append(others, u.byMark[m]...)
		for _, s := range u.imported[m] { // which trips that had begun need not know
			if t.at-s.at < window && s.told < u.begun[e.Lead] && s.seq < t.seq-lookEvents {
				a.found(RuleTakenTwice, e.Lead, "attempt %s to %s: another system sold the person %v before, under %s",
					e.Attempt, e.Campaign, time.Duration(t.at-s.at)*time.Microsecond, r.Rule)
			}
		}
	}
	again := false
	for i, o := range others {
		if o.lead == e.Lead || slices.Contains(others[:i], o) {
			continue
		}
		again = true
		if n := len(o.turns); n > 0 && o.turns[n-1].stands &&
			(o.turns[n-1].seq > t.seq-lookEvents || o.turns[n-1].at >= u.begun[e.Lead]) {
			continue // a correction has made it a sale since, or at that moment
		}
		if t.at-o.at < window && (o.p.outcome.standing() || r.Posted && o.p.outcome != notSent) {
			a.found(RuleTakenTwice, e.Lead, "attempt %s to %s: attempt %s of lead %s to %s is %s, %v before, and the "+
				"rule %s takes nobody twice in %v", e.Attempt, e.Campaign, o.p.id, o.lead, o.p.campaign,
				outcomeNames[o.p.outcome], time.Duration(t.at-o.at)*time.Microsecond, r.Rule, r.Window)
		}
	}
	if again {
		a.report.Counts.Again++
	}
}

// sameMarks judges that one person has one mark under a rule, and leads with one mark are of one person.
func (a *auditor) sameMarks(e *event, rule string, marks []mark, others []*taken) {
	u := a.uniques
	for _, m := range marks {
		if m.rule != rule {
			continue
		}
		for _, o := range u.byMark[m] {
			if x := u.person(o.lead, rule); x != "" && x != u.person(e.Lead, rule) {
				a.found(RuleMarkMissing, e.Lead, "attempt %s has the mark of lead %s under %s, which is another person",
					e.Attempt, o.lead, rule)
			}
		}
	}
	for _, o := range others {
		if o.lead != e.Lead && !slices.ContainsFunc(marks, func(m mark) bool {
			return m.rule == rule && slices.Contains(u.byMark[m], o)
		}) {
			a.found(RuleMarkMissing, e.Lead, "attempt %s shares no mark under %s with attempt %s of the same person",
				e.Attempt, rule, o.p.id)
		}
	}
}

// turned notes how an attempt stands from an event on.
func (a *auditor) turned(e *event, p *attempt) {
	if a.uniques == nil {
		return
	}
	if t := a.uniques.of[p]; t != nil && t.stands() != p.outcome.standing() {
		t.turns = append(t.turns, turn{e.At.UnixMicro(), a.seq, p.outcome.standing()})
	}
}

// stands tells whether the attempt is a sale, or may be, by its turns so far.
func (t *taken) stands() bool { return len(t.turns) == 0 || t.turns[len(t.turns)-1].stands }

// stood tells whether an attempt was a sale, or may have been one, when a refusal looked. The clock may have been set
// since: what was before it tells the order of events.
func (t *taken) stood(r *barred) bool {
	since, stands := t.seq, true
	for _, x := range t.turns {
		if stands && since < r.seq && (x.at >= r.from-lookAge.Microseconds() || x.seq > r.seq-lookEvents) {
			return true
		}
		since, stands = x.seq, x.stands
	}
	return stands && (since < r.seq || r.held) // a hold comes before its posting
}

// refusedBy notes the bids, or turns of bids, that a duplicate rule refused.
func (u *uniques) refusedBy(e *event, seq int, list gjson.Result, held bool) {
	list.ForEach(func(_, x gjson.Result) bool {
		if x.Get("refusal").Int() == duplicate {
			r := barred{lead: e.Lead, rule: x.Get("rule").Str, from: u.begun[e.Lead], seq: seq, held: held}
			r.first, _ = parseID(x.Get("first_lead").Str)
			u.refused = append(u.refused, r)
		}
		return true
	})
}

// repeats notes a lead that its source's or vertical's rule refused as it came.
func (u *uniques) repeats(e *event, seq int, details string) {
	if _, rule, ok := strings.Cut(details, "previously sold ("); ok {
		u.refused = append(u.refused, barred{lead: e.Lead, rule: strings.TrimSuffix(rule, ")"), from: u.begun[e.Lead],
			seq: seq, unnamed: true})
	}
}

// finishUniques judges the refusals when all events have been read: each rule that refused is one of the configuration,
// and the lead that it names had the person then.
func (a *auditor) finishUniques() {
	u := a.uniques
	if u == nil {
		return
	}
	for i := range u.refused {
		r := &u.refused[i]
		a.report.Counts.Duplicates++
		if u.longest[r.rule] == 0 {
			a.found(RuleNoDuplicate, r.lead, "refused by the duplicate rule %q, which there is not", r.rule)
			continue
		}
		ok, known := u.right(r)
		switch {
		case ok:
		case r.held && !known:
			a.report.Counts.DuplicatesUntold++
		default:
			a.found(RuleNoDuplicate, r.lead, "refused by the duplicate rule %s for lead %s, which did not have the "+
				"person at the time", r.rule, r.first)
		}
	}
}

// right tells whether a refusal was right, and whether its first lead has attempts under the rule at all: those of a
// hold that never became durable it has not.
func (u *uniques) right(r *barred) (ok, known bool) {
	oldest := r.from - u.longest[r.rule]
	counts := func(t *taken) bool {
		return t.at > oldest && (t.stood(r) || t.seq < r.seq && u.posted[r.rule] && t.p.outcome != notSent)
	}
	person := u.person(r.lead, r.rule)
	if r.unnamed || r.first == (id{}) {
		if slices.ContainsFunc(u.imports[r.rule], func(at int64) bool { return at > oldest }) {
			return true, true
		}
		return r.unnamed && (person == "" || slices.ContainsFunc(u.byPerson[mark{r.rule, person}], counts)), true
	}
	if r.first == r.lead {
		return false, true
	}
	tries := 0
	for _, t := range u.byLead[r.first] {
		for _, m := range t.marks {
			if m.rule != r.rule {
				continue
			}
			known = true
			x := u.person(t.lead, r.rule)
			ok = ok || counts(t) && (person == "" || x == "" || x == person)
			tries = max(tries, len(u.byMark[m]))
		}
	}
	return ok || tries >= markedMax, known
}
