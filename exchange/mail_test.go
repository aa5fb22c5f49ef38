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
	"clearpost/wire/request"
)

// byMail is a campaign whose leads go by e-mail, and what its server says.
func byMail(server exchangetest.Buyer, more func(*buyers.CampaignSpec)) campaign {
	return campaign{ID: "a", Price: 25 * dollar, Fixed: true, Post: server, Spec: func(c *buyers.CampaignSpec) {
		capped(50)(c)
		c.Post = &buyers.EndpointSpec{Mail: &buyers.LetterSpec{Server: "smtp.exchange.example",
			From: "leads@exchange.example", To: []string{"desk@harbor.example"}, Subject: "Lead in {{ zip }}"},
			Request: request.Spec{Body: "Phone: {{ phone }}\nLead: {{ lead_id }}\n"}}
		if more != nil {
			more(c)
		}
	}}
}

func mailServer(status int, text string) exchangetest.Answer {
	return exchangetest.Answer{Status: status, Type: "text/plain", Body: text}
}

func TestALeadIsSoldByEmailWhenTheServerHasTakenIt(t *testing.T) {
	server := exchangetest.Always(mailServer(250, "250 2.0.0 OK id=1wXyZ-00 no errors"))
	exchangetest.Run(t, sellTo(1, byMail(server, nil)), func(x *rig) {
		r, f := x.LeadNow(exchangetest.Values{"phone": "2125551234", "zip": "10001"}, nil)
		wantSold(t, r, f, 20*dollar)
		p := exchangetest.Last[*ledger.Posting](x, r.LeadID)
		want := "From: leads@exchange.example\r\nTo: desk@harbor.example\r\nSubject: Lead in 10001\r\nMessage-ID: <" +
			p.Attempt.String() + "@clearpost>\r\n\r\nPhone: +12125551234\nLead: " + r.LeadID.String() + "\n"
		if p.Private.Request.Text != want {
			t.Errorf("kept: %q, expected %q", p.Private.Request.Text, want)
		}
		if q := exchangetest.Last[*ledger.Posted](x, r.LeadID); q.Status != 250 || q.Outcome != lead.Accepted {
			t.Errorf("%+v", q)
		}
	})
}

// What the server refuses goes to the next buyer; what may have reached it to nobody.
func TestARefusedEmailIsNoSaleAndACutOneIsHeld(t *testing.T) {
	for name, c := range map[string]struct {
		server exchangetest.Answer
		next   bool
	}{
		"no such mailbox": {mailServer(550, "RCPT TO: 550 no such mailbox"), true},
		"too busy":        {mailServer(421, "421 try later"), true},
		"nobody there":    {exchangetest.Unreachable(), true},
		"cut before":      {exchangetest.Answer{Refusal: lead.WriteFailed, Unsent: true}, true},
		"cut after":       {exchangetest.Answer{Refusal: lead.ConnectionLost, Body: "EOF"}, false},
		"silence":         {exchangetest.Silence(), false},
	} {
		t.Run(name, func(t *testing.T) {
			s := sellTo(1, byMail(exchangetest.Always(c.server), nil),
				campaign{ID: "b", Price: 20 * dollar, Fixed: true})
			exchangetest.Run(t, s, func(x *rig) {
				r, f := x.LeadNow(exchangetest.Values{}, nil)
				x.Sleep(time.Minute)
				if c.next {
					wantSold(t, r, f, 16*dollar)
					wantUsed(x, "a", 0)
					return
				}
				wantPending(t, x.Status(r.LeadID), nil)
				wantUsed(x, "a", 1)
				if posted := x.Buyers.Posted(); len(posted) != 1 {
					t.Errorf("posted to %v", posted)
				}
			})
		})
	}
}

// A server that is away, or says "later", has the lead later, where its campaign waits for that.
func TestEmailsWaitForTheirServer(t *testing.T) {
	for name, first := range map[string]exchangetest.Answer{"away": exchangetest.Unreachable(),
		"later": mailServer(451, "451 4.7.1 greylisted"), "full": mailServer(552, "552 mailbox full")} {
		t.Run(name, func(t *testing.T) {
			server := exchangetest.Script(first, first, mailServer(250, "250 OK"))
			s := sellTo(1, byMail(server, func(c *buyers.CampaignSpec) {
				c.Defer = &buyers.DeferSpec{RetryOn: wire.Scalars{{Kind: wire.ScalarNumber, Text: "451"},
					{Kind: wire.ScalarNumber, Text: "552"}}}
			}))
			exchangetest.Run(t, s, func(x *rig) {
				x.Exchange.Warm()
				r, f := x.LeadNow(exchangetest.Values{}, nil)
				wantPending(t, r, f)
				x.Sleep(time.Hour)
				wantSold(t, x.Status(r.LeadID), nil, 20*dollar)
				if n := len(x.Buyers.Calls("a", exchangetest.Post)); n != 3 {
					t.Errorf("%d e-mails", n)
				}
			})
		})
	}
}
