// SPDX-License-Identifier: Apache-2.0

package lead

import (
	"bytes"
	"testing"
)

// The signs that the trade's public reports name, as what they are.
func TestSignsThatNobodySees(t *testing.T) {
	var spaces, nothing []rune
	spaces = append(spaces, 0xa0, 0x202f, 0x205f, 0x3000)
	for r := rune(0x2000); r <= 0x200a; r++ {
		spaces = append(spaces, r)
	}
	nothing = append(nothing, 0xfeff, 0xad)
	for _, of := range [][2]rune{{0x200b, 0x200f}, {0x202a, 0x202e}, {0x2060, 0x2064}, {0x2066, 0x2069}} {
		for r := of[0]; r <= of[1]; r++ {
			nothing = append(nothing, r)
		}
	}
	for _, r := range append(spaces, nothing...) {
		v := string(r) + "a" + string(r) + "1" + string(r)
		want, inside := "a"+string(r)+"1", "a1"
		if signOf(r) == signSpace {
			inside = "a 1"
		}
		trimmed := TrimUnseen([]byte(v))
		if string(trimmed) != want {
			t.Errorf("%U: %q is trimmed to %q", r, v, trimmed)
		}
		if got := AppendSeen(nil, trimmed); string(got) != inside {
			t.Errorf("%U: %q is read as %q", r, v, got)
		}
		if got := AppendVisible(nil, trimmed); string(got) != inside {
			t.Errorf("%U: of %q is visible %q", r, v, got)
		}
	}
	for _, r := range spaces {
		if signOf(r) != signSpace {
			t.Errorf("%U is no space", r)
		}
	}
	for _, v := range []string{"", "a", "é", "日本", "👩\u200d💻", "\xff", "\xffa\xff"} {
		if got := TrimUnseen([]byte(v)); string(got) != v {
			t.Errorf("%q is trimmed to %q", v, got)
		}
	}
	if got := AppendSeen(nil, []byte("０２１３４−５ “x”\xff")); string(got) != "02134-5 \"x\"\xff" {
		t.Errorf("wide forms are read as %q", got)
	}
	if got := AppendVisible(nil, []byte("０２−５\u200d “x”\xff\u2028")); string(got) != "０２−５ “x”\xff " {
		t.Errorf("of wide forms is visible %q", got)
	}
}

// Each type reads a value with such signs around it as the value without them, and within it too, but where it is text.
func TestEveryTypeReadsPastUnseenSigns(t *testing.T) {
	s := typeSchema(t)
	values := map[string]string{"text": "a b", "name": "Jane Doe", "street": "1 Main St", "city": "San José",
		"email": "jane@gmail.com", "phone": "(212) 555-0123", "state": "New York", "postal_code": "02134",
		"boolean": "yes", "integer": "1 000", "decimal": "1.50", "money": "$22.50", "date": "3/22/1984",
		"datetime": "2026-01-31 15:04:05", "ip": "203.0.113.9", "url": "https://example.com/a b", "enum": "State Farm",
		"range": "25 to 64", "dob": "22 March 1984", "time": "3:04 PM", "gender": "female", "ssn": "536 22 1234",
		"hash": "d41d8cd98f00b204e9800998ecf8427e", "list": "212-555-0123, 416-555-0123",
		"certificate": "https://cert.trustedform.com/0123456789abcdef0123456789abcdef01234567"}
	var l Lead
	for name, v := range values {
		pos, _ := s.Position("a_" + name)
		read := func(v string) string {
			l.Reset(s)
			l.SetNow(testNow)
			l.Set(pos, []byte(v))
			if l.Slot(pos).State != Valid {
				t.Errorf("%s: %q: %s", name, v, l.Reason(pos))
			}
			return string(l.Normal(pos))
		}
		want := read(v)
		for _, around := range []string{"\u200b", "\u00a0", "\ufeff", "\u3000", "\u00ad", " \u202a"} {
			if got := read(around + v + around); got != want {
				t.Errorf("%s: with %q around it is %q, want %q", name, around, got, want)
			}
		}
		if name == "text" {
			continue
		}
		for _, space := range []string{"\u00a0", "\u2009", "\u202f"} {
			within := bytes.ReplaceAll([]byte(v), []byte(" "), []byte(space))
			if got := read(string(within)); got != want {
				t.Errorf("%s: %q is %q, want %q", name, within, got, want)
			}
		}
		l.Reset(s)
		if l.Set(pos, []byte("\u200b\u00a0\ufeff")); l.Slot(pos).State != Missing {
			t.Errorf("%s: signs that nobody sees are a value", name)
		}
	}
}
