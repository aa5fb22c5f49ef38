// SPDX-License-Identifier: Apache-2.0

package loadtest

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nyaruka/phonenumbers"

	"clearpost/lead"
)

// zipRanges are the first three digits of each state's ZIP codes, written independently of the places.
const zipRanges = `AL 350-369|AK 995-999|AZ 850-865|AR 716-729|CA 900-961|CO 800-816|CT 060-069|DE 197-199|DC 200-205|FL 320-349|GA 300-319|HI 967-968|ID 832-838
IL 600-629|IN 460-479|IA 500-528|KS 660-679|KY 400-427|LA 700-714|ME 039-049|MD 206-219|MA 010-027|MI 480-499|MN 550-567|MS 386-397|MO 630-658|MT 590-599
NE 680-693|NV 889-898|NH 030-038|NJ 070-089|NM 870-884|NY 100-149|NC 270-289|ND 580-588|OH 430-459|OK 730-749|OR 970-979|PA 150-196|RI 028-029|SC 290-299
SD 570-577|TN 370-385|TX 750-799|UT 840-847|VT 050-059|VA 220-246|WA 980-994|WV 247-268|WI 530-549|WY 820-831`

func TestPlacesBelongTogether(t *testing.T) {
	ranges := map[string][2]int{}
	for _, r := range strings.FieldsFunc(zipRanges, func(r rune) bool { return r == '|' || r == '\n' }) {
		lo, _ := strconv.Atoi(r[3:6])
		hi, _ := strconv.Atoi(r[7:10])
		ranges[r[:2]] = [2]int{lo, hi}
	}
	seen := map[string]bool{}
	for _, p := range places {
		r, ok := ranges[p.state]
		if !ok || p.weight <= 0 || len(p.zips) == 0 || len(p.areas) == 0 {
			t.Errorf("%s, %s: no such state, or empty", p.city, p.state)
		}
		for _, z := range p.zips {
			if n, err := strconv.Atoi(z[:3]); err != nil || len(z) != 5 || n < r[0] || n > r[1] {
				t.Errorf("%s, %s: ZIP %s is elsewhere", p.city, p.state, z)
			}
			if seen[z] {
				t.Errorf("ZIP %s is listed twice", z)
			}
			seen[z] = true
		}
		for _, a := range p.areas {
			if got := whereIs(t, a); !strings.HasSuffix(got, ", "+p.state) &&
				!strings.Contains(got, stateName(t, p.state)) {
				t.Errorf("%s, %s: area code %s is in %s", p.city, p.state, a, got)
			}
		}
	}
	if len(places) < 150 || len(slices.Collect(maps.Keys(ranges))) != 51 {
		t.Errorf("%d places, %d states", len(places), len(ranges))
	}
	for st := range utilities {
		if _, ok := ranges[st]; !ok {
			t.Errorf("utilities of %s", st)
		}
	}
}

// whereIs tells what the world's numbering plan says of an area code.
func whereIs(t *testing.T, area string) string {
	n, err := phonenumbers.Parse(area+"2345678", "US")
	if err != nil {
		t.Fatal(err)
	}
	where, err := phonenumbers.GetGeocodingForNumber(n, "en")
	if err != nil {
		t.Fatal(err)
	}
	return where
}

func stateName(t *testing.T, code string) string {
	i, ok := lead.StateByText(code)
	if !ok {
		t.Fatalf("state %s", code)
	}
	if code == "DC" {
		return "Washington D.C."
	}
	return lead.StateName(i)
}

func TestPeople(t *testing.T) {
	schema, errs := lead.NewSchema("x", nil)
	if errs != nil {
		t.Fatal(errs)
	}
	today := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	var l lead.Lead
	states, phones := map[string]bool{}, map[string]bool{}
	for n := range uint64(1000) {
		p := newPerson(newDice(5, n), today)
		l.Reset(schema)
		for name, v := range map[string]string{"first_name": p.first, "last_name": p.last, "email": p.email,
			"phone": p.phone, "address": p.street, "city": p.place.city, "state": p.place.state, "zip": p.zip,
			"ip_address": p.ip} {
			at, ok := schema.Position(name)
			if !ok {
				t.Fatal(name)
			}
			l.Set(at, []byte(v))
		}
		if !l.OK(0) {
			t.Fatalf("person %d: %+v: %v", n, p, l.Problems(0))
		}
		if !slices.Contains(p.place.zips, p.zip) || !slices.Contains(p.place.areas, p.phone[:3]) ||
			p.phone[3:6] == "555" {
			t.Fatalf("person %d does not hang together: %+v", n, p)
		}
		if p.birth.AddDate(p.age, 0, 0).After(today) || !p.birth.AddDate(p.age+1, 0, 0).After(today) || p.age < 18 ||
			p.age > 84 {
			t.Fatalf("person %d is %d, born %s", n, p.age, p.birth)
		}
		num, err := phonenumbers.Parse(p.phone, "US")
		if err != nil || n < 100 && !phonenumbers.IsPossibleNumber(num) {
			t.Fatalf("person %d: phone %s: %v", n, p.phone, err)
		}
		states[p.place.state], phones[p.phone] = true, true
	}
	if len(states) < 40 || len(phones) < 995 {
		t.Errorf("%d states, %d phones", len(states), len(phones))
	}
}

func TestLeads(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for _, v := range Verticals() {
		for n := range uint64(200) {
			l := NewLead(v, 9, n, now)
			if !reflect.DeepEqual(l, NewLead(v, 9, n, now)) {
				t.Fatalf("%s lead %d is not the same twice", v, n)
			}
			body := end(l.Contact.appendTo(l.Ping.appendTo([]byte{'{'})))
			var m map[string]any
			if err := json.Unmarshal(body, &m); err != nil || len(m) != len(l.Ping)+len(l.Contact) {
				t.Fatalf("%v: %s", err, body)
			}
			if v == "auto" {
				checkVehicle(t, m)
			}
		}
	}
	if reflect.DeepEqual(NewLead("auto", 9, 1, now), NewLead("auto", 10, 1, now)) {
		t.Error("another seed made the same lead")
	}
}

func checkVehicle(t *testing.T, m map[string]any) {
	t.Helper()
	year := int(m["vehicle_year"].(float64))
	for _, v := range vehicles {
		if v.make_ == m["vehicle_make"] && v.model == m["vehicle_model"] {
			if year < v.from || year > v.to || year > 2026 {
				t.Fatalf("a %s %s of %d", v.make_, v.model, year)
			}
			return
		}
	}
	t.Fatal(fmt.Sprint("no such vehicle: ", m["vehicle_make"], m["vehicle_model"]))
}
