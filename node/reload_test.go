// SPDX-License-Identifier: Apache-2.0

package node

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"clearpost/buyers/buyertest"
	"clearpost/exchange/admin"
	"clearpost/lead"
	"clearpost/ledger"
)

// reload reads the directory again through the operators' door.
func (h *house) reload(want string) admin.Reload {
	h.t.Helper()
	var r admin.Reload
	if status := h.admin("POST", "/v1/reload", nil, &r); status != 200 || r.Result != want {
		h.t.Fatalf("reload: got %d %+v, want %s", status, r, want)
	}
	if r.Config != h.node.Exchange.Snapshot().Config().Hash {
		h.t.Fatalf("it names config %s, in force is %s", r.Config, h.node.Exchange.Snapshot().Config().Hash)
	}
	return r
}

// edit changes a text of a file.
func (h *house) edit(name, old, text string) {
	h.t.Helper()
	b, err := os.ReadFile(filepath.Join(h.dir, name))
	if err != nil || !strings.Contains(string(b), old) {
		h.t.Fatalf("%s: %v: no %q in\n%s", name, err, old, b)
	}
	h.write(name, strings.Replace(string(b), old, text, 1))
}

// metrics reads the operators' metrics.
func (h *house) metrics() string {
	h.t.Helper()
	req, err := http.NewRequest("GET", "http://"+h.node.AdminAddr+"/metrics", nil)
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+h.node.Token())
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return string(b)
}

func TestReloadIsForTripsThatBeginLater(t *testing.T) {
	t.Parallel()
	slow := script("b", 25*dollar)
	slow.Ping.Latency = buyertest.Fixed(150 * time.Millisecond)
	slow.Post.Latency = buyertest.Fixed(150 * time.Millisecond)
	h := build(t, "", map[string]string{"b": "criteria: [{field: zip, in: ['10001']}]"}, slow)
	first := h.node.Exchange.Snapshot().Config().Hash
	buyer := h.farm.Buyer("b")

	// A ping under way ends as it began: its campaign does not want the lead any more, and still bids.
	pinged := make(chan heard)
	go func() { pinged <- h.ping(`{"zip":"10001"}`) }()
	eventually(t, "the buyer is asked", func() bool { return buyer.Calls(buyertest.Ping) == 1 })
	h.edit("buyers/b.yaml", "['10001']", "['94110']")
	second := h.reload(admin.Applied).Config
	old := <-pinged
	h.expect(old, 200, lead.ResultSuccess)
	if ev := last[*ledger.Pinged](h, old.PingID); ev.Config != first || len(ev.Bids) != 1 {
		t.Errorf("config %s, want %s, with one bid: %+v", ev.Config, first, ev.Bids)
	}
	a := h.ping(`{"zip":"10001"}`)
	h.expect(a, 200, lead.ResultFailure)
	if ev := last[*ledger.Pinged](h, a.PingID); ev.Config != second || len(ev.Bids) != 0 {
		t.Errorf("config %s, want %s, without bids: %+v", ev.Config, second, ev.Bids)
	}

	// A post under way ends as it began: its campaign and its buyer are gone, and it is sold.
	p := h.ping(`{"zip":"94110"}`)
	h.expect(p, 200, lead.ResultSuccess)
	posted := make(chan heard)
	go func() { posted <- h.post(p.PingID, "2127365000") }()
	eventually(t, "the buyer has the lead", func() bool { return buyer.Calls(buyertest.Post) == 1 })
	text, _ := os.ReadFile(filepath.Join(h.dir, "buyers/b.yaml"))
	h.write("buyers/b.yaml", strings.ReplaceAll(string(text), "b-main", "b-next"))
	h.reload(admin.Applied)
	h.expect(<-posted, 200, lead.ResultSuccess)
	if ev := last[*ledger.Settled](h, p.PingID); ev.Config != second || len(ev.Sales) != 1 ||
		ev.Sales[0].Campaign != "b-main" {
		t.Errorf("config %s, want %s: %+v", ev.Config, second, ev.Sales)
	}

	// A post that begins later, of a quote whose campaign is gone, is not sold.
	again := h.ping(`{"zip":"94110"}`)
	h.write("buyers/b.yaml", string(text))
	h.reload(admin.Applied)
	lost := h.post(again.PingID, "2127365001")
	h.expect(lost, 200, lead.ResultFailure)
	if ev := last[*ledger.Settled](h, again.PingID); len(ev.Tried) != 1 ||
		ev.Tried[0].Refusal != lead.CampaignWithdrawn {
		t.Errorf("tried %+v", ev.Tried)
	}
	if n := buyer.Calls(buyertest.Post); n != 1 {
		t.Errorf("the buyer had %d posts", n)
	}
	for _, hash := range []string{first, second} {
		if files, err := h.node.Ledger.ConfigFiles(hash); err != nil || len(files["buyers/b.yaml"]) == 0 {
			t.Errorf("config %s is not kept: %v", hash, err)
		}
	}
}

