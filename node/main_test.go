// SPDX-License-Identifier: Apache-2.0

package node

import (
	"fmt"
	"os"
	"testing"
)

// TestMain has the tests' directories stand in memory, where the system has such a place: most of their time would go
// into syncs of a disk that nobody reads again.
func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("/dev/shm", "node")
	if err == nil {
		err = os.Setenv("TMPDIR", dir)
	}
	code := m.Run()
	if dir != "" {
		err = os.RemoveAll(dir)
	}
	if err != nil && dir != "" {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}
