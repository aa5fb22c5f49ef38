// SPDX-License-Identifier: Apache-2.0

package config

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"

	"clearpost/buyers"
	"clearpost/config/tree"
	"clearpost/lead"
	"clearpost/rules/listfile"
)

// pages are what a reading of the directory keeps for the next one: buyers' pages that were right, as they were
// compiled. A page that is the same, with the same verticals, lists, templates and secrets, is not read again: a reload
// costs what has changed, and shares the rest with the configuration before it.
type pages struct {
	base    [32]byte // of all files that pages lean on
	schemas map[string]*lead.Schema
	byName  map[string]*buyerPage
	sets    map[listKey]*listfile.Set // of the files of values that they look in
}

// buyerPage is a buyer's file without a mistake.
type buyerPage struct {
	text      [32]byte            // a digest of it
	templates []string            // of the binary that were put in it
	secrets   map[string][32]byte // digests of what the placeholders in it stood for
	compiled  *buyers.Compiled
	places    map[string]string  // of its ids
	lists     map[listKey]string // files of values that it looks in: their names
	examples  Examples
	keys      map[[32]byte]string // places of its API keys
}

// base is a digest of the files that buyers' pages lean on.
func (l *loader) base() [32]byte {
	var lean []*tree.File
	for _, f := range l.files {
		if !strings.HasPrefix(f.Name, buyersFolder+"/") && !strings.HasPrefix(f.Name, sourcesFolder+"/") &&
			f.Name != nodeFile {
			lean = append(lean, f)
		}
	}
	return digestFiles(lean)
}

// buyers reads, compiles and tries one page after the other; of each only what it was compiled to stays in memory.
func (l *loader) buyers() (*buyers.Book, Examples, *pages) {
	c := buyers.NewCompiler(l.schemas, buyers.Options{
		Secrets:    l.secrets.lookup,
		Deadlines:  l.deadlines,
		Incomplete: l.incomplete,
		Lists:      l.list,
		Place:      func(id string) string { return l.subjects[id] },
		Locate: func(path string) (string, int, int) {
			line, column := l.reading.Position(path)
			return l.reading.Name, line, column
		},
	})
	kept := &pages{base: l.baseRead, schemas: l.schemas, byName: map[string]*buyerPage{},
		sets: map[listKey]*listfile.Set{}}
	var all Examples
	for _, f := range l.of(buyersFolder) {
		text := sha256.Sum256(f.Text)
		p := l.pageAgain(c, f.Name, text)
		if p == nil {
			p = l.page(c, f)
		}
		if p == nil {
			continue
		}
		p.text = text
		kept.byName[f.Name] = p
		all.Ran += p.examples.Ran
		all.Failures = append(all.Failures, p.examples.Failures...)
	}
	slices.SortFunc(l.files, func(a, b *tree.File) int { return strings.Compare(a.Name, b.Name) })
	kept.sets = l.lists.sets
	if l.problems.Count() > 0 {
		return c.Book(), Examples{}, nil
	}
	return c.Book(), all, kept
}

// pageAgain takes a page over from the reading before, nil if it must be read.
func (l *loader) pageAgain(c *buyers.Compiler, name string, text [32]byte) *buyerPage {
	if l.before == nil {
		return nil
	}
	p := l.before.byName[name]
	if p == nil || p.text != text {
		return nil
	}
	for placeholder, was := range p.secrets {
		if v, err := l.secrets.get(placeholder); err != nil || sha256.Sum256([]byte(v)) != was {
			return nil
		}
	}
	for key := range p.keys {
		if l.keys[key] != "" {
			return nil
		}
	}
	if !l.listsAgain(p) || !c.Again(p.compiled) {
		return nil
	}
	for id, place := range p.places {
		l.subjects[id] = place
	}
	maps.Copy(l.keys, p.keys)
	for _, t := range p.templates {
		l.useTemplate(t)
	}
	same := *p
	return &same
}

// page reads and compiles a page. It is nil if there is something wrong with it.
func (l *loader) page(c *buyers.Compiler, f *tree.File) *buyerPage {
	before := l.problems.Count()
	l.reading = f
	l.secrets.used, l.lists.used, l.templates = map[string]bool{}, map[listKey]string{}, nil
	defer l.drop(f)
	if f.Parse(&l.problems); f.Root == nil {
		return nil
	}
	l.fillCampaigns(f)
	var spec buyers.BuyerSpec
	f.Decode(&l.problems, &spec)
	l.rewrite(&spec)
	p := &buyerPage{places: map[string]string{}, secrets: map[string][32]byte{}, lists: l.lists.used}
	l.subject(f, "id", spec.ID, p)
	for j, k := range spec.Campaigns {
		l.subject(f, fmt.Sprintf("campaigns[%d].id", j), k.ID, p)
	}
	compiled, defects := c.Add(&spec)
	for _, d := range defects {
		_, rest := splitIndex(d.Path)
		if l.follows(&spec, rest, d.Value) {
			continue
		}
		l.bad(f, rest, d.Value, d.Expected+l.whySecret(d.Expected))
	}
	p.keys = map[[32]byte]string{}
	hashes := l.keyHashes(f, spec.Keys, p.keys)
	if l.problems.Count() > before || len(defects) > 0 {
		return nil
	}
	compiled.Buyer.KeyHashes = hashes
	p.compiled, p.examples, p.templates = compiled, runExamples(compiled.Campaigns, f), l.templates
	for _, placeholder := range slices.Sorted(maps.Keys(l.secrets.used)) {
		p.secrets[placeholder] = sha256.Sum256([]byte(l.secrets.done[placeholder].value))
	}
	return p
}

// drop lets go of what was only needed to read a file.
func (l *loader) drop(f *tree.File) {
	if _, wanted := l.opt.Also[f.Name]; wanted || l.holdsPlan(f) {
		return // whoever gave it looks at it afterwards; or the plan in it waits for the campaigns
	}
	f.Drop()
}
