// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/goccy/go-json"

	"clearpost/node"
)

type checkCmd struct {
	Dir  string `arg:"" help:"Configuration directory." type:"existingdir"`
	JSON bool   `help:"Print the problems as one JSON object."`
}

// Help implements kong.HelpProvider.
func (checkCmd) Help() string {
	return `Examples:
  clearpost check ./examples
  clearpost check ./conf --json | jq '.problems[].message'

Exit code 0: nothing is wrong. 1: there are problems; every one is listed with file, line and column.`
}

// Run checks.
func (c *checkCmd) Run(e *env) error {
	cfg, err := node.Load(c.Dir, os.LookupEnv)
	var bad *node.ConfigError
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
	x := cfg.Exchange
	fmt.Fprintf(e.out, "ok: %d verticals, %d sources, %d buyers, %d campaigns; config %s\n", len(x.Verticals), len(x.Sources), len(x.Book.Buyers),
		len(x.Book.Campaigns), cfg.Hash)
	return nil
}

func (c *checkCmd) json(w io.Writer, cfg *node.Config, bad *node.ConfigError) error {
	out := struct {
		OK       bool           `json:"ok"`
		Config   string         `json:"config,omitempty"`
		Problems []node.Problem `json:"problems"`
	}{Problems: []node.Problem{}}
	if bad != nil {
		out.Problems = bad.Problems
	} else {
		out.OK, out.Config = true, cfg.Hash
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
