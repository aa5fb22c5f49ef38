// SPDX-License-Identifier: Apache-2.0

package answer

import (
	"unicode/utf8"

	"clearpost/lead"
)

// priceIn reads the price from the first of its places that holds something.
func (a *Answer) priceIn(f *found) (price lead.Money, ok, zero bool) {
	p := f.first(a.price)
	if f.priceTwice || p.kind != foundString && p.kind != foundNumber {
		return 0, false, false
	}
	var buf [64]byte
	form := a.price.money
	form.comma = form.comma && p.kind != foundNumber // a number of JSON has a point
	price, zero = parsePrice(trim(f.value(buf[:0], p)), &form)
	return price, price > 0, zero
}

// fallBack makes the price of an accepting post that has none: that of the rules, where they have one. What stands in
// its place is kept as evidence.
func (a *Answer) fallBack(r *Receipt, f *found) {
	if p := f.first(a.price); p.kind == foundString || p.kind == foundNumber {
		r.PriceSaid = shorten(f.decode(nil, p), PriceSaidMax)
	}
	if a.price.fallback > 0 {
		r.Price, r.HasPrice, r.Fallback = a.price.fallback, true, true
	}
}

// tokenIn is the token as it stands; nil if there is none, or none that could be sent back.
func (a *Answer) tokenIn(f *found) []byte { return a.textIn(f, a.token, TokenBytesMax) }

// textIn is a text as it stands; nil if there is none, or none of at most so many bytes that could be sent back.
func (a *Answer) textIn(f *found, v *value, most int) []byte {
	p := f.first(v)
	if p.kind != foundString && p.kind != foundNumber {
		return nil
	}
	t := f.decode(nil, p)
	if len(t) == 0 || len(t) > most || !clean(t) {
		return nil
	}
	return t
}

func (a *Answer) referenceIn(f *found) []byte {
	if a.reference == nil {
		return nil
	}
	p := f.first(a.reference)
	if p.kind != foundString && p.kind != foundNumber {
		return nil
	}
	return shorten(f.decode(nil, p), ReferenceBytesMax)
}

// reasonIn is what the buyer says, cut and cleaned; a list or an object as its JSON unless the rule joins.
func (a *Answer) reasonIn(f *found) []byte {
	if a.reason == nil {
		return nil
	}
	return shorten(a.words(f), ReasonBytesMax)
}

// words is the whole of what the buyer says.
func (a *Answer) words(f *found) []byte {
	if a.reason.join != nil {
		return a.joined(f, a.reason)
	}
	p := f.first(a.reason)
	if !p.filled() {
		return nil
	}
	return f.decode(nil, p)
}

// joined is all that stands at a value's places, in their order, with its separator between them.
func (a *Answer) joined(f *found, v *value) []byte {
	var out []byte
	put := func(text []byte) {
		if text = trim(text); len(text) == 0 || len(out)+len(text) > BytesMax {
			return
		}
		if len(out) > 0 {
			out = append(out, *v.join...)
		}
		out = append(out, text...)
	}
	if v.whole {
		put(f.body)
	}
	for _, i := range v.paths {
		switch {
		case a.paths[i].never:
		case a.format == formatJSON:
			eachJSON(f.body, a.paths[i].steps, func(p place) { put(f.decode(nil, p)) })
		case f.at[i].filled():
			put(f.decode(nil, f.at[i]))
		}
	}
	return out
}

// reasonSearched is how much of a reason expressions are looked for in.
const reasonSearched = 4096

// matchReason finds the first configured reason within the whole of what the buyer says.
func (a *Answer) matchReason(f *found) *reason {
	if a.reason == nil || len(a.reasons) == 0 {
		return nil
	}
	text := trim(a.words(f))
	if len(text) == 0 {
		return nil
	}
	short := text[:min(len(text), reasonSearched)]
	for i := range a.reasons {
		switch r := &a.reasons[i]; {
		case r.regex != nil && r.regex.Match(short), r.equals != "" && equalFold(text, r.equals), r.match != "" &&
			containsFold(text, r.match):
			return r
		}
	}
	return nil
}

// clean tells whether a text is UTF-8 without control characters.
func clean(b []byte) bool {
	ascii := true
	for _, c := range b {
		if c < 0x20 || c == 0x7f {
			return false
		}
		ascii = ascii && c < utf8.RuneSelf
	}
	return ascii || utf8.Valid(b)
}

// shorten cuts a text at a rune's end and replaces control characters by spaces and what is not UTF-8 by U+FFFD. It
// returns nil for empty text, and what it was given if that is fine.
func shorten(b []byte, most int) []byte {
	b = trim(b)
	if len(b) > most {
		n := most
		for n > 0 && !utf8.RuneStart(b[n]) {
			n--
		}
		b = b[:n]
	}
	if len(b) == 0 {
		return nil
	}
	if clean(b) {
		return b
	}
	out := make([]byte, 0, most)
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r < 0x20 || r == 0x7f {
			r = ' '
		}
		if len(out)+utf8.RuneLen(r) > most {
			break
		}
		out = utf8.AppendRune(out, r)
		i += n
	}
	return out
}

// containsFold finds a text in lower case without regard to the case of ASCII letters.
func containsFold(s []byte, lowered string) bool {
	for i := 0; i+len(lowered) <= len(s); i++ {
		if equalFold(s[i:i+len(lowered)], lowered) {
			return true
		}
	}
	return false
}
