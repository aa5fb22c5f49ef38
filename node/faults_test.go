// SPDX-License-Identifier: Apache-2.0

package node

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"clearpost/buyers/buyertest"
	"clearpost/lead"
	"clearpost/ledger"
)

func TestEachFaultOfAPingIsNamedAndTheRestStillBids(t *testing.T) {
	t.Parallel()
	want := map[buyertest.Fault][]lead.Refusal{
		buyertest.FaultSilence: {lead.TimedOut}, buyertest.FaultHang: {lead.TimedOut},
		buyertest.FaultSilentAccept: {lead.TimedOut}, buyertest.FaultClose: {lead.ConnectionLost},
		buyertest.FaultReset: {lead.ConnectionLost}, buyertest.Fault500: {lead.ServerError},
		buyertest.FaultRedirect307: {lead.RedirectAnswer}, buyertest.FaultRedirect302: {lead.RedirectAnswer},
		buyertest.FaultTorn: {lead.TornAnswer}, buyertest.FaultTornChunked: {lead.TornAnswer},
		buyertest.FaultTornUnframed: {lead.TornAnswer, lead.MalformedAnswer},
		buyertest.FaultInvalid:      {lead.MalformedAnswer, lead.UnclearAnswer},
		buyertest.FaultOversized:    {lead.OversizedAnswer}, buyertest.FaultNo: {lead.NoBid},
		buyertest.Fault503: {lead.ServerError}, buyertest.Fault409: {lead.ServerError},
		buyertest.FaultEmpty: {lead.MalformedAnswer}, buyertest.FaultAsync: {lead.UnclearAnswer},
		buyertest.FaultNotice: {lead.MalformedAnswer}, buyertest.FaultContentType: {lead.NoRefusal},
		buyertest.FaultPriceDrop: {lead.NoRefusal},
	}
	h := build(t, "", nil, script("bad", 40*dollar), script("good", 25*dollar))
	bad := h.farm.Buyer("bad")
	for _, f := range buyertest.Faults() {
		for _, state := range []string{"cold", "warm"} {
			t.Run(f.String()+"/"+state, func(t *testing.T) {
				if state == "warm" {
					h.ping(`{"zip":"10001"}`)
				}
				bad.SetFault(buyertest.Ping, f, 1)
				defer bad.Heal()
				begin := time.Now()
				p := h.ping(`{"zip":"10001"}`)
				took := time.Since(begin)
				h.expect(p, 200, lead.ResultSuccess)
				ev := last[*ledger.Pinged](h, p.PingID)
				ok := false
				for _, b := range ev.Bids {
					for _, w := range want[f] {
						ok = ok || b.Buyer == "bad" && b.Refusal == w
					}
				}
				if !ok {
					t.Errorf("bids %+v, want refusal of bad in %v", ev.Bids, want[f])
				}
				if want[f][0] != lead.NoRefusal && p.Price != 20 {
					t.Errorf("quote %v, want that of the other buyer, 20", p.Price)
				}
				// A generous bound: it only tells a deadline that works from one that does not.
				if took > 3*time.Second {
					t.Errorf("answered after %v, the deadline is 0.4 s", took)
				}
			})
		}
	}
	if bad.Trapped() != 0 {
		t.Error("a redirect was followed")
	}
}

