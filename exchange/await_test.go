// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"testing"

	"clearpost/ledger"
)

// Where nobody can tell what leads of the queue need, the log keeps everything.
func TestNothingIsDroppedWhileTheQueueOfPendingLeadsCannotBeRead(t *testing.T) {
	led, err := ledger.Open(ledger.Config{Dir: t.TempDir(), FreeBytesMin: 1})
	if err != nil {
		t.Fatal(err)
	}
	e := &Exchange{led: led}
	if from := e.queueFrom(); from != led.LastSeq()+1 {
		t.Errorf("nobody waits, and events from %d on are kept", from)
	}
	if err := led.Close(); err != nil {
		t.Fatal(err)
	}
	if from := e.queueFrom(); from != 0 {
		t.Errorf("the queue cannot be read, and events before %d may go", from)
	}
}
