// SPDX-License-Identifier: Apache-2.0

package wire

// RequestSpec is a request as configured.
type RequestSpec struct {
	Method  string      `yaml:"method"`  // GET, POST (the default) or PUT
	URL     string      `yaml:"url"`     // http or https, absolute
	Headers Headers     `yaml:"headers"` // in the order of the file
	Format  string      `yaml:"format"`  // json (the default), form, or query: the fields go into the URL; form with GET is query
	Fields  []FieldSpec `yaml:"fields"`
}

// FieldSpec is one field of a request: where it goes, and what it holds.
type FieldSpec struct {
	To      string   `yaml:"to"`      // JSON: a path such as contact.phones[0]; form and query: the name
	From    string   `yaml:"from"`    // a field of the vertical, or token, lead_id, attempt_id, source, vertical, price, now
	Value   *Scalar  `yaml:"value"`   // a constant in place of From
	Map     ValueMap `yaml:"map"`     // normal value → what the buyer calls it
	Format  string   `yaml:"format"`  // see the package comment
	Type    string   `yaml:"type"`    // auto (the default), string, number or boolean
	Default *Scalar  `yaml:"default"` // what stands in for a missing value
	Missing string   `yaml:"missing"` // omit (the default), empty or json_null
}

// Limits. A spec beyond them is refused when it is compiled; a request beyond them is an error.
const (
	FieldsMax        = 256       // fields of a request
	PathDepthMax     = 16        // steps of a JSON path
	PathBytesMax     = 256       // bytes of a path or form name
	ListIndexMax     = 63        // highest index in a path of a request
	URLBytesMax      = 2048      // bytes of a URL, secrets included
	HeadersMax       = 64        // headers of a request
	HeaderBytesMax   = 4096      // bytes of a header's value, secrets included
	ConstantBytesMax = 8192      // bytes of a constant, a default or a map's value, secrets included
	MapEntriesMax    = 512       // entries of a map
	FormatBytesMax   = 64        // bytes of a format
	RequestBytesMax  = 256 << 10 // bytes of a rendered request
)
