// SPDX-License-Identifier: Apache-2.0

package node

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/raft-wal/fs"
	"github.com/hashicorp/raft-wal/types"

	"clearpost/buyers/buyertest"
	"clearpost/exchange"
	"clearpost/lead"
	"clearpost/ledger"
)

// brokenDisk is the log's file system, which can be taken away: then nothing is written and nothing is opened. A write
// that is under way when it goes may have been done all the same.
type brokenDisk struct {
	*fs.FS
	away atomic.Bool
	done atomic.Bool // what is written while it is away is there afterwards
}

var errAway = errors.New("the disk is away")

func (d *brokenDisk) OpenWriter(dir, name string) (types.WritableFile, error) {
	if d.away.Load() {
		return nil, errAway
	}
	f, err := d.FS.OpenWriter(dir, name)
	return &brokenFile{f, d}, err
}

func (d *brokenDisk) Create(dir, name string, size uint64) (types.WritableFile, error) {
	if d.away.Load() {
		return nil, errAway
	}
	f, err := d.FS.Create(dir, name, size)
	return &brokenFile{f, d}, err
}

type brokenFile struct {
	types.WritableFile
	d *brokenDisk
}

func (f *brokenFile) WriteAt(p []byte, at int64) (int, error) {
	if f.d.away.Load() && !f.d.done.Load() {
		return 0, errAway
	}
	return f.WritableFile.WriteAt(p, at)
}

func (f *brokenFile) Sync() error {
	err := f.WritableFile.Sync()
	if f.d.away.Load() {
		return errAway
	}
	return err
}

// onBrokenDisk begins the exchange anew on such a disk.
func (h *house) onBrokenDisk() (*brokenDisk, *exchange.Exchange) {
	d := &brokenDisk{FS: fs.New()}
	return d, h.onLedger(func(c *ledger.Config) { c.Disk, c.Patience = d, 50*time.Millisecond })
}

// takes posts a ping's lead for a seller who waits.
func (h *house) takes(ping lead.ID, phone string) (exchange.Reply, *exchange.Fault) {
	h.t.Helper()
	p := h.direct("phone", phone)
	return h.node.Exchange.Post(&exchange.PostIn{On: h.node.Exchange.Snapshot(), Source: p.Source, Vertical: p.Vertical,
		PingID: ping, Lead: &p.Lead, ReceivedAt: h.node.Exchange.Now()})
}

// An append of which nobody can tell holds what it reserved only until it is known: whether the ledger turns out to
// have the attempt or not, nothing was sent, so the lead's own repeat sells it, into a cap of one.
func TestHoldOfAnUncertainAppendFollowsTheLedger(t *testing.T) {
	for _, stored := range []bool{false, true} {
		one := script("b", 25*dollar)
		h := build(t, "", nil, one)
		h.edit("buyers/b.yaml", "vertical: solar\n", "vertical: solar\n    caps: [{per: total, limit: 1}]\n")
		disk, ex := h.onBrokenDisk()
		id := h.pinged()
		disk.done.Store(stored)
		disk.away.Store(true)
		r, f := h.takes(id, "2127365000")
		if f == nil || f.Kind != exchange.FaultUnavailable || !f.Unsure {
			t.Fatalf("stored %v: without the log: %+v, %v", stored, r, f)
		}
		disk.away.Store(false)
		var last exchange.Reply
		eventually(t, "the same post is sold", func() bool {
			last, f = h.takes(id, "2127365000")
			return f == nil && last.Result == ledger.ResultSuccess
		})
		if n := h.farm.Buyer("b").Calls(buyertest.Post); n != 1 {
			t.Errorf("stored %v: the buyer was posted to %d times", stored, n)
		}
		if open, err := ex.Unresolved(); err != nil || len(open) != 0 {
			t.Errorf("stored %v: unresolved %v, %v", stored, open, err)
		}
	}
}

// What a buyer has said is written down as soon as the log takes events again, though it was away, and nobody could
// tell, when the answer came.
func TestKnownSaleOutlivesTheLogsAbsence(t *testing.T) {
	for _, stored := range []bool{false, true} {
		slow := script("b", 25*dollar)
		slow.Post.Latency = buyertest.Fixed(250 * time.Millisecond)
		h := build(t, "", nil, slow)
		disk, ex := h.onBrokenDisk()
		disk.done.Store(stored)
		id := h.pinged()
		heard := make(chan exchange.Reply, 1)
		go func() {
			p := h.direct("phone", "2127365000")
			r, _ := ex.Post(&exchange.PostIn{On: ex.Snapshot(), Source: p.Source, Vertical: p.Vertical, PingID: id,
				Lead: &p.Lead, ReceivedAt: ex.Now(), MaxWait: 400 * time.Millisecond})
			heard <- r
		}()
		eventually(t, "the buyer has the lead", func() bool { return h.farm.Buyer("b").Calls(buyertest.Post) == 1 })
		disk.away.Store(true)
		if r := <-heard; r.Result != ledger.ResultPending {
			t.Fatalf("stored %v: the seller hears %+v", stored, r)
		}
		disk.away.Store(false)
		eventually(t, "the status is a success", func() bool {
			now, f := ex.Status(h.direct().Source, id)
			return f == nil && now.Result == ledger.ResultSuccess
		})
		if open, err := ex.Unresolved(); err != nil || len(open) != 0 {
			t.Errorf("stored %v: unresolved %v, %v", stored, open, err)
		}
	}
}
