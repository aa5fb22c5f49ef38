// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"path/filepath"

	"clearpost/exchange/admin"
)

type backupCmd struct {
	Dir string `arg:"" help:"Configuration directory of the exchange." type:"existingdir"`
	To  string `arg:"" help:"The directory to make; it must not be there yet. On the exchange's machine."`
}

// Help implements kong.HelpProvider.
func (backupCmd) Help() string {
	return `Copies the data directory of an exchange, running or not, whole up to one event: the log, the views, the configurations beside it. Pings go
on. The copy has no admin.json and no token. It is a copy by its identity too: to go on from it, put it in place of data_dir and start once
with serve --adopt. The configuration directory is not in it.

Examples:
  clearpost backup /etc/clearpost /backup/clearpost-2026-11-27
  clearpost ledger verify /backup/clearpost-2026-11-27`
}

// Run prints what the backup has.
func (c *backupCmd) Run(e *env) error {
	to, err := filepath.Abs(c.To)
	if err != nil {
		return err
	}
	t := target{Dir: c.Dir}
	return t.with(e, func(o *ops) error {
		var b admin.Backup
		if err := o.call(e.ctx, "POST", "/v1/backup", admin.Backup{To: to}, &b); err != nil {
			return err
		}
		_, err := fmt.Fprintf(e.out, "%s: events %d to %d, %d MiB of log\n", b.To, b.First, b.Last, b.Bytes>>20)
		return err
	})
}
