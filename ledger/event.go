// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/goccy/go-json"

	"clearpost/lead"
)

// Kind is what an event tells.
type Kind string

// The kinds.
const (
	KindPinged   Kind = "pinged"   // a ping was answered
	KindPosting  Kind = "posting"  // an attempt is about to be sent: the commit point before the wire
	KindPosted   Kind = "posted"   // an attempt ended
	KindSettled  Kind = "settled"  // the seller's post has its answer
	KindDeferred Kind = "deferred" // a lead that nobody has bought yet waits in the queue
	KindAdjusted Kind = "adjusted" // a person changed something: resolution, pause, resume
)

// SchemaVersion is the version of the event formats, `schema` in each event.
const SchemaVersion = 1

// Topic is the Kafka topic of a kind, without the configured prefix.
func (k Kind) Topic() string {
	switch k {
	case KindPinged:
		return "pings"
	case KindPosting, KindPosted:
		return "posts"
	}
	return "leads"
}

// Head is what every event begins with. Times are in UTC with microseconds.
type Head struct {
	Kind     Kind      `json:"kind"`
	EventID  lead.ID   `json:"event_id"`
	Node     string    `json:"node"`
	At       time.Time `json:"at"`
	Schema   int       `json:"schema"`
	Config   string    `json:"config"`            // hash of the configuration that decided
	Lead     lead.ID   `json:"lead_id,omitempty"` // zero only for adjustments of no lead (pause, resume)
	Source   string    `json:"source,omitempty"`
	Vertical string    `json:"vertical,omitempty"`
	Test     bool      `json:"test,omitempty"` // of a test lead: nothing in it is a sale, money or a place under a cap
}

// Event is one typed event. Its concrete type is one of *Pinged, *Posting, *Posted, *Settled, *Deferred,
// *Adjusted.
type Event interface {
	// Header is the event's own head, for reading and for filling in.
	Header() *Head
	// AppendJSON writes the event's one encoding, the same bytes for disk and Kafka.
	AppendJSON(dst []byte) []byte
	// Facts is what views keep of the event. Its strings may alias the event's.
	Facts() Facts
}

// Header implements Event.
func (h *Head) Header() *Head { return h }

// Fields is an ordered list of named values that reads and writes as a JSON object.
type Fields []FieldValue

// FieldValue is one named value.
type FieldValue struct{ Name, Value string }

// MarshalJSON writes an object in list order.
func (f Fields) MarshalJSON() ([]byte, error) {
	return f.appendJSON(nil), nil
}

// UnmarshalJSON reads an object of strings in its order.
func (f *Fields) UnmarshalJSON(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	if _, err := d.Token(); err != nil {
		return err
	}
	*f = nil
	for d.More() {
		k, err := d.Token()
		if err != nil {
			return err
		}
		v, err := d.Token()
		if err != nil {
			return err
		}
		ks, ok1 := k.(string)
		vs, ok2 := v.(string)
		if !ok1 || !ok2 {
			return fmt.Errorf("fields: expected an object of strings")
		}
		*f = append(*f, FieldValue{ks, vs})
	}
	return nil
}

// Get returns the value of a name.
func (f Fields) Get(name string) (string, bool) {
	for _, v := range f {
		if v.Name == name {
			return v.Value, true
		}
	}
	return "", false
}

// Private is the part of an event that is personal, or the exact bytes that went over the wire. It stands apart so that
// it can be sealed and erased.
type Private struct {
	Fields Fields `json:"fields,omitempty"` // personal fields, normal form
	Raw    Fields `json:"raw,omitempty"`    // personal fields as sent, where that differs from normal
	// what the vertical does not know, as sent; only where the vertical keeps it
	Unknown Fields `json:"unknown,omitempty"`
	Person  string `json:"person,omitempty"` // hash of the person key
	// what Person would be if the seller had sent hashes: a received lead only
	Also []string `json:"also,omitempty"`
	// posting: by what duplicate rules know the lead. imported: one that another system has sold
	Marks []Mark `json:"marks,omitempty"`
	// pinged: hash of what was sent, where a repeat is to be recognised by it
	Content string `json:"content,omitempty"`
	Request *Body  `json:"request,omitempty"` // posting: the request, secrets replaced by placeholders
	Answer  *Body  `json:"answer,omitempty"`  // posted: the answer as it came

	Redirect string    `json:"redirect,omitempty"` // posted: where the buyer sends the consumer
	Cookies  []Carried `json:"cookies,omitempty"`  // pinged: for the posts of those campaigns that carry them
}

