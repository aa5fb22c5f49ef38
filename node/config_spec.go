// SPDX-License-Identifier: Apache-2.0

package node

import "clearpost/lead"

// nodeSpec is clearpost.yaml.
type nodeSpec struct {
	Node    string     `yaml:"node"`     // name of this node in events
	DataDir string     `yaml:"data_dir"` // relative to the configuration's directory
	Listen  string     `yaml:"listen"`
	Admin   adminSpec  `yaml:"admin"`
	Kafka   *kafkaSpec `yaml:"kafka"`
	Limits  limitsSpec `yaml:"limits"`
	Specs   specsSpec  `yaml:"specs"`
}

// specsSpec is about the posting specs that sellers read.
type specsSpec struct {
	URL    string `yaml:"url"`    // under which sellers reach this exchange
	Secret string `yaml:"secret"` // links are derived from it
}

type adminSpec struct {
	Listen string `yaml:"listen"`
	Token  string `yaml:"token"`
}

type kafkaSpec struct {
	Brokers     []string `yaml:"brokers"`
	TopicPrefix string   `yaml:"topic_prefix"`
	LingerMS    *int     `yaml:"linger_ms"`
	Partitions  *int     `yaml:"partitions"`
	Replication *int     `yaml:"replication"`
	TimeoutMS   *int     `yaml:"timeout_ms"`
}

type limitsSpec struct {
	BodyBytesMax   *int `yaml:"body_bytes_max"`
	InFlightMax    *int `yaml:"in_flight_max"`
	WorkersMax     *int `yaml:"workers_max"`
	AnswerBytesMax *int `yaml:"answer_bytes_max"`
	LateReadMS     *int `yaml:"late_read_ms"`
	FreeMBMin      *int `yaml:"free_mb_min"`
	RetentionDays  *int `yaml:"retention_days"`
	LogMBMax       *int `yaml:"log_mb_max"`
}

// verticalSpec is a file of verticals/.
type verticalSpec struct {
	ID             string      `yaml:"id"`
	Name           string      `yaml:"name"`
	Currency       string      `yaml:"currency"`
	Region         string      `yaml:"region"`     // country whose phone numbers need no calling code
	DateOrder      string      `yaml:"date_order"` // month_first or day_first
	Fields         []fieldSpec `yaml:"fields"`
	Rules          []ruleSpec  `yaml:"rules"`
	PersonKey      []string    `yaml:"person_key"`   // the same as dedupe.person_key
	DedupeHours    *int        `yaml:"dedupe_hours"` // the same as dedupe.window_hours
	Dedupe         dedupeSpec  `yaml:"dedupe"`
	PingTTLS       *int        `yaml:"ping_ttl_s"`
	PingDeadlineMS *int        `yaml:"ping_deadline_ms"`
	PostTotalMS    *int        `yaml:"post_total_ms"`
	SellLimit      *int        `yaml:"sell_limit"`
	Floor          *lead.Money `yaml:"floor"`
	UnknownFields  string      `yaml:"unknown_fields"` // drop or keep
	TestPrice      *lead.Money `yaml:"test_price"`

	TestZIPs map[string]string `yaml:"test_zips"` // postal code → result of a test
	OnChange string            `yaml:"on_change"` // refuse or keep
}

type fieldSpec struct {
	Name     string   `yaml:"name"`
	Type     string   `yaml:"type"`     // may be left out for the built-in fields
	Required string   `yaml:"required"` // ping or post
	Values   []string `yaml:"values"`
	Aliases  []string `yaml:"aliases"`
	Personal bool     `yaml:"personal"`
	Min      *string  `yaml:"min"` // in the field's own notation: 16, 12.50, 1920-01-01
	Max      *string  `yaml:"max"`

	Of       string            `yaml:"of"`       // list: the type of its elements
	Synonyms map[string]string `yaml:"synonyms"` // enum: other spelling → value
	Default  *string           `yaml:"default"`
	Derive   string            `yaml:"derive"` // FIELD.PART, such as dob.age
}

// ruleSpec is a rule between fields: one of together, any, order, or require with when.
type ruleSpec struct {
	Together []string `yaml:"together"` // a postal code and a state
	Any      []string `yaml:"any"`      // one of them at least has a value
	Order    []string `yaml:"order"`    // the first is not above the second
	Require  []string `yaml:"require"`  // they have values where the field of when has one of in
	When     string   `yaml:"when"`
	In       []string `yaml:"in"`
	Stage    string   `yaml:"stage"` // of any and require: ping or post
}

// sourceSpec is a file of sources/.
type sourceSpec struct {
	ID        string      `yaml:"id"`
	Name      string      `yaml:"name"`
	Keys      []string    `yaml:"keys"`
	Verticals []string    `yaml:"verticals"`
	Margin    marginSpec  `yaml:"margin"`
	Rate      *rateSpec   `yaml:"rate"`
	MaxWaitMS *int        `yaml:"max_wait_ms"`
	AllowGet  bool        `yaml:"allow_get"`
	Tests     bool        `yaml:"tests"`
	Profile   string      `yaml:"profile"`
	Spec      string      `yaml:"spec"`      // public: anybody may read its posting specs
	OnChange  string      `yaml:"on_change"` // refuse or keep; absent: as the vertical has it
	Dedupe    *dedupeSpec `yaml:"dedupe"`

	Aliases map[string]string            `yaml:"aliases"` // its name → our field
	Values  map[string]map[string]string `yaml:"values"`  // our field → its value → ours
}

// dedupeSpec says which leads of a person are repeats. In a source's file what is left out is as the vertical has it.
type dedupeSpec struct {
	PersonKey      []string `yaml:"person_key"`
	WindowHours    *int     `yaml:"window_hours"`
	Scope          string   `yaml:"scope"`           // source or vertical
	Refuse         string   `yaml:"refuse"`          // sold, received or none
	IdenticalPings string   `yaml:"identical_pings"` // same_quote or own_auction
}

type marginSpec struct {
	Percent *lead.Money `yaml:"percent"` // millionths of a percent
	Fixed   *lead.Money `yaml:"fixed"`
}

type rateSpec struct {
	PerSecond *lead.Money `yaml:"per_second"` // millionths of a request
	Burst     *int        `yaml:"burst"`
}
