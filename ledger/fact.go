// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"encoding/binary"

	"clearpost/lead"
)

// fact is what the views take from one event, in strings of its own.
type fact struct {
	seq      uint64
	at       int64
	lead     lead.ID
	idem     string   // view key of the idempotency key, "" = none
	seller   string   // view key of the seller's lead id, without the seq, "" = none
	refs     []string // view keys of the person of a received lead, and of what a one-shot lead is
	sold     []string // view keys of the person of a lead that is sold, or may be, without the lead's id
	gone     bool     // it is not sold after all
	marks    []string // view keys by which duplicate rules know the lead of a posting, without what follows them
	soldElse int64    // when another system has sold the lead of marks, in microseconds; 0: it is one of ours
	change   *change  // what it does to the state, nil = nothing
	enters   *Placed  // its place in the queue from now on
	leaves   *Place   // the one that it had
}

// View keys begin with what they hold. Parts that anyone may choose are preceded by their length, so that no two
// different lists of parts make the same key.
const (
	keyMeta   = 'm' // name → value
	keyLead   = 'l' // lead id, seq →
	keyIdem   = 'k' // source, key → ref
	keySeller = 's' // source, seller's id, seq → lead id
	keyPerson = 'p' // source ("" for all), vertical, person → ref of the last received lead
	keySold   = 'b' // the same, lead id → ref of a lead of the person that is sold, or may be
	keyMark   = 'd' // rule, name, lead id or seq → ref of a lead that was posted; its id zero: of another system
	keyWhole  = 'w' // source, content → ref of a one-shot lead
	keyCount  = 'c' // cap, window → count
	keyOpen   = 'o' // attempt id → OpenAttempt as JSON
	keyPause  = 'z' // subject → PauseInfo as JSON
	keyQueue  = 'q' // due, lead id → Placed as JSON
	keySince  = 'a' // since when it waits, lead id → due
)

func appendPart(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func appendIdemKey(dst []byte, source, key string) []byte {
	return appendPart(appendPart(append(dst, keyIdem), source), key)
}

func appendSellerKey(dst []byte, source, id string) []byte {
	return appendPart(appendPart(append(dst, keySeller), source), id)
}

func appendPersonKey(dst []byte, kind byte, source, vertical, person string) []byte {
	return appendPart(appendPart(appendPart(append(dst, kind), source), vertical), person)
}

func appendMarkKey(dst []byte, rule, name string) []byte {
	return appendPart(appendPart(append(dst, keyMark), rule), name)
}

func appendWholeKey(dst []byte, source, content string) []byte {
	return appendPart(appendPart(append(dst, keyWhole), source), content)
}

func appendCountKey(dst []byte, cap, window string) []byte {
	return appendPart(appendPart(append(dst, keyCount), cap), window)
}

// splitParts undoes appendPart for a key of n parts behind its first byte.
func splitParts(key []byte, n int) ([]string, bool) {
	key = key[1:]
	parts := make([]string, 0, n)
	for range n {
		size, w := binary.Uvarint(key)
		if w <= 0 || size > uint64(len(key)-w) {
			return nil, false
		}
		parts = append(parts, string(key[w:w+int(size)]))
		key = key[w+int(size):]
	}
	return parts, len(key) == 0
}

// factOf copies what the views need. The seq is filled in later.
func factOf(f *Facts) fact {
	out := fact{at: f.At, lead: f.Lead, change: changeOf(f)}
	out.refs, out.sold, out.gone = refsOf(f), soldOf(f), f.Gone
	out.marks, out.soldElse = marksOf(f), f.Sold
	if !f.Test {
		out.enters, out.leaves = f.Enters.clone(), f.Leaves.clone()
	}
	if f.IdempotencyKey == "" && f.SellerLeadID == "" {
		return out
	}
	var b [256]byte
	buf := b[:0]
	if f.IdempotencyKey != "" {
		buf = appendIdemKey(buf, f.Source, f.IdempotencyKey)
	}
	a := len(buf)
	if f.SellerLeadID != "" {
		buf = appendSellerKey(buf, f.Source, f.SellerLeadID)
	}
	all := string(buf)
	out.idem, out.seller = all[:a], all[a:]
	return out
}

// refsOf lists under which keys a lead is found by its person or content. A ping has none, nor has a test.
func refsOf(f *Facts) (out []string) {
	if f.Test {
		return nil
	}
	if f.Content != "" {
		out = append(out, string(appendWholeKey(nil, f.Source, f.Content)))
	}
	add := func(person string) {
		for _, source := range [...]string{f.Source, ""} {
			if f.Received {
				out = append(out, string(appendPersonKey(nil, keyPerson, source, f.Vertical, person)))
			}
		}
	}
	if f.Person != "" {
		add(f.Person)
	}
	for _, p := range f.Also {
		add(p)
	}
	return out
}

// soldOf lists under which keys a lead is found among those of its person that are sold, or may be.
func soldOf(f *Facts) (out []string) {
	if f.Test || !f.Standing && !f.Gone {
		return nil
	}
	add := func(person string) {
		for _, source := range [...]string{f.Source, ""} {
			out = append(out, string(appendPersonKey(nil, keySold, source, f.Vertical, person)))
		}
	}
	if f.Person != "" {
		add(f.Person)
	}
	for _, p := range f.Also {
		add(p)
	}
	return out
}

// marksOf lists under which keys a lead is found by duplicate rules.
func marksOf(f *Facts) (out []string) {
	if f.Test {
		return nil
	}
	for i := range f.Marks {
		for _, name := range f.Marks[i].Names {
			out = append(out, string(appendMarkKey(nil, f.Marks[i].Rule, name)))
		}
	}
	return out
}

// marked is what stands under the keys of marks.
func (f *fact) marked() (suffix lead.ID, r ref) {
	if f.soldElse == 0 {
		return f.lead, ref{f.lead, f.at, f.seq}
	}
	binary.BigEndian.PutUint64(suffix[8:], f.seq)
	return suffix, ref{lead.ID{}, f.soldElse, f.seq}
}

// ref is the latest use of a key.
type ref struct {
	lead lead.ID
	at   int64
	seq  uint64
}

func (r ref) append(dst []byte) []byte {
	dst = append(dst, r.lead[:]...)
	dst = binary.BigEndian.AppendUint64(dst, uint64(r.at))
	return binary.BigEndian.AppendUint64(dst, r.seq)
}

func parseRef(b []byte) (ref, bool) {
	if len(b) != 32 {
		return ref{}, false
	}
	return ref{lead.ID(b[:16]), int64(binary.BigEndian.Uint64(b[16:])), binary.BigEndian.Uint64(b[24:])}, true
}
