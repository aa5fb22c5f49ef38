// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"clearpost/buyers/buyertest"
	"clearpost/config"
	"clearpost/examples"
	"clearpost/exchange"
	"clearpost/ledger"
	"clearpost/ledger/kafkalocal"
	"clearpost/loadtest"
	"clearpost/loadtest/audit"
	"clearpost/node"
	"clearpost/rules"
)

type demoCmd struct {
	For       time.Duration `help:"How long sellers send, such as 30s or 5m. Without it until Ctrl-C." placeholder:"TIME"`
	Rate      float64       `help:"Leads a second on average." default:"300"`
	Seed      uint64        `help:"A number that fixes the leads, the buyers' dice and the order of the sellers. Without it: by the clock." placeholder:"N"`
	JSON      bool          `help:"Print the summary as JSON."`
	Data      string        `help:"Keep the configuration, the ledger and the answers in this directory. It must be new or empty." type:"path" placeholder:"DIR"`
	Listen    string        `help:"Where sellers are served; if the port is taken, on a free one." default:"127.0.0.1:8080"`
	Admin     string        `help:"Where operators are served; likewise." default:"127.0.0.1:8081"`
	KafkaPort int           `help:"Port of the local Kafka endpoint on 127.0.0.1; likewise." default:"9092"`
}

// Validate implements kong's check of flags before the verb runs.
func (c *demoCmd) Validate() error {
	switch {
	case c.For < 0:
		return fmt.Errorf("--for %s: expected a time above 0", c.For)
	case !(c.Rate > 0 && c.Rate <= rateMax):
		return fmt.Errorf("--rate %v: expected more than 0 and at most %d leads a second", c.Rate, rateMax)
	case c.KafkaPort < 0 || c.KafkaPort > 65535:
		return fmt.Errorf("--kafka-port %d: expected 0 to 65535", c.KafkaPort)
	}
	for flag, addr := range map[string]string{"listen": c.Listen, "admin": c.Admin} {
		if _, _, err := net.SplitHostPort(addr); err != nil {
			return fmt.Errorf("--%s %q: expected an address such as 127.0.0.1:8080", flag, addr)
		}
	}
	return nil
}

// Help implements kong.HelpProvider.
func (demoCmd) Help() string {
	return `An exchange for auto insurance and solar leads with three sellers and six buyers, each in a format of its own, some slow, some
capped, some that refuse. One buyer gives leads back, through its side of the API, and an operator decides about it; they pay, or do not.
Everything is on loopback. Ctrl-C ends the selling; posts under way end, and the summary follows. It ends with the verdict of an auditor that reads the ledger, the
buyers' own books, what the sellers heard and what came out of Kafka; and every lead is computed again from its recorded inputs (explain --every).

Examples:
  clearpost demo --for 30s
  clearpost demo --for 20s --json | jq .audit
  clearpost demo --data /tmp/demo        (then, elsewhere: clearpost events --follow -d /tmp/demo/config)
  kcat -C -b 127.0.0.1:9092 -t clearpost.posts -o beginning -e`
}

// demo is one run.
type demo struct {
	cmd     *demoCmd
	e       *env
	dir     string
	farm    *buyertest.Farm
	kafka   *kafkalocal.Server
	node    *node.Node
	cfg     *config.Config
	answers *os.File
	gen     *loadtest.Generator
	clerk   *demoClerk
	down    []func() error
}

// kafkaBytesMax is how much the local Kafka endpoint keeps in memory. A demo that ships more loses the oldest records
// there, and what was shipped is not audited.
const kafkaBytesMax = 1 << 30

// rateMax is more leads a second than sellers, buyers and exchange in one process have ever made.
const rateMax = 1_000_000

// drainMax bounds how long the demo waits for Kafka and for posts under way at its end.
const drainMax = 30 * time.Second

