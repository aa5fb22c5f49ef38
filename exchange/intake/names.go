// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"strings"

	"clearpost/exchange"
	"clearpost/lead"
)

// names is how one source calls the fields of one vertical. It never changes after it is made.
type names struct {
	alias  map[string]target   // by lower-case name; nil where the source has none
	values []map[string]string // by position: lower-case text of theirs → ours; nil where the source has none
	keep   bool                // the vertical keeps what nobody knows
	clean  cleaning
	unpack []string // its names of whole documents, in lower case
	read   func(l *lead.Lead)
}

// target is what a name of a source's own means.
type target struct {
	own string // a name of the API, a flag or ignored
	pos int    // else the field's position
}

// newNames joins what a source and its profile say about names; the source's word counts. What the vertical does not
// have is left out.
func newNames(s *lead.Schema, src *exchange.Source) *names {
	n := &names{clean: newCleaning(s, src), read: reading(s, src)}
	for _, name := range src.Unpack {
		n.unpack = append(n.unpack, NameKey(name))
	}
	for _, m := range []map[string]string{profiles[src.Profile].names(), src.Aliases} {
		for theirs, ours := range m {
			t, ok := meaning(s, ours)
			if !ok {
				continue
			}
			if n.alias == nil {
				n.alias = map[string]target{}
			}
			n.alias[NameKey(theirs)] = t
		}
	}
	for field, m := range src.Values {
		pos, ok := s.Position(field)
		if !ok {
			continue
		}
		if n.values == nil {
			n.values = make([]map[string]string, len(s.Fields))
		}
		n.values[pos] = map[string]string{}
		for theirs, ours := range m {
			n.values[pos][ValueKey(theirs)] = ours
		}
	}
	return n
}

// meaning finds what an alias stands for; ok is false if the vertical does not have it.
func meaning(s *lead.Schema, ours string) (t target, ok bool) {
	if ownName(ours) >= 0 || flagOf(ours) != noFlag || ours == ignored {
		return target{own: ours, pos: -1}, true
	}
	for one := range strings.SplitSeq(ours, "|") {
		if pos, ok := s.Position(one); ok {
			return target{pos: pos}, true
		}
	}
	return t, false
}

// reading is how the source writes dates and times; nil where it is as the vertical has it.
func reading(s *lead.Schema, src *exchange.Source) func(l *lead.Lead) {
	if src.DateOrder == exchange.DateOrderUnset && src.Zone == nil {
		return nil
	}
	dayFirst := dayFirst(s, src)
	return func(l *lead.Lead) { l.ReadAs(dayFirst, src.Zone) }
}

// readAs has the lead read as the source writes.
func (n *names) readAs(l *lead.Lead) {
	if n.read != nil {
		n.read(l)
	}
}

// dayFirst tells whether 3/4/2026 is 3 April where the source writes it.
func dayFirst(s *lead.Schema, src *exchange.Source) bool {
	if src.DateOrder == exchange.DateOrderUnset {
		return s.DayFirst()
	}
	return src.DateOrder == exchange.DayFirst
}

// ours is the value that a source's text stands for.
func (n *names) ours(pos int, raw string) string {
	raw = n.clean.value(pos, raw)
	if n.values == nil || n.values[pos] == nil {
		return raw
	}
	if v, ok := n.values[pos][ValueKey(raw)]; ok {
		return v
	}
	return raw
}

// NameKey is what a source's name is compared by: two names with one key are one name.
func NameKey(name string) string { return plainName(lower(name)) }

// ValueKey is NameKey for values in a source's map.
func ValueKey(value string) string { return lower(strings.TrimSpace(value)) }

// lower makes ASCII letters small: only they have a case in names and values.
func lower(s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] >= 'A' && s[i] <= 'Z' {
			b := []byte(s)
			for j, c := range b {
				if c >= 'A' && c <= 'Z' {
					b[j] = c + 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}

// plainName writes the brackets of forms as the dots and indexes of JSON paths: contact[first_name] is
// contact.first_name, pets[0][name] is pets[0].name, tags[] is tags.
func plainName(s string) string {
	if strings.IndexByte(s, '[') <= 0 {
		return s
	}
	var b strings.Builder
	for s != "" {
		open := strings.IndexByte(s, '[')
		if open < 0 {
			break
		}
		end := strings.IndexByte(s[open:], ']')
		if end < 0 {
			break
		}
		b.WriteString(s[:open])
		switch key := s[open+1 : open+end]; {
		case key == "":
		case strings.Trim(key, "0123456789") == "":
			b.WriteString("[" + key + "]")
		default:
			b.WriteString("." + key)
		}
		s = s[open+end+1:]
	}
	b.WriteString(s)
	return b.String()
}
