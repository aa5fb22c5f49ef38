// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-json"

	"clearpost/buyers/buyertest"
	"clearpost/ledger/report"
	"clearpost/reconcile"
)

// soldTo sells so many leads of several persons to one buyer, and one more whose outcome nobody knows, and returns
// these attempts, the unknown one last. The buyer refuses others in between.
func soldTo(t *testing.T, dir, sellers string, farm *buyertest.Farm, n int) (out []report.Attempt) {
	t.Helper()
	for _, b := range []string{"leadspring", "matchpoint", "sunharvest"} {
		must(t, "pause", b, "--why", "test", "-d", dir)
	}
	for i := 0; len(out) <= n; i++ {
		if i > 60 {
			t.Fatalf("%d of 60 leads are sold", len(out))
		}
		if len(out) == n {
			farm.Buyer("brightroof").SetFault(buyertest.Post, buyertest.FaultSilentAccept, 1)
		}
		who := fmt.Sprintf("%03d", 200+i)
		resp, err := sendLead(sellers, strings.NewReplacer("ana@", "ana"+who+"@", "234-0199", who+"-0199", "my-1",
			"my-"+who, "12 Palm", who+" Palm", "Ruiz", "Ruiz"+string(rune('a'+i%26))+string(rune('a'+i/26))).
			Replace(sunnyLead))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		var l report.Lead
		line := must(t, "find", "--source", "quotemill", "--seller-lead-id", "my-"+who, "--json", "-d", dir)
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if len(l.Attempts) == 1 && (l.Attempts[0].Outcome == "accepted" || l.Attempts[0].Outcome == "unknown") {
			out = append(out, l.Attempts[0])
		}
	}
	return out
}

