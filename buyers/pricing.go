// SPDX-License-Identifier: Apache-2.0

package buyers

import (
	"fmt"

	"clearpost/auction"
	"clearpost/lead"
	"clearpost/rules"
)

// Limits of what a campaign says of money.
const (
	PricesMax = 64 // list prices for some leads, of one campaign

	multiplierLeast = lead.Unit / 100
	multiplierMost  = 10 * lead.Unit
)

// PriceSpec is a list price for some leads, as it stands in a file.
type PriceSpec struct {
	Price *lead.Money `yaml:"price"` // what the campaign pays for them
	When  rules.When  `yaml:"when"`  // criteria, or an expression, that a lead must be known to meet at the ping
}

// MarginSpec is what the exchange keeps of a price, as it stands in a file.
type MarginSpec struct {
	Percent *lead.Money `yaml:"percent"` // of the price, 0 to 100, with at most 4 decimals (0)
	Fixed   *lead.Money `yaml:"fixed"`   // off each sale's price (0)
	Minimum *lead.Money `yaml:"minimum"` // at least this much is kept of each sale (0)
	Bands   []BandSpec  `yaml:"bands"`   // other figures from a price on
	// more may be paid than the price: percent down to -100, fixed below 0, and a stand-by may fulfil a quote that its
	// price does not cover (false)
	Loss bool `yaml:"allow_loss"`
}

// BandSpec is a margin for prices from one on, up to the next band.
type BandSpec struct {
	From    *lead.Money `yaml:"from"`    // the lowest price of the band
	Percent *lead.Money `yaml:"percent"` // as above (0)
	Fixed   *lead.Money `yaml:"fixed"`   // as above (0)
	Minimum *lead.Money `yaml:"minimum"` // as above (0)
}

// Compile makes the margin; nil of a nil spec. Paths of defects begin at the margin itself.
func (s *MarginSpec) Compile() (*auction.Margin, []lead.Defect) {
	if s == nil {
		return nil, nil
	}
	c := marginCompiler{loss: s.Loss}
	m := &auction.Margin{Loss: s.Loss}
	m.PPM, m.Fixed, m.Minimum = c.figures("", s.Percent, s.Fixed, s.Minimum)
	if len(s.Bands) > auction.BandsMax {
		c.bad("bands", fmt.Sprint(len(s.Bands), " bands"), fmt.Sprintf("at most %d", auction.BandsMax))
		return m, c.defects
	}
	last := lead.Money(0)
	for i := range s.Bands {
		b, at := &s.Bands[i], fmt.Sprintf("bands[%d].", i)
		band := auction.Band{}
		if b.From != nil {
			band.From = *b.From
		}
		if band.From <= last {
			c.bad(at+"from", band.From.String(), "a price above "+last.String()+", where the one before begins")
		}
		last = max(last, band.From)
		band.PPM, band.Fixed, band.Minimum = c.figures(at, b.Percent, b.Fixed, b.Minimum)
		m.Bands = append(m.Bands, band)
	}
	if err := m.Check(); err != nil && len(c.defects) == 0 {
		c.bad("", "", err.Error())
	}
	return m, c.defects
}

type marginCompiler struct {
	loss    bool
	defects []lead.Defect
}

func (c *marginCompiler) bad(path, value, expected string) {
	c.defects = append(c.defects, lead.Defect{Path: path, Value: value, Expected: expected})
}

func (c *marginCompiler) figures(at string, percent, fixed, minimum *lead.Money) (ppm int64, off, least lead.Money) {
	lowest, words := lead.Money(0), "0 to 100"
	if c.loss {
		lowest, words = -100*lead.Unit, "-100 to 100"
	}
	if p := percent; p != nil {
		if *p < lowest || *p > 100*lead.Unit || *p%100 != 0 {
			c.bad(at+"percent", p.String(), words+", with at most 4 decimals")
		} else {
			ppm = int64(*p / 100)
		}
	}
	if p := fixed; p != nil {
		if *p < 0 && !c.loss {
			c.bad(at+"fixed", p.String(), "an amount that is not negative")
		} else {
			off = *p
		}
	}
	if p := minimum; p != nil {
		if *p < 0 {
			c.bad(at+"minimum", p.String(), "an amount that is not negative")
		} else {
			least = *p
		}
	}
	return ppm, off, least
}

// PriceRule is a list price for the leads that meet all criteria.
type PriceRule struct {
	Price lead.Money // in whole cents
	When  []rules.Criterion
}

