// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"clearpost/config/tree"
	"clearpost/lead"
	"clearpost/rules"
	"clearpost/rules/listfile"
)

// ListBytesMax is how large a file of values may be.
const ListBytesMax = 4 << 30

// sumSuffix is behind the name of a file of values where its sum stands for it, in the form of sha256sum.
const sumSuffix = ".sha256"

// List is a file of values that criteria look in.
type List struct {
	File   string // its path in the configuration's directory, with slashes
	SHA256 string // of its content, 64 hexadecimal digits
	Bytes  int64
	Values int // each counted once
	Memory int // bytes, of all that is made of it
}

// lists are the files of values in the lists folder, and what is made of them.
type listFiles struct {
	files map[string]*List // by name in the folder; without values where nobody has asked for them
	sets  map[listKey]*listfile.Set
	used  map[listKey]string // by the page that is read: with the names of the files
}

// listKey names a set. Files with the same content, read in the same way, have one.
type listKey struct {
	sha256, reading string
	sum             listfile.Sum
}

// noteList notes that a file of values is there: its content counts as a part of the configuration.
func (l *loader) noteList(name string) {
	file := path.Join(listsFolder, name)
	switch {
	case l.opt.KeptLists != "":
		l.noteKept(file)
		return
	case strings.HasSuffix(name, sumSuffix):
		l.problems.Add(Problem{File: file, Message: "no file in " + listsFolder + "/ may be called *" + sumSuffix})
		return
	case len(l.lists.files) >= FilesMax:
		l.problems.Add(Problem{File: file, Message: fmt.Sprintf("more than %d files of values", FilesMax)})
		return
	}
	h := sha256.New()
	n, err := l.eachByte(file, h)
	if err != nil {
		l.problems.Add(Problem{File: file, Message: "the file cannot be read: " + plainError(err)})
		return
	}
	l.lists.files[name] = &List{File: file, SHA256: hex.EncodeToString(h.Sum(nil)), Bytes: n}
}

// eachByte copies a file of the directory.
func (l *loader) eachByte(file string, to io.Writer) (int64, error) {
	r, err := openList(l.dir, file)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	n, err := io.Copy(to, r)
	if err == nil && n > ListBytesMax {
		return n, fmt.Errorf("it is larger than %d bytes", int64(ListBytesMax))
	}
	return n, err
}

func openList(dir, file string) (io.ReadCloser, error) {
	name := filepath.Join(dir, filepath.FromSlash(file))
	info, err := os.Stat(name) // before opening: opening a pipe would wait
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a regular file")
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{io.LimitReader(f, ListBytesMax+1), f}, nil
}

// list is the rules.Lists of this configuration.
func (l *loader) list(f rules.ListFile) (*listfile.Set, string) {
	list := l.lists.files[f.Name]
	if list == nil {
		expected := "a file in " + listsFolder + "/ with one value a line"
		if near := lead.Nearest(f.Name, slices.Collect(maps.Keys(l.lists.files))); near != "" {
			expected += fmt.Sprintf(": did you mean %q?", near)
		}
		return nil, expected
	}
	k := listKey{list.SHA256, f.Reading, f.Sum}
	l.lists.used[k] = f.Name
	set, done := l.lists.sets[k]
	if !done && l.before != nil {
		set, done = l.before.sets[k]
	}
	if !done {
		set = l.readList(list, f)
	}
	l.haveList(k, list, set)
	return set, ""
}

// haveList notes what a file of values was made to; nil if there is something wrong with it.
func (l *loader) haveList(k listKey, list *List, set *listfile.Set) {
	if l.lists.sets[k] == nil && set != nil {
		list.Values = max(list.Values, set.Len())
		list.Memory += set.Bytes()
	}
	l.lists.sets[k] = set
}

// listsAgain tells whether all files that a page of the reading before looks in are as they were, and takes over what
// was made of them.
func (l *loader) listsAgain(p *buyerPage) bool {
	for k, name := range p.lists {
		if list := l.lists.files[name]; list == nil || list.SHA256 != k.sha256 {
			return false
		}
	}
	for k, name := range p.lists {
		l.haveList(k, l.lists.files[name], l.before.sets[k])
	}
	return true
}

// readList reads the values of a file, nil if there is something wrong with it, which is reported.
func (l *loader) readList(list *List, f rules.ListFile) *listfile.Set {
	bad := func(message string) *listfile.Set {
		l.problems.Add(Problem{File: list.File, Message: message})
		return nil
	}
	r, err := l.openList(list)
	if err != nil {
		return bad("the file cannot be read: " + plainError(err))
	}
	defer r.Close()
	how := listfile.How{Sum: f.Sum, Normal: f.Normal, Size: list.Bytes}
	if l.opt.Progress != nil {
		how.Progress = func(read int64) { l.opt.Progress(list.File, read, list.Bytes) }
	}
	h := sha256.New()
	set, mistakes, err := listfile.Read(io.TeeReader(r, h), how)
	if err != nil {
		return bad("the file cannot be read: " + plainError(err))
	}
	for _, m := range mistakes {
		message := "expected " + m.Expected
		if m.Value != "" {
			message = fmt.Sprintf("%q: %s", m.Value, message)
		}
		l.problems.Add(Problem{File: list.File, Line: m.Line, Column: 1, Message: message})
	}
	if len(mistakes) == 0 && hex.EncodeToString(h.Sum(nil)) != list.SHA256 {
		return bad("the file changes while it is read")
	}
	return set
}

// unusedLists reports files that nothing looks in. While there are other mistakes, a page that says their name may be
// going to.
func (l *loader) unusedLists(kept *pages) {
	used := maps.Clone(l.planLists)
	if kept != nil {
		for _, p := range kept.byName {
			for _, name := range p.lists {
				used[name] = true
			}
		}
	}
	said := func(name string) bool {
		return slices.ContainsFunc(l.files, func(f *tree.File) bool { return bytes.Contains(f.Text, []byte(name)) })
	}
	for _, name := range slices.Sorted(maps.Keys(l.lists.files)) {
		if !used[name] && (kept != nil || !said(name)) {
			l.problems.Add(Problem{File: listsFolder + "/" + name, Message: "nothing reads this file: expected " +
				strings.Join(slices.Sorted(maps.Keys(lists)), ", ") + ", or a file that a criterion names (in_file)"})
		}
	}
}

// sums are files that stand for the files of values: each has the sum of one.
func (l *loader) sums() (out []*tree.File) {
	for name, list := range l.lists.files {
		out = append(out, tree.NewFile(list.File+sumSuffix, fmt.Appendf(nil, "%s  %s\n", list.SHA256, name)))
	}
	return out
}

// hashed are all files by which a configuration is named, in the order of their names.
func (l *loader) hashed() []*tree.File {
	out := append(l.sums(), l.files...)
	slices.SortFunc(out, func(a, b *tree.File) int { return strings.Compare(a.Name, b.Name) })
	return out
}
