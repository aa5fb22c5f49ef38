// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"time"

	"clearpost/alerts"
	"clearpost/exchange/admin"
)

// watchAlerts has alerts go on until the node stops; beside no running node nobody is told of anything.
func (n *Node) watchAlerts(offline bool) {
	if offline {
		return
	}
	n.alerts = alerts.Open(alerts.Sources{Exchange: n.Exchange, Ledger: n.Ledger, View: n.report.view,
		Refused: n.reloads.refused}, n.cfg.Alerts, n.cfg.Exchange.Node, n.log)
	ctx, stop := context.WithCancel(context.Background())
	over := make(chan struct{})
	go func() {
		defer close(over)
		n.alerts.Run(ctx)
	}()
	n.onStop("alerts", func(ctx context.Context) error {
		stop()
		select {
		case <-over:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
}

// refused tells why the configuration's last reading was refused, empty if it was not.
func (r *reloads) refused() (why string, since time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if l := r.told.Last; l != nil && l.Result == admin.Refused {
		return l.Error, l.At
	}
	return "", time.Time{}
}
