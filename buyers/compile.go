// SPDX-License-Identifier: Apache-2.0

package buyers

import (
	"fmt"
	"strings"
	"time"

	"clearpost/batch"
	"clearpost/lead"
	"clearpost/rules"
	"clearpost/wire/answer"
	"clearpost/wire/request"
)

// Options are what compiling takes from outside. The zero value will do for tests.
type Options struct {
	// Secrets resolves placeholders such as "${env:NAME}" in requests. Nil: each is a defect.
	Secrets func(placeholder string) (value string, ok bool)
	// Deadlines tells how long a vertical's pings and posts may take, for campaigns that set no timeout. Nil, and zero:
	// 800 ms and 8 s.
	Deadlines func(vertical string) (ping, post time.Duration)
	// Lists finds the files of values that criteria name. Nil: there are none.
	Lists rules.Lists
	// Place names where what has an id stands, such as "buyers/acme.yaml:3", for messages about another place. Nil: its
	// path in the specs.
	Place func(id string) string
	// Locate finds where a path of the spec that is being added stands: its file, line and column, counted from 1. Nil:
	// nobody will ask.
	Locate func(path string) (file string, line, column int)
	// Incomplete says that some verticals could not be read, so that an unknown vertical is no defect.
	Incomplete bool
}

// Timeouts where neither the campaign nor the vertical sets one.
const (
	pingTimeoutDefault = 800 * time.Millisecond
	postTimeoutDefault = 8 * time.Second
)

// Compile makes the book of all buyers. schemas has the schema of each vertical; a nil one stands for a vertical that
// is there but broken: what depends on its fields is not looked at. All mistakes are returned at once, and no book if
// there is any; their paths begin with the buyer's position in specs: "[2].campaigns[0].post.request.url".
func Compile(specs []BuyerSpec, schemas map[string]*lead.Schema, opt Options) (*Book, []lead.Defect) {
	c := NewCompiler(schemas, opt)
	var defects []lead.Defect
	for i := range specs {
		_, ds := c.Add(&specs[i])
		defects = append(defects, ds...)
	}
	return c.Book(), defects
}

type bookCompiler struct {
	schemas map[string]*lead.Schema
	opt     Options
	book    *Book
	ids     map[string]string // id of a buyer or campaign → path where it stands
	stored  map[string]string // what files are called, and where they go → campaign
	defects []lead.Defect
	groups  map[string]bool // competitor groups of all buyers
	status  bool            // the call that is compiled asks what became of a lead
	// what the ping's answer of the campaign that is compiled gives the request of its post
	captures []string
	legs     bool // it has legs
	files    batch.Options
}

func (c *bookCompiler) bad(at, path, value, expected string) {
	c.defects = append(c.defects, lead.Defect{Path: path, Value: value, Expected: expected}.In(at))
}

func (c *bookCompiler) take(at, path string, ds []lead.Defect) {
	c.defects = append(c.defects, lead.DefectsIn(at, lead.DefectsIn(path, ds))...)
}

// id checks an id and that nothing else has it: buyers and campaigns are paused by their ids alone.
func (c *bookCompiler) id(at, id, what string) {
	path := at + ".id"
	switch was, taken := c.ids[id]; {
	case id == "":
		c.bad(at, "id", "", "the "+what+"'s id")
	case !ValidID(id):
		c.bad(at, "id", id, IDRule)
	case taken:
		if c.opt.Place != nil {
			was = c.opt.Place(id)
		}
		c.bad(at, "id", id, "an id that no other buyer or campaign has: it stands at "+was+" already")
	default:
		c.ids[id] = path
	}
}

