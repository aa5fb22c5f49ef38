// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"clearpost/buyers/buyertest"
)

// On a disk that runs full, or is full, sellers hear 503 and why, from before anything is lost until there is room
// again; then the exchange goes on by itself, and its ledger is whole.
func TestOnAFullDiskSellersHearSo(t *testing.T) {
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=400m"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skipf("no tmpfs can be mounted here: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(disk, syscall.MNT_DETACH) })
	farm, err := buyertest.New(buyertest.Config{Seed: 3, Buyers: buyertest.Demo()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { farm.Close() })
	dir, sellers, admin := t.TempDir(), pickPort(t), pickPort(t)
	writeExamples(t, dir, farm.Addr(), fmt.Sprintf("node: n1\ndata_dir: %s\nlisten: %s\nadmin: {listen: %s}\n"+
		"limits: {free_mb_min: 64}\n", filepath.Join(disk, "data"), sellers, admin))
	p := startProcess(t, "serve", dir, "--log-level", "error")
	p.waitReady("http://" + admin + "/healthz")

	d := &diskSeller{t: t, sellers: sellers}
	d.wants(200, "")
	ballast := filepath.Join(disk, "ballast")
	free := func() uint64 {
		var st syscall.Statfs_t
		if err := syscall.Statfs(disk, &st); err != nil {
			t.Fatal(err)
		}
		return st.Bavail * uint64(st.Bsize)
	}
	f, err := os.Create(ballast)
	if err != nil {
		t.Fatal(err)
	}
	for free() > 40<<20 {
		if _, err := f.Write(make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
	}
	d.wants(503, "disk") // before it is full
	for err == nil {
		_, err = f.Write(make([]byte, 1<<20))
	}
	f.Close()
	for range 5 {
		d.wants(503, "disk")
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	d.wants(200, "")
	p.cmd.Process.Signal(os.Interrupt)
	<-p.ended
	if out := must(t, "ledger", "verify", dir); !strings.Contains(out, "agree") {
		t.Errorf("ledger verify: %s", out)
	}
}

// diskSeller sends leads of ever new persons.
type diskSeller struct {
	t       *testing.T
	sellers string
	n       int
}

// wants sends leads until one is answered by a status, with a text in the body, within half a minute.
func (d *diskSeller) wants(status int, text string) {
	d.t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	var last string
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); <-tick.C {
		d.n++
		lead := strings.NewReplacer("234-0199", fmt.Sprintf("234-%04d", d.n), "my-1", fmt.Sprint("my-", d.n),
			"ana@", fmt.Sprintf("ana%d@", d.n)).Replace(sunnyLead)
		resp, err := sendLead(d.sellers, lead)
		if err != nil {
			last = err.Error()
			continue
		}
		b, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if last = fmt.Sprint(resp.StatusCode, " ", string(b)); resp.StatusCode == status &&
			bytes.Contains(bytes.ToLower(b), []byte(text)) {
			return
		}
	}
	d.t.Fatalf("want %d with %q, the last answer: %s", status, text, last)
}
