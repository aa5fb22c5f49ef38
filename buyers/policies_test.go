// SPDX-License-Identifier: Apache-2.0

package buyers

import (
	"testing"

	"clearpost/rules"
	"clearpost/wire/request"
)

func TestNumbersOutOfBoundsAreDefects(t *testing.T) {
	n := func(v int) *int { return &v }
	sometimes := &EndpointSpec{Request: request.Spec{Fields: []request.FieldSpec{{To: "key", From: "idempotency_key",
		When: &request.WhenSpec{Field: "zip"}}}}}
	c := &bookCompiler{book: &Book{}, ids: map[string]string{}}
	c.rate(&rules.RateSpec{}, "x.ping")
	c.breaker(&Campaign{Ping: &Endpoint{}}, &BreakerSpec{FailuresPercent: n(101), Probes: n(0)}, "x")
	c.breaker(&Campaign{}, &BreakerSpec{}, "x")
	c.unknown(&UnknownSpec{Resend: &ResendSpec{Times: n(1000)}}, &EndpointSpec{}, nil, "x")
	c.unknown(&UnknownSpec{Resend: &ResendSpec{ForS: n(0)}}, sometimes, nil, "x")
	c.unknown(&UnknownSpec{Status: &StatusSpec{}, Resend: &ResendSpec{}}, nil, nil, "x")
	c.unknown(&UnknownSpec{Then: &ThenSpec{CountsAs: "sold"}}, nil, nil, "x")
	c.unknown(&UnknownSpec{Resend: &ResendSpec{ForS: n(7200)}, Then: &ThenSpec{CountsAs: "rejected", AfterH: 1}}, nil,
		nil, "x")
	c.backup(&EndpointSpec{BackupURL: "http://a.example"}, nil, false, "x.ping")
	c.keyed(&CampaignSpec{Post: &EndpointSpec{Key: &KeySpec{Header: "Bad Name"}}}, "x")
	want := []string{"x.ping.rate.per_second", "x.breaker.failures_percent", "x.breaker.probes", "x.breaker",
		"x.unknown.resend", "x.unknown.resend.times", "x.unknown.resend", "x.unknown.resend.for_s", "x.unknown",
		"x.unknown.then.counts_as", "x.unknown.then.after_h", "x.unknown.then.after_h",
		"x.ping.backup_url", "x.post.idempotency.header"}
	if len(c.defects) != len(want) {
		t.Fatalf("%d defects: %+v", len(c.defects), c.defects)
	}
	for i, d := range c.defects {
		if d.Path != want[i] || d.Expected == "" {
			t.Errorf("defect %d: %+v, want one at %s", i, d, want[i])
		}
	}
	var u UnknownSpec
	if u.TakeWord("hold") != nil || u.Resend != nil || u.TakeWord("resend") != nil || u.Resend == nil ||
		u.TakeWord("pray") == nil {
		t.Error("the words of `unknown`")
	}
}
