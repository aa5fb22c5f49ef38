// SPDX-License-Identifier: Apache-2.0

package buyertest

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/tidwall/gjson"
)

// demoCall makes one request of a demo buyer and returns its answer.
func demoCall(t *testing.T, c *http.Client, f *Farm, id string, ep Endpoint, form bool, body string) (int, string) {
	t.Helper()
	var resp *http.Response
	var err error
	switch {
	case id == "coverlane" && ep == Ping:
		resp, err = c.Get(f.URL(id, ep) + "?" + body)
	case form:
		resp, err = c.Post(f.URL(id, ep), "application/x-www-form-urlencoded", strings.NewReader(body))
	default:
		resp, err = c.Post(f.URL(id, ep), "application/json", strings.NewReader(body))
	}
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || !gjson.ValidBytes(b) {
		t.Fatalf("%s %s: %v: %s", id, ep, err, b)
	}
	return resp.StatusCode, string(b)
}

// TestDemoBuyersSpeakTheirFormats pings and posts each of them until it has heard every kind of answer.
func TestDemoBuyersSpeakTheirFormats(t *testing.T) {
	type want struct{ bid, noBid, accept, reject, duplicate string } // gjson path=value
	for id, w := range map[string]struct {
		form       bool
		ping, post string // TOKEN and PHONE are filled in
		token      string // gjson path in the bid
		price      string // of the acceptance
		bidPrice   string
		unknown    string // what a made-up token hears
		want       want
	}{
		"harborline": {ping: `{"requestId":"L","program":"standard"}`,
			post: `{"requestId":"L","quoteRef":"TOKEN","contact":{"phone":"PHONE"}}`, token: "quoteRef",
			bidPrice: "bid.amount", price: "lead.price", unknown: "reason=quoteRef unknown",
			want: want{"decision=BID", "decision=PASS", "decision=ACCEPT", "decision=REJECT",
				"reason=duplicate of HB-L-1"}},
		"leadspring": {form: true, ping: `lp_s1=L&lp_campaign_id=LS-AUTO`,
			post: `lp_s1=L&lp_ping_id=TOKEN&phone_home=PHONE`, token: "lp_ping_id", bidPrice: "price", price: "price",
			unknown: "msg=Unknown Ping Id", want: want{"msg=Ping Accepted", "msg=No coverage", "msg=Lead Accepted",
				"result=failed", "msg=Duplicate Lead"}},
		"matchpoint": {form: true, ping: `Sub_ID=L&TYPE=19`, post: `Sub_ID=L&Lead_ID=TOKEN&Phone=PHONE`,
			token: "response.lead_id", bidPrice: "response.price", price: "response.price",
			unknown: "response.error=Invalid Lead_ID", want: want{"response.status=Matched",
				"response.status=Unmatched", "response.status=Matched", "response.status=Unmatched",
				"response.error=Duplicate lead"}}, "coverlane": {form: true, ping: `subid=L&zip=85004`,
			post: `subid=L&TXID=TOKEN&ph=PHONE`, token: "TXID",
			bidPrice: "offer", price: "paid", unknown: "why=BAD TXID", want: want{"code=1", "code=0", "code=1",
				"code=0", "code=2"}}, "sunharvest": {ping: `{"offer":"EX","lead":{"ref":"L"}}`,
			post:  `{"offer":"EX","lead":{"ref":"L"},"pingToken":"TOKEN","person":{"phone":"PHONE"}}`,
			token: "payload.pingToken", bidPrice: "payload.offer.cents", price: "payload.cents",
			unknown: "error.code=TOKEN", want: want{"status=ok", "error.code=NO_MATCH", "status=ok", "status=error",
				"error.code=DUPLICATE"}}, "brightroof": {post: `{"ref":"L","tel":"PHONE"}`,
			want: want{"", "", "created=true", "created=false",
				"error=duplicate homeowner"}},
	} {
		t.Run(id, func(t *testing.T) {
			s := demoScript(t, id)
			s.Ping.Latency, s.Post.Latency, s.PingFaults, s.PostFaults = Latency{}, Latency{}, nil, nil
			f := newFarm(t, Config{Seed: 3, Buyers: []Script{s}})
			c := client(t)
			is := func(body, rule string) bool {
				path, value, _ := strings.Cut(rule, "=")
				return strings.HasPrefix(gjson.Get(body, path).String(), value)
			}
			hear := func(what, rule string, call func() string) string {
				t.Helper()
				for range 400 {
					if body := call(); is(body, rule) {
						return body
					}
				}
				t.Fatalf("never heard %s: %s", what, rule)
				return ""
			}
			var token, offered string
			ping := func() string { _, b := demoCall(t, c, f, id, Ping, w.form, w.ping); return b }
			if w.ping != "" {
				bid := hear("a bid", w.want.bid, ping)
				token, offered = gjson.Get(bid, w.token).String(), gjson.Get(bid, w.bidPrice).Raw
				hear("no bid", w.want.noBid, ping)
				if w.form {
					token = url.QueryEscape(token)
				}
			}
			post := func(phone string) string {
				_, b := demoCall(t, c, f, id, Post, w.form, strings.NewReplacer("TOKEN", token, "PHONE",
					phone).Replace(w.post))
				return b
			}
			n := 0
			accepted := hear("an acceptance", w.want.accept, func() string { n++; return post("2125550123") })
			if got := gjson.Get(accepted, w.price).Raw; w.price != "" && got != offered {
				t.Errorf("offered %s, accepted at %s", offered, got)
			}
			hear("a duplicate", w.want.duplicate, func() string { return post("2125550123") })
			hear("a rejection", w.want.reject, func() string { return post("") })
			if w.unknown != "" {
				if token = "made-up"; !is(post("2125550188"), w.unknown) {
					t.Errorf("a made-up token: %s, want %s", post("2125550188"), w.unknown)
				}
			}
			rs := f.Buyer(id).Book.Of("L")
			if !rs[n-1].Accepted || rs[n-1].Person != "2125550123" {
				t.Errorf("booked %+v", rs[n-1])
			}
		})
	}
}

func demoScript(t *testing.T, id string) Script {
	t.Helper()
	for _, s := range Demo() {
		if s.ID == id {
			return s
		}
	}
	t.Fatalf("no demo buyer %s", id)
	return Script{}
}
