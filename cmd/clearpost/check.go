// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/goccy/go-json"

	"clearpost/config"
)

type checkCmd struct {
	Dir     string `arg:"" help:"Configuration directory." type:"existingdir"`
	Secrets bool   `help:"Secrets that are not set here are problems too, as they are for serve."`
	JSON    bool   `help:"Print the problems as one JSON object."`
}

// Help implements kong.HelpProvider.
func (checkCmd) Help() string {
	return `Examples:
  clearpost check ./examples
  clearpost check ./conf --secrets && systemctl restart clearpost
  clearpost check ./conf --json | jq '.problems[].message'

The campaigns' examples are run too: what a lead becomes, and what an answer means. Of an example that does not hold a diff is shown:
lines with - are expected, lines with + are what comes of it.

Secrets (${env:NAME}, ${file:PATH}) need not be set where it runs: a line says which are not. --secrets makes those problems.

Exit code 0: nothing is wrong. 1: there are problems, or examples that do not hold; every one is listed with file, line and column.`
}

// Run checks.
func (c *checkCmd) Run(e *env) error {
	cfg, err := config.LoadWith(c.Dir, config.Options{Env: os.LookupEnv, Placeholders: !c.Secrets,
		Progress: progressOf(e.err)})
	var bad *config.Error
	if err != nil && !errors.As(err, &bad) {
		return err
	}
	if c.JSON {
		return c.json(e.out, cfg, bad)
	}
	if bad != nil {
		fmt.Fprintln(e.out, bad.Error())
		return errSaid
	}
	tellUnset(e.err, cfg)
	if err := cfg.Examples.Err(); err != nil {
		fmt.Fprintln(e.out, err)
		return errSaid
	}
	x := cfg.Exchange
	for _, w := range cfg.Warnings() {
		fmt.Fprintf(e.err, "warning: %s\n", w)
	}
	for _, l := range cfg.Lists {
		fmt.Fprintf(e.out, "%s: %s, %d bytes in memory\n", l.File, counted(l.Values, "value"), l.Memory)
	}
	fmt.Fprintf(e.out, "ok: %s, %s, %s, %s, %s; config %s\n", counted(len(x.Verticals), "vertical"),
		counted(len(x.Sources), "source"), counted(len(x.Book.Buyers), "buyer"),
		counted(len(x.Book.Campaigns), "campaign"), counted(cfg.Examples.Ran, "example"), cfg.Hash)
	return nil
}

// counted is a number with its noun, of which an s makes several.
func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func (c *checkCmd) json(w io.Writer, cfg *config.Config, bad *config.Error) error {
	out := struct {
		OK       bool                    `json:"ok"`
		Config   string                  `json:"config,omitempty"`
		Problems []config.Problem        `json:"problems"`
		Unset    []string                `json:"unset,omitempty"` // secrets
		Ran      int                     `json:"examples_run"`
		Failures []config.ExampleFailure `json:"example_failures"`
		Warnings []string                `json:"warnings"` // of what is right and may not be meant
	}{Warnings: []string{}, Problems: []config.Problem{}, Failures: []config.ExampleFailure{}}
	if bad != nil {
		out.Problems = bad.Problems
	} else {
		out.Config, out.Ran, out.Unset = cfg.Hash, cfg.Examples.Ran, cfg.Unset
		out.Failures = append(out.Failures, cfg.Examples.Failures...)
		out.OK = len(out.Failures) == 0
		out.Warnings = cfg.Warnings()
	}
	if err := printJSON(w, out); err != nil {
		return err
	}
	if !out.OK {
		return errSaid
	}
	return nil
}

func printJSON(w io.Writer, v any) error {
	b, err := json.MarshalIndentWithOption(v, "", "  ", json.DisableHTMLEscape())
	if err != nil {
		return err
	}
	_, err = w.Write(append(b, '\n'))
	return err
}
