// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestCleanHistory(t *testing.T) {
	r := clean(t).judge()
	if !r.OK || r.Verdict() != "ok" {
		t.Fatalf("%s\n%+v", r.Verdict(), r.Findings)
	}
	c := r.Counts
	want := map[string]int{"accepted": 8, "unknown": 1, "refused": 2, "not_sent": 1}
	if !maps.Equal(c.Attempts, want) {
		t.Errorf("attempts %v, want %v", c.Attempts, want)
	}
	if c.Sales != 8 || c.Revenue != 144*unit || c.Payout != 120*unit || c.PriceDrops != 1 || c.Losses != 1 ||
		c.BookedOnly != 1 || c.Leads != 11 || c.Quoted != 9 {
		t.Errorf("counts %+v", c)
	}
	if c.Shipped != len(clean(t).events) || c.Receipts != 11 || c.Answers["post success"] != 6 ||
		c.Answers["lead status 503"] != 1 {
		t.Errorf("counts %+v", c)
	}
}

// TestViolations changes one thing of the clean history and expects exactly the findings of that.
func TestViolations(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(h *history)
		want   []string
	}{
		{"torn event", func(h *history) {
			h.events = append(h.events, ev{"raw": `{"kind":"pinged"`})
		}, []string{RuleUnreadable, RuleShippedUnknown}},
		{"unknown kind", func(h *history) { h.add("guessed", unwanted, nil) }, []string{RuleUnreadable}},
		{"no lead", func(h *history) { delete(h.of("pinged", unwanted, 0), "lead_id") }, []string{RuleUnreadable}},
		{"event twice", func(h *history) {
			h.events = append(h.events, h.events[len(h.events)-1])
		}, []string{RuleEventTwice}},
		{"ping twice", func(h *history) {
			h.add("pinged", unwanted, ev{"mode": "ping", "result": "failure"})
		}, []string{RulePingTwice}},
		{"ping lost", func(h *history) {
			h.drop("pinged", exclusive, 0)
		}, []string{RuleNoPing, RuleNoPing, RuleAnswerUnknown, RuleAnswerUnknown}},
		{"quote is not the sum", func(h *history) {
			h.of("pinged", lost, 0)["price_micros"] = int64(15 * unit)
			h.answers[findAnswer(h, lost, OpPing)].Price = 15 * unit
		}, []string{RuleQuoteSum}},
		{"quote above the price", func(h *history) {
			h.of("pinged", lost, 0)["bids"].([]ev)[0]["price_micros"] = int64(15 * unit)
		}, []string{RuleMargin}},
		{"posted without a quote", func(h *history) {
			h.posting(unwanted, 50, sunco)
			h.posted(unwanted, 50, sunco, "rejected")
		}, []string{RuleNoQuote}},
		{"posted after the quote's end", func(h *history) {
			h.of("posting", exclusive, 0)["post"] = ev{"received_at": h.at.Add(time.Hour).Format(time.RFC3339Nano)}
		}, []string{RuleQuoteExpired}},
		{"quote broken", func(h *history) { scale(h, exclusive, 15*unit) }, []string{RuleQuoteBroken}},
		{"payout above the bid", func(h *history) {
			h.of("posting", lost, 0)["payout_micros"] = int64(21 * unit)
		}, []string{RuleMargin}},
		{"sold at a loss", func(h *history) { scale(h, oneShot, 21*unit) }, []string{RuleMargin}},
		{"paid by other terms than those of the posting", func(h *history) {
			h.of("posting", oneShot, 0)["terms"] = ev{"margin_ppm": 990_000, "margin_fixed_micros": 0,
				"payout_follows": true, "post_price": false}
		}, []string{RulePayout}},
		{"paid by another band than that of its price", func(h *history) {
			h.of("posting", oneShot, 0)["terms"] = ev{"margin_ppm": 200_000, "margin_fixed_micros": 0,
				"margin_bands": []ev{{"from_micros": 20 * unit, "margin_ppm": 100_000, "margin_fixed_micros": 0,
					"margin_minimum_micros": 0}}, "payout_follows": true, "post_price": false}
		}, []string{RulePayout}},
		{"paid without the least margin", func(h *history) {
			h.of("posting", oneShot, 0)["terms"] = ev{"margin_ppm": 200_000, "margin_fixed_micros": 0,
				"margin_minimum_micros": 5 * unit, "payout_follows": true, "post_price": false}
		}, []string{RulePayout}},
		{"sold below the quote, and the payout does not follow", func(h *history) {
			scale(h, exclusive, 15*unit)
			h.of("posting", exclusive, 0)["terms"] = ev{"margin_ppm": 200_000, "margin_fixed_micros": 0,
				"payout_follows": false, "post_price": false}
		}, []string{RuleQuoteBroken}},
		{"attempt id used twice", func(h *history) {
			h.posting(lost, 6, moon)
		}, []string{RuleAttemptTwice}},
		{"ended without a posting", func(h *history) {
			h.add("posted", refusedBy, ev{"attempt": attemptN(77), "campaign": "c2", "buyer": "moon",
				"outcome": "rejected"})
		}, []string{RuleNoPosting}},
		{"ended as another lead's", func(h *history) {
			h.add("posted", refusedBy, ev{"attempt": attemptN(6), "campaign": "c1", "buyer": "sunco",
				"outcome": "rejected"})
		}, []string{RuleNoPosting}},
		{"ended twice", func(h *history) {
			h.add("posted", refusedBy, ev{"attempt": attemptN(9), "campaign": "c2", "buyer": "moon",
				"outcome": "accepted"})
		}, []string{RuleEndedTwice}},
		{"resolved after it was accepted", func(h *history) {
			h.add("adjusted", exclusive, ev{"adjustment": "resolved", "attempt": attemptN(1), "campaign": "c1",
				"buyer": "sunco", "outcome": "rejected"})
		}, []string{RuleEndedTwice}},
		{"no terms", func(h *history) { h.of("posting", lost, 0)["max_sold"] = 0 }, []string{RuleTerms}},
		{"strange outcome", func(h *history) {
			h.of("posted", lost, 0)["outcome"] = "perhaps"
		}, []string{RuleUnreadable}},
		{"exclusive and unknown, then sent on", func(h *history) {
			h.posting(lost, 51, moon)
			h.posted(lost, 51, moon, "rejected")
		}, []string{RuleOversold, RuleSentOn}},
		{"sent on while the answer of another is awaited", func(h *history) { twoMore(h, 0) }, []string{RuleSentOn}},
		{"exclusive and sold, then sent on", func(h *history) {
			h.posting(exclusive, 51, moon)
			h.posted(exclusive, 51, moon, "rejected")
		}, []string{RuleOversold}},
		{"a second slot beyond max_sold of the first", func(h *history) {
			h.of("posting", shared, 0)["max_sold"] = 1
		}, []string{RuleOversold}},
		{"a second slot beyond max_sold of the second", func(h *history) {
			h.of("posting", shared, 1)["max_sold"] = 1
		}, []string{RuleOversold}},
		{"a slot beyond the sell limit", func(h *history) {
			h.of("posting", shared, 1)["sell_limit"] = 1
		}, []string{RuleOversold}},
		{"the same buyer again", func(h *history) {
			x := soldTerms{"sunco", "c1", 20 * unit, 9, 9}
			h.of("posting", shared, 1)["max_sold"] = 9
			h.posting(shared, 52, x)
			h.posted(shared, 52, x, "rejected")
		}, []string{RuleSameBuyer}},
		{"cap passed, twice", func(h *history) { h.caps[2].Max = 4 }, []string{RuleCapPassed, RuleCapPassed}},
		{"cap passed by an unknown", func(h *history) {
			h.caps[1].Max = 2
			keep(h, exclusive, shared, lost)
		}, []string{RuleCapPassed}},
		{"charge missing", func(h *history) {
			h.of("posting", lost, 0)["charges"] = h.charges(sunco)[1:]
			h.of("posted", lost, 0)["charges"] = h.charges(sunco)[1:]
		}, []string{RuleChargeMissing}},
		{"charge of somebody else", func(h *history) {
			ch := append(h.charges(sunco), h.charges(moon)[0])
			h.of("posting", lost, 0)["charges"], h.of("posted", lost, 0)["charges"] = ch, ch
		}, []string{RuleChargeUnknown}},
		{"charge in the wrong zone's day", func(h *history) {
			for _, e := range []ev{h.of("posting", lost, 0), h.of("posted", lost, 0)} {
				e["charges"].([]ev)[0]["window"] = "2026-11-24"
			}
		}, []string{RuleChargeWindow}},
		{"charge in the wrong hour", func(h *history) {
			for _, e := range []ev{h.of("posting", lost, 0), h.of("posted", lost, 0)} {
				e["charges"].([]ev)[1]["window"] = "2026-11-23T13+00:00"
			}
		}, []string{RuleChargeWindow}},
		{"charges changed", func(h *history) {
			h.of("posted", lost, 0)["charges"] = h.charges(sunco)[1:]
		}, []string{RuleChargeChanged}},
		{"settled with a wrong payout", func(h *history) {
			h.of("settled", shared, 0)["payout_micros"] = int64(23 * unit)
			h.last(shared).Price = 23 * unit
		}, []string{RuleSettledSum}},
		{"settled with a wrong revenue", func(h *history) {
			h.of("settled", exclusive, 0)["revenue_micros"] = int64(1)
		}, []string{RuleSettledSum}},
		{"settled with a refused attempt", func(h *history) {
			h.of("posted", exclusive, 0)["outcome"] = "rejected"
			h.booked(exclusive, 0).Accepted = false
		}, []string{RuleSettledSale}},
		{"settled with other figures", func(h *history) {
			h.of("settled", exclusive, 0)["sales"].([]ev)[0]["reference"] = "other"
			h.last(exclusive).Reference = "other"
		}, []string{RuleSettledSale}},
		{"settled with a stranger", func(h *history) {
			h.of("settled", exclusive, 0)["sales"].([]ev)[0]["attempt"] = attemptN(2)
		}, []string{RuleSettledSale, RuleSaleNotSettled}},
		{"sale left out of the settlement", func(h *history) {
			e := h.of("settled", shared, 0)
			e["sales"] = e["sales"].([]ev)[:1]
			e["payout_micros"], e["revenue_micros"] = int64(16*unit), int64(20*unit)
			h.last(shared).Price, h.last(shared).Sales = 16*unit, nil
		}, []string{RuleSaleNotSettled}},
		{"failure while unknown", func(h *history) {
			h.settled(lost, OpPost, "failure")
		}, []string{RuleSettledOpen, RuleAnswerFailure}},
		{"success withdrawn", func(h *history) {
			h.settled(exclusive, OpPost, "failure")
			h.answers = h.answers[:len(h.answers)-1]
		}, []string{RuleSuccessWithdrawn, RuleSaleNotSettled}},
		{"success without sales", func(h *history) {
			h.of("settled", refusedBy, 0)["result"] = "success"
			h.answers = slices.Delete(h.answers, findAnswer(h, refusedBy, OpPost), findAnswer(h, refusedBy, OpPost)+1)
		}, []string{RuleSettledEmpty}},
		{"the buyer does not have it", func(h *history) {
			h.booked(exclusive, 0).Accepted = false
		}, []string{RuleNotInBook}},
		{"the buyer never saw it", func(h *history) {
			h.receipts = slices.DeleteFunc(h.receipts, func(r Receipt) bool { return r.Lead == leadN(exclusive) })
		}, []string{RuleNotInBook}},
		{"the buyer has another price", func(h *history) {
			h.booked(exclusive, 0).Price = 19 * unit
		}, []string{RuleBookPrice}},
		{"the buyer has another reference", func(h *history) {
			h.booked(exclusive, 0).Reference = "x"
		}, []string{RuleBookReference}},
		{"the buyer saw it twice", func(h *history) {
			h.seen(exclusive, 1, sunco, false)
		}, []string{RuleSentTwice}},
		{"the buyer bought it twice", func(h *history) {
			h.seen(exclusive, 1, sunco, true)
		}, []string{RuleBookTwice, RuleSentTwice}},
		{"the buyer saw what was not sent", func(h *history) {
			h.seen(unsent, 10, sunco, false)
		}, []string{RuleNotSentArrived}},
		{"the buyer saw what was never posted", func(h *history) {
			h.seen(unwanted, 60, sunco, false)
		}, []string{RuleBookNoPosting}},
		{"the buyer accepted what we took for a no", func(h *history) {
			h.booked(second, 0).Accepted = true
		}, []string{RuleRefusedInLedger}},
		{"a post without a lead", func(h *history) {
			h.receipts = append(h.receipts, Receipt{Buyer: "sunco"})
		}, []string{RuleBookNoLead}},
		{"a quote that was answered and is not there", func(h *history) {
			h.answers = append(h.answers, Answer{Op: OpPing, Status: 200, Result: "success", Lead: leadN(999),
				Price: unit})
		}, []string{RuleAnswerUnknown}},
		{"a quote that differs", func(h *history) {
			h.answers[findAnswer(h, exclusive, OpPing)].Price = 17 * unit
		}, []string{RuleAnswerFigures}},
		{"a success that is not there", func(h *history) {
			h.drop("settled", oneShot, 0)
		}, []string{RuleSaleNotSettled, RuleAnswerUnknown}},
		{"a success with another payout", func(h *history) {
			h.last(exclusive).Price = 17 * unit
		}, []string{RuleAnswerFigures}},
		{"a success with another reference", func(h *history) {
			h.last(exclusive).Reference = "x"
		}, []string{RuleAnswerFigures}},
		{"a success that hides a sale", func(h *history) { h.last(shared).Sales = nil }, []string{RuleAnswerFigures}},
		{"a failure of a sold lead", func(h *history) {
			h.answers = append(h.answers, Answer{Source: "s1", Op: OpPost, Status: 200, Result: "failure",
				Reason: "rejected", Lead: leadN(exclusive)})
		}, []string{RuleAnswerFailure}},
		{"a failure of an unknown lead", func(h *history) {
			h.answers = append(h.answers, Answer{Source: "s1", Op: OpPost, Status: 200, Result: "failure",
				Reason: "rejected", Lead: leadN(lost)})
		}, []string{RuleAnswerFailure}},
		{"a failure for another reason", func(h *history) {
			h.last(refusedBy).Reason = "no_bids"
		}, []string{RuleAnswerUnknown}},
		{"pending and nothing is", func(h *history) {
			h.answers = append(h.answers, Answer{Source: "s1", Op: OpPost, Status: 202, Result: "pending",
				Lead: leadN(unwanted)})
		}, []string{RuleAnswerPending}},
		{"pending and forgotten", func(h *history) {
			h.of("posted", lost, 0)["outcome"] = "rejected"
			h.booked(lost, 0).Accepted = false
		}, []string{RuleAnswerPending}},
		{"one key, two sales", func(h *history) {
			h.last(exclusive).Key, h.last(second).Key = "k", "k"
		}, []string{RuleKeyTwice}},
		{"not shipped", func(h *history) {
			h.shipped = func(l [][]byte) [][]byte { return l[1:] }
		}, []string{RuleNotShipped}},
		{"shipped with other bytes", func(h *history) {
			h.shipped = func(l [][]byte) [][]byte {
				l = slices.Clone(l)
				l[0] = bytes.Replace(l[0], []byte(`"result":"success"`), []byte(`"result":"failure"`), 1)
				return l
			}
		}, []string{RuleShippedDiffers}},
		{"shipped from nowhere", func(h *history) {
			h.shipped = func(l [][]byte) [][]byte {
				return append(slices.Clone(l), []byte(`{"event_id":"`+leadN(5)+`"}`))
			}
		}, []string{RuleShippedUnknown}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := clean(t)
			c.change(h)
			r := h.judge()
			var got []string
			for _, f := range r.Findings {
				got = append(got, f.Rule)
			}
			slices.Sort(got)
			slices.Sort(c.want)
			if !slices.Equal(got, c.want) || r.OK {
				t.Fatalf("found %v, want %v\n%v", got, c.want, r.Findings)
			}
			if v := r.Verdict(); !strings.Contains(v, r.Findings[0].Rule) {
				t.Errorf("verdict %q", v)
			}
		})
	}
}

