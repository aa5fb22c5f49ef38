// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"errors"
	"fmt"
	"time"

	"github.com/valyala/fasthttp"

	"clearpost/exchange"
	"clearpost/lead"
)

// Balance is the account of a buyer.
type Balance struct {
	Buyer    string     `json:"buyer"`
	Currency string     `json:"currency,omitempty"`
	Balance  lead.Money `json:"balance_micros"` // paid in, less what it has bought and what is held
	Held     int64      `json:"held"`           // attempts whose end is not known
	Credit   lead.Money `json:"credit_limit_micros"`
	Room     lead.Money `json:"room_micros"` // what it may still buy for
}

// Deposit is the body of a booking in an account.
type Deposit struct {
	Buyer  string `json:"buyer"`
	Amount string `json:"amount"` // such as 500.00; below zero: paid back
	Ref    string `json:"ref,omitempty"`
	DryRun bool   `json:"dry_run,omitempty"` // it is looked at, and nothing is booked
	Why    string `json:"why"`
	By     string `json:"by,omitempty"`
}

// Booked is the answer: the account after it, and whether anything was written.
type Booked struct {
	Changed bool    `json:"changed"`
	Account Balance `json:"account"`
}

func (s *Server) balances(ctx *fasthttp.RequestCtx) {
	out := []Balance{}
	for _, b := range s.ex.Balances() {
		out = append(out, accountOf(&b))
	}
	write(ctx, 200, out)
}

func accountOf(b *exchange.Balance) Balance {
	return Balance{Buyer: b.Buyer, Currency: b.Currency, Balance: b.Balance, Held: b.Held, Credit: b.Credit,
		Room: b.Room()}
}

func (s *Server) book(ctx *fasthttp.RequestCtx) {
	var in Deposit
	if !read(ctx, &in) {
		return
	}
	m, err := lead.ParseMoney([]byte(in.Amount))
	if err != nil || m == 0 || m%lead.Cent != 0 {
		err = fmt.Errorf("amount %q: expected whole cents such as 500.00, or -500.00 for what is paid back", in.Amount)
	}
	if err = errors.Join(told(in.Buyer, in.Ref, in.Why, in.By), err); err != nil {
		fail(ctx, 400, err.Error())
		return
	}
	changed, err := s.ex.Book(exchange.Deposit{Buyer: in.Buyer, Amount: m, Ref: in.Ref, Dry: in.DryRun, Why: in.Why,
		By: in.By})
	if err != nil {
		status := 503
		if errors.Is(err, exchange.ErrNoBalance) {
			status = 404
		}
		fail(ctx, status, err.Error())
		return
	}
	s.stand()
	out := Booked{Changed: changed}
	for _, b := range s.ex.Balances() {
		if b.Buyer == in.Buyer {
			out.Account = accountOf(&b)
		}
	}
	write(ctx, 200, out)
}

// Counted is what another system has counted of one cap.
type Counted struct {
	Cap    string `json:"cap"` // its name, as clearpost caps has it
	Value  string `json:"value,omitempty"`
	Window string `json:"window,omitempty"` // absent: the window of now
	Count  string `json:"count"`            // an amount such as 1250.00 where money is counted
	Ref    string `json:"ref,omitempty"`
}

// SoldBefore is a lead that another system has sold.
type SoldBefore struct {
	Rule     string            `json:"rule"`
	Vertical string            `json:"vertical,omitempty"` // whose fields values are of; absent: the first of the rule
	SoldAt   string            `json:"sold_at"`            // such as 2026-03-02T17:04:05Z, or 2026-03-02
	Values   map[string]string `json:"values"`             // by field
	Ref      string            `json:"ref,omitempty"`
}

// Import is the body of an import, of counts or of leads that were sold.
type Import struct {
	Counts []Counted    `json:"counts,omitempty"`
	Sold   []SoldBefore `json:"sold,omitempty"`
	DryRun bool         `json:"dry_run,omitempty"`
	Why    string       `json:"why"`
	By     string       `json:"by,omitempty"`
}

func (s *Server) imports(ctx *fasthttp.RequestCtx) {
	var in Import
	if !read(ctx, &in) {
		return
	}
	if n := len(in.Counts) + len(in.Sold); n == 0 || n > exchange.ImportsMax || len(in.Counts) > 0 && len(in.Sold) > 0 {
		fail(ctx, 400, fmt.Sprintf("expected 1 to %d of counts, or of sold", exchange.ImportsMax))
		return
	}
	if len(in.Sold) > 0 {
		s.importSold(ctx, &in)
		return
	}
	of := map[string]string{}
	for _, c := range s.ex.Caps() {
		of[c.Title()] = c.Of
	}
	var list []exchange.Counted
	for i, c := range in.Counts {
		m, err := lead.ParseMoney([]byte(c.Count))
		n := int64(m)
		if of[c.Cap] != lead.OfSpend {
			if n = int64(m / lead.Unit); m%lead.Unit != 0 {
				err = errors.New("no whole number")
			}
		}
		if err != nil || n <= 0 {
			err = fmt.Errorf("[%d] %s: count %q: expected a number above 0, or an amount of money", i, c.Cap, c.Count)
		} else {
			err = told(c.Cap, c.Ref, in.Why, in.By)
		}
		if err != nil {
			fail(ctx, 400, err.Error())
			return
		}
		list = append(list, exchange.Counted{Cap: c.Cap, Value: c.Value, Window: c.Window, N: n, Ref: c.Ref})
	}
	out, err := s.ex.Import(list, in.DryRun, in.Why, in.By)
	imported(ctx, out, err)
}

// importSold takes leads over that another system has sold.
func (s *Server) importSold(ctx *fasthttp.RequestCtx, in *Import) {
	var list []exchange.SoldBefore
	for i, r := range in.Sold {
		at, err := time.Parse(time.RFC3339, r.SoldAt)
		if err != nil {
			at, err = time.Parse(time.DateOnly, r.SoldAt)
		}
		if err != nil {
			err = fmt.Errorf("[%d] %s: sold_at %q: expected a time such as 2026-03-02T17:04:05Z, or a date", i, r.Rule,
				r.SoldAt)
		} else {
			err = told(r.Rule, r.Ref, in.Why, in.By)
		}
		if err != nil {
			fail(ctx, 400, err.Error())
			return
		}
		list = append(list, exchange.SoldBefore{Rule: r.Rule, Vertical: r.Vertical, At: at, Values: r.Values,
			Ref: r.Ref})
	}
	out, err := s.ex.ImportSold(list, in.DryRun, in.Why, in.By)
	imported(ctx, out, err)
}

// imported answers an import.
func imported[T any](ctx *fasthttp.RequestCtx, out []T, err error) {
	switch {
	case errors.Is(err, exchange.ErrNotBooked), errors.Is(err, exchange.ErrMaybeBooked):
		fail(ctx, 503, err.Error())
	case err != nil:
		fail(ctx, 400, err.Error())
	default:
		write(ctx, 200, out)
	}
}
