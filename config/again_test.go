// SPDX-License-Identifier: Apache-2.0

package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"clearpost/ledger"
)

// What the caller has set itself, such as a free port or its own Kafka, stands through reloads; only what the files say
// anew needs a restart.
func TestAgainKeepsWhatTheCallerHasSet(t *testing.T) {
	dir := writeConfig(t)
	cfg, err := Load(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	kafka := &ledger.KafkaConfig{Brokers: []string{"127.0.0.1:1"}}
	cfg.Listen, cfg.Kafka = "127.0.0.1:1", kafka
	edit := func(file, old, now string) []string {
		t.Helper()
		name := filepath.Join(dir, file)
		b, err := os.ReadFile(name)
		if err == nil {
			err = os.WriteFile(name, []byte(strings.Replace(string(b), old, now, 1)), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		next, err := cfg.Again()
		if err != nil || next.Hash == cfg.Hash || next.Listen != "127.0.0.1:1" || next.Kafka != kafka {
			t.Fatalf("%v, %+v", err, next)
		}
		return cfg.Fixed(next)
	}
	if fixed := edit("buyers/one.yaml", "0010.50", "11.50"); len(fixed) != 0 {
		t.Errorf("a price needs a restart for %v", fixed)
	}
	if fixed := edit("clearpost.yaml", "127.0.0.1:8080", "127.0.0.1:8090"); len(fixed) != 1 || fixed[0] != "listen" {
		t.Errorf("another address needs a restart for %v", fixed)
	}
}
