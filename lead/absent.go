// SPDX-License-Identifier: Apache-2.0

package lead

import (
	_ "embed"
	"strings"
	"sync"
)

// MissingWordMax is how many bytes a word that stands for a missing value may have.
const MissingWordMax = 32

// Missing words are what senders write where they have no value, such as N/A.
type MissingWords struct {
	words map[string]struct{} // in lower case
	first [256]uint64         // by the byte with which one begins, a bit for each length: most values are told by it
}

//go:embed lists/missing.txt
var missingText string

var missingWords = sync.OnceValue(func() *MissingWords {
	w, line := ParseMissingWords(missingText)
	if line != 0 {
		panic("lead: the embedded list of missing words is broken")
	}
	return w
})

// ParseMissingWords reads a list of words, one a line; blank lines and lines that begin with # and a space are passed
// over. It tells the first line, counted from 1, that is too long, 0 if there is none.
func ParseMissingWords(text string) (*MissingWords, int) {
	out := &MissingWords{words: map[string]struct{}{}}
	for i, line := range strings.Split(text, "\n") {
		w := lowerString(string(TrimUnseen([]byte(line))))
		if w == "" || w == "#" || strings.HasPrefix(w, "# ") {
			continue
		}
		if len(w) > MissingWordMax || !plainText([]byte(w)) {
			return nil, i + 1
		}
		out.words[w] = struct{}{}
		out.first[w[0]] |= 1 << len(w)
	}
	return out, 0
}

// absent tells whether a value of a field, without space around it, says that there is none. pos is the field's
// position, and that of the list for its elements.
func (s *Schema) absent(pos int, f *Field, raw []byte) bool {
	if len(raw) > MissingWordMax || s.missing.first[lower(raw[0])]>>len(raw)&1 == 0 && f.Type != TypeIP {
		return false
	}
	var b [MissingWordMax]byte
	for i, c := range raw {
		b[i] = lower(c)
	}
	w := b[:len(raw)]
	if _, is := s.missing.words[string(w)]; !is {
		return f.Type == TypeIP && string(w) == "unknown" // as proxies write it
	}
	switch f.Type {
	case TypeText:
		return false
	case TypeEnum:
		_, listed := s.enums[pos][string(w)]
		return !listed
	case TypeList:
		_, listed := s.enums[pos][string(w)]
		return f.Of != TypeText && !listed
	case TypeName, TypeStreet, TypeCity:
		return len(w) > 3 || !lettersOnly(w)
	}
	return true
}

func lettersOnly(b []byte) bool {
	for _, c := range b {
		if c = lower(c); c < 'a' || c > 'z' {
			return false
		}
	}
	return true
}
