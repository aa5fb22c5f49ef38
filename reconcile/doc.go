// SPDX-License-Identifier: Apache-2.0

// Package reconcile holds a buyer's statement, in whatever columns it comes, to what the ledger has sold to that buyer,
// and explains every difference to the cent.
//
// A statement is a file of rows (Open: CSV, TSV, XLSX, JSON, JSON lines). A Mapping says which columns mean what;
// Guess finds one out by names, by looks and by what the ledger knows. Each row becomes a Row (Mapping.Row), each
// attempt of the ledger an Ours. A Book keeps both in an SQLite database of its own, which is deleted after, so that
// memory does not grow with them; it matches them in stages and makes Findings (classify). Each row of theirs, and each
// sale, unknown attempt and test of ours, is in exactly one finding, and the differences of the findings add up to the
// difference of the totals: Book.Finish fails if they did not.
//
// Money is integers of millionths throughout. Nothing here writes to a ledger: what follows from a finding is a command
// that a person may run.
package reconcile

import "errors"

// Limits of statements.
const (
	RowsMax     = 10_000_000 // rows of one statement, and attempts of ours
	ColumnsMax  = 500        // columns of a row
	RecordMax   = 1 << 20    // bytes of a row
	SampleRows  = 1000       // rows that a guess looks at
	headerLines = 60         // lines among which the header is looked for
)

// ErrAmbiguous is part of errors that a mapping would do away with: what was guessed could be two things.
var ErrAmbiguous = errors.New("the file does not tell")
