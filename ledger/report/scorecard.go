// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"clearpost/lead"
)

// ScoreAsk says of whom scorecards are wanted.
type ScoreAsk struct {
	Buyer        string // "": of all buyers
	Since, Until time.Time
	Zone         *time.Location
}

// Scorecards are how buyers did over a time, compared with as long a time before, those first that paid most.
type Scorecards struct {
	Since       time.Time   `json:"since"`
	Until       time.Time   `json:"until"`
	BeforeSince time.Time   `json:"before_since"`
	Zone        string      `json:"zone"`
	Cards       []Scorecard `json:"scorecards"`
	UpToSeq     uint64      `json:"up_to_seq"`
	Behind      uint64      `json:"behind"`
}

// Scorecard is how one buyer did in one currency.
type Scorecard struct {
	Buyer        string     `json:"buyer"`
	Currency     string     `json:"currency"`
	Figures      Row        `json:"figures"` // with those of the time before
	RevenueShare *int64     `json:"revenue_share_ppm,omitempty"`
	Posts        []Refusals `json:"post_refusals"` // why it did not take leads, the most frequent reason first
	Pings        []Refusals `json:"ping_refusals"` // why it gave no price that counts
}

// Refusals are those of one kind.
type Refusals struct {
	Refusal     string `json:"refusal"`
	N           int64  `json:"n"`
	Share       int64  `json:"share_ppm"`        // of all that this buyer has refused
	Before      int64  `json:"before"`           // how many there were
	ShareBefore int64  `json:"share_before_ppm"` // of all that it refused then
	Source      string `json:"source,omitempty"` // the source that most of them came from
	FromSource  int64  `json:"from_source"`      // how many
	// what the exchange keeps of such prices, a week, of those refused leads that nobody else has bought
	AtStake lead.Money `json:"at_stake_week_micros,omitempty"`
	Advice  string     `json:"advice,omitempty"` // what to change; "": it is no matter for a change
}

// Bounds of advice: below them it is chance.
const (
	adviceFrom  = 20      // refusals
	adviceShare = 100_000 // of all of the buyer's, in millionths
)

// Scorecards adds them up. An error is a *BadQuery where it is the asker's.
func (v *View) Scorecards(ctx context.Context, a ScoreAsk) (*Scorecards, error) {
	if a.Since.IsZero() {
		return nil, &BadQuery{"since", "a time: the one before is as long as that from then on"}
	}
	ask := Ask{Since: a.Since, Until: a.Until, Zone: a.Zone, Compare: true, Limit: RowsMax, Buyer: a.Buyer}
	all := ask
	all.By = []string{"buyer"}
	byBuyer, err := v.Figures(ctx, all)
	if err != nil {
		return nil, err
	}
	ask.Since, ask.Until = *byBuyer.Since, *byBuyer.Until
	ask.By = []string{"buyer", "refusal", "source"}
	byRefusal, err := v.Figures(ctx, ask)
	if err != nil {
		return nil, err
	}
	stakes, err := v.stakes(ctx, &ask)
	if err != nil {
		return nil, err
	}
	out := &Scorecards{Since: *byBuyer.Since, Until: *byBuyer.Until, BeforeSince: *byBuyer.BeforeSince,
		Zone: byBuyer.Zone, Cards: []Scorecard{}, UpToSeq: byBuyer.UpToSeq, Behind: byBuyer.Behind}
	revenue := map[string]lead.Money{}
	for i := range byBuyer.Totals {
		revenue[byBuyer.Totals[i].Currency] = byBuyer.Totals[i].Revenue
	}
	weeks := out.Until.Sub(out.Since).Hours() / (7 * 24)
	for i := range byBuyer.Rows {
		r := &byBuyer.Rows[i]
		if r.Others > 0 {
			continue
		}
		c := Scorecard{Buyer: r.Key[0], Currency: r.Currency, Figures: *r}
		if a.Buyer == "" {
			c.RevenueShare = ppm(int64(r.Revenue), int64(revenue[r.Currency]))
		}
		c.gather(byRefusal.Rows)
		for j := range c.Posts {
			c.Posts[j].worth(stakes[stakeKey{c.Buyer, c.Currency, c.Posts[j].Refusal}], r, weeks)
		}
		c.advise()
		out.Cards = append(out.Cards, c)
	}
	return out, nil
}