func TestBuyersThatCannotBeReachedAreNamedAndPassedBy(t *testing.T) {
	t.Parallel()
	stuck, err := buyertest.NewStuck()
	if err != nil {
		t.Fatal(err)
	}
	defer stuck.Close()
	refused, err := buyertest.NewRefused()
	if err != nil {
		t.Fatal(err)
	}
	defer refused.Close()
	h := build(t, "", nil, script("good", 25*dollar))
	// Each bids by a list price above the good one's and is posted to first; each also has a twin that bids by ping.
	for id, at := range map[string]string{"tls": "https://" + stuck.Addr(), "port": "http://" + refused.Addr(),
		"tlsping": "https://" + stuck.Addr(), "portping": "http://" + refused.Addr()} {
		text := fmt.Sprintf(campaignYAML, id, at, "")
		if !strings.HasSuffix(id, "ping") {
			a, b := strings.Index(text, "    ping:"), strings.Index(text, "    post:")
			text = strings.Replace(text[:a]+"    price: 40.00\n"+text[b:], "{to: token, from: token}, ", "", 1)
		}
		h.write("buyers/"+id+".yaml", text)
	}
	h.restart()
	begin := time.Now()
	p := h.ping(`{"zip":"10001"}`)
	if took := time.Since(begin); took > 3*time.Second {
		t.Errorf("answered after %v, the deadline is 0.4 s", took)
	}
	h.expect(p, 200, lead.ResultSuccess)
	got := map[string]lead.Refusal{}
	for _, b := range last[*ledger.Pinged](h, p.PingID).Bids {
		got[b.Buyer] = b.Refusal
	}
	if got["tlsping"] != lead.TLSFailed || got["portping"] != lead.Unreachable || got["good"] != lead.NoRefusal {
		t.Errorf("refusals: %v", got)
	}
	h.expect(h.call("POST", "/v1/solar/leads", `{"zip":"10001","phone":"2127365000"}`), 200, lead.ResultSuccess)
	if a := h.call("POST", "/v1/solar/leads", `{"zip":"10001","phone":"2127365001"}`); !strings.HasPrefix(a.ID,
		"good-") {
		t.Errorf("sold to %s", a.text)
	} else {
		outcomes := map[string]lead.Outcome{}
		for _, ev := range h.events(a.LeadID) {
			if e, ok := ev.(*ledger.Posted); ok {
				outcomes[e.Buyer] = e.Outcome
			}
		}
		if outcomes["tls"] != lead.NotSent || outcomes["port"] != lead.NotSent || outcomes["good"] != lead.Accepted {
			t.Errorf("outcomes: %v", outcomes)
		}
	}
}

func TestNoFaultOfAPostLeadsToASecondSale(t *testing.T) {
	t.Parallel()
	// What each fault must be read as. Where a byte was written and what came back is no sale and no clear no, it is
	// unknown.
	unknown := map[buyertest.Fault]bool{
		buyertest.FaultSilence: true, buyertest.FaultHang: true, buyertest.FaultSilentAccept: true,
		buyertest.FaultClose: true, buyertest.FaultReset: true, buyertest.FaultTorn: true,
		buyertest.FaultTornChunked: true, buyertest.FaultTornUnframed: true, buyertest.FaultOversized: true,
		buyertest.FaultInvalid: true, buyertest.Fault500: true, buyertest.FaultRedirect307: true,
		buyertest.FaultRedirect302: true, buyertest.Fault503: true, buyertest.Fault409: true,
		buyertest.FaultEmpty: true, buyertest.FaultAsync: true, buyertest.FaultNotice: true,
	}
	sold := map[buyertest.Fault]bool{buyertest.FaultPriceDrop: true, buyertest.FaultContentType: true}
	h := build(t, "dedupe: {refuse: none}\n", nil, script("bad", 40*dollar), script("next", 39*dollar))
	bad, next := h.farm.Buyer("bad"), h.farm.Buyer("next")
	for _, f := range buyertest.Faults() {
		t.Run(f.String(), func(t *testing.T) {
			p := h.quote(32)
			before := next.Calls(buyertest.Post)
			bad.FailNext(buyertest.Post, f, 1)
			a := h.post(p.PingID, "2127365000")
			accepted := len(h.farm.AcceptedBy(p.PingID))
			switch {
			case sold[f]:
				h.expect(a, 200, lead.ResultSuccess)
			case unknown[f]:
				h.expect(a, 202, lead.ResultPending)
				if next.Calls(buyertest.Post) != before {
					t.Error("the next buyer was posted to while the first may have bought")
				}
				if a.StatusURL != "/v1/leads/"+p.PingID {
					t.Errorf("pending: %s", a.text)
				}
				kept := last[*ledger.Posted](h, p.PingID).Private.Answer
				if torn := f == buyertest.FaultTorn || f == buyertest.FaultTornChunked; torn &&
					(kept == nil || !strings.HasPrefix(kept.Text, "{")) {
					t.Errorf("what came of the answer is not kept: %+v", kept)
				}
			default:
				h.expect(a, 200, lead.ResultSuccess)
				if next.Calls(buyertest.Post) != before+1 {
					t.Errorf("want the next buyer to get it after a clear no: %s", a.text)
				}
			}
			if accepted > 1 {
				t.Errorf("%d buyers have accepted the lead", accepted)
			}
			if n := bad.Book.Posts(p.PingID); n > 1 {
				t.Errorf("the buyer got the lead %d times", n)
			}
			if again := h.post(p.PingID, "2127365000"); again.text != a.text {
				t.Errorf("repeat: %s, first %s", again.text, a.text)
			}
		})
	}
	if bad.Trapped() != 0 {
		t.Error("a post's redirect was followed")
	}
}
