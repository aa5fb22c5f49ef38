// SPDX-License-Identifier: Apache-2.0

package lead

import "testing"

// An operator's lists stand instead of the embedded ones.
func TestListsOfAnOperator(t *testing.T) {
	areas, line := ParseAreaCodes("US toll_free 212 # odd\n\nCA mobile 436\n")
	across, line2 := ParseAcrossStates("02861 MA\nK1A 0B1 QC\n")
	missing, line3 := ParseMissingWords("# words\nkein\n")
	if line+line2+line3 != 0 {
		t.Fatal(line, line2, line3)
	}
	s, errs := NewSchemaWith("v", nil, Options{Areas: areas, Across: across, Missing: missing,
		Rules: []Rule{{Together: []string{"zip", "state"}}}})
	if errs != nil {
		t.Fatal(errs)
	}
	at := func(name string) int { pos, _ := s.Position(name); return pos }
	var l Lead
	for _, c := range []struct{ number, country, kind string }{{"2125550123", "US", "toll_free"},
		{"4362345678", "CA", "mobile"}, {"4155550123", "", "unknown"}} {
		l.Reset(s)
		l.Set(at("phone"), []byte(c.number))
		country, ok := l.AppendPart(nil, at("phone"), PartCountry)
		kind, _ := l.AppendPart(nil, at("phone"), PartKind)
		if string(country) != c.country || ok != (c.country != "") || string(kind) != c.kind {
			t.Errorf("%s is of %q and %q, want %q and %q", c.number, country, kind, c.country, c.kind)
		}
	}
	for pair, want := range map[[2]string]bool{{"02861", "MA"}: true, {"02861", "RI"}: true, {"02860", "MA"}: false,
		{"K1A 0B1", "QC"}: true, {"89439", "CA"}: false} {
		l.Reset(s)
		l.Set(at("zip"), []byte(pair[0]))
		l.Set(at("state"), []byte(pair[1]))
		if l.Finish(); l.OK(AtPing|AtPost) != want {
			t.Errorf("%v belong together: %v", pair, !want)
		}
	}
	l.Reset(s)
	l.Set(at("city"), []byte("KEIN"))
	l.Set(at("state"), []byte("n/a"))
	if l.Slot(at("city")).State != Missing || l.Slot(at("state")).State != Bad {
		t.Error("the list of missing words is not the operator's")
	}
	for _, bad := range []string{"US", "US fixed", "us fixed 212", "US fixed 911", "US fixed 21", "US fixed 212 212",
		"US kind 212"} {
		if _, line := ParseAreaCodes("\n" + bad); line != 2 {
			t.Errorf("%q: line %d", bad, line)
		}
	}
	for _, bad := range []string{"02861", "0286 MA", "02861 XX", "MA 02861"} {
		if _, line := ParseAcrossStates("\n" + bad); line != 2 {
			t.Errorf("%q: line %d", bad, line)
		}
	}
}