// Mark is by what a lead is known under a duplicate rule.
type Mark struct {
	Rule  string   `json:"rule"`  // such as "buyer:sun:phone"
	Names []string `json:"names"` // hashes of the rule's fields, as Private.Person is of a person's
}

// Carried is the cookies that a campaign's answer to the ping set, as the value of a Cookie header.
type Carried struct {
	Campaign string `json:"campaign"`
	Cookie   string `json:"cookie"`
}

// BodyBytesMax is how much of a request or an answer an event keeps.
const BodyBytesMax = 64 << 10

// Body is a message that went over the wire; Text is cut at BodyBytesMax, Bytes and SHA256 are of the whole.
type Body struct {
	Text   string `json:"text"`
	Bytes  int    `json:"bytes"`
	SHA256 string `json:"sha256"`
	Cut    bool   `json:"cut,omitempty"`
}

// Bid is what one campaign answered to a ping, or why it did not.
type Bid struct {
	Campaign string `json:"campaign"`
	Buyer    string `json:"buyer"`
	// which of several offers in one answer, from 1; 0 where there is one
	Leg    int        `json:"leg,omitempty"`
	Brand  string     `json:"brand,omitempty"` // who buys in the end
	Price  lead.Money `json:"price_micros,omitempty"`
	Payout lead.Money `json:"payout_micros,omitempty"` // winners: this sale's part of the quote
	// sales of the lead in all; of a bid in the order what it is promised, which a tier may lower
	MaxSold int `json:"max_sold,omitempty"`
	// sales in all that the bid itself allows, where its tier has lowered MaxSold
	Allows int `json:"allows,omitempty"`
	// where it is worth as much as another: the share of its campaign's posts that were accepted, by which they rank
	Acceptance int64 `json:"acceptance_ppm,omitempty"`
	// what the price is multiplied by to what the bid is worth, in ppm, where the vertical learns: the chances that the
	// lead is taken, is not given back and is paid for, and a weight (of its band of acceptance and the campaign's
	// multiplier) that is left out where it is one
	Factors []int64 `json:"factors_ppm,omitempty"`
	// by its acceptance it stands behind all others of its tier
	LastResort bool   `json:"last_resort,omitempty"`
	SlowPayer  bool   `json:"slow_payer,omitempty"` // likewise, since its buyer was late with its payments
	Tier       string `json:"tier,omitempty"`       // of the plan, in which it wins or stands by
	Rank       int    `json:"rank,omitempty"`       // 1 is the first to be posted to; 0 is not in the order
	// one of those that the quote counts on; the rest of the order are backups
	Winner bool   `json:"winner,omitempty"`
	Fixed  bool   `json:"fixed,omitempty"` // a list price, nobody was asked
	Token  string `json:"token,omitempty"`
	// what of the answer the post's request has by names
	Captures []Captured   `json:"captures,omitempty"`
	Expires  time.Time    `json:"expires_at,omitempty"` // until when the bid stands, where the buyer said so; else zero
	TookUS   int64        `json:"took_us,omitempty"`
	Refusal  lead.Refusal `json:"refusal,omitempty"`
	// why the campaign cannot have the lead now; it lets leads wait for it, and nobody else has bid
	Held    lead.Refusal `json:"held,omitempty"`
	Reason  string       `json:"reason,omitempty"` // the buyer's own words
	Repeats              // duplicate_rule: what it repeats
	Answer  string       `json:"answer,omitempty"` // the beginning of an answer that could not be read
}

// Repeats tells of a lead that a duplicate rule refuses.
type Repeats struct {
	Rule  string `json:"rule,omitempty"`
	First string `json:"first_lead,omitempty"` // the id of the lead that it repeats; "": one of another system
}

// Captured is a named value of a buyer's answer to a ping.
type Captured struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Learned is how what was learned took part in an auction.
type Learned struct {
	Mode     string  `json:"mode"`               // observe or on
	Segment  string  `json:"segment,omitempty"`  // what the vertical tells its leads apart by
	Explores bool    `json:"explores,omitempty"` // hardly known campaigns counted by their price
	Would    []Would `json:"would,omitempty"`    // observe: who would have won by value, best first
}

