// SPDX-License-Identifier: Apache-2.0

package config

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// LoadKept reads a configuration as it was kept beside a ledger: its files stand in dir, the contents of its files of
// values as SHA256.gz in lists. Secrets are not there, and what is of its node alone (clearpost.yaml) is not read.
// What it is called must be its hash: else the files have been changed.
func LoadKept(dir, lists, hash string) (*Config, error) {
	cfg, err := LoadWith(dir, Options{Placeholders: true, KeptLists: lists})
	var bad *Error
	switch {
	case errors.As(err, &bad):
		return nil, fmt.Errorf("this version does not take it: %w", bad)
	case err != nil:
		return nil, err
	case cfg.Hash != hash:
		return nil, fmt.Errorf("its files have been changed: by their names and contents it is %s", cfg.Hash)
	}
	return cfg, nil
}

// noteKept notes a file of values that stands as its sum.
func (l *loader) noteKept(file string) {
	text, err := readBounded(filepath.Join(l.dir, filepath.FromSlash(file)), FileBytesMax)
	sum, _, _ := strings.Cut(string(text), " ")
	name, isSum := strings.CutSuffix(file, sumSuffix)
	switch {
	case err != nil:
		l.problems.Add(Problem{File: file, Message: "the file cannot be read: " + plainError(err)})
	case !isSum || len(sum) != 64:
		l.problems.Add(Problem{File: file, Message: "expected the sum of a file of values"})
	default:
		l.lists.files[path.Base(name)] = &List{File: name, SHA256: sum}
	}
}

// openList opens a file of values where it stands.
func (l *loader) openList(list *List) (io.ReadCloser, error) {
	if l.opt.KeptLists == "" {
		return openList(l.dir, list.File)
	}
	f, err := os.Open(filepath.Join(l.opt.KeptLists, filepath.Base(list.SHA256)+".gz"))
	if err != nil {
		return nil, err
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return struct {
		io.Reader
		io.Closer
	}{io.LimitReader(z, ListBytesMax+1), f}, nil
}