func (c *bookCompiler) buyer(spec *BuyerSpec, at string) {
	c.id(at, spec.ID, "buyer")
	b := &Buyer{Index: int32(len(c.book.Buyers)), ID: spec.ID, Name: spec.Name, InFlightMax: spec.InFlightMax,
		AllowPrivate: spec.AllowPrivate}
	if b.Name == "" {
		b.Name = b.ID
	}
	if len(b.Name) > NameBytesMax {
		c.bad(at, "name", "", fmt.Sprintf("at most %d bytes", NameBytesMax))
	}
	if b.InFlightMax == 0 {
		b.InFlightMax = InFlightDefault
	}
	if b.InFlightMax < 1 || b.InFlightMax > InFlightMost {
		c.bad(at, "in_flight_max", fmt.Sprint(spec.InFlightMax), fmt.Sprintf("1 to %d calls", InFlightMost))
	}
	c.related(b, spec, at)
	zone := spec.Timezone
	if zone != "" {
		if _, err := rules.LoadZone(zone); err != nil {
			c.bad(at, "timezone", zone, err.Error())
			zone = "UTC" // so that the caps that lean on it are not reported as well
		}
	}
	var ds []lead.Defect
	b.Caps, ds = rules.CompileCaps("buyer:"+spec.ID, spec.Caps, zone)
	c.take(at, "caps", ds)
	b.Uniques, ds = rules.CompileUniques("buyer:"+spec.ID, spec.Duplicates)
	c.take(at, "duplicates", ds)
	b.Hours = c.hours(spec.Schedule, zone, at)
	pace(b.Caps, b.Hours)
	c.balance(b, spec.Balance, at)
	b.Margin, ds = spec.Margin.Compile()
	c.take(at, "margin", ds)
	b.Multiplier = c.multiplier(at, spec.Multiplier)
	c.standing(b, spec, at)
	c.payment(b, spec, zone, at)
	c.returns(b, spec.Returns, zone, at)
	b.Company, ds = spec.Company.Compile(b.Name)
	c.take(at, "company", ds)
	c.book.Buyers = append(c.book.Buyers, b)
	for i := range spec.Campaigns {
		c.campaign(b, &spec.Campaigns[i], zone, fmt.Sprintf("%s.campaigns[%d]", at, i))
	}
}

func (c *bookCompiler) campaign(b *Buyer, spec *CampaignSpec, zone, at string) {
	if len(c.book.Campaigns) == CampaignsMax {
		c.bad(at, "", "", fmt.Sprintf("at most %d campaigns in all", CampaignsMax))
		return
	}
	c.id(at, spec.ID, "campaign")
	spec, mail := c.mailed(b, spec, at)
	spec = c.keyed(spec, at)
	p := &Campaign{Index: int32(len(c.book.Campaigns)), ID: spec.ID, Buyer: b, Vertical: spec.Vertical,
		MaxSold: max(spec.MaxSold, 1), Labels: spec.Labels, Role: spec.Role}
	c.book.Campaigns = append(c.book.Campaigns, p)
	if spec.MaxSold < 0 || spec.MaxSold > MaxSoldMax {
		c.bad(at, "max_sold", fmt.Sprint(spec.MaxSold), fmt.Sprintf("1 (exclusive) to %d sales of one lead",
			MaxSoldMax))
	}
	c.names(spec, at)
	p.CompetitorGroups = c.competitors(spec.CompetitorGroups, at)
	schema := c.vertical(spec.Vertical, at)
	own, ds := rules.CompileCaps("campaign:"+spec.ID, spec.Caps, zone)
	c.take(at, "caps", ds)
	for _, h := range []*Hours{c.hours(spec.Schedule, zone, at), b.Hours} {
		if h != nil {
			p.Hours = append(p.Hours, h)
		}
	}
	pace(own, p.Hours...)
	once, ds := rules.CompileUniques("campaign:"+spec.ID, spec.Duplicates)
	c.take(at, "duplicates", ds)
	p.Uniques = append(c.once(once, schema, at, "duplicates"), c.once(b.Uniques, schema, at, "vertical")...)
	p.Caps = append(c.apart(own, schema, at, "caps"), c.apart(b.Caps, schema, at, "vertical")...)
	if len(spec.Criteria) > CriteriaMax {
		c.bad(at, "criteria", fmt.Sprint(len(spec.Criteria), " criteria"), fmt.Sprintf("at most %d", CriteriaMax))
	} else if schema != nil {
		p.Criteria = c.compiled(p, spec.Criteria, schema, zone, at, "criteria")
	}
	c.territory(p, spec, schema, zone, at)
	if p.InFlightMax = spec.InFlight; spec.InFlight < 0 || spec.InFlight > InFlightMost {
		c.bad(at, "in_flight_max", fmt.Sprint(spec.InFlight), fmt.Sprintf("1 to %d calls", InFlightMost))
	}
	c.endpoints(p, spec, schema, zone, at)
	if mail != nil && p.Post != nil {
		p.Post.Mail = mail
	}
	p.Breaker = c.breaker(p, spec.Breaker, at)
	p.IfUnknown = c.unknown(&spec.Unknown, spec.Post, schema, at)
	p.Defer = c.deferral(spec.Defer, at)
	p.AgeMax = c.leadAge(spec.LeadAgeMaxM, p.Defer, at)
	if schema != nil {
		c.take(at, "criteria", p.terms(schema).Contradictions(p.Criteria))
	}
	c.price(p, spec, at)
	c.several(p, spec, at)
	c.aloneIfSeveral(p, at)
	c.money(p, spec, schema, zone, at)
	c.examples(p, spec, schema, at)
	if schema != nil {
		p.Uses = uses(p, schema)
	}
	if spec.Test != nil {
		c.test(p, spec, schema, at)
	}
}

