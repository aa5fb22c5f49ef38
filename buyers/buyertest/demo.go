// SPDX-License-Identifier: Apache-2.0

package buyertest

import (
	"strconv"
	"time"

	"clearpost/lead"
)

// DemoAddr is where the example configuration expects the six demo buyers.
const DemoAddr = "127.0.0.1:9700"

// Demo is the six buyers of the example configuration: formats unlike each other, realistic latencies, and now and then
// a fault. A request carries the exchange's lead id in each buyer's own field for a partner's reference.
func Demo() []Script {
	return []Script{harborline(), leadspring(), matchpoint(), coverlane(), sunharvest(), brightroof()}
}

const ms = time.Millisecond

// words puts a buyer's own words in the place of reasons.
type words map[string]string

func (w words) of(d *Decision, otherwise string) string {
	if t, ok := w[d.Reason]; ok {
		return t
	}
	return otherwise
}

func number(from uint64) func(uint64) string {
	return func(n uint64) string { return strconv.FormatUint(from+n, 10) }
}

func prefixed(prefix string) func(uint64) string {
	return func(n uint64) string { return prefix + strconv.FormatUint(n, 10) }
}

// between gives one range to the requests that have this value in a field, another to the rest.
func between(path, value string, lo, hi, elseLo, elseHi lead.Money) func(*Request) (lead.Money, lead.Money) {
	return func(r *Request) (lead.Money, lead.Money) {
		if r.Get(path) == value {
			return lo * lead.Unit, hi * lead.Unit
		}
		return elseLo * lead.Unit, elseHi * lead.Unit
	}
}

// rejections are the reasons for which the demo buyers refuse a post, beside duplicates of their own.
var rejections = []Weighted{{ReasonNo, 80}, {ReasonDuplicate, 5}, {"phone", 8}, {"area", 4}, {"consent", 3}}

// harborline answers nested JSON with native types.
func harborline() Script {
	say := words{ReasonDuplicate: "duplicate", "phone": "invalid phone", "area": "territory closed",
		ReasonBadToken: "quoteRef unknown"}
	return Script{
		ID: "harborline", Lead: "requestId", Token: "quoteRef", Person: "contact.phone", Duplicates: true,
		Reference: prefixed("HB-L-"), Ping: Rule{Latency: LogNormal(40*ms, 160*ms), Yes: 0.8,
			Range: between("program", "preferred", 38, 60, 25, 44), Format: func(a *Answer, _ *Request, d *Decision) {
				if !d.Yes {
					a.Body = append(a.Body, `{"decision":"PASS","reason":"territory closed"}`...)
					return
				}
				a.Body = d.Price.Append(append(a.Body, `{"decision":"BID","bid":{"amount":`...))
				a.Body = appendText(append(a.Body, `,"currency":"USD"},"quoteRef":`...), d.Token)
				a.Body = append(a.Body, `,"expiresIn":300}`...)
			}},
		Post: Rule{Latency: LogNormal(60*ms, 240*ms), Yes: 0.85, Reasons: rejections,
			Format: func(a *Answer, _ *Request, d *Decision) {
				if !d.Yes {
					text := say.of(d, "failed underwriting prefill")
					if d.Reason == ReasonDuplicate && d.Reference != "" {
						text = "duplicate of " + d.Reference
					}
					a.Body = append(appendText(append(a.Body, `{"decision":"REJECT","reason":`...), text), '}')
					return
				}
				a.Body = appendText(append(a.Body, `{"decision":"ACCEPT","lead":{"id":`...), d.Reference)
				a.Body = append(d.Price.Append(append(a.Body, `,"price":`...)), "}}"...)
			}},
		PingFaults: map[Fault]float64{Fault500: 0.003},
	}
}

