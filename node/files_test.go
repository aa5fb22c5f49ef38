// SPDX-License-Identifier: Apache-2.0

package node

import "testing"

func TestLogKeepsFilesOfItsOwn(t *testing.T) {
	for _, tt := range []struct {
		total, configured int
		want              files
	}{
		{1 << 20, 20000, files{20000, 1<<20 - 2048 - 20000}},
		{20000, 20000, files{3750, 15000}},
		{20000, 100, files{100, 18650}},
		{1024, 20000, files{153, 615}},
		{256, 20000, files{25, 103}},
	} {
		got := shareFiles(tt.total, tt.configured)
		if got != tt.want {
			t.Errorf("of %d files, %d connections configured: %+v, expected %+v", tt.total, tt.configured, got, tt.want)
		}
		if own := tt.total - got.sellers - got.buyers; own < min(ownFilesLeast, tt.total/2) {
			t.Errorf("of %d files %d are left to the node", tt.total, own)
		}
	}
}
