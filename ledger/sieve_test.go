// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"clearpost/lead"
)

func TestSieveForgetsNobodyAndLetsFewStrangersThrough(t *testing.T) {
	s := newSieve()
	if !s.may([]byte("nobody")) {
		t.Error("before it is full it knows that a key is not there")
	}
	s.full.Store(true)
	const each, n = 100_000, 4
	var all sync.WaitGroup
	for g := range n {
		all.Go(func() {
			for i := range each {
				s.add(fmt.Sprint("p", g, "-", i))
			}
		})
	}
	all.Wait()
	if layers := len(*s.layers.Load()); layers != 2 {
		t.Errorf("%d keys stand in %d layers, want 2", n*each, layers)
	}
	strangers := 0
	for i := range each {
		for g := range n {
			if key := fmt.Sprint("p", g, "-", i); !s.may([]byte(key)) {
				t.Fatalf("%s was forgotten", key)
			}
		}
		if s.may([]byte(fmt.Sprint("q", i))) {
			strangers++
		}
	}
	if strangers > each/25 {
		t.Errorf("%d of %d strangers were let through", strangers, each)
	}
}

func TestSieveIsFilledFromTheViews(t *testing.T) {
	dir := t.TempDir()
	cfg := testConfig(t, dir)
	l := mustOpen(t, cfg, quick())
	p := ping(testID(1, 1))
	p.Mode, p.Private.Person, p.Private.Also = "lead", "jane", []string{"md5", "sha1"}
	if err := l.Append(p); err != nil {
		t.Fatal(err)
	}
	known := func(l *Ledger) {
		t.Helper()
		for _, person := range []string{"jane", "md5", "sha1"} {
			if id, ok := l.ByPerson("acme", "solar", person); !ok || id != p.Lead {
				t.Errorf("%s: %v %v", person, id, ok)
			}
		}
	}
	known(l)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = mustOpen(t, cfg, quick())
	known(l) // filled or not
	for end := time.Now().Add(10 * time.Second); !l.persons.full.Load(); {
		if time.Now().After(end) {
			t.Fatal("not filled within 10 s")
		}
		runtime.Gosched()
	}
	known(l)
	if _, ok := l.ByPerson("acme", "solar", "joe"); ok {
		t.Error("a stranger was found")
	}
}

func TestSinceFindsTheFirstYoungEvent(t *testing.T) {
	l := mustOpen(t, testConfig(t, t.TempDir()), quick())
	if seq, err := l.Since(testAt); err != nil || seq != 1 {
		t.Errorf("of an empty log: %d %v", seq, err)
	}
	for i := range 20 {
		p := ping(lead.ID{15: byte(i + 1)})
		p.At = testAt.Add(time.Duration(i/2) * time.Second)
		if err := l.Append(p); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		after time.Duration
		want  uint64
	}{{-time.Hour, 1}, {0, 1}, {time.Second, 3}, {2500 * time.Millisecond, 7}, {9 * time.Second, 19}, {time.Hour, 21}} {
		if seq, err := l.Since(testAt.Add(c.after)); err != nil || seq != c.want {
			t.Errorf("since %v: %d %v, want %d", c.after, seq, err, c.want)
		}
	}
}

func BenchmarkByPersonOfAStranger(b *testing.B) {
	s := newSieve()
	s.full.Store(true)
	for i := range 300_000 {
		s.add(fmt.Sprint("p", i))
	}
	l := &Ledger{persons: s}
	b.ReportAllocs()
	found := 0
	for b.Loop() {
		var k [256]byte
		if l.persons.may(appendPersonKey(k[:0], keyPerson, "acme", "solar", "0123456789abcdef0123456789abcdef")) {
			found++
		}
	}
	if found == b.N && b.N > 1 {
		b.Skip("this one is let through")
	}
}
