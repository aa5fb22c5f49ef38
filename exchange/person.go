// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"crypto/sha256"
	"encoding/hex"

	"clearpost/exchange/history"
	"clearpost/lead"
	"clearpost/ledger"
)

// refuses tells whether leads can be repeats at all.
func (d *Dedupe) refuses() bool { return d.Refuse != RefuseNone && d.Window > 0 }

// hashed tells whether a person may be known by hashes.
func (d *Dedupe) hashed() bool {
	for _, k := range d.Key {
		if k.Hash >= 0 {
			return true
		}
	}
	return false
}

// hashParts are the hashes in which a person may come.
var hashParts = [...]lead.Part{lead.PartMD5, lead.PartSHA1, lead.PartSHA256}

// identify reads who the lead is about. All fields of the key must be there and valid. Where hashes may stand for them,
// a person is known by the values and by three further names, of their MD5, SHA-1 and SHA-256 hashes; of a person who
// comes hashed only that one name is known, and none if two fields are hashed in two ways.
func (d *Dedupe) identify(l *lead.Lead) (who history.Identity) {
	if len(d.Key) == 0 {
		return who
	}
	who.Person = d.name(l, lead.PartNone)
	if !d.hashed() {
		return who
	}
	for _, p := range hashParts {
		n := d.name(l, p)
		switch {
		case n == "":
		case who.Person == "":
			who.Person = n
		default:
			who.Also = append(who.Also, n)
		}
	}
	return who
}

// name is the person's name by the values themselves or by their hashes of one kind, "" if something is missing. A key
// field that no hash can stand for is there as it is.
func (d *Dedupe) name(l *lead.Lead, part lead.Part) string {
	var buf [1024]byte
	b := buf[:0]
	for _, k := range d.Key {
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

// another tells whether two leads name two persons: a field of the key has two values, or one of them has a hash that
// is not the other's.
func (d *Dedupe) another(x, y *lead.Lead) bool {
	for _, k := range d.Key {
		if x.Slot(k.Pos).State == lead.Valid && y.Slot(k.Pos).State == lead.Valid {
			if string(x.Normal(k.Pos)) != string(y.Normal(k.Pos)) {
				return true
			}
			continue
		}
		if k.Hash >= 0 && (apart(x, y, k) || apart(y, x, k)) {
			return true
		}
	}
	return false
}

// apart tells whether y's value is not the one of which x has the hash.
func apart(x, y *lead.Lead, k KeyField) bool {
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

// digest names what was sent: all values in their normal form, and the price that the seller asks for. Made values are
// left out, since the time makes some of them. A social security number counts with its last digits only: the hash is
// kept. What the seller calls the lead counts for a ping: two pings of two ids are two leads to it, and it could not
// tell whose quote it has. So does the configuration: what it quotes may not be what another one did.
func (p *Ping) digest(mode string) {
	b := p.scratch[:0]
	text := func(v string) { b = append(append(b, v...), 0) }
	text(p.Source.ID)
	text(p.Vertical.ID)
	text(mode)
	if mode == ledger.ModePing {
		text(p.SellerLeadID)
		text(p.on.cfg.Hash)
	}
	b = append(p.MinPrice.Append(b), 0)
	for i := range p.Lead.Len() {
		if s := p.Lead.Slot(i); s.State == lead.Missing || s.Made {
			continue
		}
		text(p.Lead.Schema().Fields[i].Name)
		v, _ := p.Lead.Recorded(i)
		b = append(append(b, v...), 0)
	}
	p.scratch = b
	sum := sha256.Sum256(b)
	copy(p.what[:], sum[:])
	if mode != ledger.ModePing { // its trip may outlive this memory
		p.whatText = hex.EncodeToString(p.what[:])
		return
	}
	hex.Encode(p.whatHex[:], p.what[:])
	p.whatText = view(p.whatHex[:])
}
