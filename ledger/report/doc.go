// SPDX-License-Identifier: Apache-2.0

// Package report is the reading side of the ledger: an SQL database beside it, in which leads are found and figures
// are added up.
//
// It is a view and nothing else. view.go follows the ledger's events in their order; apply.go takes what they tell of
// leads, bids, attempts and sales, some thousand events in one transaction; rows.go and sums.go write the rows and
// their sums, and in the same transaction stands the place in the ledger that they reach. So it is exact wherever it
// stands, goes on there after a crash, and can be thrown away and made anew (rebuild.go) for as long as the ledger has
// the events. schema.sql has its tables.
//
// finder.go finds leads, figures.go adds up, sql.go lets analysts ask in SQL. All read on connections of their own,
// which cannot write.
//
// No phone number and no e-mail address stands in it: persons are found by a hash under a key that is kept apart
// (person.go). The words of buyers and sellers' other fields are left out.
package report
