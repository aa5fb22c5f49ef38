// SPDX-License-Identifier: Apache-2.0

// Package answer reads what a buyer answers into a receipt, and is pure: it knows no network and no clock. The rules by
// which it reads were compiled once from a page of YAML.
//
// A [Spec] says when an answer is a success and where its price, token, reference and reason stand. The default
// reading is "not sold": only a complete, well-formed body in which every success condition holds is Accepted. See
// [Answer.Read].
package answer
