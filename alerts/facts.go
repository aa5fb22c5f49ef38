// SPDX-License-Identifier: Apache-2.0

package alerts

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"clearpost/exchange"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/ledger/report"
	"clearpost/rules"
)

// Sources is what is looked at.
type Sources struct {
	Exchange *exchange.Exchange
	Ledger   *ledger.Ledger
	View     func() (*report.View, error)         // of the reports; nil, or an error: there is none
	Refused  func() (why string, since time.Time) // of the configuration's last reading; "": it was not refused
}

// look gives the facts that rules of these kinds are about. posts follows the campaigns' posts.
func (s *Sources) look(kinds map[string]bool, posts map[string]*counts, now time.Time) (out []Fact, err error) {
	if kinds[OnBalance] {
		out = append(out, s.balances()...)
	}
	if kinds[OnCap] {
		out = append(out, s.caps()...)
	}
	if kinds[OnAcceptance] || kinds[OnBuyerDown] {
		out = append(out, s.campaigns(posts, now)...)
	}
	if kinds[OnUnresolved] {
		open, e := s.unresolved()
		out, err = append(out, open...), e
	}
	if kinds[OnShipping] {
		if st := s.Ledger.Stats(); st.LagEvents > 0 {
			out = append(out, Fact{On: OnShipping, Subject: "kafka", Count: int(st.LagEvents),
				Text: fmt.Sprintf("Kafka does not have %d events yet", st.LagEvents)})
		}
	}
	if kinds[OnView] {
		out = append(out, s.view()...)
	}
	if kinds[OnWebhook] {
		out = append(out, s.webhooks(now)...)
	}
	if kinds[OnReload] && s.Refused != nil {
		if why, since := s.Refused(); why != "" {
			out = append(out, Fact{On: OnReload, Subject: "configuration", Count: 1, Since: since,
				Text: "the configuration's directory is refused, and the one before stays in force: " + why})
		}
	}
	if kinds[OnOverdue] {
		out = append(out, s.overdue()...)
	}
	if kinds[OnUnavailable] {
		if e := s.Exchange.Available(); e != nil {
			out = append(out, Fact{On: OnUnavailable, Subject: "exchange", Count: 1,
				Text: "no leads are taken: " + e.Error()})
		}
	}
	return out, err
}

func (s *Sources) balances() (out []Fact) {
	for _, b := range s.Exchange.Balances() {
		room := b.Room()
		out = append(out, Fact{On: OnBalance, Subject: b.Buyer, Of: []string{b.Buyer}, Amount: room,
			Text: strings.TrimSpace(fmt.Sprintf("%s may buy for %s %s more: balance %s, credit %s", b.Buyer, room,
				b.Currency, b.Balance, b.Credit))})
	}
	return out
}

// overdue has a fact for each buyer that does not pay well. As what it counts is told anew when it gets worse.
func (s *Sources) overdue() (out []Fact) {
	all := s.Exchange.Standings()
	for _, buyer := range slices.Sorted(maps.Keys(all)) {
		p := all[buyer]
		out = append(out, Fact{On: OnOverdue, Subject: buyer + " is " + p.Pays, Of: []string{buyer}, Count: 1,
			Since: p.At, Text: fmt.Sprintf("%s is %s: %s", buyer, p.Pays, p.Why)})
	}
	return out
}

// caps has a fact for each count of a cap of which half is taken at least. A window that has begun anew is another
// subject.
func (s *Sources) caps() (out []Fact) {
	for _, c := range s.Exchange.Caps() {
		for i := range c.Uses {
			u := &c.Uses[i]
			if !u.Limited || u.Limit <= 0 || strings.HasSuffix(c.Key, rules.BalanceKey) {
				continue
			}
			percent := int(float64(u.Used) / float64(u.Limit) * 100)
			if percent < PercentLeast {
				continue
			}
			f := Fact{On: OnCap, Subject: c.Title(), Of: owners(c.Key, c.Buyer), Percent: percent}
			if u.Value != "" {
				f.Subject += "=" + u.Value
			}
			amount := func(n int64) string {
				if c.Of == lead.OfSpend {
					return lead.Money(n).String()
				}
				return fmt.Sprint(n)
			}
			f.Text = fmt.Sprintf("%s: %s of %s taken (%d %%)", f.Subject, amount(u.Used), amount(u.Limit), percent)
			if !c.Until.IsZero() {
				f.Text += ", until " + c.Until.Format("2006-01-02 15:04 MST")
				f.Subject += " until " + c.Until.UTC().Format(time.RFC3339)
			}
			out = append(out, f)
		}
	}
	return out
}

