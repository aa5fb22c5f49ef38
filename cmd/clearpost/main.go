// SPDX-License-Identifier: Apache-2.0

// Command clearpost is a ping/post lead exchange in one binary: serve runs it, demo shows it, the other verbs ask and
// steer it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // caps are counted in named zones, also on machines without a zone database

	"github.com/alecthomas/kong"

	"clearpost/ledger"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1 // it could not be done, or the answer is no (check, demo's audit)
	exitUsage  = 2
	// the ledger differs from what comes of its inputs (explain)
	exitDiffers = 3
	// the ledger has lost events, or holds some that cannot be read (serve, ledger)
	exitLost = 4
	// a buyer's statement differs from what was sold (reconcile)
	exitStatement = 5
)

type cli struct {
	Demo       demoCmd       `cmd:"" help:"Run a whole exchange on embedded examples: simulated sellers and buyers, a local Kafka endpoint, an audit at the end."`
	Serve      serveCmd      `cmd:"" help:"Run an exchange from a configuration directory."`
	Init       initCmd       `cmd:"" help:"Write a small configuration to start from."`
	Check      checkCmd      `cmd:"" help:"Check a configuration directory and report every problem with its place."`
	Try        tryCmd        `cmd:"" help:"Read values or a lead as sellers send them, and say what becomes of them."`
	Buyers     buyersCmd     `cmd:"" help:"List templates of buyers, and write a buyer's page from one."`
	Probe      probeCmd      `cmd:"" help:"Send test leads to a buyer's staging endpoint and report what it does."`
	Mock       mockCmd       `cmd:"" help:"Play a campaign's buyer as a local server, from its own examples."`
	Spec       specCmd       `cmd:"" help:"Write the posting spec of a source and a vertical, or the link that opens it."`
	Events     eventsCmd     `cmd:"" help:"Print the ledger's events as JSON lines."`
	Explain    explainCmd    `cmd:"" help:"Tell the whole story of one lead."`
	Find       findCmd       `cmd:"" help:"Find leads by what is known of them."`
	Pause      pauseCmd      `cmd:"" help:"Pause a buyer, campaign or source at once and durably."`
	Resume     resumeCmd     `cmd:"" help:"Resume a paused buyer, campaign or source."`
	Value      valueCmd      `cmd:"" help:"Show what was learned of campaigns, by which their bids count beside their prices."`
	Unsold     unsoldCmd     `cmd:"" help:"List leads that nobody has bought."`
	Alerts     alertsCmd     `cmd:"" help:"Show what alerts are about now, and send one as a test."`
	Resubmit   resubmitCmd   `cmd:"" help:"Offer an unsold lead anew, with other values or in another vertical."`
	Queue      queueCmd      `cmd:"" help:"List leads that wait for a campaign; retry, drop or move one."`
	Webhooks   webhooksCmd   `cmd:"" help:"Show what is sent to webhooks, and send dead messages again."`
	Unresolved unresolvedCmd `cmd:"" help:"List attempts whose outcome nobody knows."`
	Resolve    resolveCmd    `cmd:"" help:"Settle an attempt whose outcome was unknown, after asking the buyer."`
	Adjust     adjustCmd     `cmd:"" help:"Book another price or payout for a sale, or void it."`
	Return     returnCmd     `cmd:"" help:"Have sales given back by their buyers."`
	Returns    returnsCmd    `cmd:"" help:"List what buyers wanted to give back, and decide about it."`
	Pay        payCmd        `cmd:"" help:"Book money that came in from a buyer, or went back."`
	Statement  statementCmd  `cmd:"" help:"Tell the account of a buyer or a source over a month."`
	Books      booksCmd      `cmd:"" help:"Print the trial balance of all accounts."`
	Balance    balanceCmd    `cmd:"" help:"Show the accounts of buyers, or book a deposit."`
	Import     importCmd     `cmd:"" help:"Take over what another system has counted, and the balances that buyers had there."`
	Report     reportCmd     `cmd:"" help:"Add up what was asked, sold and earned; tell what became of sales."`
	SQL        sqlCmd        `cmd:"" help:"Ask in SQL what find and report read. It writes nothing."`
	Export     exportCmd     `cmd:"" help:"Write the tables of reports to Parquet or CSV files."`
	Reconcile  reconcileCmd  `cmd:"" help:"Hold a buyer's statement to what was sold to it, and explain each difference."`
	Reload     reloadCmd     `cmd:"" help:"Have a running exchange read its configuration directory again."`
	Status     statusCmd     `cmd:"" help:"Show what a running exchange is doing."`
	Batches    batchesCmd    `cmd:"" help:"List the campaigns that take leads in files, and settle what is unclear of a file."`
	Caps       capsCmd       `cmd:"" help:"List caps: used, held, room, and when they count anew."`
	Backup     backupCmd     `cmd:"" help:"Copy the data of an exchange, which may run."`
	Ledger     ledgerCmd     `cmd:"" help:"Check a ledger, and take back what it has lost."`
	Schema     schemaCmd     `cmd:"" help:"Print the JSON Schemas of configuration files and events, for editors and consumers."`
	Version    versionCmd    `cmd:"" help:"Print the version."`
}

// env is what verbs take from outside.
type env struct {
	ctx      context.Context // ends at Ctrl-C or SIGTERM
	in       io.Reader
	out, err io.Writer
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, out, errOut io.Writer) int {
	var c cli
	code := -1
	k, err := kong.New(&c, kong.Name("clearpost"),
		kong.Description("A ping/post lead exchange. Exit codes: 0 done, 1 failed or the answer is no, 2 wrong use, "+
			"3 the ledger is not what it should be (explain), 4 it has lost events (serve, ledger), "+
			"5 a statement differs (reconcile)."),
		kong.Writers(out, errOut), kong.Exit(func(n int) {
			code = n
		}), kong.ConfigureHelp(kong.HelpOptions{Compact: true}))
	if err != nil {
		fmt.Fprintln(errOut, "clearpost:", err)
		return exitUsage
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	ctx, err := k.Parse(withNegatives(args))
	if code >= 0 {
		return code
	}
	if err != nil {
		fmt.Fprintf(errOut, "clearpost: %v\nTry %s --help.\n", err, tried(err))
		return exitUsage
	}
	sig, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(sig, stop) // a second signal does not wait for what the first one lets end
	err = ctx.Run(&env{sig, os.Stdin, out, errOut})
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errSaid):
		return exitFailed
	case errors.Is(err, errDiffers):
		return exitDiffers
	case errors.Is(err, errLost):
		return exitLost
	case errors.Is(err, errStatement):
		return exitStatement
	}
	fmt.Fprintln(errOut, "clearpost:", err)
	if errors.Is(err, ledger.ErrLost) {
		return exitLost
	}
	return exitFailed
}

// tried is the command whose use was wrong, as far as it was understood.
func tried(err error) string {
	var bad *kong.ParseError
	if errors.As(err, &bad) && bad.Context != nil {
		if verb := bad.Context.Selected(); verb != nil {
			return verb.FullPath()
		}
	}
	return "clearpost"
}

// errSaid ends a verb with exit code 1 when it has printed why.
var errSaid = errors.New("")

// errDiffers ends a verb with exit code 3 when it has printed what of the ledger is not as it should be.
var errDiffers = errors.New("the ledger differs from its recomputation")

// errLost ends a verb with exit code 4 when it has printed what the ledger has lost.
var errLost = errors.New("the ledger has lost events")
