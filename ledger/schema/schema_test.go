// SPDX-License-Identifier: Apache-2.0

package schema_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/ledger/schema"
)

// types are the Go types of the kinds.
var types = map[string]reflect.Type{
	"pinged":   reflect.TypeFor[ledger.Pinged](),
	"posting":  reflect.TypeFor[ledger.Posting](),
	"posted":   reflect.TypeFor[ledger.Posted](),
	"settled":  reflect.TypeFor[ledger.Settled](),
	"deferred": reflect.TypeFor[ledger.Deferred](),
	"adjusted": reflect.TypeFor[ledger.Adjusted](),
}

// node is a JSON Schema as far as these files use it.
type node struct {
	Ref                  string           `json:"$ref"`
	Type                 string           `json:"type"`
	Description          string           `json:"description"`
	Const                any              `json:"const"`
	Pattern              string           `json:"pattern"`
	Format               string           `json:"format"`
	Properties           map[string]*node `json:"properties"`
	Required             []string         `json:"required"`
	Items                *node            `json:"items"`
	AdditionalProperties any              `json:"additionalProperties"`
	Defs                 map[string]*node `json:"$defs"`
}

func load(t *testing.T, kind string) *node {
	t.Helper()
	b, err := schema.Schema(kind)
	if err != nil {
		t.Fatal(err)
	}
	n := &node{}
	if err := json.Unmarshal(b, n); err != nil {
		t.Fatal(err)
	}
	return n
}

