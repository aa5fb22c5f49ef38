// SPDX-License-Identifier: Apache-2.0

package wire

// AnswerSpec tells how a buyer's answer is read.
type AnswerSpec struct {
	Format       string          `yaml:"format"`        // json (the default), form or text
	Success      []ConditionSpec `yaml:"success"`       // all must hold
	Price        *ValueSpec      `yaml:"price"`         // where given at a ping, a success needs a positive one
	Token        *ValueSpec      `yaml:"token"`         // where given at a ping, a success needs one unless it is optional
	Reference    *ValueSpec      `yaml:"reference"`     // the buyer's own id of the lead
	Reason       *ValueSpec      `yaml:"reason"`        // the buyer's words; for text the whole body unless given
	Reasons      []ReasonSpec    `yaml:"reasons"`       // from the buyer's words to our refusals; the first that matches decides
	ContentTypes []string        `yaml:"content_types"` // where given, an answer declared otherwise is refused
}

// ConditionSpec is one success condition: what stands at the path, or the status, or both. Texts are compared without regard to the
// case of ASCII letters and to space around them, unless CaseSensitive.
type ConditionSpec struct {
	Path          string   `yaml:"path"`           // empty for text: the whole body
	Equals        *Scalar  `yaml:"equals"`         // the value's text is this
	In            []Scalar `yaml:"in"`             // the value's text is one of these
	Exists        *bool    `yaml:"exists"`         // there is a value that is not null and not empty, or there is none
	Matches       string   `yaml:"matches"`        // the value's text holds these whole words, and no word of refusal besides
	CaseSensitive bool     `yaml:"case_sensitive"` // for Equals and In
	Status        []int    `yaml:"status"`         // the HTTP status is one of these
}

// ValueSpec tells where a value stands. Of several paths the first that holds something counts.
//
// For JSON a path is dotted, with the index of a list as a step of its own or in brackets: bids.0.price, bids[0].price. For a form
// it is the name. For text it is a word — what follows the word and one of `:`, `=`, `|` or space, up to the next space, `|` or `;`
// — or a number: the n-th part, from 0, of the body split at `|`, `;`, tab and line ends.
type ValueSpec struct {
	Path     string   `yaml:"path"`
	Paths    []string `yaml:"paths"`
	Unit     string   `yaml:"unit"`     // for prices: units (the default) or cents
	Optional bool     `yaml:"optional"` // for the token of a ping: a success may come without
}

// ReasonSpec maps a buyer's words to a refusal. Match is found anywhere in the reason, without regard to the case of ASCII letters.
type ReasonSpec struct {
	Match   string `yaml:"match"`
	Refusal string `yaml:"refusal"` // a name such as duplicate; only those that say that the buyer said no
}

// Limits of answers. A spec beyond them is refused when it is compiled; an answer beyond them is a refusal.
const (
	ConditionsMax     = 16        // success conditions
	AlternativesMax   = 64        // values of one `in`
	ReasonsMax        = 64        // reasons of an answer
	CandidatesMax     = 8         // candidate paths of one value
	AnswerPathsMax    = 32        // different paths of an answer
	ContentTypesMax   = 16        // allowed content types
	AnswerBytesMax    = 256 << 10 // bytes of an answer's body
	AnswerDepthMax    = 64        // nesting of a JSON answer
	FormPairsMax      = 512       // pairs of a form answer
	TokenBytesMax     = 512       // a longer token is no token
	ReferenceBytesMax = 256       // a longer reference is cut
	ReasonBytesMax    = 512       // a longer reason is cut
)
