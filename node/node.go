// SPDX-License-Identifier: Apache-2.0

// Package node is a running exchange as a type: the rooms wired together as a configuration has it, started and stopped
// in order, and the configuration read again while it runs.
package node

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"clearpost/alerts"
	"clearpost/batch/carrier"
	"clearpost/capstore/memory"
	"clearpost/config"
	"clearpost/exchange"
	"clearpost/exchange/admin"
	"clearpost/exchange/intake"
	"clearpost/ledger"
	"clearpost/wire/transport"
)

// Node is one exchange with its doors. New opens the ledger, Start opens the doors, Stop closes all in reverse.
type Node struct {
	cfg       *config.Config // changed by reloads, one at a time
	log       *slog.Logger
	down      []teardown // last in, first out
	failed    chan error
	reloads   reloads
	report    reports
	standings *standings
	alerts    *alerts.Watch // nil beside no running node

	Exchange *exchange.Exchange
	Ledger   *ledger.Ledger
	Intake   *intake.Server
	Admin    *admin.Server

	SellerAddr string // where sellers are served, after Start
	AdminAddr  string // where operators are served, after Start
	token      string
}

type teardown struct {
	name string
	do   func(context.Context) error
}

// stepMax bounds each step of stopping.
const stepMax = 20 * time.Second

// New opens the ledger, keeps the configuration beside it and rebuilds the exchange's state. offline is for verbs
// beside no running node: nothing is shipped to Kafka.
func New(cfg *config.Config, log *slog.Logger, offline bool) (*Node, error) {
	if log == nil {
		log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	quiet := newQuiet(log.Handler())
	n := &Node{cfg: cfg, log: slog.New(quiet), failed: make(chan error, 2)}
	n.onStop("log", quiet.flush) // the last to stop
	if err := n.open(offline); err != nil {
		return nil, errors.Join(err, n.Stop())
	}
	return n, nil
}

func (n *Node) open(offline bool) error {
	cfg := n.cfg
	clock := cfg.Clock
	if clock == nil {
		clock = time.Now
	}
	who, err := n.openLedger(offline)
	if err != nil {
		return err
	}
	led := n.Ledger
	files := shareOf(cfg.Limits.ConnsMax, n.log)
	client, err := transport.New(transport.Config{Workers: cfg.Limits.WorkersMax, LateReadMax: cfg.Limits.LateReadMax,
		ConnsMax: files.buyers, HeaderBytesMax: cfg.Limits.AnswerHeadMax})
	if err != nil {
		return fmt.Errorf("transport: %w", err)
	}
	n.onStop("transport", client.Close)
	spool, err := carrier.New(filepath.Join(cfg.DataDir, "files"))
	if err != nil {
		return err
	}
	n.Exchange, err = exchange.New(cfg.Exchange, exchange.Deps{Ledger: led, Store: memory.New(), Transport: client,
		Files: spool, Now: clock, Log: n.log, AnswerBytesMax: cfg.Limits.AnswerBytesMax,
		Inherited: max(who.Inherited, who.Lost), Offline: offline, Search: n.report.sales,
		Kept: func(hash string) (exchange.Config, error) { return keptConfig(led, hash) }})
	if err != nil {
		return err
	}
	n.onStop("exchange", n.Exchange.Stop)
	n.openReport(offline)
	if err := n.Exchange.Start(); err != nil {
		return err
	}
	n.watchStandings(offline)
	n.watchAlerts(offline)
	n.reloads.told = admin.ConfigStatus{Hash: cfg.Hash, Since: n.Exchange.Now(), Reloads: map[string]int64{}}
	links, err := cfg.SpecLinks()
	if err != nil {
		return fmt.Errorf("links to posting specs: %w", err)
	}
	if err := keepSpecs(cfg, n.Exchange.Now()); err != nil {
		return err
	}
	keys, err := cfg.TLS.Keys(n.log)
	if err != nil {
		return fmt.Errorf("tls: %w", err)
	}
	cfg.DropFiles()
	var memory intake.Memory
	places := cfg.Limits.InFlightMax
	if !offline {
		memory = memoryFor(memoryLimit(&cfg.Limits))
		places = keepTo(&cfg.Limits, memory)
	}
	n.Intake = intake.New(intake.Config{BodyBytesMax: cfg.Limits.BodyBytesMax, InFlightMax: places, Memory: memory,
		Short: client.Short, ConnsMax: files.sellers, Keys: keys, Proxies: cfg.Proxies,
		Specs: intake.SpecConfig{URL: cfg.SpecURL, Links: links, History: cfg.SpecHistory()},
		Books: (&sourceBooks{n.report.view, n.Exchange}).books()}, n.Exchange, n.log)
	if n.token, err = n.adminToken(offline); err != nil {
		return fmt.Errorf("admin token: %w", err)
	}
	n.Admin = admin.New(n.Exchange, led, n.token, admin.Hooks{Statuses: n.Intake.Statuses, Reload: n.Reload,
		Config: n.reloads.status, Offline: offline, Memory: memory.Limit, Load: func() admin.LoadStatus {
			return loadOf(n.Intake)
		}, Identity: func() admin.Identity { return who.serves(cfg) }, Backup: n.backup, Report: n.report.view,
		Alerts: n.alerts, Standings: n.standings.look}, n.log)
	return nil
}

// openLedger opens the ledger of a data directory that is this node's own, and keeps the configuration beside it.
func (n *Node) openLedger(offline bool) (*identity, error) {
	cfg := n.cfg
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("data_dir: %w", err)
	}
	retention := cfg.Limits.Retention
	retention.Least, retention.Days = max(retention.Least, quotesLast(cfg), returnsLast(cfg)), countTogether(cfg)
	who, err := identify(cfg, offline)
	if err != nil {
		return nil, err
	}
	cfg.Exchange.Node = who.nodeName(cfg.Exchange.Node)
	lc := ledger.Config{Dir: filepath.Join(cfg.DataDir, "ledger"), Node: cfg.Exchange.Node,
		FreeBytesMin: cfg.Limits.FreeBytesMin, Retention: retention, Kafka: cfg.Kafka, Logger: n.log}
	openLedger := ledger.Open
	if offline {
		lc.Kafka, openLedger = nil, ledger.OpenOffline
	}
	led, err := openLedger(lc)
	if errors.Is(err, ledger.ErrLost) && cfg.AcceptLoss && !offline {
		if err := n.acceptLoss(lc, err); err != nil {
			return nil, fmt.Errorf("ledger: %w", err)
		}
		led, err = openLedger(lc)
	}
	if err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	n.Ledger = led
	n.onStop("ledger", func(context.Context) error { return led.Close() })
	if err := who.keep(led.LastSeq(), offline, n.log); err != nil {
		return nil, err
	}
	if err := n.keep(cfg); err != nil {
		return nil, err
	}
	lost, err := led.LostUpTo()
	if err != nil {
		return nil, err
	}
	who.Lost = lost
	return who, nil
}

