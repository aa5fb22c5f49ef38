// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"clearpost/buyers/buyertest"
	"clearpost/config"
	"clearpost/examples"
	"clearpost/ledger"
	"clearpost/ledger/kafkalocal"
	"clearpost/loadtest"
	"clearpost/loadtest/audit"
	"clearpost/node"
)

// TestMain lets the test binary be the clearpost binary for the tests that need a process to kill.
func TestMain(m *testing.M) {
	if args := os.Getenv("CLEARPOST_TEST_ARGS"); args != "" {
		if off, err := time.ParseDuration(os.Getenv("CLEARPOST_TEST_CLOCK")); err == nil {
			clock = func() time.Time { return time.Now().Add(off) }
		}
		os.Exit(run(strings.Split(args, "\x1f"), os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// process is a clearpost serve of its own.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	stderr bytes.Buffer
	ended  chan struct{}
}

func startProcess(t *testing.T, args ...string) *process {
	t.Helper()
	return startProcessAt(t, 0, args...)
}

// startProcessAt is startProcess on a machine whose clock is wrong by so much.
func startProcessAt(t *testing.T, off time.Duration, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(os.Args[0]), ended: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), "CLEARPOST_TEST_ARGS="+strings.Join(args, "\x1f"),
		"CLEARPOST_TEST_CLOCK="+off.String())
	p.cmd.Stderr = &p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.cmd.Wait(); close(p.ended) }()
	t.Cleanup(func() { p.cmd.Process.Kill(); <-p.ended })
	return p
}

func (p *process) waitReady(url string) {
	p.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); {
		if resp, err := http.Get(url); err == nil {
			resp.Body.Close()
			if resp.StatusCode == 200 {
				return
			}
		}
		select {
		case <-p.ended:
			p.t.Fatalf("the exchange ended at its start:\n%s", p.stderr.String())
		case <-tick.C:
		}
	}
	p.t.Fatalf("the exchange did not start:\n%s", p.stderr.String())
}

func (p *process) kill() {
	p.cmd.Process.Kill()
	<-p.ended
}

// writeExamples puts the example configuration into dir, with other addresses.
func writeExamples(t *testing.T, dir, farm, top string) {
	t.Helper()
	if err := examples.Write(dir); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "buyers", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no buyers: %v", err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(f, bytes.ReplaceAll(b, []byte("127.0.0.1:9700"), []byte(farm)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "clearpost.yaml"), []byte(top), 0o600); err != nil {
		t.Fatal(err)
	}
}

