// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-json"

	campaigns "clearpost/buyers"
	"clearpost/config"
	"clearpost/lead"
	"clearpost/wire/request"
)

// jsonBuyer is a campaign of the examples that is asked and answers in JSON, with a lead that it wants.
func jsonBuyer(tb testing.TB) (*campaigns.Campaign, *request.Inputs) {
	cfg, err := config.Load("../examples", os.LookupEnv)
	if err != nil {
		tb.Fatal(err)
	}
	l, now := &lead.Lead{}, time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
	c := cfg.Exchange.Book.Campaign("harborline-standard")
	for _, v := range cfg.Exchange.Verticals {
		if v.ID == c.Vertical {
			readAuto(tb, l, v.Schema, []byte(autoLead), now)
		}
	}
	return c, &request.Inputs{Lead: l, LeadID: lead.ID{1}, Source: "bluekite", Vertical: c.Vertical, Now: now}
}

// answers are the buyer's bid as its examples have it, and the same among 10 KB that nobody asked for.
func answers(tb testing.TB, c *campaigns.Campaign) map[string][]byte {
	var bid []byte
	for _, x := range c.Examples {
		if x.Ping == nil || x.Ping.Answer == nil || bid != nil {
			continue
		}
		if b := []byte(x.Ping.Answer.Body); c.Ping.Answer.ReadWhole(200, nil, b).Outcome == lead.Accepted {
			bid = b
		}
	}
	long := append(bytes.TrimSuffix(bytes.TrimSpace(bytes.Clone(bid)), []byte("}")), `,"debug":"`+
		strings.Repeat("all that the buyer's programmers found of interest; ", 200)+`"}`...)
	for name, body := range map[string][]byte{"bid": bid, "long": long} {
		if r := c.Ping.Answer.ReadWhole(200, nil, body); r.Outcome != lead.Accepted {
			tb.Fatalf("%s: %+v: %s", name, r, body[:min(len(body), 300)])
		}
	}
	return map[string][]byte{"a bid": bid, "a bid in 10 KB": long}
}

// BenchmarkCall renders a request to a JSON buyer, and reads its answer, each beside go-json over the same bytes.
func BenchmarkCall(b *testing.B) {
	c, in := jsonBuyer(b)
	request, err := c.Ping.Request.AppendHTTP(nil, in)
	if err != nil {
		b.Fatal(err)
	}
	_, body, _ := bytes.Cut(request, []byte("\r\n\r\n"))
	var fields map[string]any
	if err := json.Unmarshal(body, &fields); err != nil {
		b.Fatal(err)
	}
	b.Run("render", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			request, _ = c.Ping.Request.AppendHTTP(request[:0], in)
		}
	})
	b.Run("render: go-json from a map", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := json.Marshal(fields); err != nil {
				b.Fatal(err)
			}
		}
	})
	for name, body := range answers(b, c) {
		b.Run("read "+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.Ping.Answer.ReadWhole(200, nil, body)
			}
		})
		b.Run("read "+name+": go-json into a map", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var m map[string]any
				if err := json.Unmarshal(body, &m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// What a call allocates does not grow with what is sent and answered.
func TestCallAllocatesNothing(t *testing.T) {
	c, in := jsonBuyer(t)
	request, err := c.Ping.Request.AppendHTTP(nil, in)
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() { request, _ = c.Ping.Request.AppendHTTP(request[:0], in) }); n != 0 {
		t.Errorf("rendering: %v allocations", n)
	}
	for name, body := range answers(t, c) {
		if n := testing.AllocsPerRun(100, func() { c.Ping.Answer.ReadWhole(200, nil, body) }); n != 0 {
			t.Errorf("reading %s: %v allocations", name, n)
		}
	}
}
