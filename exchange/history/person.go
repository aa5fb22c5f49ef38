// SPDX-License-Identifier: Apache-2.0

package history

// Identity names a person.
type Identity struct {
	// 128 bits of SHA-256 over the fields of the key and their normal values, in hexadecimal; "" is nobody
	Person string
	Also   []string // the same for hashes of the values, where the key may have some
}

// Names counts the person's Names; Name is one of them.
func (who *Identity) Names() int {
	if who.Person == "" {
		return 0
	}
	return 1 + len(who.Also)
}

// Name is the i-th name.
func (who *Identity) Name(i int) string {
	if i == 0 {
		return who.Person
	}
	return who.Also[i-1]
}
