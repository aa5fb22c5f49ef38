// SPDX-License-Identifier: Apache-2.0

package exchange

import "clearpost/lead"

// Amount is an amount as sellers see it: a JSON number with two decimals at least.
type Amount lead.Money

// MarshalJSON implements json.Marshaler.
func (a Amount) MarshalJSON() ([]byte, error) { return lead.Money(a).Append(nil), nil }

// UnmarshalJSON implements json.Unmarshaler.
func (a *Amount) UnmarshalJSON(b []byte) error {
	m, err := lead.ParseMoney(b)
	*a = Amount(m)
	return err
}

// Answer is a Reply as sellers read it. Which fields are there depends on the call and its result; their order is
// fixed.
type Answer struct {
	Result       string       `json:"result"`
	Test         bool         `json:"test,omitempty"`
	PingID       string       `json:"ping_id,omitempty"`
	LeadID       string       `json:"lead_id,omitempty"`
	SellerLeadID string       `json:"seller_lead_id,omitempty"`
	ID           string       `json:"id,omitempty"`
	Price        *Amount      `json:"price,omitempty"`
	Currency     string       `json:"currency,omitempty"`
	ExpiresAt    string       `json:"expires_at,omitempty"`
	Reason       string       `json:"reason,omitempty"`
	Details      string       `json:"details,omitempty"`
	Reference    string       `json:"reference,omitempty"`
	StatusURL    string       `json:"status_url,omitempty"`
	RedirectURL  string       `json:"redirect_url,omitempty"`
	Sales        []AnswerSale `json:"sales,omitempty"`

	Resubmits     string `json:"resubmits,omitempty"`
	ResubmittedAs string `json:"resubmitted_as,omitempty"`
}

// AnswerSale is one sale of several.
type AnswerSale struct {
	ID          string `json:"id"`
	Price       Amount `json:"price"`
	RedirectURL string `json:"redirect_url,omitempty"`
}

// ExpiresLayout is RFC 3339 in UTC with milliseconds, as quotes have it.
const ExpiresLayout = "2006-01-02T15:04:05.000Z"

// Answer is the reply as sellers read it.
func (r *Reply) Answer() Answer {
	a := Answer{Result: r.Result, Test: r.Test, SellerLeadID: r.SellerLeadID}
	id := ""
	if !r.LeadID.IsZero() {
		id = r.LeadID.String()
	}
	switch {
	case r.Quote:
		a.PingID = id
		if r.Result == lead.ResultSuccess {
			p := Amount(r.Price)
			a.Price, a.Currency = &p, r.Currency
			a.ExpiresAt = r.ExpiresAt.UTC().Format(ExpiresLayout)
		}
	default:
		a.LeadID = id
	}
	if !r.Resubmits.IsZero() {
		a.Resubmits = r.Resubmits.String()
	}
	if !r.ResubmittedAs.IsZero() {
		a.ResubmittedAs = r.ResubmittedAs.String()
	}
	switch r.Result {
	case lead.ResultFailure:
		a.Reason, a.Details, a.Reference = r.Refusal.Info().Published, r.Details, r.Reference
	case lead.ResultPending, lead.ResultQueued:
		a.StatusURL = "/v1/leads/" + id
	case lead.ResultSuccess:
		if r.Quote {
			break
		}
		p := Amount(r.Price)
		a.ID, a.Price, a.Currency = r.Reference, &p, r.Currency
		for _, x := range r.Sales {
			if a.RedirectURL == "" {
				a.RedirectURL = x.Redirect
			}
			if len(r.Sales) > 1 {
				a.Sales = append(a.Sales, AnswerSale{x.ID, Amount(x.Price), x.Redirect})
			}
		}
	}
	return a
}
