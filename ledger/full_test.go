// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// smallDisk is a file system of its own.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skipf("no tmpfs can be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// TestAFullDisk: before it is full no new business is taken, and why is told; while it is full callers hear the truth
// and no group is torn; once there is room it goes on by itself, and a start finds what was told.
func TestAFullDisk(t *testing.T) {
	disk := smallDisk(t, "24m")
	cfg := testConfig(t, filepath.Join(disk, "ledger"))
	cfg.SegmentBytes, cfg.FreeBytesMin = 256<<10, 4<<20
	l := mustOpen(t, cfg, quick())
	o := newTold()
	for range 20 {
		check(t, o.appendGroup(l, 3))
	}
	check(t, l.Available())
	ballast := filepath.Join(disk, "ballast")
	f, err := os.Create(ballast)
	check(t, err)
	chunk := make([]byte, 64<<10)
	for errors.Is(l.Available(), nil) {
		if _, err := f.Write(chunk); err != nil {
			break
		}
		eventually(t, "the free space is looked at", func() bool {
			n, err := freeBytes(disk)
			return err == nil && l.Stats().FreeBytes <= n+uint64(len(chunk))
		})
	}
	if err := l.Available(); !errors.Is(err, ErrFull) {
		t.Errorf("with little room: %v, expected ErrFull", err)
	}
	check(t, o.appendGroup(l, 2)) // what is under way is still written
	for {
		if _, err := f.Write(chunk); err != nil {
			break
		}
	}
	check(t, f.Close())
	refused := 0
	for i := 0; refused < 20; i++ {
		if err := o.appendGroup(l, 1+i%3); err != nil {
			refused++
		} else if i > 20_000 {
			t.Fatal("the disk is full, and all is stored")
		}
	}
	if err := l.Available(); !errors.Is(err, ErrUnavailable) {
		t.Errorf("on a full disk: %v", err)
	}
	check(t, os.Remove(ballast))
	eventually(t, "it goes on by itself", func() bool { return l.Available() == nil && o.appendGroup(l, 3) == nil })
	o.check(t, l)
	check(t, l.Close())
	l = mustOpen(t, cfg, quick())
	o.check(t, l)
	check(t, o.appendGroup(l, 2))
	check(t, l.Close())
	if v, err := verify(cfg, quick()); err != nil || v.Lost || len(v.Problems) > 0 {
		t.Errorf("%+v, %v", v, err)
	}
}
