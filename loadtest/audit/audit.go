// SPDX-License-Identifier: Apache-2.0

// Package audit judges an exchange from outside. It reads what the ledger holds, what the buyers have written in their
// own books, what the sellers were answered and what came out of Kafka, and says where these contradict each other or
// the promises that were made: caps, slots, quotes, money. It shares no code with the exchange, so that a mistake there
// is not repeated here.
//
// Events are read once, in ledger order, from the first one on. What is kept of a lead that was only pinged, its event
// included, is less than 200 bytes: a million of them fit into 200 MB.
package audit

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// LineBytesMax is the longest line that Lines reads.
const LineBytesMax = 8 << 20

// Stream hands over values one after the other until there are no more or each returns an error, which it returns. The
// values are valid during the call only.
type Stream[T any] func(each func(T) error) error

// Input is all that the auditor looks at. What is nil is not judged.
type Input struct {
	// Events are the JSON events of the ledger in its order, from the first one on. Required.
	Events Stream[[]byte]
	// Receipts are the posts that the buyers saw, of all buyers.
	Receipts Stream[Receipt]
	// Answers are what sellers have seen.
	Answers Stream[Answer]
	// Shipped are the JSON events as read from Kafka, in any order, repeated or not.
	Shipped Stream[[]byte]
}

// Options is what the auditor is told about the exchange's configuration.
type Options struct {
	// Caps are all caps that were in force during the whole time. If there are none, charges are not judged.
	Caps []Cap
	// CapsUnder, where it is given, has the limits of Caps as the configuration of a hash had them, which events name.
	// They need not have been the same during the whole time then.
	CapsUnder func(config string) ([]Cap, error)
	// Configs, where it is given, are all configurations that were in force, by the hash that events name: every event
	// is held to its own. The limits of Caps are those of each event's configuration then.
	Configs map[string]*Config
	// Repeats are the promises about persons who come twice that held during the whole time.
	Repeats []Repeat
	// Uniques are the duplicate rules that were in force during the whole time. Where Configs are given they have them.
	Uniques []Unique
	// Losses tells that quotes may be above what the buyers pay, where a margin allows it.
	Losses bool
	// EveryCall tells that the answers are those of all calls, one that nobody heard with the status 0. Then a call
	// with an Idempotency-Key whose every answer was 503 has sold nothing.
	EveryCall bool
	// Alone tells that nothing was under way beside each call, and no disk failed. Then what a cap has refused of a
	// ping was full.
	Alone bool
	// Whole tells that the events are all that the ledger has ever had, one after the other. Then statements are held
	// to what the events that they cover come to.
	Whole bool
	// FindingsMax bounds the findings that are kept (all are counted). 0 means 100.
	FindingsMax int
}

// Cap is a bound on the accepted leads of somebody in a window of time.
type Cap struct {
	Key string // as charges name it; empty: Who + ":" + Per
	Who string // "campaign:ID", "buyer:ID", "source:ID", "vertical:ID" or "parent:ID"
	// of a parent: the buyers that belong to it; nil: any, and what they do not charge is not missed
	Buyers []string
	Of     string // what it counts: "" accepted leads, "attempts", "pings", or "spend" in micros
	Per    string // "minute", "hour", "day", "week", "month" or "total"
	Zone   string // IANA name; empty means UTC
	Max    int64
	// per day: so many dates count together, the window's own and those before it; 0 is one. Its Key is that of the cap
	// of single days
	Days     int
	Weekdays map[time.Weekday]int64 // limits of the days on which a window begins, in place of Max
	WeekFrom int                    // per week: how many days after Monday its weeks begin
	// "source", "buyer", "campaign" or a field: each value counts by itself, under the key, "=" and the value
	By     string
	Values map[string]int64 // limits of single values
	Others bool             // the other values have Max; else none
}

