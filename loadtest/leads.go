// SPDX-License-Identifier: Apache-2.0

package loadtest

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// Fields is a lead as a seller sends it, in the order in which it is written.
type Fields []Field

// Field is one value: a string, an int or a bool.
type Field struct {
	Name  string
	Value any
}

// appendTo writes the fields as members of a JSON object, each followed by a comma.
func (f Fields) appendTo(dst []byte) []byte {
	for _, v := range f {
		dst = append(strconv.AppendQuote(dst, v.Name), ':')
		switch x := v.Value.(type) {
		case int:
			dst = strconv.AppendInt(dst, int64(x), 10)
		case bool:
			dst = strconv.AppendBool(dst, x)
		case string:
			// Marshalling a string cannot fail.
			b, _ := json.Marshal(x)
			dst = append(dst, b...)
		}
		dst = append(dst, ',')
	}
	return dst
}

// Lead is one made-up lead. Ping and Contact together are the whole of it.
type Lead struct {
	Vertical string
	Ping     Fields // what a seller tells before it is paid
	Contact  Fields // what names the person
}

// Verticals lists the verticals for which leads can be made.
func Verticals() []string { return []string{"auto", "solar"} }

// NewLead makes the n-th lead of a seed in a vertical, one of Verticals; now is when it is submitted. Its day decides
// ages.
func NewLead(vertical string, seed, n uint64, now time.Time) Lead {
	d := newDice(seed, n)
	p := newPerson(d, now)
	l := Lead{Vertical: vertical}
	l.Ping = Fields{{"zip", p.zip}, {"state", p.place.state}, {"city", p.place.city}}
	if vertical == "solar" {
		l.Ping = append(l.Ping, solar(d, &p)...)
	} else {
		l.Ping = append(l.Ping, auto(d, &p, now)...)
	}
	l.Ping = append(l.Ping, Field{"ip_address", p.ip}, Field{"timestamp", now.UTC().Format(time.RFC3339)},
		Field{"source_url", pick(d, landings[vertical])}, Field{"opt_in", true})
	l.Contact = Fields{{"first_name", p.first}, {"last_name", p.last}, {"email", p.email},
		{"phone", writePhone(d, p.phone)}, {"address", p.street}}
	if vertical == "auto" {
		l.Contact = append(l.Contact, Field{"dob", p.birth.Format(time.DateOnly)})
	}
	return l
}

var landings = map[string][]string{
	"auto": {"https://quotes.example.com/auto", "https://www.save-on-car-insurance.example/start",
		"https://compare.example.net/car?src=search"},
	"solar": {"https://solar.example.com/savings", "https://go-solar.example.net/calculator",
		"https://sun.example.org/roof?utm_source=social"},
}

// writePhone writes ten digits in one of the ways that sellers do.
func writePhone(d *dice, p string) string {
	switch d.below(5) {
	case 0:
		return p
	case 1:
		return "(" + p[:3] + ") " + p[3:6] + "-" + p[6:]
	case 2:
		return p[:3] + "-" + p[3:6] + "-" + p[6:]
	case 3:
		return "+1" + p
	}
	return p[:3] + "." + p[3:6] + "." + p[6:]
}

type vehicle struct {
	make_, model string
	from, to     int
	weight       int
}

// vehicleTable is make|model|first and last model year|weight.
const vehicleTable = `
Toyota|Camry|1998|2026|30
Toyota|Corolla|1998|2026|28
Toyota|RAV4|1998|2026|26
Toyota|Tacoma|1998|2026|16
Toyota|Prius|2001|2026|10
Honda|Civic|1998|2026|28
Honda|Accord|1998|2026|28
Honda|CR-V|1998|2026|24
Honda|Pilot|2003|2026|9
Ford|F-150|1998|2026|34
Ford|Escape|2001|2026|16
Ford|Explorer|1998|2026|15
Ford|Focus|2000|2018|11
Ford|Mustang|1998|2026|8
Chevrolet|Silverado 1500|1999|2026|26
Chevrolet|Malibu|1998|2025|13
Chevrolet|Equinox|2005|2026|15
Chevrolet|Impala|2000|2020|8
Nissan|Altima|1998|2026|18
Nissan|Rogue|2008|2026|18
Nissan|Sentra|1998|2026|11
Hyundai|Elantra|1998|2026|13
Hyundai|Sonata|1998|2026|10
Hyundai|Tucson|2005|2026|9
Kia|Sorento|2003|2026|8
Kia|Soul|2010|2025|8
Jeep|Grand Cherokee|1998|2026|14
Jeep|Wrangler|1998|2026|12
Ram|1500|2011|2026|14
Dodge|Grand Caravan|1998|2020|7
Dodge|Charger|2006|2023|6
GMC|Sierra 1500|1999|2026|10
Subaru|Outback|2000|2026|10
Subaru|Forester|1998|2026|9
Volkswagen|Jetta|1998|2026|8
Mazda|CX-5|2013|2026|8
Mazda|Mazda3|2004|2026|6
BMW|328i|1999|2016|5
BMW|X5|2000|2026|4
Mercedes-Benz|C 300|2008|2026|4
Lexus|RX 350|2007|2026|6
Acura|TL|1999|2014|3
Tesla|Model 3|2017|2026|7
Tesla|Model Y|2020|2026|7
Buick|Enclave|2008|2026|4
Chrysler|Pacifica|2017|2026|4`