// Run runs the demo.
func (c *demoCmd) Run(e *env) (err error) {
	if c.Seed == 0 {
		c.Seed = uint64(time.Now().UnixNano())
	}
	d := &demo{cmd: c, e: e}
	defer func() {
		for i := len(d.down) - 1; i >= 0; i-- {
			err = errors.Join(err, d.down[i]())
		}
	}()
	if err := d.start(); err != nil {
		return err
	}
	result, err := d.sell()
	if err != nil {
		return err
	}
	d.clerk.last()
	if err := d.drain(); err != nil {
		return err
	}
	report, err := d.audit()
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	sum := d.summary(result, report)
	if err := d.money(sum, report); err != nil {
		return fmt.Errorf("books: %w", err)
	}
	if sum.Explained, err = d.explained(); err != nil {
		return fmt.Errorf("compute all leads again: %w", err)
	}
	if c.JSON {
		err = printJSON(e.out, sum)
	} else {
		err = sum.print(e.out)
	}
	switch {
	case err == nil && (!report.OK || len(sum.Books.Differ) > 0 || len(sum.Clerk.Failed) > 0):
		return errSaid
	case err == nil && sum.Explained.Differ > 0:
		return errDiffers
	}
	return err
}

// explained computes every lead of the run again.
func (d *demo) explained() (explained, error) {
	var out explained
	var err error
	out.CheckTotals, err = d.node.Exchange.CheckEvery(0, func(c *exchange.CheckedLead) error {
		for i := range c.Defects {
			if len(out.First) < defectsTold {
				out.First = append(out.First, fmt.Sprintf("lead %s: %s", c.Lead, &c.Defects[i]))
			}
		}
		return nil
	})
	return out, err
}

// defectsTold bounds the defects that the summary lists.
const defectsTold = 20

func (d *demo) onStop(fn func() error) { d.down = append(d.down, fn) }

