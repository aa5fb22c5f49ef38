// SPDX-License-Identifier: Apache-2.0

package buyers

import (
	"fmt"

	"clearpost/lead"
	"clearpost/rules"
)

// TerritorySpec is a sole right to the leads of some places: no other company gets one that its campaign wants.
type TerritorySpec struct {
	// where: criteria of places, such as {field: state, in: [CA]} or {field: zip, in_file: zips.txt}; one must hold
	Of []rules.CriterionSpec `yaml:"of"`
	// who gets its leads while the campaign is closed, paused or full: nobody, or others (nobody)
	WhenAway string `yaml:"when_away"`
}

// Territory is a campaign's sole right to leads.
type Territory struct {
	Of     []rules.Criterion // lists of places: a lead belongs to it if one is met
	Others bool              // others may have its leads while the campaign cannot
}

// Covers tells whether a lead is known to belong to a territory.
func (t *Territory) Covers(f *rules.Facts) bool {
	for i := range t.Of {
		if t.Of[i].Test(f) == rules.Met {
			return true
		}
	}
	return false
}

// TerritoryMax is how many lists of places a territory may have.
const TerritoryMax = 32

// territory compiles a campaign's sole right.
func (c *bookCompiler) territory(p *Campaign, spec *CampaignSpec, schema *lead.Schema, zone, at string) {
	s := spec.Territory
	if s == nil {
		return
	}
	t := &Territory{Others: s.WhenAway == "others"}
	if s.WhenAway != "" && s.WhenAway != "nobody" && !t.Others {
		c.bad(at, "territory.when_away", s.WhenAway, "nobody or others")
	}
	if n := len(s.Of); n < 1 || n > TerritoryMax {
		c.bad(at, "territory.of", fmt.Sprint(n, " lists"), fmt.Sprintf("1 to %d lists of places", TerritoryMax))
		return
	}
	if schema == nil {
		return
	}
	t.Of = c.compiled(p, s.Of, schema, zone, at, "territory.of")
	for i := range t.Of {
		if k := &t.Of[i]; k.About != rules.OfLead || k.Kind != rules.List && k.Kind != rules.InFile {
			c.bad(at, fmt.Sprintf("territory.of[%d]", i), k.Field, "a list of places: a field of the lead with `in` "+
				"or `in_file`")
		}
	}
	p.Territory = t
}

// TerritoryClash is one place to which two companies have the sole right.
type TerritoryClash struct {
	Campaign, Other *Campaign
	At              *rules.Criterion // of Campaign: the list in which the place stands
	Path            string           // where that is on the campaign's page, from the campaign on
	Place           string
}

// territoryClaim is who has the right to a place.
type territoryClaim struct {
	c *Campaign
	i int // of Of
}

type territoryClaims struct {
	book    *Book
	schema  *lead.Schema
	by      map[string][]territoryClaim // by field, part and value
	large   []territoryClaim            // that look in files whose values are not at hand
	told    map[[2]*Campaign]bool
	clashes []TerritoryClash
}

// TerritoryClashes finds places to which several companies have the sole right, one for each pair of campaigns whose
// criteria do not keep them apart. Lists of one field are compared with each other, and lists of ZIP codes with lists
// of states. Of two files of more than listfile.SmallMax values nothing is known unless they are the same.
func (b *Book) TerritoryClashes(schemas map[string]*lead.Schema) (out []TerritoryClash) {
	of := map[string]*territoryClaims{}
	for _, c := range b.Campaigns {
		if c.Territory == nil || schemas[c.Vertical] == nil {
			continue
		}
		t := of[c.Vertical]
		if t == nil {
			t = &territoryClaims{book: b, schema: schemas[c.Vertical], by: map[string][]territoryClaim{},
				told: map[[2]*Campaign]bool{}}
			of[c.Vertical] = t
		}
		t.add(c)
		out, t.clashes = append(out, t.clashes...), nil
	}
	return out
}

// zipsIn stands before the name of a state some ZIP codes of which somebody has.
const zipsIn = "in "

func placeKey(k *rules.Criterion, value string) string { return k.Field + "=" + value }

