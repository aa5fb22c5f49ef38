// SPDX-License-Identifier: Apache-2.0

//go:build integration

package main

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-json"
)

// heard is a line of the receiver.
type heard struct {
	Port           int
	ID, Type, Lead string
	Refused        string
}

// TestIntegrationPublicLibraryVerifiesWebhooks has the Standard Webhooks library of npm verify what a running exchange
// tells a seller: the receiver is down at first, the exchange is killed meanwhile, and in the end each message has been
// taken, in order, and once by its id.
func TestIntegrationPublicLibraryVerifiesWebhooks(t *testing.T) {
	const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	receiver := exec.Command("node", "testdata/receiver.js", secret, "1")
	receiver.Env = append(os.Environ(), "NODE_PATH="+part(t, "CLEARPOST_STANDARDWEBHOOKS"))
	receiver.Stderr = os.Stderr
	out, err := receiver.StdoutPipe()
	if err == nil {
		err = receiver.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = receiver.Process.Kill()
		_ = receiver.Wait()
	}()
	lines := make(chan heard, 100)
	go func() {
		for in := bufio.NewScanner(out); in.Scan(); {
			var h heard
			if err := json.Unmarshal(in.Bytes(), &h); err != nil {
				t.Error(err)
			}
			lines <- h
		}
	}()
	next := func() heard {
		t.Helper()
		select {
		case h := <-lines:
			return h
		case <-time.After(90 * time.Second):
			t.Fatal("the receiver heard nothing more")
			return heard{}
		}
	}
	to := fmt.Sprintf("http://127.0.0.1:%d/told", next().Port)
	dir, sellers, p, _ := served(t)
	file := filepath.Join(dir, "sources", "quotemill.yaml")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	b = append(b, "\nwebhook: {url: '"+to+"', secrets: ["+secret+"], allow_private_addresses: true}\n"...)
	if err := os.WriteFile(file, b, 0o644); err != nil {
		t.Fatal(err)
	}
	must(t, "reload", "-d", dir)
	var want []string
	send := func(n int) {
		t.Helper()
		for range n {
			resp, err := sendLead(sellers, strings.NewReplacer("234-0199", fmt.Sprintf("234-%04d", 1000+len(want)),
				"my-1", fmt.Sprint("my-", len(want)), "ana@", fmt.Sprintf("ana%d@", len(want))).Replace(sunnyLead))
			if err != nil {
				t.Fatal(err)
			}
			var answer struct {
				Lead string `json:"lead_id"`
			}
			err = json.NewDecoder(resp.Body).Decode(&answer)
			if resp.Body.Close(); err != nil || answer.Lead == "" || resp.StatusCode != 200 {
				t.Fatalf("%d: %+v, %v", resp.StatusCode, answer, err)
			}
			want = append(want, answer.Lead)
		}
	}
	send(4)
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-p.ended
	p = startProcess(t, "serve", dir, "--log-level", "error")
	p.waitReady("http://" + strings.TrimSpace(adminOf(t, dir)) + "/healthz")
	send(4)
	ids := map[string]string{}
	for i := 0; i < len(want); {
		h := next()
		switch was, ok := ids[h.ID]; {
		case h.Refused != "":
			t.Fatalf("the library refuses a message: %s", h.Refused)
		case ok && was == h.Lead: // it comes again after the kill
		case h.Lead != want[i] || ok || h.Type != "lead.sold" && h.Type != "lead.unsold":
			t.Fatalf("message %d: %+v, want one of %s", i, h, want[i])
		default:
			ids[h.ID] = h.Lead
			i++
		}
	}
	resp, err := http.Post(to, "application/json", strings.NewReader(`{"type":"lead.sold"}`))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if h := next(); h.Refused == "" || resp.StatusCode != 400 {
		t.Errorf("what is not from us: %+v", h)
	}
	if out := must(t, "webhooks", "-d", dir); !strings.Contains(out, "source-quotemill") ||
		!strings.Contains(out, "well") {
		t.Errorf("webhooks: %s", out)
	}
}

// adminOf is the admin address in a configuration.
func adminOf(t *testing.T, dir string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "clearpost.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "admin: {listen: ")
	addr, _, _ := strings.Cut(rest, "}")
	return addr
}
