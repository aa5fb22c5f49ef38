// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-json"

	"clearpost/exchange"
)

// A lead that nobody wants is resubmitted with other values, alone and out of a file, and both leads tell of it.
func TestResubmitOnARunningExchange(t *testing.T) {
	dir, sellers, _, _ := served(t)
	unwanted := strings.NewReplacer("85004", "99950", `"AZ"`, `"AK"`, "true", "false", "180", "0").Replace(sunnyLead)
	resp, err := sendLead(sellers, unwanted)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct {
		Result string
		LeadID string `json:"lead_id"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.Result != "failure" {
		t.Fatalf("%+v, %v", answer, err)
	}
	mend := []string{"--set", "zip=85004", "--set", "state=AZ", "--set", "homeowner=true", "--set", "monthly_bill=180",
		"-d", dir}
	dry := must(t, append([]string{"resubmit", answer.LeadID, "--dry-run"}, mend...)...)
	if !strings.Contains(dry, "wanted by") || !strings.Contains(dry, "zip") {
		t.Errorf("dry: %s", dry)
	}
	for _, bad := range [][]string{{"resubmit", "-d", dir}, {"resubmit", answer.LeadID, "--file", "x", "-d", dir}} {
		if code, _, _ := clearpost(t, bad...); code != exitUsage {
			t.Errorf("%v: exit %d", bad, code)
		}
	}
	for _, bad := range [][]string{{"resubmit", answer.LeadID, "--set", "zip", "-d", dir},
		{"resubmit", answer.LeadID, "--set", "colour=red", "-d", dir}, {"resubmit", "x", "-d", dir}} {
		if code, _, errOut := clearpost(t, bad...); code != exitFailed || errOut == "" {
			t.Errorf("%v: exit %d, %s", bad, code, errOut)
		}
	}
	list := must(t, "unsold", "--json", "-d", dir)
	file := filepath.Join(t.TempDir(), "unsold.jsonl")
	if err := os.WriteFile(file, []byte(list), 0o644); err != nil {
		t.Fatal(err)
	}
	out := must(t, append([]string{"resubmit", "--file", file, "--json", "--why", "mended"}, mend...)...)
	var got exchange.Resubmitted
	if err := json.Unmarshal([]byte(out), &got); err != nil || got.Lead.String() != answer.LeadID || got.As == "" {
		t.Fatalf("%s, %v", out, err)
	}
	if again := must(t, "resubmit", answer.LeadID, "-d", dir); !strings.Contains(again, "before, as lead "+got.As) {
		t.Errorf("again: %s", again)
	}
	rows := filepath.Join(t.TempDir(), "rows.csv")
	text := "lead_id,ref\n" + answer.LeadID + ",\n" + answer.LeadID + ",r-9\n"
	if err := os.WriteFile(rows, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if code, out, errOut := clearpost(t, "resubmit", "--file", rows, "-d", dir); code != exitFailed ||
		!strings.Contains(errOut, "1 of 2 leads were not") || !strings.Contains(out, "resubmitted before") {
		t.Errorf("a file with one that cannot be: exit %d\n%s%s", code, out, errOut)
	}
	for id, want := range map[string]string{answer.LeadID: "resubmitted as lead " + got.As,
		got.As: "resubmits lead " + answer.LeadID} {
		if x := must(t, "explain", id, "-d", dir); !strings.Contains(x, want) || !strings.Contains(x, "mended") ||
			strings.Contains(x, "DEFECT") {
			t.Errorf("explain: %s", x)
		}
		want = strings.Replace(want, "lead ", "", 1)
		if f := must(t, "find", id, "-d", dir); !strings.Contains(f, want) {
			t.Errorf("find: %s", f)
		}
	}
}
