// SPDX-License-Identifier: Apache-2.0

package report

import (
	"strings"

	"clearpost/lead"
)

// Bounds of what the writer remembers of rows. They are cleared when they are full: the database has all of them.
const (
	originsMax = 50_000
)

// subIDsMax is how many sub-ids of a source are told apart in sums, the first ones that come: a source may send another
// one with each lead. What comes beyond them is added up as otherSubIDs; leads are found by theirs all the same.
const (
	subIDsMax   = 5000
	otherSubIDs = "(others)"
)

// textMax bounds the texts of sellers and buyers that are kept, in bytes.
const textMax = 256

// cut is a text of at most textMax bytes.
func cut(s string) string {
	if len(s) <= textMax {
		return s
	}
	end := textMax
	for end > 0 && s[end]&0xC0 == 0x80 { // not within a sign
		end--
	}
	return s[:end]
}

// origin is where leads come from, as figures tell them apart.
type origin struct{ source, vertical, currency, state, subID string }

// clone is a copy that keeps no event's bytes.
func (o origin) clone() origin {
	return origin{strings.Clone(o.source), strings.Clone(o.vertical), strings.Clone(o.currency), strings.Clone(o.state),
		strings.Clone(o.subID)}
}

type campaign struct{ campaign, buyer string }

// places finds the state in which a ZIP code lies.
type places struct {
	lead lead.Lead
	zip  int
	part lead.Part
	text []byte
}

func newPlaces() *places {
	p := &places{}
	s, errs := lead.NewSchema("report", nil)
	if errs != nil {
		panic(errs[0]) // the canonical fields are fit by a test of lead
	}
	p.lead.Reset(s)
	p.zip, p.part, _ = s.Resolve("zip.state")
	return p
}

// state is the state that a lead tells, else that of its ZIP code, else empty.
func (p *places) state(state, zip string) string {
	if state != "" {
		return cut(state)
	}
	if zip == "" {
		return ""
	}
	p.lead.Reset(p.lead.Schema())
	p.lead.Set(p.zip, []byte(zip))
	b, _ := p.lead.AppendPart(p.text[:0], p.zip, p.part)
	p.text = b
	return string(b)
}
