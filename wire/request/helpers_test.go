// SPDX-License-Identifier: Apache-2.0

package request

import (
	"fmt"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"clearpost/lead"
)

func showDefects(ds []lead.Defect) string {
	var b strings.Builder
	for _, d := range ds {
		fmt.Fprintf(&b, "%s: %q: expected %s\n", d.Path, d.Value, d.Expected)
	}
	return b.String()
}

func decode(t testing.TB, text string, into any) {
	t.Helper()
	if err := yaml.UnmarshalWithOptions([]byte(text), into, yaml.Strict()); err != nil {
		t.Fatalf("%v", err)
	}
}
