// SPDX-License-Identifier: Apache-2.0

package lead

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Why tells what is wrong with a value.
type Why uint8

// The reasons for which a value is bad. From WhyAreaCode on they tell more than that the value is not of its type.
const (
	WhyNone      Why = iota
	WhyType          // not of the field's type
	WhyTooLong       // more bytes than a value may have
	WhyNotSingle     // a list or an object where one value is expected
	WhyTwice         // the field was sent more than once
	WhyRange         // outside the field's min and max
	WhyText          // not valid UTF-8, or control characters
	WhyAreaCode
	WhyExchange
	WhyTooFewDigits
	WhyTooManyDigits
	WhyNotInUse
	WhyNoAt
	WhyTwoAddresses
	WhyAddressSign
	WhyAddressUser
	WhyDomain
	WhyTLD
	WhyZIPLength
	WhyApart
	WhyScheme
	WhyURLUser
	WhyHost
	WhyPercent
	WhyNotWhole
	WhyCommas
	WhyTooLarge
	WhyRangeUnit
	WhyBackwards
	WhyYear
	WhyNoDay
	WhyTwoDigitYear
	WhyFuture
	WhyTooOld
	WhyZone
	WhyClock
	WhyNoClock
	WhySSNArea
	WhySSNZero
	WhySSNKnown
	WhyHashLength
	WhyCertificateID
	WhyCertificateHost
	WhyElement
	WhyManyElements
	WhyAboveOther
	WhyThousands
	WhyTwoNumbers
	WhyNumberWord
	WhyNegative
	WhyTwoUnits
	whyEnd
)

var whyTexts = [whyEnd]string{
	WhyType:            "it has another form",
	WhyTooLong:         "it is too long",
	WhyNotSingle:       "it is a list or an object",
	WhyTwice:           "it was sent twice",
	WhyRange:           "it is outside the limits",
	WhyText:            "it has control characters or is not UTF-8",
	WhyAreaCode:        "its area code is not in use",
	WhyExchange:        "its exchange begins with 0 or 1",
	WhyTooFewDigits:    "it has too few digits",
	WhyTooManyDigits:   "it has too many digits",
	WhyNotInUse:        "no number of this form is in use",
	WhyNoAt:            "it has no @",
	WhyTwoAddresses:    "it is more than one address",
	WhyAddressSign:     "it has signs that no address has",
	WhyAddressUser:     "what stands before the @ is not possible",
	WhyDomain:          "what stands behind the @ is no domain name",
	WhyTLD:             "its domain does not end in a name such as .com",
	WhyZIPLength:       "a ZIP code has 5 or 9 digits",
	WhyApart:           "the postal code lies in another state",
	WhyScheme:          "it does not begin with http:// or https://",
	WhyURLUser:         "it has a user name",
	WhyHost:            "its host or port is not possible",
	WhyPercent:         "a % stands before something else than two hexadecimal digits",
	WhyNotWhole:        "it has decimals",
	WhyCommas:          "commas may only stand before groups of three digits",
	WhyTooLarge:        "it is too large or has too many decimals",
	WhyRangeUnit:       "it is not clear whether k or m holds for both numbers",
	WhyBackwards:       "its lower end is above its upper end",
	WhyYear:            "its year is out of bounds",
	WhyNoDay:           "there is no such day",
	WhyTwoDigitYear:    "its year has two digits only",
	WhyFuture:          "it lies in the future",
	WhyTooOld:          "nobody is that old",
	WhyZone:            "its time zone is not known",
	WhyClock:           "there is no such time of day",
	WhyNoClock:         "it has no time of day",
	WhySSNArea:         "its first three digits are never issued",
	WhySSNZero:         "none of its groups may be all zeros",
	WhySSNKnown:        "it is a known false number",
	WhyHashLength:      "an MD5, SHA-1 or SHA-256 sum has 32, 40 or 64 digits",
	WhyCertificateID:   "its id has another form",
	WhyCertificateHost: "it is not an address of TrustedForm",
	WhyElement:         "one of its elements is not valid",
	WhyManyElements:    "it has too many elements",
	WhyThousands:       "it is not clear whether its point stands before decimals or between thousands",
	WhyTwoNumbers:      "it has more than one number",
	WhyNumberWord:      "what stands beside its number may change it",
	WhyNegative:        "it is not clear whether it is negative",
	WhyTwoUnits:        "its two ends are not of one unit",
	WhyAboveOther:      "it is above a field that it may not exceed",
}

