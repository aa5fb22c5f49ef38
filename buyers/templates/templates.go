// SPDX-License-Identifier: Apache-2.0

// Package templates carries the campaigns that a buyer's page may start from, one file a template. What a file holds is
// told in docs/reference/templates.md; package node reads them.
package templates

import (
	"embed"
	"slices"
	"strings"
)

//go:embed *.yaml
var files embed.FS

// Names lists the templates in the order of their names.
func Names() []string {
	entries, err := files.ReadDir(".")
	if err != nil {
		panic(err) // cannot be: they are part of the binary
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	slices.Sort(names)
	return names
}

// Text is a template's file; ok is false if there is none of that name.
func Text(name string) (text []byte, ok bool) {
	b, err := files.ReadFile(name + ".yaml")
	return b, err == nil
}
