// SPDX-License-Identifier: Apache-2.0

package exchange

import "sync"

// running are the goroutines whose end Stop waits for. Once it waits none begins: a request that comes so late, or an
// operator's call, hears that the exchange is stopping.
type running struct {
	mu    sync.Mutex
	over  bool // guarded by mu
	group sync.WaitGroup

	survive func(what string, about ...any) // deferred by each of them; nil: none survives a panic
}

// begin enters a goroutine, which calls done at its end. It reports false where none may begin any more.
func (r *running) begin() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return false
	}
	r.group.Add(1)
	return true
}

func (r *running) done() { r.group.Done() }

// Go has f run, or reports false where it may not begin any more. What is left of f where it panics is not done.
func (r *running) Go(f func()) bool {
	if !r.begin() {
		return false
	}
	go func() {
		defer r.done()
		if r.survive != nil {
			defer r.survive("work beside requests panicked: what is left of it is not done before the next start")
		}
		f()
	}()
	return true
}

// wait lets none begin and waits for the end of all.
func (r *running) wait() {
	r.mu.Lock()
	r.over = true
	r.mu.Unlock()
	r.group.Wait()
}
