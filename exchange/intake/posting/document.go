// SPDX-License-Identifier: Apache-2.0

// Package posting is what a posting spec is: a document about one source and one vertical, its versions and what
// changed between them, and the ways to write it down. The document is made by the sellers' door, which knows what
// it takes; nothing in it tells of buyers, margins, caps or other sources.
//
// page.go (with examples in several languages from code.go), markdown.go and openapi.go write a document down; the
// last one narrows the description of the whole door, openapi.yaml of package intake, to one source and types it.
// history.go keeps versions, and diff.go tells what changed between two.
package posting

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/goccy/go-json"
)

// What stands in examples in place of what only the seller knows.
const (
	KeyPlaceholder  = "YOUR_KEY"
	PingPlaceholder = "PING_ID"
)

// Document is the content of a posting spec. It has neither the address of the exchange nor examples: both are added
// when it is shown.
type Document struct {
	Source       string   `json:"source"`
	SourceName   string   `json:"source_name"`
	Vertical     string   `json:"vertical"`
	VerticalName string   `json:"vertical_name"`
	Currency     string   `json:"currency"`
	Profile      string   `json:"profile,omitempty"` // empty is our own
	Calls        []Call   `json:"calls"`
	Auth         []string `json:"auth"` // where the key may stand
	Fields       []Field  `json:"fields"`
	Rules        []string `json:"rules,omitempty"`
	Names        []Name   `json:"names"`
	Reasons      []Named  `json:"reasons"`
	Statuses     []Named  `json:"statuses"`
	Terms        []Named  `json:"terms"`
	Tests        []Named  `json:"tests,omitempty"` // empty: test leads are not taken
}

// Call is one thing that the seller can ask for.
type Call struct {
	ID      string   `json:"id"` // ping, post, leads, status, search
	Methods []string `json:"methods"`
	Path    string   `json:"path"`
	Says    string   `json:"says"`
	Profile bool     `json:"profile,omitempty"` // in the words of the source's profile
}

// The stages at which a field may be required.
const (
	AtPing   = "ping"
	AtPost   = "post"
	Optional = ""
)

// Field is one field of the vertical as the source sends it.
type Field struct {
	Name     string   `json:"name"`
	Also     []string `json:"also,omitempty"` // other names that every source may use
	Own      []string `json:"own,omitempty"`  // names of this source's own, or of its profile
	InJSON   string   `json:"-"`              // the first of Own as it stands in JSON, with dots for brackets
	Type     string   `json:"type"`
	Of       string   `json:"of,omitempty"` // list: the type of its elements
	Says     string   `json:"says"`         // what is taken, in words
	Required string   `json:"required,omitempty"`
	Values   []Value  `json:"values,omitempty"`
	Words    []Value  `json:"words,omitempty"` // the source's own words for values of a field that is no enum
	Min      string   `json:"min,omitempty"`
	Max      string   `json:"max,omitempty"`
	Default  string   `json:"default,omitempty"`
	Derived  string   `json:"derived,omitempty"` // made from this where it is not sent
	Personal bool     `json:"personal,omitempty"`
}

// Value is an allowed value, with the words that stand for it too.
type Value struct {
	Value string   `json:"value"`
	Also  []string `json:"also,omitempty"`
}

// Name is a name that the API, or the source's profile, uses itself.
type Name struct {
	Name  string   `json:"name"`
	Also  []string `json:"also,omitempty"`
	Where string   `json:"where"`
	Says  string   `json:"says"`
}

// Named is a thing with its meaning.
type Named struct {
	Name string `json:"name"`
	Says string `json:"says"`
}

// Request is an example that works as it stands, once KeyPlaceholder and PingPlaceholder are replaced.
type Request struct {
	Title   string // such as "JSON"
	Call    string // the ID of the call
	Method  string
	Path    string // with its query string
	Headers [][2]string
	Body    string
	Profile bool
}

// Reply is an example of an answer.
type Reply struct {
	Title   string
	Call    string
	Status  int
	JSON    string
	XML     string
	Profile bool
}

// Samples are the examples of a document.
type Samples struct {
	Requests []Request
	Replies  []Reply
}

// Hash names the content: equal documents have equal hashes, on every machine.
func (d *Document) Hash() string {
	h := sha256.Sum256(d.encode())
	return hex.EncodeToString(h[:6])
}

func (d *Document) encode() []byte {
	b, err := json.MarshalWithOption(d, json.DisableHTMLEscape())
	if err != nil {
		panic(fmt.Sprintf("a posting spec cannot be written: %v", err)) // cannot be: it has texts and lists only
	}
	return b
}

// In lists the fields that are required at a stage, in the order of the schema.
func (d *Document) In(stage string) []Field {
	var out []Field
	for _, f := range d.Fields {
		if f.Required == stage {
			out = append(out, f)
		}
	}
	return out
}