// compiled compiles criteria that stand under a key of a campaign or of a part of one.
func (c *bookCompiler) compiled(p *Campaign, specs []rules.CriterionSpec, schema *lead.Schema, zone, at,
	key string) []rules.Criterion {
	opt := rules.Options{Zone: zoneOf(zone), Lists: c.opt.Lists}
	if c.opt.Locate != nil {
		_, within, _ := strings.Cut(at+"."+key, "].")
		opt.Place = func(path string) (line, column int32) {
			file, l, col := c.opt.Locate(within + path)
			p.Buyer.File = file
			return int32(l), int32(col)
		}
	}
	out, ds := rules.Compile(specs, schema, opt)
	c.take(at, key, ds)
	return out
}

// terms are what is known of the leads that the campaign may get. A bid with several legs says itself how often each
// may be sold.
func (c *Campaign) terms(schema *lead.Schema) rules.Terms {
	t := rules.Terms{Schema: schema, MaxSold: c.MaxSold}
	if c.Ping != nil && c.Ping.Answer != nil && c.Ping.Answer.GivesLegs() {
		t.MaxSold = 0
	}
	return t
}

// zoneOf is the zone of a name that was looked at before; nil if there is none.
func zoneOf(name string) *time.Location {
	if name == "" {
		return nil
	}
	zone, err := rules.LoadZone(name)
	if err != nil {
		return nil
	}
	return zone
}

// uses collects what a campaign's bid hangs on.
func uses(p *Campaign, schema *lead.Schema) (out lead.Positions) {
	for i := range p.Criteria {
		p.Criteria[i].AddUses(&out)
	}
	if p.Territory != nil {
		for i := range p.Territory.Of {
			p.Territory.Of[i].AddUses(&out)
		}
	}
	if p.Ping != nil && p.Ping.Request != nil {
		out.AddAll(p.Ping.Request.Uses())
	}
	for i := range p.Prices {
		for k := range p.Prices[i].When {
			p.Prices[i].When[k].AddUses(&out)
		}
	}
	schema.AddOrigins(&out)
	return out
}

// vertical finds the schema, nil where there is none to judge by.
func (c *bookCompiler) vertical(id, at string) *lead.Schema {
	s, known := c.schemas[id]
	switch {
	case id == "":
		c.bad(at, "vertical", "", "the id of a vertical")
	case !known && !c.opt.Incomplete:
		c.bad(at, "vertical", id, "the id of a vertical that is configured"+oneOf(c.schemas))
	}
	return s
}

func (c *bookCompiler) endpoints(p *Campaign, spec *CampaignSpec, schema *lead.Schema, zone, at string) {
	ping, post := pingTimeoutDefault, postTimeoutDefault
	if c.opt.Deadlines != nil {
		if a, b := c.opt.Deadlines(spec.Vertical); a > 0 && b > 0 {
			ping, post = a, b
		}
	}
	if spec.Ping != nil {
		p.Ping = c.endpoint(spec.Ping, schema, false, ping, at+".ping")
	}
	c.captures, c.legs = nil, false
	switch {
	case spec.Batch != nil:
		c.batch(p, spec, schema, zone, at)
		p.Post = &Endpoint{Timeout: post, Answer: noAnswer}
		if p.Batch != nil {
			p.Post.Request = p.Batch.Row
		}
		return
	case spec.Post == nil:
		c.bad(at, "post", "", "the call that delivers the lead, or `batch`")
		return
	}
	if p.Ping != nil && p.Ping.Answer != nil {
		c.captures, c.legs = p.Ping.Answer.Captures(), p.Ping.Answer.GivesLegs()
	}
	p.Post = c.endpoint(notTaken(spec.Post, spec.Defer), schema, true, post, at+".post")
	if p.Post.Request == nil || !p.Post.Request.NeedsToken() {
		return
	}
	if p.Ping == nil || p.Ping.Answer != nil && !p.Ping.Answer.GivesToken() {
		c.bad(at, "post.request.fields", "", "no field `from: token`, or a rule ping.answer.token that gives one")
	}
}

