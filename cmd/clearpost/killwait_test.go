// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/goccy/go-json"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"clearpost/buyers/buyertest"
	"clearpost/exchange/admin"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/loadtest/audit"
)

var killsWaiting = flag.Int("kills-waiting", 5, "how often the exchange is killed while leads wait")

// TestKilledWhileLeadsWait kills the exchange while leads wait for buyers that are busy or full, are written into files
// and told of by webhook. In the end nothing waits; each lead is in one file at most, and is sold if it is in one; each
// end is told under one id.
func TestKilledWhileLeadsWait(t *testing.T) {
	t.Parallel()
	kills := *killsWaiting
	if testing.Short() {
		kills = 2
	}
	hook := newSellersHook(t)
	defer hook.Close()
	files := t.TempDir()
	k := newKilled(t, func(k *killed) {
		letWait(t, k)
		hook.tell(t, k)
		k.file(fmt.Sprintf("{folder: {path: %s}}", files), "")
	})
	for _, b := range buyertest.Demo() {
		busy := k.farm.Buyer(b.ID)
		busy.SetFault(buyertest.Post, buyertest.FaultNo, 0.6)
	}
	k.run(kills)
	k.calm()
	k.stop()
	k.filed = rowsOf(t, files)
	k.judge(func(l *ledger.Ledger) { hook.judge(t, l, k.filed) })
}

// letWait has leads wait for all campaigns of the farm, and caps count anew each minute.
func letWait(t *testing.T, k *killed) {
	t.Helper()
	day, others := regexp.MustCompile(`per: day`), regexp.MustCompile(`(per: (?:hour|total|week|month), limit: )25`)
	campaign := regexp.MustCompile(`(?m)^    vertical: .*$`)
	pages, _ := filepath.Glob(filepath.Join(k.dir, "buyers", "*.yaml"))
	for _, f := range pages {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		b = others.ReplaceAll(day.ReplaceAll(b, []byte("per: minute")), []byte("${1}25000"))
		b = campaign.ReplaceAll(b, []byte("$0\n    defer: {when: [not_sent, cap_full, throttled], "+
			"retry_on: [rejected], before_others: true, after_s: 1, most_s: 2, for_s: 20, spread_s: 1}"))
		if err := os.WriteFile(f, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// file adds a buyer that takes its leads in files, stored there. The filling makes its rows longer.
func (k *killed) file(to, filling string) {
	k.t.Helper()
	page := fmt.Sprintf(filerPage, filling, to)
	if err := os.WriteFile(filepath.Join(k.dir, "buyers", "filer.yaml"), []byte(page), 0o600); err != nil {
		k.t.Fatal(err)
	}
}

const filerPage = `id: filer
name: Filer
timezone: America/New_York
allow_private_addresses: true
campaigns:
  - id: filer-file
    vertical: solar
    price: 60.00
    batch:
      format: jsonl
      name: "leads-{id}.jsonl"
      fields: [{to: lead, from: lead_id}, {to: phone, from: phone}, {to: filling, value: "-%s"}]
      rows_max: 5
      send: {rows: 5, wait_min: 1}
      to: %s
`

// calm waits until nothing waits any more.
func (k *killed) calm() {
	k.t.Helper()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	var queued admin.QueuePage
	var files struct {
		Batches []struct {
			Waiting int
			Files   []struct{ State string }
		}
	}
	var hooks admin.Webhooks
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); <-tick.C {
		k.ask(&queued, "queue", "list")
		k.ask(&hooks, "webhooks", "list")
		k.ask(&files, "batches", "list")
		waits := len(queued.Queued)
		for _, h := range hooks.Webhooks {
			waits += h.Waiting
		}
		for _, c := range files.Batches {
			if waits += len(c.Files) + c.Waiting; c.Waiting > 0 && len(c.Files) == 0 {
				clearpost(k.t, "batches", "send", "filer-file", "-d", k.dir) // refused if it was just formed
			}
		}
		if waits == 0 {
			return
		}
	}
	k.t.Fatalf("after two minutes there wait: %+v, %+v, %+v", queued, files, hooks)
}

func (k *killed) ask(into any, verb ...string) {
	k.t.Helper()
	out := must(k.t, append(verb, "--json", "-d", k.dir)...)
	if err := json.Unmarshal([]byte(out), into); err != nil {
		k.t.Fatalf("%v: %v\n%s", verb, err, out)
	}
}

// rowsOf are the rows of all files, as entries in the buyer's book.
func rowsOf(t *testing.T, dir string) (out []audit.Receipt) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".jsonl") {
			t.Errorf("%s is left over", f.Name())
			continue
		}
		in, err := os.Open(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		info, err := f.Info()
		if err != nil {
			t.Fatal(err)
		}
		for lines := bufio.NewScanner(in); lines.Scan(); {
			var row struct{ Lead string }
			if err := json.Unmarshal(lines.Bytes(), &row); err != nil || row.Lead == "" {
				t.Errorf("%s: %q: %v", f.Name(), lines.Text(), err)
			}
			out = append(out, audit.Receipt{Buyer: "filer", Lead: row.Lead, Accepted: true,
				Price: int64(60 * lead.Unit), At: info.ModTime()})
		}
		in.Close()
	}
	t.Logf("%d rows in %d files", len(out), len(files))
	return out
}

