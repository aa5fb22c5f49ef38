// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"slices"
	"time"

	"clearpost/exchange"
	"clearpost/lead"
)

// Rows reads the rows of a table as leads of one source, each as a form whose names are the table's columns: the
// source's names, values and profile count. One goroutine uses it.
type Rows struct {
	columns []string
	names   *names
	unknown []string
}

// NewRows makes a reader of rows. src may be nil: then our own names count.
func NewRows(s *lead.Schema, src *exchange.Source, columns []string) *Rows {
	if src == nil {
		src = &exchange.Source{}
	}
	r := &Rows{names: newNames(s, src)}
	u := unknownNames{schema: s, names: r.names}
	for _, c := range columns {
		r.columns = append(r.columns, plainName(c))
		u.pair(word(plainName(c)), word("?"))
	}
	r.unknown = u.unknown
	return r
}

// Unknown lists the columns that neither the vertical nor the source nor the API knows.
func (r *Rows) Unknown() []string { return slices.Clone(r.unknown) }

// Read reads a row into a lead, which must have been Reset, as if it came at a time. Cells without a column are left
// out, and empty ones count as not sent. The lead holds on to no byte of the row.
func (r *Rows) Read(row []string, l *lead.Lead, at time.Time) Reading {
	l.SetNow(at)
	r.names.readAs(l)
	var v envelope
	d := reader{lead: l, env: &v, names: r.names, repeats: true}
	for i, val := range row[:min(len(row), len(r.columns))] {
		if val != "" && !formPair(&d, r.columns[i], val) {
			break
		}
	}
	d.takeCandidates()
	l.Finish()
	return Reading{Problems: v.errors, MinPrice: v.minPrice, SellerLeadID: v.sellerLeadID}
}
