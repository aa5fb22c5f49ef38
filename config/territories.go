// SPDX-License-Identifier: Apache-2.0

package config

import (
	"clearpost/buyers"
	"clearpost/config/tree"
)

// territories refuses places to which two companies have the sole right; book is nil if some campaigns could not be
// taken.
func (l *loader) territories(book *buyers.Book) {
	if book == nil {
		return
	}
	for _, x := range book.TerritoryClashes(l.schemas) {
		l.problems.Add(tree.Problem{File: x.Campaign.Buyer.File, Line: int(x.At.Line), Column: int(x.At.Column),
			Path: "campaigns[" + x.Campaign.ID + "]." + x.Path, Message: x.Place + ": expected a place to which no " +
				"other company has the sole right: campaign " + x.Other.ID + " of buyer " + x.Other.Buyer.ID +
				" has it (" + l.subjects[x.Other.ID] + ")"})
	}
}
