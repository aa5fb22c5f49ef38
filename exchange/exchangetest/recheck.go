// SPDX-License-Identifier: Apache-2.0

package exchangetest

import (
	"io/fs"

	"clearpost/exchange"
	"clearpost/lead"
	"clearpost/ledger"
)

// keptAs has the configurations that were in force, by hash, as a node keeps them beside its ledger.
func (x *Rig) keptAs(hash string) (exchange.Config, error) {
	if cfg, ok := x.kept[hash]; ok {
		return cfg, nil
	}
	return exchange.Config{}, fs.ErrNotExist
}

// recheck computes the decisions of all leads of the ledger again: what stands there is what comes of the recorded
// inputs. Every test holds that.
func (x *Rig) recheck() {
	x.T.Helper()
	if x.setup.Differs {
		return
	}
	all, told := 0, 0
	err := x.Ledger.Scan(0, func(r ledger.Record) error {
		if r.Kind != ledger.KindPinged || told > 10 {
			return nil
		}
		c, ok, err := x.Exchange.CheckLead(r.Lead)
		if err != nil || !ok {
			return err
		}
		if all++; len(c.Unchecked) > 0 {
			x.T.Logf("lead %s: not computed again: %v", r.Lead, c.Unchecked)
		}
		for i := range c.Defects {
			told++
			x.T.Errorf("lead %s is not as it comes out when it is computed again: %s", r.Lead, &c.Defects[i])
		}
		if len(c.Defects) > 0 {
			x.told(r.Lead)
		}
		return nil
	})
	x.T.Logf("%d leads were computed again", all)
	if err != nil {
		x.T.Logf("the leads could not be computed again: %v", err)
	}
}

// told logs the events of a lead, as they stand in the ledger.
func (x *Rig) told(id lead.ID) {
	x.T.Helper()
	if err := x.Ledger.Scan(0, func(r ledger.Record) error {
		if r.Lead == id {
			x.T.Logf("%d %s", r.Seq, r.Bytes)
		}
		return nil
	}); err != nil {
		x.T.Log(err)
	}
}