func (d *demo) start() error {
	if err := d.place(); err != nil {
		return err
	}
	var err error
	if d.farm, err = buyertest.New(buyertest.Config{Seed: d.cmd.Seed, Buyers: buyertest.Demo()}); err != nil {
		return err
	}
	d.onStop(d.farm.Close)
	topics := []string{"clearpost.pings", "clearpost.posts", "clearpost.leads"}
	port, err := freePort("127.0.0.1:" + strconv.Itoa(d.cmd.KafkaPort))
	if err != nil {
		return fmt.Errorf("--kafka-port: %w", err)
	}
	_, p, _ := net.SplitHostPort(port)
	n, _ := strconv.Atoi(p)
	if d.kafka, err = kafkalocal.Start(kafkalocal.Config{Port: n, Topics: topics,
		BytesMax: kafkaBytesMax}); err != nil {
		return err
	}
	d.onStop(func() error { d.kafka.Close(); return nil })
	d.cfg, err = config.LoadWith(filepath.Join(d.dir, "config"), config.Options{Env: os.LookupEnv,
		Rewrite: map[string]string{"http://127.0.0.1:9700": "http://" + d.farm.Addr()}})
	if err != nil {
		return err
	}
	if d.cfg.Listen, err = freePort(d.cmd.Listen); err != nil {
		return fmt.Errorf("--listen: %w", err)
	}
	if d.cfg.AdminListen, err = freePort(d.cmd.Admin); err != nil {
		return fmt.Errorf("--admin: %w", err)
	}
	d.cfg.Kafka = &ledger.KafkaConfig{Brokers: []string{d.kafka.Addr()}, TopicPrefix: "clearpost."}
	log := slog.New(slog.NewTextHandler(d.e.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	if d.node, err = node.New(d.cfg, log, false); err != nil {
		return err
	}
	d.onStop(d.node.Stop)
	if err := d.node.Start(); err != nil {
		return err
	}
	fmt.Fprintf(d.e.err, "sellers   http://%s/v1/auto/ping   (key %s)\nadmin     http://%s/metrics   (token in "+
		"%s)\nkafka     kcat -C -b %s -t clearpost.posts -o beginning -e\nverbs     clearpost explain LEAD -d %s\n",
		d.node.SellerAddr, demoKey("quotemill"), d.node.AdminAddr, filepath.Join(d.cfg.DataDir, "admin.token"),
		d.kafka.Addr(), d.cfg.Dir)
	return nil
}

// place makes the demo's directory and writes the examples into it.
func (d *demo) place() error {
	d.dir = d.cmd.Data
	if d.dir == "" {
		dir, err := os.MkdirTemp("", "clearpost-demo-")
		if err != nil {
			return err
		}
		d.dir = dir
		d.onStop(func() error { return os.RemoveAll(dir) })
	} else if left, err := os.ReadDir(d.dir); err == nil && len(left) > 0 {
		return fmt.Errorf("--data %s: expected a new or empty directory", d.dir)
	}
	cfg := filepath.Join(d.dir, "config")
	if err := os.MkdirAll(cfg, 0o700); err != nil {
		return err
	}
	if err := examples.Write(cfg); err != nil {
		return err
	}
	var err error
	if d.answers, err = os.Create(filepath.Join(d.dir, "answers.jsonl")); err != nil {
		return err
	}
	d.onStop(d.answers.Close)
	return nil
}

// freePort is the address if its port is free, else the same host with port 0: whoever listens there gets one that is.
func freePort(addr string) (string, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil || port == "0" {
		return addr, err
	}
	ln, err := net.Listen("tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		addr = net.JoinHostPort(host, "0")
		ln, err = net.Listen("tcp", addr)
	}
	if err != nil {
		return "", err
	}
	return addr, ln.Close()
}

// sell lets the sellers send until the time is over or somebody interrupts.
func (d *demo) sell() (*loadtest.Result, error) {
	c := d.cmd
	var err error
	d.gen, err = loadtest.New(loadtest.Config{BaseURL: "http://" + d.node.SellerAddr, Sources: demoSources(d.cfg),
		Seed: c.Seed, Rate: c.Rate, For: c.For, OneShot: 0.1, Post: 0.5, Think: [2]time.Duration{50 * time.Millisecond,
			500 * time.Millisecond}, Keyed: 0.3, Repeat: 0.05, Double: 0.02, Again: 0.05, OutstandingMax: 4000,
		Answers: d.answers})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(d.e.ctx)
	defer cancel()
	done := make(chan struct{})
	go func() { defer close(done); d.progress(ctx) }()
	d.clerk = newDemoClerk(d)
	clerked := make(chan struct{})
	go func() { defer close(clerked); d.clerk.run(ctx) }()
	res, err := d.gen.Run(ctx)
	cancel()
	<-done
	<-clerked
	return res, err
}

// progress shows what is going on, where somebody is looking.
func (d *demo) progress(ctx context.Context) {
	f, ok := d.e.err.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return
	}
	total := int64(-1)
	if d.cmd.For > 0 {
		total = int64(d.cmd.For / time.Second)
	}
	bar := progressbar.NewOptions64(total, progressbar.OptionSetWriter(f), progressbar.OptionSetWidth(20),
		progressbar.OptionClearOnFinish(), progressbar.OptionSetElapsedTime(true),
		progressbar.OptionSetPredictTime(false))
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	began := time.Now()
	for {
		select {
		case <-ctx.Done():
			// The bar only decorates: what it cannot draw is no failure of the demo.
			_ = bar.Finish()
			fmt.Fprintln(f, "\r\x1b[Ksellers have stopped; posts under way end, then the audit")
			return
		case <-tick.C:
			s := &d.node.Exchange.Stats
			bar.Describe(fmt.Sprintf("%6d pings %6d quotes %6d sold  $%d revenue", s.Pings.Load(), s.Quotes.Load(),
				s.Sold.Load(), s.RevenueMicros.Load()/1_000_000))
			_ = bar.Set64(int64(time.Since(began) / time.Second))
		}
	}
}

// drain lets posts that outlived their sellers end, and waits until Kafka has every event.
func (d *demo) drain() error {
	ctx, cancel := context.WithTimeout(context.Background(), drainMax)
	defer cancel()
	if err := d.node.Exchange.Stop(ctx); err != nil {
		return err
	}
	if err := d.node.Ledger.Drain(ctx); err != nil && ctx.Err() == nil {
		return err
	}
	return nil // what is not in Kafka in time is the auditor's to tell
}

// auditedCap is a cap in the auditor's words.
func auditedCap(k *rules.Cap) audit.Cap {
	owner := strings.SplitN(k.Key, ":", 3)
	c := audit.Cap{Key: k.Key, Who: owner[0] + ":" + owner[1], Of: k.Of, Per: k.Window.Per.String(),
		Zone: k.Window.Zone.String(),
		Max:  k.Limit.Most, Days: k.Days, WeekFrom: int(k.Window.WeekFrom)}
	if k.Limit.Weekdays != nil {
		c.Weekdays = map[time.Weekday]int64{}
		for day, n := range k.Limit.Weekdays {
			c.Weekdays[time.Weekday(day)] = n
		}
	}
	if k.By != nil {
		c.By, c.Others, c.Values = k.By.Field, k.By.Others, map[string]int64{}
		for v, l := range k.By.Values {
			c.Values[v] = l.Most
		}
	}
	if strings.HasSuffix(k.Key, rules.BalanceKey) {
		c.Per = rules.Total.String()
	}
	return c
}

// capsUnder are the caps as a configuration had them: whoever takes the tour changes one.
func (d *demo) capsUnder(config string) (out []audit.Cap, err error) {
	caps, err := d.node.Exchange.CapsUnder(config)
	for _, c := range caps {
		out = append(out, auditedCap(c))
	}
	return out, err
}

func (d *demo) audit() (*audit.Report, error) {
	in, opt, err := d.audited()
	if err != nil {
		return nil, err
	}
	return audit.Run(in, opt)
}

// audited is what the auditor reads, and what it is told.
func (d *demo) audited() (audit.Input, audit.Options, error) {
	if _, err := d.answers.Seek(0, io.SeekStart); err != nil {
		return audit.Input{}, audit.Options{}, err
	}
	var caps []audit.Cap
	for _, c := range d.node.Exchange.Caps() {
		caps = append(caps, auditedCap(&c.Cap))
	}
	led := d.node.Ledger
	in := audit.Input{
		Events: func(each func([]byte) error) error {
			return led.Scan(1, func(r ledger.Record) error { return each(r.Bytes) })
		},
		Receipts: func(each func(audit.Receipt) error) error {
			return d.farm.EachReceipt(func(r buyertest.Receipt) error {
				return each(audit.Receipt{Buyer: r.Buyer, Lead: r.Lead, Accepted: r.Accepted, Reference: r.Reference,
					Price: int64(r.Price), At: r.At})
			})
		},
		Answers: audit.JSONLines[audit.Answer](d.answers),
	}
	// each partition has its share of the bound, and they fill unevenly
	if led.Stats().AppendedBytes < kafkaBytesMax/2 {
		in.Shipped = func(each func([]byte) error) error {
			ctx, cancel := context.WithTimeout(context.Background(), drainMax)
			defer cancel()
			return ledger.ReadShipped(ctx, *d.cfg.Kafka, each)
		}
	} else {
		fmt.Fprintln(d.e.err,
			"the local Kafka endpoint has dropped its oldest records: what was shipped is not audited")
	}
	return in, audit.Options{Caps: caps, CapsUnder: d.capsUnder, Repeats: promises(d.cfg)}, nil
}

// promises are what the configuration says of persons who come twice.
func promises(cfg *config.Config) (out []audit.Repeat) {
	vertical := map[string]*exchange.Vertical{}
	for _, v := range cfg.Exchange.Verticals {
		vertical[v.ID] = v
	}
	for _, s := range cfg.Exchange.Sources {
		for _, id := range s.Verticals {
			v := vertical[id]
			d := s.DedupeOf(v)
			if d.Refuse == exchange.RefuseNone || d.Window <= 0 || len(d.Key) == 0 {
				continue
			}
			r := audit.Repeat{Source: s.ID, Vertical: id, Window: d.Window,
				AllSources: d.Scope == exchange.ScopeVertical}
			for _, k := range d.Key {
				r.Key = append(r.Key, v.Schema.Fields[k.Pos].Name)
			}
			out = append(out, r)
		}
	}
	return out
}

// demoSources are the example sources as sellers see them, with the verticals whose leads the generator can make.
func demoSources(cfg *config.Config) []loadtest.Source {
	var out []loadtest.Source
	for _, s := range cfg.Exchange.Sources {
		made := slices.DeleteFunc(slices.Clone(s.Verticals), func(v string) bool {
			return !slices.Contains(loadtest.Verticals(), v)
		})
		if len(made) > 0 {
			out = append(out, loadtest.Source{ID: s.ID, Key: demoKey(s.ID), Verticals: made})
		}
	}
	return out
}

// demoKey is the key of an example source; the compiled configuration keeps only its hash.
func demoKey(source string) string { return "demo-key-" + source }
