// SPDX-License-Identifier: Apache-2.0

package buyers

import (
	"fmt"

	"github.com/goccy/go-json"
	"github.com/goccy/go-yaml/ast"

	"clearpost/lead"
	"clearpost/wire"
)

// Limits of examples.
const (
	ExamplesMax         = 64        // of one campaign
	ExampleNameBytesMax = 200       // of an example's name
	ExampleBytesMax     = 256 << 10 // of an expected request or an answer's body
)

// ExampleSpec is a worked example of a campaign: what a lead becomes, and what an answer means. Examples are tests.
type ExampleSpec struct {
	Name  string           `yaml:"name"`  // tells it from the campaign's other examples
	Lead  ExampleValues    `yaml:"lead"`  // as a seller sends it; absent: that of the campaign's first example
	Given *ExampleGiven    `yaml:"given"` // what changes from call to call
	Ping  *ExampleCallSpec `yaml:"ping"`  // the request of its ping, and what an answer to it means
	Post  *ExampleCallSpec `yaml:"post"`  // the same of its post
}

// ExampleGiven fixes what would differ from call to call. What it leaves out has a fixed value of its own.
type ExampleGiven struct {
	Now       string  `yaml:"now"`        // such as 2026-01-15T15:04:05Z, which it is where absent
	LeadID    string  `yaml:"lead_id"`    // absent: 019bc225-4e88-7000-8000-000000000001
	AttemptID string  `yaml:"attempt_id"` // absent: 019bc225-4e88-7000-8000-000000000002
	Token     *string `yaml:"token"`      // absent: what the ping's answer of this example gives, else token-1
	// captured values in place of what the ping's answer of this example gives
	Captures map[string]string `yaml:"captures"`
	// absent: what the ping's answer of this example gives, else the fixed price, else 25.00
	Price   *lead.Money `yaml:"price"`
	Source  string      `yaml:"source"`          // absent: example-source
	Name    string      `yaml:"source_name"`     // absent: empty
	Key     string      `yaml:"idempotency_key"` // a UUID; absent: the attempt's id
	Sold    int         `yaml:"sold"`            // sales of the lead so far
	Left    int         `yaml:"left"`            // sales that are still allowed; absent: 1
	Test    bool        `yaml:"test"`            // the lead is a test
	Cookies string      `yaml:"cookies"`         // what the ping's answer set, as the value of a Cookie header
}

// ExampleCallSpec is one call of an example: the request that the lead must become, or an answer with what it means, or
// both.
type ExampleCallSpec struct {
	Request *ExampleRequestSpec `yaml:"request"` // what the lead must become
	Answer  *ExampleAnswerSpec  `yaml:"answer"`  // what the buyer answers
	Receipt *ExampleReceiptSpec `yaml:"receipt"` // what that answer must mean
}

// ExampleRequestSpec is an expected request; only what is given is compared, byte for byte. Secrets stand as their
// placeholders.
type ExampleRequestSpec struct {
	Text    string       `yaml:"text"`    // the whole request: request line, headers, an empty line, body
	Method  string       `yaml:"method"`  // of the request
	URL     string       `yaml:"url"`     // with its query
	Headers wire.Headers `yaml:"headers"` // those that matter
	Body    *string      `yaml:"body"`    // of the request, byte for byte
	// the body, in JSON laid out at will: it is compared without the space between its signs
	JSON   string `yaml:"json"`
	Joined string `yaml:"joined"` // the body, its lines joined without what indents them: for forms and XML
}

// ExampleAnswerSpec is what a buyer answers.
type ExampleAnswerSpec struct {
	Status  int          `yaml:"status"`  // absent: 200
	Type    string       `yaml:"type"`    // Content-Type; absent: none
	Headers wire.Headers `yaml:"headers"` // others, for `clearpost mock`
	Body    string       `yaml:"body"`    // of the buyer's answer
}

// ExampleReceiptSpec is what an answer must mean; only what is given is compared.
type ExampleReceiptSpec struct {
	Outcome   string      `yaml:"outcome"`   // accepted, rejected, duplicate, invalid…
	Refusal   string      `yaml:"refusal"`   // such as no_bid; none: there is none
	Price     *lead.Money `yaml:"price"`     // 0: there is none
	Token     *string     `yaml:"token"`     // "": there is none; so for the others
	Reference *string     `yaml:"reference"` // the buyer's id of the lead
	Reason    *string     `yaml:"reason"`    // the buyer's words
	Redirect  *string     `yaml:"redirect"`  // the URL for the consumer
	// a span such as 5m0s, or a time such as 2026-01-15T15:09:05Z; none: the buyer gave neither
	Expires   string            `yaml:"expires"`
	Legs      *int              `yaml:"legs"`      // how many offers there are
	Captures  map[string]string `yaml:"captures"`  // all captured values
	Published string            `yaml:"published"` // the reason that sellers hear
	Rule      string            `yaml:"rule"`      // the rule that decides, such as success[0]
}

// ExampleValue is one value of an example's lead.
type ExampleValue struct {
	Name, Text string
	bad        string // what stands there in place of a value
}

// ExampleValues are the values of an example's lead, in the order of the file.
type ExampleValues []ExampleValue

// UnmarshalYAML takes a mapping of names to single values or lists of them. It never fails: what is neither is reported
// by Compile.
func (v *ExampleValues) UnmarshalYAML(n ast.Node) error {
	*v = ExampleValues{}
	var pairs []*ast.MappingValueNode
	switch m := n.(type) {
	case *ast.MappingNode:
		pairs = m.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{m}
	case *ast.NullNode:
		return nil
	default:
		*v = append(*v, ExampleValue{bad: n.String()})
		return nil
	}
	for _, p := range pairs {
		*v = append(*v, exampleValue(p.Key.GetToken().Value, p.Value))
	}
	return nil
}

func exampleValue(name string, n ast.Node) ExampleValue {
	list, ok := n.(*ast.SequenceNode)
	if !ok {
		s, bad := exampleScalar(n)
		return ExampleValue{name, s, bad}
	}
	texts := []string{}
	for _, e := range list.Values {
		s, bad := exampleScalar(e)
		if bad != "" {
			return ExampleValue{name, "", bad}
		}
		texts = append(texts, s)
	}
	b, err := json.MarshalWithOption(texts, json.DisableHTMLEscape())
	if err != nil {
		return ExampleValue{name, "", err.Error()}
	}
	return ExampleValue{Name: name, Text: string(b)}
}

func exampleScalar(n ast.Node) (text, bad string) {
	if n == nil || n.Type() == ast.NullType {
		return "", ""
	}
	var s wire.Scalar
	if err := s.UnmarshalYAML(n); err != nil || s.Kind == wire.ScalarNone {
		return "", fmt.Sprintf("%.40s", n.String())
	}
	return s.Text, ""
}
