// SPDX-License-Identifier: Apache-2.0

package auction

import (
	"math/big"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"clearpost/lead"
)

// drawMoney draws amounts around the edges of cents, of bands and of all that an amount may be.
func drawMoney(most lead.Money) *rapid.Generator[lead.Money] {
	cents := func(n int64) lead.Money { return lead.Money(n) * lead.Cent }
	return rapid.OneOf(rapid.Map(rapid.Int64Range(0, 5_000), cents),
		rapid.Map(rapid.Int64Range(0, int64(most)), func(n int64) lead.Money { return lead.Money(n) }),
		rapid.SampledFrom([]lead.Money{0, 1, lead.Cent - 1, lead.Cent, lead.Cent + 1, most - 1, most}))
}

func drawMargin(t *rapid.T) Margin {
	m := Margin{Loss: rapid.Bool().Draw(t, "loss")}
	figures := func() (int64, lead.Money, lead.Money) {
		low := int64(0)
		if m.Loss {
			low = -ppmOne
		}
		fixed := drawMoney(lead.MoneyMax).Draw(t, "fixed")
		if m.Loss && rapid.Bool().Draw(t, "paid") {
			fixed = -fixed
		}
		return rapid.Int64Range(low, ppmOne).Draw(t, "ppm"), fixed, drawMoney(lead.MoneyMax).Draw(t, "minimum")
	}
	m.PPM, m.Fixed, m.Minimum = figures()
	for range rapid.IntRange(0, 4).Draw(t, "bands") {
		b := Band{From: drawMoney(lead.PriceMax).Draw(t, "from")}
		if n := len(m.Bands); n > 0 && b.From <= m.Bands[n-1].From || b.From <= 0 {
			continue
		}
		b.PPM, b.Fixed, b.Minimum = figures()
		m.Bands = append(m.Bands, b)
	}
	return m
}

// A payout is what its band leaves of the price, to the cent, whatever the amounts: no more, and less than a cent less.
func TestAPayoutIsWhatItsBandLeaves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawMargin(t)
		if err := m.Check(); err != nil {
			t.Fatal(err)
		}
		prices := []*rapid.Generator[lead.Money]{drawMoney(lead.PriceMax)}
		for _, b := range m.Bands {
			prices = append(prices, rapid.SampledFrom([]lead.Money{b.From - 1, b.From, b.From + 1}))
		}
		price := rapid.OneOf(prices...).Draw(t, "price")
		got := m.Payout(price)
		in := Band{PPM: m.PPM, Fixed: m.Fixed, Minimum: m.Minimum}
		for _, b := range m.Bands {
			if b.From <= price {
				in = b
			}
		}
		left := big.NewInt(int64(price))
		left.Mul(left, big.NewInt(ppmOne-in.PPM)).Sub(left, new(big.Int).Mul(big.NewInt(int64(in.Fixed)),
			big.NewInt(ppmOne)))
		if least := new(big.Int).Mul(big.NewInt(int64(price-in.Minimum)), big.NewInt(ppmOne)); in.Minimum > 0 &&
			least.Cmp(left) < 0 {
			left = least
		}
		cents := new(big.Int).Div(left, big.NewInt(ppmOne*int64(lead.Cent))) // rounds down, also below zero
		want := max(0, lead.Money(cents.Int64())*lead.Cent)
		if price <= 0 {
			want = 0
		}
		switch {
		case got != want:
			t.Fatalf("%s of %s by %+v, want %s", got, price, m, want)
		case !m.Loss && got > price:
			t.Fatalf("%s of %s is more than the price", got, price)
		case got > 0 && in.Minimum > 0 && price-got < in.Minimum:
			t.Fatalf("%s of %s keeps less than %s", got, price, in.Minimum)
		}
	})
}

// However a quote's sales come, a price never pays more than it is unless losses are allowed, the seller never gets
// less than what was promised and can still be sold, and no part is paid twice.
func TestAQuoteIsPaidOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := Quote{Limit: rapid.IntRange(1, 5).Draw(t, "limit"), Loss: rapid.Bool().Draw(t, "loss")}
		var promised lead.Money
		for range q.Limit {
			part := drawMoney(40*lead.Unit).Draw(t, "part").FloorCents()
			q.Promise(part)
			promised += part
		}
		room, sold := q.Limit, 0
		var paid lead.Money
		for range rapid.IntRange(1, 8).Draw(t, "bids") {
			price := drawMoney(120*lead.Unit).Draw(t, "price").FloorCents()
			maxSold := rapid.IntRange(0, 6).Draw(t, "max")
			if sold >= min(room, max(maxSold, 1)) {
				continue // the hold has no slot for it
			}
			payout, ok := q.Payout(price, maxSold, sold)
			if !ok {
				continue
			}
			if payout > price && !q.Loss {
				t.Fatalf("%s is paid out of %s", payout, price)
			}
			before := slices.Clone(q.Parts)
			q.Fill(payout, maxSold, sold)
			sold, paid, room = sold+1, paid+payout, min(room, max(maxSold, 1))
			var left lead.Money
			for _, p := range q.Parts {
				left += p
			}
			if len(q.Parts) >= len(before) || paid+left != promised {
				t.Fatalf("%s of %v leaves %v: %s paid of %s", payout, before, q.Parts, paid, promised)
			}
			if len(q.Parts) > room-sold {
				t.Fatalf("%d parts are open, and %d may be sold", len(q.Parts), room-sold)
			}
		}
		if sold > 0 && sold == room && paid != promised {
			t.Fatalf("sold as often as it may be: %s of %s", paid, promised)
		}
	})
}