// leadspring takes forms with prefixed names and answers flat JSON with prices as text. It pays more for a lead alone.
func leadspring() Script {
	say := words{ReasonDuplicate: "Duplicate Lead", "phone": "Invalid Phone", "email": "Invalid Email",
		"consent": "Missing Consent", "quota": "Quota Reached", ReasonBadToken: "Unknown Ping Id"}
	answer := func(a *Answer, d *Decision, no, yes, name, id string) {
		if !d.Yes {
			a.Body = append(appendText(append(a.Body, `{"result":"failed","msg":`...), no), `,"price":"0.00"}`...)
			return
		}
		a.Body = appendText(append(a.Body, `{"result":"success","msg":`...), yes)
		a.Body = append(append(append(a.Body, `,"`...), name...), `":`...)
		a.Body = append(appendText(a.Body, id), `,"price":"`...)
		a.Body = append(d.Price.Append(a.Body), '"')
		if d.Alone > 0 {
			a.Body = d.Alone.Append(append(a.Body, `,"offers":[{"sold_to":1,"price":"`...))
			a.Body = appendText(append(a.Body, `","id":`...), d.AloneToken)
			a.Body = d.Price.Append(append(a.Body, `},{"sold_to":3,"price":"`...))
			a.Body = append(appendText(append(a.Body, `","id":`...), d.Token), `}]`...)
		}
		a.Body = append(a.Body, '}')
	}
	return Script{
		ID: "leadspring", Lead: "lp_s1", Token: "lp_ping_id", Person: "phone_home", Duplicates: true,
		Reference: prefixed("LS-"), Ping: Rule{Latency: LogNormal(90*ms, 300*ms), Yes: 0.85, Alone: 175,
			Range: between("lp_campaign_id", "LS-SOLAR", 18, 40, 12, 35), Format: func(a *Answer, _ *Request,
				d *Decision) {
				answer(a, d, "No coverage", "Ping Accepted", "lp_ping_id", d.Token)
			}},
		Post: Rule{Latency: LogNormal(120*ms, 400*ms), Yes: 0.8, Reasons: append([]Weighted{{"email", 4}, {"quota", 2}},
			rejections...), Format: func(a *Answer, _ *Request, d *Decision) {
			answer(a, d, say.of(d, "Lead Rejected"), "Lead Accepted", "lead_id", d.Reference)
		}},
		PingFaults: map[Fault]float64{FaultTornUnframed: 0.002, FaultClose: 0.002},
		PostFaults: map[Fault]float64{FaultClose: 0.002},
	}
}

// matchpoint is slow and declares its JSON as HTML.
func matchpoint() Script {
	say := words{ReasonDuplicate: "Duplicate lead", ReasonBadToken: "Invalid Lead_ID"}
	yes := func(a *Answer, d *Decision, id string) {
		a.Body = d.Price.Append(append(a.Body, `{"response":{"status":"Matched","price":"`...))
		a.Body = append(appendText(append(a.Body, `","lead_id":`...), id), "}}"...)
	}
	return Script{
		ID: "matchpoint", Lead: "Sub_ID", Token: "Lead_ID", TokenStyle: TokenNumber, Person: "Phone", Duplicates: true,
		Reference: number(8831900), Ping: Rule{Latency: LogNormal(350*ms, 1100*ms).WithTail(0.01, 3*time.Second),
			Yes: 0.75, Min: 10 * lead.Unit, Max: 45 * lead.Unit, Reasons: []Weighted{{ReasonNo, 19}, {"zip", 1}},
			Format: func(a *Answer, _ *Request, d *Decision) {
				a.Type = "text/html"
				switch {
				case d.Yes:
					yes(a, d, d.Token)
				case d.Reason == "zip":
					a.Body = append(a.Body, `{"response":{"status":"Error","error":"Invalid ZIP"}}`...)
				default:
					a.Body = append(a.Body, `{"response":{"status":"Unmatched"}}`...)
				}
			}},
		Post: Rule{Latency: LogNormal(450*ms, 1500*ms), Yes: 0.75, Reasons: rejections,
			Format: func(a *Answer, _ *Request, d *Decision) {
				a.Type = "text/html"
				if d.Yes {
					yes(a, d, d.Reference)
					return
				}
				a.Body = appendText(append(a.Body, `{"response":{"status":"Unmatched","error":`...),
					say.of(d, "No buyer took the lead"))
				a.Body = append(a.Body, "}}"...)
			}},
		PingFaults: map[Fault]float64{FaultHang: 0.002, FaultSilence: 0.003},
		PostFaults: map[Fault]float64{FaultSilentAccept: 0.001},
	}
}

// coverlane answers coded integers and prices with a currency sign, and sometimes pays less than it offered.
func coverlane() Script {
	return Script{
		ID: "coverlane", Lead: "subid", Token: "TXID", TokenStyle: TokenGUID, Person: "ph", Duplicates: true,
		Reference: prefixed("CL-"), PriceDrop: 150_000, Ping: Rule{Latency: LogNormal(120*ms, 400*ms), Yes: 0.75,
			Min: 15 * lead.Unit, Max: 40 * lead.Unit, Format: func(a *Answer, _ *Request, d *Decision) {
				if !d.Yes {
					a.Body = append(a.Body, `{"code":0,"offer":"$0.00","TXID":"","why":"no match"}`...)
					return
				}
				a.Body = d.Price.Append(append(a.Body, `{"code":1,"offer":"$`...))
				a.Body = append(appendText(append(a.Body, `","TXID":`...), d.Token), '}')
			}},
		Post: Rule{Latency: LogNormal(150*ms, 500*ms), Yes: 0.85, Reasons: rejections,
			Format: func(a *Answer, _ *Request, d *Decision) {
				switch {
				case d.Yes:
					a.Body = appendText(append(a.Body, `{"code":1,"confirmation":`...), d.Reference)
					a.Body = append(d.Price.Append(append(a.Body, `,"paid":"$`...)), `"}`...)
				case d.Reason == ReasonDuplicate:
					a.Body = append(a.Body, `{"code":2,"why":"DUPLICATED"}`...)
				case d.Reason == "phone":
					a.Body = append(a.Body, `{"code":3,"why":"BAD PHONE"}`...)
				case d.Reason == ReasonBadToken:
					a.Body = append(a.Body, `{"code":4,"why":"BAD TXID"}`...)
				default:
					a.Body = append(a.Body, `{"code":0,"why":"REJECTED"}`...)
				}
			}},
		PingFaults: map[Fault]float64{FaultTorn: 0.002, FaultInvalid: 0.002},
		PostFaults: map[Fault]float64{FaultPriceDrop: 0.03, FaultReset: 0.001},
	}
}

