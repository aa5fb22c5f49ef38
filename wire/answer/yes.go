// SPDX-License-Identifier: Apache-2.0

package answer

import (
	"bytes"
	"slices"

	"github.com/antchfx/xmlquery"
	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// yesWords are the words that speak for a yes wherever they stand in an answer, unless a word in the same clause
// negates them. maybeWords do so only at the very place that would say yes. docs/explanation/outcomes.md lists both.
var (
	yesWords = []string{"accept", "accepted", "accepting", "success", "successful", "successfully", "succeeded", "sold",
		"added", "queued", "enqueued", "purchased", "bought", "approved", "matched", "won", "stored", "saved",
		"created", "inserted", "imported", "confirmed", "pending"}
	maybeWords = []string{"ok", "okay", "yes", "y", "true", "done", "good", "valid", "received", "processed",
		"processing", "progress", "review", "reviewing", "submitted", "complete", "completed", "thanks", "thank",
		"sent", "posted", "delivered", "scheduled", "waiting", "hold", "held", "open", "new", "registered", "taken",
		"in_progress", "200", "201", "202"}
	// negators turn a yes beside them, beside the words that speak against a success (againstWords).
	negators = []string{"must", "should", "required", "requires", "only", "unless", "until", "before", "many",
		"previously", "earlier", "n", "off"}
	// undecided speak against a sale and are no refusal either: the lead may have been taken.
	undecided = []string{"pending", "queued", "awaiting", "unknown"}
	// befores are how words begin that speak of an earlier lead.
	befores = []string{"duplic", "already", "previous", "exist", "repeat"}
)

func oneOf(list []string, w []byte) bool {
	return slices.ContainsFunc(list, func(s string) bool { return equalFold(s, w) })
}

// negates tells whether a word turns a yes beside it.
func negates(w []byte) bool { return oneOf(negators, w) || isAgainst(w) && !oneOf(undecided, w) }

func negated(clause []byte) bool {
	for w, i := nextWord(clause, 0); len(w) > 0; w, i = nextWord(clause, i) {
		if negates(w) {
			return true
		}
	}
	return false
}

// clauses yields the ends of each statement of a text.
func clauses(b []byte) func(func(from, to int) bool) {
	return func(yield func(from, to int) bool) {
		for from := 0; from < len(b); {
			to := len(b)
			if i := bytes.IndexAny(b[from:], clauseEnds); i >= 0 {
				to = from + i
			}
			if to > from && !yield(from, to) {
				return
			}
			from = to + 1
		}
	}
}

// saysYesIn is the first word of a text that speaks for a yes; empty if there is none. "accepted: 0" and
// "accepted=false" speak for none.
func saysYesIn(b []byte) string {
	for from, to := range clauses(b) {
		clause := b[from:to]
		for w, i := nextWord(clause, 0); len(w) > 0; w, i = nextWord(clause, i) {
			n := slices.IndexFunc(yesWords, func(s string) bool { return equalFold(s, w) })
			if n < 0 {
				continue
			}
			if negated(clause) {
				break
			}
			if len(trim(clause[i:])) == 0 && to < len(b) && (b[to] == ':' || b[to] == '=') &&
				isNothing(after(b, to+1)) {
				continue
			}
			return yesWords[n]
		}
	}
	return ""
}

// after is the value behind a label.
func after(b []byte, i int) []byte {
	for i < len(b) && (isSpace(b[i]) || b[i] == '"') {
		i++
	}
	end := i
	for end < len(b) && (isWord(b[end]) || b[end] == '.' || b[end] == '/') {
		end++
	}
	return b[i:end]
}

// mayBeYes tells whether a value at the place that would say yes may be a yes of another kind.
func mayBeYes(b []byte) bool {
	if saysYesIn(b) != "" {
		return true
	}
	for from, to := range clauses(b) {
		found := false
		for w, i := nextWord(b[from:to], 0); len(w) > 0 && !found; w, i = nextWord(b[from:to], i) {
			found = oneOf(maybeWords, w) || oneOf(undecided, w)
		}
		if found && !negated(b[from:to]) {
			return true
		}
	}
	return false
}

var noValues = []string{"false", "no", "n", "off", "f", "nope"}

// nothings are texts that say that there is nothing.
var nothings = []string{"", "null", "none", "nil", "undefined", "n/a", "na", "-", "--", "nan", "(null)"}

// refusals are how words begin that say no by themselves, whatever stands behind them.
var refusals = []string{"reject", "declin", "refus", "denied", "fail", "error", "invalid", "duplic", "cancel",
	"unaccept", "unsold", "unmatch"}

// isNo tells whether a value says no: false, "no", "off", "rejected: bad zip" and the like.
func isNo(b []byte) bool {
	if oneOf(noValues, b) {
		return true
	}
	w, end := nextWord(b, 0)
	for _, stem := range refusals {
		if len(w) >= len(stem) && equalFold(stem, w[:len(stem)]) {
			return true
		}
	}
	return len(w) > 0 && end == len(b) && isAgainst(w) && !oneOf(undecided, w)
}

// isNothing tells whether a value stands for no value, for 0 or for no.
func isNothing(b []byte) bool {
	n, number := parseNumber(b)
	return oneOf(nothings, b) || number && n == 0 || isNo(b)
}

// isTrue tells whether a value says that what its name says is so.
func isTrue(b []byte) bool {
	n, number := parseNumber(b)
	return number && n > 0 || equalFold("true", b) || equalFold("yes", b) || equalFold("y", b)
}

// nameSaysYes is the word for a yes in which a name ends, as in accepted, isSold and lead_added; empty if there is
// none.
func nameSaysYes(name []byte) string {
	from := len(name)
	for from > 0 && isLetter(name[from-1]) {
		from--
		if name[from] >= 'A' && name[from] <= 'Z' && from+1 < len(name) && name[from+1] >= 'a' {
			break
		}
	}
	if from > 0 && equalFold("un", trim(name[:from])) ||
		negated(bytes.ReplaceAll(name[:from], []byte{'_'}, []byte{' '})) {
		return ""
	}
	for _, w := range yesWords {
		if equalFold(w, name[from:]) {
			return w
		}
	}
	return ""
}

// pairSaysYes is what in a value of a name speaks for a yes.
func pairSaysYes(name, value []byte) string {
	if w := saysYesIn(value); w != "" {
		return w
	}
	if isTrue(trim(value)) {
		return nameSaysYes(name)
	}
	return ""
}

// yesWord is the first word in the values of an answer that speaks for a yes. skip is the text of the campaign's
// reason, left out.
func (a *Answer) yesWord(f *found, raw []byte, readable bool, skip []byte) string {
	word := ""
	a.eachPair(f, raw, readable, func(name, value []byte) bool {
		if value = trim(value); len(skip) == 0 || len(value) == 0 || !bytes.Contains(skip, value) {
			word = pairSaysYes(name, value)
		}
		return word == ""
	})
	return word
}

// speaksOfBefore tells whether an answer speaks of an earlier lead: the same request once more would hear it of itself.
func (a *Answer) speaksOfBefore(f *found, raw []byte, readable bool) bool {
	before := false
	a.eachPair(f, raw, readable, func(_, value []byte) bool {
		for w, i := nextWord(value, 0); len(w) > 0 && !before; w, i = nextWord(value, i) {
			for _, stem := range befores {
				before = before || len(w) >= len(stem) && equalFold(stem, w[:len(stem)])
			}
		}
		return !before
	})
	return before
}

// eachPair calls fn with each single value of an answer and its name, if it has one, until fn returns false. A body
// that could not be read is one text.
func (a *Answer) eachPair(f *found, raw []byte, readable bool, fn func(name, value []byte) bool) {
	switch {
	case !readable:
		fn(nil, visible(raw))
	case a.format == formatJSON:
		eachJSONPair(f.body, fn)
	case a.format == formatXML && f.tree != nil:
		eachXMLPair(f.tree, fn)
	case a.format == formatForm:
		eachFormPair(f.body, fn)
	case a.format == formatHTML:
		fn(nil, appendBlocks(nil, f.page))
	default:
		fn(nil, visible(f.body))
	}
}

// visible is the text of a page that a reader sees, or what it was given where it is no page.
func visible(b []byte) []byte {
	if t := trim(b); len(t) == 0 || t[0] != '<' {
		return b
	}
	page, ok := readHTML(b)
	if !ok {
		return b
	}
	return appendBlocks(nil, page)
}

// appendBlocks appends the text beneath a node that a reader sees, its title among it, with a line end around each
// block: what stands in one says nothing about what stands in the next.
func appendBlocks(buf []byte, n *html.Node) []byte {
	block := n.Type == html.ElementNode && !inline(n.DataAtom)
	switch {
	case n.Type == html.TextNode:
		for _, c := range []byte(n.Data) {
			if isSpace(c) {
				c = ' '
			}
			buf = append(buf, c)
		}
		return buf
	case n.Type == html.ElementNode && n.DataAtom != atom.Head && n.DataAtom != atom.Title && unseen(n.DataAtom):
		return buf
	case block:
		buf = append(buf, '\n')
	}
	for k := n.FirstChild; k != nil; k = k.NextSibling {
		buf = appendBlocks(buf, k)
	}
	if block {
		buf = append(buf, '\n')
	}
	return buf
}

// eachJSONPair calls fn with each string, number and boolean of a valid document.
func eachJSONPair(b []byte, fn func(name, value []byte) bool) {
	var name []byte
	for i := 0; i < len(b); {
		switch c := b[i]; {
		case c == '"':
			end, escaped := scanString(b, i+1)
			if end < 0 {
				return
			}
			text := b[i+1 : end]
			if escaped {
				text = appendUnescaped(nil, text)
			}
			i = skipSpace(b, end+1)
			if i < len(b) && b[i] == ':' {
				name = text
				i++
			} else if !fn(name, text) {
				return
			}
		case c == '{' || c == '}' || c == '[' || c == ']' || c == ',' || isSpace(c):
			if c == '}' || c == '{' {
				name = nil
			}
			i++
		default:
			_, end := scanLiteral(b, i)
			if end < 0 || !fn(name, b[i:end]) {
				return
			}
			i = end
		}
	}
}

func eachXMLPair(n *xmlquery.Node, fn func(name, value []byte) bool) bool {
	for _, x := range n.Attr {
		if !fn([]byte(x.Name.Local), []byte(x.Value)) {
			return false
		}
	}
	leaf := true
	for k := n.FirstChild; k != nil; k = k.NextSibling {
		if k.Type == xmlquery.ElementNode {
			leaf = false
			if !eachXMLPair(k, fn) {
				return false
			}
		}
	}
	if leaf {
		return fn([]byte(n.Data), appendXMLText(nil, n))
	}
	for k := n.FirstChild; k != nil; k = k.NextSibling {
		if k.Type != xmlquery.ElementNode && !fn(nil, []byte(k.Data)) {
			return false
		}
	}
	return true
}

func eachFormPair(b []byte, fn func(name, value []byte) bool) {
	for _, pair := range bytes.FieldsFunc(b, func(r rune) bool { return r == '&' || r == '\n' }) {
		name, value, _ := bytes.Cut(pair, []byte{'='})
		n, _ := appendFormDecoded(nil, trim(name))
		v, _ := appendFormDecoded(nil, value)
		if !fn(n, v) {
			return
		}
	}
}