// Would is a bid that would have won.
type Would struct {
	Campaign string `json:"campaign"`
	Leg      int    `json:"leg,omitempty"`
}

// The calls by which a lead comes, as they stand in Pinged.Mode. ModePost is no event's: it tells idempotency keys
// apart.
const (
	ModePing = "ping"
	ModeLead = "lead" // in one shot
	ModePost = "post"
)

// Pinged tells what a ping was, what each campaign said and what the seller was answered.
type Pinged struct {
	Head
	Mode           string    `json:"mode"` // "ping" or "lead" (one shot)
	Currency       string    `json:"currency"`
	ReceivedAt     time.Time `json:"received_at"`
	SellerLeadID   string    `json:"seller_lead_id,omitempty"`
	IdempotencyKey string    `json:"idempotency_key,omitempty"`
	BodyHash       string    `json:"body_hash,omitempty"`
	// the version of the way in which leads are decided; 0: of a binary that did not write all down that it decided by
	Logic    int        `json:"logic,omitempty"`
	MinPrice lead.Money `json:"min_price_micros,omitempty"` // the least payout that its seller asked for
	// the unsold lead that is offered anew by this one, which no seller has sent; nil: a seller has
	Resubmits *Resubmission `json:"resubmits,omitempty"`
	// test leads: the result that is simulated; "" where buyers' test endpoints were asked
	TestResult string `json:"test_result,omitempty"`
	Fields     Fields `json:"fields"`
	Raw        Fields `json:"raw,omitempty"`
	// fields that count as missing, since what was sent did not fit, and what was expected; what was sent may stand in
	// raw
	Unfit Fields `json:"unfit,omitempty"`
	Bids  []Bid  `json:"bids,omitempty"`
	// what it has counted of caps on pings: on bid requests, and on leads that come in
	Charges []lead.Charge `json:"charges,omitempty"`
	// campaigns that have the sole right to the lead: nobody else but their companies has been asked
	Rights    []string     `json:"rights,omitempty"`
	Turns     []uint64     `json:"turns,omitempty"`   // by tier of the plan: the turn of those that rotate or draw
	Learned   *Learned     `json:"learned,omitempty"` // nil: the vertical does not learn
	Result    string       `json:"result"`
	Reason    string       `json:"reason,omitempty"` // failure: as published
	Refusal   lead.Refusal `json:"refusal,omitempty"`
	Details   string       `json:"details,omitempty"`
	Price     lead.Money   `json:"price_micros,omitempty"` // the quote: the source's payout
	ExpiresAt time.Time    `json:"expires_at"`
	Private   Private      `json:"private"`

	// From, when set, is what AppendJSON takes Fields, Raw and their private parts from, without copies.
	From *lead.Lead `json:"-"`
}

// Post is what the seller's post brought. It stands in the first event of that post.
type Post struct {
	ReceivedAt     time.Time `json:"received_at"`
	SellerLeadID   string    `json:"seller_lead_id,omitempty"`
	IdempotencyKey string    `json:"idempotency_key,omitempty"`
	BodyHash       string    `json:"body_hash,omitempty"`
	Fields         Fields    `json:"fields,omitempty"` // fields that the ping did not have
	Raw            Fields    `json:"raw,omitempty"`
	Unfit          Fields    `json:"unfit,omitempty"` // as in a ping
	// fields sent with another value than at ping; the ping's value stands
	Changed []string `json:"changed,omitempty"`
}

// Why a lead goes to the same bid once more.
const (
	AgainAuth   = "auth"   // the buyer refused our access token: an attempt of its own, with a fresh one
	AgainResend = "resend" // the outcome is not known: the same request, under the hold and the key of the first
)

