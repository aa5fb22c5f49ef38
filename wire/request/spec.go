// SPDX-License-Identifier: Apache-2.0

package request

import "clearpost/wire"

// Spec is a request as configured.
type Spec struct {
	Method  string       `yaml:"method"`  // GET, POST (the default), PUT or PATCH
	URL     string       `yaml:"url"`     // http or https, absolute; templates may stand in path and query
	Headers wire.Headers `yaml:"headers"` // in the order of the file; a value with {{ }} is a template
	Auth    *AuthSpec    `yaml:"auth"`    // how the request shows who sends it
	// json (the default), form, query, multipart, xml, soap11, soap12, text; form with GET is query
	Format string      `yaml:"format"`
	XML    *XMLSpec    `yaml:"xml"`    // for xml, soap11, soap12 and a wrapped xml
	Wrap   *WrapSpec   `yaml:"wrap"`   // the fields make a document that stands in one parameter of the form
	Body   string      `yaml:"body"`   // for text: the template of the whole body
	Fields []FieldSpec `yaml:"fields"` // what is sent, in this order
}

// FieldSpec is one field of a request: where it goes, and what it holds.
type FieldSpec struct {
	// JSON: a path such as contact.phones[0]; XML: such as lead.phone[0].@type; form and query: the name
	To string `yaml:"to"`
	// body (the default), query (of the URL), form (beside a wrapped document), soap_header
	In string `yaml:"in"`
	// a field of the vertical, a part of one, or what belongs to the call, such as lead_id or token
	From     string        `yaml:"from"`
	Value    *wire.Scalar  `yaml:"value"`    // a constant in place of `from`
	Template string        `yaml:"template"` // a text with {{ }} in place of `from`
	Map      wire.ValueMap `yaml:"map"`      // normal value → what the buyer calls it
	// what becomes of a value without an entry in the map: omit (the default: it counts as missing), keep (it is sent
	// as it is) or refuse (the request is not made)
	MapMissing string `yaml:"map_missing"`
	// how the value is written, such as digits10: the short form of a first filter
	Format  string       `yaml:"format"`
	Zone    string       `yaml:"zone"`    // of a format of a time: an IANA name; UTC where there is none
	Filters string       `yaml:"filters"` // such as "trim | upper"
	Type    string       `yaml:"type"`    // auto (the default), string, number or boolean
	Default *wire.Scalar `yaml:"default"` // what stands in for a missing value
	Missing string       `yaml:"missing"` // omit (the default), empty, json_null, or xml_nil
	When    *WhenSpec    `yaml:"when"`    // the field is there only if this holds
	CDATA   bool         `yaml:"cdata"`   // XML: the text of the element is a CDATA section
}

// WhenSpec is a condition: one test of one field, or conditions that are put together.
type WhenSpec struct {
	Field  string        `yaml:"field"`  // a field of the vertical, or whatever else may stand at `from`
	Equals *wire.Scalar  `yaml:"equals"` // read by the field's type
	In     []wire.Scalar `yaml:"in"`     // it has one of these values
	Exists *bool         `yaml:"exists"` // it has a value, or none
	Min    *wire.Scalar  `yaml:"min"`    // it is not below this
	Max    *wire.Scalar  `yaml:"max"`    // it is not above this
	Any    []WhenSpec    `yaml:"any"`    // one of these holds at least
	All    []WhenSpec    `yaml:"all"`    // all of these hold
	Not    *WhenSpec     `yaml:"not"`    // this does not hold
}

// XMLSpec is what an XML document has beside its fields.
type XMLSpec struct {
	Root string `yaml:"root"` // the root element; SOAP: the element in the body, none if empty
	// prefix → URI, declared at the root; the empty prefix is the default namespace
	Namespaces  wire.ValueMap `yaml:"namespaces"`
	Declaration *bool         `yaml:"declaration"` // the line <?xml …?>; true unless said
	Action      string        `yaml:"action"`      // SOAP: SOAPAction, or the action of the Content-Type
}

