// SPDX-License-Identifier: Apache-2.0

// Package exchangetest makes exchanges for tests from Go values: buyers are functions, the log's disk, the broker of
// events and the wall clock fail to order, and time is virtual.
//
// Run starts one within testing/synctest; Rig has what a test does with it. The ledger, the caps and all that renders
// requests and reads answers are the real ones; only the network and the disk under the log are made up.
package exchangetest

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	"clearpost/auction"
	"clearpost/buyers"
	"clearpost/exchange"
	"clearpost/lead"
	"clearpost/rules"
	"clearpost/wire"
	"clearpost/wire/answer"
	"clearpost/wire/request"
)

// Key is an API key of the source acme; that of any other source is its id and KeyOfOthers.
const (
	Key         = "acme" + KeyOfOthers
	KeyOfOthers = "-key-0123456789"
)

// Setup says what an exchange is made of. The zero Setup has one vertical, one source and nobody who buys.
type Setup struct {
	Vertical  func(*exchange.Vertical) // changes the vertical solar
	Source    func(*exchange.Source)   // changes the source acme
	Verticals []*exchange.Vertical     // further ones; Vertical makes one
	Sources   []*exchange.Source       // further ones; Source makes one
	Campaigns []Campaign
	Buyer     func(*buyers.BuyerSpec) // changes each buyer
	Later     time.Duration           // how much later than that of the bubble its clock is at first
	Ships     bool                    // its ledger ships to the rig's Broker
	Parents   []exchange.Parent       // with caps over the buyers that belong to them
	Deps      func(*exchange.Deps)    // changes what the exchange is given
	Compiled  func(*exchange.Config)  // changes the configuration that was made, such as what no file may say
	Differs   bool                    // the test sees to it that computing its leads again comes to something else
	// in place of all of it: a configuration with the vertical solar and the source acme; its buyers' answers are set
	// with Buyers.Set
	Config *exchange.Config
}

// URL is where a campaign's calls of a kind go. Nobody listens there, should an exchange have connections made ahead of
// demand.
func URL(campaign, call string) string { return "http://127.0.0.1:1/" + call + "/" + campaign }

// Campaign is a standing order and how its buyer answers.
type Campaign struct {
	ID      string
	Buyer   string     // "" is a buyer of its own, the id and "-co"
	Price   lead.Money // it bids this, where Ping says nothing else
	Fixed   bool       // Price is its list price; without Ping nobody is asked for a bid
	MaxSold int
	Spec    func(*buyers.CampaignSpec) // changes it

	Ping   Buyer // nil: Bid(Price)
	Post   Buyer // nil: it accepts, as "ref-" and the id
	Backup Buyer // nil: it has no backup URL
	Status Buyer // nil: it has no status URL
}

// NewVertical makes a vertical: a lead has a phone number, a postal code and perhaps an age and a social security
// number; a person is known by the phone number for an hour.
func NewVertical(id string) *exchange.Vertical {
	lo, hi := int64(18), int64(120)
	s, errs := lead.NewSchema(id, []lead.Field{{Name: "phone", Type: lead.TypePhone, Required: lead.AtPost},
		{Name: "zip", Type: lead.TypePostalCode, Required: lead.AtPing},
		{Name: "age", Type: lead.TypeInteger, Min: &lo, Max: &hi}, {Name: "ssn", Type: lead.TypeSSN, Personal: true},
		{Name: "phone_hash", Type: lead.TypeHash, Personal: true}})
	if errs != nil {
		panic(fmt.Sprint(errs))
	}
	phone, _ := s.Position("phone")
	zip, _ := s.Position("zip")
	return &exchange.Vertical{ID: id, Name: id, Currency: "USD", Schema: s, PingTTL: 5 * time.Minute,
		PingDeadline: 400 * time.Millisecond, PostTotal: 3 * time.Second, Plan: exchange.Plan{SellLimit: 1},
		Dedupe: exchange.Dedupe{Key: rules.PersonKey{{Pos: phone, Hash: -1}}, Window: time.Hour},
		Tests:  exchange.TestRules{Price: 10 * lead.Unit, ZIP: zip}}
}

// NewSource makes a source that may send leads of these verticals, at a margin of 20 percent.
func NewSource(id string, verticals ...string) *exchange.Source {
	return &exchange.Source{ID: id, Name: id, KeyHashes: [][32]byte{sha256.Sum256([]byte(id + KeyOfOthers))},
		Verticals: verticals, Margin: &auction.Margin{PPM: 200_000}}
}

