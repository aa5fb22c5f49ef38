// SPDX-License-Identifier: Apache-2.0

package answer

import "clearpost/wire"

// Spec tells how a buyer's answer is read. `success` is the short form: one outcome, all of whose conditions must
// hold. Rules name an outcome each; the first whose `when` holds decides, and `success` is asked after them.
type Spec struct {
	Format string `yaml:"format"` // json (the default), xml, html, form, text or auto
	// where the document may stand within another: pre, body, script, element, or an XPath
	Inside  []string        `yaml:"inside"`
	Rules   []RuleSpec      `yaml:"rules"`   // the first whose `when` holds decides
	Success []ConditionSpec `yaml:"success"` // all must hold
	Price   *ValueSpec      `yaml:"price"`   // where given at a ping, a success needs a positive one
	// where given at a ping, a success needs one unless it is optional
	Token     *ValueSpec `yaml:"token"`
	Reference *ValueSpec `yaml:"reference"` // the buyer's own id of the lead
	Reason    *ValueSpec `yaml:"reason"`    // the buyer's words; for text the whole body unless given
	// from the buyer's words to our refusals; the first that matches decides
	Reasons  []ReasonSpec `yaml:"reasons"`
	Redirect *ValueSpec   `yaml:"redirect"` // an http or https URL for the consumer
	Expires  *ValueSpec   `yaml:"expires"`  // pings: how long the bid stands, or until when
	Legs     *LegsSpec    `yaml:"legs"`     // pings: a list of offers; posts: what became of each leg that was sent
	// pings: name → a value that the post's request has as `from: capture.NAME`; a bid needs it unless it is optional
	Capture      map[string]ValueSpec `yaml:"capture"`
	ContentTypes []string             `yaml:"content_types"` // where given, an answer declared otherwise is refused
	// posts: statuses such as 503 with which this buyer has not taken the lead, where nothing in the answer speaks for
	// a sale
	NotTaken wire.Scalars `yaml:"not_taken"`
	// posts: what a 2xx answer is that no rule knows and in which nothing speaks for a sale: unknown (the default) or
	// rejected
	Unclear string `yaml:"unclear"`
}

// RuleSpec gives an outcome to the answers for which `when` holds.
type RuleSpec struct {
	Outcome string        `yaml:"outcome"` // accepted, rejected, duplicate, invalid, queued (posts) or error
	When    ConditionSpec `yaml:"when"`    // what must hold of the answer
	Refusal string        `yaml:"refusal"` // rejected, invalid: stands in place of what `reasons` finds
}

// ConditionSpec is a condition on an answer: a test of what stands at a path, a list of statuses, or both; or a
// combination of conditions. Texts are compared without regard to the case of ASCII letters and to space around them,
// unless `case_sensitive`.
type ConditionSpec struct {
	Path   string        `yaml:"path"`   // empty for text and HTML: the whole text
	Paths  []string      `yaml:"paths"`  // in place of path: the first that holds something counts
	Equals *wire.Scalar  `yaml:"equals"` // the value's text is this
	In     []wire.Scalar `yaml:"in"`     // the value's text is one of these
	// the text holds one of these, as whole words; for an acceptance no word of refusal besides
	Contains   wire.Scalars `yaml:"contains"`
	Matches    string       `yaml:"matches"`      // the same as contains, with one text
	PartOfWord bool         `yaml:"part_of_word"` // contains: within words too
	Regex      string       `yaml:"regex"`        // the text matches this regular expression (RE2)
	// there is a value that is not null and not empty, or there is none
	Exists  *bool        `yaml:"exists"`
	Empty   *bool        `yaml:"empty"`   // what is there is null or empty, or is not
	Greater *wire.Scalar `yaml:"greater"` // the value is a number greater than this
	Less    *wire.Scalar `yaml:"less"`    // the value is a number less than this
	// of a list in JSON, or several elements that a path of XML or HTML chooses: any (the default) or all of them must
	// be what is looked for
	Each          string `yaml:"each"`
	CaseSensitive bool   `yaml:"case_sensitive"` // equals, in, contains and regex: upper case is not lower case
	// the HTTP status is one of these: 200, or a class such as 2xx
	Status wire.Scalars    `yaml:"status"`
	Any    []ConditionSpec `yaml:"any"` // one of these holds
	All    []ConditionSpec `yaml:"all"` // all of these hold
	Not    *ConditionSpec  `yaml:"not"` // this does not hold
}

