// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"clearpost/examples"
)

type initCmd struct {
	Dir string `arg:"" help:"Directory; it must not be there yet, or be empty."`
}

// Help implements kong.HelpProvider.
func (initCmd) Help() string {
	return `The configuration has one vertical (solar), one source that may send test leads, and no buyers. It works as it is.

Examples:
  clearpost init ./conf
  clearpost buyers add --template json --id oakline --vertical solar -s ping_url=… -s post_url=… -d ./conf

Exit code 0: it is written. 1: it is not, and why is said.`
}

// Run writes.
func (c *initCmd) Run(e *env) error {
	switch entries, err := os.ReadDir(c.Dir); {
	case errors.Is(err, fs.ErrNotExist):
		if err := os.MkdirAll(c.Dir, 0o700); err != nil {
			return err
		}
	case err != nil:
		return err
	case len(entries) > 0:
		return fmt.Errorf("%s is not empty, and left as it is", c.Dir)
	}
	if err := examples.WriteStart(c.Dir); err != nil {
		return err
	}
	fmt.Fprintf(e.out, "written: %s\nnext:\n  clearpost buyers templates\n  clearpost buyers add --template … --id … "+
		"--vertical solar -d %s\n  clearpost check %s\n  clearpost serve %s\n", c.Dir, c.Dir, c.Dir, c.Dir)
	return nil
}
