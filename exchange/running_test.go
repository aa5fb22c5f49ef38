// SPDX-License-Identifier: Apache-2.0

package exchange_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"clearpost/exchange"
	"clearpost/exchange/exchangetest"
	"clearpost/ledger"
)

// A whole lead whose buyers are still asked when the exchange stops is posted to nobody: Stop has nothing to wait for.
func TestNothingBeginsOnceTheExchangeHasStopped(t *testing.T) {
	s := one()
	s.Campaigns[0].Ping = exchangetest.Always(exchangetest.Bid(10 * dollar).In(300 * time.Millisecond))
	exchangetest.Run(t, s, func(x *rig) {
		heard := make(chan *exchange.Fault, 1)
		go func() {
			_, f := x.LeadNow(jane, nil)
			heard <- f
		}()
		x.Sleep(100 * time.Millisecond)
		if err := x.Exchange.Stop(context.Background()); err != nil {
			t.Fatal(err)
		}
		if f := <-heard; f == nil || f.Kind != exchange.FaultUnavailable || f.Why != exchange.WhyStopping {
			t.Errorf("heard %v", f)
		}
		if n := len(x.Buyers.Calls("a", exchangetest.Post)); n != 0 {
			t.Errorf("%d posts went out after the end", n)
		}
	})
}

// An operator whose change the ledger cannot tell about is not followed up any more, and the lead stays free.
func TestUncertainChangeIsNotFollowedOnceTheExchangeHasStopped(t *testing.T) {
	exchangetest.Run(t, one(), func(x *rig) {
		id := x.Quote(8*dollar, jane)
		r, f := x.Post(id, nil, nil)
		wantSold(t, r, f, 8*dollar)
		if err := x.Exchange.Stop(context.Background()); err != nil {
			t.Fatal(err)
		}
		x.Disk.Fail(ledger.KindAdjusted, exchangetest.Lost)
		for range 2 {
			if _, _, err := x.Exchange.Correct(exchange.Correction{Name: id.String(), Why: "given back"},
				time.Second); err == nil || errors.Is(err, exchange.ErrUnderWay) {
				t.Errorf("corrected: %v", err)
			}
		}
		x.Disk.Repair()
	})
}
