// SPDX-License-Identifier: Apache-2.0

package conform_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"clearpost/config"
	"clearpost/node"
)

// The shape that takes its leads in files gets one: its row is that of the page's example, and the lead is sold when
// the file stands there.
func TestALeadGoesIntoTheFileOfAShape(t *testing.T) {
	srv := t.TempDir()
	dir := settled(t, "postbag", "127.0.0.1:1")
	page := filepath.Join(dir, "buyers", "postbag.yaml")
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	text = []byte(strings.ReplaceAll(string(text), "/srv/postbag", srv))
	for _, err := range []error{os.WriteFile(page, text, 0o600), os.Mkdir(srv+"/in", 0o700),
		os.Mkdir(srv+"/out", 0o700), os.Mkdir(srv+"/test", 0o700)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	cfg, err := config.Load(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := cfg.Examples.Err(); err != nil {
		t.Fatal(err)
	}
	rules, err := cfg.Rules("postbag-home_services", true)
	if err != nil {
		t.Fatal(err)
	}
	cfg.DataDir, cfg.Listen, cfg.AdminListen = t.TempDir(), "127.0.0.1:0", "127.0.0.1:0"
	cfg.Limits.FreeBytesMin = 0
	n, err := node.New(cfg, slog.New(slog.DiscardHandler), false)
	if err == nil {
		err = n.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := n.Stop(); err != nil {
			t.Error(err)
		}
	}()
	values := map[string]any{}
	l := rules.Inputs.Lead
	for pos := range l.Len() {
		if s := l.Slot(pos); len(l.Raw(pos)) > 0 && !s.Made {
			values[l.Schema().Fields[pos].Name] = string(l.Raw(pos))
		}
	}
	body, _ := json.Marshal(values)
	values["test"] = true
	tested, _ := json.Marshal(values)
	var got struct {
		Result string
		Lead   string `json:"lead_id"`
	}
	ask := func(method, path, body string) {
		req, _ := http.NewRequest(method, "http://"+n.SellerAddr+path, strings.NewReader(body))
		req.Header.Set("Authorization", "Bearer demo-key-formfield")
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		answer, _ := io.ReadAll(resp.Body)
		if err := json.Unmarshal(answer, &got); err != nil {
			t.Fatalf("%s: %v", answer, err)
		}
	}
	ask("POST", "/v1/home_services/leads", string(tested))
	if files, _ := filepath.Glob(srv + "/test/leads-*.csv"); got.Result != "success" || len(files) != 1 {
		t.Errorf("a test: %+v, %v", got, files)
	}
	if ask("POST", "/v1/home_services/leads", string(body)); got.Result != "pending" {
		t.Fatalf("%+v", got)
	}
	if _, err := n.Exchange.SendNow("postbag-home_services"); err != nil {
		t.Fatal(err)
	}
	var files []string
	tick, over := time.NewTicker(20*time.Millisecond), time.After(20*time.Second)
	defer tick.Stop()
	for got.Result != "success" || len(files) == 0 {
		select {
		case <-tick.C:
		case <-over:
			t.Fatalf("%+v, %v", got, files)
		}
		files, _ = filepath.Glob(srv + "/in/leads-*.csv")
		ask("GET", "/v1/leads/"+got.Lead, "")
	}
	file, err := os.ReadFile(files[0])
	want := "\ufeff" + `"Ref";"First";"Last";"Mobile";"Mail";"Street";"Zip";"Job";"Price"` + "\r\n\"" + got.Lead + `";"Jane";"Roe; von";"4155550123";"jane.roe@example.com";"1 Main Street";"94110";"plumbing/install";"11.00"` +
		"\r\n"
	if err != nil || string(file) != want {
		t.Errorf("%v\n%q, expected\n%q", err, file, want)
	}
}
