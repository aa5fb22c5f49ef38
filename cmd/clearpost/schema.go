// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	files "clearpost/config/schema"
	events "clearpost/ledger/schema"
)

type schemaCmd struct {
	Kind string `arg:"" optional:"" help:"Of which kind of file or record; without it all kinds are listed."`
	Out  string `help:"Write all schemas into this directory, as KIND.schema.json." placeholder:"DIR" type:"path"`
}

// eventKinds are the kinds of records on Kafka that have a schema: the events, and what the topic private holds.
var eventKinds = []string{"pinged", "posting", "posted", "settled", "deferred", "adjusted", "private"}

// Help implements kong.HelpProvider.
func (schemaCmd) Help() string {
	return `JSON Schemas of the configuration's files (` + strings.Join(files.Kinds(), ", ") +
		`), for editors that complete and explain keys, and of the
records on Kafka (` + strings.Join(eventKinds, ", ") + `).

Examples:
  clearpost schema buyer
  clearpost schema --out ./schemas
With the second, an editor that knows the YAML language server takes this as the first line of a buyer's file:
  # yaml-language-server: $schema=../schemas/buyer.schema.json`
}

// Run prints or writes.
func (c *schemaCmd) Run(e *env) error {
	kinds := append(files.Kinds(), eventKinds...)
	switch {
	case c.Out != "" && c.Kind != "":
		return fmt.Errorf("KIND or --out, not both: --out writes all kinds")
	case c.Out != "":
		if err := os.MkdirAll(c.Out, 0o755); err != nil {
			return err
		}
		for _, k := range kinds {
			b, err := schemaOf(k)
			if err == nil {
				err = os.WriteFile(filepath.Join(c.Out, k+".schema.json"), b, 0o644)
			}
			if err != nil {
				return err
			}
		}
		fmt.Fprintf(e.out, "%d schemas written to %s\n", len(kinds), c.Out)
		return nil
	case c.Kind == "":
		fmt.Fprintln(e.out, strings.Join(kinds, "\n"))
		return nil
	}
	if !slices.Contains(kinds, c.Kind) {
		return fmt.Errorf("no kind %q: expected one of %s", c.Kind, strings.Join(kinds, ", "))
	}
	b, err := schemaOf(c.Kind)
	if err != nil {
		return err
	}
	_, err = e.out.Write(b)
	return err
}

func schemaOf(kind string) ([]byte, error) {
	if slices.Contains(eventKinds, kind) {
		return events.Schema(kind)
	}
	return files.Schema(kind)
}