// The commands of the how-to do what it says, with a statement in which something of each kind is wrong, beside a
// running exchange and with a stopped one. What they say is to be run can be run, and then nothing differs any more
// that a command could put right.
func TestTheHowToReconcilesAStatement(t *testing.T) {
	if testing.Short() {
		t.Skip("one verb after the other")
	}
	dir, sellers, p, farm := served(t)
	sold := soldTo(t, dir, sellers, farm, 5)
	work := t.TempDir()
	var open report.Lead
	line := must(t, "find", "--attempt", sold[5].ID.String(), "--json", "-d", dir)
	if err := json.Unmarshal([]byte(line), &open); err != nil {
		t.Fatal(err)
	}
	who := open.SellerLeadID
	price := func(i int) string { return sold[i].Price.String() }
	day := sold[0].At.Format("01/02/2006 3:04 PM")
	statement := "Brightroof Inc.,,,,\nLeads bought,,,,\n\nDate,Reference No,Amount,Disposition,Phone\n" +
		fmt.Sprintf("%s,%s,$%s,Accepted,\n", day, sold[0].Reference, price(0)) + // agreed
		fmt.Sprintf("%s,%s,$1.25,Accepted,\n", day, sold[1].Reference) + // another price
		fmt.Sprintf("%s,%s,$%s,Returned,\n", day, sold[2].Reference, price(2)) +
		fmt.Sprintf("%s,%s,\"$%s\",Accepted,\n", day, strings.ToLower(sold[3].Reference), price(3)) +
		fmt.Sprintf("%s,%s,($%s),Credit,\n", day, sold[3].Reference, price(3)) +
		// unknown here
		fmt.Sprintf("%s,BR-later,$30.00,Accepted,\"(602) %s-0199\"\n", day, strings.TrimPrefix(who, "my-")) +
		"Total,,$1000.00,,\n" // 4 is not there
	if err := os.WriteFile(filepath.Join(work, "october.csv"), []byte(statement), 0o600); err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile("../../docs/how-to/reconcile-a-statement.md")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(work)
	t.Setenv("CLEARPOST_DIR", dir)
	month := sold[0].At.UTC().Format("2006-01")
	shown := regexp.MustCompile(`(?m)^clearpost (reconcile [^#\n]*)`).FindAllStringSubmatch(string(doc), -1)
	if len(shown) < 3 {
		t.Fatalf("%d commands are shown", len(shown))
	}
	for _, s := range shown {
		line := strings.TrimSpace(strings.ReplaceAll(s[1], "2026-10", month))
		code, out, errOut := clearpost(t, strings.Fields(strings.ReplaceAll(line, " --zone America/New_York", ""))...)
		if want := map[bool]int{true: exitOK, false: exitStatement}[strings.Contains(line, "--preview")]; code != want {
			t.Fatalf("%s: exit %d\n%s%s", line, code, out, errOut)
		}
		if strings.Contains(line, "--save") { // and a person adds to it
			file := filepath.Join(dir, "statements", "brightroof.yaml")
			page, err := os.ReadFile(file)
			if err == nil {
				err = os.WriteFile(file, append(page, "return_reason: wrong_number\n"...), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	p.cmd.Process.Signal(os.Interrupt)
	<-p.ended
	checksReconciled(t, month, sold)
	runsFollowUps(t, month)
}

// checksReconciled holds what is printed to what was sold.
func checksReconciled(t *testing.T, month string, sold []report.Attempt) {
	t.Helper()
	code, out, errOut := clearpost(t, "reconcile", "--buyer", "brightroof", "--month", month, "october.csv", "--json")
	var got struct {
		Summary  reconcile.Summary
		Findings []reconcile.Told
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil || code != exitStatement {
		t.Fatalf("exit %d, %v\n%s%s", code, err, out, errOut)
	}
	here := sold[0].Price + sold[1].Price + sold[2].Price + sold[3].Price + sold[4].Price
	there := sold[0].Price + 31_250_000
	s := got.Summary
	if s.Here != here || s.There != there || s.Diff != there-here || s.Sales != 5 || s.Rows != 6 || s.Open != 1 ||
		s.ToDo != 5 || s.Currency != "USD" || s.Skipped != 1 {
		t.Errorf("%+v", s)
	}
	sum, classes := s.Here, ""
	for _, f := range got.Findings {
		sum += f.Diff
		classes += f.Class + " "
	}
	if sum != there || classes != "price_differs missing_there returned returned unknown " {
		t.Errorf("%s: explained are %s of %s", classes, sum-s.Here, s.Diff)
	}
	page, err := os.ReadFile("october.html")
	if err != nil || !strings.Contains(string(page), sold[4].ID.String()) {
		t.Errorf("%v\n%s", err, page)
	}
	list, err := os.ReadFile("october-findings.csv")
	if err != nil || strings.Count(string(list), "\n") != 6 || !strings.Contains(string(list), sold[1].ID.String()) {
		t.Errorf("%v\n%s", err, list)
	}
	code, _, errOut = clearpost(t, "reconcile", "--buyer", "nobody", "--month", month, "october.csv")
	if code != exitFailed || !strings.Contains(errOut, "nothing was ever sent") {
		t.Errorf("of nobody: exit %d, %s", code, errOut)
	}
	if out := must(t, "check", os.Getenv("CLEARPOST_DIR")); !strings.HasPrefix(out, "ok: ") {
		t.Errorf("with a mapping the configuration is refused: %s", out)
	}
}

// runsFollowUps runs the script of what follows, as a person would after a look.
func runsFollowUps(t *testing.T, month string) {
	t.Helper()
	script, err := os.ReadFile("october.sh")
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("sh", "-n", "october.sh").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	ran := 0
	for line := range strings.Lines(string(script)) {
		if rest, ok := strings.CutPrefix(line, "clearpost "); ok {
			must(t, shellWords(strings.TrimSpace(rest))...)
			ran++
		}
	}
	code, out, _ := clearpost(t, "reconcile", "--buyer", "brightroof", "--month", month, "october.csv")
	if ran != 4 || code != exitStatement || strings.Contains(out, "price differs") ||
		strings.Contains(out, "unknown") || !strings.Contains(out, "missing there") {
		t.Errorf("%d were run; after them: exit %d\n%s", ran, code, out)
	}
}

// shellWords takes apart a line as the reconciliation writes it: plain words, and words in single quotes.
func shellWords(line string) (out []string) {
	for _, m := range regexp.MustCompile(`'([^']*)'|(\S+)`).FindAllStringSubmatch(line, -1) {
		out = append(out, m[1]+m[2])
	}
	return out
}
