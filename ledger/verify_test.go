// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
)

// TestVerify: a whole ledger is found whole, and each kind of disagreement is named.
func TestVerify(t *testing.T) {
	for _, c := range []struct {
		name   string
		damage func(t *testing.T, cfg Config, v *views)
		in     string
		says   string
		lost   bool
		mended bool // by views that are made anew
	}{
		{"all is well", nil, "", "", false, false},
		{"an event that is not indexed", func(t *testing.T, _ Config, v *views) {
			check(t, v.db.Delete(appendLeadKey(nil, testID(1, 7), 23), pebble.NoSync))
		}, "views", "is not found by it", false, true},
		{"an event that is indexed and not there", func(t *testing.T, _ Config, v *views) {
			check(t, v.db.Set(appendLeadKey(nil, testID(1, 7), 1000), nil, pebble.NoSync))
		}, "views", "does not have", false, true},
		{"a count", func(t *testing.T, _ Config, v *views) {
			check(t, v.db.Merge(appendCountKey(nil, "campaign:c1:total", "total"), countValue(-1), pebble.NoSync))
		}, "sums", "the events come to 60, the views have 59", false, true},
		{"an open attempt", func(t *testing.T, _ Config, v *views) {
			check(t, v.db.Set(append([]byte{keyOpen}, make([]byte, 16)...), []byte(`{}`), pebble.NoSync))
		}, "sums", "is open in the views", false, true},
		{"a pause", func(t *testing.T, _ Config, v *views) {
			check(t, v.db.Set([]byte("zbuyer:b1"), []byte(`{}`), pebble.NoSync))
		}, "sums", "buyer:b1", false, true},
		{"a record", func(t *testing.T, cfg Config, _ *views) {
			files, err := segmentFiles(filepath.Join(cfg.Dir, "log"))
			check(t, err)
			edit(t, filepath.Join(cfg.Dir, "log", files[0].name()), func(b []byte) []byte {
				b[frameAt(t, b, 5)+100] ^= 1
				return b
			})
		}, "log", "cannot be read", true, false},
		{"a bit of the views", func(t *testing.T, cfg Config, v *views) {
			check(t, v.close())
			names, err := filepath.Glob(filepath.Join(cfg.Dir, "views", "*.sst"))
			if err != nil || len(names) == 0 {
				t.Fatal(names, err)
			}
			for _, name := range names {
				edit(t, name, func(b []byte) []byte { b[len(b)/4] ^= 1; return b })
			}
		}, "views", "cannot be read", false, true},
		{"the views", func(t *testing.T, cfg Config, v *views) {
			check(t, v.close())
			names, err := filepath.Glob(filepath.Join(cfg.Dir, "views", "*.sst"))
			if err != nil || len(names) == 0 {
				t.Fatal(names, err)
			}
			check(t, os.Remove(names[0]))
		}, "views", "cannot be read", false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := fullLog(t, lostTrips)
			cfg.Kafka = nil
			if c.damage != nil {
				v := &views{dir: filepath.Join(cfg.Dir, "views"), log: testLog(t), onFatal: func(string) {}}
				check(t, v.open())
				c.damage(t, cfg, v)
				check(t, v.close())
			}
			got, err := verify(cfg, quick())
			check(t, err)
			if got.Lost != c.lost || got.Last != 3*lostTrips || (len(got.Problems) > 0) != (c.in != "") {
				t.Fatalf("%+v", got)
			}
			found := false
			for _, p := range got.Problems {
				found = found || p.In == c.in && strings.Contains(p.Text, c.says)
				t.Logf("%+v", *p)
			}
			if c.in != "" && !found {
				t.Errorf("it does not say %q of the %s", c.says, c.in)
			}
			if !c.mended {
				return
			}
			steps := 0
			check(t, RebuildViews(cfg, func(_ string, _, of uint64) {
				if steps++; of != 3*lostTrips {
					t.Errorf("of %d events", of)
				}
			}))
			if got, err = verify(cfg, quick()); err != nil || len(got.Problems) > 0 || steps == 0 {
				t.Errorf("after the views were made anew: %+v, %v", got, err)
			}
		})
	}
}

// TestVerifySaysWhatAStartRefuses: of every log that has lost events, and nothing of one that was recovered.
func TestVerifySaysWhatAStartRefuses(t *testing.T) {
	for _, c := range lostStates {
		t.Run(c.name, func(t *testing.T) {
			cfg := fullLog(t, lostTrips)
			c.damage(t, cfg)
			before := sums(t, cfg)
			if got, err := verify(cfg, quick()); err != nil || !got.Lost || len(got.Problems) == 0 {
				t.Errorf("%+v, %v", got, err)
			}
			if after := sums(t, cfg); len(after) != len(before) {
				t.Errorf("%d files, there were %d", len(after), len(before))
			}
			_, err := recoverLog(cfg, quick(), Recovery{AcceptLoss: true})
			check(t, err)
			got, err := verify(cfg, quick())
			if err != nil || got.Lost || len(got.Problems) > 0 || (got.GivenUp > 0) != c.lost {
				for _, p := range got.Problems {
					t.Logf("%+v", *p)
				}
				t.Errorf("after the recovery: %+v, %v", got, err)
			}
		})
	}
}
