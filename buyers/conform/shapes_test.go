// SPDX-License-Identifier: Apache-2.0

package conform_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"clearpost/buyers"
	"clearpost/buyers/conform"
	"clearpost/config"
	"clearpost/node"
)

const shapesDir = "../../examples/shapes"

// hosts are the buyers' own, and those that they have for tests.
var hosts = regexp.MustCompile(`https://[a-z.-]+\.example/`)

// settled copies the configuration with one buyer, whose buyer stands at addr; its hosts for tests stand there under
// another name.
func settled(t *testing.T, buyer, addr string) string {
	t.Helper()
	dir := t.TempDir()
	files, _ := filepath.Glob(shapesDir + "/*/*.yaml")
	for _, f := range append(files, shapesDir+"/clearpost.yaml") {
		rel, _ := filepath.Rel(shapesDir, f)
		if filepath.Dir(rel) == "buyers" && !strings.HasPrefix(filepath.Base(rel), buyer) {
			continue
		}
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		text := string(b)
		switch filepath.Dir(rel) {
		case "buyers":
			text = strings.Replace(text, "\ncampaigns:", "\nallow_private_addresses: true\ncampaigns:", 1)
			fallthrough
		case "templates":
			text, _, _ = strings.Cut(text, "\nanswers:")
			text = hosts.ReplaceAllStringFunc(text, func(h string) string {
				if strings.Contains(h, "staging.") || strings.Contains(h, "sandbox.") {
					return "http://localhost:" + addr[strings.LastIndex(addr, ":")+1:] + "/"
				}
				return "http://" + addr + "/"
			})
		}
		to := filepath.Join(dir, rel)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// The shapes hold their examples, and a test lead goes through a live exchange to each, from ping to sale.
func TestATestSaleToEachOfTheShapes(t *testing.T) {
	cfg, err := config.Load(shapesDir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := cfg.Examples.Err(); err != nil {
		t.Fatal(err)
	}
	shapes := 0
	for _, c := range cfg.Exchange.Book.Campaigns {
		if len(c.Examples) == 0 || c.Batch != nil || c.Post.Mail != nil {
			continue // a further rung of a ladder; or nobody is called: these have tests of their own
		}
		shapes++
		t.Run(c.Buyer.ID, func(t *testing.T) {
			t.Parallel()
			sellTest(t, c.Buyer.ID, nil)
		})
	}
	if shapes != 13 {
		t.Errorf("%d shapes", shapes)
	}
}

// A lender that pays 50 refuses the lead at 80 and is offered it once more, at 50: in one call, where no quote has
// promised more to the seller.
func TestALadderIsClimbedDown(t *testing.T) {
	var asked []string
	sold := sellTest(t, "rungcapital", func(body string, w http.ResponseWriter) bool {
		least := regexp.MustCompile(`MinimumPrice=[0-9.]+`).FindString(body)
		asked = append(asked, least)
		w.Header().Set("Content-Type", "text/xml")
		if least == "MinimumPrice=80.00" {
			io.WriteString(w, "<Response><Result>Rejected</Result><Reason>No lender at this price</Reason></Response>")
		} else {
			io.WriteString(w, "<Response><Result>Accepted</Result><Price>52.00</Price><LeadId>RC-9</LeadId></Response>")
		}
		return true
	})
	if fmt.Sprint(asked) != "[MinimumPrice=80.00 MinimumPrice=50.00]" || sold["result"] != "success" {
		t.Errorf("%v: %v", asked, sold)
	}
}

// sellTest sends a test lead to the buyer's mock, from ping to sale, and returns the answer to the post. With a first,
// it is sent in one call, without a quote; a request that first takes is not seen by the mock.
func sellTest(t *testing.T, buyer string, first func(body string, w http.ResponseWriter) bool) map[string]any {
	var mock http.Handler
	var mu sync.Mutex
	var served []conform.Served
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		if first == nil || !first(string(body), w) {
			mock.ServeHTTP(w, r)
		}
	}))
	defer srv.Close()
	cfg, err := config.Load(settled(t, buyer, strings.TrimPrefix(srv.URL, "http://")), nil)
	if err != nil {
		t.Fatal(err)
	}
	c := cfg.Exchange.Book.Campaigns[slices.IndexFunc(cfg.Exchange.Book.Campaigns, func(c *buyers.Campaign) bool {
		return c.Buyer.ID == buyer
	})]
	rules, err := cfg.Rules(c.ID, true)
	if err != nil {
		t.Fatal(err)
	}
	log := func(s conform.Served) { mu.Lock(); defer mu.Unlock(); served = append(served, s) }
	if mock, err = conform.NewMock(conform.MockConfig{Campaign: c, Sample: rules.Inputs.Lead, Log: log}); err != nil {
		t.Fatal(err)
	}
	if err := cfg.Examples.Err(); err != nil {
		t.Fatal(err)
	}
	cfg.DataDir, cfg.Listen, cfg.AdminListen = t.TempDir(), "127.0.0.1:0", "127.0.0.1:0"
	cfg.Limits.FreeBytesMin = 0
	n, err := node.New(cfg, slog.New(slog.DiscardHandler), false)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := n.Stop(); err != nil {
			t.Error(err)
		}
	}()
	values := map[string]any{"test": true}
	l := rules.Inputs.Lead
	for pos := range l.Len() {
		if s := l.Slot(pos); len(l.Raw(pos)) > 0 && !s.Made {
			values[l.Schema().Fields[pos].Name] = string(l.Raw(pos))
		}
	}
	call := func(path string) map[string]any {
		body, _ := json.Marshal(values)
		req, _ := http.NewRequest("POST", "http://"+n.SellerAddr+"/v1/"+c.Vertical+path,
			strings.NewReader(string(body)))
		req.Header.Set("Authorization", "Bearer demo-key-formfield")
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, _ := io.ReadAll(resp.Body)
		var out map[string]any
		if err := json.Unmarshal(text, &out); err != nil || out["result"] != "success" {
			mu.Lock()
			defer mu.Unlock()
			t.Fatalf("%s: %s (served: %+v)", path, text, served)
		}
		return out
	}
	if first != nil {
		return call("/leads")
	}
	values["ping_id"] = call("/ping")["ping_id"]
	sold := call("/post")
	if sold["test"] != true || fmt.Sprint(sold["price"]) == "<nil>" {
		t.Errorf("not a sold test: %v", sold)
	}
	mu.Lock()
	defer mu.Unlock()
	want := 2
	if c.Ping == nil {
		want = 1
	}
	if len(served) != want || served[want-1].Call != "post" {
		t.Errorf("the buyer was called otherwise: %+v", served)
	}
	return sold
}
