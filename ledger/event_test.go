// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"clearpost/lead"
)

func TestEventsReadBackAsWritten(t *testing.T) {
	at := time.Date(2026, 11, 23, 1, 2, 3, 456789000, time.UTC)
	id := lead.ID{1, 2, 3}
	h := func(k Kind) Head {
		return Head{Kind: k, EventID: lead.ID{9}, Node: "n1", At: at, Schema: SchemaVersion, Config: "c", Lead: id,
			Source: "s", Vertical: "v"}
	}
	charges := []lead.Charge{{Cap: "campaign:x:day", Window: "2026-11-23", N: 1}}
	for _, e := range []Event{
		&Pinged{Head: h(KindPinged), Mode: "ping", Currency: "USD", ReceivedAt: at, Fields: Fields{{"state", "CA"},
			{"q", "a\"b\x01é"}}, Raw: Fields{{"state", "California"}},
			Bids: []Bid{{Campaign: "c1", Buyer: "b1", Price: 22_500_000, Leg: 2, Brand: "Sun", Rank: 1, Winner: true,
				Token: "t", Expires: at, TookUS: 5}, {Campaign: "c2", Buyer: "b2", Refusal: lead.TimedOut,
				Fixed: true}}, Result: "success", Price: 20_000_000, ExpiresAt: at,
			Private: Private{Fields: Fields{{"phone", "+15551234567"}}, Person: "p",
				Cookies: []Carried{{"c1", "a=b"}, {"c2", "x=y; z=\"1\""}}}},
		&Posting{Head: h(KindPosting), Post: &Post{ReceivedAt: at, IdempotencyKey: "k"}, Attempt: lead.ID{4},
			Campaign: "c1", Buyer: "b1", Charges: charges, Private: Private{Request: &Body{Text: "POST /", Bytes: 6}}},
		&Posted{Head: h(KindPosted), Attempt: lead.ID{4}, Outcome: lead.Accepted, Price: 5, Charges: charges},
		&Settled{Head: h(KindSettled), Result: "success", Sales: []Sale{{Attempt: lead.ID{4}, Price: 7}}},
		&Deferred{Head: h(KindDeferred), Post: &Post{ReceivedAt: at}, Said: "queued", Since: at, Due: at, Price: 5,
			Waits: []Wait{{Campaign: "c1", Buyer: "b1", Refusal: lead.Unreachable, Attempts: 2, Due: at, Until: at,
				Quarantined: true}}, Tried: []Tried{{Campaign: "c2", Refusal: lead.Closed}}, Woken: &at,
			Left: &Place{Since: at, Due: at, Campaign: "c1", Refusal: lead.Closed}, By: "eve", Why: "<why>"},
		&Adjusted{Head: h(KindAdjusted), Adjustment: AdjustPaused, Subject: "buyer:b", Why: "<why>"},
	} {
		b := e.AppendJSON(nil)
		got, err := Decode(b)
		if err != nil {
			t.Fatalf("%s\n%v", b, err)
		}
		if !reflect.DeepEqual(got, e) {
			t.Errorf("wrote %s\n got %+v\nwant %+v", b, got, e)
		}
	}
}

func TestTimesReadAsTheStandardLibraryWritesThem(t *testing.T) {
	times := []time.Time{{}, time.Unix(0, 0), time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC),
		time.Date(12345, 1, 2, 3, 4, 5, 0, time.UTC)}
	for i := range 2000 {
		times = append(times, time.Unix(int64(i)*3_000_017, int64(i)*7919_000).In(time.FixedZone("", i)))
	}
	for _, at := range times {
		want := at.UTC().Format(`"2006-01-02T15:04:05.000000Z"`)
		if got := string(AppendTime(nil, at)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestStringsReadBack(t *testing.T) {
	all := make([]byte, 0, 512)
	for c := range 256 {
		all = append(all, byte(c), 'x')
	}
	for _, s := range []string{"", "plain", "é \u2028 \U0001f600", string(all)} {
		var got string
		b := AppendString(nil, s)
		if err := json.Unmarshal(b, &got); err != nil || got != strings.ToValidUTF8(s, "\ufffd") {
			t.Errorf("%s reads as %q, %v", b, got, err)
		}
	}
}