// scale changes what the sale of a lead pays, everywhere.
func scale(h *history, lead int, payout int64) {
	h.of("posted", lead, 0)["payout_micros"] = payout
	s := h.of("settled", lead, 0)
	s["payout_micros"] = payout
	s["sales"].([]ev)[0]["payout_micros"] = payout
	h.last(lead).Price = payout
}

// keep leaves only these leads.
func keep(h *history, leads ...int) {
	stays := func(id any) bool {
		for _, l := range leads {
			if id == leadN(l) {
				return true
			}
		}
		return false
	}
	h.events = slices.DeleteFunc(h.events, func(e ev) bool { return !stays(e["lead_id"]) })
	h.receipts = slices.DeleteFunc(h.receipts, func(r Receipt) bool { return !stays(r.Lead) })
	h.answers = slices.DeleteFunc(h.answers, func(a Answer) bool { return !stays(a.Lead) })
}

func findAnswer(h *history, lead int, op string) int {
	h.t.Helper()
	for i, a := range h.answers {
		if a.Lead == leadN(lead) && a.Op == op {
			return i
		}
	}
	h.t.Fatalf("no %s answer of lead %d", op, lead)
	return 0
}

// What a configuration allows is no finding: a sale below the quote whose payout follows its price, a margin in bands
// with a minimum, and a loss.
func TestMarginsAreHeldToTheirTerms(t *testing.T) {
	terms := func(more ev) ev {
		out := ev{"margin_ppm": 250_000, "margin_fixed_micros": 0, "payout_follows": true, "post_price": false}
		for k, v := range more {
			out[k] = v
		}
		return out
	}
	for name, change := range map[string]func(h *history){
		"below the quote": func(h *history) {
			scale(h, exclusive, 15*unit)
			h.of("posting", exclusive, 0)["terms"] = terms(nil)
		},
		"bands": func(h *history) {
			h.of("posting", oneShot, 0)["terms"] = terms(ev{"margin_bands": []ev{{"from_micros": 10 * unit,
				"margin_ppm": 100_000, "margin_fixed_micros": 0, "margin_minimum_micros": 4 * unit}}})
		},
		"a loss": func(h *history) {
			scale(h, oneShot, 21*unit)
			h.of("posting", oneShot, 0)["terms"] = terms(ev{"margin_ppm": -50_000, "margin_loss": true})
		},
	} {
		h := clean(t)
		change(h)
		if r := h.judge(); !r.OK {
			t.Errorf("%s: %s", name, r.Verdict())
		}
	}
}

