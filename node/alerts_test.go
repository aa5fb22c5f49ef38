// SPDX-License-Identifier: Apache-2.0

package node

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-json"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"clearpost/lead"
)

// TestAlertsOfARunningNode: a webhook gets a signed notice of a cap that is full, once, also after a restart; a reload
// puts other rules in force.
func TestAlertsOfARunningNode(t *testing.T) {
	const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	hook, err := standardwebhooks.NewWebhook(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 100)
	desk := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		var n struct {
			Data struct{ Kind, Rule, Subject string }
		}
		if err := hook.Verify(b, r.Header); err != nil {
			t.Error(err)
		} else if err := json.Unmarshal(b, &n); err != nil {
			t.Error(err)
		}
		subject, _, _ := strings.Cut(n.Data.Subject, " ")
		got <- n.Data.Kind + " " + n.Data.Rule + " " + subject
	}))
	defer desk.Close()
	h := build(t, "", map[string]string{"one": "caps: [{per: total, limit: 1}]"}, script("one", 10*lead.Unit))
	top := h.read("clearpost.yaml")
	rules := func(list string) {
		h.write("clearpost.yaml", top+fmt.Sprintf("alerts: {receivers: [{id: desk, webhook: {url: %q, secrets: [%s], "+
			"allow_private_addresses: true}}], rules: [%s]}\n", desk.URL, secret, list))
		if r := h.node.Reload("command"); r.Result != "applied" {
			t.Fatalf("%+v", r)
		}
	}
	hear := func(want string) {
		t.Helper()
		h.node.alerts.Look()
		h.node.alerts.Send(t.Context())
		select {
		case n := <-got:
			if n != want {
				t.Errorf("heard %q, want %q", n, want)
			}
		case <-time.After(20 * time.Second):
			t.Errorf("%q was not heard", want)
		}
	}
	rules("{id: full, on: cap}")
	q := h.call("POST", "/v1/solar/ping", `{"zip":"10001"}`)
	h.call("POST", "/v1/solar/post", `{"ping_id":"`+q.PingID+`","zip":"10001","phone":"2125550100"}`)
	hear("began full campaign:one-main:total")
	if err := h.node.alerts.Test(t.Context(), "desk", "me"); err != nil {
		t.Fatal(err)
	}
	hear("test test desk")
	h.restart()
	rules("{id: full, on: cap}, {id: again, on: cap, percent: 100}")
	hear("began again campaign:one-main:total")
	if len(got) != 0 {
		t.Errorf("heard %q too", <-got)
	}
}