// acceptLoss gives up what of the ledger cannot be taken back.
func (n *Node) acceptLoss(lc ledger.Config, cause error) error {
	n.log.Error("the ledger has lost events, and the loss is accepted", "err", cause)
	done, err := ledger.Recover(lc, ledger.Recovery{AcceptLoss: true, By: "serve --accept-loss"})
	if err != nil {
		return err
	}
	n.log.Warn("the ledger goes on: leads from before are answered and not sold any more, and their open attempts "+
		"wait for a person", "from_seq", done.From, "to_seq", done.To, "taken_back", done.TakenBack, "damaged",
		done.Damaged, "given_up", done.Lost)
	return nil
}

// keep stores a configuration beside the ledger, with its files of values.
func (n *Node) keep(cfg *config.Config) error {
	for i := range cfg.Lists {
		l := &cfg.Lists[i]
		if !slices.ContainsFunc(n.cfg.Lists, func(was config.List) bool { return was == *l }) || n.cfg == cfg {
			n.log.Info("values read", "file", l.File, "values", l.Values, "memory_bytes", l.Memory)
		}
		open := func() (io.ReadCloser, error) { return cfg.OpenList(l) }
		if err := n.Ledger.KeepList(l.SHA256, open); err != nil {
			return fmt.Errorf("keep %s beside the ledger: %w", l.File, err)
		}
	}
	if err := n.Ledger.KeepConfig(cfg.Hash, cfg.Files); err != nil {
		return fmt.Errorf("keep the configuration beside the ledger: %w", err)
	}
	return nil
}

// keepSpecs makes the posting specs of a configuration the newest versions.
func keepSpecs(cfg *config.Config, now time.Time) error {
	if err := intake.KeepSpecs(cfg.SpecHistory(), &cfg.Exchange, cfg.Limits.BodyBytesMax, now); err != nil {
		return fmt.Errorf("keep posting specs: %w", err)
	}
	return nil
}

