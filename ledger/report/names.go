// SPDX-License-Identifier: Apache-2.0

package report

import "clearpost/lead"

// Bounds of what the writer remembers of rows. They are cleared when they are full: the database has all of them.
const (
	originsMax = 50_000
	leadsMax   = 20_000
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

type campaign struct{ campaign, buyer string }

// known is what is remembered of a lead.
type known struct {
	n      int64
	origin int64
	test   bool
}

// places finds the state in which a ZIP code lies.
type places struct {
	lead lead.Lead
	zip  int
	part lead.Part
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

// state is that of the lead's fields: its own, else that of its ZIP code, else empty.
func (p *places) state(fields map[string]string) string {
	if s := fields["state"]; s != "" {
		return cut(s)
	}
	zip := fields["zip"]
	if zip == "" {
		return ""
	}
	p.lead.Reset(p.lead.Schema())
	p.lead.Set(p.zip, []byte(zip))
	b, _ := p.lead.AppendPart(nil, p.zip, p.part)
	return string(b)
}