// sunharvest answers everything with HTTP 200 and prices in cents.
func sunharvest() Script {
	no := func(a *Answer, code, text string) {
		a.Body = appendText(append(a.Body, `{"status":"error","error":{"code":`...), code)
		a.Body = append(appendText(append(a.Body, `,"text":`...), text), "}}"...)
	}
	return Script{
		ID: "sunharvest", Lead: "lead.ref", Token: "pingToken", TokenStyle: TokenBase64, Person: "person.phone",
		Duplicates: true, Reference: prefixed("SH-"), Ping: Rule{Latency: LogNormal(70*ms, 250*ms), Yes: 0.8,
			Range: between("offer", "EX", 55, 95, 25, 45), Format: func(a *Answer, _ *Request, d *Decision) {
				if !d.Yes {
					no(a, "NO_MATCH", "outside service area")
					return
				}
				a.Body = appendText(append(a.Body, `{"status":"ok","payload":{"pingToken":`...), d.Token)
				a.Body = append(cents(append(a.Body, `,"offer":{"cents":`...), d.Price), "}}}"...)
			}},
		Post: Rule{Latency: LogNormal(90*ms, 300*ms), Yes: 0.85, Reasons: append([]Weighted{{"quota", 4}},
			rejections...), Format: func(a *Answer, _ *Request, d *Decision) {
			switch {
			case d.Yes:
				a.Body = appendText(append(a.Body, `{"status":"ok","payload":{"leadNumber":`...), d.Reference)
				a.Body = append(cents(append(a.Body, `,"cents":`...), d.Price), "}}"...)
			case d.Reason == ReasonDuplicate:
				no(a, "DUPLICATE", Words(d))
			case d.Reason == "phone":
				no(a, "BAD_PHONE", "number not in service")
			case d.Reason == "area":
				no(a, "AREA", "outside service area")
			case d.Reason == ReasonBadToken:
				no(a, "TOKEN", "token unknown or used")
			case d.Reason == "quota":
				no(a, "QUOTA", "daily quota reached")
			default:
				no(a, "REJECTED", "credit")
			}
		}},
		PingFaults: map[Fault]float64{FaultRedirect302: 0.001, FaultOversized: 0.0005},
	}
}

// brightroof has a list price and no ping.
// It takes every lead of its home town, where no demo seller's leads are from: a visitor's first lead sells.
func brightroof() Script {
	home := func(r *Request) bool { return r.Get("zip") == "86001" }
	say := words{ReasonDuplicate: "duplicate homeowner", "phone": "bad phone"}
	return Script{
		ID: "brightroof", Lead: "ref", Person: "tel", Duplicates: true, Reference: prefixed("BR-"),
		Post: Rule{Latency: LogNormal(150*ms, 500*ms), Yes: 0.7, Reasons: rejections,
			Range: func(r *Request) (lead.Money, lead.Money) {
				price := 2750 * lead.Cent
				switch {
				case home(r):
					price = 140 * lead.Unit
				case r.Get("order") == "weekend":
					price = 21 * lead.Unit
				}
				return price, price
			},
			Decide: func(r *Request, d *Decision) { d.Yes = d.Yes || home(r) },
			Format: func(a *Answer, _ *Request, d *Decision) {
				if !d.Yes {
					a.Body = append(appendText(append(a.Body, `{"created":false,"error":`...),
						say.of(d, "not interested")), '}')
					return
				}
				a.Status = 201
				a.Body = append(appendText(append(a.Body, `{"created":true,"ref":`...), d.Reference), '}')
			}},
		PostFaults: map[Fault]float64{FaultTorn: 0.001, Fault503: 0.001, FaultAsync: 0.001},
		Sure:       home,
	}
}