func TestReleasedChargesCount(t *testing.T) {
	// c2's buyer accepts or may accept five; the refused one in between gives its place back.
	h := clean(t)
	h.caps[5].Max = 4
	if r := h.judge(); !r.OK || r.Counts.FullCaps != 1 {
		t.Fatalf("%s, full %d", r.Verdict(), r.Counts.FullCaps)
	}
	h.caps[5].Max = 3
	if r := h.judge(); r.OK || r.ByRule[RuleCapPassed] != 2 {
		t.Fatal(r.Verdict())
	}
}

// Windows of every kind are counted, days together, and the limit of a window is that of the day on which it begins.
func TestWindowsOfEveryKind(t *testing.T) {
	moons := func(per, window string, most int64, more ...Cap) (string, []Cap) {
		caps := append([]Cap{{Who: "buyer:moon", Per: per, Max: most}}, more...)
		return window, caps
	}
	for _, c := range []struct {
		name   string
		passed int
		with   func() (window string, caps []Cap)
	}{
		{"weeks from Sunday", 2, func() (string, []Cap) {
			w, caps := moons("week", "2026-11-22w", 3)
			caps[0].WeekFrom = 6
			return w, caps
		}},
		{"month", 2, func() (string, []Cap) { return moons("month", "2026-11", 3) }},
		{"Monday", 2, func() (string, []Cap) {
			w, caps := moons("day", "2026-11-23", 9)
			caps[0].Weekdays = map[time.Weekday]int64{time.Monday: 3, time.Tuesday: 1}
			return w, caps
		}},
		{"a day, and two together", 2, func() (string, []Cap) {
			return moons("day", "2026-11-23", 4, Cap{Who: "buyer:moon", Per: "day", Days: 2, Max: 3})
		}},
	} {
		h := clean(t)
		window, caps := c.with()
		h.caps = append(h.caps[:5], caps...)
		for _, e := range h.events {
			if ch, ok := e["charges"].([]ev); ok {
				for _, x := range ch {
					if x["cap"] == "buyer:moon:total" {
						x["cap"], x["window"] = "buyer:moon:"+caps[0].Per, window
					}
				}
			}
		}
		if r := h.judge(); r.ByRule[RuleCapPassed] != c.passed || len(r.ByRule) != 1 {
			t.Errorf("%s: %s", c.name, r.Verdict())
		}
	}
}

