// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"cmp"
	"slices"
	"time"

	"clearpost/buyers"
	"clearpost/exchange/history"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/rules"
	"clearpost/wire/request"
)

// Explanation is the whole history of one lead, for operators. It holds personal data and the exact messages of posts;
// secrets are placeholders.
type Explanation struct {
	Lead     lead.ID `json:"lead_id"`
	Source   string  `json:"source"`
	Vertical string  `json:"vertical"`
	Mode     string  `json:"mode"`
	Test     bool    `json:"test,omitempty"`
	// what was simulated; "" where test endpoints were asked
	TestResult   string        `json:"test_result,omitempty"`
	SellerLeadID string        `json:"seller_lead_id,omitempty"`
	Currency     string        `json:"currency"`
	PingedAt     time.Time     `json:"pinged_at"`
	Config       string        `json:"config"`
	SameConfig   bool          `json:"same_config"` // the running configuration is the one that decided
	Fields       ledger.Fields `json:"fields"`
	Unknown      ledger.Fields `json:"unknown,omitempty"` // what the vertical does not know, where it keeps that
	// fields that count as missing, since what was sent did not fit, and what was expected
	Unfit     ledger.Fields   `json:"unfit,omitempty"`
	Ping      PingStory       `json:"ping"`
	Campaigns []CampaignStory `json:"campaigns"`
	Attempts  []AttemptStory  `json:"attempts,omitempty"`
	Tried     []TriedStory    `json:"tried,omitempty"` // campaigns that were not sent to, at the last answer
	Answer    *ledger.Settled `json:"answer,omitempty"`
	// its place in the queue: for whom it waits, and why; nil: it does not
	Waiting *ledger.Deferred `json:"waiting,omitempty"`
	Now     string           `json:"now"` // what its seller hears now: success, failure, pending, queued
	// the unsold lead that is offered anew by this one, and as which lead this one is; nil: there is none
	Resubmits     *ledger.Resubmission `json:"resubmits,omitempty"`
	ResubmittedAs *ledger.Adjusted     `json:"resubmitted_as,omitempty"`
	Events        []EventLine          `json:"events"`
	// earlier leads that have the same seller's id, where that was asked for
	Others []lead.ID `json:"others,omitempty"`
	Check
}

// PingStory is what the ping's seller heard.
type PingStory struct {
	Result    string     `json:"result"`
	Price     lead.Money `json:"price_micros,omitempty"`
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
	Reason    string     `json:"reason,omitempty"`
	Details   string     `json:"details,omitempty"`
	// how what was learned of campaigns took part; nil: the vertical did not learn
	Learned *ledger.Learned `json:"learned,omitempty"`
}

// CampaignStory is what one campaign of the vertical had to do with the ping.
type CampaignStory struct {
	Campaign string   `json:"campaign"`
	Buyer    string   `json:"buyer"`
	Leg      int      `json:"leg,omitempty"`
	Brand    string   `json:"brand,omitempty"`
	Verdict  string   `json:"verdict"` // winner, backup, or the name of a refusal
	Meaning  string   `json:"meaning,omitempty"`
	Why      []string `json:"why,omitempty"` // the criteria that the lead does not meet, why it is closed
	// where each of them stands, such as "buyers/acme.yaml:12:9, criteria[1]"
	Places []string   `json:"places,omitempty"`
	Tier   string     `json:"tier,omitempty"` // of the plan, in which it wins or stands by
	Rank   int        `json:"rank,omitempty"`
	Price  lead.Money `json:"price_micros,omitempty"`
	Payout lead.Money `json:"payout_micros,omitempty"`
	// by which it ranks, where that is not its price; where values are only observed: by which it would
	Value lead.Money `json:"value_micros,omitempty"`
	// where the vertical learns, what its price is multiplied by to what it is worth: as in events
	Factors    []int64 `json:"factors_ppm,omitempty"`
	LastResort bool    `json:"last_resort,omitempty"`
	// of a bid that did not win: why, and how much it is short of what it would have needed; 0: no amount decides
	Lost    string     `json:"lost,omitempty"`
	ShortBy lead.Money `json:"short_by_micros,omitempty"`
	Fixed   bool       `json:"fixed,omitempty"`
	TookUS  int64      `json:"took_us,omitempty"`
	Token   string     `json:"token,omitempty"`
	// named values of the buyer's answer, which the post's request has
	Captures []ledger.Captured `json:"captures,omitempty"`
	Reason   string            `json:"reason,omitempty"`
	Request  string            `json:"request,omitempty"` // the ping, rendered again
	Answer   string            `json:"answer,omitempty"`  // only where it could not be read
	Caps     []CapStory        `json:"caps,omitempty"`    // how full they were
}

