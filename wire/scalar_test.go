// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"fmt"
	"testing"

	"github.com/goccy/go-yaml"
)

// TestScalar: values of a YAML file keep their text and their kind.
func TestScalar(t *testing.T) {
	for text, want := range map[string]Scalar{
		"5": {"5", ScalarNumber}, "007": {"007", ScalarNumber}, "1.10": {"1.10", ScalarNumber},
		"-1.5e3": {"-1.5e3", ScalarNumber}, `"5"`: {"5", ScalarString}, "'a\"b'": {`a"b`, ScalarString},
		"yes": {"yes", ScalarString}, "true": {"true", ScalarBoolean}, "False": {"false", ScalarBoolean},
		"2024-01-01": {"2024-01-01", ScalarString}, "a b # c": {"a b", ScalarString},
		"|\n  x\n  y\n": {"x\ny\n", ScalarString}, "[1]": {"[1]", ScalarNone}, "{a: 1}": {"{a: 1}", ScalarNone},
		"&a 5": {"5", ScalarNumber},
	} {
		var s struct {
			V *Scalar `yaml:"v"`
		}
		if err := yaml.UnmarshalWithOptions([]byte("v: "+text+"\n"), &s, yaml.Strict()); err != nil || s.V == nil ||
			*s.V != want {
			t.Errorf("%q: %+v, %v, expected %+v", text, s.V, err, want)
		}
	}
}

// TestValueMap: maps and headers keep order and text, may be shared by an anchor, and refuse a name that stands twice.
func TestValueMap(t *testing.T) {
	type field struct {
		Map ValueMap `yaml:"map"`
	}
	var s struct {
		A field   `yaml:"a"`
		B field   `yaml:"b"`
		H Headers `yaml:"h"`
	}
	page := "a:\n  map: &m\n    01: 05\n    true: Y\n    CA: |\n      x\nb: {map: *m}\nh: {X-B: 1.10, X-A: \"q\"}\n"
	if err := yaml.UnmarshalWithOptions([]byte(page), &s, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	const want = "[{01 05} {true Y} {CA x\n}]"
	if a, b := fmt.Sprint(s.A.Map), fmt.Sprint(s.B.Map); a != want || b != want {
		t.Errorf("%q and %q", a, b)
	}
	if got := fmt.Sprint(s.H); got != "[{X-B 1.10} {X-A q}]" {
		t.Error(got)
	}
	if err := yaml.UnmarshalWithOptions([]byte("h: {X: 1, X: 2}"), &s, yaml.Strict()); err == nil {
		t.Error("a header twice is taken")
	}
}
