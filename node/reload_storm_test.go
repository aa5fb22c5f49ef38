// SPDX-License-Identifier: Apache-2.0

package node

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"clearpost/buyers/buyertest"
	"clearpost/exchange/admin"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/loadtest/audit"
	"clearpost/rules"
)

var stormZIPs = []string{"10001", "94110", "60601"}

// stormPlans are the plans that the storm goes through; the first is none.
var stormPlans = []string{"",
	"plan: {tiers: [{name: alone, sell: exclusive, floor: 28}, {name: shared, sell: 2}]}\n",
	"plan: {walk: best_total, tiers: [{name: alone, sell: exclusive}, {name: turns, mode: round_robin, sell: 2}]}\n",
	"plan: {tiers: [{name: drawn, mode: weighted, sell: 2, when: [{field: zip, in: ['10001']}]}, {name: value, " +
		"mode: waterfall_by_value, sell: 2}]}\n"}

// generation writes the n-th configuration of the storm and tells the auditor what stands in it.
func (h *house) generation(n int) *audit.Config {
	h.t.Helper()
	c := &audit.Config{Campaigns: map[string]audit.Terms{}, Caps: map[string]int64{}}
	h.write("verticals/solar.yaml", verticalYAML+"sell_limit: 2\n"+stormPlans[n/2%len(stormPlans)])
	for i, id := range []string{"a", "b", "c", "d"} {
		name := "buyers/" + id + ".yaml"
		if id == "c" && n%7 == 3 {
			if err := os.Remove(filepath.Join(h.dir, name)); err != nil {
				h.t.Fatal(err)
			}
			continue
		}
		price, most := 20+(7*n+i)%13, int64(100_000)
		if i%2 == 0 { // a little above what is sold, or below it
			use := h.node.Exchange.CapState(&rules.Cap{Key: "campaign:" + id + "-main:total"})
			most = max(1, use.Used()-2+3*int64(n%4))
		}
		var zips []string
		for z, zip := range stormZIPs {
			if (n>>z+i)%2 == 0 {
				zips = append(zips, zip)
			}
		}
		if len(zips) == 0 {
			zips = stormZIPs[:1]
		}
		list := ""
		terms := audit.Terms{Vertical: "solar", MaxSold: 1 + n%2, Wants: func(field func(string) string) bool {
			return slices.Contains(zips, field("zip"))
		}}
		if id != "d" { // it bids by ping
			list = fmt.Sprintf("price: %d\n    ", price)
			terms.Price = int64(price) * 1_000_000
		}
		more := fmt.Sprintf("%smax_sold: %d\n    criteria: [{field: zip, in: ['%s']}]\n    caps: [{per: total, "+
			"limit: %d}]", list, terms.MaxSold, strings.Join(zips, "', '"), most)
		h.write(name, fmt.Sprintf(campaignYAML, id, "http://"+h.farm.Addr(), more)+fmt.Sprintf("# generation %d\n", n))
		c.Campaigns[id+"-main"] = terms
		c.Caps["campaign:"+id+"-main:total"] = most
	}
	return c
}

// TestReloadsUnderLoadDropNothingAndMixNothing changes prices, criteria, caps, plans and campaigns while sellers ping
// and post. Every request is answered, every event is explained by the configuration that it names, and no cap is
// passed.
func TestReloadsUnderLoadDropNothingAndMixNothing(t *testing.T) {
	reloads := 100
	if testing.Short() {
		reloads = 20
	}
	var scripts []buyertest.Script
	for _, id := range []string{"a", "b", "c", "d"} {
		x := script(id, 30*dollar)
		x.Ping.Latency, x.Post.Latency, x.Post.Yes = buyertest.Fixed(4*time.Millisecond),
			buyertest.Fixed(12*time.Millisecond), .8
		scripts = append(scripts, x)
	}
	h := build(t, "sell_limit: 2\n", nil, scripts...)
	configs := map[string]*audit.Config{}
	reload := func(n int) {
		c := h.generation(n)
		configs[h.reload(admin.Applied).Config] = c
	}
	reload(0)
	s := &storm{h: h}
	var stop atomic.Bool
	var load sync.WaitGroup
	for i := range 8 {
		load.Go(func() { s.sell(rand.New(rand.NewPCG(11, uint64(i))), i, &stop) })
	}
	for n := 1; n <= reloads; n++ {
		reload(n)
		seen := h.node.Ledger.LastSeq() // however quick a reload is, the sellers see something of it
		eventually(t, "the configuration decides", func() bool { return h.node.Ledger.LastSeq() >= seen+12 })
	}
	stop.Store(true)
	load.Wait()
	if err := h.node.Exchange.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	http.DefaultClient.CloseIdleConnections()
	s.judgeConfigs(configs, reloads)
}

