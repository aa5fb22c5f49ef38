// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"clearpost/config"
	"clearpost/exchange/admin"
	"clearpost/node"
)

type reloadCmd struct {
	place
	JSON bool `help:"Print JSON."`
}

// Help implements kong.HelpProvider.
func (reloadCmd) Help() string {
	return `The running exchange reads its configuration directory again, checks all of it, and swaps: requests under way end on the
configuration that they began with, later ones begin on the new one, and none is dropped. If anything is wrong, or needs a
restart (what stands in clearpost.yaml), nothing changes, every problem is printed with its place, and the exit code is 1.
serve does the same by itself when a file changes, and on SIGHUP.

Examples:
  clearpost check /etc/clearpost && clearpost reload /etc/clearpost
  clearpost reload --json | jq -r .result`
}

// Run asks the running exchange to reload.
func (c *reloadCmd) Run(e *env) error {
	t := target{c.dir()}
	o, err := t.running(e)
	if err != nil {
		return err
	}
	if o == nil {
		return fmt.Errorf(
			"no exchange runs on %s: there is nothing to reload. clearpost check says whether it could start", c.dir())
	}
	if here := node.FileIdentity(c.dir()); o.is.Config != here {
		return errors.Join(fmt.Errorf("the exchange that runs on the data of %s reads its configuration from %s: "+
			"name that directory, or start it with this one", c.dir(), o.is.ConfigDir), o.close())
	}
	var r admin.Reload
	if err := o.call(e.ctx, "POST", "/v1/reload", nil, &r); err != nil {
		return errors.Join(err, o.close())
	}
	if c.JSON {
		err = printJSON(e.out, r)
	} else {
		printReload(e.out, &r)
	}
	if r.Result == admin.Refused {
		err = errors.Join(err, errSaid)
	}
	return errors.Join(err, o.close())
}

func printReload(w io.Writer, r *admin.Reload) {
	switch r.Result {
	case admin.Applied:
		fmt.Fprintln(w, "applied: config", r.Config)
	case admin.Unchanged:
		fmt.Fprintln(w, "unchanged: config", r.Config)
	default:
		for _, p := range r.Problems {
			fmt.Fprintln(w, config.Problem(p))
		}
		fmt.Fprintf(w, "refused: %s. The exchange goes on with config %s\n", r.Error, r.Config)
		if len(r.Restart) > 0 {
			fmt.Fprintf(w, "Restart it for %s to change, or put that back as it was\n", strings.Join(r.Restart, ", "))
		}
	}
}

// running speaks to the node that runs on a directory's data; nil if none does.
func (t *target) running(e *env) (*ops, error) {
	data, err := config.DataDir(t.Dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil,
			fmt.Errorf("%w\nName the exchange's configuration directory, as DIR, with -d DIR or in CLEARPOST_DIR", err)
	} else if err != nil {
		return nil, err
	}
	return findNode(e, data)
}