// gather takes the refusals of the card's buyer out of rows by buyer, refusal and source.
func (c *Scorecard) gather(rows []Row) {
	posts, pings := map[string]*Refusals{}, map[string]*Refusals{}
	var posted, pinged [2]int64
	for i := range rows {
		r := &rows[i]
		if r.Others > 0 || r.Key[0] != c.Buyer || r.Currency != c.Currency || r.Key[1] == "" {
			continue
		}
		take(posts, r, &posted, func(r *Row) int64 { return r.Posts - r.Accepted })
		if no, _ := lead.RefusalByName(r.Key[1]); no != lead.Outbid {
			take(pings, r, &pinged, func(r *Row) int64 { return r.Looked })
		}
	}
	c.Posts, c.Pings = inShares(posts, posted), inShares(pings, pinged)
}

func take(into map[string]*Refusals, r *Row, total *[2]int64, count func(*Row) int64) {
	now, before := count(r), int64(0)
	if r.Before != nil {
		before = count(r.Before)
	}
	if now == 0 && before == 0 {
		return
	}
	to := into[r.Key[1]]
	if to == nil {
		to = &Refusals{Refusal: r.Key[1]}
		into[r.Key[1]] = to
	}
	if to.N, to.Before = to.N+now, to.Before+before; now > to.FromSource {
		to.Source, to.FromSource = r.Key[2], now
	}
	total[0], total[1] = total[0]+now, total[1]+before
}

func inShares(m map[string]*Refusals, total [2]int64) []Refusals {
	out := make([]Refusals, 0, len(m))
	for _, r := range m {
		r.Share, r.ShareBefore = r.N*1_000_000/max(total[0], 1), r.Before*1_000_000/max(total[1], 1)
		out = append(out, *r)
	}
	slices.SortFunc(out, func(a, b Refusals) int {
		return cmp.Or(cmp.Compare(b.N, a.N), cmp.Compare(b.Before, a.Before), strings.Compare(a.Refusal, b.Refusal))
	})
	return out
}

type stakeKey struct{ buyer, currency, refusal string }

// stakes are the prices of refused attempts whose lead nobody has bought, by buyer, currency and refusal.
func (v *View) stakes(ctx context.Context, a *Ask) (map[stakeKey]lead.Money, error) {
	w := &where{}
	w.and("a.test = 0 and a.outcome between 2 and 5 and l.result <> 3 and l.later_sold = 0 and " +
		"not exists (select 1 from _lead f where f.n = l.first and (f.result = 3 or f.later_sold > 0))")
	if a.Buyer != "" {
		w.and("c.buyer = ?", a.Buyer)
	}
	a.span(w, "a.at", 1e6)
	out := map[stakeKey]lead.Money{}
	err := v.ask(ctx, figuresFor, true, func(ctx context.Context, db *sql.DB) error {
		rows, err := db.QueryContext(ctx, `select c.buyer, o.currency, a.refusal, max(a.bid) from _attempt a
			join _lead l on l.n = a.lead join _campaign c on c.id = a.campaign join _origin o on o.id = a.origin
			where `+w.all()+" group by c.buyer, o.currency, a.refusal, iif(l.first = 0, l.n, l.first)", w.args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var k stakeKey
			var refusal lead.Refusal
			var bid lead.Money
			if err := rows.Scan(&k.buyer, &k.currency, &refusal, &bid); err != nil {
				return err
			}
			k.refusal = named(refusal)
			out[k] += bid
		}
		return rows.Err()
	})
	return out, err
}

// worth says what a week of such refusals costs: the exchange's part of the prices, as it is of the buyer's sales.
func (r *Refusals) worth(prices lead.Money, of *Row, weeks float64) {
	if of.Revenue > 0 && of.Margin > 0 && weeks > 1.0/8 { // of less than a day nothing can be said of a week
		share := float64(of.Margin) / float64(of.Revenue)
		r.AtStake = lead.Money(float64(prices) * share / weeks).RoundCents()
	}
}

// advise says what to change, where there is enough to go by.
func (c *Scorecard) advise() {
	for i := range c.Posts {
		if r := &c.Posts[i]; r.N >= adviceFrom && r.Share >= adviceShare {
			r.Advice = adviceOn(r.Refusal, c.Buyer, postAdvice)
		}
	}
	for i := range c.Pings {
		r := &c.Pings[i]
		if r.N < adviceFrom || r.N*10 < c.Figures.Looked { // a tenth of all that it was looked at for
			continue
		}
		if r.Advice = adviceOn(r.Refusal, c.Buyer, pingAdvice); r.Advice == "" {
			continue
		}
		if t := c.Figures.PingTimes; r.Refusal == lead.TimedOut.String() && t != nil {
			r.Advice += fmt.Sprintf(" (of those in time one in twenty takes more than %d ms)", t.P95/1000)
		}
	}
}

func adviceOn(refusal, buyer string, from map[lead.Refusal]string) string {
	no, ok := lead.RefusalByName(refusal)
	if !ok {
		return ""
	}
	return strings.ReplaceAll(from[no], "BUYER", buyer)
}

