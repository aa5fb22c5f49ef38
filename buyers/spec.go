// SPDX-License-Identifier: Apache-2.0

// Package buyers holds the standing orders of the companies that buy: campaigns, compiled from their configuration, and an index
// that tells which of them want a lead. It keeps no state: caps are counted in capstore, pauses in the exchange.
package buyers

import (
	"clearpost/lead"
	"clearpost/rules"
	"clearpost/wire"
)

// Limits of a buyer's configuration.
const (
	IDBytesMax      = 64     // of a buyer's or campaign's id
	NameBytesMax    = 200    // of a buyer's name
	CampaignsMax    = 100000 // in one book
	CriteriaMax     = 64     // of one campaign
	MaxSoldMax      = 100
	InFlightDefault = 200 // outbound calls of one buyer at once, where the buyer does not say
	InFlightMost    = 100000
	TimeoutMSMost   = 120000
)

// BuyerSpec is a buyer as it stands in a file.
type BuyerSpec struct {
	ID           string          `yaml:"id"`
	Name         string          `yaml:"name"`
	Timezone     string          `yaml:"timezone"`                // IANA name; the zone of caps that name none
	InFlightMax  int             `yaml:"in_flight_max"`           // calls at once, 0 = InFlightDefault
	AllowPrivate bool            `yaml:"allow_private_addresses"` // may be reached at private and loopback addresses
	Caps         []rules.CapSpec `yaml:"caps"`                    // over all its campaigns
	Campaigns    []CampaignSpec  `yaml:"campaigns"`
}

// CampaignSpec is a campaign as it stands in a buyer's file.
type CampaignSpec struct {
	ID       string                `yaml:"id"`
	Vertical string                `yaml:"vertical"`
	Price    *lead.Money           `yaml:"price"`    // fixed price; absent = quoted in the ping's answer
	MaxSold  int                   `yaml:"max_sold"` // sales of the lead it accepts in all, its own included; 0 and 1 = exclusive
	Criteria []rules.CriterionSpec `yaml:"criteria"`
	Caps     []rules.CapSpec       `yaml:"caps"`
	Pay      string                `yaml:"pay"` // which price is booked where the post's answer names another: ping_price (default) or post_price
	Ping     *EndpointSpec         `yaml:"ping"`
	Post     *EndpointSpec         `yaml:"post"`
	Examples []ExampleSpec         `yaml:"examples"` // worked examples, which are its tests
}

// EndpointSpec is one outbound call: how it is made and how its answer is read.
type EndpointSpec struct {
	TimeoutMS int              `yaml:"timeout_ms"` // 0 = as long as the vertical allows
	Request   wire.RequestSpec `yaml:"request"`
	Answer    wire.AnswerSpec  `yaml:"answer"`
}
