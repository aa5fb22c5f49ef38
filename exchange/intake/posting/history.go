// SPDX-License-Identifier: Apache-2.0

package posting

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/goccy/go-json"
)

// Limits of what is kept.
const (
	VersionBytesMax = 4 << 20 // of one kept document
	ShownMax        = 10      // versions whose changes a spec tells
)

// Version is one version that was in force.
type Version struct {
	Number   int       `json:"number"` // from 1
	Since    time.Time `json:"since"`
	Hash     string    `json:"hash"`
	Document *Document `json:"document"`
}

// Step is a version with what it changed in the one before.
type Step struct {
	Number  int
	Since   time.Time
	Hash    string
	Changes []Change
}

// History keeps the versions of all posting specs in a directory: a file a version, DIR/SOURCE/VERTICAL/NUMBER.json,
// written whole or not at all. It is safe for concurrent use by one process; others may read.
type History struct {
	dir string
	mu  sync.Mutex // one writer at a time
}

// NewHistory is the history in a directory, which need not be there yet.
func NewHistory(dir string) *History { return &History{dir: dir} }

func (h *History) folder(source, vertical string) (string, error) {
	if !filepath.IsLocal(source) || !filepath.IsLocal(vertical) || strings.ContainsAny(source+vertical, `/\`) {
		return "", fmt.Errorf("posting spec %q of %q: expected ids", vertical, source)
	}
	return filepath.Join(h.dir, source, vertical), nil
}

// Keep makes a document the newest version of its source and vertical, unless it is that already. What it returns is on
// the disk.
func (h *History) Keep(d *Document, now time.Time) (*Version, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	numbers, err := h.numbers(d.Source, d.Vertical)
	if err != nil {
		return nil, err
	}
	v := &Version{Number: 1, Since: now.UTC().Truncate(time.Second), Hash: d.Hash(), Document: d}
	if len(numbers) > 0 {
		last := numbers[len(numbers)-1]
		was, err := h.read(d.Source, d.Vertical, last)
		if err != nil {
			return nil, err
		}
		if was.Hash == v.Hash {
			return was, nil
		}
		v.Number = last + 1
	}
	return v, h.write(v)
}

func (h *History) write(v *Version) error {
	dir, err := h.folder(v.Document.Source, v.Document.Vertical)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	b, err := json.MarshalWithOption(v, json.DisableHTMLEscape())
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(append(b, '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), filepath.Join(dir, strconv.Itoa(v.Number)+".json"))
}

// numbers lists the kept versions, oldest first.
func (h *History) numbers(source, vertical string) ([]int, error) {
	dir, err := h.folder(source, vertical)
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []int
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".json")
		if n, err := strconv.Atoi(name); ok && err == nil && n > 0 {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out, nil
}

func (h *History) read(source, vertical string, number int) (*Version, error) {
	dir, err := h.folder(source, vertical)
	if err != nil {
		return nil, err
	}
	name := filepath.Join(dir, strconv.Itoa(number)+".json")
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.Size() > VersionBytesMax {
		return nil, fmt.Errorf("%s: larger than %d bytes", name, VersionBytesMax)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	v := &Version{}
	if err := json.Unmarshal(b, v); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if v.Document == nil || v.Number != number {
		return nil, fmt.Errorf("%s: it is no version of a posting spec", name)
	}
	return v, nil
}

// Steps tells of a document's version and those before it, newest first, at most ShownMax. A document that is not the
// newest kept one stands first with Number one above it and without a time: it is not in force yet.
func (h *History) Steps(d *Document) ([]Step, error) {
	numbers, err := h.numbers(d.Source, d.Vertical)
	if err != nil {
		return nil, err
	}
	var list []*Version // newest first
	for _, n := range slices.Backward(numbers) {
		v, err := h.read(d.Source, d.Vertical, n)
		if err != nil {
			return nil, err
		}
		if list = append(list, v); len(list) > ShownMax {
			break
		}
	}
	if hash := d.Hash(); len(list) == 0 || list[0].Hash != hash {
		next := &Version{Number: 1, Hash: hash, Document: d}
		if len(list) > 0 {
			next.Number = list[0].Number + 1
		}
		list = slices.Insert(list, 0, next)
	}
	var out []Step
	for i, v := range list[:min(len(list), ShownMax)] {
		s := Step{Number: v.Number, Since: v.Since, Hash: v.Hash}
		if i+1 < len(list) {
			s.Changes = Diff(list[i+1].Document, v.Document)
		}
		out = append(out, s)
	}
	return out, nil
}
