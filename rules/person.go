// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"clearpost/lead"
)

// PersonKey is the fields that name a person, or a car or a house, together.
type PersonKey []KeyField

// KeyField is a field that names a person, alone or with others.
type KeyField struct {
	Pos  int // of the field
	Hash int // of a field that may hold a hash of it in its place, -1 if there is none
}

// ReadKeyField reads FIELD, or FIELD|HASH where a hash of a phone or an e-mail may stand for it. A hash field that is
// derived from the field may do so without being named. The defect has no path.
func ReadKeyField(text string, s *lead.Schema) (k KeyField, d *lead.Defect) {
	name, hash, hashed := strings.Cut(text, "|")
	find := func(name string) (pos int) {
		name = strings.TrimSpace(name)
		pos, ok := s.Position(name)
		if !ok && d == nil {
			d = &lead.Defect{Value: name, Expected: "a field of vertical " + s.Vertical}
		}
		return pos
	}
	k = KeyField{Pos: find(name), Hash: -1}
	if d != nil {
		return k, d
	}
	field := &s.Fields[k.Pos]
	if field.Type == lead.TypeSSN {
		return k, &lead.Defect{Value: text, Expected: "another field: a social security number is not kept, so that " +
			"nothing can be found by it"}
	}
	if !hashed {
		k.Hash = hashOf(s, k.Pos)
		return k, nil
	}
	if k.Hash = find(hash); d != nil {
		return k, d
	}
	if (field.Type != lead.TypePhone && field.Type != lead.TypeEmail) || s.Fields[k.Hash].Type != lead.TypeHash {
		return k, &lead.Defect{Value: text, Expected: "a field of type phone or email, then one of type hash"}
	}
	return k, nil
}

// hashOf finds a field that is derived as the hash of another, -1 if there is none.
func hashOf(s *lead.Schema, pos int) int {
	for i := range s.Fields {
		if f := &s.Fields[i]; f.Type == lead.TypeHash && f.Derive != "" {
			if of, _, ok := s.Resolve(f.Derive); ok && of == pos {
				return i
			}
		}
	}
	return -1
}

// hashed tells whether a person may be known by hashes.
func (key PersonKey) hashed() bool {
	return slices.ContainsFunc(key, func(k KeyField) bool { return k.Hash >= 0 })
}

// hashParts are the hashes in which a person may come.
var hashParts = [...]lead.Part{lead.PartMD5, lead.PartSHA1, lead.PartSHA256}

// Identify reads who the lead is about: 128 bits of SHA-256 over the fields and their normal values, in hexadecimal; ""
// is nobody. All fields of the key must be there and valid. Where hashes may stand for them, a person is known by the
// values and by three further names, of their MD5, SHA-1 and SHA-256 hashes; of a person who comes hashed only that one
// name is known, and none if two fields are hashed in two ways.
func (key PersonKey) Identify(l *lead.Lead) (person string, also []string) {
	if len(key) == 0 {
		return "", nil
	}
	person = key.name(l, lead.PartNone)
	if !key.hashed() {
		return person, nil
	}
	for _, p := range hashParts {
		n := key.name(l, p)
		switch {
		case n == "":
		case person == "":
			person = n
		default:
			also = append(also, n)
		}
	}
	return person, also
}

// name is the person's name by the values themselves or by their hashes of one kind, "" if something is missing. A key
// field that no hash can stand for is there as it is.
func (key PersonKey) name(l *lead.Lead, part lead.Part) string {
	var buf [1024]byte
	b := buf[:0]
	for _, k := range key {
		b = append(b, l.Schema().Fields[k.Pos].Name...)
		switch {
		case part == lead.PartNone || k.Hash < 0:
			if l.Slot(k.Pos).State != lead.Valid {
				return ""
			}
			b = append(append(b, '='), l.Normal(k.Pos)...)
		case l.Slot(k.Pos).State == lead.Valid:
			b = append(append(append(b, '#'), part.String()...), '=')
			var ok bool
			if b, ok = l.AppendPart(b, k.Pos, part); !ok {
				return ""
			}
		default:
			var alg [8]byte
			if a, ok := l.AppendPart(alg[:0], k.Hash, lead.PartAlgorithm); !ok || string(a) != part.String() {
				return ""
			}
			b = append(append(append(b, '#'), part.String()...), '=')
			b = append(b, l.Normal(k.Hash)...)
		}
		b = append(b, '\n')
	}
	sum := sha256.Sum256(b)
	var out [32]byte
	hex.Encode(out[:], sum[:16])
	return string(out[:])
}

// Another tells whether two leads name two persons: a field of the key has two values, or one of them has a hash that
// is not the other's.
func (key PersonKey) Another(x, y *lead.Lead) bool {
	for _, k := range key {
		if x.Slot(k.Pos).State == lead.Valid && y.Slot(k.Pos).State == lead.Valid {
			if string(x.Normal(k.Pos)) != string(y.Normal(k.Pos)) {
				return true
			}
			continue
		}
		if k.Hash >= 0 && (k.apart(x, y) || k.apart(y, x)) {
			return true
		}
	}
	return false
}

// apart tells whether y's value is not the one of which x has the hash.
func (k KeyField) apart(x, y *lead.Lead) bool {
	if x.Slot(k.Hash).State != lead.Valid {
		return false
	}
	if y.Slot(k.Pos).State != lead.Valid {
		hash := y.Normal(k.Hash)
		return len(hash) == len(x.Normal(k.Hash)) && string(hash) != string(x.Normal(k.Hash))
	}
	var alg [8]byte
	a, _ := x.AppendPart(alg[:0], k.Hash, lead.PartAlgorithm)
	for _, p := range hashParts {
		if string(a) != p.String() {
			continue
		}
		var sum [64]byte
		got, ok := y.AppendPart(sum[:0], k.Pos, p)
		return ok && string(got) != string(x.Normal(k.Hash))
	}
	return false
}