// TriedStory is a campaign whose turn came at the post and that was not sent to.
type TriedStory struct {
	Campaign string   `json:"campaign"`
	Leg      int      `json:"leg,omitempty"`
	Refusal  string   `json:"refusal"`
	Meaning  string   `json:"meaning"`
	Why      []string `json:"why,omitempty"`
	Places   []string `json:"places,omitempty"`
}

// AttemptStory is one outbound post.
type AttemptStory struct {
	Attempt     lead.ID       `json:"attempt"`
	Campaign    string        `json:"campaign"`
	Buyer       string        `json:"buyer"`
	At          time.Time     `json:"at"`
	Outcome     string        `json:"outcome"`
	Refusal     string        `json:"refusal,omitempty"`
	Reason      string        `json:"reason,omitempty"`
	Reference   string        `json:"reference,omitempty"`
	PingPrice   lead.Money    `json:"ping_price_micros"`
	AnswerPrice lead.Money    `json:"answer_price_micros,omitempty"`
	AnswerText  string        `json:"answer_price_text,omitempty"` // in the price's place, and no positive price
	Booked      lead.Money    `json:"booked_micros,omitempty"`
	Payout      lead.Money    `json:"payout_micros,omitempty"`
	Hold        []lead.Charge `json:"hold,omitempty"`
	HoldIs      string        `json:"hold_is"` // committed, released, kept, or none of a test lead
	Status      int           `json:"status,omitempty"`
	TookUS      int64         `json:"took_us,omitempty"`
	Request     *ledger.Body  `json:"request,omitempty"`
	Answer      *ledger.Body  `json:"answer,omitempty"`
	Resolved    string        `json:"resolved,omitempty"` // why, and by whom
	Changes     []ChangeStory `json:"changes,omitempty"`  // corrections and other bookings since
	Leg         int           `json:"leg,omitempty"`
	// attempts with the same number went out at the same time; 0: alone
	Round int      `json:"round,omitempty"`
	Brand string   `json:"brand,omitempty"` // who buys in the end, where several legs of the buyer may
	With  *lead.ID `json:"with,omitempty"`  // the attempt in whose request it was
	// auth: after the buyer refused the access token of the attempt before
	Again   string `json:"again,omitempty"`
	Backup  bool   `json:"backup,omitempty"`  // the backup URL answered
	Resends int    `json:"resends,omitempty"` // how often the same request was sent again
}

// ChangeStory is a correction of an attempt, or another booking of a sale.
type ChangeStory struct {
	At       time.Time     `json:"at"`
	What     string        `json:"what"` // corrected or rebooked
	Was      ledger.Booked `json:"was"`
	Is       ledger.Booked `json:"is"`
	Oversold bool          `json:"oversold,omitempty"`
	Ref      string        `json:"ref,omitempty"`
	Why      string        `json:"why"`
	By       string        `json:"by,omitempty"`
}

// EventLine is one event of the lead, in short.
type EventLine struct {
	Seq     uint64      `json:"seq"`
	Kind    ledger.Kind `json:"kind"`
	EventID lead.ID     `json:"event_id"`
	At      time.Time   `json:"at"`
}

// Explain tells the history of a lead from the ledger. Reasons that hang on state stand in the event; criteria and
// schedules are judged again from the recorded lead, its time and the configuration that decided, as it was kept, or
// the running one where it was not. All that was decided is computed again, and compared with the record. ok is false
// if there is no such lead.
//
// A campaign is refused for the first reason in this order: its criteria in the order of its page, its schedule and its
// buyer's, then what hangs on state.
func (e *Exchange) Explain(id lead.ID) (x *Explanation, ok bool, err error) {
	return e.explain(id, false)
}

