// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/goccy/go-json"

	"clearpost/buyers/buyertest"
	"clearpost/config"
	"clearpost/examples"
	"clearpost/exchange"
	"clearpost/ledger"
)

// clearpost runs a verb in this process and gives its exit code and output.
func clearpost(t *testing.T, args ...string) (code int, out, errOut string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(args, &o, &e)
	return code, o.String(), e.String()
}

func must(t *testing.T, args ...string) string {
	t.Helper()
	code, out, errOut := clearpost(t, args...)
	if code != exitOK {
		t.Fatalf("clearpost %v: exit %d\n%s%s", args, code, out, errOut)
	}
	return out
}

func TestEveryVerbHasHelpAndWrongUseIsTwo(t *testing.T) {
	for _, v := range []string{"demo", "serve", "check", "try", "spec", "probe", "mock", "events", "explain", "pause",
		"resume", "unresolved", "resolve", "adjust", "report", "value", "status", "caps", "version"} {
		if out := must(t, v, "--help"); !strings.Contains(out, "Usage: clearpost "+v) || v != "version" &&
			!strings.Contains(out, "xample") {
			t.Errorf("%s --help:\n%s", v, out)
		}
	}
	for _, args := range [][]string{{"sell"}, {"check"}, {"pause", "x"}, {"resolve", "x", "perhaps", "--why", "y"},
		{"check", "/does/not/exist"}, {"resolve", "x", "accepted"}, {"adjust", "x", "--void"},
		{"resolve", "x", "accepted", "--why", "y", "--ref", "z"}, {"demo", "--for=-1s"}, {"demo", "--rate", "0"},
		{"demo", "--rate", "NaN"}, {"demo", "--listen", "here"}, {"demo", "--admin", "8081"},
		{"demo", "--kafka-port", "65536"}} {
		code, _, errOut := clearpost(t, args...)
		try := "Try clearpost " + args[0] + " --help."
		if args[0] == "sell" {
			try = "Try clearpost --help."
		}
		if code != exitUsage || !strings.Contains(errOut, try) {
			t.Errorf("%v: exit %d, %q", args, code, errOut)
		}
	}
}

func TestAVerbOutsideAConfigurationSaysHowToNameOne(t *testing.T) {
	if code, _, errOut := clearpost(t, "status", "-d", t.TempDir()); code != exitFailed ||
		!strings.Contains(errOut, "-d DIR or in CLEARPOST_DIR") {
		t.Errorf("exit %d, %q", code, errOut)
	}
}

func TestCheckTellsWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	if err := examples.Write(dir); err != nil {
		t.Fatal(err)
	}
	if out := must(t, "check", dir); !strings.HasPrefix(out, "ok: 4 verticals, 3 sources, 6 buyers") {
		t.Errorf("check: %s", out)
	}
	checkExamples(t, dir)
	b := filepath.Join(dir, "sources", "sunpath.yaml")
	if err := os.WriteFile(b, []byte("id: sunpath\nname: S\nkeys: [demo-key-sunpath]\nverticals: [solar, "+
		"roofs]\nmargins: {percent: 10}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, _ := clearpost(t, "check", dir)
	if code != exitFailed || !strings.Contains(out, "sources/sunpath.yaml:4:20") ||
		!strings.Contains(out, "sources/sunpath.yaml:5:1") {
		t.Errorf("exit %d\n%s", code, out)
	}
	code, out, _ = clearpost(t, "check", dir, "--json")
	var got struct {
		OK       bool             `json:"ok"`
		Problems []config.Problem `json:"problems"`
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil || code != exitFailed || got.OK || len(got.Problems) < 2 {
		t.Errorf("exit %d, %v\n%s", code, err, out)
	}
}

// served is an exchange in a process of its own, with one buyer.
func served(t *testing.T) (dir, sellers string, p *process, farm *buyertest.Farm) {
	t.Helper()
	farm, err := buyertest.New(buyertest.Config{Seed: 3, Buyers: buyertest.Demo()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { farm.Close() })
	dir, sellers = t.TempDir(), pickPort(t)
	admin := pickPort(t)
	writeExamples(t, dir, farm.Addr(), fmt.Sprintf("node: n1\nlisten: %s\nadmin: {listen: %s}\n", sellers, admin))
	p = startProcess(t, "serve", dir, "--log-level", "error")
	p.waitReady("http://" + admin + "/healthz")
	return dir, sellers, p, farm
}

const sunnyLead = `{"zip":"85004","state":"AZ","homeowner":true,"monthly_bill":180,"utility":"APS","shade":"none","first_name":"Ana",` +
	`"last_name":"Ruiz","email":"ana@example.com","phone":"(602) 234-0199","address":"12 Palm St","seller_lead_id":"my-1"}`

func sendSunnyLead(sellers string) (*http.Response, error) { return sendLead(sellers, sunnyLead) }

// sendLead sends a lead in one shot.
func sendLead(sellers, text string) (*http.Response, error) {
	req, err := http.NewRequest("POST", "http://"+sellers+"/v1/solar/leads", strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	req.Header.Set("X-Api-Key", "demo-key-quotemill")
	req.Header.Set("Content-Type", "application/json")
	return http.DefaultClient.Do(req)
}

// TestASecondSignalEndsAtOnce stops an exchange while a post waits for its silent buyer. The first signal lets the post
// end, which takes seconds; a second one does not wait.
func TestASecondSignalEndsAtOnce(t *testing.T) {
	_, sellers, p, farm := served(t)
	farm.Buyer("brightroof").SetFault(buyertest.Post, buyertest.FaultSilence, 1)
	for _, b := range []string{"leadspring", "matchpoint", "sunharvest"} {
		farm.Buyer(b).SetFault(buyertest.Ping, buyertest.FaultClose, 1)
	}
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		if resp, err := sendSunnyLead(sellers); err == nil {
			resp.Body.Close()
			t.Errorf("status %d from an exchange that was killed", resp.StatusCode)
		}
	}()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for farm.Buyer("brightroof").Calls(buyertest.Post) == 0 {
		select {
		case <-answered:
			t.Fatal("the lead was answered without a post")
		case <-tick.C:
		}
	}
	for ended := false; !ended; {
		p.cmd.Process.Signal(os.Interrupt)
		select {
		case <-p.ended:
			ended = true
		case <-tick.C:
		}
	}
	if ws, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || !ws.Signaled() || ws.Signal() != syscall.SIGINT {
		t.Errorf("it ended with %v: expected the second signal to end it", p.cmd.ProcessState)
	}
	<-answered
}

func TestVerbsSpeakToARunningNodeAndToItsDirectory(t *testing.T) {
	if testing.Short() {
		t.Skip("one verb after the other")
	}
	dir, sellers, p, farm := served(t)
	farm.Buyer("brightroof").SetFault(buyertest.Post, buyertest.FaultSilentAccept, 1)
	for _, b := range []string{"leadspring", "matchpoint", "sunharvest"} {
		if out := must(t, "pause", b, "--why", "test", "-d", dir); out != "buyer:"+b+" is paused\n" {
			t.Errorf("pause: %s", out)
		}
	}
	resp, err := sendSunnyLead(sellers)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 202 {
		t.Fatalf("status %d, want pending", resp.StatusCode)
	}
	var attempt string
	followUntilInterrupted(t, dir)
	for _, running := range []bool{true, false} {
		if !running {
			p.cmd.Process.Signal(os.Interrupt)
			<-p.ended
		}
		var open struct {
			Unresolved []exchange.OpenAttempt `json:"unresolved"`
		}
		if err := json.Unmarshal([]byte(must(t, "unresolved", "--json", "-d", dir)), &open); err != nil ||
			len(open.Unresolved) != 1 {
			t.Fatalf("running %v: unresolved %+v %v", running, open, err)
		}
		attempt = open.Unresolved[0].Attempt.String()
		for _, line := range strings.Split(strings.TrimSpace(must(t, "events", "--lead",
			open.Unresolved[0].Lead.String(), "-d", dir)), "\n") {
			if _, err := ledger.Decode([]byte(line)); err != nil {
				t.Errorf("%v: %s", err, line)
			}
		}
		story := must(t, "explain", "quotemill:my-1", "-d", dir)
		if by := must(t, "explain", attempt, "-d", dir); by != story {
			t.Errorf("explain by the attempt's id:\n%s\nby the seller's:\n%s", by, story)
		}
		for _, want := range []string{"brightroof-fixed", "winner", "paused", "unknown — timed_out",
			"POST /brightroof/post", "hold kept", "Authorization"} {
			if !strings.Contains(story, want) {
				t.Errorf("running %v: explain does not tell %q:\n%s", running, want, story)
			}
		}
		if n := len(strings.Split(strings.TrimSpace(must(t, "events", "--kind", "adjusted", "-d", dir)),
			"\n")); n != 3 {
			t.Errorf("%d adjustments", n)
		}
		if out := must(t, "status", "--json", "-d", dir); !strings.HasPrefix(out, "{\n  \"pings\": ") ||
			!json.Valid([]byte(out)) {
			t.Errorf("status: %s", out)
		}
		checkStatusTable(t, must(t, "status", "-d", dir), running)
	}
	if code, out, errOut := clearpost(t, "events", "--follow", "-d", dir); code != exitFailed || out != "" ||
		!strings.Contains(errOut, "nothing to follow") {
		t.Errorf("following a stopped exchange: exit %d, %q %q", code, out, errOut)
	}
	must(t, "resume", "sunharvest", "--why", "paid", "-d", dir)
	if out := must(t, "resolve", "quotemill:my-1", "accepted", "--why", "they have it", "--price", "27.50",
		"--reference", "BR-1", "-d", dir); !strings.Contains(out, "is accepted") {
		t.Errorf("resolve: %s", out)
	}
	if out := must(t, "unresolved", "-d", dir); out != "nothing is unresolved\n" {
		t.Errorf("unresolved: %s", out)
	}
	for _, name := range []string{"BR-1", "brightroof:BR-1", "brightroof-fixed:BR-1"} {
		if out := must(t, "explain", name, "-d", dir); !strings.Contains(out, attempt) {
			t.Errorf("explain %s:\n%s", name, out)
		}
	}
	for _, name := range []string{"BR-2", "sunharvest:BR-1", "0193b2c4-0000-7000-8000-000000000000"} {
		if code, _, errOut := clearpost(t, "explain", name, "-d", dir); code != exitFailed ||
			!strings.Contains(errOut, "nothing is called") {
			t.Errorf("explain %s: exit %d, %s", name, code, errOut)
		}
	}
	if code, _, errOut := clearpost(t, "resolve", attempt, "rejected", "--why", "x", "-d", dir); code != exitFailed ||
		errOut == "" {
		t.Errorf("resolved twice: exit %d %s", code, errOut)
	}
	correctsAndAdjusts(t, dir, attempt)
}

// correctsAndAdjusts changes what is booked for a sale at 27.50, offline, and has it explained.
func correctsAndAdjusts(t *testing.T, dir, attempt string) {
	t.Helper()
	for i, already := range []bool{false, true} {
		out := must(t, "adjust", "BR-1", "--price", "20.00", "--why", "their mail", "--ref", "CN-7", "-d", dir)
		if !strings.Contains(out, "accepted at 20.00") || strings.Contains(out, "already") != already ||
			strings.Contains(out, "it was accepted at 27.50") == already {
			t.Errorf("adjust %d: %s", i, out)
		}
	}
	out := must(t, "resolve", "--correct", attempt, "rejected", "--why", "they never had it", "-d", dir)
	if !strings.Contains(out, "is rejected\n  it was accepted at 20.00") {
		t.Errorf("correct: %s", out)
	}
	story := must(t, "explain", attempt, "-d", dir)
	for _, want := range []string{"rebooked on ", "accepted at 20.00", "was accepted at 27.50", "ref CN-7",
		"corrected on ", "rejected, was accepted at 20.00", "they never had it", "hold released"} {
		if !strings.Contains(story, want) {
			t.Errorf("explain does not tell %q:\n%s", want, story)
		}
	}
	if code, _, errOut := clearpost(t, "explain", "--every", "-d", dir); code != 0 {
		t.Errorf("computed again: %d %s", code, errOut)
	}
	if code, _, errOut := clearpost(t, "adjust", attempt, "--void", "--why", "x", "-d", dir); code != exitFailed ||
		!strings.Contains(errOut, "no sale") && !strings.Contains(errOut, "no attempt") {
		t.Errorf("adjusted what is no sale: exit %d %s", code, errOut)
	}
}

// followUntilInterrupted follows events of which there are none yet: Ctrl-C ends that as it should end.
func followUntilInterrupted(t *testing.T, dir string) {
	t.Helper()
	c := eventsCmd{target: target{Dir: dir}, Follow: true, From: 1 << 40}
	o, err := c.open(&env{ctx: t.Context(), err: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	defer o.close()
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	var out bytes.Buffer
	if err := c.print(&env{ctx: ctx, out: &out}, o); err != nil || out.Len() > 0 {
		t.Errorf("following until an interruption: %v, %q", err, &out)
	}
}

// TestReadmeCampaignIsValid checks the campaign that the README shows.
func TestReadmeCampaignIsValid(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindSubmatch(readme)
	if m == nil {
		t.Fatal("the README has no YAML")
	}
	dir := t.TempDir()
	if err := examples.Write(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "buyers", "brightroof.yaml"), m[1], 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("BRIGHTROOF_TOKEN", "secret-of-the-test")
	if _, err := config.Load(dir, os.LookupEnv); err != nil {
		t.Error(err)
	}
}

// The tour of the README sets CLEARPOST_DIR once, for all verbs.
func TestVerbsThatTakeADirectoryAsAnArgumentTakeItFromElsewhereToo(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "conf")
	must(t, "init", dir)
	if out := must(t, "check", dir); !strings.HasPrefix(out, "ok: 1 vertical, 1 source, 0 buyers, 0 campaigns, ") {
		t.Errorf("check: %s", out)
	}
	want := must(t, "spec", "first", "solar", dir, "--link")
	if got := must(t, "spec", "first", "solar", "-d", dir, "--link"); got != want {
		t.Errorf("by -d: %s, want %s", got, want)
	}
	t.Setenv("CLEARPOST_DIR", dir)
	if got := must(t, "spec", "first", "solar", "--link"); got != want {
		t.Errorf("by CLEARPOST_DIR: %s, want %s", got, want)
	}
	if code, _, errOut := clearpost(t, "reload"); code != exitFailed ||
		!strings.Contains(errOut, "no exchange runs on "+dir) {
		t.Errorf("reload: exit %d, %q", code, errOut)
	}
	lead := filepath.Join(t.TempDir(), "lead.json")
	if err := os.WriteFile(lead, []byte(`{"zip":"85004"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := must(t, "try", "lead", "--vertical", "solar", lead); !strings.Contains(out, `zip: "85004"`) {
		t.Errorf("try lead: %s", out)
	}
	if code, _, errOut := clearpost(t, "reload", t.TempDir()); code != exitFailed ||
		!strings.Contains(errOut, "-d DIR or in CLEARPOST_DIR") {
		t.Errorf("the argument stands above: exit %d, %q", code, errOut)
	}
}