// postAdvice is what to change where a buyer refuses leads at the post.
var postAdvice = map[lead.Refusal]string{
	lead.InvalidPhone:       "require a valid phone number for BUYER, or of the source that sends them",
	lead.InvalidEmail:       "require a valid e-mail address for BUYER, or of the source that sends them",
	lead.MissingConsent:     "send BUYER the proof of consent, and require it of sources",
	lead.OutsideServiceArea: "give BUYER's campaign the places that it serves as criteria",
	lead.BuyerDuplicate:     "give BUYER a duplicate rule with its own window: it has these persons already",
	lead.BuyerQuota:         "give BUYER a cap as large as its quota",
	lead.BuyerBadToken:      "let BUYER's bids expire earlier: it no longer knows their tokens at the post",
	lead.BuyerInvalid:       "have BUYER say which fields it finds invalid, and name them in its answer rules",
	lead.BuyerRejected:      "have BUYER say why, and name its reasons in its answer rules",
	lead.TimedOut:           "give BUYER's posts more time, or have it answer sooner: what is late is held as unknown",
	lead.Unreachable:        "look whether BUYER's address is right, and give it a backup URL",
	lead.TLSFailed:          "have BUYER mend its certificate",
	lead.ServerError:        "have BUYER mend its server, and give it a backup URL",
	lead.ConnectionLost:     "have BUYER keep its connections until it has answered",
	lead.TornAnswer:         "have BUYER send whole answers",
	lead.UnclearAnswer:      "add what BUYER answers to its answer rules",
	lead.MalformedAnswer:    "set the format that BUYER really answers in",
	lead.BadContentType:     "set the content type that BUYER really answers with",
	lead.AuthFailed:         "look after BUYER's credentials",
	lead.RenderFailed:       "complete BUYER's request: some leads lack what it needs",
}

// pingAdvice is what to change where a buyer has no price that counts.
var pingAdvice = map[lead.Refusal]string{
	lead.TimedOut:        "give pings of BUYER more time, or have it answer sooner",
	lead.CapReached:      "raise BUYER's cap: it keeps leads back that it would have been asked for",
	lead.BudgetSpent:     "have BUYER raise its budget or its balance",
	lead.Throttled:       "raise BUYER's calls a second",
	lead.InFlightLimit:   "raise how many calls to BUYER may be in flight",
	lead.NoConnection:    "raise BUYER's connections",
	lead.BreakerOpen:     "have BUYER mend its endpoint: it is left alone since too many calls failed",
	lead.BelowFloor:      "lower the floor for BUYER, or ask it for a better price",
	lead.NoBid:           "give BUYER criteria of what it bids on: it says no to what it is asked",
	lead.Unreachable:     postAdvice[lead.Unreachable],
	lead.TLSFailed:       postAdvice[lead.TLSFailed],
	lead.ServerError:     postAdvice[lead.ServerError],
	lead.ConnectionLost:  postAdvice[lead.ConnectionLost],
	lead.TornAnswer:      postAdvice[lead.TornAnswer],
	lead.UnclearAnswer:   postAdvice[lead.UnclearAnswer],
	lead.MalformedAnswer: postAdvice[lead.MalformedAnswer],
	lead.BadContentType:  postAdvice[lead.BadContentType],
	lead.MissingPrice:    "have BUYER send a price with each bid, or read it where it stands",
	lead.RenderFailed:    postAdvice[lead.RenderFailed],
	lead.UnmappedValue:   "complete the value maps of BUYER",
}

// Text is the finding in one sentence.
func (r *Refusals) Text(buyer, currency string, posts bool) string {
	what, of := "not asked or without a price", "its pings"
	if posts {
		what, of = "refused", "its refusals"
	}
	out := fmt.Sprintf("%d %s as %s by %s, %s of %s", r.N, what, r.Refusal, buyer, percentText(r.Share), of)
	switch was := percentText(r.ShareBefore); {
	case r.Before == 0:
		out += ", none before"
	case r.Share > r.ShareBefore:
		out += ", up from " + was
	case r.Share < r.ShareBefore:
		out += ", down from " + was
	}
	if r.N > 0 && r.FromSource*2 > r.N && r.FromSource < r.N {
		out += fmt.Sprintf(", %d of them from %s", r.FromSource, r.Source)
	}
	if r.Advice != "" {
		out += ": " + r.Advice
	}
	if r.AtStake > 0 {
		out += fmt.Sprintf("; worth about %s %s a week, what is kept of those that nobody else bought", r.AtStake,
			currency)
	}
	return out
}

func percentText(ppm int64) string { return fmt.Sprintf("%d %%", (ppm+5000)/10_000) }
