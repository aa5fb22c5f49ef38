// SPDX-License-Identifier: Apache-2.0

// Package examples carries the example configuration inside the binary, for the demo, and one to start from.
package examples

import (
	"embed"
	"io/fs"
	"os"
	"path/filepath"
)

//go:embed clearpost.yaml verticals sources buyers
var files embed.FS

//go:embed start
var start embed.FS

// Write puts the example configuration into a directory that is there, in files of its own user only.
func Write(dir string) error { return write(files, dir) }

// WriteStart puts a small configuration without buyers into a directory that is there, in files of its own user only.
func WriteStart(dir string) error {
	from, err := fs.Sub(start, "start")
	if err != nil {
		return err
	}
	if err := write(from, dir); err != nil {
		return err
	}
	return os.MkdirAll(filepath.Join(dir, "buyers"), 0o700)
}

func write(from fs.FS, dir string) error {
	return fs.WalkDir(from, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		to := filepath.Join(dir, filepath.FromSlash(path))
		if d.IsDir() {
			return os.MkdirAll(to, 0o700)
		}
		b, err := fs.ReadFile(from, path)
		if err != nil {
			return err
		}
		return os.WriteFile(to, b, 0o600)
	})
}