// String says in words what is wrong, such as "its area code is not in use"; empty for WhyNone.
func (w Why) String() string { return whyTexts[w] }

// OfType tells whether the value as a whole was read and is not of its type.
func (w Why) OfType() bool { return w == WhyType || w >= WhyAreaCode }

func (f *Field) expectation(w Why) string {
	switch w {
	case WhyTooLong:
		return fmt.Sprintf("at most %d bytes", f.bytesMax())
	case WhyNotSingle:
		return "one value, not a list or an object"
	case WhyTwice:
		return "the field once only (its aliases are the same field)"
	case WhyText:
		return "text in UTF-8 without control characters"
	case WhyRange:
		switch {
		case f.Min != nil && f.Max != nil:
			return f.noun() + " from " + f.numText(*f.Min) + " to " + f.numText(*f.Max)
		case f.Min != nil:
			return f.noun() + " of at least " + f.numText(*f.Min)
		}
		return f.noun() + " of at most " + f.numText(*f.Max)
	}
	if w >= WhyAreaCode {
		return f.form() + " (" + w.String() + ")"
	}
	return f.form()
}

// forms tell what a seller should send, by type.
var forms = map[Type]string{
	TypeEmail:       "an e-mail address such as jane@example.com",
	TypePhone:       "a phone number such as (212) 555-0123 or +1 212 555 0123",
	TypeState:       "a US state or territory or a Canadian province, by code or name",
	TypePostalCode:  "a US ZIP code of 5 or 9 digits or a Canadian or British postal code",
	TypeBoolean:     "true or false (also yes/no, 1/0, on/off, y/n)",
	TypeInteger:     "a whole number",
	TypeDecimal:     "a decimal number such as 12.50",
	TypeMoney:       "an amount such as 12.50 or $1,234.50",
	TypeDate:        "a date such as 1984-03-22",
	TypeDOB:         "a date of birth such as 1984-03-22",
	TypeDateTime:    "a time such as 2026-01-31T15:04:05Z",
	TypeTime:        "a time of day such as 15:04 or 3:04 PM",
	TypeGender:      "female, male or other (also F, M, X)",
	TypeIP:          "an IP address",
	TypeURL:         "an http or https URL",
	TypeRange:       "a range such as 25-64, 720+ or under 10",
	TypeSSN:         "a social security number of nine digits",
	TypeCertificate: "a TrustedForm certificate or ping URL, or a Jornaya LeadiD",
	TypeHash:        "an MD5, SHA-1 or SHA-256 sum in hexadecimal",
}

func (f *Field) form() string {
	switch f.Type {
	case TypeEnum:
		if len(f.Values) <= 20 {
			return "one of " + strings.Join(f.Values, ", ")
		}
		return fmt.Sprintf("one of %d allowed values", len(f.Values))
	case TypeList:
		of := *f
		of.Type = f.Of
		return fmt.Sprintf("a list of at most %d values, each %s", ListElementsMax, of.form())
	}
	if text, ok := forms[f.Type]; ok {
		return text
	}
	return "text"
}

func (f *Field) noun() string {
	switch f.Type {
	case TypeDate, TypeDOB:
		return "a date"
	case TypeTime, TypeDateTime:
		return "a time"
	}
	return "a number"
}

func (f *Field) numText(n int64) string {
	switch f.Type {
	case TypeDecimal, TypeMoney:
		return Money(n).String()
	case TypeTime:
		return time.Unix(n, 0).UTC().Format(time.TimeOnly)
	case TypeDate, TypeDOB:
		return time.Unix(n*86400, 0).UTC().Format(time.DateOnly)
	case TypeDateTime:
		return time.UnixMicro(n).UTC().Format(time.RFC3339Nano)
	}
	return strconv.FormatInt(n, 10)
}

// Reason says in words what is wrong with the value at a position; empty if it is not bad.
func (l *Lead) Reason(pos int) string {
	s := &l.slots[pos]
	switch {
	case s.State != Bad:
		return ""
	case s.Why >= WhyAreaCode || s.Why == WhyTwice || s.Why == WhyNotSingle:
		return s.Why.String()
	}
	return "expected " + l.schema.Fields[pos].expectation(s.Why)
}
