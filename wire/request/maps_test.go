// SPDX-License-Identifier: Apache-2.0

package request

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"clearpost/lead"
	"clearpost/wire"
)

// A value that a map does not have is what map_missing says, in every format.
func TestValuesThatAMapDoesNotHave(t *testing.T) {
	s := testSchema(t)
	roofs := wire.ValueMap{{From: "Tile", To: wire.Scalar{Kind: wire.ScalarNumber, Text: "1"}}}
	none := &wire.Scalar{Kind: wire.ScalarNumber, Text: "0"}
	for _, c := range []struct {
		name, roof string
		field      FieldSpec
		json, form string // "" is refused
	}{
		{"listed", "tile", FieldSpec{MapMissing: "refuse"}, `{"a":1}`, "a=1"},
		{"nothing said", "flat", FieldSpec{}, `{}`, ""},
		{"omit", "flat", FieldSpec{MapMissing: "omit"}, `{}`, ""},
		{"omit, a default", "flat", FieldSpec{MapMissing: "omit", Default: none}, `{"a":0}`, "a=0"},
		{"keep", "asphalt shingle", FieldSpec{MapMissing: "keep"}, `{"a":"Asphalt Shingle"}`, "a=Asphalt+Shingle"},
		{"keep, not sent", "", FieldSpec{MapMissing: "keep", Default: none}, `{"a":0}`, "a=0"},
		{"refuse, not sent", "", FieldSpec{MapMissing: "refuse"}, `{}`, ""},
		{"refuse", "flat", FieldSpec{MapMissing: "refuse", Default: none}, "refused", "refused"},
	} {
		fields := map[string]string{}
		if c.roof != "" {
			fields["roof"] = c.roof
		}
		in := testInputs(fillLead(t, s, fields))
		for format, want := range map[string]string{"json": c.json, "form": c.form} {
			f := c.field
			f.To, f.From, f.Map = "a", "roof", roofs
			spec := Spec{URL: "https://buyer.example/x", Format: format, Fields: []FieldSpec{f}}
			r, defects := Compile(&spec, s, true, Options{})
			if r == nil {
				t.Fatal(c.name, defects)
			}
			out, err := r.AppendHTTP(nil, in)
			if want == "refused" {
				if !errors.Is(err, ErrUnmapped) || len(out) > 0 || strings.Contains(err.Error(), "lat") ||
					!strings.Contains(err.Error(), "fields[0].map, of roof") {
					t.Errorf("%s, %s: %q, %v", c.name, format, out, err)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s, %s: %v", c.name, format, err)
				continue
			}
			if _, body := splitRequest(t, out); string(body) != want {
				t.Errorf("%s, %s: %s, expected %s", c.name, format, body, want)
			}
		}
	}
}

// Gaps and Uncovered name what a map lacks, but for what the spec settles, what a condition leaves out, and what the
// campaign does not want.
func TestGapsOfMaps(t *testing.T) {
	s := testSchema(t)
	half := wire.ValueMap{{From: "Tile", To: wire.Scalar{Kind: wire.ScalarString, Text: "t"}}}
	flat := &WhenSpec{Field: "roof", Equals: &wire.Scalar{Kind: wire.ScalarString, Text: "Flat"}}
	spec := Spec{URL: "https://buyer.example/x", Fields: []FieldSpec{
		{To: "a", From: "roof", Map: half},
		{To: "b", From: "roof", Map: half, MapMissing: "keep"},
		{To: "c", From: "roof", Map: half, Default: &wire.Scalar{Kind: wire.ScalarString, Text: "none"}},
		{To: "d", From: "roof", Map: half, When: flat},
		{To: "e", Template: `{{ roof | map "Tile" "t" }}/{{ own_home | map true 1 0 }}`},
		{To: "f", From: "roof", Filters: `map "Tile" "t" | default "other"`},
		{To: "g", From: "sex", Map: wire.ValueMap{{From: "F", To: half[0].To}, {From: "M", To: half[0].To}}},
		{To: "h", From: "own_home", Map: wire.ValueMap{{From: "yes", To: half[0].To}, {From: "no", To: half[0].To}}},
	}}
	r, defects := Compile(&spec, s, true, Options{})
	if r == nil {
		t.Fatal(defects)
	}
	list := func(gaps []MapGap) string {
		var out []string
		for i := range gaps {
			out = append(out, fmt.Sprint(&gaps[i]))
		}
		return strings.Join(out, "\n")
	}
	const uncovered = `fields[0].map has no entry for roof "Flat": counts as missing
fields[3].map has no entry for roof "Flat": counts as missing
fields[4].template has no entry for roof "Flat": counts as missing
fields[6].map has no entry for sex "other": counts as missing`
	got := list(r.Uncovered(func(l *lead.Lead) bool {
		pos, _ := s.Position("roof")
		return string(l.Normal(pos)) != "Asphalt Shingle"
	}))
	if got != uncovered {
		t.Errorf("uncovered:\n%s", got)
	}
	const gaps = `fields[0].map has no entry for roof "Flat": counts as missing
fields[1].map has no entry for roof "Flat": sent as it is
fields[2].map has no entry for roof "Flat": counts as missing
fields[3].map has no entry for roof "Flat": counts as missing
fields[4].template has no entry for roof "Flat": counts as missing`
	in := testInputs(fillLead(t, s, map[string]string{"roof": "flat", "sex": "m"}))
	if got := list(r.Gaps(in)); got != gaps {
		t.Errorf("gaps:\n%s", got)
	}
	in = testInputs(fillLead(t, s, map[string]string{"roof": "tile", "own_home": "no"}))
	if got := list(r.Gaps(in)); got != "" {
		t.Errorf("gaps of a lead that has none:\n%s", got)
	}
}

func TestMapMissingIsSaidWhereItMeansSomething(t *testing.T) {
	s := testSchema(t)
	tile := wire.ValueMap{{From: "Tile", To: wire.Scalar{Kind: wire.ScalarString, Text: "t"}}}
	for _, c := range []struct {
		field FieldSpec
		want  string
	}{
		{FieldSpec{To: "a", From: "roof", Map: tile, MapMissing: "drop"}, "one of omit, keep, refuse"},
		{FieldSpec{To: "a", From: "roof", MapMissing: "keep"}, "a map beside it"},
	} {
		spec := Spec{URL: "https://buyer.example/x", Fields: []FieldSpec{c.field}}
		_, defects := Compile(&spec, s, true, Options{})
		if len(defects) != 1 || defects[0].Path != "fields[0].map_missing" || defects[0].Expected != c.want {
			t.Errorf("%+v: %+v", c.field, defects)
		}
	}
}