// Receipt is one post as a buyer saw it. Price is in micros.
type Receipt struct {
	Buyer     string    `json:"buyer"`
	Lead      string    `json:"lead"`
	Accepted  bool      `json:"accepted"`
	Reference string    `json:"reference,omitempty"`
	Price     int64     `json:"price_micros,omitempty"`
	At        time.Time `json:"at"`
}

// The calls that a seller makes, as they stand in Answer.Op.
const (
	OpPing = "ping"
	OpPost = "post"
	OpLead = "lead" // one shot
)

// Answer is one answer that a seller has received whole. Prices are in micros.
type Answer struct {
	At        time.Time  `json:"at"`
	Source    string     `json:"source"`
	Vertical  string     `json:"vertical"`
	Op        string     `json:"op"`
	Status    int        `json:"status"`
	Result    string     `json:"result,omitempty"`
	Reason    string     `json:"reason,omitempty"`
	Lead      string     `json:"lead_id,omitempty"` // a ping's ping_id
	Price     int64      `json:"price_micros,omitempty"`
	Reference string     `json:"id,omitempty"`
	Sales     []SaleSeen `json:"sales,omitempty"` // all sales, where there are several
	Key       string     `json:"idempotency_key,omitempty"`
	Test      bool       `json:"test,omitempty"`   // it says that the lead is a test
	Unsure    bool       `json:"unsure,omitempty"` // it says that nobody can tell yet whether it was taken
}

// SaleSeen is one of several sales in an answer.
type SaleSeen struct {
	Reference string `json:"id"`
	Price     int64  `json:"price_micros"`
}

// Run judges. An error means that an input could not be read to its end, not that something was found.
func Run(in Input, o Options) (*Report, error) {
	a, err := newAuditor(o)
	if err != nil {
		return nil, err
	}
	if in.Events == nil {
		return nil, fmt.Errorf("audit: no events were given")
	}
	if err := in.Events(func(b []byte) error { a.event(b); return nil }); err != nil {
		return nil, fmt.Errorf("audit: events: %w", err)
	}
	a.finishLeads()
	a.finishAccounts()
	a.finishRepeats()
	a.finishResubmitted()
	a.finishFiles()
	a.finishUniques()
	if in.Receipts != nil {
		if err := in.Receipts(func(r Receipt) error { a.receipt(&r); return nil }); err != nil {
			return nil, fmt.Errorf("audit: receipts: %w", err)
		}
		a.finishBooks()
	}
	if in.Answers != nil {
		if err := in.Answers(func(s Answer) error { a.answer(&s); return nil }); err != nil {
			return nil, fmt.Errorf("audit: answers: %w", err)
		}
		a.finishUnavailable()
	}
	if in.Shipped != nil {
		if err := in.Shipped(func(b []byte) error { a.shipped(b); return nil }); err != nil {
			return nil, fmt.Errorf("audit: shipped: %w", err)
		}
		a.finishShipped()
	}
	return a.report, nil
}

// Lines reads lines; empty ones are skipped.
func Lines(r io.Reader) Stream[[]byte] {
	return func(each func([]byte) error) error {
		s := bufio.NewScanner(r)
		s.Buffer(make([]byte, 64<<10), LineBytesMax)
		for s.Scan() {
			if len(s.Bytes()) == 0 {
				continue
			}
			if err := each(s.Bytes()); err != nil {
				return err
			}
		}
		return s.Err()
	}
}

// JSONLines reads a value from every line.
func JSONLines[T any](r io.Reader) Stream[T] {
	return func(each func(T) error) error {
		return Lines(r)(func(line []byte) error {
			var v T
			if err := json.Unmarshal(line, &v); err != nil {
				return err
			}
			return each(v)
		})
	}
}

// Values hands over the elements of a slice.
func Values[T any](s []T) Stream[T] {
	return func(each func(T) error) error {
		for _, v := range s {
			if err := each(v); err != nil {
				return err
			}
		}
		return nil
	}
}
