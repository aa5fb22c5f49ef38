// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"slices"
	"time"

	"clearpost/auction/value"
	"clearpost/buyers"
	"clearpost/config/tree"
	"clearpost/exchange"
	"clearpost/lead"
)

// learnedSpec is how bids count by more than their price: by how often a campaign's posts are accepted, its leads
// given back, its sales paid for, as the ledger's events teach it. A text alone is the mode.
type learnedSpec struct {
	// off; observe: bids rank by price, and each ping's event has what values would have done; on: by value (off)
	Mode string `yaml:"mode"`
	// fields by which leads are told apart, and `source`: at most 3, none of them personal; absent: they are not
	Segment []string `yaml:"segment"`
	// where bands of prices begin, rising: at most 15 (5, 10, 20, 40, 80, 160)
	PriceBands []lead.Money `yaml:"price_bands"`
	// after so many days what was learned counts half (30)
	HalfLifeDays *int `yaml:"half_life_days"`
	// what is taken for granted before anything is known
	Prior priorSpec `yaml:"prior"`
	// what a refusal at the post costs of a pinged lead's worth: 100, if it is always lost then; 0, if the next bid
	// always brings as much (60)
	Refusal *lead.Money `yaml:"refusal_costs_percent"`
	// how campaigns that are hardly known get leads
	Explore exploreSpec `yaml:"explore"`
	// by how much more a bid counts at most whose campaign has used less of its caps than of their time: 0 to 50 (0)
	UnusedCap *lead.Money `yaml:"unused_cap_percent"`
	// bands of acceptance, the highest first: at most 8; absent: acceptance counts as a factor only
	Acceptance []gradeSpec `yaml:"acceptance"`
}

// TakeWord reads the mode alone.
func (s *learnedSpec) TakeWord(text string) error {
	s.Mode = text
	return nil
}

// priorSpec is what is taken for granted of a campaign before anything is known.
type priorSpec struct {
	Accept *lead.Money `yaml:"accept_percent"` // of posts (80)
	Return *lead.Money `yaml:"return_percent"` // of sales (5)
	Paid   *lead.Money `yaml:"paid_percent"`   // of sales (98)
	// how many attempts a wider estimate counts as: the more, the slower a campaign's own count (20)
	Weight *int `yaml:"weight"`
}

// exploreSpec is how campaigns of whom little is known get leads.
type exploreSpec struct {
	Share *lead.Money `yaml:"share_percent"` // of leads, at which their bids count by their price alone; 0 to 20 (2)
	// a campaign with fewer attempts, as far as they still count, is hardly known (30)
	Attempts *int `yaml:"attempts"`
}

// gradeSpec is how bids count whose campaigns accept at least so often.
type gradeSpec struct {
	Name string      `yaml:"name"`         // for people
	From *lead.Money `yaml:"from_percent"` // of posts accepted; below the band before (0)
	// what the bid's value is multiplied by; 1 to 200 (100)
	Counts *lead.Money `yaml:"counts_percent"`
	// they stand behind all others of their tier, as slow payers do
	LastResort bool `yaml:"last_resort"`
}

const segmentPartsMax = 3

