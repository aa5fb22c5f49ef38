// SPDX-License-Identifier: Apache-2.0

// Package answer reads what a buyer answers into a receipt, and is pure: it knows no network and no clock. The rules
// by which it reads were compiled once from a page of YAML.
//
// A [Spec] says when an answer is a success and where its price, token, reference and reason stand. The default
// reading is "not sold": only a complete, well-formed body in which every success condition holds is Accepted. See
// [Answer.Read].
//
// A format is a reader that notes what stands at the paths that rules name: json.go in one pass, form.go, text.go,
// and the trees of xml.go and html.go, whose work work.go bounds; unwrap.go finds a document within another, and the
// format where it is not configured. rules.go and condition.go decide by what was found.
//
// Of a post there is a further question: may the buyer have taken the lead all the same? clear.go answers it: only a
// rule or a reason that says no, the place that would say yes saying something else, or a status that refuses before
// taking is a clear no. All else is unknown.
package answer
