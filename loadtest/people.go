// SPDX-License-Identifier: Apache-2.0

package loadtest

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// names with how often they are drawn relative to the others of their list.
const (
	womenTable = `Mary 30 Patricia 16 Jennifer 28 Linda 15 Elizabeth 18 Barbara 13 Susan 14 Jessica 24 Karen 13 Sarah 20 Lisa 16 Nancy 11 Ashley 20
Sandra 10 Kimberly 17 Emily 17 Donna 10 Michelle 17 Carol 8 Amanda 17 Melissa 15 Deborah 10 Stephanie 15 Rebecca 13 Laura 13 Sharon 9 Cynthia 11 Kathleen 9
Amy 13 Angela 13 Nicole 13 Samantha 12 Katherine 12 Christine 10 Rachel 11 Maria 14 Heather 11 Diane 8 Olivia 9 Megan 10 Victoria 9 Lauren 9 Gloria 5 Teresa 8 Ana 5
Rosa 5 Carmen 4 Guadalupe 4 Tiffany 8 Latoya 3 Priya 2 Mei 2 Aaliyah 3`
	menTable = `James 32 Robert 28 John 27 Michael 40 David 33 William 26 Richard 18 Joseph 20 Thomas 16 Christopher 25 Charles 15 Daniel 21 Matthew 20 Anthony 17
Mark 14 Donald 9 Steven 13 Andrew 16 Paul 11 Joshua 16 Kenneth 11 Kevin 14 Brian 14 George 9 Timothy 12 Ronald 9 Edward 10 Jason 14 Jeffrey 11 Ryan 14 Jacob 12
Gary 8 Nicholas 12 Eric 12 Jonathan 12 Stephen 9 Larry 7 Justin 11 Scott 9 Brandon 12 Benjamin 9 Samuel 9 Raymond 8 Gregory 9 Frank 7 Jose 13 Juan 9 Carlos 8 Luis 9
Jesus 5 Miguel 5 Tyrone 3 Wei 2 Raj 2`
	lastTable = `Smith 48 Johnson 38 Williams 32 Brown 28 Jones 28 Garcia 23 Miller 23 Davis 22 Rodriguez 21 Martinez 21 Hernandez 20 Lopez 17 Gonzalez 17 Wilson 16
Anderson 15 Thomas 15 Taylor 15 Moore 14 Jackson 14 Martin 14 Lee 14 Perez 13 Thompson 13 White 13 Harris 12 Sanchez 12 Clark 11 Ramirez 11 Lewis 10 Robinson 10
Walker 10 Young 9 Allen 9 King 9 Wright 9 Scott 8 Torres 8 Nguyen 8 Hill 8 Flores 8 Green 8 Adams 8 Nelson 8 Baker 8 Hall 8 Rivera 7 Campbell 7 Mitchell 7 Carter 7
Roberts 7 Gomez 7 Phillips 7 Evans 7 Turner 7 Diaz 7 Parker 7 Cruz 7 Edwards 7 Collins 6 Reyes 6 Stewart 6 Morris 6 Morales 6 Murphy 6 Cook 6 Rogers 6 Gutierrez 6
Ortiz 6 Morgan 6 Cooper 6 Peterson 6 Bailey 5 Reed 5 Kelly 5 Howard 5 Ramos 5 Kim 5 Cox 5 Ward 5 Richardson 5 Watson 5 Brooks 5 Chavez 5 Wood 5 James 5 Bennett 5
Gray 5 Mendoza 5 Ruiz 5 Hughes 5 Price 5 Alvarez 5 Castillo 5 Sanders 5 Patel 5 Myers 5 Long 5 Ross 5 Foster 5 O'Brien 3 O'Connor 2 Patel-Shah 1 De La Cruz 2`
	streetTable = `Main 10 Oak 9 Maple 9 Cedar 7 Elm 7 Washington 6 Lake 6 Hill 5 Park 8 Pine 7 Walnut 5 Spring 4 North 3 Ridge 4 Church 4 Willow 4 Mill 4 Sunset 4 Railroad 2
Jackson 3 River 4 Highland 4 Franklin 3 Lincoln 4 Jefferson 3 Madison 3 Chestnut 3 Meadow 3 Forest 3 Broadway 2 Magnolia 2 Dogwood 2 Hickory 2`
	streetKinds = `St 30 Ave 24 Dr 20 Rd 14 Ln 12 Ct 8 Blvd 5 Way 5 Pl 4 Cir 3`
	mailTable   = `gmail.com 52 yahoo.com 17 hotmail.com 8 outlook.com 6 icloud.com 6 aol.com 5 comcast.net 3 msn.com 1 att.net 1 verizon.net 1 live.com 1 sbcglobal.net 1`
)