func TestHoldBeforeTheHour(t *testing.T) {
	h := clean(t)
	h.at = time.Date(2026, 11, 23, 15, 59, 59, 995_000_000, time.UTC)
	h.ping(200, 16*unit, "ping")
	before := h.charges(sunco)
	h.at = h.at.Add(time.Millisecond)
	h.posting(200, 200, sunco)["charges"] = before
	h.posted(200, 200, sunco, "rejected")["charges"] = before
	h.settled(200, OpPost, "failure")
	if r := h.judge(); !r.OK {
		t.Fatal(r.Verdict())
	}
}

func TestDaylightSaving(t *testing.T) {
	c := capState{Cap: Cap{Per: "hour"}, zone: mustZone(t, "America/New_York")}
	first := c.windowName(time.Date(2026, 11, 1, 5, 30, 0, 0, time.UTC))
	again := c.windowName(time.Date(2026, 11, 1, 6, 30, 0, 0, time.UTC))
	if first != "2026-11-01T01-04:00" || again != "2026-11-01T01-05:00" {
		t.Errorf("%s and %s", first, again)
	}
	c.Per = "week"
	if sunday := c.windowName(time.Date(2027, 1, 4, 4, 59, 0, 0, time.UTC)); sunday != "2026-W53" {
		t.Errorf("a Sunday in New York lies in %s", sunday)
	}
}