// Start opens the doors. Failed tells if one of them breaks later.
func (n *Node) Start() error {
	ln, err := net.Listen("tcp", n.cfg.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	keys, err := n.cfg.AdminTLS.Keys(n.log)
	if err != nil {
		ln.Close()
		return fmt.Errorf("admin.tls: %w", err)
	}
	aln, err := net.Listen("tcp", n.cfg.AdminListen)
	if err != nil {
		ln.Close()
		return fmt.Errorf("admin.listen: %w", err)
	}
	n.SellerAddr, n.AdminAddr = ln.Addr().String(), aln.Addr().String()
	if n.cfg.AdminTLS == nil && beyondLoopback(aln.Addr()) {
		n.log.Warn("ADMIN.LISTEN IS OPEN TO THE NETWORK WITHOUT TLS: whoever can read along has the admin token, and "+
			"with it every lead; "+
			"set admin.tls, or listen on 127.0.0.1", "listen", n.AdminAddr)
	}
	if k := n.cfg.Kafka; k != nil && k.SASL != nil && k.TLS == nil {
		n.log.Warn("kafka.sasl without kafka.tls: whoever can read along on the way to the brokers learns what " +
			"proves this node's name, and every event")
	}
	// Who has heard that it is healthy finds it by its directory.
	h := Handle{Admin: n.AdminAddr, Token: n.token, PID: os.Getpid()}
	if n.cfg.AdminTLS != nil {
		h.Cert = n.cfg.AdminTLS.Cert
	}
	path, err := h.write(n.cfg.DataDir)
	if err != nil {
		return errors.Join(err, ln.Close(), aln.Close())
	}
	n.serve("admin", aln, func(ln net.Listener) error { return n.Admin.Serve(ln, keys) }, n.Admin.Shutdown)
	n.onStop("handle", func(context.Context) error { return os.Remove(path) })
	n.Exchange.Warm()
	n.serve("sellers", ln, n.Intake.Serve, n.Intake.Shutdown)
	return nil
}

func (n *Node) serve(name string, ln net.Listener, serve func(net.Listener) error, down func(context.Context) error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := serve(ln); err != nil {
			n.failed <- fmt.Errorf("%s: %w", name, err)
		}
	}()
	n.onStop(name, func(ctx context.Context) error {
		err := errors.Join(down(ctx), ignoreClosed(ln.Close()))
		select {
		case <-done:
		case <-ctx.Done():
			err = errors.Join(err, ctx.Err())
		}
		return err
	})
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// Failed gives the error of a door that broke.
func (n *Node) Failed() <-chan error { return n.failed }

func (n *Node) onStop(name string, do func(context.Context) error) {
	n.down = append(n.down, teardown{name, do})
}

// Stop closes everything in the reverse of the order in which it was opened, each step within its time. A second Stop
// does nothing.
func (n *Node) Stop() error {
	var errs []error
	for _, t := range slices.Backward(n.down) {
		ctx, cancel := context.WithTimeout(context.Background(), stepMax)
		if err := t.do(ctx); err != nil {
			errs = append(errs, fmt.Errorf("stop %s: %w", t.name, err))
		}
		cancel()
	}
	n.down = nil
	return errors.Join(errs...)
}

// Token is the admin token in force.
func (n *Node) Token() string { return n.token }

// adminToken is the configured one, else one that is made once and kept in the data directory.
func (n *Node) adminToken(offline bool) (string, error) {
	if offline {
		return rand.Text(), nil // for one verb; the configured one may be a placeholder
	}
	if n.cfg.AdminToken != "" {
		return n.cfg.AdminToken, nil
	}
	path := filepath.Join(n.cfg.DataDir, "admin.token")
	if b, err := os.ReadFile(path); err == nil && len(b) >= 32 {
		return strings.TrimSpace(string(b)), nil
	}
	var raw [24]byte
	rand.Read(raw[:])
	t := hex.EncodeToString(raw[:])
	return t, os.WriteFile(path, []byte(t+"\n"), 0o600)
}

// beyondLoopback tells whether an address can be reached from other machines.
func beyondLoopback(a net.Addr) bool {
	t, ok := a.(*net.TCPAddr)
	return ok && !t.IP.IsLoopback()
}
