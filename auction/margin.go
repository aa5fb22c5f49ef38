// SPDX-License-Identifier: Apache-2.0

package auction

import (
	"fmt"

	"clearpost/lead"
)

// Margin is what the exchange keeps of each sale: a share of the price and a fixed amount, but no less than a minimum.
// Where it has bands, the one that the price falls into says so in place of the margin's own figures.
type Margin struct {
	PPM     int64      // share of the price in parts per million, taken as 0 to 1_000_000
	Fixed   lead.Money // a fixed amount taken after the share; below zero it counts as zero
	Minimum lead.Money // at least this much is kept, of a lower price all; below zero it counts as zero
	Bands   []Band     // by From, upwards; below the first the margin's own figures hold
	// the payout may be more than the price: then the share goes down to -1_000_000, which pays twice the price, and
	// the fixed amount may be negative. It does not lower the minimum
	Loss bool
}

// Band is a margin for prices from From to where the next band begins. All of the price has the same margin, so a
// higher price may pay the source less at the beginning of a band with a greater one.
type Band struct {
	From    lead.Money
	PPM     int64
	Fixed   lead.Money
	Minimum lead.Money
}

// Limits of a margin.
const (
	BandsMax = 64
	ppmOne   = 1_000_000
)

// Payout is what the source gets for a sale at the price: price × (1 − PPM/1e6) − Fixed, no more than price − Minimum,
// rounded down to whole cents; never negative, and never above the price unless the margin has Loss.
func (m Margin) Payout(price lead.Money) lead.Money { return m.payout(price) }

func (m *Margin) payout(price lead.Money) lead.Money {
	if price <= 0 {
		return 0
	}
	price = min(price, lead.MoneyMax)
	ppm, fixed, least := m.PPM, m.Fixed, m.Minimum
	for i := range m.Bands {
		b := &m.Bands[i]
		if price < b.From {
			break
		}
		ppm, fixed, least = b.PPM, b.Fixed, b.Minimum
	}
	least = min(max(least, 0), lead.MoneyMax)
	if m.Loss {
		ppm, fixed = max(ppm, -ppmOne), max(fixed, -lead.MoneyMax)
	} else {
		ppm, fixed = max(ppm, 0), max(fixed, 0)
	}
	paid := price.MulPPM(ppmOne-min(ppm, ppmOne)) - min(fixed, lead.MoneyMax)
	if least > 0 {
		paid = min(paid, price-least)
	}
	return max(0, paid.FloorCents())
}

// Check tells what is wrong with a margin, nil if nothing is.
func (m *Margin) Check() error {
	if len(m.Bands) > BandsMax {
		return fmt.Errorf("%d bands: at most %d", len(m.Bands), BandsMax)
	}
	own := Band{PPM: m.PPM, Fixed: m.Fixed, Minimum: m.Minimum}
	if err := own.check(m.Loss); err != nil {
		return err
	}
	for i := range m.Bands {
		b := &m.Bands[i]
		switch {
		case b.From <= 0:
			return fmt.Errorf("band %d begins at %s: expected more than 0", i+1, b.From)
		case i > 0 && b.From <= m.Bands[i-1].From:
			return fmt.Errorf("band %d begins at %s, not above the one before at %s", i+1, b.From, m.Bands[i-1].From)
		}
		if err := b.check(m.Loss); err != nil {
			return fmt.Errorf("band %d: %w", i+1, err)
		}
	}
	return nil
}

func (b *Band) check(loss bool) error {
	least := int64(0)
	if loss {
		least = -ppmOne
	}
	switch {
	case b.PPM < 0 && !loss, b.Fixed < 0 && !loss:
		return fmt.Errorf("it pays more than the price, and losses are not allowed")
	case b.PPM < least || b.PPM > ppmOne:
		return fmt.Errorf("a share of %d ppm: expected %d to %d", b.PPM, least, ppmOne)
	case b.Fixed < -lead.MoneyMax || b.Fixed > lead.MoneyMax:
		return fmt.Errorf("a fixed amount of %s: expected %s at most", b.Fixed, lead.MoneyMax)
	case b.Minimum < 0 || b.Minimum > lead.MoneyMax:
		return fmt.Errorf("a minimum of %s: expected 0 to %s", b.Minimum, lead.MoneyMax)
	}
	return nil
}

// Value is what a price is worth by factors in parts per million, such as what is known of its buyer's returns, and a
// multiplier of its campaign: each product is rounded down. It is at least a millionth where the price is positive, so
// that it never stands for "no value of its own" (Bid.Value), and at most lead.MoneyMax. A negative factor counts as 0.
func Value(price lead.Money, ppm ...int64) lead.Money {
	if price <= 0 {
		return 0
	}
	v := min(price, lead.MoneyMax)
	for _, f := range ppm {
		v = min(v.MulPPM(max(f, 0)), lead.MoneyMax)
	}
	return max(v, 1)
}