func TestRefusedReloadChangesNothingAndSaysWhy(t *testing.T) {
	t.Parallel()
	h := build(t, "", nil, script("b", 25*dollar))
	hash, seq := h.node.Exchange.Snapshot().Config().Hash, h.node.Ledger.LastSeq()
	if r := h.reload(admin.Unchanged); r.Config != hash {
		t.Errorf("%+v", r)
	}
	h.edit("buyers/b.yaml", "timeout_ms: 300", "timeout_ms: soon")
	h.write("sources/third.yaml", "id: third\nkeys: [short]\nverticals: [roof]\n")
	r := h.reload(admin.Refused)
	var at []string
	for _, p := range r.Problems {
		if p.Line == 0 || p.Column == 0 || p.Message == "" {
			t.Errorf("%+v", p)
		}
		at = append(at, p.File)
	}
	if !slices.Equal(at, []string{"buyers/b.yaml", "sources/third.yaml", "sources/third.yaml"}) ||
		r.Error != "3 problems" || r.Config != hash {
		t.Errorf("problems of %v, %s", at, r.Error)
	}
	h.quote(20)
	var st admin.Status
	h.admin("GET", "/v1/status", nil, &st)
	if st.Config.Hash != hash || st.Config.Last == nil || len(st.Config.Last.Problems) != 3 ||
		st.Config.Reloads[admin.Refused] != 1 || st.Config.Reloads[admin.Unchanged] != 1 {
		t.Errorf("status %+v", st.Config)
	}
	if m := h.metrics(); !strings.Contains(m, `clearpost_config_reloads_total{result="refused"} 1`) ||
		!strings.Contains(m, "clearpost_config_last_reload_ok 0") {
		t.Errorf("metrics:\n%s", m)
	}
	if kept, _ := h.node.Ledger.Configs(); len(kept) != 1 || h.node.Ledger.LastSeq() != seq+1 {
		t.Errorf("kept %v, events to %d", kept, h.node.Ledger.LastSeq())
	}
}

func TestReloadRefusesAsAWholeWhatNeedsARestart(t *testing.T) {
	t.Parallel()
	h := build(t, "", nil, script("b", 25*dollar))
	h.edit("buyers/b.yaml", "timeout_ms: 300", "timeout_ms: 299")
	h.write("clearpost.yaml", "node: n2\nlisten: 127.0.0.1:1\nadmin: {listen: 127.0.0.1:2, token: "+
		"another-token}\ndata_dir: elsewhere\nlimits: {workers_max: 3}\nkafka: {brokers: ['127.0.0.1:3']}\n")
	r := h.reload(admin.Refused)
	if want := []string{"node", "data_dir", "listen", "admin.listen", "admin.token", "kafka",
		"limits"}; !slices.Equal(r.Restart, want) {
		t.Errorf("restart %v, want %v", r.Restart, want)
	}
	if !strings.HasPrefix(r.Error, "needs a restart: node, ") {
		t.Errorf("error %q", r.Error)
	}
	h.write("clearpost.yaml", "# the same in other words\nnode: n1\nlisten: 127.0.0.1:0\nadmin: {listen: "+
		"127.0.0.1:0}\nlimits: {workers_max: 2048}\n")
	h.reload(admin.Applied)
}

