// SPDX-License-Identifier: Apache-2.0

// Package schema holds the published JSON Schemas (draft 2020-12) of the events, one file a kind.
package schema

import (
	"embed"
	"fmt"
	"io/fs"
)

//go:embed *.json
var files embed.FS

// Files is the schemas as files named KIND.json.
func Files() fs.FS { return files }

// Schema is the schema of a kind, such as "pinged". The error names a kind that does not exist.
func Schema(kind string) ([]byte, error) {
	b, err := files.ReadFile(kind + ".json")
	if err != nil {
		return nil, fmt.Errorf("no schema of event kind %q", kind)
	}
	return b, nil
}
