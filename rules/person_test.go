// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"slices"
	"testing"

	"clearpost/lead"
)

// personSchema has a phone and an e-mail, each with a field for its hash.
func personSchema(t *testing.T) (s *lead.Schema, key PersonKey) {
	t.Helper()
	s, errs := lead.NewSchema("v", []lead.Field{{Name: "phone_hash", Type: lead.TypeHash, Personal: true},
		{Name: "email_hash", Type: lead.TypeHash, Personal: true}})
	if errs != nil {
		t.Fatal(errs)
	}
	pos := func(name string) int {
		p, ok := s.Position(name)
		if !ok {
			t.Fatal(name)
		}
		return p
	}
	return s, PersonKey{{pos("phone"), pos("phone_hash")}, {pos("email"), pos("email_hash")}}
}

func leadOf(t *testing.T, s *lead.Schema, values ...string) *lead.Lead {
	t.Helper()
	l := &lead.Lead{}
	l.Reset(s)
	for i := 0; i < len(values); i += 2 {
		pos, ok := s.Position(values[i])
		if !ok {
			t.Fatal(values[i])
		}
		if l.Set(pos, []byte(values[i+1])); l.Slot(pos).State != lead.Valid {
			t.Fatalf("%s %q is not valid", values[i], values[i+1])
		}
	}
	return l
}

const (
	phoneMD5 = "1bc5f2d74c3c70ef8a4d7f3a2bd0ab9a" // of nobody in these tests
	emailMD5 = "9e26471d35a78862c17e467d87cddedf" // of jane@example.com
)

func part(t *testing.T, l *lead.Lead, field string, p lead.Part) string {
	t.Helper()
	pos, _ := l.Schema().Position(field)
	b, ok := l.AppendPart(nil, pos, p)
	if !ok {
		t.Fatalf("no %s of %s", p, field)
	}
	return string(b)
}

func TestPersonIsKnownByValuesAndByHashesOfOneKind(t *testing.T) {
	s, key := personSchema(t)
	jane := leadOf(t, s, "phone", "(212) 736-5000", "email", "Jane@Example.com")
	person, also := key.Identify(jane)
	if person == "" || len(also) != 3 {
		t.Fatalf("identity: %q, %q", person, also)
	}
	for i, p := range hashParts {
		phone, email := part(t, jane, "phone", p), part(t, jane, "email", p)
		for what, l := range map[string]*lead.Lead{
			"both hashed":     leadOf(t, s, "phone_hash", phone, "email_hash", email),
			"phone hashed":    leadOf(t, s, "phone_hash", phone, "email", "jane@example.com"),
			"e-mail hashed":   leadOf(t, s, "phone", "2127365000", "email_hash", email),
			"a hash too many": leadOf(t, s, "phone", "2127365000", "phone_hash", phoneMD5, "email_hash", email),
		} {
			if got, more := key.Identify(l); got != also[i] || len(more) != 0 {
				t.Errorf("%s, %s: %s %q, want %s", p, what, got, more, also[i])
			}
		}
		other := hashParts[(i+1)%len(hashParts)]
		if got, more := key.Identify(leadOf(t, s, "phone_hash", phone, "email_hash",
			part(t, jane, "email", other))); got != "" || len(more) != 0 {
			t.Errorf("hashes of two kinds name %s %q", got, more)
		}
	}
	for what, l := range map[string]*lead.Lead{
		"another phone": leadOf(t, s, "phone", "2127365001", "email", "jane@example.com"),
		"no e-mail":     leadOf(t, s, "phone", "2127365000"),
		"nobody":        leadOf(t, s, "zip", "10001"),
	} {
		if got, _ := key.Identify(l); got == person || slices.Contains(also, got) {
			t.Errorf("%s is taken for jane", what)
		}
	}
	if got, more := (PersonKey{}).Identify(jane); got != "" || len(more) != 0 {
		t.Errorf("without a key: %s %q", got, more)
	}
}

func TestAnotherPersonIsTold(t *testing.T) {
	s, key := personSchema(t)
	jane := leadOf(t, s, "phone", "2127365000", "email", "jane@example.com")
	for what, c := range map[string]struct {
		l    *lead.Lead
		want bool
	}{
		"herself":                 {jane, false},
		"less of her":             {leadOf(t, s, "email", "JANE@example.com"), false},
		"her hash":                {leadOf(t, s, "email_hash", part(t, jane, "email", lead.PartSHA256)), false},
		"another phone":           {leadOf(t, s, "phone", "2127365001"), true},
		"another e-mail's hash":   {leadOf(t, s, "email_hash", phoneMD5), true},
		"nothing of a person":     {leadOf(t, s, "zip", "10001"), false},
		"her phone, foreign mail": {leadOf(t, s, "phone", "2127365000", "email", "joe@example.com"), true},
	} {
		if key.Another(jane, c.l) != c.want || key.Another(c.l, jane) != c.want {
			t.Errorf("%s: want %v", what, c.want)
		}
	}
	x, y := leadOf(t, s, "email_hash", emailMD5), leadOf(t, s, "email_hash", phoneMD5)
	if !key.Another(x, y) || key.Another(x, x) ||
		key.Another(x, leadOf(t, s, "email_hash", part(t, jane, "email", lead.PartSHA1))) {
		t.Error("two hashes of one kind that differ are two persons; of two kinds nobody knows")
	}
}