// ListPrice is what the campaign pays for a lead: the price of the first rule that it is known to meet, else that of
// the campaign. It is for campaigns that are Fixed. rule is the rule's position, -1 where none decides.
func (c *Campaign) ListPrice(f *rules.Facts) (price lead.Money, rule int) {
next:
	for i := range c.Prices {
		for k := range c.Prices[i].When {
			if c.Prices[i].When[k].Test(f) != rules.Met {
				continue next
			}
		}
		return c.Prices[i].Price, i
	}
	return c.Price, -1
}

// HighestPrice is the most that a campaign that is Fixed pays for any lead.
func (c *Campaign) HighestPrice() lead.Money {
	most := c.Price
	for i := range c.Prices {
		most = max(most, c.Prices[i].Price)
	}
	return most
}

// cents checks a price.
func (c *bookCompiler) cents(at, path string, p *lead.Money) lead.Money {
	if p == nil {
		return 0
	}
	if *p < lead.Cent || *p%lead.Cent != 0 {
		c.bad(at, path, p.String(), "a price of at least 0.01 in whole cents")
	}
	return *p
}

// money settles what bids of the campaign are worth, within which bounds they are taken, and what is kept of them.
func (c *bookCompiler) money(p *Campaign, spec *CampaignSpec, schema *lead.Schema, zone, at string) {
	p.Floor, p.MaxBid = c.cents(at, "floor", spec.Floor), c.cents(at, "max_bid", spec.MaxBid)
	switch {
	case p.Fixed && spec.MaxBid != nil:
		c.bad(at, "max_bid", spec.MaxBid.String(), "no max_bid where there is a fixed `price`")
	case p.Fixed && spec.Floor != nil:
		c.bad(at, "floor", spec.Floor.String(), "no floor where there is a fixed `price`")
	case p.MaxBid > 0 && p.Floor > p.MaxBid:
		c.bad(at, "max_bid", p.MaxBid.String(), "an amount that is not below the campaign's floor, "+p.Floor.String())
	}
	own, ds := spec.Margin.Compile()
	c.take(at, "margin", ds)
	if p.Margin, p.MarginOf = own, "campaign"; own == nil {
		p.Margin, p.MarginOf = p.Buyer.Margin, "buyer"
	}
	p.Multiplier = int64(lead.Money(p.Buyer.Multiplier).MulPPM(c.multiplier(at, spec.Multiplier)))
	c.prices(p, spec, schema, zone, at)
}

// multiplier is what one bid counts as, in ppm.
func (c *bookCompiler) multiplier(at string, m *lead.Money) int64 {
	switch {
	case m == nil:
		return int64(lead.Unit)
	case *m < multiplierLeast || *m > multiplierMost:
		c.bad(at, "bid_multiplier", m.String(), fmt.Sprintf("%s to %s, such as 0.90", multiplierLeast, multiplierMost))
		return int64(lead.Unit)
	}
	return int64(*m)
}

// prices compiles the list prices for some leads.
func (c *bookCompiler) prices(p *Campaign, spec *CampaignSpec, schema *lead.Schema, zone, at string) {
	switch {
	case len(spec.Prices) > PricesMax:
		c.bad(at, "prices", fmt.Sprint(len(spec.Prices), " prices"), fmt.Sprintf("at most %d", PricesMax))
		return
	case len(spec.Prices) > 0 && spec.Price == nil:
		c.bad(at, "price", "", "the fixed `price` of the leads that none of `prices` is for")
		return
	case schema == nil:
		return
	}
	for i := range spec.Prices {
		x, here := &spec.Prices[i], fmt.Sprintf("%s.prices[%d]", at, i)
		if x.Price == nil {
			c.bad(here, "price", "", "a price of at least 0.01 in whole cents")
		}
		rule := PriceRule{Price: c.cents(here, "price", x.Price)}
		if len(x.When) == 0 {
			c.bad(here, "when", "", "criteria of the leads that the price is for")
		} else if len(x.When) > CriteriaMax {
			c.bad(here, "when", fmt.Sprint(len(x.When), " criteria"), fmt.Sprintf("at most %d", CriteriaMax))
			continue
		}
		rule.When = c.compiled(p, x.When, schema, zone, here, "when")
		p.Prices = append(p.Prices, rule)
	}
}

// standing reads how a buyer pays.
func (c *bookCompiler) standing(b *Buyer, spec *BuyerSpec, at string) {
	switch spec.Pays {
	case "", "usual":
	case "fast":
		b.Standing = auction.FastPayer
	case "slow":
		b.Standing = auction.SlowPayer
	case "never":
		b.PaysNever = true
	default:
		c.bad(at, "pays", spec.Pays, "fast, usual, slow or never")
	}
}
