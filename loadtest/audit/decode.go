// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"math/big"
	"strconv"
	"time"

	"github.com/tidwall/gjson"
)

// id is a UUID.
type id [16]byte

// String is the canonical form.
func (i id) String() string {
	h := hex.EncodeToString(i[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

func parseID(s string) (id, bool) {
	var out id
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return out, false
	}
	b, err := hex.DecodeString(s[:8] + s[9:13] + s[14:18] + s[19:23] + s[24:])
	if err != nil {
		return out, false
	}
	copy(out[:], b)
	return out, true
}

// UnmarshalText implements encoding.TextUnmarshaler; empty text is the zero id.
func (i *id) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*i = id{}
		return nil
	}
	v, ok := parseID(string(b))
	if !ok {
		return fmt.Errorf("%q is no UUID", b)
	}
	*i = v
	return nil
}

type charge struct {
	Cap    string `json:"cap"`
	Window string `json:"window"`
	N      int64  `json:"n"`
	Of     string `json:"of"`
}

// booking is what a sale pays by.
type booking struct {
	band
	Bands   []band `json:"margin_bands"`
	Loss    bool   `json:"margin_loss"`
	Follows bool   `json:"payout_follows"`
}

// band is what is kept of prices from one on.
type band struct {
	From    int64 `json:"from_micros"`
	PPM     int64 `json:"margin_ppm"`
	Fixed   int64 `json:"margin_fixed_micros"`
	Minimum int64 `json:"margin_minimum_micros"`
}

// payout is what the terms leave of a price in whole cents; both factors are exact in 128 bits.
func (b *booking) payout(price int64) int64 {
	m := b.band
	for _, x := range b.Bands {
		if x.From <= price {
			m = x
		}
	}
	left := new(big.Int).Mul(big.NewInt(price), big.NewInt(1_000_000-m.PPM))
	left.Quo(left, big.NewInt(1_000_000)).Sub(left, big.NewInt(m.Fixed))
	if kept := big.NewInt(price - m.Minimum); m.Minimum > 0 && left.Cmp(kept) > 0 {
		left = kept
	}
	cents := left.Quo(left, big.NewInt(10_000)).Int64()
	return max(0, cents*10_000)
}

type sale struct {
	Attempt   id     `json:"attempt"`
	Campaign  string `json:"campaign"`
	Buyer     string `json:"buyer"`
	Reference string `json:"reference"`
	Price     int64  `json:"price_micros"`
	Payout    int64  `json:"payout_micros"`
}

// event is what the auditor reads of an event, of whatever kind.
type event struct {
	Kind        string    `json:"kind"`
	EventID     id        `json:"event_id"`
	At          time.Time `json:"at"`
	Config      string    `json:"config"`
	Lead        id        `json:"lead_id"`
	Source      string    `json:"source"`
	Vertical    string    `json:"vertical"`
	Attempt     id        `json:"attempt"`
	Again       string    `json:"again"`
	Round       int       `json:"round"`
	Brand       string    `json:"brand"`
	Of          id        `json:"of"`
	FromAttempt id        `json:"from_attempt"`
	Campaign    string    `json:"campaign"`
	Buyer       string    `json:"buyer"`
	Price       int64     `json:"price_micros"`
	Payout      int64     `json:"payout_micros"`
	Revenue     int64     `json:"revenue_micros"`
	AnswerPrice int64     `json:"answer_price_micros"`
	MaxSold     int       `json:"max_sold"`
	SellLimit   int       `json:"sell_limit"`
	Terms       *booking  `json:"terms"`
	Charges     []charge  `json:"charges"`
	Outcome     string    `json:"outcome"`
	Refusal     int       `json:"refusal"`
	Reference   string    `json:"reference"`
	Result      string    `json:"result"`
	Reason      string    `json:"reason"`
	Sales       []sale    `json:"sales"`
	Said        string    `json:"said"`
	Test        bool      `json:"test"`
	TestSales   []sale    `json:"test_sales"`
	Adjustment  string    `json:"adjustment"`
	Oversold    bool      `json:"oversold"`
	By          string    `json:"by"`
	Ref         string    `json:"ref"`
	Why         string    `json:"why"`
	Was         *stood    `json:"was"`
	Return      *giveBack `json:"return"`

	Subject   string        `json:"subject"`
	Currency  string        `json:"currency"`
	Statement *statement    `json:"statement"`
	Standing  *standingTold `json:"standing"`

	Resubmission *resubmission `json:"resubmission"` // of a ping: resubmits
	Batch        bool          `json:"batch"`
	File         *fileTold     `json:"file"`
	Post         *struct {
		ReceivedAt time.Time `json:"received_at"`
		Key        string    `json:"idempotency_key"`
	} `json:"post"`
	Key string `json:"-"` // of a ping: its Idempotency-Key

	// of a ping
	oneShot   bool
	expiresAt int64 // microseconds
	winners   int
	winnerSum int64
	lossMaker string // a campaign whose payout is above its price
	bidEnds   int64  // the earliest end of a winner's bid, microseconds; 0 is none
}