var vehicles, vehicleWeight = readVehicles()

func readVehicles() ([]vehicle, int) {
	var out []vehicle
	total := 0
	for line := range strings.SplitSeq(strings.TrimSpace(vehicleTable), "\n") {
		p := strings.Split(line, "|")
		var n [3]int
		for i := range n {
			var err error
			if n[i], err = strconv.Atoi(p[2+i]); err != nil {
				panic("loadtest: vehicle " + line)
			}
		}
		out = append(out, vehicle{p[0], p[1], n[0], n[1], n[2]})
		total += n[2]
	}
	return out, total
}

func drawVehicle(d *dice) *vehicle {
	x := d.below(vehicleWeight)
	for i := range vehicles {
		if x -= vehicles[i].weight; x < 0 {
			return &vehicles[i]
		}
	}
	return &vehicles[0]
}

var insurers = readWeighted(`State Farm 18 GEICO 14 Progressive 15 Allstate 10 USAA 6 Liberty Mutual 5 Farmers 5 Nationwide 3 American Family 2 Travelers 2 Other 8`)

// year draws a model year: most cars are three to twelve years old.
func (v *vehicle) year(d *dice, now time.Time) int {
	y := now.Year() - (d.below(12)+d.below(12))/2 - d.below(4)
	return min(max(y, v.from), v.to)
}

var credits = readWeighted(`excellent 30 good 34 fair 22 poor 14`)

var (
	educations = readWeighted(`none 8 high_school 40 college 40 graduate 12`)
	licenses   = readWeighted(`valid 95 suspended 3 learner 2`)
	jobs       = readWeighted(`Teacher 5 Nurse 6 Retail Sales 8 Driver 6 Manager 9 Office Clerk 6 Software Developer 4 Electrician 3 Cook 4 Student 6 Retired 12 Homemaker 4 Mechanic 3`)
	ownership  = readWeighted(`owned 48 financed 42 leased 10`)
	uses       = readWeighted(`commute 66 pleasure 28 business 6`)
	coverages  = readWeighted(`state_minimum 28 standard 44 preferred 20 premium 8`)
)

// auto is what an auto insurance form asks, beyond who and where.
func auto(d *dice, p *person, now time.Time) Fields {
	v := drawVehicle(d)
	years := p.age - 16 - d.below(3)
	f := Fields{{"age", p.age}, {"gender", p.gender}, {"married", d.yes(min(0.8, float64(p.age-17)/45))},
		{"homeowner", d.yes(min(0.8, float64(p.age-15)/50))}, {"credit", credits.draw(d)},
		{"education", educations.draw(d)}, {"license", licenses.draw(d)}, {"years_licensed", max(years, 0)},
		{"incidents", max(0, d.below(6)-3)}, {"dui", d.yes(0.02)}, {"sr22", d.yes(0.02)},
		{"vehicle_year", v.year(d, now)}, {"vehicle_make", v.make_}, {"vehicle_model", v.model},
		{"vehicle_ownership", ownership.draw(d)}, {"vehicle_use", uses.draw(d)},
		{"vehicle_count", 1 + max(0, d.below(5)-2)}, {"annual_miles", (4 + d.below(16)) * 1000}}
	if d.yes(0.6) {
		f = append(f, Field{"occupation", jobs.draw(d)})
	}
	insured := d.yes(0.8)
	f = append(f, Field{"currently_insured", insured}, Field{"coverage", coverages.draw(d)})
	if insured {
		f = append(f, Field{"current_insurer", insurers.draw(d)}, Field{"insured_months", 1 + d.below(120)},
			Field{"policy_expires", now.AddDate(0, 0, d.below(180)).Format(time.DateOnly)})
	}
	return f
}

var (
	shades = readWeighted(`none 55 some 33 heavy 12`)
	roofs  = readWeighted(`asphalt 62 tile 16 metal 12 flat 6 wood 4`)
	homes  = readWeighted(`house 84 townhouse 10 mobile 4 condo 2`)
	frames = readWeighted(`now 40 three_months 30 six_months 15 later 15`)
)

// solar is what a solar form asks, beyond who and where.
func solar(d *dice, p *person) Fields {
	us := utilities[p.place.state]
	if us == nil {
		us = defaultUtilities
	}
	bill := 60 + d.below(180) + d.below(180)
	return Fields{{"utility", pick(d, us)}, {"monthly_bill", bill / 5 * 5}, {"homeowner", d.yes(0.88)},
		{"shade", shades.draw(d)}, {"roof_type", roofs.draw(d)}, {"roof_age", d.below(30)},
		{"home_type", homes.draw(d)}, {"credit", credits.draw(d)}, {"timeframe", frames.draw(d)},
		{"battery", d.yes(0.3)}}
}
