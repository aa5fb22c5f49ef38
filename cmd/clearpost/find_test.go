// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-json"

	"clearpost/exchange/admin"
	"clearpost/ledger/report"
)

// A sold lead is found in a running exchange as soon as its seller has heard of it, and in one that has stopped, also
// when what is searched had been thrown away.
func TestFindOfARunningExchangeAndOfOneThatHasStopped(t *testing.T) {
	if testing.Short() {
		t.Skip("one verb after the other")
	}
	dir, sellers, p, _ := served(t)
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
	for _, how := range []string{"running", "stopped", "rebuilt"} {
		switch how {
		case "stopped":
			p.cmd.Process.Signal(os.Interrupt)
			<-p.ended
		case "rebuilt":
			if out := must(t, "report", "rebuild", "-d", dir); !strings.Contains(out, "made anew: events 1 to ") {
				t.Errorf("rebuild: %s", out)
			}
		}
		out := must(t, "find", "--result", "sold", "-d", dir)
		if !strings.Contains(out, sold.LeadID) || !strings.Contains(out, "accepted") {
			t.Errorf("%s: find:\n%s", how, out)
		}
		var l report.Lead
		if err := json.Unmarshal([]byte(must(t, "find", "--json", sold.LeadID, "-d", dir)), &l); err != nil ||
			l.ID.String() != sold.LeadID || len(l.Attempts) != 1 || l.Attempts[0].Price == 0 {
			t.Errorf("%s: %+v, %v", how, l, err)
		}
		for _, who := range []string{"602.234.0199", "ANA@example.com", l.Source + ":my-1"} {
			if out := must(t, "find", who, "-d", dir); !strings.Contains(out, sold.LeadID) {
				t.Errorf("%s: %s finds\n%s", how, who, out)
			}
		}
		if out := must(t, "report", "scorecard", "-d", dir); !strings.Contains(out, l.Attempts[0].Buyer+" (USD)") {
			t.Errorf("%s: scorecards:\n%s", how, out)
		}
		if out := must(t, "report", "page", "-d", dir); !strings.Contains(out, l.Attempts[0].Buyer) {
			t.Errorf("%s: the page:\n%s", how, out)
		}
		exports(t, dir, &l)
		capsReported(t, dir, &l.Attempts[0])
		a := l.Attempts[0]
		out = must(t, "find", a.Buyer+":"+a.Reference, "--since", "1h", "-d", dir)
		if !strings.Contains(out, sold.LeadID) {
			t.Errorf("%s: by the reference:\n%s", how, out)
		}
		if out := must(t, "find", "--buyer", "nobody", "-d", dir); out != "no lead is like this\n" {
			t.Errorf("%s: of nobody: %s", how, out)
		}
		if code, _, errOut := clearpost(t, "find", "--refusal", "whim", "-d", dir); code != exitFailed ||
			!strings.Contains(errOut, "refusal: expected the name or the number of a refusal") {
			t.Errorf("%s: exit %d, %s", how, code, errOut)
		}
		var f report.Figures
		out = must(t, "report", "--by", "buyer", "--json", "--since", "1h", "-d", dir)
		if err := json.Unmarshal([]byte(out), &f); err != nil || len(f.Totals) != 1 ||
			f.Totals[0].Revenue != a.Price || f.Rows[0].Key[0] != a.Buyer {
			t.Errorf("%s: report: %+v, %v", how, f, err)
		}
		if out := must(t, "report", "-d", dir); !strings.Contains(out, a.Price.String()) {
			t.Errorf("%s: report:\n%s", how, out)
		}
		out = must(t, "report", "--csv", "--by", "state,hour", "--zone", "America/Phoenix", "-d", dir)
		if !strings.Contains(out, "\nAZ,") || !strings.Contains(out, ":00 -07:00,USD,1,1,1,") {
			t.Errorf("%s: report as CSV:\n%s", how, out)
		}
		question := "select buyer, reference, price_micros from sales"
		if out := must(t, "sql", question, "--json", "-d", dir); out != fmt.Sprintf(
			`{"buyer":%q,"reference":%q,"price_micros":%d}`+"\n", a.Buyer, a.Reference, a.Price) {
			t.Errorf("%s: sql: %s", how, out)
		}
		out = must(t, "sql", question, "--csv", "-d", dir)
		if !strings.HasPrefix(out, "buyer,reference,price_micros\n") {
			t.Errorf("%s: sql as CSV: %s", how, out)
		}
		if code, out, errOut := clearpost(t, "sql", "delete from _lead", "-d", dir); code != exitFailed || out != "" ||
			!strings.Contains(errOut, "not authorized") {
			t.Errorf("%s: a change: exit %d, %s%s", how, code, out, errOut)
		}
		if code, _, errOut := clearpost(t, "report", "--by", "moon", "-d", dir); code != exitFailed ||
			!strings.Contains(errOut, "by: expected each once of buyer, ") {
			t.Errorf("%s: by the moon: exit %d, %s", how, code, errOut)
		}
		if out := must(t, "report", "status", "-d", dir); !strings.Contains(out, " behind") {
			t.Errorf("%s: status: %s", how, out)
		}
	}
}

