// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"
	"golang.org/x/text/encoding"
)

// DepthMax is how deep objects, lists and XML elements may stand in each other.
const DepthMax = 16

// taker takes the pairs of a walk. It returns false to end the walk.
type taker interface {
	pair(name, val gjson.Result) bool
	problem(field, expected string)
	found() int                       // pairs whose name is known
	knows(name string, tail int) bool // by the whole name, or by an end of it that begins at the byte tail or before
	// selected is pair for an element with attributes that tell it from others: with a name that they have made, or
	// with its own.
	selected(name, val gjson.Result, made bool) bool
	unpacks(name string) bool // its text is a document of its own
}

// walk gives all pairs of a payload to the taker: those of the query string first. The texts live as long as the
// payload's bytes.
func walk(p *payload, t taker) *refused {
	more, no := walkForm(p.query, nil, t)
	if no != nil || !more {
		return no
	}
	switch p.dialect {
	case dialectJSON:
		return walkJSON(p.body, t)
	case dialectForm:
		if gjson.ValidBytes(p.body) && gjson.ParseBytes(p.body).IsObject() { // curl -d says nothing else
			return refuse(400, "bad_form",
				"the body is JSON and is declared as a form: send it with Content-Type: application/json")
		}
		_, no = walkForm(p.body, p.charset, t)
		return no
	case dialectMultipart:
		return walkMultipart(p, t)
	case dialectXML:
		return walkXML(p.body, t)
	}
	return nil
}

func walkJSON(body []byte, t taker) *refused {
	root := gjson.Result{}
	if gjson.ValidBytes(body) {
		root = gjson.Parse(text(body))
	}
	if root.IsArray() {
		if done, _ := entries(t, root.Array()); done {
			return nil
		}
	}
	if !root.IsObject() {
		return refuse(400, "bad_json", "%s", jsonFault(body))
	}
	if root.Get("user_column_data").IsArray() { // a lead of Google's forms has an id of its own, where we have none
		t = &googleLead{t}
	}
	walkObject(t, "", root, 1)
	return nil
}

func walkObject(t taker, prefix string, object gjson.Result, depth int) bool {
	more := true
	object.ForEach(func(k, val gjson.Result) bool {
		if len(prefix)+len(k.Str) > PathBytesMax {
			more = longPath(t)
			return false
		}
		if prefix != "" {
			k.Str = prefix + k.Str
		}
		more = walkValue(t, k, val, depth)
		return more
	})
	return more
}

func longPath(t taker) bool {
	t.problem("body", "names of at most "+strconv.Itoa(PathBytesMax)+" bytes")
	return false
}

// walkValue takes a value of JSON apart. A list of single values stays a value. An object, or a list with objects, in
// which no name is known is taken as a value itself, so that it can be refused where its own name is known.
func walkValue(t taker, name, val gjson.Result, depth int) bool {
	if val.Type != gjson.JSON {
		if val.Type == gjson.String {
			if doc, ok := document(t, name.Str, val.Str); ok && depth < DepthMax {
				return walkObject(t, "", doc, depth+1)
			}
		}
		return t.pair(name, val)
	}
	if depth >= DepthMax {
		t.problem("body", "at most "+strconv.Itoa(DepthMax)+" levels of objects and lists")
		return false
	}
	before := t.found()
	if val.IsObject() {
		if !walkObject(t, name.Str+".", val, depth+1) {
			return false
		}
	} else {
		list := val.Array()
		if done, more := entries(t, list); done {
			return more
		}
		deep := false
		for _, e := range list {
			deep = deep || e.Type == gjson.JSON
		}
		for i, e := range list {
			if deep && !walkValue(t, gjson.Result{Type: gjson.String, Str: name.Str + "[" + strconv.Itoa(i) + "]"}, e,
				depth+1) {
				return false
			}
		}
	}
	return t.found() > before || t.pair(name, val)
}

// word makes a text from a form or XML a value like one of JSON.
func word(s string) gjson.Result { return gjson.Result{Type: gjson.String, Raw: s, Str: s} }

// walkForm reads name=value&…, percent-encoded. more is false if the taker has ended the walk.
func walkForm(body []byte, charset encoding.Encoding, t taker) (more bool, no *refused) {
	rest := text(body)
	for rest != "" {
		var piece string
		piece, rest, _ = strings.Cut(rest, "&")
		if piece == "" {
			continue
		}
		name, val, _ := strings.Cut(piece, "=")
		name, ok := unescape(name)
		val, ok2 := unescape(val)
		if !ok || !ok2 {
			return false,
				refuse(400, "bad_form", "a %% must be followed by two hexadecimal digits: write %%25 for a %% itself")
		}
		if name, no = convert(name, charset); no == nil {
			val, no = convert(val, charset)
		}
		if no != nil {
			return false, no
		}
		if !formPair(t, plainName(name), val) {
			return false, nil
		}
	}
	return true, nil
}

// formPair takes a field of a form, which may be a whole document.
func formPair(t taker, name, val string) bool {
	if doc, ok := document(t, name, val); ok {
		return walkObject(t, "", doc, 1)
	}
	return t.pair(word(name), word(val))
}

