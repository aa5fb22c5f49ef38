// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"fmt"
	"regexp"
	"time"

	"github.com/goccy/go-json"

	"clearpost/lead"
)

// Years that a time may have. Others cannot be read back from JSON, or are nobody's.
const (
	yearMin = 1970
	yearMax = 9998
)

// checkTimes refuses an event that could not be read back: everything else that is encoded can be.
func checkTimes(e Event) error {
	check := func(name string, t time.Time) error {
		if y := t.UTC().Year(); !t.IsZero() && (y < yearMin || y > yearMax) {
			return fmt.Errorf("ledger: %s: %s in the year %d: expected %d to %d", e.Header().Kind, name, y, yearMin,
				yearMax)
		}
		return nil
	}
	err := check("at", e.Header().At)
	switch e := e.(type) {
	case *Pinged:
		err = firstError(err, check("received_at", e.ReceivedAt), check("expires_at", e.ExpiresAt))
		for i := range e.Bids {
			err = firstError(err, check("a bid's expires_at", e.Bids[i].Expires))
		}
	case *Posting:
		if e.Post != nil {
			err = firstError(err, check("received_at", e.Post.ReceivedAt))
		}
	case *Settled:
		if e.Post != nil {
			err = firstError(err, check("received_at", e.Post.ReceivedAt))
		}
	}
	return err
}

func firstError(all ...error) error {
	for _, err := range all {
		if err != nil {
			return err
		}
	}
	return nil
}

// timeValue is a time in an event's JSON. Text of others stands in JSON strings, where its quotes are escaped.
var timeValue = regexp.MustCompile(`"(?:at|received_at|expires_at)":"([^"\\]{1,64})"`)

// mendTimes puts the first or the last time there is in the place of those that cannot be read, as events had them
// before times were bounded; nil: there are none.
func mendTimes(b []byte) []byte {
	var out []byte
	from := 0
	for _, m := range timeValue.FindAllSubmatchIndex(b, -1) {
		value := string(b[m[2]:m[3]])
		if _, err := time.Parse(time.RFC3339Nano, value); err == nil {
			continue
		}
		bound := "9998-12-31T23:59:59.999999Z"
		if value[0] == '-' || value[0] == '0' && len(value) < 25 {
			bound = "1970-01-01T00:00:00.000000Z"
		}
		out = append(append(out, b[from:m[2]]...), bound...)
		from = m[3]
	}
	if from == 0 {
		return nil
	}
	return append(out, b[from:]...)
}

// readFact is what the views keep of a record. One that cannot be read is named and set apart: what its head and its
// plainest members say still counts, so that its lead is found and an attempt keeps its charges.
func (l *Ledger) readFact(rec Record) fact {
	var of Facts
	e, err := Decode(rec.Bytes)
	if err == nil {
		of = e.Facts()
	} else {
		l.setApart(rec, err)
		of = plainFacts(rec)
	}
	f := factOf(&of)
	f.seq = rec.Seq
	return f
}

// plainFacts takes what it can from an event that does not decode.
func plainFacts(rec Record) Facts {
	f := Facts{Kind: rec.Kind, Lead: rec.Lead, At: rec.At}
	var p struct {
		Source, Vertical, Adjustment, Subject, Again string
		Test                                         bool
		Attempt                                      lead.ID
		Outcome                                      lead.Outcome
		Charges                                      []lead.Charge
		Price                                        lead.Money `json:"price_micros"`
		Was                                          struct{ Outcome lead.Outcome }
	}
	if json.Unmarshal(rec.Bytes, &p) != nil {
		f.Kind = "" // nothing can be said of it
		return f
	}
	f.Source, f.Vertical, f.Test, f.Adjustment, f.Subject = p.Source, p.Vertical, p.Test, p.Adjustment, p.Subject
	f.Outcome, f.Charges, f.Was, f.Price = p.Outcome, p.Charges, p.Was.Outcome, p.Price
	if p.Again != AgainResend || rec.Kind != KindPosting {
		f.Attempt = p.Attempt
	}
	return f
}

// apartTold is how many records that cannot be read are named in the log; Stats counts them all.
const apartTold = 20

func (l *Ledger) setApart(rec Record, err error) {
	if n := l.unreadable.Add(1); n <= apartTold {
		l.log.Error("a record cannot be read: it is set apart and the rest goes on", "seq", rec.Seq, "kind",
			string(rec.Kind), "lead", rec.Lead.String(), "event_id", rec.EventID.String(), "err", err)
	}
}