func TestFindingsAreBoundedAndCounted(t *testing.T) {
	r, err := Run(Input{Events: func(each func([]byte) error) error {
		for range 10 {
			if err := each([]byte("x")); err != nil {
				return err
			}
		}
		return nil
	}}, Options{FindingsMax: 4})
	if err != nil || len(r.Findings) != 4 || r.ByRule[RuleUnreadable] != 10 ||
		!strings.HasSuffix(r.Verdict(), "; and 7 more") {
		t.Fatalf("%v %+v %s", err, r, r.Verdict())
	}
}

func TestInputErrors(t *testing.T) {
	bad := errors.New("bad disk")
	if _, err := Run(Input{}, Options{}); err == nil {
		t.Error("no events, no error")
	}
	_, err := Run(Input{Events: func(func([]byte) error) error { return bad }}, Options{})
	if !errors.Is(err, bad) {
		t.Errorf("%v", err)
	}
	for _, o := range []Options{{Caps: []Cap{{Who: "x", Per: "year"}}},
		{Caps: []Cap{{Who: "x", Per: "day", Zone: "No/Where"}}},
		{Caps: []Cap{{Who: "x", Per: "day"}, {Who: "x", Per: "day"}}}} {
		if _, err := Run(Input{Events: Values[[]byte](nil)}, o); err == nil {
			t.Errorf("%+v: no error", o)
		}
	}
}