// ExplainAll is Explain, and tells of every criterion and every schedule that is against a campaign.
func (e *Exchange) ExplainAll(id lead.ID) (x *Explanation, ok bool, err error) {
	return e.explain(id, true)
}

func (e *Exchange) explain(id lead.ID, all bool) (x *Explanation, ok bool, err error) {
	h, err := e.history(id)
	if err != nil || h.Pinged == nil {
		return nil, false, err
	}
	p, snap := h.Pinged, e.inForce.Load()
	x = &Explanation{Lead: id, Source: p.Source, Vertical: p.Vertical, Mode: p.Mode, SellerLeadID: h.Seller(),
		Currency: p.Currency, PingedAt: p.ReceivedAt, Config: p.Config, SameConfig: p.Config == snap.cfg.Hash,
		Now: replyOf(h).Result, Answer: h.Settled, Waiting: h.Waiting, Test: p.Test, TestResult: p.TestResult,
		Resubmits: p.Resubmits, ResubmittedAs: h.Resubmitted,
		Ping: PingStory{Result: p.Result, Price: p.Price, Reason: p.Reason, Details: p.Details,
			Learned: p.Learned}}
	if !p.ExpiresAt.IsZero() {
		x.Ping.ExpiresAt = &p.ExpiresAt
	}
	if last, f := e.lastOf(h); f == nil {
		x.Now = replyOf(last).Result
	}
	x.Fields = append(append(ledger.Fields{}, p.Fields...), p.Private.Fields...)
	if h.Post != nil {
		x.Fields = append(append(x.Fields, h.Post.Fields...), h.Private.Fields...)
	}
	x.Unfit = append(x.Unfit, p.Unfit...)
	if h.Post != nil {
		x.Unfit = append(x.Unfit, h.Post.Unfit...)
	}
	x.Unknown = append(append(x.Unknown, p.Private.Unknown...), h.Private.Unknown...)
	r := e.recheck(h, &x.Check)
	defer r.release()
	x.Campaigns = e.explainCampaigns(&r, h, all)
	if err := e.capsThen(r.ping, h, x.Campaigns); err != nil {
		return nil, false, err
	}
	x.Tried = explainTried(r.post, h, all)
	for i := range h.Attempts {
		x.Attempts = append(x.Attempts, explainAttempt(&h.Attempts[i]))
	}
	for i, ev := range h.Events {
		head := ev.Header()
		x.Events = append(x.Events, EventLine{h.Seqs[i], head.Kind, head.EventID, head.At})
	}
	return x, true, nil
}

func (e *Exchange) explainCampaigns(r *rechecked, h *history.History, all bool) []CampaignStory {
	var out []CampaignStory
	snap := r.ping
	v := snap.Vertical(h.Pinged.Vertical)
	var l *lead.Lead
	if v != nil {
		l = (&history.History{Pinged: h.Pinged}).Lead(v.Schema)
	}
	told := map[string]bool{}
	for i := range h.Pinged.Bids {
		b := &h.Pinged.Bids[i]
		told[b.Campaign] = true
		s := storyOf(b)
		s.Why = append(s.Why, e.whyLate(b, h.Pinged.At)...)
		if r.auction != nil {
			s.lost(r.auction, i)
		}
		s.weighed(b)
		if c := snap.cfg.Book.Campaign(b.Campaign); c != nil && l != nil && c.Vertical == v.ID {
			var err error
			if s.Request, err = e.pingAgain(snap, c, h, l); err != nil && b.Refusal == unrendered(err) {
				s.Meaning = err.Error()
			}
		}
		out = append(out, s)
	}
	if l == nil {
		inOrder(out)
		return out
	}
	f := rules.Facts{Lead: l, Stage: lead.AtPing, Now: h.Pinged.At, Source: h.Pinged.Source}
	for _, c := range snap.cfg.Book.Campaigns {
		if c.Vertical != v.ID || told[c.ID] {
			continue
		}
		s := CampaignStory{Campaign: c.ID, Buyer: c.Buyer.ID}
		s.Why, s.Places = unmet(c, &f, all)
		criteria := len(s.Why)
		if all || criteria == 0 {
			s.closed(c, h)
		}
		switch {
		case h.Pinged.Refusal == lead.LeadRepeated:
			s.Verdict, s.Meaning = lead.LeadRepeated.String(), "nobody was asked: "+h.Pinged.Details
			s.Why, s.Places = nil, nil
		case criteria > 0:
			s.Verdict = lead.CriteriaMismatch.String()
		case len(s.Why) > 0:
			s.Verdict = lead.Closed.String()
		case snap.passedBy(h.Pinged, c, &f):
			s.Verdict, s.Meaning = lead.EarlierTier.String(), lead.EarlierTier.Info().Meaning
		default:
			s.Verdict, s.Meaning = "not_asked",
				"it meets the criteria of this configuration, but it was not among those that the ping found: "+
					"the configuration, or the values known then, were others"
		}
		out = append(out, s)
	}
	inOrder(out)
	return out
}

