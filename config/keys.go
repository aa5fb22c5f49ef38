// SPDX-License-Identifier: Apache-2.0

package config

import (
	"clearpost/buyers"
	"clearpost/lead"
	"clearpost/rules"
)

// nodeSpec is clearpost.yaml.
type nodeSpec struct {
	Node string `yaml:"node"` // name of this node, in every event (n1)
	// where ledger and views stand, relative to the configuration's directory (data)
	DataDir string     `yaml:"data_dir"`
	Listen  string     `yaml:"listen"` // the sellers' address, host:port (127.0.0.1:8080); port 0 is a free one
	TLS     *tlsSpec   `yaml:"tls"`    // the sellers' address speaks TLS
	Admin   adminSpec  `yaml:"admin"`  // the operators' address
	Kafka   *kafkaSpec `yaml:"kafka"`  // where events are copied to; absent: nowhere
	Limits  limitsSpec `yaml:"limits"` // of what the node takes on
	// companies that buyers belong to (their parent), by name: what they may buy together
	Parents map[string]parentSpec `yaml:"parents"`
	Specs   specsSpec             `yaml:"specs"`  // the posting specs that sellers read
	Alerts  *alertsSpec           `yaml:"alerts"` // who is told when somebody is needed
	// who runs the exchange, as statements say it, and how they are numbered
	Company *companySpec `yaml:"company"`

	TrustedProxies []string `yaml:"trusted_proxies"` // addresses and networks of proxies before the sellers' address
	// the one header that the proxies write: X-Forwarded-For or Forwarded (X-Forwarded-For)
	ProxyHeader string `yaml:"proxy_header"`
}

// parentSpec is a company that buyers belong to.
type parentSpec struct {
	Timezone string          `yaml:"timezone"` // IANA name; of caps that name none
	Caps     []rules.CapSpec `yaml:"caps"`     // over all its buyers together, itself included where it buys
	// duplicate rules over all its buyers: who has been bought by one of them is not by another
	Duplicates []rules.UniqueSpec `yaml:"duplicates"`
}

// tlsSpec names the files of a certificate, relative to the configuration's directory. They are read again when they
// change.
type tlsSpec struct {
	Cert string `yaml:"cert"` // PEM: the certificate, and those between it and its root behind it
	Key  string `yaml:"key"`  // PEM: its private key
}

// specsSpec is about the posting specs that sellers read.
type specsSpec struct {
	// address under which sellers reach this exchange; absent: the Host of each request
	URL string `yaml:"url"`
	// links to specs are derived from it, 32 to 256 characters; absent: one is made and kept in data_dir
	Secret string `yaml:"secret"`
}

type adminSpec struct {
	Listen string   `yaml:"listen"` // the operators' address (127.0.0.1:8081); keep it off the public network
	TLS    *tlsSpec `yaml:"tls"`    // the operators' address speaks TLS
	Token  string   `yaml:"token"`  // what operators must present; absent: one is made and kept in data_dir
}

type kafkaSpec struct {
	Brokers     []string `yaml:"brokers"`      // host:port of one broker or more, in quotes
	TopicPrefix string   `yaml:"topic_prefix"` // the topics are this and pings, posts, leads (clearpost.)
	LingerMS    *int     `yaml:"linger_ms"`    // how long events are gathered, at least 100 (100)
	Partitions  *int     `yaml:"partitions"`   // of topics that are made (6)
	Replication *int     `yaml:"replication"`  // of topics that are made (1)
	TimeoutMS   *int     `yaml:"timeout_ms"`   // of one request (10000)

	TLS         *kafkaTLSSpec  `yaml:"tls"`         // speak TLS to the brokers; {} trusts the system's authorities
	SASL        *kafkaSASLSpec `yaml:"sasl"`        // how this node says who it is
	ClientID    string         `yaml:"client_id"`   // the name in the brokers' logs and quotas (clearpost)
	Compression string         `yaml:"compression"` // of batches (none)
	// personal data: keep in the events, drop, or own_topic, where only the topic private has it (keep)
	Private string `yaml:"private"`
}

