// SPDX-License-Identifier: Apache-2.0

package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-json"

	"clearpost/exchange/admin"
	"clearpost/lead"
	"clearpost/ledger"
)

// Every lead of a run of the demo is as it comes out when it is computed again: by the demo itself, and afterwards from
// its directory. A lead in whose record something is false is found.
func TestEveryLeadOfADemoIsComputedAgain(t *testing.T) {
	if testing.Short() {
		t.Skip("one verb after the other")
	}
	dir := filepath.Join(t.TempDir(), "demo")
	out := must(t, "demo", "--for", "1500ms", "--rate", "200", "--seed", "11", "--data", dir, "--listen",
		"127.0.0.1:0", "--admin", "127.0.0.1:0", "--kafka-port", "0")
	if !strings.Contains(out, "leads computed again: no difference to the record\n") {
		t.Errorf("the demo says\n%s", out)
	}
	config := filepath.Join(dir, "config")
	if out := must(t, "explain", "--every", "-d", config); !strings.Contains(out,
		" 0 differ (0 defects), 0 not wholly") {
		t.Errorf("explain --every says\n%s", out)
	}
	if out := must(t, "explain", "--every", "--since", "2099-01-01", "-d", config); !strings.HasPrefix(out, "0 leads") {
		t.Errorf("since 2099: %s", out)
	}
	falsified := falsify(t, filepath.Join(config, "data", "ledger"))
	code, out, errOut := clearpost(t, "explain", "--every", "-d", config)
	if code != exitDiffers || !strings.Contains(out, "lead "+falsified.String()) ||
		!strings.Contains(out, "DEFECT: quote: recorded") || !strings.Contains(out, " 1 differ (") {
		t.Errorf("exit %d\n%s%s", code, out, errOut)
	}
	code, out, _ = clearpost(t, "explain", "--every", "--json", "-d", config)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	var first, last admin.CheckLine
	if err := json.Unmarshal([]byte(lines[0]), &first); err != nil || first.Lead == nil ||
		first.Lead.Lead != falsified || len(first.Lead.Defects) == 0 || code != exitDiffers {
		t.Errorf("exit %d, %v: %s", code, err, lines[0])
	}
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil || last.Totals == nil ||
		last.Totals.Differ != 1 {
		t.Errorf("%v: %s", err, lines[len(lines)-1])
	}
	code, out, _ = clearpost(t, "explain", falsified.String(), "-d", config)
	if code != exitDiffers || !strings.Contains(out, "DEFECT: quote: recorded") {
		t.Errorf("exit %d\n%s", code, out)
	}
}

// falsify appends the ping of a quoted lead once more, as another lead's that was promised a cent more.
func falsify(t *testing.T, dir string) lead.ID {
	t.Helper()
	led, err := ledger.OpenOffline(ledger.Config{Dir: dir, Node: "n1"})
	if err != nil {
		t.Fatal(err)
	}
	defer led.Close()
	var p *ledger.Pinged
	err = led.Scan(0, func(r ledger.Record) error {
		if p != nil || r.Kind != ledger.KindPinged {
			return nil
		}
		ev, err := ledger.Decode(r.Bytes)
		if e, ok := ev.(*ledger.Pinged); ok && e.Result == lead.ResultSuccess && e.Mode == ledger.ModePing {
			p = e
		}
		return err
	})
	if err != nil || p == nil {
		t.Fatalf("a quoted ping: %v", err)
	}
	p.EventID, p.Lead = ledger.NewID(p.At), ledger.NewID(p.At)
	p.Price += lead.Cent
	if err := led.Append(p); err != nil {
		t.Fatal(err)
	}
	return p.Lead
}

func TestExplainNeedsALeadOrEvery(t *testing.T) {
	for _, args := range [][]string{{"explain"}, {"explain", "x", "--every"},
		{"explain", "x", "--since", "2026-01-01"}} {
		if code, _, errOut := clearpost(t, args...); code != exitUsage {
			t.Errorf("%v: exit %d, %s", args, code, errOut)
		}
	}
}
