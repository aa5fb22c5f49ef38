// SPDX-License-Identifier: Apache-2.0

package buyertest

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"strings"

	"clearpost/lead"
)

// TokenStyle is how a buyer's ping tokens look.
type TokenStyle uint8

// The styles. Each carries the price that was bid, so that a buyer need not remember its bids.
const (
	TokenHex    TokenStyle = iota // 32 hexadecimal digits
	TokenGUID                     // upper-case GUID
	TokenBase64                   // standard base64 with padding: + / = must survive the trip
	TokenNumber                   // a decimal number beyond 2^53; prices below 10485.76 only
)

const tokenCheckSeed = 0x746f6b656e

// makeToken packs the call's number and the price in cents with a checksum.
func makeToken(style TokenStyle, seed, n uint64, price lead.Money) string {
	cents := uint64(price / lead.Cent)
	if style == TokenNumber {
		v := n&(1<<24-1)<<20 | cents&(1<<20-1)
		return strconv.FormatUint(1<<62|mix(v^seed^tokenCheckSeed)&(1<<17-1)<<44|v, 10)
	}
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], n<<40|cents&(1<<40-1))
	binary.BigEndian.PutUint64(b[8:], mix(binary.BigEndian.Uint64(b[:8])^seed^tokenCheckSeed))
	h := binary.BigEndian.Uint64(b[8:])
	binary.BigEndian.PutUint64(b[:8], binary.BigEndian.Uint64(b[:8])^mix(h))
	switch style {
	case TokenGUID:
		s := strings.ToUpper(hex.EncodeToString(b[:]))
		return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
	case TokenBase64:
		return base64.StdEncoding.EncodeToString(b[:])
	}
	return hex.EncodeToString(b[:])
}

// readToken returns the price that was bid under a token, or false if it is not one of this buyer's.
func readToken(style TokenStyle, seed uint64, text string) (lead.Money, bool) {
	if style == TokenNumber {
		v, err := strconv.ParseUint(text, 10, 64)
		if err != nil || v>>61 != 2 {
			return 0, false
		}
		low := v & (1<<44 - 1)
		if v>>44&(1<<17-1) != mix(low^seed^tokenCheckSeed)&(1<<17-1) {
			return 0, false
		}
		return lead.Money(low&(1<<20-1)) * lead.Cent, true
	}
	var b []byte
	var err error
	switch style {
	case TokenBase64:
		b, err = base64.StdEncoding.DecodeString(text)
	case TokenGUID:
		b, err = hex.DecodeString(strings.ReplaceAll(text, "-", ""))
	default:
		b, err = hex.DecodeString(text)
	}
	if err != nil || len(b) != 16 {
		return 0, false
	}
	h := binary.BigEndian.Uint64(b[8:])
	v := binary.BigEndian.Uint64(b[:8]) ^ mix(h)
	if mix(v^seed^tokenCheckSeed) != h {
		return 0, false
	}
	return lead.Money(v&(1<<40-1)) * lead.Cent, true
}
