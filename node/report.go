// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"clearpost/exchange"
	"clearpost/lead"
	"clearpost/ledger/report"
)

// reportDir is where the view for reports stands in the data directory.
const reportDir = "report"

// reports is the view for reports, or why there is none. An exchange runs without it.
type reports struct {
	dir  string
	open func() (*report.View, error)
	log  *slog.Logger
}

var errNoReport = errors.New("limits.report_cpu_percent is 0: this exchange keeps nothing for find and report")

// view is what find and report read.
func (r *reports) view() (*report.View, error) { return r.open() }

// openReport opens the view and has it follow the ledger; beside no running node only when a verb asks for it.
func (n *Node) openReport(offline bool) {
	percent := n.cfg.Limits.ReportPercent
	n.report.log = n.log
	n.report.dir = filepath.Join(n.cfg.DataDir, reportDir)
	if percent == 0 {
		n.report.open = func() (*report.View, error) { return nil, errNoReport }
		return
	}
	// It waits long before the ledger has to refuse pings for want of disk.
	cfg := report.Config{Dir: n.report.dir, Ledger: n.Ledger, Share: float64(percent) / 100,
		FreeBytesMin: 2 * n.cfg.Limits.FreeBytesMin, KeepFor: n.cfg.Limits.ReportKeepFor,
		BytesMax: n.cfg.Limits.ReportBytesMax, Log: n.log}
	if offline {
		cfg.Share = 1 // nobody else is there to be slowed
	}
	var mu sync.Mutex
	var opened *report.View
	n.report.open = func() (*report.View, error) {
		mu.Lock()
		defer mu.Unlock()
		if opened != nil {
			return opened, nil
		}
		v, err := report.Open(cfg)
		if err == nil {
			v.Start()
			opened = v
		}
		return v, err
	}
	n.onStop("report", func(context.Context) error {
		mu.Lock()
		defer mu.Unlock()
		if opened == nil {
			return nil
		}
		return opened.Close()
	})
	if offline {
		return
	}
	if _, err := n.report.open(); err != nil {
		n.log.Error("the view for reports cannot be opened: find and report do not work", "err", err)
	}
}

// sales finds leads that a buyer may have bought.
func (r *reports) sales(ctx context.Context, q exchange.SalesQuery) (out []lead.ID, err error) {
	v, err := r.open()
	if err != nil {
		return nil, err
	}
	v.CatchUp(ctx)
	found, err := v.Find(ctx, report.Query{Buyer: q.Buyer, Reference: q.Reference, Phone: q.Phone, Limit: salesMax})
	if err != nil {
		return nil, err
	}
	for i := range found.Leads {
		out = append(out, found.Leads[i].ID)
	}
	return out, nil
}

// salesMax is how many leads a name of a sale may lead to.
const salesMax = 20

// backup copies the view, if there is one, into a directory that is not there yet.
func (r *reports) backup(to string) error {
	if _, err := os.Stat(r.dir); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	v, err := r.open()
	if err == nil {
		return v.Backup(to)
	}
	// it can be made anew from the ledger, which is worth more than no backup
	r.log.Warn("the view for reports is not in the backup", "err", err)
	return nil
}