// ValueSpec tells where a value stands. Of several paths the first that holds something counts.
//
// For JSON a path is dotted, with the index of a list as a step of its own or in brackets: bids.0.price, bids[0].price;
// [-1] is the last, [*] the first that holds something, $ the whole document. For XML it is an XPath with local names,
// for HTML a CSS selector, with @name behind it for an attribute. For a form it is the name. For text it is a word —
// what follows the word and one of `:`, `=`, `|` or space, up to the next space, `|` or `;` — or a number: the n-th
// part, from 0, of the body split at `|`, `;`, tab and line ends; or `re:` and a regular expression with one group.
// With format auto a path may begin with json:, xpath:, css:, form:, text:.
type ValueSpec struct {
	Path  string   `yaml:"path"`  // where the value stands
	Paths []string `yaml:"paths"` // several places: the first that holds something counts
	Join  *string  `yaml:"join"`  // reason: all that stand there, with this between them
	// price: units (the default) or cents; expires: seconds, minutes, unix, unix_ms, time or auto (the default)
	Unit     string `yaml:"unit"`
	Currency string `yaml:"currency"` // price: whose sign or code may stand beside the amount; USD unless given
	Decimal  string `yaml:"decimal"`  // price: point (the default) or comma
	Zero     string `yaml:"zero"`     // price of a ping that is 0: refuse (the default), no_bid or use_fixed
	Missing  string `yaml:"missing"`  // price of a ping that is not there: refuse (the default), no_bid or use_fixed
	Optional bool   `yaml:"optional"` // token and captured values of a ping: a success may come without
	// price of a post: what it is where an accepting answer has no positive price; in units of the currency
	Fallback *wire.Scalar `yaml:"fallback"`
}

// LegsSpec reads a list of offers of one buyer, or what became of them. The paths of a leg begin at the leg.
type LegsSpec struct {
	List    string         `yaml:"list"`     // the list of legs
	When    *ConditionSpec `yaml:"when"`     // a leg for which it does not hold is left out
	Price   *ValueSpec     `yaml:"price"`    // where each leg's price stands
	MaxSold *ValueSpec     `yaml:"max_sold"` // pings: how many may buy the lead, this sale included; 1 is exclusive
	Brand   *ValueSpec     `yaml:"brand"`    // pings: who buys in the end
	// pings: a leg without one is left out, unless it is optional. posts: which of the legs that were sent this one is
	Token *ValueSpec `yaml:"token"`
	// pings: several legs may buy the lead, those of one brand once, and go into one post (false)
	Several bool `yaml:"several"`

	Accepted  *ConditionSpec `yaml:"accepted"`  // posts: what must hold of a leg that is a sale
	Rejected  *ConditionSpec `yaml:"rejected"`  // posts: what must hold of a leg that is none; a leg of neither is unknown
	Reference *ValueSpec     `yaml:"reference"` // posts: what the buyer calls this sale
	Reason    *ValueSpec     `yaml:"reason"`    // posts: why the leg was rejected
}

// ReasonSpec maps a buyer's words to a refusal, by one of Match, Equals and Regex, without regard to the case of ASCII
// letters.
type ReasonSpec struct {
	Match     string `yaml:"match"`     // found anywhere in the reason
	Equals    string `yaml:"equals"`    // the whole reason
	Regex     string `yaml:"regex"`     // a regular expression (RE2) that finds something in the reason
	Refusal   string `yaml:"refusal"`   // a name such as duplicate; only those that say that the buyer said no
	Published string `yaml:"published"` // in place of the refusal: the reason that the seller hears
}

// Limits of answers. A spec beyond them is refused when it is compiled; an answer beyond them is a refusal.
const (
	RulesMax          = 32        // outcome rules
	ConditionsMax     = 16        // success conditions, and conditions of one any or all
	ConditionDepthMax = 4         // nesting of any, all and not
	AlternativesMax   = 64        // values of one `in` or `contains`
	StatusesMax       = 32        // statuses of one condition
	RegexBytesMax     = 256       // bytes of a regular expression
	ReasonsMax        = 64        // reasons of an answer
	CandidatesMax     = 8         // candidate paths of one value
	PathsMax          = 64        // different paths of an answer
	ContentTypesMax   = 16        // allowed content types
	BytesMax          = 256 << 10 // bytes of an answer's body
	DepthMax          = 64        // nesting of a JSON or XML answer
	NodesMax          = 8192      // elements of an XML or HTML answer
	HTMLDepthMax      = 256       // elements of an HTML answer that are open at once
	FormPairsMax      = 512       // pairs of a form answer
	TokenBytesMax     = 512       // a longer token is no token
	ReferenceBytesMax = 256       // a longer reference is cut
	ReasonBytesMax    = 512       // a longer reason is cut
	PriceSaidMax      = 64        // what stands in a price's place and is none is cut
	BrandBytesMax     = 128       // a longer brand is cut
	RedirectBytesMax  = 2048      // a longer URL is none
	LegsMax           = 32        // further legs are left out
	ExpiresDaysMax    = 30        // a longer time is no expiry
)
