// SPDX-License-Identifier: Apache-2.0

//go:build integration

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-json"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"clearpost/buyers/buyertest"
	"clearpost/config"
	"clearpost/ledger/schema"
	"clearpost/loadtest"
	"clearpost/node"
)

// part is an address or path that .ci/parts gave. In CI a missing one fails the test.
func part(t *testing.T, name string) string {
	t.Helper()
	v := os.Getenv(name)
	if v == "" {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is not set", name)
		}
		t.Skipf("%s is not set: run `make integration`, which starts the part and sets it", name)
	}
	return v
}

func parts(t *testing.T, args ...string) {
	t.Helper()
	out, err := exec.Command(part(t, "CLEARPOST_PARTS"), args...).CombinedOutput()
	if err != nil {
		t.Fatalf("parts %v: %v\n%s", args, err, out)
	}
}

// TestIntegrationBrokerKilledUnderLoad runs an exchange beside a real Apache Kafka, kills the broker under load and
// brings it back: every ping is answered as before, and in the end every event is in Kafka.
func TestIntegrationBrokerKilledUnderLoad(t *testing.T) {
	broker := part(t, "CLEARPOST_KAFKA")
	farm, err := buyertest.New(buyertest.Config{Seed: 11, Buyers: buyertest.Demo()})
	if err != nil {
		t.Fatal(err)
	}
	defer farm.Close()
	dir, prefix := t.TempDir(), fmt.Sprintf("killed%d.", time.Now().UnixNano())
	writeExamples(t, dir, farm.Addr(), fmt.Sprintf(
		"node: n1\nlisten: 127.0.0.1:0\nadmin: {listen: 127.0.0.1:0}\nkafka: {brokers: [%q], topic_prefix: %q}\n",
		broker, prefix))
	cfg, err := config.Load(dir, os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	n, err := node.New(cfg, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Stop()
	if err := n.Start(); err != nil {
		t.Fatal(err)
	}
	answers, err := os.Create(filepath.Join(dir, "answers.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer answers.Close()
	load := func(seed uint64) *loadtest.Result {
		t.Helper()
		g, err := loadtest.New(loadtest.Config{BaseURL: "http://" + n.SellerAddr, Sources: demoSources(cfg), Seed: seed,
			Rate: 150, For: 4 * time.Second, OneShot: 0.1, Post: 0.5, Answers: answers})
		if err != nil {
			t.Fatal(err)
		}
		res, err := g.Run(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	up := load(1)
	parts(t, "kill", "kafka")
	down := load(2)
	lag := n.Ledger.Stats().LagEvents
	parts(t, "restart", "kafka")
	again := load(3)
	t.Logf("pings with the broker up %+v, down %+v, up again %+v", up.Ping.Latency, down.Ping.Latency,
		again.Ping.Latency)
	for name, r := range map[string]*loadtest.Result{"up": up, "down": down, "again": again} {
		if r.Ping.Lost != 0 || r.Ping.Status["200"] != r.Ping.Sent || r.Ping.Sent < 300 {
			t.Errorf("broker %s: pings %+v", name, r.Ping)
		}
	}
	if lag == 0 {
		t.Error("nothing was waiting while the broker was away: it was not away")
	}
	drained(t, n)
	d := &demo{cfg: cfg, node: n, farm: farm, answers: answers}
	report, err := d.audit()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("audited: %+v", report.Counts)
	if !report.OK || report.Counts.Shipped == 0 {
		t.Errorf("audit: %s", report.Verdict())
	}
}

func drained(t *testing.T, n *node.Node) {
	t.Helper()
	last := n.Ledger.LastSeq()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(60 * time.Second); n.Ledger.Stats().Shipped < last; <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("not shipped within 60 s: %+v", n.Ledger.Stats())
		}
	}
}

// TestIntegrationKcatReadsTheDemo runs the demo and reads its Kafka endpoint with kcat, as an analyst would; each
// record must be valid by its published schema.
func TestIntegrationKcatReadsTheDemo(t *testing.T) {
	kcat := part(t, "CLEARPOST_KCAT")
	_, port, _ := strings.Cut(pickPort(t), ":")
	p := startProcess(t, "demo", "--rate", "100", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--kafka-port",
		port)
	compiler := jsonschema.NewCompiler()
	schemas := map[string]*jsonschema.Schema{}
	for topic, least := range map[string]int{"clearpost.pings": 50, "clearpost.posts": 20, "clearpost.leads": 10} {
		lines := kcatUntil(t, p, kcat, "127.0.0.1:"+port, topic, least)
		for _, line := range lines {
			var ev struct {
				Kind string `json:"kind"`
			}
			if err := json.Unmarshal(line, &ev); err != nil {
				t.Fatalf("%s: %v\n%s", topic, err, line)
			}
			s := schemas[ev.Kind]
			if s == nil {
				s = compileSchema(t, compiler, ev.Kind)
				schemas[ev.Kind] = s
			}
			v, err := jsonschema.UnmarshalJSON(bytes.NewReader(line))
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Validate(v); err != nil {
				t.Fatalf("%s: %v\n%s", topic, err, line)
			}
		}
		t.Logf("%s: %d records are valid", topic, len(lines))
	}
	p.cmd.Process.Signal(os.Interrupt)
	<-p.ended
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("the interrupted demo ended with %d:\n%s", code, p.stderr.String())
	}
}

func compileSchema(t *testing.T, c *jsonschema.Compiler, kind string) *jsonschema.Schema {
	t.Helper()
	b, err := schema.Schema(kind)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.AddResource(kind+".json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(kind + ".json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// kcatUntil reads a topic to its end, again and again until it holds enough: the demo goes on until it is interrupted,
// so there is no hurry. It gives up just before the test's own time is over.
func kcatUntil(t *testing.T, p *process, kcat, broker, topic string, least int) [][]byte {
	t.Helper()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	began, last, end := time.Now(), 0, time.Now().Add(5*time.Minute)
	if over, ok := t.Deadline(); ok && over.Add(-10*time.Second).Before(end) {
		end = over.Add(-10 * time.Second)
	}
	for time.Now().Before(end) {
		out, err := exec.Command(kcat, "-C", "-b", broker, "-t", topic, "-o", "beginning", "-e", "-q").Output()
		var lines [][]byte
		if err == nil {
			lines = bytes.Split(bytes.TrimSuffix(out, []byte("\n")), []byte("\n"))
		}
		if last = len(lines); last >= least {
			return lines
		}
		select {
		case <-p.ended:
			t.Fatalf("the demo ended:\n%s", p.stderr.String())
		case <-tick.C:
		}
	}
	t.Fatalf("%s has %d records after %s, expected %d", topic, last, time.Since(began).Round(time.Second), least)
	return nil
}