func convert(s string, charset encoding.Encoding) (string, *refused) {
	if charset == nil {
		return s, nil
	}
	s, err := charset.NewDecoder().String(s)
	if err != nil {
		return "", refuse(400, "bad_charset", "the body is not in the charset that it declares")
	}
	return s, nil
}

// unescape undoes + and %XX.
func unescape(s string) (string, bool) {
	if strings.IndexByte(s, '%') < 0 && strings.IndexByte(s, '+') < 0 {
		return s, true
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '+':
			b = append(b, ' ')
		case '%':
			if i+2 >= len(s) || hexDigit(s[i+1]) < 0 || hexDigit(s[i+2]) < 0 {
				return "", false
			}
			b = append(b, byte(hexDigit(s[i+1])<<4|hexDigit(s[i+2])))
			i += 2
		default:
			b = append(b, c)
		}
	}
	return text(b), true
}

func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// walkMultipart reads the parts of a multipart form. Files are refused, but for the empty one that a browser sends
// where none was chosen.
func walkMultipart(p *payload, t taker) *refused {
	r := multipart.NewReader(bytes.NewReader(p.body), p.boundary)
	for {
		part, err := r.NextPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		var val []byte
		if err == nil {
			val, err = io.ReadAll(part)
		}
		if err != nil {
			return refuse(400, "bad_multipart", "the body is not a whole multipart form")
		}
		switch strings.ToLower(part.Header.Get("Content-Transfer-Encoding")) {
		case "", "7bit", "8bit", "binary":
		default:
			return refuse(400, "bad_multipart", "expected parts without Content-Transfer-Encoding")
		}
		name, no := convert(part.FormName(), p.charset)
		if no != nil {
			return no
		}
		if name == "" {
			return refuse(400, "bad_multipart", "expected each part to be form-data with a name")
		}
		if isFile(part.Header.Get("Content-Disposition")) {
			if len(val) > 0 {
				t.problem(cut(name), "a value, not a file")
			}
			continue
		}
		content, no := partText(string(val), part.Header.Get("Content-Type"), p.charset)
		if no != nil {
			return no
		}
		if !formPair(t, plainName(name), content) {
			return nil
		}
	}
}

// isFile tells whether a part's Content-Disposition names a file.
func isFile(disposition string) bool {
	_, params, err := mime.ParseMediaType(disposition)
	_, ok := params["filename"]
	return err == nil && ok
}

// partText is a part's content in UTF-8: by its own charset, else by the request's.
func partText(val, contentType string, charset encoding.Encoding) (string, *refused) {
	if _, params, err := mime.ParseMediaType(contentType); err == nil && params["charset"] != "" {
		own, no := charsetOf(params["charset"])
		if no != nil {
			return "", no
		}
		charset = own
	}
	return convert(val, charset)
}

// cut shortens a name that somebody sent, for messages.
func cut(name string) string {
	q := quoted(name)
	return q[1 : len(q)-1]
}

func (d *reader) found() int { return d.hits }

func (d *reader) knows(name string, tail int) bool { return d.names.knows(d.lead.Schema(), name, tail) }

func (d *reader) selected(name, val gjson.Result, made bool) bool {
	d.bySelector, d.told = made, !made
	defer func() { d.bySelector, d.told = false, false }()
	return d.pair(name, val)
}

func (d *reader) unpacks(name string) bool { return isDocument(name, d.names.unpack) }

func (d *reader) problem(field, expected string) { d.env.bad(field, "", expected) }

// finder looks for one value by its name, such as the key, without reading the lead.
type finder struct {
	name  string // its NameKey
	value string
}

func (f *finder) pair(name, val gjson.Result) bool {
	if lower(name.Str) != f.name || val.Type == gjson.JSON || val.Type == gjson.Null {
		return true
	}
	f.value = strings.Clone(single(val))
	return false
}

func (f *finder) selected(name, val gjson.Result, _ bool) bool { return f.pair(name, val) }
func (f *finder) problem(string, string)                       {}
func (f *finder) found() int                                   { return 1 }
func (f *finder) knows(name string, _ int) bool                { return lower(name) == f.name }
func (f *finder) unpacks(name string) bool                     { return isDocument(name, nil) }

// keyOf reads the key of a payload of ours.
func keyOf(p *payload) string {
	if p.dialect != dialectJSON {
		return find(p, "key")
	}
	for _, name := range [...]string{"key", googleKey} { // without a look at the rest
		if r := gjson.GetBytes(p.body, name); r.Type == gjson.String {
			return strings.Clone(r.Str)
		}
	}
	if b := bytes.TrimLeft(p.body, " \t\r\n"); len(b) > 0 && b[0] == '[' {
		return find(p, "key")
	}
	return ""
}

// googleKey is the name under which Google's lead forms send the key.
const googleKey = "google_key"

// googleLead takes what a lead form of Google's says beside its columns.
type googleLead struct{ taker }

func (g *googleLead) pair(name, val gjson.Result) bool {
	if name.Str == "lead_id" {
		name.Str = "seller_lead_id"
	}
	return g.taker.pair(name, val)
}

// find reads one value of a payload, "" if it is not there or the payload cannot be read.
func find(p *payload, name string) string {
	f := finder{name: NameKey(name)}
	if walk(p, &f) != nil {
		return ""
	}
	return f.value
}
