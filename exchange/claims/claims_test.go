// SPDX-License-Identifier: Apache-2.0

package claims

import (
	"sync"
	"sync/atomic"
	"testing"
)

type work struct{ n int }

func TestNameIsHeldByOneRequestAtATime(t *testing.T) {
	table := NewTable[work]()
	first, second := table.In(), table.In()
	one := &work{1}
	if _, ok := first.Take("lead 1", one); !ok {
		t.Fatal("a free name is not taken")
	}
	if other, ok := second.Take("lead 1", &work{2}); ok || other != one {
		t.Errorf("taken by two: %v %v", other, ok)
	}
	second.Release() // it never had the name
	if !table.Busy("lead 1") || table.Busy("lead 2") {
		t.Error("a name that nobody had was given back, or one is held that nobody has")
	}
	next := first.HandOver()
	first.Release()
	if !table.Busy("lead 1") {
		t.Error("what was handed over was given back")
	}
	next.Release()
	if _, ok := second.Take("lead 1", &work{3}); !ok {
		t.Error("a name that was given back is not free")
	}
}

// Two deliveries of a person exclude each other where the rule of either compares it with the other's.
func TestPersonsByReach(t *testing.T) {
	for _, c := range []struct {
		a, b Person
		both bool
	}{
		{Person{"s", ReachSource}, Person{"s", ReachSource}, false},
		{Person{"s", ReachSource}, Person{"t", ReachSource}, true},
		{Person{"s", ReachAll}, Person{"t", ReachSource}, false},
		{Person{"s", ReachSource}, Person{"t", ReachAll}, false},
		{Person{"s", ReachNone}, Person{"t", ReachAll}, false},
		{Person{"s", ReachNone}, Person{"s", ReachNone}, true},
		{Person{"s", ReachNone}, Person{"s", ReachSource}, false},
		{Person{"s", ReachNone}, Person{"t", ReachSource}, true},
	} {
		table := NewTable[work]()
		first, second := table.In(), table.In()
		if !first.TakePerson("jane", &c.a) {
			t.Fatal("a free person is not taken")
		}
		if got := second.TakePerson("jane", &c.b); got != c.both {
			t.Errorf("%+v beside %+v: %v", c.b, c.a, got)
		}
		if !second.TakePerson("joe", &c.b) {
			t.Error("another person is not free")
		}
		first.Release()
		if !c.both && !second.TakePerson("jane", &c.b) {
			t.Errorf("%+v after %+v: not free", c.b, c.a)
		}
	}
}

func TestManyRequestsTakeTurns(t *testing.T) {
	table := NewTable[work]()
	var in, most, taken atomic.Int64
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for range 200 {
				c := table.In()
				if _, ok := c.Take("lead", &work{}); ok {
					most.Store(max(most.Load(), in.Add(1)))
					taken.Add(1)
					in.Add(-1)
				}
				c.Release()
			}
		})
	}
	all.Wait()
	if most.Load() != 1 || taken.Load() == 0 || table.Busy("lead") {
		t.Errorf("%d at once, %d taken, busy %v", most.Load(), taken.Load(), table.Busy("lead"))
	}
}
