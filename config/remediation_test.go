// SPDX-License-Identifier: Apache-2.0

package config

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"clearpost/exchange"
)

func TestRemediation(t *testing.T) {
	cfg, err := loadPlan(t, `remediation:
  url: https://hooks.example/unsold?of=auto
  secrets: [whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw]
  for_hours: 5
  fields: [zip]
plan: {tiers: [{name: all}], unsold: list}
`)
	if err != nil {
		t.Fatal(err)
	}
	v := cfg.Exchange.Verticals[0]
	r := v.Remediation
	if r.URL.Host != "hooks.example" || len(r.Secrets) != 1 || r.For != 5*time.Hour || r.Timeout != 10*time.Second ||
		!v.Plan.Routing.UnsoldListed {
		t.Errorf("%+v", r)
	}
	_, err = loadPlan(t, `remediation: {url: hooks.example, secrets: [whsec_short, plain], fields: [zipp], for_hours: 0}
plan: {tiers: [{name: all}], unsold: resell}
`)
	if err == nil {
		t.Fatal("no mistakes")
	}
	for _, want := range []string{`"hooks.example": expected an absolute address`,
		"expected whsec_ and 24 to 64 bytes in base64", `"zipp": expected a field of the vertical: did you mean "zip"?`,
		`"0": expected`, `"resell": expected remediation or list`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %v", want, err)
		}
	}
	if strings.Contains(err.Error(), "short") {
		t.Error("a secret is shown")
	}
	_, err = loadPlan(t, "plan: {tiers: [{name: all}], unsold: remediation}\n")
	if err == nil || !strings.Contains(err.Error(), "expected list, or a `remediation` of the vertical") {
		t.Error(err)
	}
}

// The page of the how-to is taken as it stands there, and a source without events is told of all ends.
func TestWebhookOfASource(t *testing.T) {
	text, err := os.ReadFile("../docs/how-to/hear-what-became-of-a-lead.md")
	if err != nil {
		t.Fatal(err)
	}
	page := regexp.MustCompile("(?s)```yaml\n(webhook:.*?)```").FindSubmatch(text)
	if page == nil {
		t.Fatal("no page")
	}
	const acme, secret = "sources/acme.yaml", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	load := func(page string) (*exchange.Webhook, error) {
		page = strings.ReplaceAll(page, "${env:LEADMART_HOOK_SECRET}", secret)
		cfg, err := Load(writeConfig(t, change{acme, "", page}), nil)
		if err != nil {
			return nil, err
		}
		return cfg.Exchange.Sources[0].Webhook, nil
	}
	w, err := load(string(page[1]))
	if err != nil || w.URL.Host != "hooks.leadmart.example" || len(w.Secrets) != 1 || w.For != 72*time.Hour ||
		!slices.Equal(w.Events, exchange.HookEventsDefault) {
		t.Errorf("%+v, %v", w, err)
	}
	w, err = load("webhook: {url: 'http://10.0.0.7:8080/x', secrets: [" + secret + ", " + secret + "], for_hours: 1, " +
		"timeout_ms: 500, allow_private_addresses: true}\n")
	if err != nil || len(w.Secrets) != 2 || !w.AllowPrivate || w.Timeout != 500*time.Millisecond || len(w.Events) != 4 {
		t.Errorf("%+v, %v", w, err)
	}
	for page, want := range map[string]string{
		"secrets: [" + secret + "]":                                     "expected an absolute address",
		"url: 'https://u:p@h.example/', secrets: [" + secret + "]":      "expected an absolute address",
		"url: 'https://h.example/'":                                     "secrets is not there: expected 1 to 4",
		"url: 'https://h.example/', secrets: [x-y-z]":                   "expected whsec_",
		"url: 'https://h.example/', secrets: [x], events: [sould]":      `"sould": expected sold, unsold`,
		"url: 'https://h.example/', secrets: [x], events: [sold, sold]": "expected each kind once",
		"url: 'https://h.example/', secrets: [x], events: []":           "expected one at least of sold",
		"url: 'https://h.example/', secrets: [x], fields: [zip]":        `unknown key "fields"`,
		"url: 'https://h.example/', secrets: [x], for_hours: 10000":     `"10000": expected`,
		"url: 'https://h.example/', secrets: ['${env:NO_SUCH}']":        "NO_SUCH",
	} {
		_, err := load("webhook: {" + page + "}\n")
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "x-y-z") {
			t.Errorf("%s: no %q in %v", page, want, err)
		}
	}
}
