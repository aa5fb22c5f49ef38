// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"clearpost/lead"
)

// forced stores what Append would not: an event as an older version wrote it.
func (l *Ledger) forced(t *testing.T, e Event, text string) {
	t.Helper()
	f := e.Facts()
	g := &group{entries: []entry{{fact: factOf(&f)}}}
	g.entries[0].log.Data = appendRecord(nil, asText{e, text})
	b, err := l.gather.join(g)
	if err != nil {
		t.Fatal(err)
	}
	<-b.done
}

// asText is an event that is encoded as some text.
type asText struct {
	Event
	text string
}

func (e asText) AppendJSON(dst []byte) []byte { return append(dst, e.text...) }

// A log with records that cannot be read opens without views: times of other ages are bounded, and of the rest what is
// plain counts.
func TestRecordsThatCannotBeReadStopNothing(t *testing.T) {
	dir := t.TempDir()
	l, err := open(testConfig(t, dir), quick())
	if err != nil {
		t.Fatal(err)
	}
	for i, year := range []string{"10000-01-01T04:59:59.000000Z", "-001-12-31T19:00:00.000000Z"} {
		p := ping(testID(1, i))
		p.ExpiresAt = testAt
		l.forced(t, p, strings.ReplaceAll(string(p.AppendJSON(nil)), `"expires_at":"2026-11-23T10:00:00.000000Z"`,
			`"expires_at":"`+year+`"`))
	}
	charged := posting(testID(1, 7), testID(2, 7), oneCharge("c"))
	l.forced(t, charged, strings.Replace(string(charged.AppendJSON(nil)), `"rank":1`, `"rank":"first"`, 1))
	l.forced(t, ping(testID(1, 8)), "{ no JSON")
	mustAppend(t, l, ping(testID(1, 9)))
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(dir, "views")); err != nil {
		t.Fatal(err)
	}
	l = mustOpen(t, testConfig(t, dir), quick())
	if n := l.Stats().Unreadable; n != 2 {
		t.Errorf("%d records were set apart, want 2", n)
	}
	open, err := l.Unresolved()
	if err != nil || len(open) != 1 || open[0].Attempt != charged.Attempt || counts(l)["c 2026-11-23"] != 1 {
		t.Errorf("open %+v (%v), counts %v: the attempt lost its hold", open, err, counts(l))
	}
	for i := range 10 {
		recs, err := l.Lead(testID(1, i))
		if err != nil {
			t.Error(err)
		}
		for _, r := range recs {
			if _, err := Decode(r.Bytes); (err != nil) != (i == 7 || i == 8) {
				t.Errorf("lead %d: %v", i, err)
			}
		}
	}
	if err := l.forget(1, 6); err != nil {
		t.Errorf("retention: %v", err)
	}
}

func TestTimesThatCannotBeReadBackAreRefused(t *testing.T) {
	l := mustOpen(t, testConfig(t, t.TempDir()), quick())
	for _, at := range []time.Time{time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(-1, 1, 1, 0, 0, 0, 0,
		time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 0, time.FixedZone("", -5*3600))} {
		bid, quote, got := ping(testID(1, 1)), ping(testID(1, 1)), ping(testID(1, 1))
		bid.Bids, quote.ExpiresAt, got.ReceivedAt = []Bid{{Campaign: "c", Expires: at}}, at, at
		for _, e := range []Event{bid, quote, got, &Settled{Head: head(KindSettled, testID(1, 1)),
			Post: &Post{ReceivedAt: at}}} {
			if err := l.Append(e); err == nil || !strings.Contains(err.Error(), "expected 1970 to 9998") {
				t.Errorf("%v: %v", at, err)
			}
		}
	}
	if n := l.LastSeq(); n != 0 {
		t.Errorf("%d events were stored", n)
	}
}

// Whatever Append stores reads back: with any text, number and time.
func TestWhatIsStoredDecodes(t *testing.T) {
	l := mustOpen(t, testConfig(t, t.TempDir()), quick())
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String()
		at := func(name string) time.Time {
			return time.UnixMicro(rapid.Int64Range(-80e15, 260e15).Draw(t, name)).In(time.FixedZone("",
				rapid.IntRange(-14, 14).Draw(t, "zone")*3600))
		}
		money := func(name string) lead.Money { return lead.Money(rapid.Int64().Draw(t, name)) }
		h := head(KindPinged, testID(1, rapid.IntRange(0, 1000).Draw(t, "lead")))
		h.At, h.Source = at("at"), text.Draw(t, "source")
		priv := Private{Fields: Fields{{text.Draw(t, "name"), text.Draw(t, "value")}}, Person: text.Draw(t, "person"),
			Request: &Body{Text: text.Draw(t, "request")}}
		events := []Event{
			&Pinged{Head: h, ReceivedAt: at("received"), ExpiresAt: at("expires"), Price: money("price"),
				Details: text.Draw(t, "details"), Private: priv,
				Bids: []Bid{{Campaign: text.Draw(t, "campaign"), Token: text.Draw(t, "token"), Price: money("bid"),
					Expires: at("bid expires")}}},
			&Posting{Head: h, Price: money("price"), Private: priv, Post: &Post{ReceivedAt: at("post"),
				SellerLeadID: text.Draw(t, "seller")}},
			&Posted{Head: h, Reason: text.Draw(t, "reason"), Price: money("price"), AnswerPrice: money("answer"),
				Private: priv},
			&Settled{Head: h, Details: text.Draw(t, "said"), Payout: money("payout"), Private: priv},
			&Adjusted{Head: h, Why: text.Draw(t, "why"), Price: money("price")},
		}
		for i, e := range events {
			e.Header().Kind = kinds[i+1]
			before := l.LastSeq()
			if l.Append(e) != nil {
				if l.LastSeq() != before {
					t.Fatal("refused, and stored")
				}
				continue
			}
			rec, err := l.journal.read(l.LastSeq())
			if err != nil {
				t.Fatal(err)
			}
			back, err := Decode(rec.Bytes)
			if err != nil || reflect.TypeOf(back) != reflect.TypeOf(e) {
				t.Fatalf("%s: %v", rec.Bytes, err)
			}
			if !sameText(back, e) {
				t.Fatalf("another event comes back: %s", rec.Bytes)
			}
		}
	})
}

// sameText tells whether two events are the same once encoded.
func sameText(a, b Event) bool { return string(a.AppendJSON(nil)) == string(b.AppendJSON(nil)) }