// WrapSpec puts a document into one parameter of a form.
type WrapSpec struct {
	In     string `yaml:"in"`     // the parameter's name
	Format string `yaml:"format"` // json or xml
}

// AuthSpec is how a request shows who sends it. Several may stand together. Whatever is written here is a secret: what
// is kept of a request shows placeholders.
type AuthSpec struct {
	Header  *AuthPairSpec `yaml:"header"`  // a header with a secret value
	Query   *AuthPairSpec `yaml:"query"`   // a parameter of the URL with a secret value
	Body    *AuthPairSpec `yaml:"body"`    // one more field of the body: name is its path
	Basic   *BasicSpec    `yaml:"basic"`   // HTTP Basic
	Bearer  string        `yaml:"bearer"`  // a token, best as ${env:NAME}
	OAuth2  *OAuth2Spec   `yaml:"oauth2"`  // an access token by client credentials
	HMAC    *SignSpec     `yaml:"hmac"`    // a signature over the request
	Cookies bool          `yaml:"cookies"` // a post carries the cookies of the ping's answer
}

// AuthPairSpec is a name and a secret value.
type AuthPairSpec struct {
	Name  string `yaml:"name"`  // of the header, parameter or field
	Value string `yaml:"value"` // the secret, best as ${env:NAME}
}

// BasicSpec is HTTP Basic.
type BasicSpec struct {
	User     string `yaml:"user"`     // the user's name
	Password string `yaml:"password"` // the password, best as ${env:NAME}
}

// OAuth2Spec is OAuth 2.0 by client credentials.
type OAuth2Spec struct {
	TokenURL     string   `yaml:"token_url"`     // where tokens are got
	ClientID     string   `yaml:"client_id"`     // the client's id
	ClientSecret string   `yaml:"client_secret"` // its secret, best as ${env:NAME}
	Scopes       []string `yaml:"scopes"`        // that are asked for
	Audience     string   `yaml:"audience"`      // that is asked for
	// id and secret go into the form of the token request, not into a Basic header
	InBody bool `yaml:"in_body"`
}

// SignSpec is a signature of the request by HMAC.
type SignSpec struct {
	Algorithm   string `yaml:"algorithm"`    // sha256 (the default), sha1, sha512, md5
	Key         string `yaml:"key"`          // the secret key, best as ${env:NAME}
	KeyEncoding string `yaml:"key_encoding"` // how the key is written: text (the default), hex, base64
	Sign        string `yaml:"sign"`         // a template of what is signed; the body alone if empty
	Encoding    string `yaml:"encoding"`     // hex (the default), base64, base64url
	Prefix      string `yaml:"prefix"`       // before the signature, such as sha256=
	Header      string `yaml:"header"`       // the header that carries it,
	Query       string `yaml:"query"`        // or the parameter of the URL
}

// Limits. A spec beyond them is refused when it is compiled; a request beyond them is an error.
const (
	FieldsMax          = 256       // fields of a request
	URLBytesMax        = 2048      // bytes of a URL, secrets included, without the values of templates
	HeadersMax         = 64        // headers of a request
	HeaderBytesMax     = 4096      // bytes of a header's value, secrets included
	ConstantBytesMax   = 8192      // bytes of a constant, a default or a map's value, secrets included
	MapEntriesMax      = 512       // entries of a map
	FormatBytesMax     = 64        // bytes of a format
	TemplateBytesMax   = 16 << 10  // bytes of a template as written
	ExpressionsMax     = 128       // expressions {{ }} of a template
	FiltersMax         = 16        // filters of an expression
	ExpressionBytesMax = 64 << 10  // bytes of what an expression makes, after each filter
	WhenDepthMax       = 8         // nesting of a condition
	WhenTestsMax       = 64        // tests of a condition
	NamespacesMax      = 16        // namespaces of an XML document
	BytesMax           = 256 << 10 // bytes of a rendered request
)