// sell pings and posts, one lead after another, until it is stopped.
func (s *storm) sell(r *rand.Rand, seller int, stop *atomic.Bool) {
	h := s.h
	for n := 0; !stop.Load(); n++ {
		p := h.ping(fmt.Sprintf(`{"zip":%q}`, stormZIPs[r.IntN(len(stormZIPs))]))
		s.keep(audit.OpPing, "acme", p)
		if p.status != 200 {
			h.t.Errorf("a ping was answered %d %s", p.status, p.text)
			return
		}
		if p.Result != lead.ResultSuccess || r.IntN(3) == 0 {
			continue
		}
		a := h.post(p.PingID, fmt.Sprintf("212%d%06d", 3+seller%6, n+seller*100_000))
		s.keep(audit.OpPost, "acme", a)
		if a.status != 200 && a.status != 202 {
			h.t.Errorf("a post was answered %d %s", a.status, a.text)
			return
		}
	}
}

func (s *storm) judgeConfigs(configs map[string]*audit.Config, reloads int) {
	h := s.h
	h.t.Helper()
	var caps []audit.Cap
	for _, id := range []string{"a", "b", "c", "d"} {
		caps = append(caps, audit.Cap{Who: "campaign:" + id + "-main", Per: "total"})
	}
	decided, tiers := map[string]int{}, map[string]int{}
	rep, err := audit.Run(audit.Input{
		Events: func(each func([]byte) error) error {
			return h.node.Ledger.Scan(0, func(r ledger.Record) error {
				ev, err := ledger.Decode(r.Bytes)
				if err != nil {
					return err
				}
				decided[ev.Header().Config]++
				if p, ok := ev.(*ledger.Pinged); ok {
					for i := range p.Bids {
						tiers[p.Bids[i].Tier]++
					}
				}
				return each(r.Bytes)
			})
		},
		Receipts: func(each func(audit.Receipt) error) error {
			return h.farm.EachReceipt(func(r buyertest.Receipt) error {
				return each(audit.Receipt{Buyer: r.Buyer, Lead: r.Lead, Accepted: r.Accepted, Reference: r.Reference,
					Price: int64(r.Price), At: r.At})
			})
		},
		Answers: audit.Values(s.heard),
	}, audit.Options{Caps: caps, Configs: configs})
	if err != nil {
		h.t.Fatal(err)
	}
	for _, f := range rep.Findings {
		h.t.Error(f)
	}
	n := rep.Counts
	if n.Leads == 0 || n.Attempts["accepted"] < 10 || n.FullCaps == 0 || n.Explained != n.Events["pinged"]+
		n.Events["posting"]+n.Events["posted"]+n.Events["settled"] {
		h.t.Errorf("too little was seen: %+v", n)
	}
	for _, name := range []string{"", "alone", "shared", "turns", "drawn", "value"} {
		if tiers[name] == 0 {
			h.t.Errorf("tier %q has sold nothing: %v", name, tiers)
		}
	}
	if len(decided) < reloads/4 {
		h.t.Errorf("only %d configurations of %d decided anything", len(decided), reloads)
	}
	kept, err := h.node.Ledger.Configs()
	if err != nil {
		h.t.Fatal(err)
	}
	for hash := range decided {
		if !slices.Contains(kept, hash) {
			h.t.Errorf("configuration %s decided and is not kept", hash)
		}
	}
	h.t.Logf("%d reloads, %d configurations decided: %+v", reloads, len(decided), n)
}