// Posting tells that an attempt is about to be sent. A resend has no charges and no hold of its own, and is no attempt
// that may be a sale: its answer resolves the one that it is of.
type Posting struct {
	Head
	Post     *Post    `json:"post,omitempty"`
	Attempt  lead.ID  `json:"attempt"`
	Again    string   `json:"again,omitempty"`
	Of       *lead.ID `json:"of,omitempty"` // Again: the first attempt
	Campaign string   `json:"campaign"`
	Buyer    string   `json:"buyer"`
	Rank     int      `json:"rank"`
	Leg      int      `json:"leg,omitempty"`
	// several legs of one buyer may buy the lead: who buys in the end, and is a buyer of its own
	Brand string `json:"brand,omitempty"`
	// several legs went into one request: the attempt that it stands in. nil: its own
	With *lead.ID `json:"with,omitempty"`
	// attempts that went out at the same time have the same: the lead's first such round is 1. 0: it went out alone
	Round     int        `json:"round,omitempty"`
	Batch     bool       `json:"batch,omitempty"` // nothing is sent now: it becomes a row of a file
	Price     lead.Money `json:"price_micros"`    // the bid
	Payout    lead.Money `json:"payout_micros"`   // what the seller gets if it is accepted
	MaxSold   int        `json:"max_sold"`
	SellLimit int        `json:"sell_limit"`
	// the first of its trip: when the lead was woken from the queue, by which hours and criteria are judged
	Woken   *time.Time    `json:"woken_at,omitempty"`
	Segment string        `json:"segment,omitempty"` // as in Learned
	Terms   *Terms        `json:"terms,omitempty"`   // by which its sale is booked; nil in events of earlier versions
	Tried   []Tried       `json:"tried,omitempty"`   // whose turn came before it, since the trip's attempt before it
	Charges []lead.Charge `json:"charges,omitempty"`
	Private Private       `json:"private"`
}

// Holder is who has a slot of the lead by this attempt: its buyer, or its buyer's brand. A lead is sold to each once.
func (e *Posting) Holder() string {
	if e.Brand == "" {
		return e.Buyer
	}
	return e.Buyer + "/" + strings.ToLower(e.Brand)
}

// Terms are what a sale is booked by, as they were when the attempt was made, however late its outcome is known.
type Terms struct {
	MarginPPM   int64      `json:"margin_ppm"`          // the exchange's share of the price, in millionths
	MarginFixed lead.Money `json:"margin_fixed_micros"` // a fixed amount taken after the share
	// at least this much is kept
	MarginMinimum lead.Money   `json:"margin_minimum_micros,omitempty"`
	MarginBands   []MarginBand `json:"margin_bands,omitempty"` // other figures from a price on, by from, upwards
	MarginLoss    bool         `json:"margin_loss,omitempty"`  // more may be paid than the price
	// the most specific one that is configured: campaign, buyer, source or vertical
	MarginOf string `json:"margin_of,omitempty"`
	// nothing was quoted, or the lead is sold below what was: the payout is what the margin leaves of the booked price
	PayoutFollows bool `json:"payout_follows"`
	// the price in the post's answer is booked, where there is one
	PostPrice bool `json:"post_price"`
}

// MarginBand is what is kept of prices from one on.
type MarginBand struct {
	From    lead.Money `json:"from_micros"`
	PPM     int64      `json:"margin_ppm"`
	Fixed   lead.Money `json:"margin_fixed_micros"`
	Minimum lead.Money `json:"margin_minimum_micros"`
}

// Posted tells how an attempt ended.
type Posted struct {
	Head
	Attempt  lead.ID `json:"attempt"`
	Campaign string  `json:"campaign"`
	Buyer    string  `json:"buyer"`
	// resend: its booking stands in the resolution of the first attempt
	Again       string       `json:"again,omitempty"`
	Backup      bool         `json:"backup,omitempty"` // the backup URL answered; no byte went to the other
	Outcome     lead.Outcome `json:"outcome"`
	Refusal     lead.Refusal `json:"refusal,omitempty"`
	Reason      string       `json:"reason,omitempty"`
	Reference   string       `json:"reference,omitempty"`
	Price       lead.Money   `json:"price_micros,omitempty"`        // booked; accepted only
	Payout      lead.Money   `json:"payout_micros,omitempty"`       // owed to the source; accepted only
	PingPrice   lead.Money   `json:"ping_price_micros,omitempty"`   // as bid
	AnswerPrice lead.Money   `json:"answer_price_micros,omitempty"` // as in the post's answer
	// what stands in the answer in the place of its price, where that is no positive price, such as 0 or -3.00; cut
	AnswerPriceText string        `json:"answer_price_text,omitempty"`
	Status          int           `json:"status,omitempty"` // HTTP
	TookUS          int64         `json:"took_us"`
	RetryAfterS     int64         `json:"retry_after_s,omitempty"` // the buyer's header Retry-After, in seconds from At
	Charges         []lead.Charge `json:"charges,omitempty"`       // those of the posting
	Private         Private       `json:"private"`
}

