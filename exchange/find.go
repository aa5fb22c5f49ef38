// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-json"

	"clearpost/lead"
	"clearpost/ledger"
)

// Match is an attempt, or a whole lead, that a name leads to.
type Match struct {
	Lead      lead.ID   `json:"lead_id"`
	Attempt   lead.ID   `json:"attempt"` // zero: the whole lead
	Campaign  string    `json:"campaign,omitempty"`
	Buyer     string    `json:"buyer,omitempty"`
	Reference string    `json:"reference,omitempty"`
	At        time.Time `json:"at"`
}

// String is a line for people.
func (m Match) String() string {
	out := "lead " + m.Lead.String()
	if !m.Attempt.IsZero() {
		out += " attempt " + m.Attempt.String() + " at " + m.Campaign
	}
	if m.Reference != "" {
		out += " reference " + m.Reference
	}
	return out + " of " + m.At.UTC().Format(time.RFC3339)
}

// Found is what a name leads to.
type Found struct {
	Matches []Match
	Back    time.Time // buyers' references: the ledger was read from now back to this time; zero: to its beginning
}

// Bounds of a search for a buyer's reference. There is no index of references: events are read from the newest back,
// some hundred thousand a second.
const (
	findMax    = 20     // matches
	findWindow = 20_000 // events that are read at once
	findNear   = 5 * time.Minute
)

// Find tells what a name leads to: a lead's id, an attempt's, SOURCE:SELLER_LEAD_ID (newest first), a buyer's
// REFERENCE, which may look like an id, or CAMPAIGN:REFERENCE or BUYER:REFERENCE. All but references are looked up;
// those are searched for as long as the budget lasts.
func (e *Exchange) Find(name string, budget time.Duration) (f Found, err error) {
	if id, err := lead.ParseID(name); err == nil {
		if f, err = e.findID(id); err != nil || len(f.Matches) > 0 {
			return f, err
		}
	}
	if source, seller, ok := strings.Cut(name, ":"); ok {
		for _, id := range e.led.BySellerLeadID(source, seller) {
			h, err := e.history(id)
			if err != nil {
				return f, err
			}
			if h.Pinged != nil && len(f.Matches) < findMax {
				f.Matches = append(f.Matches, Match{Lead: id, At: h.Pinged.ReceivedAt})
			}
		}
		if len(f.Matches) > 0 {
			return f, nil
		}
	}
	return e.findReference(name, time.Now().Add(budget))
}

// findID finds a lead or an attempt. An attempt's id tells when it was made: few events have to be read.
func (e *Exchange) findID(id lead.ID) (f Found, err error) {
	h, err := e.history(id)
	if err != nil {
		return f, err
	}
	if h.Pinged != nil {
		f.Matches = []Match{{Lead: id, At: h.Pinged.ReceivedAt}}
		return f, nil
	}
	made := time.UnixMilli(int64(binary.BigEndian.Uint64(id[:8]) >> 16))
	from, err := e.led.Since(made.Add(-findNear))
	if err != nil {
		return f, err
	}
	text := []byte(`"attempt":"` + id.String() + `"`)
	err = e.led.Scan(from, func(r ledger.Record) error {
		switch {
		case r.At > made.Add(findNear).UnixMicro():
			return errEnough
		case r.Kind == ledger.KindPosting && bytes.Contains(r.Bytes, text):
			m, err := matchOf(r)
			if err == nil && m.Attempt == id {
				f.Matches = append(f.Matches, m)
				return errEnough
			}
		}
		return nil
	})
	return f, enough(err)
}

var errEnough = errors.New("enough")

func enough(err error) error {
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

func matchOf(r ledger.Record) (m Match, err error) {
	err = json.Unmarshal(r.Bytes, &m)
	return m, err
}

// findReference reads the ledger back in windows: what people ask for is mostly new.
func (e *Exchange) findReference(name string, until time.Time) (f Found, err error) {
	stats := e.led.Stats()
	known := map[lead.ID]bool{}
	for hi := stats.LastSeq; hi > 0; {
		lo := max(stats.FirstSeq, hi-min(hi, findWindow)+1, 1)
		var in []Match
		oldest := int64(0)
		err := e.led.Scan(lo, func(r ledger.Record) error {
			if r.Seq > hi {
				return errEnough
			}
			if oldest == 0 {
				oldest = r.At
			}
			if r.Kind != ledger.KindPosted && r.Kind != ledger.KindAdjusted ||
				!bytes.Contains(r.Bytes, []byte(`"reference"`)) {
				return nil
			}
			m, err := matchOf(r)
			if err != nil {
				return nil // what cannot be read is no match; the lead's own history tells of it
			}
			ref := m.Reference
			if ref != "" && !known[m.Attempt] && (name == ref || name == m.Campaign+":"+ref || name == m.Buyer+":"+
				ref) {
				known[m.Attempt] = true
				in = append(in, m)
			}
			return nil
		})
		if err := enough(err); err != nil {
			return f, err
		}
		slices.Reverse(in)
		f.Matches = append(f.Matches, in...)
		hi = lo - 1
		switch {
		case lo <= stats.FirstSeq:
			return f, nil
		case len(f.Matches) >= findMax || time.Now().After(until):
			f.Matches = f.Matches[:min(len(f.Matches), findMax)]
			f.Back = time.UnixMicro(oldest)
			return f, nil
		}
	}
	return f, nil
}

// NotFound says that a name leads to nothing, and how far back it was looked for.
func (f Found) NotFound(name string) string {
	out := fmt.Sprintf("nothing is called %q: expected the id of a lead or an attempt, SOURCE:SELLER_LEAD_ID, a "+
		"buyer's REFERENCE, or CAMPAIGN:REFERENCE", name)
	if !f.Back.IsZero() {
		out += "; references were looked for back to " + f.Back.UTC().Format(time.RFC3339) + " and no further"
	}
	return out
}
