// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"strings"

	"github.com/goccy/go-json"
	"github.com/tidwall/gjson"

	"clearpost/lead"
)

// DebugNamesMax is how many unknown names a debug reply lists.
const DebugNamesMax = 64

// debugReply tells a seller what became of its lead's fields: nothing that it has not sent, or that its posting
// specification does not say.
type debugReply struct {
	Fields  []debugField `json:"fields"`
	Unknown []string     `json:"unknown,omitempty"` // names that nobody knows
	Kept    bool         `json:"unknown_kept,omitempty"`
}

type debugField struct {
	Field    string `json:"field"`
	SentAs   string `json:"sent_as,omitempty"` // where that is another name
	Sent     string `json:"sent,omitempty"`
	Value    string `json:"value,omitempty"` // in normal form
	Valid    bool   `json:"valid"`
	Made     bool   `json:"made,omitempty"` // derived from another field, or the default: not sent
	Expected string `json:"expected,omitempty"`
	LeftOut  bool   `json:"left_out,omitempty"` // it did not fit and is not required: the lead is taken without it
}

// wantsDebug tells whether a request asks for a debug reply, by whatever means.
func (r *request) wantsDebug() bool {
	if r.env.debug {
		return true
	}
	if h := r.ctx.Request.Header.Peek("X-Clearpost-Debug"); len(h) > 0 {
		return !saysNo(strings.TrimSpace(string(h)))
	}
	if len(r.ctx.URI().QueryString()) == 0 {
		return false
	}
	return !saysNo(strings.TrimSpace(string(r.ctx.QueryArgs().Peek("debug"))))
}

// debug makes the debug reply of a lead that has just been read. Values are masked as in messages.
func (r *request) debug(l *lead.Lead) []byte {
	s := l.Schema()
	t := tracer{unknownNames: unknownNames{schema: s, names: r.names}, sentAs: make([]string, l.Len())}
	if walk(&r.in, &t) != nil {
		return nil // cannot be: it was walked before
	}
	out := debugReply{Fields: []debugField{}, Kept: len(r.env.unknown) > 0}
	wrong := l.Problems(0)
	for pos := range l.Len() {
		slot, f := l.Slot(pos), &s.Fields[pos]
		if slot.State == lead.Missing || slot.Made && r.ctx != nil && r.isPost {
			continue // what a post does not bring stands as the ping has it
		}
		d := debugField{Field: f.Name, SentAs: t.sentAs[pos], Made: slot.Made, Valid: slot.State == lead.Valid}
		if d.Valid {
			d.Value = lead.Mask(f, l.Normal(pos))
		}
		if !slot.Made {
			d.Sent = lead.Mask(f, l.Raw(pos))
		}
		for _, p := range wrong {
			if p.Field == f.Name {
				d.Expected = p.Expected
			}
		}
		out.Fields = append(out.Fields, d)
	}
	for _, u := range l.Unfit() {
		f := &s.Fields[u.Pos]
		d := debugField{Field: f.Name, SentAs: t.sentAs[u.Pos], LeftOut: true,
			Expected: strings.TrimPrefix(l.UnfitReason(u), "expected ")}
		if raw := l.UnfitRaw(u); len(raw) > 0 {
			d.Sent = lead.Mask(f, raw)
		}
		out.Fields = append(out.Fields, d)
	}
	for _, name := range t.unknown[:min(len(t.unknown), DebugNamesMax)] {
		out.Unknown = append(out.Unknown, cut(name))
	}
	b, err := json.MarshalWithOption(out, json.DisableHTMLEscape())
	if err != nil {
		return nil // cannot be: it is made of texts
	}
	return b
}

// tracer takes a walk's pairs and keeps under which other name each field was sent.
type tracer struct {
	unknownNames
	sentAs []string
}

func (t *tracer) pair(name, val gjson.Result) bool {
	if pos, ok := t.position(name.Str); ok && t.sentAs[pos] == "" && lower(name.Str) != t.schema.Fields[pos].Name {
		t.sentAs[pos] = cut(name.Str)
	}
	return t.unknownNames.pair(name, val)
}

func (t *tracer) selected(name, val gjson.Result, _ bool) bool { return t.pair(name, val) }

// position is the field that a name stands for, by the whole name or by its end.
func (t *tracer) position(name string) (int, bool) {
	for rest, more := name, true; more; _, rest, more = strings.Cut(rest, ".") {
		if a, ok := t.names.position(t.schema, rest); ok {
			return a.pos, a.own == ""
		}
		if pos, ok := usual(t.schema, rest); ok {
			return pos, true
		}
	}
	return -1, false
}

// withDebug puts a debug reply at the end of an answer, which is an object, or one object in another.
func withDebug(answer, debug []byte, root string) []byte {
	end := len(answer) - 1
	if gjson.GetBytes(answer, root).IsObject() {
		end--
	}
	out := make([]byte, 0, len(answer)+len(debug)+len(`,"debug":`))
	out = append(append(append(out, answer[:end]...), `,"debug":`...), debug...)
	return append(out, answer[end:]...)
}
