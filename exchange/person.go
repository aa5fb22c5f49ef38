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

// identify reads who the lead is about.
func (d *Dedupe) identify(l *lead.Lead) (who history.Identity) {
	who.Person, who.Also = d.Key.Identify(l)
	return who
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
