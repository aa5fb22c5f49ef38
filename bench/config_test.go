// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"clearpost/lead"
)

// buyersMax is the N of the measurement.
const buyersMax = 10

const sellerKey = "bench-key-0123456789abcdef"

// field is one value of the lead.
type field struct {
	name  string
	typ   string // of an own field of the vertical; empty for a built-in one
	to    string // where buyers want it
	value string // JSON
}

// fields is the auto lead: 25 fields. Some differ from lead to lead.
func fields(n int) []field {
	states := []string{"CA", "TX", "FL", "NY", "OH"}
	zips := []string{"94110", "75201", "33101", "10001", "43004"}
	q := func(s string) string { return strconv.Quote(s) }
	return []field{
		{"first_name", "", "contact.first", q("Jane")},
		{"last_name", "", "contact.last", q("Doe")},
		{"email", "", "contact.email", q(fmt.Sprintf("jane.doe.%d@example.com", n))},
		{"phone", "", "contact.phone", q(fmt.Sprintf("(212) 555-%04d", n%10000))},
		{"address", "", "contact.street", q(fmt.Sprintf("%d Main Street", 10+n))},
		{"city", "", "contact.city", q("Springfield")},
		{"state", "", "contact.state", q(states[n%len(states)])},
		{"zip", "", "contact.zip", q(zips[n%len(zips)])},
		{"ip_address", "", "meta.ip", q(fmt.Sprintf("203.0.113.%d", n%250))},
		{"source_url", "", "meta.url", q("https://quotes.example.com/auto?step=3")},
		{"opt_in", "", "meta.consent", "true"},
		{"dob", "type: date, personal: true", "driver.born", q("1984-03-22")},
		{"age", "type: integer, min: 16, max: 110", "driver.age", strconv.Itoa(20 + n%50)},
		{"gender", "type: enum, values: [F, M, X]", "driver.gender", q("f")},
		{"married", "type: boolean", "driver.married", "true"},
		{"homeowner", "type: boolean", "driver.homeowner", "false"},
		{"credit", "type: enum, values: [excellent, good, fair, poor]", "driver.credit", q("good")},
		{"license", "type: enum, values: [valid, learner, suspended, none]", "driver.license", q("valid")},
		{"incidents", "type: integer, min: 0, max: 20", "driver.incidents", strconv.Itoa(n % 4)},
		{"vehicle_year", "type: integer, min: 1950, max: 2030", "car.year", strconv.Itoa(2005 + n%20)},
		{"vehicle_make", "type: text", "car.make", q("Toyota")},
		{"vehicle_model", "type: text", "car.model", q("Corolla")},
		{"annual_miles", "type: integer, min: 0, max: 200000", "car.miles", strconv.Itoa(8000 + 10*n)},
		{"currently_insured", "type: boolean", "insurance.has", "true"},
		{"current_insurer", "type: text", "insurance.company", q("Acme Mutual")},
	}
}

// body is the JSON of a seller's ping. idDigits of it, at idAt, are the seller's own id.
func body(n int) []byte {
	var b strings.Builder
	b.WriteString(`{"seller_lead_id":"` + strings.Repeat("0", idDigits) + `"`)
	for _, f := range fields(n) {
		fmt.Fprintf(&b, ",%q:%s", f.name, f.value)
	}
	b.WriteString("}")
	return []byte(b.String())
}

const (
	idDigits = 12
	idAt     = len(`{"seller_lead_id":"`)
)

// sample is a lead as the exchange makes it of body(n).
func sample(s *lead.Schema, n int) (*lead.Lead, error) {
	l := &lead.Lead{}
	l.Reset(s)
	for _, f := range fields(n) {
		pos, ok := s.Position(f.name)
		if !ok {
			return nil, fmt.Errorf("no field %s", f.name)
		}
		l.Set(pos, []byte(strings.Trim(f.value, `"`)))
	}
	if problems := l.Problems(lead.AtPing | lead.AtPost); len(problems) > 0 {
		return nil, fmt.Errorf("lead %d: %+v", n, problems)
	}
	return l, nil
}

const campaignYAML = `
id: %[1]s
name: %[1]s
timezone: America/New_York
in_flight_max: 20000
allow_private_addresses: true
caps: [{per: day, limit: 1000000}]
campaigns:
  - id: %[1]s-auto
    vertical: auto
    max_sold: 1
    criteria: [{field: state, in: [CA, TX, FL, NY, OH, WA]}, {field: age, min: 18, max: 75}, {field: currently_insured, in: ["true"]}]
    caps: [{per: hour, limit: 100000}]
    ping:
      timeout_ms: %[4]d
      request:
        url: http://%[2]s/%[1]s/ping
        headers: {X-Api-Key: key-of-%[1]s}
        fields:
          - {to: ref, from: lead_id}
%[3]s
      answer:
        success: [{path: status, in: [ok, accepted]}]
        price: {path: bid.price}
        token: {path: bid.id}
        reason: {path: message}
        reasons: [{match: duplicate, refusal: duplicate}]
    post:
      request:
        url: http://%[2]s/%[1]s/post
        fields: [{to: ref, from: lead_id}, {to: token, from: token}, {to: phone, from: phone}]
      answer: {success: [{path: status, equals: ok}]}
`

// patience is how long the exchange waits for buyers, in ms.
type patience struct{ timeout, deadline int }

// configure writes the exchange's configuration.
func configure(t testing.TB, buyers []string, kafka string) (dir string) {
	t.Helper()
	return configureFor(t, buyers, kafka, patience{700, 800})
}

func configureFor(t testing.TB, buyers []string, kafka string, wait patience) (dir string) {
	t.Helper()
	dir = t.TempDir()
	write := func(name, text string) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var own, to strings.Builder
	for _, f := range fields(0) {
		if f.typ != "" {
			fmt.Fprintf(&own, "  - {name: %s, %s}\n", f.name, f.typ)
		}
		fmt.Fprintf(&to, "          - {to: %s, from: %s}\n", f.to, f.name)
	}
	write("clearpost.yaml", "node: bench\nlisten: 127.0.0.1:0\nadmin: {listen: 127.0.0.1:0}\nlimits: {free_mb_min: "+
		"1}\nkafka: {brokers: [\""+kafka+"\"], topic_prefix: clearpost.}\n")
	write("verticals/auto.yaml", "id: auto\nname: Auto insurance\ncurrency: USD\nfields:\n  - {name: state, "+
		"required: ping}\n  - {name: zip, required: ping}\n"+own.String()+
		"person_key: [phone]\ndedupe_hours: 720\nping_ttl_s: 300\nping_deadline_ms: "+strconv.Itoa(wait.deadline)+
		"\npost_total_ms: 8000\nsell_limit: 1\nfloor: 5.00\n")
	write("sources/bench.yaml", "id: bench\nname: Bench\nkeys: ["+sellerKey+
		"]\nverticals: [auto]\nmargin: {percent: 20}\n")
	for i, addr := range buyers {
		id := buyerID(i)
		write("buyers/"+id+".yaml", fmt.Sprintf(campaignYAML, id, addr, strings.TrimSuffix(to.String(), "\n"),
			wait.timeout))
	}
	return dir
}

func buyerID(i int) string { return fmt.Sprintf("buyer%02d", i) }
