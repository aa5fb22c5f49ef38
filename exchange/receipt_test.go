// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"testing"
	"time"

	"clearpost/buyers"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/wire"
	"clearpost/wire/answer"
)

// The backup URL has its turn where not a byte went to the first, and only then: within the same attempt.
func TestBackupURLHasItsTurnOnlyWhenNothingWasSent(t *testing.T) {
	unsent := func(no lead.Refusal) exchangetest.Answer { return exchangetest.Answer{Refusal: no, Unsent: true} }
	for name, c := range map[string]struct {
		first   exchangetest.Answer
		outcome lead.Outcome
		backups int
	}{
		"unreachable":      {unsent(lead.Unreachable), lead.Accepted, 1},
		"no handshake":     {unsent(lead.TLSFailed), lead.Accepted, 1},
		"blocked":          {unsent(lead.BlockedAddress), lead.Accepted, 1},
		"no connection":    {unsent(lead.NoConnection), lead.Accepted, 1},
		"a limit of ours":  {unsent(lead.InFlightLimit), lead.NotSent, 0},
		"no time":          {unsent(lead.NoTimeLeft), lead.NotSent, 0},
		"lost after bytes": {exchangetest.Answer{Refusal: lead.ConnectionLost}, lead.Unknown, 0},
		"gone after bytes": {exchangetest.Answer{Refusal: lead.Unreachable}, lead.Unknown, 0},
		"silence":          {exchangetest.Silence(), lead.Unknown, 0},
		"declined":         {exchangetest.Decline("no"), lead.Rejected, 0},
		"sold":             {exchangetest.Accept("r"), lead.Accepted, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := cappedOne()
			s.Campaigns[0].Post = exchangetest.Always(c.first)
			s.Campaigns[0].Backup = exchangetest.Always(exchangetest.Accept("via backup"))
			exchangetest.Run(t, s, func(x *rig) {
				id := x.Quote(8*dollar, nil)
				r, f := x.Post(id, nil, nil)
				if f != nil {
					t.Fatal(f)
				}
				if n := len(x.Buyers.Calls("a", exchangetest.Backup)); n != c.backups {
					t.Errorf("%d calls of the backup URL", n)
				}
				ev := exchangetest.Last[*ledger.Posted](x, id)
				if ev.Outcome != c.outcome || ev.Backup != (c.backups == 1) {
					t.Errorf("posted: %+v", ev)
				}
				if c.backups == 1 {
					wantSold(t, r, f, 8*dollar)
					if r.Reference != "via backup" || ev.Private.Request == nil {
						t.Errorf("reply: %+v, posted %+v", r, ev)
					}
				}
				if n := len(exchangetest.All[*ledger.Posting](x, id)); n != 1 {
					t.Errorf("%d attempts", n)
				}
				wantUsed(x, "a", map[bool]int64{true: 1, false: 0}[c.outcome.Standing()])
			})
		})
	}
}

// Of two URLs nobody can tell which one a crash cut off: neither is asked again.
func TestAttemptWithABackupURLThatACrashCutOffIsNotSentAgain(t *testing.T) {
	s := cappedOne()
	s.Campaigns[0].Spec = resends(3)
	s.Campaigns[0].Post = exchangetest.Always(exchangetest.Accept("r").In(time.Second))
	s.Campaigns[0].Backup = exchangetest.Always(exchangetest.Accept("r"))
	exchangetest.Run(t, s, func(x *rig) {
		id := x.Quote(8*dollar, nil)
		heard := post(x, id)
		x.Sleep(100 * time.Millisecond)
		x.Crash()
		x.Exchange.Warm()
		x.Sleep(time.Minute)
		wantPosted(x, "a")
		wantPending(t, x.Status(id), nil)
		if x.Exchange.Pursued() != 0 || len(x.Open()) != 1 {
			t.Errorf("%d are pursued", x.Exchange.Pursued())
		}
		<-heard
	})
}

// A resend goes to the URL that the first went to.
func TestResendGoesTheWayOfTheFirst(t *testing.T) {
	s := cappedOne()
	s.Campaigns[0].Spec = resends(3)
	s.Campaigns[0].Post = unreachable
	s.Campaigns[0].Backup = exchangetest.Script(exchangetest.Silence(), exchangetest.Accept("r"))
	exchangetest.Run(t, s, func(x *rig) {
		x.Exchange.Warm()
		id := x.Quote(8*dollar, nil)
		r, f := x.Post(id, nil, nil)
		wantPending(t, r, f)
		x.Sleep(5 * time.Second)
		wantSold(t, x.Status(id), nil, 8*dollar)
		sent := x.Buyers.Calls("a", exchangetest.Backup)
		if len(sent) != 2 || sent[0].Bytes != sent[1].Bytes || len(x.Buyers.Calls("a", exchangetest.Post)) != 1 {
			t.Errorf("sent: %+v", sent)
		}
		if ev := exchangetest.Last[*ledger.Posted](x, id); !ev.Backup || ev.Again != ledger.AgainResend {
			t.Errorf("posted: %+v", ev)
		}
	})
}