// learned reads how a vertical learns, nil if it does not.
func (l *loader) learned(f *tree.File, spec *learnedSpec, v *exchange.Vertical) *exchange.Valuation {
	if spec == nil {
		return nil
	}
	const at = "learned_value"
	mode, ok := value.Off, true
	if spec.Mode != "" {
		if mode, ok = value.ParseMode(spec.Mode); !ok {
			l.bad(f, at+".mode", spec.Mode, "off, observe or on")
		}
	}
	r := value.Usual(mode)
	if spec.PriceBands != nil {
		r.Bands = spec.PriceBands
	}
	if n := len(r.Bands); n >= value.BandsMax {
		l.bad(f, at+".price_bands", fmt.Sprint(n, " bands"), fmt.Sprintf("at most %d", value.BandsMax-1))
	}
	for i, p := range r.Bands {
		if p <= 0 || i > 0 && p <= r.Bands[i-1] {
			l.bad(f, fmt.Sprintf("%s.price_bands[%d]", at, i), p.String(),
				"amounts above 0, each above the one before")
		}
	}
	r.HalfLife = time.Duration(l.number(f, at+".half_life_days", spec.HalfLifeDays, 30, 1, 1095)) * 24 * time.Hour
	p := at + ".prior."
	r.Prior.Accept = l.share(f, p+"accept_percent", spec.Prior.Accept, r.Prior.Accept, 1, 100)
	r.Prior.Return = l.share(f, p+"return_percent", spec.Prior.Return, r.Prior.Return, 0, 99)
	r.Prior.Paid = l.share(f, p+"paid_percent", spec.Prior.Paid, r.Prior.Paid, 1, 100)
	r.Prior.Weight = int64(l.number(f, p+"weight", spec.Prior.Weight, int(r.Prior.Weight), 1, value.WeightMax))
	r.Refusal = l.share(f, at+".refusal_costs_percent", spec.Refusal, r.Refusal, 0, 100)
	r.Explore = l.share(f, at+".explore.share_percent", spec.Explore.Share, r.Explore, 0, 20)
	r.Thin = int64(l.number(f, at+".explore.attempts", spec.Explore.Attempts, int(r.Thin), 0, 100_000))
	r.UnusedCap = l.share(f, at+".unused_cap_percent", spec.UnusedCap, 0, 0, 50)
	r.Grades = l.grades(f, spec.Acceptance, at+".acceptance")
	parts := l.segment(f, spec.Segment, v, at+".segment")
	if mode == value.Off {
		return nil
	}
	return &exchange.Valuation{Rules: r, Segment: parts}
}

// share reads a percentage as ppm. Its ends are whole percents.
func (l *loader) share(f *tree.File, path string, p *lead.Money, standard int64, least, most int64) int64 {
	if p == nil {
		return standard
	}
	if *p < lead.Money(least)*lead.Unit || *p > lead.Money(most)*lead.Unit || *p%100 != 0 {
		l.bad(f, path, p.String(), fmt.Sprintf("%d to %d, with at most 4 decimals", least, most))
		return standard
	}
	return int64(*p / 100)
}

// grades reads bands of acceptance.
func (l *loader) grades(f *tree.File, specs []gradeSpec, at string) (out []value.Grade) {
	if n := len(specs); n > value.GradesMax {
		l.bad(f, at, fmt.Sprint(n, " bands"), fmt.Sprintf("at most %d", value.GradesMax))
		return nil
	}
	for i := range specs {
		s, path := &specs[i], fmt.Sprintf("%s[%d]", at, i)
		if !buyers.ValidID(s.Name) {
			l.bad(f, path+".name", s.Name, buyers.IDRule)
		}
		g := value.Grade{Name: s.Name, From: l.share(f, path+".from_percent", s.From, 0, 0, 100),
			Counts: l.share(f, path+".counts_percent", s.Counts, value.One, 1, 200), Last: s.LastResort}
		if i > 0 && g.From >= out[i-1].From {
			l.bad(f, path+".from_percent", lead.Money(g.From*100).String(), "less than the band before it")
		}
		out = append(out, g)
	}
	return out
}

// segment reads by which fields leads are told apart.
func (l *loader) segment(f *tree.File, names []string, v *exchange.Vertical, at string) (out []exchange.SegmentPart) {
	if n := len(names); n > segmentPartsMax {
		l.bad(f, at, fmt.Sprint(n, " fields"), fmt.Sprintf("at most %d", segmentPartsMax))
		return nil
	}
	for i, name := range names {
		path := fmt.Sprintf("%s[%d]", at, i)
		switch {
		case slices.Index(names, name) < i:
			l.bad(f, path, name, "each field once")
			continue
		case name == "source":
			out = append(out, exchange.SegmentPart{Source: true})
			continue
		case v.Schema == nil || l.brokenName[v.ID][name]:
			continue
		}
		pos, ok := v.Schema.Position(name)
		switch {
		case !ok:
			var known []string
			for j := range v.Schema.Fields {
				known = append(known, v.Schema.Fields[j].Name)
			}
			l.bad(f, path, name, "source, or a field of the vertical"+near(name, known))
		case v.Schema.Fields[pos].Personal:
			l.bad(f, path, name, "a field that is not personal: segments stand open in events")
		default:
			out = append(out, exchange.SegmentPart{Field: pos})
		}
	}
	return out
}