// stood is how an attempt stood before a correction. Of an answer that was replaced it is not read.
type stood struct {
	Outcome   string `json:"outcome"`
	Price     int64  `json:"price_micros"`
	Payout    int64  `json:"payout_micros"`
	Reference string `json:"reference"`
}

// readEvent decodes an event. Pings, most of the ledger, are read in one pass without reflection.
func readEvent(b []byte) (*event, error) {
	if !gjson.ValidBytes(b) {
		return nil, fmt.Errorf("not JSON: %.60q", b)
	}
	if gjson.GetBytes(b, "kind").Str == "pinged" {
		return readPing(b)
	}
	e := &event{}
	if err := json.Unmarshal(b, e); err != nil {
		return nil, err
	}
	return e, nil
}

func readPing(b []byte) (*event, error) {
	e := &event{Kind: "pinged"}
	var err error
	gjson.ParseBytes(b).ForEach(func(k, v gjson.Result) bool {
		switch k.Str {
		case "event_id":
			err = e.EventID.UnmarshalText([]byte(v.Str))
		case "lead_id":
			err = e.Lead.UnmarshalText([]byte(v.Str))
		case "test":
			e.Test = v.Bool()
		case "config":
			e.Config = v.Str
		case "mode":
			e.oneShot = v.Str == "lead"
		case "source":
			e.Source = v.Str
		case "currency":
			e.Currency = v.Str
		case "idempotency_key":
			e.Key = v.Str
		case "at":
			e.At, err = time.Parse(time.RFC3339, v.Str)
		case "charges":
			err = json.Unmarshal([]byte(v.Raw), &e.Charges)
		case "result":
			e.Result = v.Str
		case "refusal":
			e.Refusal = int(v.Int())
		case "price_micros":
			e.Price, err = integer(v)
		case "expires_at":
			var t time.Time
			if t, err = time.Parse(time.RFC3339, v.Str); err == nil {
				e.expiresAt = t.UnixMicro()
			}
		case "resubmits":
			e.Resubmission = &resubmission{}
			err = json.Unmarshal([]byte(v.Raw), e.Resubmission)
		case "bids":
			err = e.readBids(v)
		}
		return err == nil
	})
	return e, err
}

func (e *event) readBids(bids gjson.Result) (err error) {
	bids.ForEach(func(_, bid gjson.Result) bool {
		if !bid.Get("winner").Bool() {
			return true
		}
		var price, payout int64
		if price, err = integer(bid.Get("price_micros")); err != nil {
			return false
		}
		if payout, err = integer(bid.Get("payout_micros")); err != nil {
			return false
		}
		if ends := bid.Get("expires_at").Str; ends != "" {
			var t time.Time
			if t, err = time.Parse(time.RFC3339, ends); err != nil {
				return false
			}
			if at := t.UnixMicro(); e.bidEnds == 0 || at < e.bidEnds {
				e.bidEnds = at
			}
		}
		e.winners++
		e.winnerSum += payout
		if payout > price {
			e.lossMaker = bid.Get("campaign").String()
		}
		return true
	})
	return err
}

// integer reads a whole number without going through a float; a missing one is 0.
func integer(v gjson.Result) (int64, error) {
	if !v.Exists() {
		return 0, nil
	}
	return strconv.ParseInt(v.Raw, 10, 64)
}

var hashSeed = maphash.MakeSeed()

func hash(b []byte) uint64 { return maphash.Bytes(hashSeed, b) }
