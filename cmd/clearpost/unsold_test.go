// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-json"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// A lead that nobody wants is listed, and goes to the remediation that a reload has brought; also of a node that has
// stopped, the list is there.
func TestUnsoldLeadsOfARunningExchange(t *testing.T) {
	const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	hook, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	told := make(chan string, 8)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err == nil {
			err = hook.Verify(b, r.Header)
		}
		if err != nil {
			t.Error(err)
		}
		told <- string(b)
	}))
	defer receiver.Close()
	dir, sellers, p, _ := served(t)
	file := filepath.Join(dir, "verticals", "solar.yaml")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	b = append(b, "\nremediation: {url: '"+receiver.URL+"/unsold', secrets: ["+secret+
		"], allow_private_addresses: true}\n"...)
	if err := os.WriteFile(file, b, 0o644); err != nil {
		t.Fatal(err)
	}
	if out := must(t, "webhooks", "-d", dir); !strings.Contains(out, "there are no webhooks") {
		t.Errorf("before the reload: %s", out)
	}
	must(t, "reload", "-d", dir)
	resp, err := sendLead(sellers, strings.NewReplacer("85004", "99950", `"AZ"`, `"AK"`, "true", "false", "180", "0").
		Replace(sunnyLead))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct{ Result, LeadID string }
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.Result != "failure" {
		t.Fatalf("%+v, %v", answer, err)
	}
	select {
	case m := <-told:
		if !strings.Contains(m, `"lead.unsold"`) || !strings.Contains(m, "99950") {
			t.Errorf("message: %s", m)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the remediation was told nothing")
	}
	for _, running := range []bool{true, false} {
		if !running {
			p.cmd.Process.Signal(os.Interrupt)
			<-p.ended
		}
		if out := must(t, "unsold", "-d", dir); !strings.Contains(out, "no_bids") || !strings.Contains(out, "solar") {
			t.Errorf("running %v: %s", running, out)
		}
		none := must(t, "unsold", "--source", "nobody", "-d", dir)
		if !strings.Contains(none, "no lead was left unsold") {
			t.Errorf("running %v, of nobody: %s", running, none)
		}
		if out := must(t, "webhooks", "-d", dir); !strings.Contains(out, "remediation-solar") ||
			!strings.Contains(out, "well") {
			t.Errorf("running %v: %s", running, out)
		}
	}
}
