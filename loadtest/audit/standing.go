// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"time"

	"github.com/tidwall/gjson"
)

// standing is how a buyer pays, as an event has put it into force.
type standing struct {
	is     string
	at     time.Time
	config string
}

// standingGrace is how long what began before may still go on: an order is in force when it is stored.
const standingGrace = 10 * time.Second

// unpaid is the refusal of a buyer that is stopped until it has paid.
const unpaid = 234

// standingTold is what is read of an event that changes how a buyer pays.
type standingTold struct {
	Is      string `json:"is"`
	Was     string `json:"was"`
	Overdue int64  `json:"overdue_micros"`
	Owes    int64  `json:"owes_micros"`
	UpTo    int    `json:"up_to_seq"`
}

// stands takes how a buyer pays from now on. It follows what stood before, and nobody is late who owes nothing.
func (a *auditor) stands(e *event) {
	s := e.Standing
	if s == nil || e.Buyer == "" || e.Subject != "buyer:"+e.Buyer {
		a.found(RuleStanding, e.Lead, "event %s says how the buyer %q pays, and does not", e.EventID, e.Buyer)
		return
	}
	was := "good"
	if before, ok := a.standings[e.Buyer]; ok {
		was = before.is
	}
	switch {
	case s.Was != was || s.Is == was:
		a.found(RuleStanding, e.Lead, "event %s has %s be %s after %s, it was %s", e.EventID, e.Buyer, s.Is, s.Was, was)
	case s.Is != "good" && (s.Overdue <= 0 || s.Overdue > s.Owes), s.UpTo >= a.seq:
		a.found(RuleStanding, e.Lead, "event %s has %s be %s for %s overdue of %s by event %d", e.EventID, e.Buyer,
			s.Is, money(s.Overdue), money(s.Owes), s.UpTo)
	}
	a.standings[e.Buyer] = standing{is: s.Is, at: e.At, config: e.Config}
	a.report.Counts.Standings++
}

// inForce is how a buyer has paid for some time when an event came about, "" where that is not certain. Another
// configuration may have no rule for it any more.
func (a *auditor) inForce(buyer string, e *event) string {
	s, ok := a.standings[buyer]
	if !ok || s.config != e.Config || !e.At.After(s.at.Add(standingGrace)) {
		return ""
	}
	return s.is
}

// sentTo judges that nothing is sent to a buyer that is stopped. What is sent again was sent before.
func (a *auditor) sentTo(e *event) {
	if e.Again == "" && a.inForce(e.Buyer, e) == "stopped" {
		a.found(RuleStanding, e.Lead, "attempt %s is made of %s, which is stopped since %s", e.Attempt, e.Buyer,
			a.standings[e.Buyer].at.Format(time.RFC3339))
	}
}

// askedOf judges the bids of a ping: a buyer that is stopped is not asked, one that is slow bids as one that is, and no
// other does.
func (a *auditor) askedOf(e *event, b []byte) {
	if len(a.standings) == 0 {
		return
	}
	gjson.GetBytes(b, "bids").ForEach(func(_, bid gjson.Result) bool {
		buyer, refusal := bid.Get("buyer").Str, bid.Get("refusal").Int()
		slow := bid.Get("slow_payer").Bool()
		switch is := a.inForce(buyer, e); {
		case refusal == unpaid || bid.Get("held").Int() == unpaid: // a lead that waits for it is not sent either
			a.report.Counts.Unpaid++
			if is != "" && is != "stopped" {
				a.found(RuleStanding, e.Lead, "%s is refused as unpaid, and is %s", buyer, is)
			}
		case is == "stopped" && (refusal < 200 || refusal >= 300 && refusal < 500):
			a.found(RuleStanding, e.Lead, "%s was asked, which is stopped since %s", buyer,
				a.standings[buyer].at.Format(time.RFC3339))
		case is == "slow" && refusal == 0 && !slow, (is == "good" || is == "overdue") && slow:
			a.found(RuleStanding, e.Lead, "%s is %s, and its bid as a slow payer's: %v", buyer, is, slow)
		}
		return true
	})
}
