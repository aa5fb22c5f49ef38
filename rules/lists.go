// SPDX-License-Identifier: Apache-2.0

package rules

import "clearpost/rules/listfile"

// ListFile is a file of values as a criterion names it.
type ListFile struct {
	Name string       // as the criterion has it
	Sum  listfile.Sum // of its lines
	// Reading tells apart how values are read: files of one name, sum and reading have the same values.
	Reading string
	// Normal appends the key (AppendKey, AppendPartKey) of a value as it stands in the file, or says what was expected.
	Normal func(dst, value []byte) (key []byte, expected string)
}

// Lists finds the values of a file. It says what was expected where there is no such file; the mistakes in a file are
// not its criterion's, and it is nil then, with nothing said.
type Lists func(f ListFile) (values *listfile.Set, expected string)
