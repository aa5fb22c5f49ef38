// SPDX-License-Identifier: Apache-2.0

package buyers

import (
	"fmt"
	"strconv"
	"time"

	"clearpost/lead"
	"clearpost/wire/request"
)

// sampleByName are values for names that leads often have, whatever else their type would suggest.
var sampleByName = map[string]string{
	"first_name": "Jane", "last_name": "Doe", "full_name": "Jane Doe", "name": "Jane Doe", "address": "12 Palm Road",
	"city": "Phoenix", "state": "AZ", "zip": "85004", "email": "jane.doe@example.com", "phone": "(602) 555-0188",
	"ip_address": "203.0.113.9", "source_url": "https://quotes.example.com/form", "age": "34", "vehicle_year": "2019",
	"vehicle_make": "Toyota", "vehicle_model": "Camry", "current_insurer": "Geico",
}

// sampleByType are values by type.
var sampleByType = map[lead.Type]string{
	lead.TypeText: "sample", lead.TypeName: "Jane", lead.TypeStreet: "12 Palm Road", lead.TypeCity: "Phoenix",
	lead.TypeEmail: "jane.doe@example.com", lead.TypePhone: "(602) 555-0188", lead.TypeState: "AZ",
	lead.TypePostalCode: "85004", lead.TypeBoolean: "true", lead.TypeInteger: "2", lead.TypeDecimal: "2.5",
	lead.TypeMoney: "100", lead.TypeDate: "2026-01-10", lead.TypeDateTime: "2026-01-15T15:04:00Z",
	lead.TypeIP: "203.0.113.9", lead.TypeURL: "https://quotes.example.com/form", lead.TypeRange: "10-20",
	lead.TypeDOB: "1991-03-22", lead.TypeTime: "14:30", lead.TypeGender: "female", lead.TypeSSN: "536-22-1234",
	lead.TypeCertificate: "https://cert.trustedform.com/2605ec3a321e1b3a41addf0bba1213505ef57985",
	lead.TypeHash:        "d41d8cd98f00b204e9800998ecf8427e",
}

// Sample makes a lead with a plausible value in each field that can have one.
func Sample(s *lead.Schema, now time.Time) *lead.Lead {
	l := new(lead.Lead)
	l.Reset(s)
	l.SetNow(now)
	for pos := range s.Fields {
		f := &s.Fields[pos]
		if f.Derive == "" {
			for _, v := range sampleOf(f) {
				if l.Set(pos, []byte(v)); l.Slot(pos).State == lead.Valid {
					break
				}
			}
			if l.Slot(pos).State == lead.Bad {
				l.Set(pos, nil)
			}
		}
	}
	l.Finish()
	return l
}

// sampleOf lists values for a field, the best first.
func sampleOf(f *lead.Field) []string {
	var out []string
	if v, ok := sampleByName[f.Name]; ok {
		out = append(out, v)
	}
	typ := f.Type
	if typ == lead.TypeList {
		typ = f.Of
	}
	if len(f.Values) > 0 {
		out = append(out, f.Values[0])
	}
	out = append(out, sampleByType[typ])
	for _, bound := range []*int64{f.Min, f.Max} {
		switch {
		case bound == nil:
		case typ == lead.TypeDecimal, typ == lead.TypeMoney:
			out = append(out, lead.Money(*bound).String())
		default:
			out = append(out, strconv.FormatInt(*bound, 10))
		}
	}
	return out
}

// Person makes of a lead that of another person, the n-th: with a phone number and an e-mail address of its own, both
// reserved for examples. Fields at drop are left out.
func Person(l *lead.Lead, n int, now time.Time, drop ...int) *lead.Lead {
	areas := [...]string{"602", "212", "310", "312", "415", "503", "512", "617", "702", "713", "720", "801", "818",
		"904", "919", "206", "214", "305", "404", "480"}
	out := new(lead.Lead)
	out.Reset(l.Schema())
	out.SetNow(now)
	left := map[int]bool{}
	for _, pos := range drop {
		left[pos] = true
	}
	for pos := range l.Len() {
		slot := l.Slot(pos)
		if left[pos] || slot.State == lead.Missing || slot.Made {
			continue
		}
		v := l.Raw(pos)
		switch l.Schema().Fields[pos].Type {
		case lead.TypePhone:
			v = fmt.Appendf(nil, "(%s) 555-01%02d", areas[n/100%len(areas)], n%100)
		case lead.TypeEmail:
			v = fmt.Appendf(nil, "test.%d@example.com", n)
		}
		out.Set(pos, v)
	}
	out.Finish()
	return out
}

// SampleInputs are the fixed values that an example's calls carry where nothing else is said, around a lead.
func SampleInputs(l *lead.Lead, vertical string, post bool) request.Inputs {
	id, _ := lead.ParseID(ExampleLeadID)
	now, _ := time.Parse(time.RFC3339, ExampleNow)
	in := request.Inputs{Lead: l, LeadID: id, Source: ExampleSource, SourceName: ExampleSource, Vertical: vertical,
		Left: 1, Now: now, Bearer: []byte("example-token")}
	if post {
		in.Attempt, _ = lead.ParseID(ExampleAttemptID)
		in.Close, in.Token, in.Price = true, []byte(ExampleToken), ExamplePrice
	}
	return in
}

// Unset lists the fields that a request may carry and the lead has no valid value of.
func Unset(r *request.Request, l *lead.Lead) []string {
	var out []string
	for pos := range l.Len() {
		if r.Uses().Has(pos) && l.Slot(pos).State != lead.Valid {
			out = append(out, l.Schema().Fields[pos].Name)
		}
	}
	return out
}
