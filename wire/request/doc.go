// SPDX-License-Identifier: Apache-2.0

// Package request renders a request to a buyer from a lead, and is pure: it knows no network and no clock. What it
// renders was compiled once from a page of YAML.
//
// A [Spec] names the method, the URL, the headers, the format and the fields; docs/reference/requests.md has all its
// keys. [Compile] reports every mistake at once and returns a [Request], whose AppendHTTP writes a whole HTTP/1.1
// request, head and body, into the caller's buffer. Everything is compiled to slots: rendering looks nothing up by
// name.
//
// A field takes its value `from` a field of the vertical, a part of one (phone.area, state.name, dob.age) or one of
// [BuiltinNames], from a template, or it is a constant `value`. A missing value becomes the field's `default`; without
// one the field's `missing` rule holds: omit (the default), empty, json_null or xml_nil (a bare null in YAML is no word
// at all, and means omit). A value that is bad counts as missing, except for a phone number: any ten digits are sent.
//
// There is one way from a value to a text: a source (source.go) with the format of its type, then filters (filter.go),
// then the encoding of its place (encode.go), which is always the last. A field's `format` is the short form of a first
// filter. The formats, by the type of what they show:
//
//	phone                         digits10, digits11, e164 (the default), dashes, or a mask with ten #: (###) ###-####
//	state                         code (the default), name
//	date, dob, datetime, now      a mask of YYYY YY MM M DD D HH H hh h mm ss SSS A and other signs; or unix, unix_ms
//	time                          a mask of HH H hh h mm ss A and other signs
//	ssn                           digits9, or a mask with nine #
//	integer, decimal, money       integer, cents, decimal1 to decimal6, grouped, grouped2; half away from zero
//	text, name, street, city,
//	email, enum, postal_code,
//	gender, hash                  upper, lower
//
// A part that is text, a whole number or a decimal has the formats of that type. A map of a part is asked for the part
// as it is written. A `map` takes the field's normal value; its keys are read by the field's type (California and CA
// are one key), and a value without an entry counts as missing. A list stands in JSON as a list, elsewhere as its
// elements with commas between them.
//
// In JSON the field's `to` is a path: "contact.phones[0].number". A dot or a bracket in a key is written \. or \[. An
// object that would be empty because all its fields are omitted is omitted too, and so is a list; inside a list an
// omitted element is null (or {}), so that no other element moves. In XML it is a path of elements, "phone[1].@type" an
// attribute of the second; an element in which all is omitted is omitted. In forms, multipart bodies and queries `to`
// is the name as it stands.
//
// The `type` decides how JSON shows a value: string, number, boolean, or auto. Auto writes integer, decimal and money
// fields as numbers, boolean fields as booleans, constants as YAML reads them, and everything else as strings. With
// number, text that is a valid JSON number is written as it stands, and any other text counts as missing; with boolean,
// any other text than true and false does.
//
// # Secrets
//
// ${env:NAME} and ${file:PATH} in the path or query of the URL, in a header's value, a constant, a default, a map's
// value, a template and in auth stand for secrets. AppendRedacted writes the placeholder where AppendHTTP writes the
// secret, before any filter, and *** for what auth has written out; a social security number is masked there too. $${
// is a plain ${.
package request
