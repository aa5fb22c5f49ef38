// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// viewsDisk is the views' file system. Pebble tries a flush or a compaction that failed again at once, and for ever:
// with a full disk that is thousands of tries a second. Here each failed write rests before it returns, longer each
// time, until one succeeds. Only Pebble's background work writes: nobody who reads or applies waits for it, but where
// its memory is full, as with any disk that is slow.
type viewsDisk struct {
	vfs.FS
	rest func(time.Duration)

	failed atomic.Int64 // writes in a row
}

const (
	viewsRest    = 10 * time.Millisecond
	viewsRestMax = 2 * time.Second
)

// told takes the end of a write, and passes its error on after a rest.
func (d *viewsDisk) told(err error) error {
	if err == nil {
		if d.failed.Load() != 0 {
			d.failed.Store(0)
		}
		return nil
	}
	n := d.failed.Add(1)
	d.rest(min(viewsRest<<min(n-1, 16), viewsRestMax))
	return err
}

// Create implements vfs.FS. That a file can be made says nothing yet of writing into it.
func (d *viewsDisk) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := d.FS.Create(name, c)
	if err != nil {
		return nil, d.told(err)
	}
	return &viewsFile{f, d}, nil
}

// ReuseForWrite implements vfs.FS.
func (d *viewsDisk) ReuseForWrite(old, name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := d.FS.ReuseForWrite(old, name, c)
	if err != nil {
		return nil, d.told(err)
	}
	return &viewsFile{f, d}, nil
}

// Unwrap implements vfs.FS.
func (d *viewsDisk) Unwrap() vfs.FS { return d.FS }

type viewsFile struct {
	vfs.File
	d *viewsDisk
}

// Write implements vfs.File.
func (f *viewsFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	return n, f.d.told(err)
}

// Sync implements vfs.File.
func (f *viewsFile) Sync() error { return f.d.told(f.File.Sync()) }

// SyncData implements vfs.File.
func (f *viewsFile) SyncData() error { return f.d.told(f.File.SyncData()) }
