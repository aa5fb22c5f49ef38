// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/goccy/go-yaml"
)

// DataDir reads where a configuration keeps its data, without checking the rest and without needing its secrets, so
// that verbs can find a running node.
func DataDir(dir string) (string, error) {
	name := filepath.Join(dir, nodeFile)
	b, err := os.ReadFile(name)
	if err != nil {
		return "", fmt.Errorf("no configuration directory: %w", err)
	}
	var top struct {
		DataDir string `yaml:"data_dir"`
	}
	if err := yaml.Unmarshal(b, &top); err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	if top.DataDir == "" {
		top.DataDir = DataDirDefault
	}
	if filepath.IsAbs(top.DataDir) {
		return top.DataDir, nil
	}
	return filepath.Join(dir, top.DataDir), nil
}