// storyOf is what a bid says of itself.
func storyOf(b *ledger.Bid) CampaignStory {
	s := CampaignStory{Campaign: b.Campaign, Buyer: b.Buyer, Leg: b.Leg, Brand: b.Brand, Tier: b.Tier, Rank: b.Rank,
		Price: b.Price, Payout: b.Payout, Fixed: b.Fixed, TookUS: b.TookUS, Token: b.Token, Reason: b.Reason,
		Answer: b.Answer, Captures: b.Captures}
	switch {
	case b.Refusal != lead.NoRefusal:
		s.Verdict, s.Meaning = b.Refusal.String(), b.Refusal.Info().Meaning
	case b.Winner:
		s.Verdict = "winner"
	default:
		s.Verdict = "backup"
	}
	if b.Rule != "" {
		s.Why = append(s.Why, repeated(&b.Repeats))
	}
	return s
}

// weighed tells what a bid was worth by what was learned, also where that was only observed.
func (s *CampaignStory) weighed(b *ledger.Bid) {
	if len(b.Factors) > 0 {
		s.Factors, s.LastResort, s.Value = b.Factors, b.LastResort, worthOf(b)
	}
}

// lost tells of a bid in an auction what it was worth, and why it did not win.
func (s *CampaignStory) lost(auction *Ping, i int) {
	if e := auction.entryOf(i); e != nil && e.Worth() != e.Price {
		s.Value = e.Worth()
	}
	s.Lost, s.ShortBy = auction.lost(i)
	if l := auction.bidders[i]; l != nil && auction.route != nil && auction.bids[i].Refusal == lead.NoTier {
		s.Why = auction.outside(l)
	}
	if auction.bids[i].Refusal == lead.Territory {
		s.Why, s.Places = auction.holders()
	}
}

// inOrder puts campaigns into the order of decision: winners and those that stand by, by rank; bids that lost;
// campaigns that were asked and do not bid; those that were not asked, for what hangs on state, then their schedule,
// then their criteria.
func inOrder(list []CampaignStory) {
	class := func(s *CampaignStory) int {
		no, _ := lead.RefusalByName(s.Verdict)
		switch {
		case s.Rank > 0:
			return 0
		case s.Price > 0:
			return 1
		case no == lead.CriteriaMismatch:
			return 5
		case no == lead.Closed:
			return 4
		case no >= lead.CriteriaMismatch && no < lead.BelowFloor:
			return 3
		}
		return 2
	}
	slices.SortStableFunc(list, func(a, b CampaignStory) int {
		return cmp.Or(cmp.Compare(class(&a), class(&b)), cmp.Compare(a.Rank, b.Rank), cmp.Compare(b.Price, a.Price))
	})
}

// closed adds the schedules that kept the campaign from being asked.
func (s *CampaignStory) closed(c *buyers.Campaign, h *history.History) {
	if h.Pinged.Test {
		return // a test is asked at any time
	}
	for _, x := range c.Closed(h.Pinged.At) {
		s.Why, s.Places = append(s.Why, x.Why), append(s.Places, x.Place)
	}
}

// unmet explains the criteria that a lead does not meet, all or the first, and says where each stands.
func unmet(c *buyers.Campaign, f *rules.Facts, all bool) (why, places []string) {
	for _, u := range c.Unmet(f, all) {
		why, places = append(why, u.Why), append(places, u.Place)
	}
	return why, places
}

