// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"clearpost/config"
	"clearpost/exchange/admin"
	"clearpost/node"
)

type serveCmd struct {
	Dir      string `arg:"" help:"Configuration directory." type:"existingdir"`
	LogLevel string `help:"debug, info, warn or error." enum:"debug,info,warn,error" default:"info"`
	Watch    bool   `help:"Reload when a file of the configuration changes." default:"true" negatable:""`

	Adopt        bool `help:"Go on from a data_dir that is a copy of another node's: a backup, a clone, or moved from another file system."`
	AcceptLoss   bool `help:"Go on from a ledger that has lost events: what cannot be taken back is given up, and said in its place."`
	SkipExamples bool `help:"Start, and reload, although examples of campaigns do not hold."`
}

// Help implements kong.HelpProvider.
// clock is what an exchange that serves takes for the time; nil: the machine's clock. Tests have it be wrong.
var clock func() time.Time

func (serveCmd) Help() string {
	return `Examples:
  clearpost serve ./examples
  clearpost serve /etc/clearpost --log-level warn
  clearpost serve /etc/clearpost --watch=false

A change of the directory is put into force at once, without dropping a request, and so it is on SIGHUP or with clearpost reload. If
anything is wrong in it, the log says so and the exchange goes on as it was.

Ctrl-C or SIGTERM stops it: no new leads are taken, posts under way end first. A second one ends it at once, as kill -9 does.`
}

// Run serves until a signal comes or a door breaks.
func (c *serveCmd) Run(e *env) error {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(e.err, &slog.HandlerOptions{Level: level}))
	cfg, err := loadConfig(e.err, c.Dir)
	if err != nil {
		return err
	}
	cfg.SkipExamples, cfg.Adopt, cfg.AcceptLoss, cfg.Clock = c.SkipExamples, c.Adopt, c.AcceptLoss, clock
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	if bad := cfg.Examples.Err(); bad != nil && !c.SkipExamples {
		fmt.Fprintln(e.err, bad)
		return errSaid
	}
	n, err := node.New(cfg, log, false)
	if err != nil {
		return err
	}
	if err := n.Start(); err != nil {
		return errors.Join(err, n.Stop())
	}
	fmt.Fprintf(e.out, "sellers %s://%s  admin %s://%s  config %s\n", cfg.TLS.Scheme(), n.SellerAddr,
		cfg.AdminTLS.Scheme(), n.AdminAddr, cfg.Hash)
	if c.Watch {
		if err := n.Watch(); err != nil {
			log.Error("the configuration is not watched: use SIGHUP or clearpost reload", "err", err)
		}
	}
	for {
		select {
		case <-hup:
			n.Reload(admin.BySignal)
			continue
		case <-e.ctx.Done():
			log.Info("stopping")
		case err = <-n.Failed():
		}
		return errors.Join(err, n.Stop())
	}
}

// loadConfig reads a configuration; its problems are printed and become errSaid.
func loadConfig(w io.Writer, dir string) (*config.Config, error) {
	return readConfig(w, dir, config.Options{Env: os.LookupEnv})
}

// configToRead is loadConfig for what sends nothing: secrets need not be there, and a line says which are not.
func configToRead(w io.Writer, dir string) (*config.Config, error) {
	cfg, err := readConfig(w, dir, config.Options{Env: os.LookupEnv, Placeholders: true})
	if err == nil {
		tellUnset(w, cfg)
	}
	return cfg, err
}

// configToSend is loadConfig for one campaign's calls: other buyers' secrets need not be there.
func configToSend(w io.Writer, dir, campaign string, opt config.Options) (*config.Config, error) {
	opt.Env, opt.Placeholders = os.LookupEnv, true
	cfg, err := readConfig(w, dir, opt)
	if err != nil {
		return nil, err
	}
	if need := cfg.UnsetFor(campaign); len(need) > 0 {
		return nil, fmt.Errorf("campaign %s needs what is not set here: %s", campaign, strings.Join(need, ", "))
	}
	return cfg, nil
}

func tellUnset(w io.Writer, cfg *config.Config) {
	if len(cfg.Unset) > 0 {
		fmt.Fprintf(w, "note: not set here, and needed only to send: %s\n", strings.Join(cfg.Unset, ", "))
	}
}

// readConfig is loadConfig with options.
func readConfig(w io.Writer, dir string, opt config.Options) (*config.Config, error) {
	opt.Progress = progressOf(w)
	cfg, err := config.LoadWith(dir, opt)
	var bad *config.Error
	if errors.As(err, &bad) {
		fmt.Fprintln(w, bad.Error())
		return nil, errSaid
	}
	return cfg, err
}

type versionCmd struct{}

// Run prints the module's version as built.
func (versionCmd) Run(e *env) error {
	v := "(devel)"
	if bi, ok := debug.ReadBuildInfo(); ok && bi.Main.Version != "" {
		v = bi.Main.Version
	}
	fmt.Fprintln(e.out, "clearpost", v)
	return nil
}
