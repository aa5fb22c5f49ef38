// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strings"

	"clearpost/config/tree"
	"clearpost/lead"
)

// The layout of a configuration's directory.
const (
	nodeFile        = "clearpost.yaml"
	verticalsFolder = "verticals"
	sourcesFolder   = "sources"
	buyersFolder    = "buyers"
	listsFolder     = "lists"
	templatesFolder = "templates"
)

// Folders are those in a configuration's directory that files are read from.
func Folders() []string {
	return []string{verticalsFolder, sourcesFolder, buyersFolder, templatesFolder, listsFolder}
}

// BuyerFile is where a buyer's page stands, by its path in the directory.
func BuyerFile(id string) string { return buyersFolder + "/" + id + ".yaml" }

// The lists that may stand in the lists folder, each instead of the embedded one.
const (
	freeDomainsFile       = listsFolder + "/free_domains.txt"
	disposableDomainsFile = listsFolder + "/disposable_domains.txt"
	missingFile           = listsFolder + "/missing.txt"
	areaCodesFile         = listsFolder + "/area_codes.txt"
	zipStatesFile         = listsFolder + "/zip_states.txt"
)

// readAll reads clearpost.yaml and every YAML file of the folders and the folders in them, in the order of their names.
// Hidden files, and files that are not called *.yaml or *.yml, are left alone.
func (l *loader) readAll() {
	entries, err := os.ReadDir(l.dir)
	if err != nil {
		l.problems.Add(Problem{File: ".", Message: "the configuration's directory cannot be read: " + plainError(err)})
		return
	}
	there := map[string]bool{}
	for _, e := range entries {
		name := e.Name()
		there[name] = true
		switch {
		case strings.HasPrefix(name, "."):
		case name == nodeFile:
			l.readFile(name)
		case name == verticalsFolder, name == sourcesFolder, name == buyersFolder, name == templatesFolder:
			l.readFolder(name, 1)
		case name == listsFolder:
			l.readLists()
		case isYAML(name):
			l.problems.Add(Problem{File: name,
				Message: fmt.Sprintf("nothing reads this file: expected %s, or a file in %s/, %s/ or %s/", nodeFile,
					verticalsFolder, sourcesFolder, buyersFolder)})
		case e.IsDir():
			if near := lead.Nearest(name, []string{verticalsFolder, sourcesFolder, buyersFolder,
				templatesFolder}); near != "" {
				l.problems.Add(Problem{File: name, Message: fmt.Sprintf("nothing reads this folder: did you mean %q?",
					near)})
			}
		}
	}
	for _, want := range []string{nodeFile, verticalsFolder, sourcesFolder, buyersFolder} {
		if !there[want] {
			l.problems.Add(Problem{File: want, Message: "there is no such file or folder"})
		}
	}
	for name, text := range l.opt.Also {
		l.files = append(l.files, tree.NewFile(name, text))
	}
	sort.Slice(l.files, func(i, j int) bool { return l.files[i].Name < l.files[j].Name })
}

// lists are the files of the lists folder: what reads each, telling the first line that is wrong, and what a line must
// be.
var lists = map[string]struct {
	read     func(l *loader, text string) (line int)
	expected string
}{
	freeDomainsFile: {func(l *loader, text string) (line int) { l.free, line = lead.ParseDomains(text); return },
		"one domain name a line, such as example.com"},
	disposableDomainsFile: {func(l *loader, text string) (line int) {
		l.disposable, line = lead.ParseDomains(text)
		return
	},
		"one domain name a line, such as example.com"},
	missingFile: {func(l *loader, text string) (line int) { l.missing, line = lead.ParseMissingWords(text); return },
		fmt.Sprintf("one word a line that stands for no value, such as N/A, of at most %d bytes", lead.MissingWordMax)},
	areaCodesFile: {func(l *loader, text string) (line int) { l.areas, line = lead.ParseAreaCodes(text); return },
		"a country, what its numbers are, and area codes that no other line has, such as US fixed_or_mobile 212 436; " +
			"the numbers are fixed_or_mobile, fixed, mobile, toll_free, premium, personal, voip or unknown"},
	zipStatesFile: {func(l *loader, text string) (line int) { l.across, line = lead.ParseAcrossStates(text); return },
		"a postal code and the states in which it lies besides its own, such as 02861 MA"},
}

// readLists reads the lists that are there.
func (l *loader) readLists() {
	entries, err := os.ReadDir(filepath.Join(l.dir, listsFolder))
	if err != nil {
		l.problems.Add(Problem{File: listsFolder, Message: "the folder cannot be read: " + plainError(err)})
		return
	}
	for _, e := range entries {
		name := path.Join(listsFolder, e.Name())
		list, known := lists[name]
		if !known {
			if !strings.HasPrefix(e.Name(), ".") {
				l.noteList(e.Name())
			}
			continue
		}
		before := len(l.files)
		if l.readFile(name); len(l.files) == before {
			continue
		}
		if line := list.read(l, string(l.files[before].Text)); line > 0 {
			l.problems.Add(Problem{File: name, Line: line, Column: 1, Message: "expected " + list.expected})
		}
	}
}

func isYAML(name string) bool {
	ext := strings.ToLower(path.Ext(name))
	return ext == ".yaml" || ext == ".yml"
}

func (l *loader) readFolder(name string, depth int) {
	if depth > FolderDepthMax {
		l.problems.Add(Problem{File: name, Message: fmt.Sprintf("folders nested deeper than %d", FolderDepthMax)})
		return
	}
	entries, err := os.ReadDir(filepath.Join(l.dir, filepath.FromSlash(name)))
	if err != nil {
		l.problems.Add(Problem{File: name, Message: "the folder cannot be read: " + plainError(err)})
		return
	}
	for _, e := range entries {
		sub := path.Join(name, e.Name())
		switch {
		case strings.HasPrefix(e.Name(), "."):
		case e.IsDir():
			l.readFolder(sub, depth+1)
		case isYAML(sub):
			l.readFile(sub)
		}
	}
}

func (l *loader) readFile(name string) {
	if len(l.files) >= FilesMax {
		if !l.tooMany {
			l.tooMany = true
			l.problems.Add(Problem{File: name,
				Message: fmt.Sprintf("more than %d files: this one and those after it are not read", FilesMax)})
		}
		return
	}
	text, err := readBounded(filepath.Join(l.dir, filepath.FromSlash(name)), FileBytesMax)
	if err != nil {
		l.problems.Add(Problem{File: name, Message: "the file cannot be read: " + plainError(err)})
		l.unread(name)
		return
	}
	f := tree.NewFile(name, text)
	l.files = append(l.files, f)
}

// readBounded reads a regular file of at most max bytes.
func readBounded(name string, max int64) ([]byte, error) {
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
	defer f.Close()
	if n := info.Size(); n <= max {
		b := make([]byte, 0, n+1) // room for the end of the file, so that nothing is copied to more room
		for len(b) < cap(b) {
			got, err := f.Read(b[len(b):cap(b)])
			b = b[:len(b)+got]
			if err == io.EOF {
				return b, nil
			} else if err != nil {
				return nil, err
			}
		}
		rest, err := readMost(f, max-n-1) // it grew meanwhile
		return append(b, rest...), err
	}
	return readMost(f, max)
}

func readMost(r io.Reader, max int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, max+1))
	if err == nil && int64(len(b)) > max {
		return nil, fmt.Errorf("it is larger than %d bytes", max)
	}
	return b, err
}

// plainError leaves the machine's own paths out of a message: the problem names the file in the configuration's terms.
func plainError(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}