// explainTried tells why campaigns had no attempt when their turn came. Their criteria are judged again with what was
// sold before.
func explainTried(snap *Snapshot, h *history.History, all bool) (out []TriedStory) {
	var tried []ledger.Tried
	switch {
	case h.Settled != nil:
		tried = h.Settled.Tried
	case h.Waiting != nil:
		tried = h.Waiting.Tried
	}
	v := snap.Vertical(h.Pinged.Vertical)
	for _, t := range tried {
		s := TriedStory{Campaign: t.Campaign, Leg: t.Leg, Refusal: t.Refusal.String(),
			Meaning: t.Refusal.Info().Meaning}
		if t.Rule != "" {
			s.Why = append(s.Why, repeated(&t.Repeats))
		}
		c := snap.cfg.Book.Campaign(t.Campaign)
		if t.Refusal == lead.CriteriaMismatch && c != nil && v != nil && c.Vertical == v.ID {
			f := postFacts(h, h.Lead(v.Schema))
			f.Sold = h.SoldBefore(t.Campaign, t.Leg)
			s.Why, s.Places = unmet(c, f, all)
		}
		out = append(out, s)
	}
	return out
}

// pingAgain renders the campaign's ping once more, as it was sent if the configuration is still the same.
func (e *Exchange) pingAgain(snap *Snapshot, c *buyers.Campaign, h *history.History, l *lead.Lead) (string, error) {
	if h.Pinged.Test {
		c = c.AsTest
	}
	if c == nil || c.Ping == nil || h.Pinged.TestResult != "" {
		return "", nil
	}
	in := request.Inputs{Lead: l, LeadID: h.ID, Source: h.Pinged.Source, Vertical: h.Pinged.Vertical,
		Test: h.Pinged.Test, Now: h.Pinged.At}
	s, v := snap.source[in.Source], snap.vertical[in.Vertical]
	if s != nil {
		in.SourceName = s.Name
	}
	switch {
	case s != nil && v != nil:
		in.Left = s.SellLimit(v.Vertical)
	case v != nil:
		in.Left = v.Plan.SellLimit
	}
	b, err := c.Ping.Request.AppendRedacted(nil, &in)
	return string(b), err
}

func explainAttempt(a *history.Attempt) AttemptStory {
	p := a.Posting
	s := AttemptStory{Attempt: p.Attempt, Campaign: p.Campaign, Buyer: p.Buyer, At: p.At, PingPrice: p.Price,
		Payout: p.Payout, Hold: p.Charges, Request: p.Private.Request, Outcome: a.Outcome().String(), HoldIs: "kept",
		Leg: p.Leg, Round: p.Round, Brand: p.Brand, With: p.With, Again: p.Again, Resends: len(a.Resends)}
	if q := a.Posted; q != nil {
		s.Backup = q.Backup
		s.Reason, s.Reference, s.AnswerPrice, s.Booked, s.Status, s.TookUS, s.Answer = q.Reason, q.Reference,
			q.AnswerPrice, q.Price, q.Status, q.TookUS, q.Private.Answer
		s.AnswerText = q.AnswerPriceText
		if q.Refusal != lead.NoRefusal {
			s.Refusal = q.Refusal.String()
		}
	}
	if r := a.Resolved; r != nil {
		s.Resolved, s.Booked, s.Reference = r.Why+" ("+r.By+")", r.Price, r.Reference
	}
	for _, c := range a.Changes {
		x := ChangeStory{At: c.At, What: c.Adjustment, Is: bookedBy(c), Oversold: c.Oversold, Ref: c.Ref, Why: c.Why,
			By: c.By}
		if c.Was != nil {
			x.Was = *c.Was
		}
		s.Changes = append(s.Changes, x)
	}
	if b := a.Booked(); b.Outcome == lead.Accepted {
		s.Booked, s.Payout, s.Reference = b.Price, b.Payout, b.Reference
	}
	switch o := a.Outcome(); {
	case p.Test:
		s.HoldIs = "none"
	case o == lead.Accepted:
		s.HoldIs = "committed"
	case !o.Standing():
		s.HoldIs = "released"
		s.Booked, s.Payout = 0, 0
	}
	return s
}