type kafkaTLSSpec struct {
	// PEM file of the authorities that sign the brokers' certificates, relative to the configuration (the system's)
	CA   string `yaml:"ca"`
	Cert string `yaml:"cert"` // PEM file of this node's own certificate, where brokers ask for one
	Key  string `yaml:"key"`  // PEM file of its key
}

type kafkaSASLSpec struct {
	Mechanism string `yaml:"mechanism"` // how the node proves its name
	User      string `yaml:"user"`      // the name that the brokers know this node by
	Password  string `yaml:"password"`  // as ${env:NAME} or ${file:NAME}
}

type limitsSpec struct {
	BodyBytesMax *int `yaml:"body_bytes_max"` // of a seller's request; a larger one hears 413 (65536)
	// sellers' connections at once; those above it are closed (20000)
	ConnsMax *int `yaml:"connections_max"`
	// seller requests at once; more hear 503 (what memory_mb allows, at most 10000)
	InFlightMax *int `yaml:"in_flight_max"`
	// MiB that the node keeps to (GOMEMLIMIT, else 60 % of the machine's memory or of its container's)
	MemoryMB       *int `yaml:"memory_mb"`
	WorkersMax     *int `yaml:"workers_max"`           // workers for dials and handshakes to buyers (2048)
	AnswerBytesMax *int `yaml:"answer_bytes_max"`      // of a buyer's answer (65536)
	AnswerHeadMax  *int `yaml:"answer_head_bytes_max"` // of the head of a buyer's answer, its cookies included (32768)
	LateReadMS     *int `yaml:"late_read_ms"`          // how long a late answer of a buyer is still read (2000)
	FreeMBMin      *int `yaml:"free_mb_min"`           // free disk space in MiB below which new leads hear 503 (512)
	RetentionDays  *int `yaml:"retention_days"`        // events older than this may be dropped; absent: never by age
	// size of the log in MiB above which the oldest events go; absent: none
	LogMBMax *int `yaml:"log_mb_max"`
	// the share of one core's time, in percent, that keeping up what find and report read may take, a fifth of it while
	// the node is busy; 0: nothing is kept for them (25)
	ReportPercent *int `yaml:"report_cpu_percent"`
	// for how many days find and report have leads that nobody posted one by one, and bids told apart by several of
	// state, sub_id and refusal; posted leads and sums stay; absent: they stay too
	ReportDays *int `yaml:"report_days"`
	// how many MiB may be in what find and report read before the oldest of these go earlier; absent: any number
	ReportMBMax *int `yaml:"report_mb_max"`
}

