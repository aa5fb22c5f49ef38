// SPDX-License-Identifier: Apache-2.0

//go:build integration

package conform_test

import (
	"bytes"
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

// The shape that takes its leads by e-mail gets one by a real mail server, and a test lead goes to its other mailbox.
func TestIntegrationALeadIsSoldByEmail(t *testing.T) {
	addr, mailDir := os.Getenv("CLEARPOST_SMTP"), os.Getenv("CLEARPOST_SMTP_DIR")
	if addr == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("CLEARPOST_SMTP is not set")
		}
		t.Skip("CLEARPOST_SMTP is not set: run `make integration`, which starts the part and sets it")
	}
	t.Setenv("SMTP_CA", string(readFile(t, mailDir+"/ca.pem")))
	dir := settled(t, "pillarbox", "127.0.0.1:1")
	page := filepath.Join(dir, "buyers", "pillarbox.yaml")
	text := strings.NewReplacer("server: smtp.exchange.example", "server: "+addr+"\n        ca: \"${env:SMTP_CA}\"",
		"user: leads", "user: clearpost", "demo-pillarbox-password", "secret",
		"integration@", "desk@", "to: [desk@", "to: [DESK@", "To: desk@", "To: DESK@").
		Replace(string(readFile(t, page)))
	if err := os.WriteFile(page, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(dir, os.LookupEnv)
	if err == nil {
		err = cfg.Examples.Err()
	}
	if err != nil {
		t.Fatal(err)
	}
	rules, err := cfg.Rules("pillarbox-home_services", true)
	if err != nil {
		t.Fatal(err)
	}
	cfg.DataDir, cfg.Listen, cfg.AdminListen = t.TempDir(), "127.0.0.1:0", "127.0.0.1:0"
	cfg.Limits.FreeBytesMin = 0
	var log bytes.Buffer
	n, err := node.New(cfg, slog.New(slog.NewTextHandler(&log, nil)), false)
	if err == nil {
		err = n.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []bool{false, true} {
		values := map[string]any{"test": test}
		l := rules.Inputs.Lead
		for pos := range l.Len() {
			if s := l.Slot(pos); len(l.Raw(pos)) > 0 && !s.Made {
				values[l.Schema().Fields[pos].Name] = string(l.Raw(pos))
			}
		}
		body, _ := json.Marshal(values)
		req, _ := http.NewRequest("POST", "http://"+n.SellerAddr+"/v1/home_services/leads", bytes.NewReader(body))
		req.Header.Set("Authorization", "Bearer demo-key-formfield")
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		answer, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		var got struct {
			Result string
			Lead   string `json:"lead_id"`
		}
		if err := json.Unmarshal(answer, &got); err != nil || got.Result != "success" {
			t.Fatalf("%s", answer)
		}
		to := "DESK@pillarbox.example"
		if test {
			to = "desk@pillarbox.example"
		}
		wantLetter(t, mailDir, got.Lead, to)
	}
	if err := n.Stop(); err != nil {
		t.Error(err)
	}
	for _, personal := range []string{"Roe", "4155550123", "Main Street"} {
		if strings.Contains(log.String(), personal) {
			t.Errorf("the log has %s: %s", personal, log.String())
		}
	}
}

// wantLetter waits for the e-mail of a lead.
func wantLetter(t *testing.T, dir, id, to string) {
	t.Helper()
	tick, over := time.NewTicker(20*time.Millisecond), time.After(20*time.Second)
	defer tick.Stop()
	for {
		list, _ := filepath.Glob(dir + "/files/new/*")
		for _, name := range list {
			text := string(readFile(t, name))
			if !strings.Contains(text, id) {
				continue
			}
			for _, part := range []string{"\nTo: <" + to + ">\n",
				"\nSubject: =?UTF-8?q?roofing_in_San_Jos=C3=A9_(94110)?=\n",
				"Jane Roe wants roofing (replace), now."} {
				if !strings.Contains(strings.ReplaceAll(text, "\r", ""), part) {
					t.Errorf("no %q in\n%s", part, text)
				}
			}
			return
		}
		select {
		case <-tick.C:
		case <-over:
			t.Fatalf("no e-mail of lead %s", id)
		}
	}
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
