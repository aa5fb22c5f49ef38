// SPDX-License-Identifier: Apache-2.0

package config

import (
	"os"
	"runtime/debug"
	"sync"

	"clearpost/config/tree"
)

// frugal lets the collector run more often while a large directory is read: most of what reading makes is dropped at
// once, and what piled up would stay with the process.
var frugal struct {
	mu     sync.Mutex
	users  int
	before int // percent
}

// largeDirectory is from how many bytes of text on a configuration is read frugally, and the machine is given back what
// reading needed.
const largeDirectory = 2 << 20

const frugalPercent = 25

// beFrugal begins, where nobody has set GOGC; the function ends it.
func beFrugal() (end func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	frugal.mu.Lock()
	defer frugal.mu.Unlock()
	if frugal.users++; frugal.users == 1 {
		frugal.before = debug.SetGCPercent(frugalPercent)
	}
	return sync.OnceFunc(func() {
		frugal.mu.Lock()
		defer frugal.mu.Unlock()
		if frugal.users--; frugal.users == 0 {
			debug.SetGCPercent(frugal.before)
		}
	})
}

// textBytes is how long the directory's files are.
func textBytes(files []*tree.File) (n int) {
	for _, f := range files {
		n += len(f.Text)
	}
	return n
}

// DropFiles drops Files and the campaigns' examples, which only reading the configuration and keeping it need, and
// gives the machine back what that took. Call it when the configuration is kept, and before other goroutines use it.
func (c *Config) DropFiles() {
	c.Files = nil
	for _, p := range c.Exchange.Book.Campaigns {
		p.Examples = nil // they have been run; a running exchange never looks at them
	}
	if c.asRead != nil {
		c.asRead.Files = nil
	}
	if c.large {
		debug.FreeOSMemory()
	}
}
