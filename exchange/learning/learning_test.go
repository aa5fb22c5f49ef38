// SPDX-License-Identifier: Apache-2.0

package learning

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"clearpost/auction/value"
	"clearpost/lead"
	"clearpost/ledger"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// records makes events, one a minute, of lines such as "posting 1 a CA", "posted 1 accepted", "resolved 1 rejected" and
// "reported 1 returned". A number is an attempt's.
func records(t *testing.T, lines ...string) (out []ledger.Record) {
	t.Helper()
	at := map[string]*ledger.Posting{}
	for i, line := range lines {
		p := strings.Fields(line + " - -")
		now := start.Add(time.Duration(i) * time.Minute)
		head := ledger.Head{At: now, Lead: ledger.NewID(now), Vertical: "solar", Test: strings.Contains(line, " test")}
		var ev ledger.Event
		switch p[0] {
		case "posting", "resend":
			at[p[1]] = &ledger.Posting{Head: head, Attempt: ledger.NewID(now), Campaign: p[2], Segment: p[3],
				Price: 12 * lead.Unit}
			if p[0] == "resend" {
				at[p[1]].Again = ledger.AgainResend
			}
			ev = at[p[1]]
		case "posted":
			outcome, err := lead.ParseOutcome(p[2])
			if err != nil {
				t.Fatal(err)
			}
			posted := &ledger.Posted{Head: head, Attempt: at[p[1]].Attempt, Campaign: at[p[1]].Campaign,
				Outcome: outcome}
			if p[3] == "401" {
				posted.Status, posted.Refusal = 401, lead.ServerError
			}
			ev = posted
		case "resolved":
			outcome, err := lead.ParseOutcome(p[2])
			if err != nil {
				t.Fatal(err)
			}
			ev = &ledger.Adjusted{Head: head, Adjustment: ledger.AdjustResolved, Attempt: at[p[1]].Attempt,
				Campaign: at[p[1]].Campaign, Outcome: outcome}
		case "corrected":
			a := at[p[1]]
			is := map[string]lead.Outcome{"accepted": lead.Accepted, "rejected": lead.Rejected}
			was := lead.Accepted + lead.Rejected - is[p[2]]
			ev = &ledger.Adjusted{Head: head, Adjustment: ledger.AdjustCorrected, Attempt: a.Attempt, Outcome: is[p[2]],
				Campaign: a.Campaign, Segment: a.Segment, Bid: a.Price, Was: &ledger.Booked{Outcome: was}}
		case "reported":
			a := at[p[1]]
			ev = &ledger.Adjusted{Head: head, Adjustment: ledger.AdjustReported, Attempt: a.Attempt,
				Campaign: a.Campaign, Segment: a.Segment, Bid: a.Price, Fate: p[2]}
		default:
			t.Fatalf("unknown line %q", line)
		}
		kind := map[string]ledger.Kind{"posting": ledger.KindPosting, "resend": ledger.KindPosting,
			"posted": ledger.KindPosted}[p[0]]
		if kind == "" {
			kind = ledger.KindAdjusted
		}
		head.Kind = kind
		ev.Header().Kind = kind
		out = append(out, ledger.Record{Seq: uint64(i + 1), Kind: kind, Lead: head.Lead, At: now.UnixMicro(),
			Bytes: ev.AppendJSON(nil)})
	}
	return out
}

func rules() map[string]*value.Rules {
	r := value.Usual(value.On)
	return map[string]*value.Rules{"solar": &r}
}

// What each kind of end teaches, as tried, accepted, returned and billed of the campaign.
func TestWhatEventsTeach(t *testing.T) {
	for name, c := range map[string]struct {
		lines string
		want  string
	}{
		"accepted":              {"posting 1 a CA; posted 1 accepted", "1 1 0 0"},
		"a no":                  {"posting 1 a CA; posted 1 duplicate", "1 0 0 0"},
		"unknown":               {"posting 1 a CA; posted 1 unknown", "none"},
		"still on its way":      {"posting 1 a CA", "none"},
		"unknown, then sold":    {"posting 1 a CA; posted 1 unknown; resolved 1 accepted", "1 1 0 0"},
		"unknown, then refused": {"posting 1 a CA; posted 1 unknown; resolved 1 rejected", "1 0 0 0"},
		"told twice":            {"posting 1 a CA; posted 1 accepted; resolved 1 rejected", "1 1 0 0"},
		"no sale in truth":      {"posting 1 a CA; posted 1 accepted; corrected 1 rejected", "1 0 0 0"},
		"a sale in truth":       {"posting 1 a CA; posted 1 rejected; corrected 1 accepted", "1 1 0 0"},
		"there and back": {"posting 1 a CA; posted 1 accepted; corrected 1 rejected; corrected 1 accepted",
			"1 1 0 0"},
		"it never went out":     {"posting 1 a CA; posted 1 not_sent", "none"},
		"the token was refused": {"posting 1 a CA; posted 1 rejected 401", "none"},
		"a resend":              {"resend 1 a CA; posted 1 accepted", "none"},
		"a test":                {"posting 1 a test; posted 1 accepted", "none"},
		"returned":              {"posting 1 a CA; posted 1 accepted; reported 1 returned", "1 1 1 0"},
		"paid":                  {"posting 1 a CA; posted 1 accepted; reported 1 paid", "1 1 0 1"},
		"returned and unpaid": {"posting 1 a CA; posted 1 accepted; reported 1 returned; reported 1 unpaid",
			"1 1 1 1"},
	} {
		l := New(rules())
		for _, r := range records(t, strings.Split(c.lines, "; ")...) {
			l.Take(r)
		}
		got := "none"
		if rows := l.Rows("solar", "a"); len(rows) > 0 {
			r := rows[0]
			got = fmt.Sprint(r.Tries/1000, r.Sales/1000, r.Returns/1000, r.Bills/1000)
		}
		if got != c.want || l.Unread() != 0 {
			t.Errorf("%s: it has taught %s, %d unread: expected %s", name, got, l.Unread(), c.want)
		}
	}
}

// A learner that was put away at any event, and taken out again, learns the same; one of other rules begins anew.
func TestKeptAtAnyEvent(t *testing.T) {
	all := records(t, "posting 1 a CA", "posting 2 b TX", "posted 1 unknown", "posted 2 accepted", "reported 2 unpaid",
		"posting 3 a TX", "resolved 1 accepted", "posted 3 rejected")
	whole := New(rules())
	for _, r := range all {
		whole.Take(r)
	}
	for cut := range all {
		l := New(rules())
		for _, r := range all[:cut] {
			l.Take(r)
		}
		b, err := l.Save(start)
		if err == nil {
			l, err = Restore(b, rules())
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range all[cut:] {
			l.Take(r)
		}
		if !reflect.DeepEqual(l.Tables(), whole.Tables()) || l.Next() != whole.Next() {
			t.Errorf("kept after %d events it has learned something else", cut)
		}
	}
	other := rules()
	other["solar"].HalfLife = time.Hour
	more := rules()
	more["auto"] = more["solar"]
	b, err := whole.Save(start)
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]map[string]*value.Rules{"other rules": other, "another vertical": more} {
		if _, err := Restore(b, r); err == nil {
			t.Errorf("%s: it is restored", name)
		}
	}
	if _, err := Restore(b[:len(b)-1], rules()); err == nil {
		t.Error("a part is restored")
	}
}
