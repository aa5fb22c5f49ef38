// SPDX-License-Identifier: Apache-2.0

package answer

import (
	"bytes"
	"unicode/utf8"
)

// findText looks for the parts and the labelled values of a plain text.
func (a *Answer) findText(f *found) bool {
	if !utf8.Valid(f.body) {
		return false
	}
	for i := range a.paths {
		switch p := &a.paths[i]; {
		case p.never:
		case p.regex != nil:
			if !f.afford(len(f.body) * p.cost) {
				return false
			}
			a.findRegex(f, i)
		case p.part >= 0:
			if part, ok := textPartAt(f.body, p.part); ok {
				a.put(f, i, part)
			}
		default:
			a.findLabel(f, i)
		}
	}
	return true
}

// textPartAt is the n-th part of a text split at | ; tab and line ends, without the space around it.
func textPartAt(b []byte, n int) (place, bool) {
	at := 0
	for ; n > 0; n-- {
		i := bytes.IndexAny(b[at:], "|;\t\n")
		if i < 0 {
			return place{}, false
		}
		at += i + 1
	}
	end := len(b)
	if i := bytes.IndexAny(b[at:], "|;\t\n"); i >= 0 {
		end = at + i
	}
	return trimmedPlace(b, at, end), true
}

func trimmedPlace(b []byte, from, to int) place {
	for from < to && isSpace(b[from]) {
		from++
	}
	for from < to && isSpace(b[to-1]) {
		to--
	}
	return place{from: uint32(from), to: uint32(to), kind: foundString}
}

// findRegex notes what the group of a path's expression finds, at its first two places: more tell nothing new.
func (a *Answer) findRegex(f *found, path int) {
	for _, m := range a.paths[path].regex.FindAllSubmatchIndex(f.body, 2) {
		if m[2] >= 0 {
			a.put(f, path, trimmedPlace(f.body, m[2], m[3]))
		}
	}
}

// findLabel notes what follows each whole word that is the path's label.
func (a *Answer) findLabel(f *found, path int) {
	b, label := f.body, a.paths[path].text
	for at := 0; at+len(label) <= len(b); at++ {
		end := at + len(label)
		if !equalFold(b[at:end], label) || at > 0 && isWord(b[at-1]) || end < len(b) && isWord(b[end]) {
			continue
		}
		from := end
		for from < len(b) && (b[from] == ' ' || b[from] == '\t') {
			from++
		}
		if from < len(b) && (b[from] == ':' || b[from] == '=' || b[from] == '|') {
			from++
		} else if from == end {
			continue
		}
		for from < len(b) && (b[from] == ' ' || b[from] == '\t') {
			from++
		}
		to := from
		for to < len(b) && !isSpace(b[to]) && b[to] != '|' && b[to] != ';' {
			to++
		}
		for to > from && b[to-1] == ',' {
			to--
		}
		a.put(f, path, place{from: uint32(from), to: uint32(to), kind: foundString})
	}
}

func isLetter(c byte) bool { return lower(c) >= 'a' && lower(c) <= 'z' || c >= utf8.RuneSelf }

// isWord tells whether a byte is part of a word: a letter, a digit, an apostrophe, or part of any rune beyond ASCII.
func isWord(c byte) bool {
	return isDigit(c) || lower(c) >= 'a' && lower(c) <= 'z' || c == '\'' || c >= utf8.RuneSelf
}

// nextWord is the next word of a text at or behind i, and the place behind it; empty if there is none.
func nextWord[T text](s T, i int) (word T, end int) {
	for i < len(s) && !isWord(s[i]) {
		i++
	}
	end = i
	for end < len(s) && isWord(s[end]) {
		end++
	}
	return s[i:end], end
}

// splitWords splits a text into its words, in lower case unless exact.
func splitWords(s string, exact bool) []string {
	if !exact {
		s = foldASCII(s)
	}
	var out []string
	for w, i := nextWord(s, 0); w != ""; w, i = nextWord(s, i) {
		out = append(out, w)
	}
	return out
}