// add takes a campaign's territory, and finds what of it somebody has already.
func (t *territoryClaims) add(c *Campaign) {
	for i := range c.Territory.Of {
		k := &c.Territory.Of[i]
		file, filed := k.File()
		for _, o := range t.large {
			other := &o.c.Territory.Of[o.i]
			if f, _ := other.File(); other.Field == k.Field && filed && f == file {
				t.clash(c, i, o, k.Field+" of "+file.Name)
			}
		}
		if filed && len(k.Values) == 0 {
			t.largeFile(c, i, k)
			continue
		}
		for _, v := range k.Values {
			for _, o := range t.by[zipsIn+placeKey(k, v)] {
				t.clash(c, i, o, k.Field+" "+v)
			}
			for _, key := range t.keys(k, v) {
				for _, o := range t.by[key] {
					t.clash(c, i, o, k.Field+" "+v)
				}
			}
			for _, o := range t.large {
				f, _ := o.c.Territory.Of[o.i].File()
				if o.c.Territory.Of[o.i].Field == k.Field && f.HasKey(v) {
					t.clash(c, i, o, k.Field+" "+v)
				}
			}
		}
	}
	t.enter(c)
}

// largeFile compares a file whose values are not at hand with the lists before it.
func (t *territoryClaims) largeFile(c *Campaign, i int, k *rules.Criterion) {
	file, _ := k.File()
	for _, claims := range t.by {
		for _, o := range claims {
			other := &o.c.Territory.Of[o.i]
			if other.Field != k.Field || t.told[[2]*Campaign{c, o.c}] {
				continue
			}
			for _, v := range other.Values {
				if file.HasKey(v) {
					t.clash(c, i, o, k.Field+" "+v)
				}
			}
		}
	}
}

// enter notes a campaign's places, once all of them were compared with those before.
func (t *territoryClaims) enter(c *Campaign) {
	for i := range c.Territory.Of {
		k := &c.Territory.Of[i]
		if _, filed := k.File(); filed && len(k.Values) == 0 {
			t.large = append(t.large, territoryClaim{c, i})
		}
		for _, v := range k.Values {
			for n, key := range t.keys(k, v) {
				if n > 0 {
					key = zipsIn + key
				}
				if has := t.by[key]; len(has) == 0 || has[len(has)-1] != (territoryClaim{c, i}) {
					t.by[key] = append(has, territoryClaim{c, i})
				}
			}
		}
	}
}

// keys are the names under which others may have a place: its own, and for a ZIP code that of its state.
func (t *territoryClaims) keys(k *rules.Criterion, value string) []string {
	out := []string{placeKey(k, value)}
	f := &t.schema.Fields[k.Pos]
	if f.Type != lead.TypePostalCode || k.Part != lead.PartNone {
		return out
	}
	var l lead.Lead
	l.Reset(t.schema)
	l.Set(k.Pos, []byte(value))
	state, ok := l.AppendPart(nil, k.Pos, lead.PartState)
	if !ok {
		return out
	}
	for i := range t.schema.Fields {
		if t.schema.Fields[i].Type == lead.TypeState {
			out = append(out, t.schema.Fields[i].Name+"="+string(state))
		}
	}
	return append(out, k.Field+".state="+string(state))
}

// clash notes that two campaigns have the right to a place, unless they are of one company or never want the same lead.
func (t *territoryClaims) clash(c *Campaign, i int, o territoryClaim, place string) {
	pair := [2]*Campaign{c, o.c}
	if t.told[pair] || t.book.OneCompany(c.Buyer, o.c.Buyer) {
		return
	}
	t.told[pair] = true
	if c.terms(t.schema).Apart(c.Criteria, o.c.Criteria) {
		return
	}
	t.clashes = append(t.clashes, TerritoryClash{c, o.c, &c.Territory.Of[i], fmt.Sprintf("territory.of[%d]", i), place})
}

// OneCompany tells whether two buyers are the same, or of one company.
func (b *Book) OneCompany(x, y *Buyer) bool {
	return x == y || b.Company(x) != 0 && b.Company(x) == b.Company(y)
}
