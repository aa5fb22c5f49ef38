// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"strings"
	"testing"

	"github.com/goccy/go-json"

	"clearpost/exchange"
	"clearpost/lead"
)

// What may be a sale is never told as a failure, whether it is pending, under way, or cut off by an error of ours.
func TestProfilesNeverCallPendingAFailure(t *testing.T) {
	for name, p := range profiles {
		_, pending := p.answer(&exchange.Reply{Result: lead.ResultPending, LeadID: lead.ID{1}}, false)
		busy, underWay := p.trouble(409, &trouble{Reason: "in_progress"}, false)
		_, another := p.trouble(409, &trouble{Reason: "person_in_progress",
			Details: "another lead of this person is under way"}, false)
		if text, err := json.Marshal(another); err != nil || !strings.Contains(string(text), "another lead") ||
			strings.Contains(strings.ToLower(string(text)), "pending") {
			t.Errorf("%s: of a lead of which nothing is known it says %s, %v", name, text, err)
		}
		broken, internal := p.trouble(500, &trouble{Reason: "internal"}, false)
		unread, lost := p.trouble(503, &trouble{Reason: "unavailable", Unsure: true}, false)
		if unread != 503 {
			t.Errorf("%s: status %d of a lead that cannot be read", name, unread)
		}
		if busy >= 300 || broken != 500 {
			t.Errorf("%s: statuses %d and %d", name, busy, broken)
		}
		for _, v := range []any{pending, underWay, internal, lost} {
			b, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			text := strings.ToLower(string(b))
			if !strings.Contains(text, "pending") && !strings.Contains(text, "queued") {
				t.Errorf("%s: %s does not say that it is pending", name, b)
			}
			for _, bad := range []string{"fail", "error", "unmatched", "reject"} {
				if strings.Contains(text, bad) {
					t.Errorf("%s: %s says %s", name, b, bad)
				}
			}
		}
	}
}

// A source's own name comes before its profile's, and what the vertical does not have is unknown.
func TestProfileAndSourceNames(t *testing.T) {
	s, errs := lead.NewSchema("auto", []lead.Field{{Name: "trusted_form_url", Type: lead.TypeText},
		{Name: "type", Type: lead.TypeText}})
	if errs != nil {
		t.Fatal(errs)
	}
	pos := func(name string) int { i, _ := s.Position(name); return i }
	conduit := newNames(s, &exchange.Source{Profile: "leadconduit"})
	if got := conduit.alias["xxtrustedformcerturl"]; got.pos != pos("trusted_form_url") {
		t.Errorf("the certificate is %+v", got)
	}
	if got, ok := conduit.alias["leadid_token"]; ok {
		t.Errorf("a field that is not there is %+v", got)
	}
	bo := newNames(s, &exchange.Source{Profile: "boberdoo", Aliases: map[string]string{"TYPE": "type"}})
	if got := bo.alias["type"]; got.own != "" || got.pos != pos("type") {
		t.Errorf("the source's name is %+v", got)
	}
	if got := bo.alias["test_lead"]; got.own != "test" {
		t.Errorf("the test flag is %+v", got)
	}
}
