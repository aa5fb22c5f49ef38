// SPDX-License-Identifier: Apache-2.0

package config

import (
	"strings"
	"testing"
	"time"
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
