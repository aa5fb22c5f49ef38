// SPDX-License-Identifier: Apache-2.0

package clearpost_test

import (
	"go/ast"
	"strings"
	"testing"
)

// One word is one thing: no two types of a package differ by case alone.
func TestTypesOfAPackageDifferByMoreThanCase(t *testing.T) {
	seen := map[string]*ast.TypeSpec{}
	for _, f := range goFiles(t) {
		for _, d := range f.ast.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, s := range g.Specs {
				typ, ok := s.(*ast.TypeSpec)
				if !ok {
					continue
				}
				key := f.dir + " " + f.ast.Name.Name + " " + strings.ToLower(typ.Name.Name)
				if other := seen[key]; other != nil && other.Name.Name != typ.Name.Name {
					t.Errorf("%s: %s beside %s (%s): two names for two things", at(typ), typ.Name.Name, other.Name.Name,
						at(other))
				}
				seen[key] = typ
			}
		}
	}
}