// Sale is one accepted attempt.
type Sale struct {
	Attempt   lead.ID    `json:"attempt"`
	Campaign  string     `json:"campaign"`
	Buyer     string     `json:"buyer"`
	Reference string     `json:"reference,omitempty"`
	Price     lead.Money `json:"price_micros"`
	Payout    lead.Money `json:"payout_micros"`
}

// Tried is a campaign whose turn came at the post and that was not sent to.
type Tried struct {
	Campaign string       `json:"campaign"`
	Leg      int          `json:"leg,omitempty"`
	Refusal  lead.Refusal `json:"refusal"`
	Repeats               // duplicate_rule: what it repeats
}

// Settled is the answer to a post or a one-shot lead. A later one (after a resolution) replaces an earlier one.
type Settled struct {
	Head
	Post      *Post        `json:"post,omitempty"`
	Result    string       `json:"result"`
	Reason    string       `json:"reason,omitempty"` // failure: as published
	Refusal   lead.Refusal `json:"refusal,omitempty"`
	Details   string       `json:"details,omitempty"`
	Reference string       `json:"reference,omitempty"`
	Payout    lead.Money   `json:"payout_micros"`
	Revenue   lead.Money   `json:"revenue_micros"`
	Sales     []Sale       `json:"sales,omitempty"`
	Tried     []Tried      `json:"tried,omitempty"`

	// test leads: the result that was simulated; "" where buyers' test endpoints were asked
	TestResult string `json:"test_result,omitempty"`
	// test leads: what the seller is told in place of sales; it counts nowhere
	TestSales []TestSale `json:"test_sales,omitempty"`
	Was       *Answered  `json:"was,omitempty"`      // after a correction: the answer that this one replaces
	Woken     *time.Time `json:"woken_at,omitempty"` // as in Posting
	Left      *Place     `json:"left,omitempty"`     // the place in the queue that the lead had until now
	By        string     `json:"by,omitempty"`       // who has taken it off the queue, where a person has
	Why       string     `json:"why,omitempty"`      // and why
	Private   Private    `json:"private"`
}

// TestSale is what a seller is told of a test lead in place of a sale. Nobody owes anything for it.
type TestSale struct {
	Attempt   lead.ID    `json:"attempt,omitempty"`  // zero where it was simulated
	Campaign  string     `json:"campaign,omitempty"` // "" where the result was asked for
	Buyer     string     `json:"buyer,omitempty"`
	Reference string     `json:"reference,omitempty"`
	Price     lead.Money `json:"price_micros"`
	Payout    lead.Money `json:"payout_micros"`
}

// Booked is how an attempt stands, and what is booked for it. Of one that is no sale the rest is empty.
type Booked struct {
	Outcome   lead.Outcome `json:"outcome"`
	Price     lead.Money   `json:"price_micros,omitempty"`
	Payout    lead.Money   `json:"payout_micros,omitempty"`
	Reference string       `json:"reference,omitempty"`
}

// Answered is an answer that another one has replaced.
type Answered struct {
	At     time.Time `json:"at"`
	Result string    `json:"result"`
}

// Facts is what views keep of an event.
type Facts struct {
	Kind           Kind
	Lead           lead.ID
	At             int64 // microseconds since 1970 UTC
	Source         string
	Vertical       string
	SellerLeadID   string
	IdempotencyKey string
	Person         string
	Also           []string
	Content        string // of a one-shot lead
	Received       bool   // a whole lead of this person has come
	Standing       bool   // it is sold, or may be
	Gone           bool   // it is not, and will not be
	Attempt        lead.ID
	Outcome        lead.Outcome
	Charges        []lead.Charge
	Price          lead.Money // booked
	Subject        string
	Adjustment     string
	Was            lead.Outcome // corrected
	Test           bool
	Why, By        string
	Marks          []Mark
	Enters         *Placed // deferred: its place in the queue
	Leaves         *Place  // the place in the queue that it had until now
	Pays           string  // standing: how the buyer pays from now on
	Sold           int64   // imported: when another system sold the lead of Marks, in microseconds since 1970 UTC
}