// PercentLeast is the least that a rule may say of caps.
const PercentLeast = 50

// owners are the ids that stand in a cap's key, such as campaign:sun-shared:day, and its buyer's.
func owners(key, buyer string) (out []string) {
	if buyer != "" {
		out = append(out, buyer)
	}
	if parts := strings.SplitN(key, ":", 3); len(parts) == 3 {
		out = append(out, parts[1])
	}
	return out
}

func (s *Sources) campaigns(posts map[string]*counts, now time.Time) (out []Fact) {
	there := map[string]bool{}
	for _, l := range s.Exchange.Campaigns() {
		there[l.ID] = true
		of := []string{l.ID, l.Buyer.ID, l.Vertical}
		if since, failing := l.FailingSince(); failing {
			out = append(out, Fact{On: OnBuyerDown, Subject: l.ID, Of: of, Count: 1, Since: since,
				Text: fmt.Sprintf("calls to campaign %s of %s have failed since %s", l.ID, l.Buyer.ID,
					since.UTC().Format("15:04 MST"))})
		}
		c := posts[l.ID]
		if c == nil {
			c = &counts{}
			posts[l.ID] = c
		}
		c.add(l.Tally.Accepted.Load(), l.Tally.Rejected.Load(), now)
		recent, past := c.split(now)
		if less, ok := drop(recent, past); ok {
			out = append(out, Fact{On: OnAcceptance, Subject: l.ID, Of: of, Count: int(recent.all()), Percent: less,
				Text: fmt.Sprintf("campaign %s of %s accepts %d %% of its posts (%d of %d in this hour and the one "+
					"before), %d %% less than in the week before (%d %%)", l.ID, l.Buyer.ID, recent.percent(),
					recent.OK, recent.all(), less, past.percent())})
		}
	}
	for id, c := range posts {
		if recent, past := c.split(now); !there[id] && recent.all()+past.all() == 0 {
			delete(posts, id)
		}
	}
	return out
}

// unresolved has a fact for each campaign with attempts whose end is not known.
func (s *Sources) unresolved() (out []Fact, err error) {
	open, err := s.Exchange.Unresolved()
	at := map[string]int{}
	for _, o := range open {
		i, ok := at[o.Campaign]
		if !ok {
			i = len(out)
			at[o.Campaign] = i
			out = append(out, Fact{On: OnUnresolved, Subject: o.Campaign, Of: []string{o.Campaign, o.Buyer, o.Source,
				o.Vertical}, Since: o.Since, Text: "%d attempts of campaign " + o.Campaign +
				" wait for an outcome: clearpost unresolved lists them"})
		}
		out[i].Times = append(out[i].Times, o.Since)
	}
	return out, err
}

func (s *Sources) view() []Fact {
	if s.View == nil {
		return nil
	}
	v, err := s.View()
	if err != nil {
		return nil
	}
	st := v.Status()
	f := Fact{On: OnView, Subject: "report", Count: int(st.Behind), Text: fmt.Sprintf(
		"find and report do not have %d events yet", st.Behind)}
	if st.Error != "" {
		f.Count, f.Text = max(f.Count, 1<<30), "find and report have stopped to follow: "+st.Error
	}
	return []Fact{f}
}

func (s *Sources) webhooks(now time.Time) (out []Fact) {
	q := s.Exchange.Lines()
	if q == nil {
		return nil
	}
	for _, l := range q.Status() {
		id := l.Name
		if _, rest, ok := strings.Cut(id, "-"); ok {
			id = rest
		}
		f := Fact{On: OnWebhook, Subject: l.Name, Of: []string{l.Name, id}, Count: 1}
		switch {
		case l.Dead > 0:
			f.Text = fmt.Sprintf("%d messages of webhook %s were given up: clearpost webhooks dead %s lists them",
				l.Dead, l.Name, l.Name)
		case l.Since != nil:
			f.Since = *l.Since
			f.Text = fmt.Sprintf("webhook %s has taken nothing since %s: %s", l.Name, l.Since.UTC().Format(
				"2006-01-02 15:04 MST"), l.Why)
		default:
			continue
		}
		out = append(out, f)
	}
	return out
}
