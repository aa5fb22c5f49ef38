// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"clearpost/buyers/templates"
	"clearpost/config/tree"
)

// Template is a template as a list of them shows it.
type Template struct {
	Name   string  `json:"name"`
	About  string  `json:"about"`
	Own    bool    `json:"own"` // the configuration's, not the binary's
	Params []Param `json:"params"`
}

// Param is a parameter of a template.
type Param struct {
	Name    string  `json:"name"`
	About   string  `json:"about"`
	Example string  `json:"example,omitempty"`
	Default *string `json:"default,omitempty"` // nil: it must be set
	Secret  bool    `json:"secret,omitempty"`  // a placeholder stands there where it is not set
}

// Templates lists the templates of the binary, and those of the configuration in dir, which stand above them; an empty
// dir is none. A template that cannot be read is a *Error.
func Templates(dir string) ([]Template, error) {
	own := ownTemplates(dir)
	names := templates.Names()
	for _, n := range own {
		if !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	var out []Template
	for _, n := range names {
		t, err := readTemplate(dir, n)
		if err != nil {
			return nil, err
		}
		out = append(out, Template{Name: n, About: t.About, Own: slices.Contains(own, n), Params: t.list()})
	}
	return out, nil
}

// ownTemplates names the templates that stand in a configuration.
func ownTemplates(dir string) []string {
	if dir == "" {
		return nil
	}
	entries, err := os.ReadDir(filepath.Join(dir, templatesFolder))
	if err != nil {
		return nil // there need not be such a folder
	}
	var names []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".yaml"); ok && !strings.HasPrefix(name, ".") {
			names = append(names, name)
		}
	}
	return names
}

// readTemplate reads one template, of the configuration in dir or of the binary.
func readTemplate(dir, name string) (*template, error) {
	l := newLoader(dir, Options{})
	own := ownTemplates(dir)
	if slices.Contains(own, name) {
		l.readFile(templatesFolder + "/" + name + ".yaml")
	} else if _, known := templates.Text(name); !known {
		return nil, fmt.Errorf("no template %q%s", name, tree.Suggest(name, append(templates.Names(), own...)))
	}
	asks := tree.NewFile("campaign", []byte("campaigns: [{template: "+quoteYAML(name)+"}]"))
	asks.Parse(&l.problems)
	t := l.template(asks, name, "campaigns[0]")
	if err := l.problems.Err(); err != nil {
		return nil, err
	}
	return t, nil
}

// list tells the template's parameters.
func (t *template) list() []Param {
	var out []Param
	for _, p := range t.Params {
		out = append(out, Param{Name: p.Name, About: p.About, Example: p.Example, Default: p.Default,
			Secret: p.Default == nil && strings.HasPrefix(p.Example, "${env:BUYER_")})
	}
	return out
}

func paramNames(list []Param) []string {
	var names []string
	for _, p := range list {
		names = append(names, p.Name)
	}
	return names
}
