// SPDX-License-Identifier: Apache-2.0

package exchangetest

import (
	"bytes"
	"errors"
	"sync"

	"github.com/hashicorp/raft-wal/fs"
	"github.com/hashicorp/raft-wal/types"

	"clearpost/ledger"
)

// Fault is how a write of the log goes wrong.
type Fault int

// The faults.
const (
	// Refused: the write fails, nothing of it is stored, and the ledger knows it at once.
	Refused Fault = iota + 1
	// Stalled: the write does not end before Repair; then it succeeds. It strikes none by which the log is opened anew:
	// readers wait for that by a lock, which virtual time does not know to be waiting.
	Stalled
	// Lost: the write fails and nothing of it is stored, but the log cannot be read before Repair: until then nobody
	// can tell.
	Lost
	// Kept: the write fails although all of it is stored, and the log cannot be read before Repair.
	Kept
)

var diskFaults = [...]string{Refused: "disk: refuses a write", Stalled: "disk: stalls", Lost: "disk: loses a write",
	Kept: "disk: keeps a write and says no"}

// Death is how much of the write at which the machine is lost is stored.
type Death int

// The deaths.
const (
	DiesBefore Death = iota // nothing
	DiesWithin              // its first half
	DiesAfter               // all of it; nobody hears of it
)

var deaths = [...]string{DiesBefore: "death: before a write", DiesWithin: "death: within a write",
	DiesAfter: "death: after a write"}

var errDisk = errors.New("disk fault")

// Disk is the file system under the ledger's log. It works until a fault is ordered. All methods may be called by any
// goroutine.
type Disk struct {
	fs     *fs.FS
	struck *tally

	mu     sync.Mutex
	orders []order       // guarded by mu
	away   chan struct{} // guarded by mu; closed by Repair; nil: the log can be opened and read
	hits   int           // guarded by mu
	dead   bool          // guarded by mu: nothing is written any more
	last   int           // guarded by mu: the write, from now on, at which that begins; 0: none
	how    Death         // guarded by mu: of that one
	died   func()        // guarded by mu: is called then
}

type order struct {
	text  []byte // what the write must hold
	fault Fault
	times int // below 0: always
}

func newDisk(struck *tally) *Disk { return &Disk{fs: fs.New(), struck: struck} }

// DieAt has the machine be lost at the n-th write of the log from now on: nothing is stored any more, nor read, and
// nobody hears of it. died is called at this moment, by whoever writes. The driver has to Crash the rig then.
func (d *Disk) DieAt(n int, how Death, died func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last, d.how, d.died = n, how, died
}

// dies tells whether a write is the machine's last.
func (d *Disk) dies() (how Death, died func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dead || d.last == 0 {
		return 0, nil
	}
	if d.last--; d.last > 0 {
		return 0, nil
	}
	d.dead, d.orders = true, nil
	if d.away != nil {
		close(d.away)
		d.away = nil
	}
	d.struck.add(deaths[d.how])
	return d.how, d.died
}

// Fail orders a fault for the next write of the log that holds an event of the kind; "" is any kind.
func (d *Disk) Fail(k ledger.Kind, f Fault) { d.order(k, f, 1) }

// FailAll is Fail for all such writes until Repair.
func (d *Disk) FailAll(k ledger.Kind, f Fault) { d.order(k, f, -1) }

func (d *Disk) order(k ledger.Kind, f Fault, times int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	o := order{fault: f, times: times}
	if k != "" {
		o.text = []byte(`"kind":"` + string(k) + `"`)
	}
	d.orders = append(d.orders, o)
}

// Repair ends all faults: writes that stall go on, and the log can be opened again.
func (d *Disk) Repair() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.orders = nil
	if d.away != nil {
		close(d.away)
		d.away = nil
	}
}

// Hits is how many writes a fault has struck.
func (d *Disk) Hits() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.hits
}

// die has nothing written from now on, as after the loss of the machine.
func (d *Disk) die() {
	d.mu.Lock()
	d.dead = true
	d.mu.Unlock()
	d.Repair()
}

// strike is the fault of a write, 0 for none, and what it waits for. tidies tells that it writes what stands there.
func (d *Disk) strike(b []byte, tidies bool) (Fault, chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dead {
		return Refused, nil
	}
	for i := range d.orders {
		o := &d.orders[i]
		if o.times == 0 || !bytes.Contains(b, o.text) || tidies && o.fault == Stalled {
			continue
		}
		o.times--
		d.hits++
		d.struck.add(diskFaults[o.fault])
		if o.fault != Refused && d.away == nil {
			d.away = make(chan struct{})
		}
		return o.fault, d.away
	}
	return 0, nil
}

// gone tells whether the machine is lost.
func (d *Disk) gone() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.dead
}

// there tells whether files can be listed and opened.
func (d *Disk) there() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.away != nil || d.dead {
		return errDisk
	}
	return nil
}

// ListDir implements types.VFS.
func (d *Disk) ListDir(dir string) ([]string, error) {
	if err := d.there(); err != nil {
		return nil, err
	}
	return d.fs.ListDir(dir)
}

// Delete implements types.VFS.
func (d *Disk) Delete(dir, name string) error { return d.fs.Delete(dir, name) }

// OpenReader implements types.VFS.
func (d *Disk) OpenReader(dir, name string) (types.ReadableFile, error) {
	if err := d.there(); err != nil {
		return nil, err
	}
	return d.fs.OpenReader(dir, name)
}

// OpenWriter implements types.VFS.
func (d *Disk) OpenWriter(dir, name string) (types.WritableFile, error) {
	if err := d.there(); err != nil {
		return nil, err
	}
	f, err := d.fs.OpenWriter(dir, name)
	return d.file(f, err)
}

// Create implements types.VFS.
func (d *Disk) Create(dir, name string, size uint64) (types.WritableFile, error) {
	f, err := d.fs.Create(dir, name, size)
	return d.file(f, err)
}

func (d *Disk) file(f types.WritableFile, err error) (types.WritableFile, error) {
	if err != nil {
		return nil, err
	}
	return &file{WritableFile: f, disk: d}, nil
}

// file is one file of the log.
type file struct {
	types.WritableFile
	disk *Disk
	kept bool // the next sync stores, and fails all the same
}

// WriteAt implements types.WritableFile.
func (f *file) WriteAt(b []byte, off int64) (int, error) {
	if how, died := f.disk.dies(); died != nil {
		n := [...]int{DiesBefore: 0, DiesWithin: len(b) / 2, DiesAfter: len(b)}[how]
		if _, err := f.WritableFile.WriteAt(b[:n], off); err != nil {
			return 0, err
		}
		died()
		return 0, errDisk
	}
	switch fault, away := f.disk.strike(b, f.stands(b, off)); fault {
	case Refused, Lost:
		return 0, errDisk
	case Kept:
		f.kept = true
	case Stalled:
		if <-away; f.disk.gone() {
			return 0, errDisk
		}
	}
	return f.WritableFile.WriteAt(b, off)
}

// stands tells whether a write changes nothing, or only wipes, as those do by which a log is opened.
func (f *file) stands(b []byte, off int64) bool {
	old := make([]byte, len(b))
	n, _ := f.ReadAt(old, off)
	return bytes.Equal(old[:n], b[:n]) && n > 0 || bytes.Count(b, []byte{0}) == len(b)
}

// Sync implements types.WritableFile. What is written counts as durable: no test outlives the process.
func (f *file) Sync() error {
	if f.kept {
		f.kept = false
		return errDisk
	}
	return nil
}