// config makes the configuration. n tells it apart from others of the same exchange.
func (s *Setup) config(t testing.TB, n int) exchange.Config {
	t.Helper()
	if s.Config != nil {
		return *s.Config
	}
	v := NewVertical("solar")
	if s.Vertical != nil {
		s.Vertical(v)
	}
	src := NewSource("acme", "solar")
	for _, more := range s.Verticals {
		src.Verticals = append(src.Verticals, more.ID)
	}
	if s.Source != nil {
		s.Source(src)
	}
	cfg := exchange.Config{Node: "n1", Hash: fmt.Sprintf("%032x", n),
		Verticals: append([]*exchange.Vertical{v}, s.Verticals...),
		Sources:   append([]*exchange.Source{src}, s.Sources...), Parents: s.Parents}
	schemas := map[string]*lead.Schema{}
	for _, v := range cfg.Verticals {
		schemas[v.ID] = v.Schema
	}
	book, defects := buyers.Compile(s.buyers(), schemas, buyers.Options{})
	if defects != nil {
		t.Fatalf("campaigns: %v", defects)
	}
	if cfg.Book = book; s.Compiled != nil {
		s.Compiled(&cfg)
	}
	return cfg
}

func (s *Setup) buyers() (out []buyers.BuyerSpec) {
	at := map[string]int{}
	for i := range s.Campaigns {
		c := &s.Campaigns[i]
		id := c.Buyer
		if id == "" {
			id = c.ID + "-co"
		}
		if _, ok := at[id]; !ok {
			at[id] = len(out)
			out = append(out, buyers.BuyerSpec{ID: id, Name: id, Timezone: "America/New_York"})
			if s.Buyer != nil {
				s.Buyer(&out[at[id]])
			}
		}
		b := &out[at[id]]
		b.Campaigns = append(b.Campaigns, c.spec())
	}
	return out
}

// asks tells whether the campaign pings its buyer.
func (c *Campaign) asks() bool { return !c.Fixed || c.Ping != nil }

func (c *Campaign) spec() buyers.CampaignSpec {
	is := func(text string) answer.ConditionSpec {
		return answer.ConditionSpec{Path: "status", Equals: wire.Text(text)}
	}
	yes, no := []answer.ConditionSpec{is("accepted")}, []answer.RuleSpec{{Outcome: "rejected", When: is("rejected")}}
	reasons := []answer.ReasonSpec{{Match: "duplicate", Refusal: "duplicate"}, {Match: "invalid", Refusal: "invalid"}}
	value := func(path string) *answer.ValueSpec { return &answer.ValueSpec{Path: path} }
	reads := answer.Spec{Success: yes, Rules: no, Price: value("price"), Reference: value("reference"),
		Reason: value("reason"), Reasons: reasons}
	sends := func(call string, names ...string) request.Spec {
		r := request.Spec{URL: URL(c.ID, call)}
		for _, name := range names {
			from, to, _ := strings.Cut(name, " ")
			r.Fields = append(r.Fields, request.FieldSpec{To: cmp.Or(to, from), From: from})
		}
		return r
	}
	out := buyers.CampaignSpec{ID: c.ID, Vertical: "solar", MaxSold: c.MaxSold}
	if c.Fixed {
		out.Price = &c.Price
	}
	if c.asks() {
		out.Ping = &buyers.EndpointSpec{Request: sends(Ping, "lead_id ref", "zip", "age"), Answer: reads}
		out.Ping.Answer.Reference = nil
		out.Ping.Answer.Token = &answer.ValueSpec{Path: "token", Optional: true}
		out.Ping.Answer.Expires = &answer.ValueSpec{Path: "expires", Unit: "seconds"}
		if c.Fixed {
			out.Ping.Answer.Price = nil
		}
	}
	out.Post = &buyers.EndpointSpec{Request: sends(Post, "lead_id ref", "phone", "zip", "ssn"), Answer: reads}
	if c.asks() {
		out.Post.Request.Fields = append(out.Post.Request.Fields, request.FieldSpec{To: "token", From: "token"})
	}
	out.Post.Answer.Redirect = value("redirect")
	if c.Backup != nil {
		out.Post.BackupURL = URL(c.ID, Backup)
	}
	if c.Status != nil {
		out.Unknown.Status = &buyers.StatusSpec{Request: sends(Status, "lead_id ref"), Answer: reads}
		a := &out.Unknown.Status.Answer
		a.Success, a.Rules = nil, append([]answer.RuleSpec{{Outcome: "accepted", When: yes[0]}}, no...)
	}
	if c.Spec != nil {
		c.Spec(&out)
	}
	return out
}

// answer has the campaigns' calls answered.
func (s *Setup) answer(b *Buyers) {
	for _, c := range s.Campaigns {
		for call, own := range map[string]Buyer{Ping: c.Ping, Post: c.Post, Backup: c.Backup, Status: c.Status} {
			switch {
			case own != nil:
			case call == Ping:
				own = Always(Bid(c.Price))
			case call == Post:
				own = Always(Accept("ref-" + c.ID))
			default:
				continue
			}
			b.Set(c.ID, call, own)
		}
	}
}
