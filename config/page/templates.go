// SPDX-License-Identifier: Apache-2.0

package page

import (
	"slices"
	"strings"

	"clearpost/buyers/templates"
	"clearpost/config"
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
// dir is none. A template that cannot be read is a *config.Error.
func Templates(dir string) ([]Template, error) {
	own := config.OwnTemplates(dir)
	names := templates.Names()
	for _, n := range own {
		if !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	var out []Template
	for _, n := range names {
		t, err := config.ReadTemplate(dir, n)
		if err != nil {
			return nil, err
		}
		out = append(out, Template{Name: n, About: t.About, Own: slices.Contains(own, n), Params: params(t)})
	}
	return out, nil
}

// params tells a template's parameters.
func params(t *config.Template) []Param {
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
