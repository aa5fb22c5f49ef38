// SPDX-License-Identifier: Apache-2.0

package report

import (
	"errors"
	"unsafe"

	"github.com/tidwall/gjson"

	"clearpost/lead"
	"clearpost/ledger"
)

// What the view reads of events. The rest of an event is skipped: most of it is the requests and answers. Its texts are
// those of the record, which is the ledger's: what is kept longer than the event is copied.

type head struct {
	Source   string
	Vertical string
	Test     bool
}

// event is what is read of an event of any kind.
type event struct {
	head
	Mode, Currency, SellerLeadID, Result string
	Refusal                              lead.Refusal
	Price, Payout                        int64
	Bids                                 gjson.Result
	Post                                 bool
	Attempt, Of                          lead.ID
	Again, Campaign, Buyer, Brand        string
	Reference, Adjustment, Fate          string
	Rank, Leg, Status, TookUS            int64
	Outcome                              lead.Outcome
	resubmits                            link
	Charges                              gjson.Result
	fields                               fields
}

// fields are what the view reads of a lead's fields.
type fields struct {
	state, zip, sub1, sub2, sub3, first, last string
	people                                    []string // normal phone numbers and e-mail addresses
}

// read reads an object of fields. What was read before it stands.
func (f *fields) read(r gjson.Result) {
	r.ForEach(func(k, v gjson.Result) bool {
		if v.Type != gjson.String || v.Str == "" {
			return true
		}
		switch k.Str {
		case "state":
			set(&f.state, v.Str)
		case "zip":
			set(&f.zip, v.Str)
		case "sub_id":
			set(&f.sub1, v.Str)
		case "sub_id2":
			set(&f.sub2, v.Str)
		case "sub_id3":
			set(&f.sub3, v.Str)
		case "first_name":
			set(&f.first, v.Str)
		case "last_name":
			set(&f.last, v.Str)
		}
		if kindOf(v.Str) != "" {
			f.people = append(f.people, v.Str)
		}
		return true
	})
}

func set(to *string, text string) {
	if *to == "" {
		*to = text
	}
}

var errEvent = errors.New("an event that cannot be read")

// read reads an event's bytes.
func (e *event) read(b []byte) (err error) {
	people := e.fields.people[:0]
	*e = event{}
	e.fields.people = people
	if !gjson.ValidBytes(b) {
		return errEvent
	}
	gjson.Parse(unsafe.String(unsafe.SliceData(b), len(b))).ForEach(func(k, v gjson.Result) bool {
		err = e.take(k.Str, v)
		return err == nil
	})
	return err
}

// take takes one member of an event.
func (e *event) take(key string, v gjson.Result) (err error) {
	switch key {
	case "source":
		e.Source = v.Str
	case "vertical":
		e.Vertical = v.Str
	case "test":
		e.Test = v.Bool()
	case "mode":
		e.Mode = v.Str
	case "currency":
		e.Currency = v.Str
	case "seller_lead_id":
		e.SellerLeadID = v.Str
	case "result":
		e.Result = v.Str
	case "refusal":
		e.Refusal, err = refusalOf(v)
	case "price_micros":
		e.Price = v.Int()
	case "payout_micros":
		e.Payout = v.Int()
	case "bids":
		e.Bids = v
	case "fields":
		e.fields.read(v)
	case "charges":
		e.Charges = v
	case "resubmits":
		e.resubmits, err = linkOf(v)
	case "private":
		e.fields.read(v.Get("fields"))
	case "post":
		e.Post = true
		e.SellerLeadID = v.Get("seller_lead_id").Str
		e.fields.read(v.Get("fields"))
	default:
		return e.takeOfAttempt(key, v)
	}
	return err
}

func (e *event) takeOfAttempt(key string, v gjson.Result) (err error) {
	switch key {
	case "attempt":
		if v.Str != "" { // of no attempt: pauses, deposits, caps
			e.Attempt, err = lead.ParseID(v.Str)
		}
	case "of":
		e.Of, err = lead.ParseID(v.Str)
	case "again":
		e.Again = v.Str
	case "campaign":
		e.Campaign = v.Str
	case "buyer":
		e.Buyer = v.Str
	case "brand":
		e.Brand = v.Str
	case "reference":
		e.Reference = v.Str
	case "adjustment":
		e.Adjustment = v.Str
	case "fate":
		e.Fate = v.Str
	case "rank":
		e.Rank = v.Int()
	case "leg":
		e.Leg = v.Int()
	case "status":
		e.Status = v.Int()
	case "took_us":
		e.TookUS = v.Int()
	case "outcome":
		e.Outcome, err = lead.ParseOutcome(v.Str)
	}
	return err
}

func refusalOf(v gjson.Result) (lead.Refusal, error) {
	n := v.Int()
	if n < 0 || n > 1<<16-1 {
		return 0, errEvent
	}
	return lead.Refusal(n), nil
}

// changes tells whether it says how an attempt stands from now on.
func (e *event) changes() bool {
	switch e.Adjustment {
	case ledger.AdjustResolved, ledger.AdjustCorrected, ledger.AdjustRebooked:
		return true
	}
	return false
}

// bid is what is read of one bid of a ping.
type bid struct {
	Campaign string
	Buyer    string
	Leg      int64
	Price    int64
	Winner   bool
	Fixed    bool
	TookUS   int64
	Refusal  lead.Refusal
}

func (b *bid) read(r gjson.Result) (err error) {
	*b = bid{}
	r.ForEach(func(k, v gjson.Result) bool {
		switch k.Str {
		case "campaign":
			b.Campaign = v.Str
		case "buyer":
			b.Buyer = v.Str
		case "leg":
			b.Leg = v.Int()
		case "price_micros":
			b.Price = v.Int()
		case "winner":
			b.Winner = v.Bool()
		case "fixed":
			b.Fixed = v.Bool()
		case "took_us":
			b.TookUS = v.Int()
		case "refusal":
			b.Refusal, err = refusalOf(v)
		}
		return err == nil
	})
	return err
}

// asked tells whether a request went out for it.
func (b *bid) asked() bool {
	switch {
	case b.Fixed:
		return false
	case b.Refusal == lead.BidExpired, b.Refusal == lead.Excluded && b.TookUS > 0: // judged by its answer
		return true
	}
	return b.Refusal < 200 || b.Refusal >= 300
}

// answered tells whether a whole answer came in time.
func (b *bid) answered() bool {
	return b.asked() && (b.Refusal < 100 || b.Refusal >= 200) && b.Refusal != lead.ClosedEarly
}

// listed tells whether there is a list price, for which nobody is asked.
func (b *bid) listed() bool { return b.Fixed && (b.Refusal < 200 || b.Refusal >= 300) }

// offers tells whether there is a price, asked for or listed.
func (b *bid) offers() bool { return b.Price > 0 && (b.answered() || b.listed()) }

// capped tells whether a cap or a budget kept it back.
func (b *bid) capped() bool {
	return b.Refusal == lead.CapReached || b.Refusal == lead.BudgetSpent || b.Refusal == lead.Paced
}