// tightenCaps lowers every cap of the examples, so that caps are met within seconds.
func tightenCaps(t *testing.T, dir string) {
	t.Helper()
	limit := regexp.MustCompile(`limit: *[0-9]+`)
	files, _ := filepath.Glob(filepath.Join(dir, "buyers", "*.yaml"))
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(f, limit.ReplaceAll(b, []byte("limit: 25")), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func pickPort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

var kills = flag.Int("kills", 20, "how often the exchange is killed")

// killed is an exchange that is killed under load, again and again.
type killed struct {
	t              *testing.T
	seed           uint64
	farm           *buyertest.Farm
	kafka          *kafkalocal.Server
	dir            string // of its configuration
	sellers, admin string // where it listens
	cfg            *config.Config
	answers        *os.File
	p              *process
	off            time.Duration    // by how much its clock is wrong from its next start on
	filed          []audit.Receipt  // of buyers that are no part of the farm
	moment         func(*rand.Rand) // waits for the one at which it is killed; nil: any
	down           func()           // ends it; SIGKILL does where nothing else is said
}

// newKilled makes one that is not started yet, of the examples and what change does to their directory.
func newKilled(t *testing.T, change func(k *killed)) *killed {
	t.Helper()
	k := &killed{t: t, seed: uint64(time.Now().UnixNano()), dir: t.TempDir(), sellers: pickPort(t), admin: pickPort(t)}
	k.down = func() { k.p.kill() }
	t.Logf("seed %d", k.seed)
	var err error
	if k.farm, err = buyertest.New(buyertest.Config{Seed: k.seed, Buyers: buyertest.Demo()}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.farm.Close() })
	k.kafka, err = kafkalocal.Start(kafkalocal.Config{Topics: []string{"clearpost.pings", "clearpost.posts",
		"clearpost.leads"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.kafka.Close() })
	writeExamples(t, k.dir, k.farm.Addr(), fmt.Sprintf(
		"node: n1\nlisten: %s\nadmin: {listen: %s}\nkafka: {brokers: [%q]}\n", k.sellers, k.admin, k.kafka.Addr()))
	tightenCaps(t, k.dir)
	change(k)
	if k.cfg, err = config.Load(k.dir, os.LookupEnv); err != nil {
		t.Fatal(err)
	}
	if k.answers, err = os.Create(filepath.Join(t.TempDir(), "answers.jsonl")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.answers.Close() })
	return k
}

func (k *killed) start() {
	k.p = startProcessAt(k.t, k.off, "serve", k.dir, "--log-level", "error")
	k.p.waitReady("http://" + k.admin + "/healthz")
}

// run has sellers send while it is killed so often. It goes on when they have stopped.
func (k *killed) run(kills int) {
	k.t.Helper()
	dice := rand.New(rand.NewPCG(k.seed, 1))
	wait := k.moment
	if wait == nil {
		wait = func(dice *rand.Rand) { <-time.After(time.Duration(100+dice.IntN(500)) * time.Millisecond) }
	}
	k.start()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	gen, err := loadtest.New(loadtest.Config{BaseURL: "http://" + k.sellers, Sources: demoSources(k.cfg), Seed: k.seed,
		Rate: 120, OneShot: 0.2, Post: 0.8, Think: [2]time.Duration{0, 300 * time.Millisecond}, Keyed: 0.5, Repeat: 0.1,
		Double: 0.05, Again: 0.05, Retries: 40, RetryAfter: 150 * time.Millisecond, Timeout: 15 * time.Second,
		Answers: k.answers})
	if err != nil {
		k.t.Fatal(err)
	}
	type ended struct {
		r   *loadtest.Result
		err error
	}
	done := make(chan ended, 1)
	go func() { r, err := gen.Run(ctx); done <- ended{r, err} }()
	for range kills {
		wait(dice)
		k.down()
		k.start()
	}
	<-time.After(300 * time.Millisecond)
	stop()
	res := <-done
	if res.err != nil {
		k.t.Fatal(res.err)
	}
	if res.r.Sold == 0 || res.r.Disagreed > 0 {
		k.t.Errorf("sold %d, repeats that were told another story: %d", res.r.Sold, res.r.Disagreed)
	}
	k.t.Logf("%d kills\npings %+v\nposts %+v\nleads %+v", kills, res.r.Ping, res.r.Post, res.r.Lead)
}

func (k *killed) stop() {
	k.p.cmd.Process.Signal(os.Interrupt)
	<-k.p.ended
}

// TestKilledAtAnyMomentNothingIsLost kills the exchange under load, again and again, and lets the auditor compare what
// the sellers heard, what the buyers booked, what the ledger holds and what came out of Kafka.
func TestKilledAtAnyMomentNothingIsLost(t *testing.T) {
	t.Parallel()
	kills := *kills
	if testing.Short() {
		kills = 4
	}
	k := newKilled(t, func(*killed) {})
	k.run(kills)
	k.stop()
	k.judge(func(*ledger.Ledger) {})
}

// TestKilledWhileTheClockIsSet kills an exchange whose machine comes back with another time, mostly an earlier one: by
// what a time server mends, by what its ledger still goes along with, and by hours.
func TestKilledWhileTheClockIsSet(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("the simulation sets clocks")
	}
	k := newKilled(t, func(*killed) {})
	offs := []time.Duration{-30 * time.Second, -4 * time.Minute, -3 * time.Hour, -2 * time.Hour, 3 * time.Minute, 0}
	n := 0
	k.down = func() {
		k.p.kill()
		k.off, n = offs[n%len(offs)], n+1
	}
	k.run(max(len(offs), *kills/4))
	k.stop()
	k.judge(func(*ledger.Ledger) {})
}

// judge starts the exchange once more so that it ships what is left, and audits. The ledger may be looked at first.
func (k *killed) judge(look func(*ledger.Ledger)) {
	k.t.Helper()
	k.cfg.Listen, k.cfg.AdminListen = "127.0.0.1:0", "127.0.0.1:0"
	n, err := node.New(k.cfg, nil, false)
	if err != nil {
		k.t.Fatal(err)
	}
	defer n.Stop()
	last := n.Ledger.LastSeq()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(30 * time.Second); n.Ledger.Stats().Shipped < last; <-tick.C {
		if time.Now().After(end) {
			k.t.Fatalf("not shipped within 30 s: %+v, last %d", n.Ledger.Stats(), last)
		}
	}
	look(n.Ledger)
	d := &demo{cfg: k.cfg, node: n, farm: k.farm, kafka: k.kafka, answers: k.answers}
	in, opt, err := d.audited()
	if err != nil {
		k.t.Fatal(err)
	}
	ofFarm := in.Receipts
	in.Receipts = func(each func(audit.Receipt) error) error {
		for _, r := range k.filed {
			if err := each(r); err != nil {
				return err
			}
		}
		return ofFarm(each)
	}
	report, err := audit.Run(in, opt)
	if err != nil {
		k.t.Fatal(err)
	}
	k.t.Logf("audited: %+v", report.Counts)
	if !report.OK {
		k.t.Errorf("audit: %s\n%+v", report.Verdict(), report.ByRule)
		for _, f := range report.Findings[:min(10, len(report.Findings))] {
			k.t.Log(f)
		}
	}
	if !testing.Short() && k.moment == nil && report.Counts.FullCaps == 0 {
		k.t.Errorf("no cap was met: %+v", report.Counts)
	}
	if report.Counts.Shipped == 0 || report.Counts.Sales == 0 || report.Counts.Answers == nil {
		k.t.Errorf("the audit saw nothing: %+v", report.Counts)
	}
}
