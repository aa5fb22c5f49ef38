// SPDX-License-Identifier: Apache-2.0

package node

import (
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/goccy/go-json"

	"clearpost/ledger"
)

// backup copies the data directory, while the node is at work, into a directory that is not there yet. What leads to
// this node (address and token) is not copied; the identity is, by which the copy is known to be one.
func (n *Node) backup(to string) (b ledger.Backup, err error) {
	if err := os.Mkdir(to, 0o700); err != nil {
		return b, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(to))
		}
	}()
	entries, err := os.ReadDir(n.cfg.DataDir)
	if err != nil {
		return b, err
	}
	for _, e := range entries {
		from, copied := filepath.Join(n.cfg.DataDir, e.Name()), filepath.Join(to, e.Name())
		switch name := e.Name(); {
		case name == "ledger" || name == reportDir || name == handleFile || name == "admin.token":
		case e.IsDir():
			if err := os.CopyFS(copied, os.DirFS(from)); err != nil {
				return b, err
			}
		case e.Type().IsRegular():
			if err := copyFile(copied, from); err != nil {
				return b, err
			}
		}
	}
	// before the ledger: it must not have events that the ledger's copy lacks
	if err := n.report.backup(filepath.Join(to, reportDir)); err != nil {
		return b, err
	}
	if b, err = n.Ledger.Backup(ledgerPath(to)); err != nil {
		return b, err
	}
	text, err := json.Marshal(b)
	if err != nil {
		return b, err
	}
	return b, os.WriteFile(filepath.Join(to, "backup.json"), append(text, '\n'), 0o600)
}

func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}
