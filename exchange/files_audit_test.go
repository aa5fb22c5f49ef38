// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"fmt"
	"testing"
	"time"

	"clearpost/batch"
	"clearpost/buyers"
	"clearpost/exchange/exchangetest"
	"clearpost/lead"
	"clearpost/ledger"
	"clearpost/loadtest/audit"
	"clearpost/rules"
)

// Leads that wait for the next window of a cap and then for a file are delivered in one file each, once, wherever the
// machine is lost; the auditor, who reads the events alone, says the same.
func TestLeadsThatWaitForAFileAreDeliveredOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("the exchange is made anew by the dozen")
	}
	for _, how := range []exchangetest.Death{exchangetest.DiesBefore, exchangetest.DiesAfter} {
		for n := 2; n <= 8; n += 3 {
			t.Run(fmt.Sprint(how, " at ", n), func(t *testing.T) {
				d := newDesk(t)
				s := inFiles(d, batch.SendSpec{WaitMin: 30})
				spec := s.Campaigns[0].Spec
				s.Campaigns[0].Spec = both(spec, defers(when("cap_full"), forS(2*86400)),
					func(c *buyers.CampaignSpec) { c.Caps = []rules.CapSpec{{Per: "day", Limit: 2}} })
				s.Source = tells
				exchangetest.Run(t, s, func(x *rig) {
					x.Exchange.Warm()
					ids := []lead.ID{sendRow(x, 1), sendRow(x, 2)}
					for i := 3; i <= 4; i++ {
						r, f := x.LeadNow(exchangetest.Values{"phone": fmt.Sprintf("212555%04d", 1000+i)}, nil)
						wantQueued(t, r, f)
						ids = append(ids, r.LeadID)
					}
					x.Disk.DieAt(n, how, func() { d.set(func() { d.dead = true }) })
					for range 36 {
						x.Sleep(time.Hour)
						if d.was() {
							x.Crash()
							x.Exchange.Warm()
						}
					}
					x.Disk.DieAt(0, 0, nil)
					wantRows(x, d, ids...)
					wantSoldOnce(x, ids...)
					auditedFiles(x, 2)
				})
			})
		}
	}
}

// auditedFiles has the auditor read the events, with so many leads that have waited.
func auditedFiles(x *rig, deferred int) {
	x.T.Helper()
	rep, err := audit.Run(audit.Input{Events: func(each func([]byte) error) error {
		return x.Ledger.Scan(0, func(r ledger.Record) error { return each(r.Bytes) })
	}}, audit.Options{})
	if err != nil || !rep.OK || rep.Counts.Deferred != deferred || rep.Counts.Files == 0 {
		x.T.Errorf("%v, %v, %+v", err, rep.Findings, rep.Counts)
	}
}
