// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"io"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// fullDisk has no room for new files, or for what is written into them, while full is set. It counts what was tried
// then.
type fullDisk struct {
	vfs.FS
	full  atomic.Bool
	tries atomic.Int64
}

func (d *fullDisk) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if d.full.Load() {
		d.tries.Add(1)
		return nil, syscall.ENOSPC
	}
	return d.FS.Create(name, c)
}

func (d *fullDisk) Unwrap() vfs.FS { return d.FS }

// The views come back to a full disk with pauses that grow to a bound, and to their work when there is room.
func TestViewsRestOnAFullDisk(t *testing.T) {
	disk := &fullDisk{FS: vfs.NewMem()}
	var mu sync.Mutex
	var rests []time.Duration
	v := &views{dir: "views", log: slog.New(slog.NewTextHandler(io.Discard, nil)), onFatal: func(string) {}, disk: disk}
	v.rest = func(d time.Duration) {
		mu.Lock()
		rests = append(rests, d)
		mu.Unlock()
		runtime.Gosched()
	}
	if err := v.open(); err != nil {
		t.Fatal(err)
	}
	p := posting(testID(1, 1), testID(2, 1), nil)
	of := p.Facts()
	if err := v.apply([]fact{factOf(&of)}, 1); err != nil {
		t.Fatal(err)
	}
	disk.full.Store(true)
	v.flushSoon()
	eventually(t, "it is tried a dozen times", func() bool { return disk.tries.Load() > 12 })
	if err := v.apply(nil, 2); err != nil { // nobody waits for the disk
		t.Fatal(err)
	}
	disk.full.Store(false)
	if n, err := v.flush(); err != nil || n != 2 {
		t.Errorf("flushed up to %d, %v", n, err)
	}
	mu.Lock()
	defer mu.Unlock()
	if int64(len(rests)) < disk.tries.Load() {
		t.Errorf("%d tries, %d rests", disk.tries.Load(), len(rests))
	}
	for i, d := range rests {
		if want := min(viewsRest<<min(i, 16), viewsRestMax); d != want {
			t.Errorf("rest %d: %v, want %v", i, d, want)
		}
	}
	if err := v.close(); err != nil {
		t.Error(err)
	}
}
