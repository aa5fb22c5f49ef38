// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/goccy/go-json"
	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"clearpost/config"
	"clearpost/ledger"
	"clearpost/node"
)

type ledgerCmd struct {
	Verify  verifyCmd  `cmd:"" help:"Read the whole ledger of a stopped exchange, and say where log, views and sums disagree."`
	Recover recoverCmd `cmd:"" help:"Make up for events that the ledger has lost."`
}

type verifyCmd struct {
	place
	JSON         bool `help:"Print one JSON object."`
	RebuildViews bool `help:"First make the views anew from the log."`
}

// Help implements kong.HelpProvider.
func (verifyCmd) Help() string {
	return `Reads every event with its sum, and compares the views with the log: that each event is found by its lead, and that the counts of caps,
open attempts and pauses are what the events come to. Nothing is changed, but by --rebuild-views. The exchange must not run; of one that
does, verify a backup.

Exit codes: 0 all agrees, 1 something does not (--rebuild-views makes views anew), 4 events are lost or cannot be read: a start refuses it.

Examples:
  clearpost ledger verify /etc/clearpost
  clearpost ledger verify -d /etc/clearpost --json | jq '.problems[] | select(.in == "log")'
  clearpost ledger verify /etc/clearpost --rebuild-views`
}

// Run prints what was found.
func (c *verifyCmd) Run(e *env) error {
	cfg, err := ledgerOf(c.dir())
	if err != nil {
		return err
	}
	progress, end := ledgerProgress(e.err)
	defer end()
	if c.RebuildViews {
		if err := ledger.RebuildViews(cfg, progress); err != nil {
			return err
		}
	}
	v, err := ledger.Verify(cfg, progress)
	if err != nil {
		return err
	}
	end()
	if c.JSON {
		enc := json.NewEncoder(e.out)
		enc.SetIndent("", "  ")
		if err := enc.Encode(v); err != nil {
			return err
		}
	} else {
		printVerdict(e.out, &v)
	}
	switch {
	case v.Lost:
		return errLost
	case len(v.Problems) > 0:
		return errSaid
	}
	return nil
}

func printVerdict(w io.Writer, v *ledger.Verdict) {
	for _, p := range v.Problems {
		at := ""
		if p.Seq > 0 {
			at = fmt.Sprintf(" event %d", p.Seq)
		}
		if p.Lead != "" {
			at += " lead " + p.Lead
		}
		fmt.Fprintf(w, "%s:%s %s\n", p.In, at, p.Text)
	}
	if v.More > 0 {
		fmt.Fprintf(w, "and %d more\n", v.More)
	}
	fmt.Fprintf(w, "%s: events %d to %d, %d read, %d MiB; views up to %d", v.Dir, v.First, v.Last, v.Events,
		v.Bytes>>20, v.Applied)
	if v.Shipped > 0 {
		fmt.Fprintf(w, ", Kafka up to %d", v.Shipped)
	}
	if v.GivenUp > 0 {
		fmt.Fprintf(w, "; %d stand in the place of events that were given up", v.GivenUp)
	}
	switch n := len(v.Problems) + v.More; n {
	case 0:
		fmt.Fprintln(w, "\nlog, views and sums agree")
	default:
		fmt.Fprintf(w, "\n%d problems\n", n)
	}
}

type recoverCmd struct {
	place
	FromKafka  bool `help:"Take back from Kafka what was shipped."`
	AcceptLoss bool `help:"Give up what cannot be taken back."`
}

// Help implements kong.HelpProvider.
func (recoverCmd) Help() string {
	return `For a ledger that a start refuses (exit code 4). What still stands in the files is taken back; with --from-kafka also what Kafka has, which
needs kafka.private: keep and the topics as this exchange has filled them. If something is missing even so, nothing is changed and the
exit code is 4 again, unless --accept-loss gives it up: in the place of each lost event stands an adjusted event that says so, and its
number is never given out again. Caps keep the counts that the views have, quotes from before are over, leads from before are answered and
not sold any more, and open attempts wait for a person. Make a copy of the data directory first.

Examples:
  clearpost ledger recover /etc/clearpost
  clearpost ledger recover /etc/clearpost --from-kafka
  clearpost ledger recover /etc/clearpost --from-kafka --accept-loss`
}

// Run prints what was taken back and what was given up.
func (c *recoverCmd) Run(e *env) error {
	cfg, err := ledgerOf(c.dir())
	if err != nil {
		return err
	}
	how := ledger.Recovery{AcceptLoss: c.AcceptLoss, By: whoami()}
	load := configToRead
	if c.FromKafka {
		load = loadConfig // with the secrets of Kafka
	}
	conf, err := load(e.err, c.dir())
	if err != nil {
		return err
	}
	if cfg.Node, err = node.NameIn(conf); err != nil {
		return err
	}
	if c.FromKafka {
		switch {
		case conf.Kafka == nil:
			return errors.New("--from-kafka: the configuration has no kafka")
		case conf.Kafka.Private != "" && conf.Kafka.Private != ledger.PrivateKeep:
			return fmt.Errorf("--from-kafka: with kafka.private: %s what was shipped is not what was stored: expected "+
				"%s", conf.Kafka.Private, ledger.PrivateKeep)
		}
		how.Shipped = func(each func(uint64, []byte) error) error {
			return ledger.ReadShippedSeqs(e.ctx, *conf.Kafka, each)
		}
	}
	done, err := ledger.Recover(cfg, how)
	if err == nil {
		fmt.Fprintln(e.out, recoveredText(&done))
	}
	return err
}

func recoveredText(done *ledger.Recovered) string {
	var said []string
	if done.Relisted {
		said = append(said, "the list of the log's files was made anew")
	}
	if done.To > 0 {
		said = append(said, fmt.Sprintf("events %d to %d were missing", done.From, done.To))
	}
	for _, x := range []struct {
		n    uint64
		what string
	}{{done.Damaged, "records could not be read"}, {done.TakenBack, "taken back from the files"},
		{done.Shipped, "taken back from Kafka"}, {done.Lost, "given up"}} {
		if x.n > 0 {
			said = append(said, fmt.Sprintf("%d %s", x.n, x.what))
		}
	}
	if len(said) == 0 {
		said = []string{"nothing is lost"}
	}
	return strings.Join(said, "; ")
}

// ledgerOf is the ledger of a configuration directory, or of a data directory such as a backup.
func ledgerOf(dir string) (ledger.Config, error) {
	if own := filepath.Join(dir, "ledger"); node.HasIdentity(dir) {
		return ledger.Config{Dir: own}, nil
	}
	data, err := config.DataDir(dir)
	if err != nil {
		return ledger.Config{}, err
	}
	path := filepath.Join(data, "ledger")
	if _, err := os.Stat(path); err != nil {
		return ledger.Config{}, fmt.Errorf("no exchange has run here: %w", err)
	}
	return ledger.Config{Dir: path}, nil
}

// ledgerProgress shows how far it is where somebody is looking.
func ledgerProgress(w io.Writer) (p ledger.Progress, end func()) {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil, func() {}
	}
	var bar *progressbar.ProgressBar
	of := ""
	end = func() {
		if bar != nil {
			_ = bar.Finish() // it only decorates
			bar = nil
		}
	}
	return func(what string, done, total uint64) {
		if bar == nil || of != what {
			end()
			of = what
			bar = progressbar.NewOptions64(int64(total), progressbar.OptionSetWriter(f),
				progressbar.OptionSetWidth(20), progressbar.OptionClearOnFinish(),
				progressbar.OptionSetDescription(what))
		}
		_ = bar.Set64(int64(done))
	}, end
}