// weighted is a list that is drawn from by weight.
type weighted struct {
	values []string
	upTo   []int
}

// readWeighted reads "value weight value weight …"; a value may be several words.
func readWeighted(table string) weighted {
	var w weighted
	total := 0
	var words []string
	for _, f := range strings.Fields(table) {
		n, err := strconv.Atoi(f)
		if err != nil {
			words = append(words, f)
			continue
		}
		total += n
		w.values = append(w.values, strings.Join(words, " "))
		w.upTo = append(w.upTo, total)
		words = words[:0]
	}
	return w
}

func (w weighted) draw(d *dice) string {
	x := d.below(w.upTo[len(w.upTo)-1])
	for i, n := range w.upTo {
		if x < n {
			return w.values[i]
		}
	}
	return ""
}

var (
	women, men, lasts = readWeighted(womenTable), readWeighted(menTable), readWeighted(lastTable)
	streets, kinds    = readWeighted(streetTable), readWeighted(streetKinds)
	mails             = readWeighted(mailTable)
)

// person is one consumer. The same number and seed make the same person always.
type person struct {
	first, last, gender string
	email, phone        string // the phone as ten digits
	street              string
	place               *place
	zip                 string
	age                 int
	birth               time.Time
	ip                  string
}

// newPerson draws a person as of a day.
func newPerson(d *dice, today time.Time) person {
	p := person{gender: "F", first: women.draw(d)}
	if d.below(2) == 0 {
		p.gender, p.first = "M", men.draw(d)
	}
	p.last = lasts.draw(d)
	p.place = drawPlace(d)
	p.zip = pick(d, p.place.zips)
	p.street = fmt.Sprintf("%d %s %s", 100+d.below(9800), streets.draw(d), kinds.draw(d))
	if d.below(8) == 0 {
		p.street += fmt.Sprintf(" Apt %d", 1+d.below(40))
	}
	p.age = 18 + (d.below(67)+d.below(67))/2
	p.birth = today.AddDate(-p.age, 0, -1-d.below(364))
	p.phone = phone(d, pick(d, p.place.areas))
	p.email = email(d, p.first, p.last, p.birth.Year())
	p.ip = ip(d)
	return p
}

func drawPlace(d *dice) *place {
	x := d.below(placeWeight)
	for i := range places {
		if x -= places[i].weight; x < 0 {
			return &places[i]
		}
	}
	return &places[0]
}

// phone draws a number whose exchange begins with 2–9 and is neither 555 nor one of the N11 services.
func phone(d *dice, area string) string {
	for {
		ex := 200 + d.below(800)
		if ex == 555 || ex%100 == 11 {
			continue
		}
		return fmt.Sprintf("%s%d%04d", area, ex, d.below(10_000))
	}
}

func email(d *dice, first, last string, year int) string {
	f, l := letters(first), letters(last)
	local := ""
	switch d.below(6) {
	case 0:
		local = f + "." + l
	case 1:
		local = f + l
	case 2:
		local = f[:1] + l
	case 3:
		local = f + "_" + l
	case 4:
		local = f + "." + l
	default:
		local = f
	}
	switch d.below(3) {
	case 0:
		local += strconv.Itoa(year % 100)
	case 1:
		local += strconv.Itoa(d.below(1000))
	}
	return local + "@" + mails.draw(d)
}

func letters(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r >= 'a' && r <= 'z':
			return r
		}
		return -1
	}, s)
}

// ip draws an address of a range that American households have.
func ip(d *dice) string {
	nets := [...]int{24, 47, 50, 67, 68, 71, 73, 75, 76, 96, 98, 99, 107, 108, 174}
	return fmt.Sprintf("%d.%d.%d.%d", nets[d.below(len(nets))], d.below(256), d.below(256), 1+d.below(254))
}

func pick(d *dice, from []string) string { return from[d.below(len(from))] }
