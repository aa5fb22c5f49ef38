// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"clearpost/exchange"
	"clearpost/exchange/admin"
)

const officeHours = "../../examples/hours"

func TestTryRequestTellsOfHours(t *testing.T) {
	for at, want := range map[string]string{
		"2026-11-27T15:00:00Z": "",
		"2026-11-27T12:59:59Z": "the campaign would not be asked: closed: outside 8am-8pm, opens Fri 2026-11-27 " +
			"08:00 America/New_York (buyers/eastern.yaml:8:10, schedule.open[0])\n",
		"2026-11-28T15:00:00Z": "the campaign would not be asked: closed: weekends, opens Mon 2026-11-30 08:00 " +
			"America/New_York (buyers/eastern.yaml:9:12, schedule.closed[0])\n",
	} {
		code, _, errOut := clearpost(t, "try", "request", "eastern-auto", "--post", "-d", officeHours, "--at", at)
		if code != exitOK || strings.TrimSpace(errOut) != strings.TrimSpace(want) {
			t.Errorf("%s: exit %d, %q, want %q", at, code, errOut, want)
		}
	}
	out := must(t, "try", "request", "eastern-auto", "--post", "-d", officeHours, "--at", "2026-11-28T15:00:00Z",
		"--json")
	if !strings.Contains(out, `"closed: weekends, opens Mon 2026-11-30 08:00 America/New_York (buyers/eastern.yaml:9:12, `+
		`schedule.closed[0])"`) {
		t.Error(out)
	}
}

func TestStatusAndExplainTellOfHours(t *testing.T) {
	const why = "closed: thanksgiving, opens Fri 2026-11-27 08:00 America/New_York"
	s := &admin.Status{Campaigns: []admin.CampaignStatus{{Campaign: "one", Hours: why}, {Campaign: "two"}},
		Sources: []admin.SourceStatus{{Source: "acme", Hours: why}, {Source: "kite"}}}
	var out bytes.Buffer
	if err := printStatus(&out, s); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "one is "+why+"\nsource acme is "+why+"\n") ||
		strings.Count(out.String(), "closed") != 2 {
		t.Errorf("status:\n%s", &out)
	}
	out.Reset()
	tell(&out, &exchange.Explanation{Campaigns: []exchange.CampaignStory{{Campaign: "one", Buyer: "b",
		Verdict: "closed", Why: []string{why, "and why"}, Places: []string{"buyers/b.yaml:7, schedule.closed[1]"}}}})
	want := "one (b)  closed  — " + why + " (buyers/b.yaml:7, schedule.closed[1])\n      and — and why\n"
	if !strings.Contains(out.String(), want) {
		t.Errorf("no %q in\n%s", want, &out)
	}
}

func TestCheckWarnsOfHoursThatNeverCount(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(officeHours)); err != nil {
		t.Fatal(err)
	}
	page := filepath.Join(dir, "buyers", "eastern.yaml")
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(text), "    price: 18.00\n",
		"    price: 18.00\n    schedule: {open: [mon-fri 8pm-10pm, sat 8am-10am], closed: [weekends]}\n", 1)
	if err := os.WriteFile(page, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	code, _, errOut := clearpost(t, "check", dir)
	for _, want := range []string{`warning: campaign eastern-auto, schedule.open[1]: "sat 8am-10am" never counts`,
		"warning: campaign eastern-auto, schedule: it and its buyer's are never open together: it is never asked"} {
		if code != exitOK || !strings.Contains(errOut, want) {
			t.Errorf("exit %d, no %q in\n%s", code, want, errOut)
		}
	}
}