// verticalSpec is a file of verticals/.
type verticalSpec struct {
	ID       string `yaml:"id"`       // stands in the seller API's paths and in events
	Name     string `yaml:"name"`     // for people
	Currency string `yaml:"currency"` // ISO code of prices and payouts (USD)
	// ISO code of the country whose phone numbers need no calling code (US)
	Region         string      `yaml:"region"`
	DateOrder      string      `yaml:"date_order"`       // how 3/4/2026 is read (month_first: 4 March)
	Fields         []fieldSpec `yaml:"fields"`           // beside the built-in ones, and what is required of those
	Rules          []ruleSpec  `yaml:"rules"`            // what must hold between fields
	PersonKey      []string    `yaml:"person_key"`       // the same as dedupe.person_key
	DedupeHours    *int        `yaml:"dedupe_hours"`     // the same as dedupe.window_hours
	Dedupe         dedupeSpec  `yaml:"dedupe"`           // which leads of a person are repeats
	PingTTLS       *int        `yaml:"ping_ttl_s"`       // how long a quote stands, in seconds (300)
	PingDeadlineMS *int        `yaml:"ping_deadline_ms"` // from a ping's arrival to the last bid counted (800)
	PostTotalMS    *int        `yaml:"post_total_ms"`    // for all attempts of one post together (8000)
	// over all its leads, whoever sends and buys them; pings are leads that come in
	Caps []rules.CapSpec `yaml:"caps"`
	// duplicate rules over all its leads, whoever sends and buys them: who was sold is not sold again
	Duplicates []rules.UniqueSpec `yaml:"duplicates"`
	SellLimit  *int               `yaml:"sell_limit"` // sales of one lead at most; 1 is exclusive (1)
	Floor      *lead.Money        `yaml:"floor"`      // a bid below it is refused
	Economy    economySpec        `yaml:"economy"`    // whom pings spare; absent: nobody
	// what the exchange keeps of a price, where neither source, buyer nor campaign says it
	Margin *buyers.MarginSpec `yaml:"margin"`
	Plan   *planSpec          `yaml:"plan"` // tiers by which leads are sold; absent: one auction among all
	// where unsold leads go, beside the list of them; absent: nowhere
	Remediation *remediationSpec `yaml:"remediation"`
	// bids count by what campaigns were seen to do with leads, too; a text alone is its mode
	Learned *learnedSpec `yaml:"learned_value"`
	// what the vertical does not know: drop, or keep in the event's private part (drop)
	UnknownFields string `yaml:"unknown_fields"`
	// what a simulated buyer bids for a test lead (10.00, or the floor)
	TestPrice *lead.Money `yaml:"test_price"`

	// postal code → result of a test: accepted, rejected, duplicate, invalid, no_bids or pending
	TestZIPs map[string]string `yaml:"test_zips"`
	// a post that changes a field by which the lead was priced: refuse it, or keep the value of the ping (refuse)
	OnChange string `yaml:"on_change"`
	// the list field in which sellers name who must not have the lead: buyers, their parents, and brands of offers
	Exclusions string `yaml:"exclusions"`
	// refuse, drop or raw: what becomes of a value that does not fit a field that is not required (raw)
	Invalid string `yaml:"invalid"`
}

type fieldSpec struct {
	Name     string   `yaml:"name"`     // 1 to 64 of a–z, 0–9, _, . and -, beginning with a letter
	Type     string   `yaml:"type"`     // may be left out for the built-in fields
	Required string   `yaml:"required"` // from which call on it must be there; absent: it may be left out
	Values   []string `yaml:"values"`   // enum: the allowed values
	Aliases  []string `yaml:"aliases"`  // other names under which sellers may send it
	Personal bool     `yaml:"personal"` // kept in the private part of events, and masked in messages
	Min      *string  `yaml:"min"`      // in the field's own notation: 16, 12.50, 1920-01-01
	Max      *string  `yaml:"max"`      // in the field's own notation; the end is included

	Of       string            `yaml:"of"`        // list: the type of its elements
	Synonyms map[string]string `yaml:"synonyms"`  // enum: other spelling → value
	Default  *string           `yaml:"default"`   // the value where none is sent nor derived
	Derive   string            `yaml:"derive"`    // FIELD.PART, such as dob.age
	MaxBytes *int              `yaml:"max_bytes"` // text and url: bytes of a value, up to 16384 (2048)
	// refuse, drop or raw, where the field is not required; absent: as the vertical has it
	Invalid string `yaml:"invalid"`
}

// ruleSpec is a rule between fields: one of together, any, order, or require with when.
type ruleSpec struct {
	Together []string `yaml:"together"` // a postal code and a state, which must fit
	Any      []string `yaml:"any"`      // one of them at least has a value
	Order    []string `yaml:"order"`    // the first is not above the second
	Require  []string `yaml:"require"`  // they have values where the field of when has one of in
	When     string   `yaml:"when"`     // require: the field that decides
	In       []string `yaml:"in"`       // require: the values of `when` with which the fields are required
	Stage    string   `yaml:"stage"`    // any and require: the call at which it is held
}

