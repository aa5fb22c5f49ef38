// SPDX-License-Identifier: Apache-2.0

package config

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestDataDirIsFoundWithoutReadingTheRest(t *testing.T) {
	for text, want := range map[string]string{"node: n\n": "data", "data_dir: d/e\nkafka: wrong\n": "d/e",
		"data_dir: /var/x\n": "/var/x"} {
		dir := t.TempDir()
		put(t, dir, "clearpost.yaml", text)
		if !filepath.IsAbs(want) {
			want = filepath.Join(dir, want)
		}
		if got, err := DataDir(dir); err != nil || got != want {
			t.Errorf("%q: %s, %v", text, got, err)
		}
	}
	dir := t.TempDir()
	if _, err := DataDir(dir); err == nil || !strings.HasPrefix(err.Error(), "no configuration directory: ") {
		t.Errorf("no file: %v", err)
	}
	put(t, dir, "clearpost.yaml", "data_dir: [\n")
	if _, err := DataDir(dir); err == nil {
		t.Error("no YAML")
	}
}