func TestRedirectAndWhatCameOfATornAnswerAreKept(t *testing.T) {
	s := one()
	s.Campaigns[0].Post = exchangetest.Script(exchangetest.Accept("r", "redirect", "https://buyer.example/welcome"),
		exchangetest.Torn(`{"status":"acc`))
	exchangetest.Run(t, s, func(x *rig) {
		id := x.Quote(8*dollar, nil)
		r, f := x.Post(id, nil, nil)
		wantSold(t, r, f, 8*dollar)
		if r.Sales[0].Redirect != "https://buyer.example/welcome" ||
			x.Status(id).Sales[0].Redirect != "https://buyer.example/welcome" {
			t.Errorf("sales: %+v", r.Sales)
		}
		r, f = x.LeadNow(values{"phone": "2127365001"}, nil)
		wantPending(t, r, f)
		if kept := exchangetest.Last[*ledger.Posted](x, r.LeadID).Private.Answer; kept == nil ||
			kept.Text != `{"status":"acc` {
			t.Errorf("kept: %+v", kept)
		}
	})
}

func TestCampaignCountsHowItsPostsEnd(t *testing.T) {
	s := sellTo(1, campaign{ID: "a", Price: 10 * dollar, Post: exchangetest.Script(exchangetest.Accept("r"),
		exchangetest.Decline("no"), exchangetest.Unreachable(), exchangetest.Silence())})
	exchangetest.Run(t, s, func(x *rig) {
		for i := range 4 {
			if _, f := x.LeadNow(values{"phone": "212736500" + string(rune('0'+i))}, nil); f != nil {
				t.Fatal(f)
			}
		}
		l := x.Exchange.Campaigns()[0]
		if l.Posted.Load() != 4 || l.Accepted.Load() != 1 || l.Rejected.Load() != 2 || l.Unknown.Load() != 1 {
			t.Errorf("posted %d, accepted %d, rejected %d, unknown %d", l.Posted.Load(), l.Accepted.Load(),
				l.Rejected.Load(), l.Unknown.Load())
		}
		st := &x.Exchange.Stats
		if st.Posts.Load() != 4 || st.Sold.Load() != 1 || st.Unsold.Load() != 2 || st.Pending.Load() != 1 {
			t.Errorf("posts %d, sold %d, unsold %d, pending %d", st.Posts.Load(), st.Sold.Load(), st.Unsold.Load(),
				st.Pending.Load())
		}
	})
}

// An accepting post whose answer has no positive price is a sale at the fallback of the rules, else at the bid; what
// stood in the price's place is in the event.
func TestSaleWithoutAPriceInItsAnswer(t *testing.T) {
	for _, c := range []struct {
		byPost           bool
		fallback, answer string
		booked, answered lead.Money
		text             string
	}{
		{true, "12.50", `"price":7.25`, 7_250_000, 7_250_000, ""},
		{true, "12.50", `"price":null`, 12_500_000, 0, ""},
		{true, "12.50", `"price":0`, 12_500_000, 0, "0"},
		{true, "12.50", `"price":"-3.00"`, 12_500_000, 0, "-3.00"},
		{true, "", `"price":"-3.00"`, 20 * dollar, 0, "-3.00"},
		{true, "", `"price":null`, 20 * dollar, 0, ""},
		{false, "12.50", `"price":0.00`, 20 * dollar, 0, "0.00"},
	} {
		s := sellTo(1, campaign{ID: "a", Price: 20 * dollar, Post: exchangetest.Always(exchangetest.Answer{
			Body: `{"status":"accepted",` + c.answer + `}`}), Spec: func(spec *buyers.CampaignSpec) {
			if c.byPost {
				paysPost(spec)
			}
			if c.fallback != "" {
				spec.Post.Answer.Price = &answer.ValueSpec{Path: "price", Fallback: wire.Text(c.fallback)}
			}
		}})
		exchangetest.Run(t, s, func(x *rig) {
			r, f := x.LeadNow(nil, nil)
			wantSold(t, r, f, c.booked.MulPPM(800_000).FloorCents())
			p := exchangetest.Last[*ledger.Posted](x, r.LeadID)
			if p.Price != c.booked || p.AnswerPrice != c.answered || p.AnswerPriceText != c.text ||
				p.Payout != r.Price {
				t.Errorf("%+v: booked %s, payout %s, answered %s %q", c, p.Price, p.Payout, p.AnswerPrice,
					p.AnswerPriceText)
			}
		})
	}
}

// A buyer whose status says no while its body says yes may have bought the lead: nobody else gets it.
func TestNoByStatusAndYesByBodyIsUnknown(t *testing.T) {
	for _, status := range []int{400, 401, 403, 503} {
		s := sellTo(1, campaign{ID: "a", Price: 10 * dollar, Fixed: true, Post: exchangetest.Always(exchangetest.Answer{
			Status: status, Body: `{"status":"accepted"}`})}, campaign{ID: "b", Price: 9 * dollar})
		exchangetest.Run(t, s, func(x *rig) {
			r, f := x.Post(x.Quote(8*dollar, nil), nil, nil)
			wantPending(t, r, f)
			wantPosted(x, "a")
		})
	}
}
