// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/goccy/go-json"

	"clearpost/ledger"
	"clearpost/loadtest/audit"
)

// TestStoppedUnderLoadLosesNothingThatWasTaken stops the exchange with SIGTERM under load, again and again. Each time
// it ends with 0, and whoever sent a lead of which the ledger knows has heard of it.
func TestStoppedUnderLoadLosesNothingThatWasTaken(t *testing.T) {
	t.Parallel()
	stops := 4
	if testing.Short() {
		stops = 2
	}
	k := newKilled(t, func(k *killed) {
		k.down = func() {
			if err := k.p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Error(err)
			}
			<-k.p.ended
			if code := k.p.cmd.ProcessState.ExitCode(); code != 0 {
				t.Errorf("it ended with %d:\n%s", code, k.p.stderr.String())
			}
		}
	})
	k.run(stops)
	k.down()
	heard := map[string]bool{}
	if _, err := k.answers.Seek(0, 0); err != nil {
		t.Fatal(err)
	}
	if err := audit.JSONLines[audit.Answer](k.answers)(func(a audit.Answer) error {
		heard[a.Lead] = true
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	k.judge(func(l *ledger.Ledger) {
		taken, lost := 0, []string{}
		if err := l.Scan(0, func(r ledger.Record) error {
			if r.Kind != ledger.KindPinged {
				return nil
			}
			var p struct {
				At   string `json:"at"`
				Mode string `json:"mode"`
			}
			if taken++; !heard[r.Lead.String()] {
				_ = json.Unmarshal(r.Bytes, &p)
				lost = append(lost, fmt.Sprintf("%s of %s, by %s", r.Lead, p.At, p.Mode))
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if len(lost) > 0 || taken == 0 {
			t.Errorf("%d of %d leads that were taken have no answer: %v", len(lost), taken, lost)
		}
	})
}