func (c *bookCompiler) endpoint(spec *EndpointSpec, schema *lead.Schema, post bool, timeout time.Duration,
	at string) *Endpoint {
	e := &Endpoint{Timeout: timeout, Rate: c.rate(spec.Rate, at)}
	if spec.TimeoutMS < 0 || spec.TimeoutMS > TimeoutMSMost {
		c.bad(at, "timeout_ms", fmt.Sprint(spec.TimeoutMS), fmt.Sprintf("1 to %d ms", TimeoutMSMost))
	}
	if spec.TimeoutMS > 0 {
		e.Timeout = time.Duration(spec.TimeoutMS) * time.Millisecond
	}
	var ds []lead.Defect
	if schema != nil {
		e.Request, ds = request.Compile(&spec.Request, schema, post, request.Options{Secrets: c.opt.Secrets,
			Status: c.status, Captures: c.captures, Legs: c.legs})
		if spec.Mail != nil {
			c.take(at, "", mailDefects(ds))
		} else {
			c.take(at, "request", ds)
		}
	}
	e.Backup = c.backup(spec, schema, post, at)
	e.Answer, ds = answer.Compile(&spec.Answer, post)
	c.take(at, "answer", ds)
	return e
}

// price settles what the campaign bids and which price is booked.
func (c *bookCompiler) price(p *Campaign, spec *CampaignSpec, at string) {
	switch {
	case spec.Price != nil:
		p.Fixed, p.Price = true, c.cents(at, "price", spec.Price)
	case spec.Ping == nil:
		c.bad(at, "", "", "a fixed `price`, or a `ping` that asks for one")
	case p.Ping.Answer != nil && !p.Ping.Answer.GivesPrice():
		c.bad(at, "ping.answer.price", "", "where the price stands in the answer, or a fixed `price` of the campaign")
	case p.Ping.Answer != nil && p.Ping.Answer.NeedsFixedPrice():
		c.bad(at, "ping.answer.price", "use_fixed", "refuse or no_bid, or a fixed `price` of the campaign to use")
	}
	switch spec.Pay {
	case "", "ping_price":
	case "post_price":
		p.PayPostPrice = true
		if p.Post != nil && p.Post.Answer != nil && !p.Post.Answer.GivesPrice() {
			c.bad(at, "pay", spec.Pay, "ping_price, or a rule post.answer.price that tells the post's price")
		}
	default:
		c.bad(at, "pay", spec.Pay, "ping_price or post_price")
	}
}

// IDRule tells what ids may look like.
const IDRule = "an id of 1 to 64 letters, digits, `-`, `_` and `.`, beginning with a letter or digit"

// ValidID tells whether text may be the id of a buyer, campaign, source or vertical.
func ValidID(id string) bool {
	for i := 0; i < len(id); i++ {
		ch := id[i]
		switch {
		case ch >= 'a' && ch <= 'z', ch >= 'A' && ch <= 'Z', ch >= '0' && ch <= '9':
		case i > 0 && strings.IndexByte("-_.", ch) >= 0:
		default:
			return false
		}
	}
	return id != "" && len(id) <= IDBytesMax
}

// oneOf lists a few ids for a message.
func oneOf(schemas map[string]*lead.Schema) string {
	ids := sortedKeys(schemas)
	if len(ids) == 0 {
		return " (there is none)"
	}
	if len(ids) > 12 {
		return fmt.Sprintf(" (%s and %d more)", strings.Join(ids[:12], ", "), len(ids)-12)
	}
	return " (" + strings.Join(ids, ", ") + ")"
}
