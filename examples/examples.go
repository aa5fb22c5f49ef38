// SPDX-License-Identifier: Apache-2.0

// Package examples carries the example configuration inside the binary, for the demo.
package examples

import (
	"embed"
	"io/fs"
	"os"
	"path/filepath"
)

//go:embed clearpost.yaml verticals sources buyers
var files embed.FS

// Write puts the example configuration into a directory that is there, in files of its own user only.
func Write(dir string) error {
	return fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		to := filepath.Join(dir, filepath.FromSlash(path))
		if d.IsDir() {
			return os.MkdirAll(to, 0o700)
		}
		b, err := files.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(to, b, 0o600)
	})
}