// sellersHook is where sellers are told what becomes of their leads.
type sellersHook struct {
	*httptest.Server
	key string

	mu     sync.Mutex
	bodies map[string]string              // guarded by mu: of messages, by id
	told   map[string]map[string][]string // guarded by mu: ids by type by lead
	again  int                            // guarded by mu: messages that came twice
}

func newSellersHook(t *testing.T) *sellersHook {
	h := &sellersHook{key: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", bodies: map[string]string{},
		told: map[string]map[string][]string{}}
	check, err := standardwebhooks.NewWebhook(strings.TrimPrefix(h.key, "whsec_"))
	if err != nil {
		t.Fatal(err)
	}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return // its sender was killed
		}
		var m struct {
			Type string
			Data struct {
				Lead string `json:"lead_id"`
			}
		}
		if err := check.Verify(b, r.Header); err != nil {
			t.Error(err)
		} else if err := json.Unmarshal(b, &m); err != nil || m.Data.Lead == "" {
			t.Errorf("%s: %v", b, err)
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		id := r.Header.Get("Webhook-Id")
		if was, ok := h.bodies[id]; ok {
			if h.again++; was != string(b) {
				t.Errorf("two messages have the id %s:\n%s\n%s", id, was, b)
			}
			return
		}
		h.bodies[id] = string(b)
		if h.told[m.Data.Lead] == nil {
			h.told[m.Data.Lead] = map[string][]string{}
		}
		h.told[m.Data.Lead][m.Type] = append(h.told[m.Data.Lead][m.Type], id)
	}))
	return h
}

// tell gives all sources the webhook.
func (h *sellersHook) tell(t *testing.T, k *killed) {
	t.Helper()
	pages, _ := filepath.Glob(filepath.Join(k.dir, "sources", "*.yaml"))
	for _, f := range pages {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		b = append(b, "\nwebhook: {url: '"+h.URL+"', secrets: ["+h.key+"], allow_private_addresses: true}\n"...)
		if err := os.WriteFile(f, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// judge holds what was told, and what stands in files, to the ledger.
func (h *sellersHook) judge(t *testing.T, l *ledger.Ledger, rows []audit.Receipt) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	ended, waited, filed := map[string]string{}, map[string]bool{}, map[string]int{}
	for _, r := range rows {
		filed[r.Lead]++
	}
	err := l.Scan(1, func(r ledger.Record) error {
		ev, err := ledger.Decode(r.Bytes)
		switch ev := ev.(type) {
		case *ledger.Deferred:
			waited[ev.Lead.String()] = true
		case *ledger.Posted:
			if ev.Campaign == "filer-file" && ev.Outcome == lead.Accepted && filed[ev.Lead.String()] != 1 {
				t.Errorf("lead %s was sold in a file and stands in %d", ev.Lead, filed[ev.Lead.String()])
			}
		case *ledger.Settled:
			switch ev.Result {
			case lead.ResultSuccess:
				ended[ev.Lead.String()] = "lead.sold"
			case lead.ResultFailure:
				ended[ev.Lead.String()] = "lead.unsold"
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for id, n := range filed {
		if n != 1 || ended[id] != "lead.sold" {
			t.Errorf("lead %s stands in %d files and ended as %s", id, n, ended[id])
		}
	}
	for id, kind := range ended {
		if told := h.told[id]; len(told) != 1 || len(told[kind]) != 1 {
			t.Errorf("lead %s ended as %s; its seller was told %v", id, kind, told)
		}
	}
	if len(h.told) != len(ended) {
		t.Errorf("sellers were told of %d leads, %d have ended", len(h.told), len(ended))
	}
	t.Logf("%d leads ended, %d had waited; %d messages, %d of them came again", len(ended), len(waited), len(h.bodies),
		h.again)
	if !testing.Short() && (len(waited) < 3 || len(filed) < 3) {
		t.Error("hardly any lead has waited, or went into a file")
	}
}