func compile(t *testing.T, kind string) *jsonschema.Schema {
	t.Helper()
	b, err := schema.Schema(kind)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource(kind+".json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(kind + ".json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestEveryKindHasASchemaAndNoOther(t *testing.T) {
	names, err := fs.Glob(schema.Files(), "*")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, kind := range slices.Sorted(maps.Keys(types)) {
		want = append(want, kind+".json")
	}
	want = append(want, "private.json") // of the records of the private topic
	slices.Sort(want)
	if !slices.Equal(names, want) {
		t.Errorf("files %v, want %v", names, want)
	}
	if _, err := schema.Schema("nothing"); err == nil {
		t.Error("found the schema of a kind that does not exist")
	}
}

// TestTypesAndSchemasAgree holds each Go type to its schema and the reverse: the same fields, of the same types, each
// described, and required only where the type always writes them.
func TestTypesAndSchemasAgree(t *testing.T) {
	for kind, typ := range types {
		root := load(t, kind)
		used := map[string]bool{}
		agree(t, kind, typ, root, root, used)
		for name := range root.Defs {
			if !used[name] {
				t.Errorf("%s: $defs/%s is not used", kind, name)
			}
		}
		if root.Properties["kind"].Const != kind {
			t.Errorf("%s: kind is %v", kind, root.Properties["kind"].Const)
		}
		if v := root.Properties["schema"].Const; v != float64(ledger.SchemaVersion) {
			t.Errorf("%s: schema is version %v", kind, v)
		}
	}
}

// field is one JSON field of a Go type.
type field struct {
	typ       reflect.Type
	omitEmpty bool
}

func fieldsOf(typ reflect.Type) map[string]field {
	out := map[string]field{}
	for f := range typ.Fields() {
		if f.Anonymous {
			maps.Copy(out, fieldsOf(f.Type))
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name != "-" {
			out[name] = field{f.Type, strings.Contains(options, "omitempty")}
		}
	}
	return out
}

func agree(t *testing.T, path string, typ reflect.Type, n, root *node, used map[string]bool) {
	t.Helper()
	if n.AdditionalProperties != false || n.Type != "object" || n.Description == "" {
		t.Errorf("%s: expected a described object without additional properties", path)
	}
	fields := fieldsOf(typ)
	for name, f := range fields {
		p := n.Properties[name]
		if p == nil {
			t.Errorf("%s.%s is written and not in the schema", path, name)
			continue
		}
		if p.Description == "" {
			t.Errorf("%s.%s has no description", path, name)
		}
		agreeValue(t, path+"."+name, f.typ, p, root, used)
	}
	for name := range n.Properties {
		if _, ok := fields[name]; !ok {
			t.Errorf("%s.%s is in the schema and never written", path, name)
		}
	}
	for _, name := range n.Required {
		// An array, such as an id, is never empty to the encoder.
		if f := fields[name]; f.omitEmpty && f.typ.Kind() != reflect.Array {
			t.Errorf("%s.%s is required and left out where it is empty", path, name)
		}
	}
}

func agreeValue(t *testing.T, path string, typ reflect.Type, n, root *node, used map[string]bool) {
	t.Helper()
	if name, ok := strings.CutPrefix(n.Ref, "#/$defs/"); ok {
		used[name] = true
		if n = root.Defs[name]; n == nil {
			t.Errorf("%s: no $defs/%s", path, name)
			return
		}
	}
	if typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	want := ""
	switch {
	case typ == reflect.TypeFor[time.Time]():
		want = "string"
		if n.Format != "date-time" {
			t.Errorf("%s is a time, format %q", path, n.Format)
		}
	case typ == reflect.TypeFor[lead.ID]():
		want = "string"
		if n.Pattern == "" {
			t.Errorf("%s is an id without a pattern", path)
		}
	case typ == reflect.TypeFor[lead.Outcome](), typ == reflect.TypeFor[ledger.Kind]():
		want = "string"
	case typ == reflect.TypeFor[ledger.Fields]():
		want = "object"
		if _, ok := n.AdditionalProperties.(map[string]any); !ok || n.Properties != nil {
			t.Errorf("%s is an object of any names", path)
		}
	case typ.Kind() == reflect.Struct:
		agree(t, path, typ, n, root, used)
		return
	case typ.Kind() == reflect.Slice:
		want = "array"
		if n.Items != nil {
			agreeValue(t, path+"[]", typ.Elem(), n.Items, root, used)
		}
	case typ.Kind() == reflect.String:
		want = "string"
	case typ.Kind() == reflect.Bool:
		want = "boolean"
	default:
		want = "integer"
	}
	if n.Type != want && n.Const == nil {
		t.Errorf("%s is written as %s, the schema says %q", path, want, n.Type)
	}
}

func validate(t *testing.T, e ledger.Event) error {
	t.Helper()
	b := e.AppendJSON(nil)
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	return compile(t, string(e.Header().Kind)).Validate(v)
}

var at = time.Date(2026, 11, 23, 1, 2, 3, 456789000, time.UTC)

func head(k ledger.Kind) ledger.Head {
	return ledger.Head{Kind: k, EventID: lead.ID{9, 15: 9}, Node: "n1", At: at, Schema: ledger.SchemaVersion,
		Config: "c0ffee", Lead: lead.ID{1}, Source: "s", Vertical: "v"}
}

// full sets every field of a value, so that no field is left out of the check.
func full(v reflect.Value, depth int) {
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(at))
		return
	case v.Type() == reflect.TypeFor[lead.ID]():
		v.Set(reflect.ValueOf(lead.ID{1, 2, 3}))
		return
	case v.Type() == reflect.TypeFor[lead.Outcome]():
		v.Set(reflect.ValueOf(lead.Rejected))
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.Type() == reflect.TypeFor[*lead.Lead]() {
			return
		}
		v.Set(reflect.New(v.Type().Elem()))
		full(v.Elem(), depth)
	case reflect.Struct:
		for i := range v.NumField() {
			full(v.Field(i), depth+1)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		full(v.Index(0), depth+1)
	case reflect.String:
		v.SetString("0")
	case reflect.Bool:
		v.SetBool(true)
	default:
		v.Set(reflect.ValueOf(1).Convert(v.Type()))
	}
}

func TestFullEventsValidate(t *testing.T) {
	for kind, typ := range types {
		v := reflect.New(typ)
		full(v.Elem(), 0)
		e := v.Interface().(ledger.Event)
		*e.Header() = head(ledger.Kind(kind))
		e.Header().Test = true
		switch e := e.(type) {
		case *ledger.Pinged:
			e.Mode, e.Result, e.TestResult = "lead", "success", "accepted"
			e.Learned.Mode = "observe"
			e.Private.Request, e.Private.Answer = nil, nil // never of a ping
		case *ledger.Settled:
			e.Result, e.TestResult, e.Was.Result = "pending", "pending", "success"
		case *ledger.Deferred:
			e.Said = "queued"
		case *ledger.Adjusted:
			e.Adjustment, e.Fate, e.Return.Decided = ledger.AdjustReported, ledger.FatePaid, ledger.DecidedByRule
			e.File.State, e.Date, e.Statement.Month = ledger.FileStored, "2026-11-03", "2026-10"
			e.Statement.Terms.From, e.Statement.Stands.Day, e.Statement.Stands.Due = "sale", "2026-11-03", "2026-10-31"
			e.Return.Chain.Date, e.Return.Chain.Until = "2026-11-03", "2026-11-04"
			s := e.Standing
			s.Is, s.Was, s.Day, s.Due = ledger.PaysSlowly, ledger.PaysLate, "2026-11-03", "2026-10-30"
		}
		if err := validate(t, e); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		var written map[string]any
		if err := json.Unmarshal(e.AppendJSON(nil), &written); err != nil {
			t.Fatal(err)
		}
		for name := range load(t, kind).Properties {
			if _, ok := written[name]; !ok {
				t.Errorf("%s: %s is in the schema and not written although it is set", kind, name)
			}
		}
	}
}

func TestBareEventsValidate(t *testing.T) {
	for _, e := range []ledger.Event{
		&ledger.Pinged{Head: head(ledger.KindPinged), Mode: "ping", Currency: "USD", ReceivedAt: at,
			Result: lead.ResultFailure},
		&ledger.Posting{Head: head(ledger.KindPosting), Attempt: lead.ID{2}},
		&ledger.Posted{Head: head(ledger.KindPosted), Attempt: lead.ID{2}, Outcome: lead.Unknown},
		&ledger.Settled{Head: head(ledger.KindSettled), Result: lead.ResultPending},
	} {
		if err := validate(t, e); err != nil {
			t.Errorf("%s: %v", e.Header().Kind, err)
		}
	}
	pause := &ledger.Adjusted{Head: head(ledger.KindAdjusted), Adjustment: ledger.AdjustPaused, Subject: "buyer:b",
		Why: "w"}
	pause.Lead, pause.Source, pause.Vertical = lead.ID{}, "", ""
	if err := validate(t, pause); err != nil {
		t.Error(err)
	}
}

func TestAPingFromALeadValidates(t *testing.T) {
	s, errs := lead.NewSchema("v", []lead.Field{{Name: "roof", Type: lead.TypeEnum, Values: []string{"Flat", "Gable"}}})
	if errs != nil {
		t.Fatal(errs)
	}
	l := &lead.Lead{}
	l.Reset(s)
	for name, value := range map[string]string{"state": "california", "zip": "90210-1234", "phone": "(212) 555-0123",
		"email": "J@X.org", "roof": "flat", "first_name": "Zoë \"Z\"", "opt_in": "yes"} {
		pos, ok := s.Position(name)
		if !ok {
			t.Fatal(name)
		}
		l.Set(pos, []byte(value))
	}
	e := &ledger.Pinged{Head: head(ledger.KindPinged), Mode: "ping", Currency: "USD", ReceivedAt: at,
		Result: lead.ResultSuccess, ExpiresAt: at, Price: 20 * lead.Unit,
		Bids: []ledger.Bid{{Campaign: "c", Buyer: "b", Refusal: lead.TimedOut}}, From: l,
		Private: ledger.Private{Person: "p"}}
	if err := validate(t, e); err != nil {
		t.Error(err)
	}
}

func TestSchemasRefuseWhatIsWrong(t *testing.T) {
	for name, wrong := range map[string]ledger.Event{
		"no event id": &ledger.Posted{Head: ledger.Head{Kind: ledger.KindPosted, Node: "n", At: at, Schema: 1,
			Lead: lead.ID{1}}, Attempt: lead.ID{2}, Outcome: lead.Accepted},
		"no outcome": &ledger.Posted{Head: head(ledger.KindPosted), Attempt: lead.ID{2}},
		"no attempt": &ledger.Posting{Head: head(ledger.KindPosting)},
		"unknown mode": &ledger.Pinged{Head: head(ledger.KindPinged), Mode: "pong", ReceivedAt: at,
			Result: "success"},
		"a negative price": &ledger.Settled{Head: head(ledger.KindSettled), Result: "success", Payout: -1},
	} {
		if validate(t, wrong) == nil {
			t.Errorf("%s: taken for valid", name)
		}
	}
}
