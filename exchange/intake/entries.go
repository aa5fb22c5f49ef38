// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"strings"

	"github.com/tidwall/gjson"
)

// Where an entry of a list of names and values has its name and its value, as ad platforms and form builders write
// them: Google's lead forms have column_id and string_value, Meta's name and values, Typeform's field.ref and one of
// text, email and so on. The first that is there counts; of names the first that is known.
var (
	entryNames = []string{"column_id", "column_name", "name", "id", "key", "ref", "label", "field_name", "question",
		"title", "field.ref", "field.id", "field"}
	entryValues = []string{"string_value", "value", "values", "answer", "text", "email", "phone_number", "number",
		"boolean", "date", "url", "choice.label", "choices.labels"}
)

// entries takes a list of names and values as if each were a name of its own. Such a list has objects only, each with a
// name and a value, and one name at least that is known; done is false for any other, which is not touched.
func entries(t taker, list []gjson.Result) (done, more bool) {
	if len(list) == 0 || len(list) > PairsMax {
		return false, true
	}
	known := false
	for _, e := range list {
		name, ok := entryName(t, e)
		if name == "" {
			return false, true
		}
		if _, has := entryValue(e); !has {
			return false, true
		}
		known = known || ok
	}
	if !known {
		return false, true
	}
	for _, e := range list {
		name, _ := entryName(t, e)
		val, _ := entryValue(e)
		if len(name) > PathBytesMax {
			return true, longPath(t)
		}
		if !t.pair(word(name), val) {
			return true, false
		}
	}
	return true, true
}

// entryName is what an entry is called, "" if it has no name.
func entryName(t taker, e gjson.Result) (name string, known bool) {
	if !e.IsObject() {
		return "", false
	}
	for _, path := range entryNames {
		n := e.Get(path)
		if n.Type != gjson.String || strings.TrimSpace(n.Str) == "" {
			continue
		}
		said := strings.TrimSpace(n.Str)
		for _, one := range [...]string{said, strings.ReplaceAll(said, " ", "_")} {
			if t.knows(one, 0) {
				return one, true
			}
		}
		if name == "" {
			name = said
		}
	}
	return name, false
}

func entryValue(e gjson.Result) (gjson.Result, bool) {
	for _, path := range entryValues {
		if v := e.Get(path); v.Exists() && !v.IsObject() {
			return v, true
		}
	}
	return gjson.Result{}, false
}

// usualNames are names that no vertical has to list: of ADF, and the columns of lead forms. They count where nobody
// knows a name otherwise.
var usualNames = map[string]string{
	"name.first": "first_name", "name.last": "last_name", "name.full": "full_name|name", "name.middle": "middle_name",
	"address.street": "address", "street.1": "address", "street.2": "address2", "address.postalcode": "zip",
	"address.regioncode": "state", "postalcode": "zip", "regioncode": "state", "region": "state",
	"street_address": "address", "work_email": "email", "work_phone": "phone",
}

// position is what a name stands for as a whole.
func (n *names) position(schema lookup, name string) (target, bool) {
	if n.alias != nil {
		if t, ok := n.alias[lower(name)]; ok {
			return t, true
		}
	}
	pos, ok := schema.Lookup(bytesOf(name))
	return target{pos: pos}, ok
}

// usual is the field that a name stands for by custom.
func usual(schema lookup, name string) (pos int, ok bool) {
	ours, ok := usualNames[lower(name)]
	if !ok {
		return 0, false
	}
	for one := range strings.SplitSeq(ours, "|") {
		if pos, ok := schema.Lookup(bytesOf(one)); ok {
			return pos, true
		}
	}
	return 0, false
}

// lookup is a schema.
type lookup interface{ Lookup(name []byte) (int, bool) }

// knows tells whether a name is known as a whole, or by an end that begins at the byte tail or before it.
func (n *names) knows(schema lookup, name string, tail int) bool {
	if ownName(name) >= 0 || flagOf(name) != noFlag {
		return true
	}
	for at := 0; at <= tail; {
		if _, ok := n.position(schema, name[at:]); ok {
			return true
		}
		if _, ok := usual(schema, name[at:]); ok {
			return true
		}
		dot := strings.IndexByte(name[at:], '.')
		if dot < 0 {
			return false
		}
		at += dot + 1
	}
	return false
}

// documents are names of form fields, and of texts in JSON, in which form builders send the whole answer once more, or
// only there, as JSON.
var documents = []string{"data.json", "rawrequest", "raw_request"}

// document is the object that stands as a text under a name of a document; ok is false if there is none.
func document(t taker, name, val string) (gjson.Result, bool) {
	val = strings.TrimSpace(val)
	if val == "" || val[0] != '{' || !t.unpacks(name) || !gjson.Valid(val) {
		return gjson.Result{}, false
	}
	return gjson.Parse(val), true
}

// isDocument tells whether a name is one of a document: for everybody, or by a list of keys.
func isDocument(name string, more []string) bool {
	name = lower(name)
	for _, list := range [...][]string{documents, more} {
		for _, one := range list {
			if name == one {
				return true
			}
		}
	}
	return false
}
