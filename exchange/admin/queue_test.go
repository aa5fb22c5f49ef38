// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"strings"
	"testing"
	"time"

	"clearpost/buyers"
	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
)

// The queue as operators see it over HTTP: listed, counted, tried again, moved, dropped; and what is refused.
func TestQueueOverHTTP(t *testing.T) {
	waits := func(c *buyers.CampaignSpec) { c.Defer = &buyers.DeferSpec{} }
	s := exchangetest.Setup{Source: func(s *exchange.Source) { s.Queue = exchange.QueueTells },
		Campaigns: []exchangetest.Campaign{{ID: "a", Price: 25 * dollar, Spec: waits,
			Post: exchangetest.Always(exchangetest.Unreachable())}}}
	operate(t, s, func(d *desk) {
		var ids []lead.ID
		for _, phone := range []string{"2127365001", "2127365002"} {
			id := d.Quote(20*dollar, exchangetest.Values{"phone": phone})
			if r, f := d.Post(id, exchangetest.Values{"phone": phone}, nil); f != nil || r.Result != lead.ResultQueued {
				t.Fatalf("%+v, %v", r, f)
			}
			ids = append(ids, id)
		}
		d.Sleep(time.Second)
		var page QueuePage
		if status, raw := d.ask("GET", "/v1/queue?buyer=a-co&limit=1", nil, &page); status != 200 ||
			len(page.Queued) != 1 || !page.More || page.Depth["a"]["unreachable"] != 2 || page.Oldest == "" ||
			page.Queued[0].Why != "unreachable" || page.Queued[0].Campaign != "a" {
			t.Errorf("%d %s", status, raw)
		}
		if _, raw := d.ask("GET", "/metrics", nil, nil); !strings.Contains(raw,
			`clearpost_queue_leads{campaign="a",why="unreachable"} 2`) ||
			!strings.Contains(raw, "clearpost_queue_oldest_seconds 1") {
			t.Errorf("metrics: %.2000s", raw)
		}
		for _, c := range []struct {
			path, campaign, why string
			id                  lead.ID
			status              int
		}{{"retry", "", "", ids[0], 400}, {"retry", "", "up", lead.ID{1}, 404}, {"retry", "", "up", ids[0], 200},
			{"move", "other", "away", ids[0], 404}, {"drop", "", "called off", ids[1], 200},
			{"drop", "", "called off", ids[1], 404}} {
			in := QueueChange{Lead: c.id, Campaign: c.campaign, Why: c.why, By: "eve"}
			if status, raw := d.ask("POST", "/v1/queue/"+c.path, in, nil); status != c.status {
				t.Errorf("%s %s: %d %s, want %d", c.path, c.id, status, raw, c.status)
			}
		}
		if status, raw := d.ask("GET", "/v1/queue?limit=0", nil, nil); status != 400 {
			t.Errorf("%d %s", status, raw)
		}
		d.Sleep(time.Second)
		page = QueuePage{}
		if d.ask("GET", "/v1/queue", nil, &page); len(page.Queued) != 1 || page.Queued[0].Lead != ids[0] {
			t.Errorf("left: %+v", page)
		}
		if r := d.Status(ids[1]); r.Result != lead.ResultFailure {
			t.Errorf("the dropped one: %+v", r)
		}
	})
}