func (h *Head) facts() Facts {
	return Facts{Kind: h.Kind, Lead: h.Lead, At: h.At.UnixMicro(), Source: h.Source, Vertical: h.Vertical, Test: h.Test}
}

// Facts implements Event.
func (e *Pinged) Facts() Facts {
	f := e.facts()
	f.SellerLeadID, f.IdempotencyKey, f.Charges = e.SellerLeadID, e.IdempotencyKey, e.Charges
	if e.Mode == "lead" {
		f.Content = e.Private.Content
		f.person(&e.Private, e.Refusal != lead.LeadRepeated, e.Result == lead.ResultSuccess)
	}
	return f
}

// Facts implements Event.
func (e *Posting) Facts() Facts {
	f := e.facts()
	f.post(e.Post)
	if e.Again != AgainResend { // which opens nothing: the first attempt is open
		f.Attempt, f.Charges, f.Marks = e.Attempt, e.Charges, e.Private.Marks
	}
	f.person(&e.Private, e.Post != nil, e.Post != nil)
	return f
}

// Facts implements Event.
func (e *Posted) Facts() Facts {
	f := e.facts()
	f.Attempt, f.Charges, f.Outcome, f.Price = e.Attempt, e.Charges, e.Outcome, e.Price
	return f
}

// Facts implements Event.
func (e *Settled) Facts() Facts {
	f := e.facts()
	f.post(e.Post)
	f.person(&e.Private, e.Post != nil && e.Refusal != lead.LeadRepeated, e.Result != lead.ResultFailure)
	if f.Gone = e.Result == lead.ResultFailure; f.Gone {
		f.Person, f.Also = e.Private.Person, e.Private.Also
	}
	f.Leaves = e.Left
	return f
}

// Facts implements Event.
func (e *Adjusted) Facts() Facts {
	f := e.facts()
	f.Attempt, f.Charges, f.Outcome, f.Subject, f.Adjustment = e.Attempt, e.Charges, e.Outcome, e.Subject, e.Adjustment
	f.Why, f.By, f.Price, f.Pays = e.Why, e.By, e.Price, e.Standing.pays()
	if e.Was != nil {
		f.Was = e.Was.Outcome
	}
	if e.Private != nil && e.SoldAt != nil {
		f.Marks, f.Sold = e.Private.Marks, e.SoldAt.UnixMicro()
	}
	if e.Lead.IsZero() && e.Ref != "" { // of no lead: it is known by its subject
		f.Source, f.IdempotencyKey = e.Subject, e.Ref
	}
	return f
}

func (f *Facts) person(p *Private, received, standing bool) {
	if f.Received, f.Standing = received, standing; received || standing {
		f.Person, f.Also = p.Person, p.Also
	}
}

func (f *Facts) post(p *Post) {
	if p != nil {
		f.SellerLeadID, f.IdempotencyKey = p.SellerLeadID, p.IdempotencyKey
	}
}

// Decode reads an event's bytes into its type.
func Decode(b []byte) (Event, error) {
	var k struct {
		Kind Kind `json:"kind"`
	}
	if err := json.Unmarshal(b, &k); err != nil {
		return nil, fmt.Errorf("event: %w", err)
	}
	e := newEvent(k.Kind)
	if e == nil {
		return nil, fmt.Errorf("event: unknown kind %q", k.Kind)
	}
	err := json.Unmarshal(b, e)
	if err == nil {
		return e, nil
	}
	if mended := mendTimes(b); mended != nil {
		if again := newEvent(k.Kind); json.Unmarshal(mended, again) == nil {
			return again, nil
		}
	}
	return nil, fmt.Errorf("event %s: %w", k.Kind, err)
}

// newEvent is an empty event of a kind; nil: there is no such kind.
func newEvent(k Kind) Event {
	switch k {
	case KindPinged:
		return &Pinged{}
	case KindPosting:
		return &Posting{}
	case KindPosted:
		return &Posted{}
	case KindSettled:
		return &Settled{}
	case KindDeferred:
		return &Deferred{}
	case KindAdjusted:
		return &Adjusted{}
	}
	return nil
}
