// SPDX-License-Identifier: Apache-2.0

package lead

import (
	"encoding/hex"
	"errors"
)

// ID is a UUID (version 7 where we mint it): of a lead, an attempt or an event. The zero ID means none.
type ID [16]byte

// ErrID is returned for text that is not a UUID in its canonical 36-character form.
var ErrID = errors.New("expected a UUID such as 018f3c2e-7c1a-7e55-9d6b-0a1b2c3d4e5f")

// IsZero tells whether the ID means "none".
func (id ID) IsZero() bool { return id == ID{} }

// Append writes the canonical 36-character lower-case form.
func (id ID) Append(dst []byte) []byte {
	var b [36]byte
	hex.Encode(b[0:8], id[0:4])
	b[8] = '-'
	hex.Encode(b[9:13], id[4:6])
	b[13] = '-'
	hex.Encode(b[14:18], id[6:8])
	b[18] = '-'
	hex.Encode(b[19:23], id[8:10])
	b[23] = '-'
	hex.Encode(b[24:36], id[10:16])
	return append(dst, b[:]...)
}

// String is the canonical form.
func (id ID) String() string { return string(id.Append(nil)) }

// ParseID reads the canonical form, upper or lower case.
func ParseID(s string) (ID, error) {
	var id ID
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return ID{}, ErrID
	}
	at := 0
	for i := 0; i < 36; i++ {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			continue
		}
		n := unhex(s[i])
		if n > 15 {
			return ID{}, ErrID
		}
		id[at/2] = id[at/2]<<4 | n
		at++
	}
	return id, nil
}

func unhex(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 255
}

// MarshalText writes the canonical form; the zero ID is empty text.
func (id ID) MarshalText() ([]byte, error) {
	if id.IsZero() {
		return []byte{}, nil
	}
	return id.Append(nil), nil
}

// UnmarshalText reads the canonical form or empty text.
func (id *ID) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*id = ID{}
		return nil
	}
	v, err := ParseID(string(b))
	*id = v
	return err
}
