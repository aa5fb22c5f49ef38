// SPDX-License-Identifier: Apache-2.0

package buyers

import (
	"maps"
	"slices"

	"clearpost/lead"
)

// Index tells which campaigns of a vertical want a lead.
type Index struct {
	campaigns []int32
}

func newIndex(list []*Campaign, s *lead.Schema) *Index { return &Index{} }

// Eligible appends the indexes of the campaigns that want the lead.
func (ix *Index) Eligible(dst []int32, l *lead.Lead) []int32 { return dst }

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
