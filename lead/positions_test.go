// SPDX-License-Identifier: Apache-2.0

package lead

import "testing"

func TestPositionsOfOriginsAreAdded(t *testing.T) {
	s, errs := NewSchema("v", []Field{{Name: "dob", Type: TypeDOB, Personal: true}, {Name: "age", Type: TypeInteger,
		Derive: "dob.age", Personal: true}, {Name: "state", Derive: "zip.state"}})
	if errs != nil {
		t.Fatal(errs)
	}
	pos := func(name string) int { p, _ := s.Position(name); return p }
	var p, q Positions
	p.Add(pos("age"))
	q.Add(FieldsMax - 1)
	p.AddAll(&q)
	s.AddOrigins(&p)
	for name, want := range map[string]bool{"age": true, "dob": true, "state": false, "zip": false} {
		if p.Has(pos(name)) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
	if !p.Has(FieldsMax-1) || p.Has(FieldsMax-2) {
		t.Error("the last position")
	}
}

func TestCopyFromTakesAGoodValueForABadOne(t *testing.T) {
	s, _ := NewSchema("v", nil)
	zip, _ := s.Position("zip")
	var x, y Lead
	x.Reset(s)
	y.Reset(s)
	x.Set(zip, []byte("nowhere"))
	y.Set(zip, []byte("10001"))
	if clash := x.CopyFrom(&y, nil); len(clash) != 0 || string(x.Normal(zip)) != "10001" {
		t.Errorf("clash %v, zip %q", clash, x.Normal(zip))
	}
	y.Set(zip, []byte("nowhere"))
	if clash := x.CopyFrom(&y, nil); len(clash) != 1 || string(x.Normal(zip)) != "10001" {
		t.Errorf("clash %v, zip %q", clash, x.Normal(zip))
	}
}