// findWords tells whether a text says the phrase, word by word, and whether any other word in it speaks against a
// success: "not accepted" and "accepted: duplicate" say "accepted" and speak against it. An empty phrase is never said.
// exact minds the case.
func findWords(s []byte, phrase []string, exact bool) (said, against bool) {
	for i := 0; ; {
		if end := phraseEnd(s, i, phrase, exact); end > 0 {
			said = true
			against = against || saysZero(s, end)
			i = end
			continue
		}
		w, end := nextWord(s, i)
		if len(w) == 0 {
			return said, against
		}
		against = against || isAgainst(w)
		i = end
	}
}

// hasPhrase tells whether a text says the phrase, whatever stands beside it.
func hasPhrase(s []byte, phrase []string, exact bool) bool {
	for i := 0; ; {
		if phraseEnd(s, i, phrase, exact) > 0 {
			return true
		}
		w, end := nextWord(s, i)
		if len(w) == 0 {
			return false
		}
		i = end
	}
}

// clauseEnds are the signs that end what one statement of a text is about.
const clauseEnds = ".;:!?,|\t\r\n(){}[]<>\"="

// againstBehind tells whether a word against a success stands behind the value of a label, before the next label:
// "accepted" in "status: accepted pending review" is not all that there is.
func againstBehind(s []byte, i int) bool {
	for {
		from := i
		w, end := nextWord(s, i)
		if len(w) == 0 || bytes.ContainsAny(s[from:end-len(w)], "|;\n") {
			return false
		}
		for i = end; i < len(s) && (s[i] == ' ' || s[i] == '\t'); i++ {
		}
		if i < len(s) && (s[i] == ':' || s[i] == '=') {
			return false
		}
		if isAgainst(w) {
			return true
		}
	}
}

// saysZero tells whether what follows the phrase is a bare 0, as in "accepted: 0".
func saysZero(s []byte, i int) bool {
	w, end := nextWord(s, i)
	return string(w) == "0" && (end+1 >= len(s) || s[end] != '.' || !isDigit(s[end+1]))
}

// phraseEnd is the place behind the phrase if the next words from i on are its words, else 0.
func phraseEnd(s []byte, i int, phrase []string, exact bool) int {
	if len(phrase) == 0 {
		return 0
	}
	for _, p := range phrase {
		var w []byte
		if w, i = nextWord(s, i); exact && string(w) != p || !exact && !equalFold(w, p) {
			return 0
		}
	}
	return i
}

// againstWords and againstStems are the words that speak against a success: those, and all that begin so.
var (
	againstWords = []string{"no", "not", "non", "un", "none", "nor", "neither", "never", "without", "false", "nok",
		"nack", "unable", "cannot", "cant", "bad", "pending", "queued", "already", "deny", "denied", "unknown",
		"nobody", "nothing", "sorry", "regret", "awaiting", "closed", "paused"}
	againstStems = []string{"reject", "declin", "duplic", "fail", "error", "invalid", "refus", "unaccept", "unsold",
		"unmatch", "unsuccess", "unqualif", "disqualif", "unavailab", "insufficient", "incomplet", "missing", "expired",
		"exceed", "exception", "cancel", "blocked", "timeout", "unfortunate"}
)

// againstBy are the same by their first letter: a text may have a hundred thousand words.
var againstBy = func() (by [26]struct{ words, stems []string }) {
	for _, w := range againstWords {
		by[w[0]-'a'].words = append(by[w[0]-'a'].words, w)
	}
	for _, w := range againstStems {
		by[w[0]-'a'].stems = append(by[w[0]-'a'].stems, w)
	}
	return by
}()

func isAgainst(w []byte) bool {
	if i := int(lower(w[0])) - 'a'; i >= 0 && i < len(againstBy) {
		for _, a := range againstBy[i].words {
			if equalFold(w, a) {
				return true
			}
		}
		for _, a := range againstBy[i].stems {
			if len(w) >= len(a) && equalFold(w[:len(a)], a) {
				return true
			}
		}
	}
	n := len(w)
	return n >= 3 && equalFold(w[n-3:], "n't") || n >= 5 && equalFold(w[n-5:], "n’t")
}
