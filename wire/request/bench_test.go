// SPDX-License-Identifier: Apache-2.0

package request

import "testing"

// benchRequest is a request of 25 fields and its inputs.
func benchRequest(t testing.TB, format string) (*Request, *Inputs) {
	s := testSchema(t)
	l := fillLead(t, s, map[string]string{
		"first_name": "Jane", "last_name": "O'Brien", "email": "jane@example.com", "phone": "2125550123",
		"address": "12 Main St", "city": "New York", "state": "NY", "zip": "10001", "ip_address": "203.0.113.9",
		"timestamp": "2026-01-31T17:04:05Z", "source_url": "https://example.com/quote?a=1", "opt_in": "true",
		"date_of_birth": "1984-03-22", "age": "42", "bill": "180.50", "rating": "4.5", "own_home": "yes",
		"roof": "Tile", "notes": "call after five",
	})
	fields := `
- {to: contact.first, from: first_name}
- {to: contact.last, from: last_name}
- {to: contact.email, from: email}
- {to: contact.phone, from: phone, format: "(###) ###-####"}
- {to: contact.address, from: address}
- {to: contact.city, from: city}
- {to: contact.state, from: state, format: name}
- {to: contact.zip, from: zip}
- {to: ip, from: ip_address}
- {to: time, from: timestamp, format: "YYYY-MM-DD HH:mm:ss"}
- {to: url, from: source_url}
- {to: consent, from: opt_in}
- {to: dob, from: date_of_birth, format: MM/DD/YYYY}
- {to: age, from: age}
- {to: bill, from: bill}
- {to: rating, from: rating}
- {to: homeowner, from: own_home, map: {true: "Y", false: "N"}}
- {to: roof, from: roof, map: {Tile: 1, Flat: 2, Asphalt Shingle: 3}}
- {to: notes, from: notes, format: upper}
- {to: token, from: token}
- {to: lead, from: lead_id}
- {to: source, from: source}
- {to: now, from: now, format: unix}
- {to: key, value: "${env:KEY}"}
- {to: product, value: solar}
`
	var spec Spec
	decode(t, "url: https://buyer.example/v1/ping\nformat: "+format+
		"\nheaders: {X-Api-Key: \"${env:NUMBER}\"}\nfields:"+fields, &spec)
	r, defects := Compile(&spec, s, true, Options{Secrets: testSecrets})
	if defects != nil {
		t.Fatal(showDefects(defects))
	}
	return r, testInputs(l)
}

// TestNoAllocations: a request is rendered without allocations once its buffer is warm.
func TestNoAllocations(t *testing.T) {
	for _, format := range []string{"json", "form", "query"} {
		r, in := benchRequest(t, format)
		dst, err := r.AppendHTTP(nil, in)
		if err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(100, func() { dst, _ = r.AppendHTTP(dst[:0], in) }); n != 0 {
			t.Errorf("rendering %s: %v allocations", format, n)
		}
	}
}

func BenchmarkRender25(b *testing.B) {
	for _, format := range []string{"json", "form"} {
		b.Run(format, func(b *testing.B) {
			r, in := benchRequest(b, format)
			dst, err := r.AppendHTTP(nil, in)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(dst)))
			b.ReportAllocs()
			for b.Loop() {
				dst, _ = r.AppendHTTP(dst[:0], in)
			}
		})
	}
}
