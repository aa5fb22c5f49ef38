// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"time"

	"github.com/valyala/fasthttp"

	"clearpost/lead"
)

// Standing is how a buyer with terms of payment pays. Days are dates in its zone.
type Standing struct {
	Buyer    string      `json:"buyer"`
	Currency string      `json:"currency,omitempty"` // "": nothing was booked yet
	Terms    string      `json:"terms"`              // in words, such as net 30 days
	Credit   *lead.Money `json:"credit_limit_micros,omitempty"`
	Owes     lead.Money  `json:"owes_micros"`    // below zero: it has paid beforehand
	Overdue  lead.Money  `json:"overdue_micros"` // of it what was due before today
	Due      string      `json:"oldest_due,omitempty"`
	DaysLate int         `json:"days_late"`
	Pays     string      `json:"standing"`        // good, overdue, slow or stopped
	Since    *time.Time  `json:"since,omitempty"` // when that was written down; absent: good
	// what becomes of it, and on which day, if nothing is paid; absent: nothing
	Next   string `json:"next,omitempty"`
	NextOn string `json:"next_on,omitempty"`
	// for how many days what it has paid was owed, on average: of all payments, and of the last ten
	MeanDays   *float64 `json:"days_to_pay,omitempty"`
	RecentDays *float64 `json:"days_to_pay_recent,omitempty"`
	LastPaid   string   `json:"last_paid,omitempty"`
	// each currency in which something was booked; above stands the one in which it is worst
	Accounts []StandingIn `json:"accounts,omitempty"`
}

// StandingIn is what a buyer owes in one currency.
type StandingIn struct {
	Currency string     `json:"currency"`
	Owes     lead.Money `json:"owes_micros"`
	Overdue  lead.Money `json:"overdue_micros"`
	Due      string     `json:"oldest_due,omitempty"` // the oldest day on which something was due that is not paid
}

// standings tells how buyers pay: GET /v1/standings.
func (s *Server) standings(ctx *fasthttp.RequestCtx) {
	out, err := s.hooks.Standings(s.stop, false)
	if err != nil {
		fail(ctx, 503, err.Error())
		return
	}
	write(ctx, 200, out)
}

// stand has a payment count at once for how its buyer stands; if that does not work it does within seconds.
func (s *Server) stand() {
	if s.hooks.Standings != nil && len(s.ex.Payers()) > 0 {
		_, _ = s.hooks.Standings(s.stop, true)
	}
}