// sourceSpec is a file of sources/.
type sourceSpec struct {
	ID        string   `yaml:"id"`        // stands in events; it must not change
	Name      string   `yaml:"name"`      // for people
	Keys      []string `yaml:"keys"`      // API keys, best as ${env:NAME}; several while one is replaced by another
	Verticals []string `yaml:"verticals"` // the ids of those that it may send
	// over all its leads, whoever buys them; pings are leads that come in
	Caps []rules.CapSpec `yaml:"caps"`
	// duplicate rules over all its leads, whoever buys them
	Duplicates []rules.UniqueSpec `yaml:"duplicates"`
	// when its leads are taken; absent: always
	Schedule *rules.ScheduleSpec `yaml:"schedule"`
	// what the exchange keeps of a price, where neither buyer nor campaign says it; absent: as the vertical has it
	Margin *buyers.MarginSpec `yaml:"margin"`
	Floor  *lead.Money        `yaml:"floor"` // a bid for its leads below it is refused, besides the vertical's
	// what becomes of a post when nobody who is left covers the quote: fail, or reprice, at the payout that is left
	// (fail)
	OnReject string `yaml:"on_reject"`
	// what the seller of a lead hears that waits for a campaign (`defer`): wait (its answer comes when the lead has an
	// end within its time, and else says pending), tell (queued, at once), never (its leads are not queued) (wait)
	Queued string `yaml:"queued"`
	// who must not have its leads: ids or names of buyers and their parents, and brands of offers; at most 1000
	Exclusions []string        `yaml:"exclusions"`
	Rate       *rules.RateSpec `yaml:"rate"` // of its requests; more hear 429. Absent: not limited
	// how long the answer to a post may take where the request does not say; absent: the vertical's post_total_ms
	MaxWaitMS *int        `yaml:"max_wait_ms"`
	AllowGet  bool        `yaml:"allow_get"` // it may send leads in a query string
	Tests     bool        `yaml:"tests"`     // it may send test leads
	Profile   string      `yaml:"profile"`   // whose paths, names and answers it uses beside ours (clearpost)
	Spec      string      `yaml:"spec"`      // who reads its posting specs: private, or public (private)
	OnChange  string      `yaml:"on_change"` // refuse or keep; absent: as the vertical has it
	Dedupe    *dedupeSpec `yaml:"dedupe"`    // in place of what its verticals have
	// what it bears of its buyers' returns; absent: nothing
	Returns *sourceReturnsSpec  `yaml:"returns"`
	Company *buyers.CompanySpec `yaml:"company"` // what it is called on its statements; absent: its name alone
	// where it is told what becomes of its leads; absent: nowhere
	Webhook *webhookSpec `yaml:"webhook"`
	// vertical → the plan by which this source's leads are sold, in place of the vertical's
	Plans map[string]planSpec `yaml:"plans"`

	Unpack []string `yaml:"unpack"` // names under which it sends a document in JSON as a text
	// html, backslash: what it puts into values, undone before they are read
	Unescape []string `yaml:"unescape"`
	ZIPZeros bool     `yaml:"zip_without_zeros"` // its ZIP codes may lack the zeros at their beginning
	// pages whose scripts may send its leads, such as https://forms.example, or "*"
	Origins   []string `yaml:"origins"`
	DateOrder string   `yaml:"date_order"` // how it writes dates; absent: as the vertical has it
	// of its times without a zone, and of its schedule, such as America/New_York; absent: times are in UTC
	TimeZone string `yaml:"timezone"`

	Aliases map[string]string            `yaml:"aliases"` // its name → our field
	Values  map[string]map[string]string `yaml:"values"`  // our field → its value → ours
}

// sourceReturnsSpec says what a source bears of a return.
type sourceReturnsSpec struct {
	// where a buyer gets a share of the price back, so much of the same share of the payout is taken back; 0 to 100,
	// with at most 4 decimals (0)
	Clawback *lead.Money `yaml:"clawback_percent"`
}

// dedupeSpec says which leads of a person are repeats. In a source's file what is left out is as the vertical has it.
type dedupeSpec struct {
	PersonKey []string `yaml:"person_key"` // the fields that name a person together
	// how long a person counts as one that was here; 0: never (720)
	WindowHours *int `yaml:"window_hours"`
	// whose earlier leads count: those of the same source, or of all in the vertical (source)
	Scope string `yaml:"scope"`
	// which earlier leads make a later one a repeat: sold, received or none (sold)
	Refuse string `yaml:"refuse"`
	// a ping that says what one with a live quote said: same_quote or own_auction (same_quote)
	IdenticalPings string `yaml:"identical_pings"`
}
