// SPDX-License-Identifier: Apache-2.0

// Package schema holds the JSON Schemas (draft 2020-12) of the configuration's files, for editors: they complete keys
// and show what each means. They are made of the loader's own types. What depends on more than one place (references,
// values by type) only `clearpost check` judges.
package schema

import (
	"embed"
	"fmt"
	"strings"
)

//go:embed *.schema.json
var files embed.FS

// Kinds lists the kinds of files: clearpost is clearpost.yaml, the others are the files of the folders; statement is
// a mapping by which statements of a buyer are read.
func Kinds() []string {
	return []string{"clearpost", "vertical", "source", "buyer", "template", "statement"}
}

// Schema is the schema of a kind of file. The error names the kinds there are.
func Schema(kind string) ([]byte, error) {
	b, err := files.ReadFile(kind + ".schema.json")
	if err != nil {
		return nil, fmt.Errorf("no kind of configuration file %q: expected %s", kind, strings.Join(Kinds(), ", "))
	}
	return b, nil
}
