// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-json"

	"clearpost/exchange"
	"clearpost/exchange/admin"
	"clearpost/ledger"
)

// A running exchange that is told to observe learns of its sales and of what is reported of them, and so does the verb
// on its directory when it has stopped.
func TestValueOfARunningExchange(t *testing.T) {
	dir, sellers, p, _ := served(t)
	file := filepath.Join(dir, "verticals", "solar.yaml")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	b = append(b, "\nlearned_value: {mode: observe, segment: [state]}\n"...)
	if err := os.WriteFile(file, b, 0o644); err != nil {
		t.Fatal(err)
	}
	must(t, "reload", "-d", dir)
	resp, err := sendSunnyLead(sellers)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var sold struct {
		LeadID string `json:"lead_id"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&sold); err != nil || resp.StatusCode != 200 {
		t.Fatalf("status %d, %v", resp.StatusCode, err)
	}
	if out := must(t, "report", "returned", sold.LeadID, "--why", "test", "-d", dir); !strings.Contains(out,
		"is returned") {
		t.Errorf("report: %s", out)
	}
	if out := must(t, "explain", sold.LeadID, "-d", dir); !strings.Contains(out, "learned value: observe, segment") ||
		!strings.Contains(out, "(accepts ") {
		t.Errorf("explain:\n%s", out)
	}
	for _, running := range []bool{true, false} {
		if !running {
			p.cmd.Process.Signal(os.Interrupt)
			<-p.ended
		}
		var got admin.LearnedStatus
		if err := json.Unmarshal([]byte(must(t, "value", "--json", "-d", dir)), &got); err != nil ||
			len(got.Learned) < 3 || got.Learned[0].Tried < .99 || got.Learned[0].Returned < .99 {
			t.Errorf("running %v: %+v, %v", running, got, err)
		}
	}
}

func TestLearnedValueAsText(t *testing.T) {
	s := &admin.LearnedStatus{Learned: []exchange.LearnedRow{
		{Vertical: "solar", Mode: "on", Campaign: "a", Accept: 812_345, Return: 50_000, Paid: 980_000, Tried: 40,
			Accepted: 33.2},
		{Vertical: "solar", Mode: "on", Campaign: "a", Prices: "10.00–20.00", Segment: "CA", Accept: 500_000,
			Thin: true},
	}}
	var out bytes.Buffer
	if err := printLearned(&out, s, true); err != nil {
		t.Fatal(err)
	}
	want := `CAMPAIGN  VERTICAL  MODE  PRICES       SEGMENT  ACCEPT  RETURN  PAID   TRIED  ACCEPTED  RETURNED  BILLED  
a         solar     on    all          all      81.2%   5.0%    98.0%  40.0   33.2      0.0       0.0     
a         solar     on    10.00–20.00  CA       50.0%   0.0%    0.0%   0.0    0.0       0.0       0.0     thin
`
	if out.String() != want {
		t.Errorf("%s", &out)
	}
	out.Reset()
	tellLearned(&out, &ledger.Learned{Mode: "observe", Segment: "CA", Explores: true,
		Would: []ledger.Would{{Campaign: "a"}, {Campaign: "b", Leg: 2}}})
	if got := out.String() + factorsText([]int64{900_000, 950_000, 1_000_000, 800_000}, true); got != `
learned value: observe, segment CA, hardly known campaigns count by their price, would have won: a, b leg 2`+
		" (accepts 90.0%, keeps 95.0%, pays 100.0%, counts 80.0%, last resort)" {
		t.Errorf("%s", got)
	}
}