func TestStreamsFromText(t *testing.T) {
	h := clean(t)
	var events, receipts, answers bytes.Buffer
	put := func(w io.Writer, v any) {
		if err := json.NewEncoder(w).Encode(v); err != nil {
			t.Fatal(err)
		}
	}
	for _, e := range h.events {
		put(&events, e)
	}
	for _, r := range h.receipts {
		put(&receipts, r)
	}
	for _, a := range h.answers {
		put(&answers, a)
	}
	answers.WriteByte('\n')
	in := Input{Events: Lines(&events), Receipts: JSONLines[Receipt](&receipts), Answers: JSONLines[Answer](&answers)}
	r, err := Run(in, Options{Caps: h.caps})
	if err != nil || !r.OK || r.Counts.Receipts != len(h.receipts) {
		t.Fatalf("%v %s", err, r.Verdict())
	}
	if err := JSONLines[Answer](strings.NewReader("{"))(func(Answer) error { return nil }); err == nil {
		t.Error("a torn line was read")
	}
}

// Attempts that say so may go out at the same time.
func TestAttemptsAtTheSameTime(t *testing.T) {
	h := clean(t)
	twoMore(h, 1)
	if r := h.judge(); !r.OK {
		t.Errorf("found %v", r.Findings)
	}
}

// twoMore adds two attempts of a shared lead, the second one while the first is open.
func twoMore(h *history, round int) {
	for i := range 2 {
		h.of("posting", shared, i)["max_sold"], h.of("posting", shared, i)["sell_limit"] = 9, 9
	}
	more := []soldTerms{{"third", "c3", 20 * unit, 9, 9}, {"fourth", "c4", 20 * unit, 9, 9}}
	for i, tm := range more {
		p := h.posting(shared, 52+i, tm)
		p["round"], p["charges"] = round, []ev{}
	}
	for i, tm := range more {
		h.posted(shared, 52+i, tm, "rejected")
		h.of("posted", shared, 2+i)["charges"] = []ev{}
	}
}
