// SPDX-License-Identifier: Apache-2.0

package lead

import (
	"fmt"
	"strings"
)

// Type is a field's type.
type Type uint8

// The types.
const (
	TypeNone Type = iota
	TypeText
	TypeName
	TypeStreet
	TypeCity
	TypeEmail
	TypePhone
	TypeState
	TypePostalCode
	TypeBoolean
	TypeInteger
	TypeDecimal
	TypeMoney
	TypeDate
	TypeDateTime
	TypeIP
	TypeURL
	TypeEnum
	TypeRange
	TypeDOB
	TypeTime
	TypeGender
	TypeSSN
	TypeCertificate
	TypeHash
	TypeList
)

var typeNames = [...]string{"none", "text", "name", "street", "city", "email", "phone", "state", "postal_code",
	"boolean", "integer", "decimal", "money", "date", "datetime", "ip", "url", "enum",
	"range", "dob", "time", "gender", "ssn", "certificate", "hash", "list"}

// String is the type's name as it stands in a schema.
func (t Type) String() string { return typeNames[t] }

// TypeNames lists the names of all types.
func TypeNames() []string { return typeNames[1:] }

// ParseType reads a type's name.
func ParseType(s string) (Type, error) {
	for i, n := range typeNames[1:] {
		if n == s {
			return Type(i + 1), nil
		}
	}
	return TypeNone, fmt.Errorf("type %q: expected one of %s", s, strings.Join(typeNames[1:], ", "))
}

// Numeric tells whether values have an order, so that a range makes sense.
func (t Type) Numeric() bool {
	switch t {
	case TypeInteger, TypeDecimal, TypeMoney, TypeDate, TypeDateTime, TypeDOB, TypeTime:
		return true
	}
	return false
}

// Folds tells whether values are compared without regard to the case of ASCII letters, where their normal text keeps it
// as it was sent. Parts that are text always are.
func (t Type) Folds() bool {
	switch t {
	case TypeText, TypeName, TypeStreet, TypeCity:
		return true
	}
	return false
}