func TestTimesOfVerbs(t *testing.T) {
	ny, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 2, 15, 0, 0, 0, time.UTC) // the day after summer time has ended there
	for text, want := range map[string]string{"2026-11-01": "2026-11-01T04:00:00Z",
		"2026-11-02":       "2026-11-02T05:00:00Z",
		"2026-11-01 14:30": "2026-11-01T19:30:00Z", "2026-11-01T14:00:00+01:00": "2026-11-01T13:00:00Z",
		"24h": "2026-11-01T15:00:00Z", "2d": "2026-10-31T14:00:00Z"} {
		if got, err := timeIn(text, ny, now); err != nil || rfc3339(got) != want {
			t.Errorf("%s: %s, %v, want %s", text, rfc3339(got), err, want)
		}
	}
	for _, text := range []string{"yesterday", "-1h", "-2d", "2026-13-01", "7"} {
		if got, err := timeIn(text, ny, now); err == nil {
			t.Errorf("%s: %s", text, got)
		}
	}
	for _, bad := range []times{{Zone: "Mars"}, {Zone: "Local"}, {Zone: "UTC", Since: "x"}, {Zone: "UTC", Since: "1h",
		Until: "2h"}} {
		if _, _, err := bad.span(); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
}

// capsReported looks whether the caps of a buyer that has bought one lead have it, in the last of eight days.
func capsReported(t *testing.T, dir string, a *report.Attempt) {
	t.Helper()
	var got admin.CapsUsed
	if err := json.Unmarshal([]byte(must(t, "report", "caps", a.Buyer, "--json", "-d", dir)), &got); err != nil {
		t.Fatal(err)
	}
	days := 0
	for i := range got.Caps {
		u := &got.Caps[i]
		last := u.Windows[len(u.Windows)-1]
		if u.Buyer != a.Buyer || u.Used != 1 || last.Used != 1 || u.Allowed != int64(len(u.Windows))*last.Limit ||
			u.Share == nil || *u.Share != 1_000_000/u.Allowed || u.Full != 0 || u.Changed {
			t.Errorf("%+v", u)
		}
		if u.Per == "day" {
			days += len(u.Windows)
		}
	}
	if days != 8 {
		t.Errorf("%d days of caps: %+v", days, got.Caps)
	}
	out := must(t, "report", "caps", a.Buyer, "--windows", "--since", "2d", "-d", dir)
	if !strings.Contains(out, "buyer:"+a.Buyer+":") || strings.Count(out, "\n  20") != len(got.Caps) {
		t.Errorf("each window in which something was used:\n%s", out)
	}
	if out := must(t, "report", "caps", "nobody", "-d", dir); !strings.HasSuffix(out, "no such cap\n") {
		t.Errorf("of nobody: %s", out)
	}
}
