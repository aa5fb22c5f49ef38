// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"errors"
	"sync"

	"github.com/hashicorp/raft-wal/fs"
	"github.com/hashicorp/raft-wal/types"
)

// fault is how one operation of the disk goes wrong.
type fault int

const (
	noFault       fault = iota
	failsUndone         // an error, and nothing was done
	failsDone           // an error, although it was done
	failsHalf           // an error, and the first half was written
	lostUnsynced        // sync: an error, and what was written since the last sync is gone
	unsyncedStays       // sync: an error; what was written stays readable
)

var errDisk = errors.New("disk fault")

// faultyDisk is the file system and the meta store of a log, with faults to order: the nth of an operation from now on.
type faultyDisk struct {
	fs *fs.FS

	mu    sync.Mutex
	plans map[string][]plan
	hits  int
}

type plan struct {
	in    int
	fault fault
	count int
}

func newFaultyDisk() *faultyDisk { return &faultyDisk{fs: fs.New(), plans: map[string][]plan{}} }

// order lets the operation (write, sync, create, commit, open) fail n times, after skip more that succeed.
func (d *faultyDisk) order(op string, skip, n int, f fault) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.plans[op] = append(d.plans[op], plan{skip, f, n})
}

func (d *faultyDisk) next(op string) fault {
	d.mu.Lock()
	defer d.mu.Unlock()
	ps := d.plans[op]
	if len(ps) == 0 {
		return noFault
	}
	if ps[0].in > 0 {
		ps[0].in--
		return noFault
	}
	d.hits++
	f := ps[0].fault
	if ps[0].count--; ps[0].count == 0 {
		d.plans[op] = ps[1:]
	}
	return f
}

func (d *faultyDisk) struck() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.hits
}

func (d *faultyDisk) inside() inside {
	in := quick()
	in.vfs = d
	in.newMeta = func() types.MetaStore { return &faultyMeta{newMeta(), d} }
	return in
}

func (d *faultyDisk) ListDir(dir string) ([]string, error) { return d.fs.ListDir(dir) }

func (d *faultyDisk) Delete(dir, name string) error { return d.fs.Delete(dir, name) }

func (d *faultyDisk) OpenReader(dir, name string) (types.ReadableFile, error) {
	return d.fs.OpenReader(dir, name)
}

func (d *faultyDisk) OpenWriter(dir, name string) (types.WritableFile, error) {
	if d.next("open") != noFault {
		return nil, errDisk
	}
	f, err := d.fs.OpenWriter(dir, name)
	if err != nil {
		return nil, err
	}
	return &faultyFile{WritableFile: f, d: d}, nil
}

func (d *faultyDisk) Create(dir, name string, size uint64) (types.WritableFile, error) {
	switch d.next("create") {
	case failsUndone:
		return nil, errDisk
	case failsDone:
		f, err := d.fs.Create(dir, name, size)
		if err != nil {
			return nil, err
		}
		return nil, errors.Join(errDisk, f.Close())
	}
	f, err := d.fs.Create(dir, name, size)
	if err != nil {
		return nil, err
	}
	return &faultyFile{WritableFile: f, d: d}, nil
}

type faultyFile struct {
	types.WritableFile
	d    *faultyDisk
	undo []undo // since the last sync
}

type undo struct {
	off int64
	old []byte
}

func (f *faultyFile) WriteAt(b []byte, off int64) (int, error) {
	switch f.d.next("write") {
	case failsUndone:
		return 0, errDisk
	case failsHalf:
		n, err := f.write(b[:len(b)/2], off)
		return n, errors.Join(errDisk, err)
	case failsDone:
		n, err := f.write(b, off)
		return n, errors.Join(errDisk, err)
	}
	return f.write(b, off)
}

func (f *faultyFile) write(b []byte, off int64) (int, error) {
	old := make([]byte, len(b))
	n, _ := f.ReadAt(old, off) // past the end there is nothing to undo but zeros
	clear(old[n:])
	f.undo = append(f.undo, undo{off, old})
	return f.WritableFile.WriteAt(b, off)
}

func (f *faultyFile) Sync() error {
	switch f.d.next("sync") {
	case failsUndone, unsyncedStays:
		return errDisk
	case lostUnsynced:
		for i := len(f.undo) - 1; i >= 0; i-- {
			if _, err := f.WritableFile.WriteAt(f.undo[i].old, f.undo[i].off); err != nil {
				return err
			}
		}
		f.undo = nil
		return errDisk
	case failsDone:
		return errors.Join(errDisk, f.WritableFile.Sync())
	}
	f.undo = nil
	return f.WritableFile.Sync()
}

type faultyMeta struct {
	types.MetaStore
	d *faultyDisk
}

func (m *faultyMeta) CommitState(s types.PersistentState) error {
	switch m.d.next("commit") {
	case failsUndone:
		return errDisk
	case failsDone:
		return errors.Join(errDisk, m.MetaStore.CommitState(s))
	}
	return m.MetaStore.CommitState(s)
}
