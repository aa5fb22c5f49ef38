// SPDX-License-Identifier: Apache-2.0

package lead

// Positions is a set of positions in a schema. The zero value is empty.
type Positions [FieldsMax / 64]uint64

// Add puts a position into the set.
func (p *Positions) Add(pos int) { p[pos/64] |= 1 << (pos % 64) }

// Has tells whether a position is in the set.
func (p *Positions) Has(pos int) bool { return p[pos/64]&(1<<(pos%64)) != 0 }

// AddAll puts all of another set into this one.
func (p *Positions) AddAll(o *Positions) {
	for i := range p {
		p[i] |= o[i]
	}
}

// AddOrigins puts the fields into the set from which others in it may have been derived: who changes a date of birth
// changes the age made of it.
func (s *Schema) AddOrigins(p *Positions) {
	for i := range s.derived {
		if d := &s.derived[i]; p.Has(d.pos) {
			p.Add(d.from)
		}
	}
}