func TestReloadRefusesExamplesThatDoNotHold(t *testing.T) {
	t.Parallel()
	h := build(t, "", nil, script("b", 25*dollar))
	text, err := os.ReadFile(filepath.Join(h.dir, "buyers/b.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	h.write("buyers/b.yaml", string(text)+`    examples:
      - name: an offer
        lead: {zip: "10001"}
        ping:
          answer: {status: 200, type: application/json, body: '{"status":"rejected"}'}
          receipt: {outcome: accepted}
`)
	r := h.reload(admin.Refused)
	if len(r.Problems) == 0 || !strings.Contains(r.Problems[0].Message, "an offer") || r.Problems[0].Line == 0 ||
		len(r.Restart) > 0 {
		t.Fatalf("%+v", r)
	}
	h.node.cfg.SkipExamples = true
	h.reload(admin.Applied)
}

func TestReloadOfSourcesRatesAndSecrets(t *testing.T) {
	t.Parallel()
	h := build(t, "", nil, script("b", 25*dollar))
	other := "Authorization: Bearer other-key-0123456789"
	h.expect(h.ping(`{"zip":"10001"}`, other), 200, lead.ResultSuccess)

	h.write("sources/key.txt", "secret-key-one\n")
	h.write("sources/third.yaml", "id: third\nname: Third\nkeys: [\"${file:sources/key.txt}\"]\nverticals: "+
		"[solar]\nrate: {per_second: 0.001, burst: 2}\n")
	if err := os.Remove(filepath.Join(h.dir, "sources/other.yaml")); err != nil {
		t.Fatal(err)
	}
	hash := h.reload(admin.Applied).Config
	if a := h.ping(`{"zip":"10001"}`, other); a.status != 401 {
		t.Errorf("a source that is gone: %d %s", a.status, a.text)
	}
	h.expect(h.ping(`{"zip":"10001"}`, "Authorization: Bearer secret-key-one"), 200, lead.ResultSuccess)

	// The secret is another one now. The configuration is called the same, since secrets are no part of it.
	h.write("sources/key.txt", "secret-key-two\n")
	if r := h.reload(admin.Applied); r.Config != hash {
		t.Errorf("config %s, was %s", r.Config, hash)
	}
	if a := h.ping(`{"zip":"10001"}`, "Authorization: Bearer secret-key-one"); a.status != 401 {
		t.Errorf("the old secret: %d", a.status)
	}
	// What was counted against the rate still counts: of two requests one is left.
	h.expect(h.ping(`{"zip":"10001"}`, "Authorization: Bearer secret-key-two"), 200, lead.ResultSuccess)
	if a := h.ping(`{"zip":"10001"}`, "Authorization: Bearer secret-key-two"); a.status != 429 {
		t.Errorf("over the rate: %d", a.status)
	}
}

func TestPausesAndCountsOutliveReloads(t *testing.T) {
	t.Parallel()
	h := build(t, "", nil, script("b", 25*dollar), script("c", 20*dollar))
	h.quote(20)
	before := h.node.Exchange.Campaigns()[0].Won.Load()
	if status := h.admin("POST", "/v1/pause", admin.Change{Subject: "campaign:b-main", Why: "unpaid"},
		nil); status != 200 {
		t.Fatal(status)
	}
	h.edit("buyers/b.yaml", "timeout_ms: 300", "timeout_ms: 250")
	h.reload(admin.Applied)
	h.quote(16)
	if n := h.node.Exchange.Campaigns()[0].Won.Load(); n != before || before != 1 {
		t.Errorf("won %d, before the reload %d", n, before)
	}

	// Gone, and there again: still paused, and still counted.
	away := filepath.Join(h.dir, "b.away")
	there := filepath.Join(h.dir, "buyers/b.yaml")
	if err := os.Rename(there, away); err != nil {
		t.Fatal(err)
	}
	h.reload(admin.Applied)
	if status := h.admin("POST", "/v1/resume", admin.Change{Subject: "campaign:b-main", Why: "paid"},
		nil); status != 404 {
		t.Errorf("a campaign that is not configured: %d", status)
	}
	if err := os.Rename(away, there); err != nil {
		t.Fatal(err)
	}
	h.reload(admin.Applied)
	h.quote(16)
	if n := h.node.Exchange.Campaigns()[0].Won.Load(); n != before {
		t.Errorf("won %d, want %d", n, before)
	}
	if status := h.admin("POST", "/v1/resume", admin.Change{Subject: "campaign:b-main", Why: "paid"},
		nil); status != 200 {
		t.Fatal(status)
	}
	h.quote(20)
	h.restart()
	h.quote(20)
}

// A template of the binary becomes part of the configuration's files without being one of the directory's.
func TestReloadOfACampaignFromATemplateOfTheBinary(t *testing.T) {
	t.Parallel()
	h := build(t, "", nil, script("b", 25*dollar))
	h.write("buyers/c.yaml", `
id: c
name: c
timezone: America/New_York
campaigns:
  - id: c-list
    vertical: solar
    price: 11.50
    template: json
    ping: null
    set: {ping_url: "", post_url: "https://c.example/post", key: secret}
`)
	h.reload(admin.Applied)
	h.reload(admin.Unchanged)
	h.edit("buyers/c.yaml", "11.50", "12.50")
	h.reload(admin.Applied)
	h.edit("buyers/c.yaml", "12.50", "much")
	if r := h.reload(admin.Refused); len(r.Problems) != 1 {
		t.Errorf("a mistake: %+v", r)
	}
}
